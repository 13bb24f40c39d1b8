//! The last bilinear resize of logits, which the sums can compute tile by tile instead.

use super::Plan;
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

impl LastResize {
    /// Returns the resize that writes each head; `None` if one of them does not end in a resize of
    /// logits. Only a run can show that the sums compute the same, because the sizes may be
    /// anything.
    pub(crate) fn of_heads(plan: &Plan) -> Option<Vec<Self>> {
        let index = GraphIndex::new(&plan.model.graph);
        plan.heads.iter().map(|head| Self::of_head(plan, head, &index)).collect()
    }

    fn of_head(plan: &Plan, head: &HeadTensor, index: &GraphIndex) -> Option<Self> {
        if head.role == Some(Role::Probabilities) {
            return None;
        }
        let node = index.producer(&head.tensor)?;
        let coordinates = coordinates(node, plan.model.opset())?;
        let logits = node.input.first()?.clone();
        let writer = index.producer_index(&logits)?;
        plan.suffix.contains(&writer).then_some(Self { logits, coordinates })
    }
}

/// Returns the coordinates of a linear resize without antialiasing; `None` for other nodes.
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
