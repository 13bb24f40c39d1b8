//! Parts of models made by hand, for tests.

use std::path::Path;

use crate::onnx::proto::{
    self, Attribute, Function, Graph, Node, OperatorSetId, Tensor, ValueInfo,
};
use crate::onnx::{AttributeType, ElementType, Model};

pub(super) fn node(kind: &str, inputs: &[&str], outputs: &[&str]) -> Node {
    Node::new(kind, inputs, outputs)
}

pub(super) fn call(
    function: &str,
    name: &str,
    inputs: &[&str],
    outputs: &[&str],
) -> Node {
    let name = (!name.is_empty()).then(|| name.to_owned());
    Node { domain: Some("own".to_owned()), name, ..node(function, inputs, outputs) }
}

pub(super) fn with(node: Node, attribute: Attribute) -> Node {
    node.with(attribute)
}

pub(super) fn reference(name: &str, to: &str) -> Attribute {
    Attribute {
        ref_attr_name: Some(to.to_owned()),
        ..Attribute::empty(name, AttributeType::Float)
    }
}

pub(super) fn body(name: &str, nodes: Vec<Node>, outputs: &[&str]) -> Attribute {
    Attribute::graph(name, graph(nodes, outputs))
}

pub(super) fn value(name: &str) -> ValueInfo {
    ValueInfo { name: Some(name.to_owned()), ..ValueInfo::default() }
}

pub(super) fn graph(node: Vec<Node>, outputs: &[&str]) -> Graph {
    let output = outputs.iter().map(|name| value(name)).collect();
    Graph { name: Some("graph".to_owned()), node, output, ..Graph::default() }
}

pub(super) fn import(domain: &str, version: i64) -> OperatorSetId {
    OperatorSetId { domain: Some(domain.to_owned()), version: Some(version) }
}

pub(super) fn function(
    name: &str,
    inputs: &[&str],
    outputs: &[&str],
    node: Vec<Node>,
) -> Function {
    let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    Function {
        name: Some(name.to_owned()),
        domain: Some("own".to_owned()),
        input: owned(inputs),
        output: owned(outputs),
        node,
        opset_import: vec![import("", 17), import("own", 1)],
        ..Function::default()
    }
}

/// Returns a model of these nodes and functions, whose input is `image` of [2, 3].
pub(super) fn model(
    nodes: Vec<Node>,
    outputs: &[&str],
    functions: Vec<Function>,
) -> Model {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models/digits.onnx");
    let mut model = Model::open(&path).unwrap();
    let sized = |name: &str, sizes: &[i64]| {
        let dim = sizes.iter().map(|&size| proto::Dimension {
            value: Some(proto::DimensionValue::Value(size)),
            ..proto::Dimension::default()
        });
        let shape = Some(proto::TensorShape { dim: dim.collect() });
        let tensor = proto::TensorType {
            shape,
            ..proto::TensorType::of_any_shape(ElementType::F32)
        };
        let value = Some(proto::TypeValue::Tensor(tensor));
        let kind = proto::Type { value, ..proto::Type::default() };
        ValueInfo { r#type: Some(kind), ..self::value(name) }
    };
    let truth = Tensor::from_bytes(ElementType::Bool, &[], &[1]).named("truth");
    model.graph = Graph {
        input: vec![sized("image", &[2, 3])],
        output: outputs.iter().map(|name| sized(name, &[2, 3])).collect(),
        initializer: vec![truth],
        ..graph(nodes, &[])
    };
    model.shell.functions = functions;
    model.shell.opset_import = vec![import("", 17), import("own", 1)];
    model
}

/// Returns a tensor of ones.
pub(super) fn ones(shape: &str, output: &str) -> Node {
    let one = Tensor::from_bytes(ElementType::F32, &[1], &1.0_f32.to_le_bytes());
    node("ConstantOfShape", &[shape], &[output]).with(Attribute::tensor("value", one))
}
