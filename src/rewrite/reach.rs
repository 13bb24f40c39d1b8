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
        matches!(self.graph.node[node].op_type.as_deref(), Some("Shape" | "Size"))
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
        let mut found: HashSet<usize> = HashSet::new();
        loop {
            let before = found.len();
            for node in 0..self.reads.len() {
                let fed = |name: &&str| {
                    self.index.initializers.contains_key(*name)
                        || self
                            .index
                            .producer_index(name)
                            .is_some_and(|i| found.contains(&i))
                };
                if always(node) || self.reads[node].iter().all(fed) {
                    found.insert(node);
                }
            }
            if found.len() == before {
                return found;
            }
        }
    }
}
