//! Tensors at the cut that need not be repeated for the rows of a run: what reads them grows them.

use std::collections::HashSet;

use super::{Plan, SiteAxis};
use crate::graph::site::StochasticNode;
use crate::graph::split_concat::adds_halves;
use crate::onnx::proto;
use crate::operator;

/// What can take one row for all rows of a run.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Growing {
    /// For each tensor of [`Plan::cuts`].
    pub(crate) cuts: Vec<bool>,
    /// For each draw.
    pub(crate) draws: Vec<bool>,
}

impl Plan {
    /// The tensors that only draws and the sums of halves of layers read, where rows are the
    /// first axis, and those draws. `by_rows` says which cuts are repeated along that axis.
    pub(crate) fn growing(&self, axes: &[SiteAxis], by_rows: &[bool]) -> Growing {
        let nodes: Vec<&proto::Node> =
            self.suffix.iter().map(|&i| &self.model.graph.node[i]).collect();
        let grows = |node: &proto::Node, tensor: &str| {
            adds_halves(node)
                || self.draw_of(node).is_some_and(|number| {
                    axes.get(number) == Some(&SiteAxis::Rows(0))
                        && matches!(self.active[number].draw, StochasticNode::Dropout(_))
                        && node.input.first().is_some_and(|data| data == tensor)
                })
        };
        let readers = |tensor: &String| {
            let reads = |node: &&&proto::Node| {
                crate::onnx::captured_names(node).contains(tensor.as_str())
            };
            nodes.iter().filter(reads).copied().collect::<Vec<_>>()
        };
        let mut draws = vec![false; self.active.len()];
        let mut cuts = Vec::new();
        let halves: HashSet<&str> = self.cuts.iter().map(String::as_str).collect();
        for (tensor, by_rows) in self.cuts.iter().zip(by_rows) {
            let readers = readers(tensor);
            // A sum of two such tensors would be one row for good.
            let lone = |node: &&proto::Node| {
                let from_prefix =
                    node.input.iter().filter(|n| halves.contains(n.as_str()));
                !adds_halves(node) || from_prefix.count() == 1
            };
            let all = *by_rows
                && !self.heads.reads(tensor)
                && !readers.is_empty()
                && readers.iter().all(|node| grows(node, tensor) && lone(node));
            for number in readers.iter().filter_map(|node| self.draw_of(node)) {
                draws[number] |= all;
            }
            cuts.push(all);
        }
        Growing { cuts, draws }
    }

    fn draw_of(&self, node: &proto::Node) -> Option<usize> {
        let is_draw = node.domain.as_deref() == Some(operator::DOMAIN);
        let number = node.attribute.first().and_then(|a| a.i).filter(|_| is_draw)?;
        usize::try_from(number).ok().filter(|&number| number < self.active.len())
    }
}
