//! Points where dropout could be inserted, found by what the graph computes around them.
//!
//! Exporters leave no trace of a dropout in evaluation mode. The points are those where
//! published architectures have one: before the last layer, between an activation and a linear
//! layer, on attention weights, on the branch of a residual sum, where a decoder grows.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::reach::Reach;
use crate::onnx::proto;

/// Kind of a point where dropout can be inserted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum InsertionPoint {
    /// Before the last linear or convolution layer of an output.
    Head,
    /// Between an activation and a linear layer.
    Linear,
    /// The attention weights, between softmax and product.
    Attention,
    /// The branch of a residual sum.
    Residual,
    /// Where a decoder grows: before a layer over an enlarged map and its skip connection, or
    /// before the enlargement.
    Decoder,
}

/// For each node that the output depends on, the nodes that read it.
#[derive(Debug, PartialEq, Eq)]
struct ReaderGraph(Vec<Vec<usize>>);

impl ReaderGraph {
    fn new(reach: &Reach, needed: &HashSet<usize>) -> Self {
        let mut readers =
            vec![Vec::new(); needed.iter().max().map_or(0, |last| last + 1)];
        for &node in needed {
            for writer in
                reach.reads(node).iter().filter_map(|n| reach.index.producer_index(n))
            {
                readers[writer].push(node);
            }
        }
        Self(readers)
    }

    /// Returns a node and all nodes downstream of it.
    fn downstream(&self, at: usize) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut open = vec![at];
        while let Some(node) = open.pop() {
            if found.insert(node) {
                open.extend(self.0.get(node).into_iter().flatten());
            }
        }
        found
    }
}

impl Candidate {
    /// Returns the positions of the nodes that would run for every sample.
    pub fn downstream(&self) -> impl Iterator<Item = usize> {
        self.readers.downstream(self.at).into_iter()
    }
}

impl InsertionPoint {
    /// All kinds, in the order of the documentation.
    pub const ALL: [Self; 5] =
        [Self::Head, Self::Linear, Self::Attention, Self::Residual, Self::Decoder];

    /// Returns the name on the command line and in listings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Linear => "linear",
            Self::Attention => "attention",
            Self::Residual => "residual",
            Self::Decoder => "decoder",
        }
    }
}

/// A node that dropout can be inserted before.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Name of the node.
    pub node: String,
    /// Kind of the insertion point.
    pub place: InsertionPoint,
    /// The tensor that dropout would be applied to.
    pub tensor: String,
    /// Position of the node in the graph.
    pub(crate) at: usize,
    /// Shared, since a set of nodes per candidate would grow with the square of the graph.
    readers: Arc<ReaderGraph>,
}

/// Operators that keep each score at its class and pixel.
const TAIL: [&str; 31] = [
    "Identity",
    "Cast",
    "Relu",
    "LeakyRelu",
    "PRelu",
    "Clip",
    "Sigmoid",
    "HardSigmoid",
    "Tanh",
    "Softmax",
    "LogSoftmax",
    "Softplus",
    "Flatten",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
    "Transpose",
    "Resize",
    "Upsample",
    "Pad",
    "Slice",
    "Crop",
    "GlobalAveragePool",
    "AveragePool",
    "MaxPool",
    "GlobalMaxPool",
    "ReduceMean",
    "BatchNormalization",
    "DepthToSpace",
    "ReduceSum",
    "ArgMax",
];

const ACTIVATIONS: [&str; 15] = [
    "Relu",
    "LeakyRelu",
    "PRelu",
    "Clip",
    "Gelu",
    "HardSwish",
    "Swish",
    "Mish",
    "Elu",
    "Selu",
    "Celu",
    "Sigmoid",
    "Tanh",
    "Softplus",
    "FastGelu",
];

/// Operators that only move or pool values.
const MOVERS: [&str; 14] = [
    "Identity",
    "Cast",
    "Flatten",
    "Reshape",
    "Squeeze",
    "Unsqueeze",
    "Transpose",
    "GlobalAveragePool",
    "AveragePool",
    "MaxPool",
    "ReduceMean",
    "Gather",
    "Slice",
    "GlobalMaxPool",
];

const GROWERS: [&str; 4] = ["Resize", "Upsample", "ConvTranspose", "DepthToSpace"];

/// Search for the candidates of a graph.
pub(super) struct CandidateSearch<'r, 'a> {
    graph: &'a proto::Graph,
    reach: &'r Reach<'a>,
    constant: HashSet<usize>,
    /// Positions of the nodes that the heads depend on, sorted.
    order: Vec<usize>,
    readers: Arc<ReaderGraph>,
    /// Nodes that a layer is downstream of.
    before_layers: HashSet<usize>,
}

