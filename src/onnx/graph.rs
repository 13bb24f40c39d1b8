//! Lookups in a graph: writers of tensors, initializers, tensors that subgraphs read.

use std::collections::{BTreeSet, HashMap};

use super::declare::describe;
use super::proto;

/// The node that writes each tensor of a graph, and its initializers.
#[derive(Debug)]
pub(crate) struct GraphIndex<'a> {
    graph: &'a proto::Graph,
    producers: HashMap<&'a str, usize>,
    pub(crate) initializers: HashMap<&'a str, &'a proto::Tensor>,
    outer: Option<&'a GraphIndex<'a>>,
}

impl<'a> GraphIndex<'a> {
    pub(crate) fn new(graph: &'a proto::Graph) -> Self {
        Self::inside(graph, None)
    }

    /// Creates the index of a subgraph, whose nodes also read tensors of the graph around it.
    pub(crate) fn inside(
        graph: &'a proto::Graph,
        outer: Option<&'a GraphIndex<'a>>,
    ) -> Self {
        let mut producers = HashMap::new();
        for (i, node) in graph.node.iter().enumerate() {
            for output in node.output.iter().filter(|name| !name.is_empty()) {
                producers.insert(output.as_str(), i);
            }
        }
        let named = graph.initializer.iter();
        let initializers =
            named.filter_map(|t| t.name.as_deref().map(|name| (name, t))).collect();
        Self { graph, producers, initializers, outer }
    }

    /// Returns the position of the node of this graph that writes a tensor.
    pub(crate) fn producer_index(&self, tensor: &str) -> Option<usize> {
        self.producers.get(tensor).copied()
    }

    /// Returns the node that writes a tensor, of this graph or of one around it.
    pub(crate) fn producer(&self, tensor: &str) -> Option<&'a proto::Node> {
        match self.producer_index(tensor) {
            Some(i) => Some(&self.graph.node[i]),
            None if self.initializers.contains_key(tensor) => None,
            None => self.outer.and_then(|outer| outer.producer(tensor)),
        }
    }

    /// Returns an initializer of this graph or of one around it.
    pub(crate) fn initializer(&self, tensor: &str) -> Option<&'a proto::Tensor> {
        match self.initializers.get(tensor) {
            Some(found) => Some(found),
            None if self.producers.contains_key(tensor) => None,
            None => self.outer.and_then(|outer| outer.initializer(tensor)),
        }
    }

    /// Returns the declared type of a tensor: as input, output or value of this graph or of one
    /// around it.
    pub(crate) fn described(&self, tensor: &str) -> Option<super::ValueDescription> {
        let graph = self.graph;
        let values = graph.value_info.iter().chain(&graph.input).chain(&graph.output);
        let own = values.into_iter().find(|value| value.name.as_deref() == Some(tensor));
        match own {
            Some(value) => Some(describe(value)),
            None => self.outer.and_then(|outer| outer.described(tensor)),
        }
    }
}

/// Returns true for the domain of the operators that the ONNX specification defines.
pub(crate) fn is_standard_domain(domain: Option<&str>) -> bool {
    normal_domain(domain).is_empty()
}

/// Returns the domain of operators; empty for every name of the standard domain.
pub(crate) fn normal_domain(domain: Option<&str>) -> &str {
    match domain {
        None | Some("ai.onnx") => "",
        Some(domain) => domain,
    }
}

/// Returns the tensors that a node reads: its inputs, and those that its subgraphs read from
/// outside.
pub(crate) fn captured_names(node: &proto::Node) -> BTreeSet<&str> {
    let mut names: BTreeSet<&str> =
        node.input.iter().map(String::as_str).filter(|name| !name.is_empty()).collect();
    for subgraph in node.subgraphs() {
        capture(subgraph, &mut names);
    }
    names
}

