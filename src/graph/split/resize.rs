//! A last bilinear resize of the logits, which the reduction does tile by tile instead.

use super::{Plan, Scores, SuffixKind, TypedTensor};
use crate::graph::batch::attribute;
use crate::graph::reach::Reach;
use crate::onnx::{GraphIndex, proto};
use crate::sums::Coordinates;

/// The last operator before the scores, where it resizes logits bilinearly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LastResize {
    /// The logits that it reads.
    pub(crate) logits: String,
    pub(crate) coordinates: Coordinates,
}

impl Plan {
    /// The resize that the scores come out of. Whether it is what the reduction does is for a
    /// run to show: its sizes may be anything.
    pub(crate) fn last_resize(&self) -> Option<LastResize> {
        if self.head.scores == Scores::Probabilities {
            return None;
        }
        let index = GraphIndex::new(&self.model.graph);
        let node = index.producer(&self.head.tensor)?;
        let coordinates = coordinates(node, self.model.opset())?;
        let logits = node.input.first()?.clone();
        let writer = index.producer_index(&logits)?;
        self.suffix.contains(&writer).then_some(LastResize { logits, coordinates })
    }

    /// The suffix up to a tensor, as [`Plan::suffix`] makes it whole, and which of the inputs
    /// it takes.
    pub(crate) fn suffix_to(
        &self,
        end: &str,
        inputs: &[TypedTensor],
        kind: SuffixKind,
    ) -> (Vec<u8>, Vec<bool>) {
        let reach = Reach::new(&self.model.graph);
        let needed = reach.needed([end]);
        let nodes: Vec<usize> =
            self.suffix.iter().copied().filter(|node| needed.contains(node)).collect();
        let reads = |name: &String| {
            nodes.iter().any(|&node| reach.reads(node).contains(&name.as_str()))
        };
        let taken: Vec<bool> = inputs.iter().map(|input| reads(&input.name)).collect();
        let pairs = inputs.iter().zip(&taken);
        let inputs: Vec<TypedTensor> =
            pairs.filter(|(_, taken)| **taken).map(|(input, _)| input.clone()).collect();
        (self.suffix_of(nodes, end, &inputs, kind), taken)
    }
}

/// Where a linear resize without antialiasing takes its values from; `None` for other nodes.
fn coordinates(node: &proto::Node, opset: i64) -> Option<Coordinates> {
    let text = |name| attribute(node, name).and_then(|a| a.s.as_deref());
    let is_on = |name| attribute(node, name).and_then(|a| a.i).is_some_and(|i| i != 0);
    if text("mode") != Some(b"linear") || is_on("antialias") || is_on("exclude_outside") {
        return None;
    }
    match (node.op_type.as_deref()?, text("coordinate_transformation_mode")) {
        ("Upsample", _) | ("Resize", Some(b"asymmetric")) => {
            Some(Coordinates::Asymmetric)
        }
        ("Resize", None) if opset < 11 => Some(Coordinates::Asymmetric),
        ("Resize", None | Some(b"half_pixel")) => Some(Coordinates::HalfPixel),
        ("Resize", Some(b"pytorch_half_pixel")) => Some(Coordinates::PytorchHalfPixel),
        ("Resize", Some(b"align_corners")) => Some(Coordinates::AlignCorners),
        _ => None,
    }
}
