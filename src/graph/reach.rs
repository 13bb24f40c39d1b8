//! Dependencies between nodes: ancestors of an output, constants, shape arithmetic, downstream
//! nodes.

use std::collections::{HashMap, HashSet};

use crate::onnx::{GraphIndex, captured_names, proto};
use crate::operator;

/// Index of the dependencies in one graph; returns sets of node positions.
#[derive(Debug)]
pub(super) struct Reach<'a> {
    pub(super) index: GraphIndex<'a>,
    graph: &'a proto::Graph,
    /// Tensors that each node reads, including those that its subgraphs read from outside.
    reads: Vec<Vec<&'a str>>,
}

impl<'a> Reach<'a> {
    pub(super) fn new(graph: &'a proto::Graph) -> Self {
        let reads =
            graph.node.iter().map(|node| captured_names(node).into_iter().collect());
        Self { index: GraphIndex::new(graph), graph, reads: reads.collect() }
    }

    pub(super) fn graph(&self) -> &'a proto::Graph {
        self.graph
    }

    pub(super) fn reads(&self, node: usize) -> &[&'a str] {
        &self.reads[node]
    }

    /// Returns true if a tensor is an initializer, or if a node in `constant` writes it, which is the
    /// result of [`Reach::constant`].
    pub(super) fn is_constant(&self, tensor: &str, constant: &HashSet<usize>) -> bool {
        self.index.initializers.contains_key(tensor)
            || self.index.producer_index(tensor).is_some_and(|i| constant.contains(&i))
    }

    /// Returns the nodes that these tensors depend on.
    pub(super) fn needed<'n>(
        &self,
        tensors: impl IntoIterator<Item = &'n str>,
    ) -> HashSet<usize> {
        let mut found = HashSet::new();
        let mut open: Vec<usize> = tensors
            .into_iter()
            .filter_map(|name| self.index.producer_index(name))
            .collect();
        while let Some(node) = open.pop() {
            if found.insert(node) {
                open.extend(
                    self.reads[node]
                        .iter()
                        .filter_map(|name| self.index.producer_index(name)),
                );
            }
        }
        found
    }

    /// Returns the nodes downstream of these; with `through_shapes`, also those that depend on the
    /// shape of a tensor.
    pub(super) fn downstream(
        &self,
        start: &HashSet<usize>,
        through_shapes: bool,
    ) -> HashSet<usize> {
        let mut readers: HashMap<usize, Vec<usize>> = HashMap::new();
        for (node, names) in self.reads.iter().enumerate() {
            for writer in names.iter().filter_map(|name| self.index.producer_index(name))
            {
                readers.entry(writer).or_default().push(node);
            }
        }
        let mut found: HashSet<usize> = HashSet::new();
        let mut open: Vec<usize> = start.iter().copied().collect();
        while let Some(node) = open.pop() {
            if (through_shapes || !self.is_shape(node)) && found.insert(node) {
                open.extend(readers.get(&node).into_iter().flatten());
            }
        }
        found
    }

    /// Returns the nodes among these that draw, themselves or in a subgraph.
    pub(super) fn draws(&self, nodes: &HashSet<usize>) -> HashSet<usize> {
        nodes.iter().copied().filter(|&node| draws(&self.graph.node[node])).collect()
    }

    /// Returns the nodes among these whose values or shapes depend on a draw.
    pub(super) fn random(&self, nodes: &HashSet<usize>) -> HashSet<usize> {
        let random = self.downstream(&self.draws(nodes), true);
        random.intersection(nodes).copied().collect()
    }

    /// Returns true if a node computes the shape of a tensor.
    pub(super) fn is_shape(&self, node: usize) -> bool {
        matches!(self.graph.node[node].op(), "Shape" | "Size")
    }

    /// Returns the nodes that depend only on constants.
    pub(super) fn constant(&self) -> HashSet<usize> {
        self.closed_over(|_| false)
    }

    /// Returns the nodes that are not constant and depend on tensors only through their shapes.
    pub(super) fn shape_arithmetic(&self, constant: &HashSet<usize>) -> HashSet<usize> {
        let either = self.closed_over(|node| self.is_shape(node));
        either.difference(constant).copied().collect()
    }

    /// Returns the largest set of nodes whose inputs are initializers or written by the set, plus the
    /// nodes for which `always` is true.
    fn closed_over(&self, always: impl Fn(usize) -> bool) -> HashSet<usize> {
        let is_open = |name: &str| !self.index.initializers.contains_key(name);
        let mut readers: HashMap<&str, Vec<usize>> = HashMap::new();
        // Number of inputs of each node that are not in the set yet; graph inputs never are.
        let mut waits: Vec<usize> = vec![0; self.reads.len()];
        for (node, names) in self.reads.iter().enumerate() {
            for &name in names.iter().filter(|name| is_open(name)) {
                readers.entry(name).or_default().push(node);
                waits[node] += 1;
            }
        }
        let mut found: HashSet<usize> = HashSet::new();
        let mut open: Vec<usize> =
            (0..waits.len()).filter(|&node| waits[node] == 0 || always(node)).collect();
        while let Some(node) = open.pop() {
            if !found.insert(node) {
                continue;
            }
            let outputs: HashSet<&str> =
                self.graph.node[node].output.iter().map(String::as_str).collect();
            for name in outputs {
                if self.index.producer_index(name) != Some(node) {
                    continue;
                }
                for &reader in readers.get(name).into_iter().flatten() {
                    waits[reader] -= 1;
                    if waits[reader] == 0 {
                        open.push(reader);
                    }
                }
            }
        }
        found
    }
}

/// Returns true if a node, or one in its subgraphs, is one of mcdrop's draws.
fn draws(node: &proto::Node) -> bool {
    node.domain.as_deref() == Some(operator::DOMAIN)
        || node.subgraphs().any(|subgraph| subgraph.node.iter().any(draws))
}