fn capture<'a>(subgraph: &'a proto::Graph, names: &mut BTreeSet<&'a str>) {
    let mut own: BTreeSet<&str> = BTreeSet::new();
    own.extend(subgraph.input.iter().filter_map(|value| value.name.as_deref()));
    own.extend(subgraph.initializer.iter().filter_map(|tensor| tensor.name.as_deref()));
    own.extend(
        subgraph.node.iter().flat_map(|node| node.output.iter().map(String::as_str)),
    );
    let outputs = subgraph.output.iter().filter_map(|value| value.name.as_deref());
    let read = subgraph.node.iter().flat_map(captured_names).chain(outputs);
    names.extend(read.filter(|name| !own.contains(name)));
}

/// Visits every tensor that a session may read: initializers and attributes, dense and sparse, in
/// subgraphs and functions too.
pub(super) fn for_each_tensor(
    model: &proto::Model,
    visit: &mut dyn FnMut(&proto::Tensor),
) {
    if let Some(graph) = &model.graph {
        in_graph(graph, visit);
    }
    for function in &model.functions {
        in_nodes(&function.node, visit);
        function.attribute_proto.iter().for_each(|default| in_attribute(default, visit));
    }
}

fn in_graph(graph: &proto::Graph, visit: &mut dyn FnMut(&proto::Tensor)) {
    graph.initializer.iter().for_each(&mut *visit);
    graph.sparse_initializer.iter().for_each(|sparse| in_sparse(sparse, visit));
    in_nodes(&graph.node, visit);
}

fn in_nodes(nodes: &[proto::Node], visit: &mut dyn FnMut(&proto::Tensor)) {
    let attributes = nodes.iter().flat_map(|node| &node.attribute);
    attributes.for_each(|attribute| in_attribute(attribute, visit));
}

fn in_attribute(attribute: &proto::Attribute, visit: &mut dyn FnMut(&proto::Tensor)) {
    attribute.t.iter().chain(&attribute.tensors).for_each(&mut *visit);
    let sparse = attribute.sparse_tensor.iter().chain(&attribute.sparse_tensors);
    sparse.for_each(|sparse| in_sparse(sparse, visit));
    attribute.subgraphs().for_each(|graph| in_graph(graph, visit));
}

fn in_sparse(sparse: &proto::SparseTensor, visit: &mut dyn FnMut(&proto::Tensor)) {
    sparse.values.iter().chain(&sparse.indices).for_each(visit);
}

/// Visits the tensors of [`for_each_tensor`] to change them.
pub(super) fn for_each_tensor_mut(
    model: &mut proto::Model,
    visit: &mut dyn FnMut(&mut proto::Tensor),
) {
    if let Some(graph) = &mut model.graph {
        in_graph_mut(graph, visit);
    }
    for function in &mut model.functions {
        in_nodes_mut(&mut function.node, visit);
        let defaults = function.attribute_proto.iter_mut();
        defaults.for_each(|default| in_attribute_mut(default, visit));
    }
}

fn in_graph_mut(graph: &mut proto::Graph, visit: &mut dyn FnMut(&mut proto::Tensor)) {
    graph.initializer.iter_mut().for_each(&mut *visit);
    graph.sparse_initializer.iter_mut().for_each(|sparse| in_sparse_mut(sparse, visit));
    in_nodes_mut(&mut graph.node, visit);
}

fn in_nodes_mut(nodes: &mut [proto::Node], visit: &mut dyn FnMut(&mut proto::Tensor)) {
    let attributes = nodes.iter_mut().flat_map(|node| &mut node.attribute);
    attributes.for_each(|attribute| in_attribute_mut(attribute, visit));
}

fn in_attribute_mut(
    attribute: &mut proto::Attribute,
    visit: &mut dyn FnMut(&mut proto::Tensor),
) {
    attribute.t.iter_mut().chain(&mut attribute.tensors).for_each(&mut *visit);
    let sparse = attribute.sparse_tensor.iter_mut().chain(&mut attribute.sparse_tensors);
    sparse.for_each(|sparse| in_sparse_mut(sparse, visit));
    attribute.subgraphs_mut().for_each(|graph| in_graph_mut(graph, visit));
}

fn in_sparse_mut(
    sparse: &mut proto::SparseTensor,
    visit: &mut dyn FnMut(&mut proto::Tensor),
) {
    sparse.values.iter_mut().chain(&mut sparse.indices).for_each(visit);
}
