//! Nodes of the same type and shape for those that no session could be opened with: random
//! operators, which newer operator sets have no kernels for, and our own.

use super::skeleton::Lifted;
use super::tensors::Tensor;
use crate::onnx::proto;
use crate::operator;

/// What takes a node's place; `None` where it can stay.
pub(super) fn stand_in(node: &proto::Node, lifted: &mut Lifted) -> Option<proto::Node> {
    let operator = node.op_type.as_deref()?;
    match (node.domain.as_deref(), operator) {
        (Some(operator::DOMAIN), operator::NOISE) => {
            let zero =
                lifted.input(&Tensor { element_type: FLOAT, dimensions: Vec::new() });
            let shape = node.input.first()?.clone();
            Some(other(node, "Expand", vec![zero, shape]))
        }
        (Some(operator::DOMAIN), _) => first_input(node, "Identity"),
        (
            None | Some("" | "ai.onnx"),
            "RandomUniformLike" | "RandomNormalLike" | "Bernoulli",
        ) => match int(node, "dtype") {
            None | Some(0) => first_input(node, "Identity"),
            Some(to) => {
                let mut cast = first_input(node, "Cast")?;
                cast.attribute.push(proto::Attribute {
                    name: Some("to".to_owned()),
                    r#type: Some(INT),
                    i: Some(to),
                    ..proto::Attribute::default()
                });
                Some(cast)
            }
        },
        (None | Some("" | "ai.onnx"), "RandomUniform" | "RandomNormal") => {
            let shape =
                node.attribute.iter().find(|a| a.name.as_deref() == Some("shape"));
            let sizes = shape.into_iter().flat_map(|shape| &shape.ints);
            let dimensions = sizes.map(|&size| usize::try_from(size).ok()).collect();
            let element_type = element_type(node, FLOAT);
            let input = lifted.input(&Tensor { element_type, dimensions });
            Some(other(node, "Identity", vec![input]))
        }
        (None | Some("" | "ai.onnx"), "Multinomial") => {
            let size = int(node, "sample_size").unwrap_or(1);
            let dimensions = vec![None, usize::try_from(size).ok()];
            let element_type = element_type(node, INT32);
            let input = lifted.input(&Tensor { element_type, dimensions });
            Some(other(node, "Identity", vec![input]))
        }
        _ => None,
    }
}

/// `TensorProto.DataType`: f32 and i32.
const FLOAT: i32 = 1;
const INT32: i32 = 6;

/// `AttributeProto.AttributeType`: an integer.
const INT: i32 = 2;

fn element_type(node: &proto::Node, default: i32) -> i32 {
    int(node, "dtype").and_then(|number| i32::try_from(number).ok()).unwrap_or(default)
}

fn int(node: &proto::Node, name: &str) -> Option<i64> {
    node.attribute.iter().find(|a| a.name.as_deref() == Some(name))?.i
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
