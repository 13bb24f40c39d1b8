//! Nodes of the same type and shape for those that no session should be opened with: random
//! operators, which newer operator sets have no kernels for, our own, and fills of any size,
//! which ONNX Runtime would compute.

use std::collections::HashMap;

use super::skeleton::Lifted;
use super::tensors::Tensor;
use crate::onnx::proto;
use crate::operator;

/// What takes a node's place; `None` where it can stay. `constants` are those of its graph.
pub(super) fn stand_in(
    node: &proto::Node,
    constants: &HashMap<&str, &proto::Tensor>,
    lifted: &mut Lifted,
) -> Option<proto::Node> {
    match (node.domain.as_deref(), node.op_type.as_deref()?) {
        (Some(operator::DOMAIN), operator::NOISE) => {
            filled(node, node.input.first()?, &scalar(FLOAT), lifted)
        }
        (Some(operator::DOMAIN), _) => first_input(node, "Identity"),
        (None | Some("" | "ai.onnx"), operator) => {
            standard(node, operator, constants, lifted)
        }
        _ => None,
    }
}

fn standard(
    node: &proto::Node,
    operator: &str,
    constants: &HashMap<&str, &proto::Tensor>,
    lifted: &mut Lifted,
) -> Option<proto::Node> {
    match operator {
        "RandomUniformLike" | "RandomNormalLike" | "Bernoulli" => {
            let to = int(node, "dtype").filter(|&to| to != 0);
            let other =
                first_input(node, if to.is_some() { "Cast" } else { "Identity" })?;
            let attribute = to.map(|to| proto::Attribute {
                name: Some("to".to_owned()),
                r#type: Some(INT),
                i: Some(to),
                ..proto::Attribute::default()
            });
            Some(proto::Node { attribute: attribute.into_iter().collect(), ..other })
        }
        "RandomUniform" | "RandomNormal" => {
            let shape = attribute(node, "shape")?.ints.iter();
            let dimensions = shape.map(|&size| usize::try_from(size).ok()).collect();
            let element_type = element_type(node, FLOAT);
            let input = lifted.input(&Tensor { element_type, dimensions })?;
            Some(other(node, "Identity", vec![input]))
        }
        "Multinomial" => {
            let size = int(node, "sample_size").unwrap_or(1);
            let dimensions = vec![None, usize::try_from(size).ok()];
            let element_type = element_type(node, INT32);
            let input = lifted.input(&Tensor { element_type, dimensions })?;
            Some(other(node, "Identity", vec![input]))
        }
        "ConstantOfShape" => {
            let value = attribute(node, "value").and_then(|a| a.t.as_ref()?.data_type);
            filled(node, node.input.first()?, &scalar(value.unwrap_or(FLOAT)), lifted)
        }
        "Expand" => {
            let [data, shape] = node.input.as_slice() else { return None };
            let tensor = Tensor::of_file(constants.get(data.as_str())?);
            filled(node, shape, &tensor, lifted)
        }
        _ => None,
    }
}

/// Floating-point values of a shape, which nobody knows and nobody computes. Integers stay: they
/// may be shapes themselves.
fn filled(
    node: &proto::Node,
    shape: &str,
    with: &Tensor,
    lifted: &mut Lifted,
) -> Option<proto::Node> {
    if !FLOATS.contains(&with.element_type) {
        return None;
    }
    let value = lifted.input(with)?;
    Some(other(node, "Expand", vec![value, shape.to_owned()]))
}

fn scalar(element_type: i32) -> Tensor {
    Tensor { element_type, dimensions: Vec::new() }
}

/// `TensorProto.DataType`: f32, all floats (f16, f64 and bf16 as well), i32.
const FLOAT: i32 = 1;
const FLOATS: [i32; 4] = [1, 10, 11, 16];
const INT32: i32 = 6;

/// `AttributeProto.AttributeType`: an integer.
const INT: i32 = 2;

fn element_type(node: &proto::Node, default: i32) -> i32 {
    int(node, "dtype").and_then(|number| i32::try_from(number).ok()).unwrap_or(default)
}

fn int(node: &proto::Node, name: &str) -> Option<i64> {
    attribute(node, name)?.i
}

fn attribute<'a>(node: &'a proto::Node, name: &str) -> Option<&'a proto::Attribute> {
    node.attribute.iter().find(|a| a.name.as_deref() == Some(name))
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