impl<'r, 'a> CandidateSearch<'r, 'a> {
    /// `needed` are the nodes that the heads depend on.
    pub(super) fn new(
        graph: &'a proto::Graph,
        reach: &'r Reach<'a>,
        needed: &HashSet<usize>,
    ) -> Self {
        let constant = reach.constant();
        let mut order: Vec<usize> = needed.iter().copied().collect();
        order.sort_unstable();
        let readers = Arc::new(ReaderGraph::new(reach, needed));
        let before_layers = HashSet::new();
        let mut search = Self { graph, reach, constant, order, readers, before_layers };
        let layers =
            search.order.iter().filter(|&&i| search.is_layer(&search.graph.node[i]));
        let read = layers.flat_map(|&i| search.reach.reads(i)).copied();
        search.before_layers = search.reach.needed(read);
        search
    }

    /// Returns the candidates that lead to the heads, in graph order.
    pub(super) fn all(&self, heads: &[&'a str]) -> Vec<Candidate> {
        let (heads, tail) = self.heads(heads);
        let candidate = |&at: &usize| {
            let node = &self.graph.node[at];
            let (place, tensor) = if heads.contains(&at) {
                (InsertionPoint::Head, self.data(node))
            } else if self.is_linear(node) && self.follows_activation(self.data(node)) {
                (InsertionPoint::Linear, self.data(node))
            } else if let Some(weights) = self.attention_weights(node) {
                (InsertionPoint::Attention, weights)
            } else if let Some(branch) = self.branch(node) {
                (InsertionPoint::Residual, branch)
            } else if !tail.contains(&at) && self.is_decoder(node, &tail) {
                (InsertionPoint::Decoder, self.data(node))
            } else {
                return None;
            };
            Some(self.candidate(at, place, tensor))
        };
        self.order.iter().filter_map(candidate).collect()
    }

    /// Returns the candidate before any node, by its first input that is not a constant.
    pub(super) fn before(&self, at: usize) -> Option<Candidate> {
        self.order.binary_search(&at).ok()?;
        let tensor = self.data(&self.graph.node[at]);
        let place = InsertionPoint::Linear;
        (!tensor.is_empty()).then(|| self.candidate(at, place, tensor))
    }

    fn candidate(&self, at: usize, place: InsertionPoint, tensor: &str) -> Candidate {
        Candidate {
            node: self.graph.node[at].label().to_owned(),
            place,
            tensor: tensor.to_owned(),
            at,
            readers: self.readers.clone(),
        }
    }

    fn is_constant(&self, tensor: &str) -> bool {
        self.reach.is_constant(tensor, &self.constant)
    }

    fn varying(&self, node: &'a proto::Node) -> Vec<&'a str> {
        let names = node.input.iter().filter(|name| !name.is_empty());
        names.map(String::as_str).filter(|name| !self.is_constant(name)).collect()
    }

    /// Returns the first input that is not a constant.
    fn data(&self, node: &'a proto::Node) -> &'a str {
        self.varying(node).first().copied().unwrap_or_default()
    }

    fn producer(&self, tensor: &str) -> Option<(usize, &'a proto::Node)> {
        let at = self.reach.index.producer_index(tensor)?;
        Some((at, &self.graph.node[at]))
    }

    fn has_weights(&self, node: &proto::Node) -> bool {
        node.input.iter().take(2).any(|name| self.is_constant(name))
    }

    fn is_linear(&self, node: &proto::Node) -> bool {
        matches!(node.op(), "Gemm" | "MatMul" | "FusedMatMul" | "QLinearMatMul")
            && self.has_weights(node)
    }

    fn is_layer(&self, node: &proto::Node) -> bool {
        self.is_linear(node)
            || (matches!(node.op(), "Conv" | "ConvTranspose" | "QLinearConv" | "Einsum")
                && self.has_weights(node))
    }

    /// Returns the last layers before a tensor, and the nodes after them.
    fn heads(&self, tensors: &[&'a str]) -> (HashSet<usize>, HashSet<usize>) {
        let (mut heads, mut tail) = (HashSet::new(), HashSet::new());
        let mut open = tensors.to_vec();
        while let Some(tensor) = open.pop() {
            let Some((at, node)) = self.producer(tensor) else { continue };
            if self.is_layer(node) {
                heads.insert(at);
                continue;
            }
            let varying = self.varying(node);
            let passes = TAIL.contains(&node.op())
                || matches!(node.op(), "Add" | "Sub" | "Concat" | "Sum")
                || (matches!(node.op(), "Mul" | "Div") && varying.len() == 1)
                || matches!(node.op(), "QuantizeLinear" | "DequantizeLinear");
            if passes && tail.len() < 256 && tail.insert(at) {
                let all = matches!(node.op(), "Add" | "Sub" | "Concat" | "Sum");
                open.extend(varying.into_iter().take(if all { usize::MAX } else { 1 }));
            }
        }
        (heads, tail)
    }

    /// Returns true if a tensor is an activation, possibly moved or pooled.
    fn follows_activation(&self, tensor: &'a str) -> bool {
        let mut tensor = tensor;
        for _ in 0..8 {
            let Some((_, node)) = self.producer(tensor) else { return false };
            match node.op() {
                operator if ACTIVATIONS.contains(&operator) => return true,
                "Mul" | "Div" => return self.is_activation_product(node),
                operator if MOVERS.contains(&operator) => tensor = self.data(node),
                _ => return false,
            }
        }
        false
    }

    /// Returns true for products such as `x * sigmoid(x)`, or the last one of a Gelu.
    fn is_activation_product(&self, node: &'a proto::Node) -> bool {
        let mut open: Vec<&str> = self.varying(node);
        for _ in 0..8 {
            let Some(tensor) = open.pop() else { return false };
            let Some((_, node)) = self.producer(tensor) else { continue };
            match node.op() {
                "Erf" | "Sigmoid" | "Tanh" | "HardSigmoid" | "Softplus" => return true,
                "Mul" | "Add" | "Div" => open.extend(self.varying(node)),
                _ => {}
            }
        }
        false
    }

    /// Returns the operand of a product of two tensors that a softmax computes.
    fn attention_weights(&self, node: &'a proto::Node) -> Option<&'a str> {
        let varying = self.varying(node);
        if !matches!(node.op(), "MatMul" | "FusedMatMul") || varying.len() != 2 {
            return None;
        }
        varying.into_iter().find(|tensor| {
            let mut tensor = *tensor;
            (0..4).any(|_| match self.producer(tensor) {
                Some((_, node)) if node.op() == "Softmax" => true,
                Some((_, node)) if MOVERS.contains(&node.op()) => {
                    tensor = self.data(node);
                    false
                }
                _ => false,
            })
        })
    }

    /// Returns the closest nodes that a tensor is computed by.
    fn ancestors(&self, tensor: &str) -> BTreeSet<usize> {
        let mut found = BTreeSet::new();
        let mut open: std::collections::VecDeque<usize> =
            self.reach.index.producer_index(tensor).into_iter().collect();
        while let Some(node) = open.pop_front() {
            if found.len() < 96 && found.insert(node) {
                let reads = self.reach.reads(node).iter();
                open.extend(
                    reads.filter_map(|name| self.reach.index.producer_index(name)),
                );
            }
        }
        found
    }

    /// Returns the operand of a sum that is computed from the other one.
    fn branch(&self, node: &'a proto::Node) -> Option<&'a str> {
        let varying = self.varying(node);
        let &[a, b] = &varying[..] else { return None };
        if node.op() != "Add" || a == b {
            return None;
        }
        let (own_a, own_b) =
            (self.reach.index.producer_index(a), self.reach.index.producer_index(b));
        let (from_a, from_b) = (self.ancestors(a), self.ancestors(b));
        let reads = |nodes: &BTreeSet<usize>, tensor: &str| {
            nodes.iter().any(|&node| self.reach.reads(node).contains(&tensor))
        };
        let adds_layer = |nodes: &BTreeSet<usize>, others: &BTreeSet<usize>| {
            nodes.difference(others).any(|&node| self.is_layer(&self.graph.node[node]))
        };
        match (own_a, own_b) {
            _ if reads(&from_b, a) && adds_layer(&from_b, &from_a) => Some(b),
            _ if reads(&from_a, b) && adds_layer(&from_a, &from_b) => Some(a),
            // A projection on the shortcut: both come from one tensor, the branch is longer.
            (Some(_), Some(_)) if from_a.intersection(&from_b).next().is_some() => {
                let layers = |own: &BTreeSet<usize>, other: &BTreeSet<usize>| {
                    let only = own.difference(other);
                    only.filter(|&&node| self.is_layer(&self.graph.node[node])).count()
                };
                match (layers(&from_a, &from_b), layers(&from_b, &from_a)) {
                    (2.., 1) => Some(a),
                    (1, 2..) => Some(b),
                    _ => None,
                }
            }
            _ => None,
        }
    }

    fn grows(&self, tensor: &str, tail: &HashSet<usize>) -> bool {
        let mut tensor = tensor;
        for _ in 0..4 {
            match self.producer(tensor) {
                Some((at, node)) if GROWERS.contains(&node.op()) => {
                    return !tail.contains(&at);
                }
                Some((_, node)) if node.op() != "Concat" && !self.is_layer(node) => {
                    tensor = self.data(node);
                }
                _ => return false,
            }
        }
        false
    }

    fn reads_grown_concat(&self, node: &'a proto::Node, tail: &HashSet<usize>) -> bool {
        let producer = self.producer(self.data(node));
        self.is_layer(node)
            && producer.is_some_and(|(_, concat)| {
                concat.op() == "Concat"
                    && self
                        .varying(concat)
                        .into_iter()
                        .any(|input| self.grows(input, tail))
            })
    }

    /// Returns true for a layer over an enlarged map and its skip connection, and for an enlargement
    /// without one.
    fn is_decoder(&self, node: &'a proto::Node, tail: &HashSet<usize>) -> bool {
        if self.reads_grown_concat(node, tail) {
            return true;
        }
        if !GROWERS.contains(&node.op()) {
            return false;
        }
        let Some(output) = node.output.first() else { return false };
        let Some(at) = self.reach.index.producer_index(output) else { return false };
        let readers = self.readers.0.get(at).into_iter().flatten();
        let is_joined = readers
            .map(|&i| &self.graph.node[i])
            .any(|reader| reader.op() == "Concat" && reader.input.contains(output));
        !is_joined && self.before_layers.contains(&at)
    }
}
