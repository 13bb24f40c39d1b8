//! Models without weights, with only what ONNX Runtime needs to infer shapes.

use std::collections::HashMap;

use super::shape_placeholders::{PlaceholderInputs, placeholder};
use super::tensors::TensorInfo;
use crate::onnx::{Model, proto};

/// Largest constant that is kept, in bytes: shapes, axes and scales are smaller, weights that
/// matter are larger.
const SMALL: u64 = 4096;

/// Returns the graph with these inputs and its weights as inputs. Each node keeps its position.
pub(super) fn of_graph(
    model: &Model,
    graph: &proto::Graph,
    mut input: Vec<proto::ValueInfo>,
) -> proto::Graph {
    let mut lifted = PlaceholderInputs::new(true);
    let node = nodes(model, &graph.node, &graph.initializer, &mut lifted);
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
    input.extend(lifted.into_inputs());
    proto::Graph {
        name: Some("shapes".to_owned()),
        node,
        initializer,
        input,
        ..proto::Graph::default()
    }
}

/// Returns the model's functions with placeholders for nodes that cannot be opened. Constants stay,
/// because a function reads only its inputs.
pub(super) fn functions(model: &Model) -> Vec<proto::Function> {
    let without_values = |function: &proto::Function| {
        let mut lifted = PlaceholderInputs::new(false);
        let node = nodes(model, &function.node, &[], &mut lifted);
        proto::Function { node, value_info: Vec::new(), ..function.clone() }
    };
    model.shell.functions.iter().map(without_values).collect()
}

fn nodes(
    model: &Model,
    nodes: &[proto::Node],
    initializers: &[proto::Tensor],
    lifted: &mut PlaceholderInputs,
) -> Vec<proto::Node> {
    let mut constants: HashMap<&str, &proto::Tensor> = HashMap::new();
    constants.extend(initializers.iter().filter_map(|t| Some((t.name.as_deref()?, t))));
    constants.extend(
        nodes.iter().filter_map(|n| Some((n.output.first()?.as_str(), constant(n)?))),
    );
    let mut each = Vec::with_capacity(nodes.len());
    for node in nodes {
        let other = match constant(node) {
            Some(tensor) => constant_node(model, node, tensor, lifted),
            None => placeholder(node, &constants, lifted),
        };
        if let Some(other) = other {
            each.push(other);
            continue;
        }
        let mut node = node.clone();
        for graph in node.subgraphs_mut() {
            *graph = of_subgraph(model, graph, lifted);
        }
        each.push(node);
    }
    each
}

/// Returns a subgraph that reads its large weights from outside. The declared sizes of its inputs
/// and outputs are removed: they are those of the export.
fn of_subgraph(
    model: &Model,
    subgraph: &proto::Graph,
    lifted: &mut PlaceholderInputs,
) -> proto::Graph {
    let (mut node, mut initializer) = (Vec::new(), Vec::new());
    for tensor in &subgraph.initializer {
        if let Some(tensor) = kept(model, tensor) {
            initializer.push(tensor);
        } else if let Some(outside) = lifted.input(&TensorInfo::of_file(tensor)) {
            let name = tensor.name.clone().unwrap_or_default();
            node.push(identity(&outside, vec![name]));
        } else {
            initializer.push(tensor.clone());
        }
    }
    node.extend(nodes(model, &subgraph.node, &subgraph.initializer, lifted));
    let mut subgraph = proto::Graph {
        name: subgraph.name.clone(),
        node,
        initializer,
        sparse_initializer: subgraph.sparse_initializer.clone(),
        input: subgraph.input.clone(),
        output: subgraph.output.clone(),
        ..proto::Graph::default()
    };
    for value in subgraph.input.iter_mut().chain(&mut subgraph.output) {
        if let Some(proto::TypeValue::Tensor(tensor)) =
            value.r#type.as_mut().and_then(|t| t.value.as_mut())
        {
            tensor.shape = None;
        }
    }
    subgraph
}

/// Returns the value of a `Constant` node.
fn constant(node: &proto::Node) -> Option<&proto::Tensor> {
    let is_constant = node.is("Constant");
    is_constant.then(|| node.attribute.iter().find_map(|a| a.t.as_ref())).flatten()
}

/// Returns a small constant with its content, or the placeholder of a large one; `None` if the node
/// stays.
fn constant_node(
    model: &Model,
    node: &proto::Node,
    tensor: &proto::Tensor,
    lifted: &mut PlaceholderInputs,
) -> Option<proto::Node> {
    let Some(tensor) = kept(model, tensor) else {
        let outside = lifted.input(&TensorInfo::of_file(tensor))?;
        let name = node.name.clone();
        return Some(proto::Node { name, ..identity(&outside, node.output.clone()) });
    };
    let mut node = node.clone();
    for attribute in node.attribute.iter_mut().filter(|a| a.t.is_some()) {
        attribute.t = Some(tensor.clone());
    }
    Some(node)
}

fn identity(input: &str, output: Vec<String>) -> proto::Node {
    proto::Node { output, ..proto::Node::new("Identity", &[input], &[]) }
}

fn weight(tensor: &proto::Tensor) -> proto::ValueInfo {
    let name = tensor.name.as_deref().unwrap_or_default();
    TensorInfo::of_file(tensor).declared(name)
}

/// Returns a small tensor with its content; `None` for a larger one.
fn kept(model: &Model, tensor: &proto::Tensor) -> Option<proto::Tensor> {
    let each = tensor.element_type().bytes().unwrap_or(2) as u64;
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
