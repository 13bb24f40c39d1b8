//! Last change of the draws before they run: writes row axis, seed and site into their nodes, or
//! removes the randomness.

use super::{SiteAxis, SuffixKind};
use crate::graph::apply::{filled, node};
use crate::graph::prepare::ActiveSite;
use crate::graph::site::StochasticNode;
use crate::onnx::proto::{self, Attribute};
use crate::operator::{self, IMAGE_KEY, SAMPLE};
use crate::random::Draws;

/// Rewrites every draw among the nodes and in their subgraphs.
pub(in crate::graph) fn finish(
    nodes: &mut [proto::Node],
    active: &[ActiveSite],
    kind: SuffixKind,
) {
    for node in nodes {
        if node.domain.as_deref() == Some(operator::DOMAIN) {
            let number = node.attribute.first().and_then(|a| a.i).unwrap_or(-1);
            let found = usize::try_from(number).ok().and_then(|i| active.get(i));
            if let Some(found) = found {
                *node = match kind {
                    SuffixKind::Probe | SuffixKind::Off | SuffixKind::SiteShapes => {
                        without(node, found)
                    }
                    SuffixKind::Sampling { axes, grows, seed, draws, .. } => {
                        let axis = axes.get(number as usize).copied();
                        let grows = grows.get(number as usize) == Some(&true);
                        drawing(
                            node,
                            found,
                            (axis.unwrap_or(SiteAxis::Whole), grows),
                            (seed, draws),
                        )
                    }
                };
            }
        }
        for attribute in &mut node.attribute {
            let bodies = attribute.subgraphs_mut();
            bodies.for_each(|body| finish(&mut body.node, active, kind));
        }
    }
}

/// Returns the node that replaces a draw without randomness.
fn without(drawn: &proto::Node, active: &ActiveSite) -> proto::Node {
    let input = drawn.input.first().map(String::as_str).unwrap_or_default();
    let off = match active.draw {
        StochasticNode::Dropout(_) => node("Identity", &[input], &active.output),
        StochasticNode::Uniform { off, .. } => filled(input, off, &active.output),
        StochasticNode::Normal { mean, .. } => filled(input, mean, &active.output),
    };
    proto::Node { output: drawn.output.clone(), ..off }
}

fn drawing(
    drawn: &proto::Node,
    active: &ActiveSite,
    (axis, grows): (SiteAxis, bool),
    (seed, draws): (u64, Draws),
) -> proto::Node {
    let axis = if let SiteAxis::Rows(axis) = axis { axis as i64 } else { -1 };
    let ordinal = drawn.attribute.first().and_then(|a| a.i).unwrap_or(-1);
    let mut attribute = vec![
        Attribute::int(operator::AXIS, axis),
        Attribute::int(operator::INDEPENDENT, i64::from(draws == Draws::Independent)),
        Attribute::int(operator::ORDINAL, ordinal),
        Attribute::int(operator::SEED, seed.cast_signed()),
        Attribute::int(operator::SITE, active.key.cast_signed()),
    ];
    match &active.draw {
        StochasticNode::Dropout(mask) => {
            let axes = mask.axes.iter().flatten().copied();
            let some = i64::from(mask.axes.is_some());
            let values = active.values;
            attribute.push(Attribute::int(operator::GROWS, i64::from(grows)));
            attribute.push(Attribute::float(operator::RATIO, active.ratio));
            attribute.push(Attribute::ints(
                operator::MASK_AXES,
                &[some].into_iter().chain(axes).collect::<Vec<i64>>(),
            ));
            attribute.push(Attribute::floats(
                operator::VALUES,
                &[values.scale, values.shift, values.dropped],
            ));
        }
        StochasticNode::Uniform { low, high, off } => {
            attribute.push(Attribute::floats(operator::NUMBERS, &[*low, *high, *off]));
        }
        StochasticNode::Normal { mean, scale } => {
            attribute.push(Attribute::int(operator::GAUSSIAN, 1));
            attribute.push(Attribute::floats(operator::NUMBERS, &[*mean, *scale, *mean]));
        }
    }
    let mut input = vec![drawn.input.first().cloned().unwrap_or_default()];
    input.extend([IMAGE_KEY.to_owned(), SAMPLE.to_owned()]);
    input.extend(drawn.input.get(1).cloned());
    proto::Node { input, attribute, ..drawn.clone() }
}
