//! A last bilinear resize of the logits, which the sums do tile by tile instead.

use super::{Plan, SuffixKind, TypedTensor};
use crate::graph::reach::Reach;
use crate::head::{HeadTensor, Role};
use crate::onnx::{GraphIndex, proto};
use crate::sums::Coordinates;

/// A bilinear resize of logits that is the last operator before a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LastResize {
    /// The low-resolution logits that it reads.
    pub(crate) logits: String,
    pub(crate) coordinates: Coordinates,
}

impl Plan {
    /// Returns the resize that each head comes out of; `None` if one of them does not end in a
    /// resize of logits. Only a run can show whether the sums compute the same, because its sizes
    /// may be anything.
    pub(crate) fn last_resizes(&self) -> Option<Vec<LastResize>> {
        let index = GraphIndex::new(&self.model.graph);
        self.heads.iter().map(|head| self.last_resize_of(head, &index)).collect()
    }

    fn last_resize_of(
        &self,
        head: &HeadTensor,
        index: &GraphIndex,
    ) -> Option<LastResize> {
        if head.role == Some(Role::Probabilities) {
            return None;
        }
        let node = index.producer(&head.tensor)?;
        let coordinates = coordinates(node, self.model.opset())?;
        let logits = node.input.first()?.clone();
        let writer = index.producer_index(&logits)?;
        self.suffix.contains(&writer).then_some(LastResize { logits, coordinates })
    }

    /// Returns the suffix that ends at these tensors instead of the heads, and for each input of
    /// [`Plan::suffix`] whether it is one of its inputs too.
    pub(crate) fn suffix_to(
        &self,
        ends: &[&str],
        inputs: &[TypedTensor],
        kind: SuffixKind,
    ) -> (Vec<u8>, Vec<bool>) {
        let reach = Reach::new(&self.model.graph);
        let needed = reach.needed(ends.iter().copied());
        let nodes: Vec<usize> =
            self.suffix.iter().copied().filter(|node| needed.contains(node)).collect();
        let reads = |name: &String| {
            nodes.iter().any(|&node| reach.reads(node).contains(&name.as_str()))
        };
        let taken: Vec<bool> = inputs.iter().map(|input| reads(&input.name)).collect();
        let pairs = inputs.iter().zip(&taken);
        let inputs: Vec<TypedTensor> =
            pairs.filter(|(_, taken)| **taken).map(|(input, _)| input.clone()).collect();
        (self.suffix_of(nodes, ends, &inputs, kind), taken)
    }
}

/// Where a linear resize without antialiasing takes its values from; `None` for other nodes.
fn coordinates(node: &proto::Node, opset: i64) -> Option<Coordinates> {
    let text = |name| node.string(name);
    let is_on = |name| node.int(name).is_some_and(|i| i != 0);
    if text("mode") != Some("linear") || is_on("antialias") || is_on("exclude_outside") {
        return None;
    }
    match (node.op(), text("coordinate_transformation_mode")) {
        ("Upsample", _) | ("Resize", Some("asymmetric")) => Some(Coordinates::Asymmetric),
        ("Resize", None) if opset < 11 => Some(Coordinates::Asymmetric),
        ("Resize", None | Some("half_pixel")) => Some(Coordinates::HalfPixel),
        ("Resize", Some("pytorch_half_pixel")) => Some(Coordinates::PytorchHalfPixel),
        ("Resize", Some("align_corners")) => Some(Coordinates::AlignCorners),
        _ => None,
    }
}
