//! A fixed batch size made dynamic.
//!
//! An export from one example image leaves its batch size of 1 in the targets of `Reshape`, the
//! shapes of `Expand`, the sizes of `Resize` and in constants that are joined with activations.
//! [`with_open_batch`] makes each of these follow the number of images of a run. Which entry counts
//! images is guessed from the sizes of a run of the file: the result is a candidate, which real runs
//! must prove equal to the file.

mod edit;
mod rules;

use std::collections::HashMap;

use super::apply::node;
use super::plan::{Plan, SuffixKind, draw};
use crate::error::Result;
use crate::onnx::proto;

pub(crate) use rules::{BatchGuess, suspected_reason};

/// The sizes of tensors in a run, by name.
pub(crate) type Shapes = HashMap<String, Vec<usize>>;

/// Returns the whole model without randomness whose outputs are the sizes of tensors, and the names
/// of these tensors in the order of the outputs.
pub(crate) fn size_model(plan: &Plan) -> (Vec<u8>, Vec<String>) {
    let all = plan.needed_nodes().map(|i| &plan.model().graph.node[i]);
    let mut nodes: Vec<proto::Node> = all.cloned().collect();
    draw::finish(&mut nodes, plan.active(), SuffixKind::Probe);
    let written = nodes.iter().filter(|node| is_numeric(node.op()));
    let tensors: Vec<String> = written
        .flat_map(|node| &node.output)
        .filter(|name| !name.is_empty())
        .cloned()
        .collect();
    let sizes: Vec<String> =
        (0..tensors.len()).map(|i| format!("mcdrop::sizes::{i}")).collect();
    let each = tensors.iter().zip(&sizes);
    nodes.extend(each.map(|(tensor, sizes)| node("Shape", &[tensor], sizes)));
    let outputs: Vec<&str> = sizes.iter().map(String::as_str).collect();
    (plan.whole("sizes", nodes, &outputs), tensors)
}

/// Returns a candidate for the plan with a dynamic batch, from the sizes of a run of `batch` images.
///
/// # Errors
/// Fails if the changed graph cannot be cut.
pub(crate) fn with_open_batch(
    plan: &Plan,
    shapes: &Shapes,
    batch: usize,
    guess: BatchGuess,
) -> Result<Plan> {
    let edits = rules::edits(plan, shapes, batch, guess);
    let mut model = plan.model().clone();
    edits.apply(&mut model.graph);
    let graph = &mut model.graph;
    graph.value_info.clear();
    for value in graph.input.iter_mut().chain(&mut graph.output) {
        open_first_axis(value, batch);
    }
    let mut image = plan.image().clone();
    if let Some(first) = image.dimensions.as_mut().and_then(|sizes| sizes.first_mut()) {
        *first = None;
    }
    plan.with_model(model, image)
}

/// Returns true for operators that write tensors of numbers, not sequences, optionals or strings.
fn is_numeric(operator: &str) -> bool {
    let other = ["Sequence", "Optional", "String", "Split"];
    operator == "Split" || !other.iter().any(|prefix| operator.starts_with(prefix))
}

fn open_first_axis(value: &mut proto::ValueInfo, batch: usize) {
    let kind = value.r#type.as_mut().and_then(|kind| kind.value.as_mut());
    let Some(proto::TypeValue::Tensor(tensor)) = kind else { return };
    let shape = tensor.shape.as_mut();
    if let Some(first) = shape.and_then(|shape| shape.dim.first_mut())
        && first.value == Some(proto::DimensionValue::Value(batch as i64))
    {
        first.value = None;
    }
}
