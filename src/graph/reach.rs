//! What depends on what: nodes an output needs, constants, shape arithmetic, randomness.

use std::collections::{HashMap, HashSet};

use crate::onnx::{GraphIndex, captured_names, proto};

/// Sets of node positions in one graph.
#[derive(Debug)]
pub(super) struct Reach<'a> {
    pub(super) index: GraphIndex<'a>,
    graph: &'a proto::Graph,
    /// What each node reads, with what its bodies capture.
    reads: Vec<Vec<&'a str>>,
}

impl<'a> Reach<'a> {
    pub(super) fn new(graph: &'a proto::Graph) -> Self {
        let reads =
            graph.node.iter().map(|node| captured_names(node).into_iter().collect());
        Self { index: GraphIndex::new(graph), graph, reads: reads.collect() }
    }

    pub(super) fn reads(&self, node: usize) -> &[&'a str] {
        &self.reads[node]
    }

    /// The nodes that these tensors need.
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

    /// The nodes downstream of these; `through_shapes` says whether the shape of a tensor
    /// counts as depending on it.
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

    /// Whether a node turns a tensor into its shape.
    pub(super) fn is_shape(&self, node: usize) -> bool {
        matches!(self.graph.node[node].op(), "Shape" | "Size")
    }

    /// The nodes fed by constants alone.
    pub(super) fn constant(&self) -> HashSet<usize> {
        self.closed_over(|_| false)
    }

    /// The nodes that are not constant and depend on tensors only through their shapes.
    pub(super) fn shape_arithmetic(&self, constant: &HashSet<usize>) -> HashSet<usize> {
        let either = self.closed_over(|node| self.is_shape(node));
        either.difference(constant).copied().collect()
    }

    /// The nodes whose every input is an initializer or written by a node of the set itself;
    /// `always` holds whatever it reads.
    fn closed_over(&self, always: impl Fn(usize) -> bool) -> HashSet<usize> {
        let is_open = |name: &str| !self.index.initializers.contains_key(name);
        let mut readers: HashMap<&str, Vec<usize>> = HashMap::new();
        // How many inputs of each node are not known to be fed; those of the graph never are.
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
