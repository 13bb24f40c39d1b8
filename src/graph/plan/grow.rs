//! Tensors at the cut that need not be repeated for the rows of a run, because their readers repeat
//! them.

use std::collections::HashSet;

use super::{Plan, SiteAxis};
use crate::graph::site::StochasticNode;
use crate::graph::split_concat::adds_halves;
use crate::onnx::proto;
use crate::operator;

/// Cuts and draws that take one row for all rows of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Growing {
    /// True for each tensor of [`Plan::cuts`] that stays one row.
    pub(crate) cuts: Vec<bool>,
    /// True for each draw that makes the rows of a run from one row.
    pub(crate) draws: Vec<bool>,
}

impl Growing {
    /// Returns the tensors that only draws and sums of layer halves read along their first axis, and
    /// these draws. `by_rows` marks the cuts that are repeated along that axis.
    pub(crate) fn of(plan: &Plan, axes: &[SiteAxis], by_rows: &[bool]) -> Self {
        let nodes: Vec<&proto::Node> =
            plan.suffix.iter().map(|&i| &plan.model.graph.node[i]).collect();
        let grows = |node: &proto::Node, tensor: &str| {
            adds_halves(node)
                || draw_of(plan, node).is_some_and(|number| {
                    axes.get(number) == Some(&SiteAxis::Rows(0))
                        && matches!(plan.active[number].draw, StochasticNode::Dropout(_))
                        && node.input.first().is_some_and(|data| data == tensor)
                })
        };
        let readers = |tensor: &String| {
            let reads = |node: &&&proto::Node| {
                crate::onnx::captured_names(node).contains(tensor.as_str())
            };
            nodes.iter().filter(reads).copied().collect::<Vec<_>>()
        };
        let mut draws = vec![false; plan.active.len()];
        let mut cuts = Vec::new();
        let halves: HashSet<&str> = plan.cuts.iter().map(String::as_str).collect();
        for (tensor, by_rows) in plan.cuts.iter().zip(by_rows) {
            let readers = readers(tensor);
            // A sum of two such tensors would be one row for good.
            let lone = |node: &&proto::Node| {
                let from_prefix =
                    node.input.iter().filter(|n| halves.contains(n.as_str()));
                !adds_halves(node) || from_prefix.count() == 1
            };
            let all = *by_rows
                && !plan.heads.reads(tensor)
                && !readers.is_empty()
                && readers.iter().all(|node| grows(node, tensor) && lone(node));
            for number in readers.iter().filter_map(|node| draw_of(plan, node)) {
                draws[number] |= all;
            }
            cuts.push(all);
        }
        Self { cuts, draws }
    }
}

/// Returns the number of a draw; `None` for other nodes.
fn draw_of(plan: &Plan, node: &proto::Node) -> Option<usize> {
    let is_draw = node.domain.as_deref() == Some(operator::DOMAIN);
    let number = node.attribute.first().and_then(|a| a.i).filter(|_| is_draw)?;
    usize::try_from(number).ok().filter(|&number| number < plan.active.len())
}
