//! Models without weights: what ONNX Runtime needs to infer shapes, and no more.

use super::stand_in::stand_in;
use super::tensors::Tensor;
use crate::onnx::{Model, proto};

/// Bytes up to which a constant is kept: shapes, axes and scales are smaller, weights that
/// matter are larger.
const SMALL: u64 = 4096;

/// Inputs that stand for what a body cannot hold: weights, and the output of random operators.
#[derive(Debug, Default)]
pub(super) struct Lifted(Vec<proto::ValueInfo>);

impl Lifted {
    /// The name of a new input of the outermost graph.
    pub(super) fn input(&mut self, tensor: &Tensor) -> String {
        let name = format!("mcdrop::stand_in::{}", self.0.len());
        self.0.push(tensor.declared(&name));
        name
    }
}

/// The graph with these inputs beside its weights, which are inputs as well. Each node stays
/// where it is.
pub(super) fn of_graph(
    model: &Model,
    graph: &proto::Graph,
    mut input: Vec<proto::ValueInfo>,
) -> proto::Graph {
    let mut lifted = Lifted::default();
    let node = nodes(model, &graph.node, &mut lifted);
    let mut initializer = Vec::new();
    for tensor in &graph.initializer {
        match kept(model, tensor) {
            Some(tensor) => initializer.push(tensor),
            None => input.push(weight(tensor)),
        }
    }
    for sparse in &graph.sparse_initializer {
        input.extend(sparse.values.as_ref().map(|values| {
            let tensor = proto::Tensor { dims: sparse.dims.clone(), ..values.clone() };
            weight(&tensor)
        }));
    }
    input.extend(lifted.0);
    proto::Graph {
        name: Some("shapes".to_owned()),
        node,
        initializer,
        input,
        ..proto::Graph::default()
    }
}

/// The model's functions without what stands in the way of opening them. They can hold no large
/// weights: all that they read is handed to them.
pub(super) fn functions(model: &Model) -> Vec<proto::Function> {
    let functions = model.shell.functions.iter();
    let without_values = |function: &proto::Function| proto::Function {
        node: nodes(model, &function.node, &mut Lifted::default()),
        value_info: Vec::new(),
        ..function.clone()
    };
    functions.map(without_values).collect()
}

fn nodes(model: &Model, nodes: &[proto::Node], lifted: &mut Lifted) -> Vec<proto::Node> {
    let each = nodes.iter().map(|node| {
        if let Some(tensor) = constant(node) {
            return constant_node(model, node, tensor, lifted);
        }
        if let Some(other) = stand_in(node, lifted) {
            return other;
        }
        let mut node = node.clone();
        for attribute in &mut node.attribute {
            let bodies =
                attribute.g.as_deref_mut().into_iter().chain(&mut attribute.graphs);
            bodies.for_each(|body| *body = of_body(model, body, lifted));
        }
        node
    });
    each.collect()
}

/// A body; its large weights are read from outside. What it declares of its inputs and outputs
/// holds for the size that it was exported with, so it goes.
fn of_body(model: &Model, body: &proto::Graph, lifted: &mut Lifted) -> proto::Graph {
    let (mut node, mut initializer) = (Vec::new(), Vec::new());
    for tensor in &body.initializer {
        match kept(model, tensor) {
            Some(tensor) => initializer.push(tensor),
            None => {
                let outside = lifted.input(&Tensor::of_file(tensor));
                let name = tensor.name.clone().unwrap_or_default();
                node.push(identity(outside, vec![name]));
            }
        }
    }
    node.extend(nodes(model, &body.node, lifted));
    let mut body = proto::Graph {
        name: body.name.clone(),
        node,
        initializer,
        sparse_initializer: body.sparse_initializer.clone(),
        input: body.input.clone(),
        output: body.output.clone(),
        ..proto::Graph::default()
    };
    for value in body.input.iter_mut().chain(&mut body.output) {
        if let Some(proto::TypeValue::Tensor(tensor)) =
            value.r#type.as_mut().and_then(|t| t.value.as_mut())
        {
            tensor.shape = None;
        }
    }
    body
}

/// The tensor of a node that is a constant one.
fn constant(node: &proto::Node) -> Option<&proto::Tensor> {
    let is_constant = node.op_type.as_deref() == Some("Constant");
    is_constant.then(|| node.attribute.iter().find_map(|a| a.t.as_ref())).flatten()
}

fn constant_node(
    model: &Model,
    node: &proto::Node,
    tensor: &proto::Tensor,
    lifted: &mut Lifted,
) -> proto::Node {
    let Some(tensor) = kept(model, tensor) else {
        let outside = lifted.input(&Tensor::of_file(tensor));
        return proto::Node {
            name: node.name.clone(),
            ..identity(outside, node.output.clone())
        };
    };
    let mut node = node.clone();
    for attribute in node.attribute.iter_mut().filter(|a| a.t.is_some()) {
        attribute.t = Some(tensor.clone());
    }
    node
}

fn identity(input: String, output: Vec<String>) -> proto::Node {
    proto::Node {
        input: vec![input],
        output,
        op_type: Some("Identity".to_owned()),
        ..proto::Node::default()
    }
}

fn weight(tensor: &proto::Tensor) -> proto::ValueInfo {
    let name = tensor.name.as_deref().unwrap_or_default();
    Tensor::of_file(tensor).declared(name)
}

/// A small tensor with its content in the model; `None` for one that is dropped.
fn kept(model: &Model, tensor: &proto::Tensor) -> Option<proto::Tensor> {
    let each = match tensor.data_type {
        Some(7 | 11 | 13) => 8,
        Some(1 | 6 | 12) => 4,
        _ => 2,
    };
    let sizes = tensor.dims.iter().map(|&size| u64::try_from(size).unwrap_or(u64::MAX));
    if sizes.fold(each, u64::saturating_mul) > SMALL {
        return None;
    }
    let mut kept = tensor.clone();
    if let Some(content) = model.external.content(tensor).ok().flatten() {
        kept.raw_data = Some(content);
    }
    kept.external_data.clear();
    kept.data_location = None;
    Some(kept)
}
