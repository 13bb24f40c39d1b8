//! What attributes and constants of a node say about axes.

use crate::onnx::{GraphIndex, Model, int_values, proto};

/// An axis counted from the first.
pub(super) fn positive(axis: i64, rank: usize) -> Option<usize> {
    let axis = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(axis).ok().filter(|&axis| axis <= rank)
}

/// A list that stands in an attribute in old operator sets and in an input since; `None` where
/// there is none or it is not constant.
pub(super) fn list(
    (model, index): (&Model, &GraphIndex),
    node: &proto::Node,
    name: &str,
    input: usize,
) -> Option<Vec<i64>> {
    if let Some(ints) = node.ints(name) {
        return Some(ints.to_vec());
    }
    let tensor = node.input_name(input)?;
    sizes(model, index, tensor)
}

/// The numbers of a constant, also one that a `Concat` makes of constants.
pub(super) fn sizes(model: &Model, index: &GraphIndex, tensor: &str) -> Option<Vec<i64>> {
    if let Some(values) = int_values(model, index, tensor) {
        return Some(values);
    }
    let node = index.producer(tensor)?;
    if !node.is("Concat") {
        return None;
    }
    let parts: Option<Vec<Vec<i64>>> =
        node.input.iter().map(|part| int_values(model, index, part)).collect();
    Some(parts?.concat())
}

/// Where an axis of an input of `Einsum` lies in what it writes.
pub(super) fn einsum(node: &proto::Node, input: usize, axis: usize) -> Option<usize> {
    let equation = node.attribute("equation")?.s.as_ref()?;
    let equation: String =
        std::str::from_utf8(equation).ok()?.split_whitespace().collect();
    let (inputs, output) = equation.split_once("->")?;
    if equation.contains('.') {
        return None;
    }
    let letter = inputs.split(',').nth(input)?.chars().nth(axis)?;
    output.chars().position(|other| other == letter)
}
