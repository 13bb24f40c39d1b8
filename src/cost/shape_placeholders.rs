//! Placeholders of the same type and shape for nodes that no session can or should be opened with:
//! random operators, which newer operator sets have no kernels for, mcdrop's own operators, and
//! fills of any size, which ONNX Runtime would compute.

use std::collections::HashMap;

use super::tensors::TensorInfo;
use crate::onnx::{ElementType, proto};
use crate::operator;

/// Inputs of the outermost graph in the place of what must not be computed: weights inside
/// subgraphs, and outputs of random operators.
#[derive(Debug)]
pub(super) struct PlaceholderInputs {
    inputs: Vec<proto::ValueInfo>,
    /// True if the visited nodes can read such inputs; nodes of functions cannot.
    are_readable: bool,
}

impl PlaceholderInputs {
    /// Creates an empty list. The nodes that will be visited can read its inputs if
    /// `are_readable` is true.
    pub(super) fn new(are_readable: bool) -> Self {
        Self { inputs: Vec::new(), are_readable }
    }

    /// Returns the added inputs.
    pub(super) fn into_inputs(self) -> Vec<proto::ValueInfo> {
        self.inputs
    }

    /// Adds an input and returns its name.
    pub(super) fn input(&mut self, tensor: &TensorInfo) -> Option<String> {
        let name = format!("mcdrop::placeholder::{}", self.inputs.len());
        self.inputs.push(tensor.declared(&name));
        self.are_readable.then_some(name)
    }
}

/// Returns the placeholder of a node; `None` if it can stay. `constants` are those of its graph.
pub(super) fn placeholder(
    node: &proto::Node,
    constants: &HashMap<&str, &proto::Tensor>,
    lifted: &mut PlaceholderInputs,
) -> Option<proto::Node> {
    match (node.domain.as_deref(), node.op()) {
        (Some(operator::DOMAIN), operator::NOISE) => {
            filled(node, node.input.first()?, &scalar(ElementType::F32), lifted)
        }
        (Some(operator::DOMAIN), _) => first_input(node, "Identity"),
        (_, operator) if node.is_standard() => {
            standard(node, operator, constants, lifted)
        }
        _ => None,
    }
}

fn standard(
    node: &proto::Node,
    operator: &str,
    constants: &HashMap<&str, &proto::Tensor>,
    lifted: &mut PlaceholderInputs,
) -> Option<proto::Node> {
    match operator {
        "RandomUniformLike" | "RandomNormalLike" | "Bernoulli" => {
            let to = node.int("dtype").filter(|&to| to != 0);
            let other =
                first_input(node, if to.is_some() { "Cast" } else { "Identity" })?;
            let attribute = to.map(|to| proto::Attribute::int("to", to));
            Some(proto::Node { attribute: attribute.into_iter().collect(), ..other })
        }
        "RandomUniform" | "RandomNormal" => {
            let shape = node.ints("shape")?.iter();
            let dimensions = shape.map(|&size| usize::try_from(size).ok()).collect();
            let element_type = element_type(node, ElementType::F32);
            let input = lifted.input(&TensorInfo { element_type, dimensions })?;
            Some(other(node, "Identity", vec![input]))
        }
        "Multinomial" => {
            let size = node.int("sample_size").unwrap_or(1);
            let dimensions = vec![None, usize::try_from(size).ok()];
            let element_type = element_type(node, ElementType::I32);
            let input = lifted.input(&TensorInfo { element_type, dimensions })?;
            Some(other(node, "Identity", vec![input]))
        }
        "ConstantOfShape" => {
            let value = node.tensor("value").and_then(|tensor| tensor.data_type);
            let value = value.map_or(ElementType::F32, ElementType::from_number);
            filled(node, node.input.first()?, &scalar(value), lifted)
        }
        "Expand" => {
            let [data, shape] = node.input.as_slice() else { return None };
            let tensor = TensorInfo::of_file(constants.get(data.as_str())?);
            filled(node, shape, &tensor, lifted)
        }
        _ => None,
    }
}

/// Returns a placeholder for floating-point values of a shape. Integers stay: they may be shapes
/// themselves.
fn filled(
    node: &proto::Node,
    shape: &str,
    with: &TensorInfo,
    lifted: &mut PlaceholderInputs,
) -> Option<proto::Node> {
    if !with.element_type.is_float() {
        return None;
    }
    let value = lifted.input(with)?;
    Some(other(node, "Expand", vec![value, shape.to_owned()]))
}

fn scalar(element_type: ElementType) -> TensorInfo {
    TensorInfo { element_type, dimensions: Vec::new() }
}

fn element_type(node: &proto::Node, default: ElementType) -> ElementType {
    let written = node.int("dtype").and_then(|number| i32::try_from(number).ok());
    written.map_or(default, ElementType::from_number)
}

fn first_input(node: &proto::Node, operator: &str) -> Option<proto::Node> {
    Some(other(node, operator, vec![node.input.first()?.clone()]))
}

fn other(node: &proto::Node, operator: &str, input: Vec<String>) -> proto::Node {
    proto::Node {
        name: node.name.clone(),
        op_type: Some(operator.to_owned()),
        input,
        output: node.output.iter().take(1).cloned().collect(),
        ..proto::Node::default()
    }
}
