//! Unique names of tensors, nodes and calls.

use std::collections::{HashMap, HashSet};

use super::each_node;
use crate::onnx::proto;

pub(super) struct TakenNames {
    /// Tensors of the graph and its subgraphs, and added ones.
    taken: HashSet<String>,
    /// Tensors of subgraphs inside functions, which keep their names if these are unique.
    local: HashSet<String>,
    nodes: HashSet<String>,
    calls: HashSet<String>,
    /// The number to try next after a name.
    next: HashMap<String, usize>,
}

impl TakenNames {
    pub(super) fn new(graph: &proto::Graph, functions: &[proto::Function]) -> Self {
        let mut taken = HashSet::new();
        in_graph(graph, &mut taken);
        let mut local = HashSet::new();
        for function in functions {
            let defaults = function.attribute_proto.iter();
            let defaults = defaults.flat_map(proto::Attribute::subgraphs);
            let held = function.node.iter().flat_map(proto::Node::subgraphs);
            held.chain(defaults).for_each(|subgraph| in_graph(subgraph, &mut local));
        }
        let mut nodes = HashSet::new();
        each_node(&graph.node, &mut |node| nodes.extend(node.name.clone()));
        Self { taken, local, nodes, calls: HashSet::new(), next: HashMap::new() }
    }

    /// Returns true if a tensor outside of functions has this name.
    pub(super) fn is_taken(&self, name: &str) -> bool {
        self.taken.contains(name)
    }

    /// Returns an unused name for a tensor.
    pub(super) fn tensor(&mut self, wanted: String) -> String {
        let Self { taken, local, next, .. } = self;
        let name =
            unused(next, wanted, |name| taken.contains(name) || local.contains(name));
        taken.insert(name.clone());
        name
    }

    /// Returns an unused name for a node.
    pub(super) fn node(&mut self, wanted: String) -> String {
        let name = unused(&mut self.next, wanted, |name| self.nodes.contains(name));
        self.nodes.insert(name.clone());
        name
    }

    /// Returns an unused name for a call, the prefix of the names in it.
    pub(super) fn call(&mut self, label: &str) -> String {
        let name =
            unused(&mut self.next, label.to_owned(), |name| self.calls.contains(name));
        self.calls.insert(name.clone());
        name
    }
}

/// Returns the name, or the first unused one with a number.
fn unused(
    next: &mut HashMap<String, usize>,
    wanted: String,
    is_used: impl Fn(&str) -> bool,
) -> String {
    if !is_used(&wanted) {
        return wanted;
    }
    let mut number = next.get(&wanted).copied().unwrap_or(1);
    loop {
        let name = format!("{wanted}_{number}");
        number += 1;
        if !is_used(&name) {
            next.insert(wanted, number);
            return name;
        }
    }
}

fn in_graph(graph: &proto::Graph, names: &mut HashSet<String>) {
    names.extend(defined(graph).map(str::to_owned));
    // A function must not write a tensor that is read and never written.
    names.extend(graph.node.iter().flat_map(|node| node.input.iter().cloned()));
    names.extend(graph.output.iter().filter_map(|value| value.name.clone()));
    for subgraph in graph.node.iter().flat_map(proto::Node::subgraphs) {
        in_graph(subgraph, names);
    }
}

/// Returns the tensors that a graph defines itself.
pub(super) fn defined(graph: &proto::Graph) -> impl Iterator<Item = &str> {
    let inputs = graph.input.iter().filter_map(|value| value.name.as_deref());
    let constants = graph.initializer.iter().filter_map(|tensor| tensor.name.as_deref());
    let sparse = graph.sparse_initializer.iter();
    let sparse = sparse.filter_map(|tensor| tensor.values.as_ref()?.name.as_deref());
    let written =
        graph.node.iter().flat_map(|node| node.output.iter().map(String::as_str));
    let all = inputs.chain(constants).chain(sparse).chain(written);
    all.filter(|name| !name.is_empty())
}
