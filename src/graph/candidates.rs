//! Places where dropout would stand: found by what the graph computes around them.
//!
//! Exporters leave no trace of a dropout in evaluation mode. The places are those where
//! published architectures have one: before the last layer, between an activation and a linear
//! layer, on attention weights, on the branch of a residual sum, where a decoder grows.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::reach::Reach;
use crate::onnx::{Model, proto};

/// Where in a network a candidate stands: a closed list.
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

/// For each node that leads to the output the nodes that read it.
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

    /// A node and all behind it.
    fn of(&self, at: usize) -> BTreeSet<usize> {
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
    /// Positions of the nodes that would run for every sample.
    pub fn downstream(&self) -> impl Iterator<Item = usize> {
        self.readers.of(self.at).into_iter()
    }
}

impl InsertionPoint {
    /// All, in the order of the documentation.
    pub const ALL: [Self; 5] =
        [Self::Head, Self::Linear, Self::Attention, Self::Residual, Self::Decoder];

    /// The name to type and in listings.
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

/// A node before which dropout can be put in.
#[derive(Debug, Clone, PartialEq)]
pub struct Candidate {
    /// Name of the node.
    pub node: String,
    /// Where it stands.
    pub place: InsertionPoint,
    /// The tensor that dropout would drop from.
    pub tensor: String,
    /// Position of the node in the graph.
    pub(crate) at: usize,
    /// What reads what: a set of nodes for each candidate would grow with the square of the graph.
    readers: Arc<ReaderGraph>,
}

/// Operators through which a score stays a score of its class and place.
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

/// Operators that only move or pool what they read.
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

/// The places of a model that lead to the heads, in graph order.
pub(super) fn candidates(model: &Model, heads: &[&str]) -> Vec<Candidate> {
    let look = CandidateSearch::new(model, heads);
    let mut found: Vec<(usize, InsertionPoint, String)> = Vec::new();
    let (heads, tail) = look.heads(heads);
    for &at in &look.order {
        let node = &model.graph.node[at];
        let mut push = |place, tensor: &str| found.push((at, place, tensor.to_owned()));
        if heads.contains(&at) {
            push(InsertionPoint::Head, look.data(node));
        } else if look.is_linear(node) && look.follows_activation(look.data(node)) {
            push(InsertionPoint::Linear, look.data(node));
        } else if let Some(weights) = look.attention_weights(node) {
            push(InsertionPoint::Attention, weights);
        } else if let Some(branch) = look.branch(node) {
            push(InsertionPoint::Residual, branch);
        } else if !tail.contains(&at) && look.is_decoder(node, &tail) {
            push(InsertionPoint::Decoder, look.data(node));
        }
    }
    let candidate = |(at, place, tensor): (usize, InsertionPoint, String)| Candidate {
        node: model.graph.node[at].label().to_owned(),
        place,
        tensor,
        at,
        readers: look.readers.clone(),
    };
    found.into_iter().map(candidate).collect()
}

/// The nodes that any node that is named leads to, and what it reads first that is no constant.
pub(super) fn before(model: &Model, heads: &[&str], at: usize) -> Option<Candidate> {
    let look = CandidateSearch::new(model, heads);
    let node = model.graph.node.get(at).filter(|_| look.needed.contains(&at))?;
    let tensor = look.data(node);
    (!tensor.is_empty()).then(|| Candidate {
        node: node.label().to_owned(),
        place: InsertionPoint::Linear,
        tensor: tensor.to_owned(),
        at,
        readers: look.readers.clone(),
    })
}

struct CandidateSearch<'a> {
    graph: &'a proto::Graph,
    reach: Reach<'a>,
    constant: HashSet<usize>,
    needed: HashSet<usize>,
    order: Vec<usize>,
    readers: Arc<ReaderGraph>,
    /// The nodes behind which a layer comes.
    before_layers: HashSet<usize>,
}

fn kind(node: &proto::Node) -> &str {
    node.op()
}

impl<'a> CandidateSearch<'a> {
    fn new(model: &'a Model, heads: &[&str]) -> Self {
        let reach = Reach::new(&model.graph);
        let constant = reach.constant();
        let needed = reach.needed(heads.iter().copied());
        let mut order: Vec<usize> = needed.iter().copied().collect();
        order.sort_unstable();
        let readers = Arc::new(ReaderGraph::new(&reach, &needed));
        let (graph, before_layers) = (&model.graph, HashSet::new());
        let mut look =
            Self { graph, reach, constant, needed, order, readers, before_layers };
        let layers = look.order.iter().filter(|&&i| look.is_layer(&look.graph.node[i]));
        let read = layers.flat_map(|&i| look.reach.reads(i)).copied();
        look.before_layers = look.reach.needed(read);
        look
    }

    fn is_constant(&self, tensor: &str) -> bool {
        self.reach.index.initializers.contains_key(tensor)
            || self
                .reach
                .index
                .producer_index(tensor)
                .is_some_and(|i| self.constant.contains(&i))
    }

    fn varying(&self, node: &'a proto::Node) -> Vec<&'a str> {
        let names = node.input.iter().filter(|name| !name.is_empty());
        names.map(String::as_str).filter(|name| !self.is_constant(name)).collect()
    }

    /// The first input that is no constant.
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
        matches!(kind(node), "Gemm" | "MatMul" | "FusedMatMul" | "QLinearMatMul")
            && self.has_weights(node)
    }

    fn is_layer(&self, node: &proto::Node) -> bool {
        self.is_linear(node)
            || (matches!(kind(node), "Conv" | "ConvTranspose" | "QLinearConv" | "Einsum")
                && self.has_weights(node))
    }

    /// The last layers behind a tensor, and the nodes after them.
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
            let passes = TAIL.contains(&kind(node))
                || matches!(kind(node), "Add" | "Sub" | "Concat" | "Sum")
                || (matches!(kind(node), "Mul" | "Div") && varying.len() == 1)
                || matches!(kind(node), "QuantizeLinear" | "DequantizeLinear");
            if passes && tail.len() < 256 && tail.insert(at) {
                let all = matches!(kind(node), "Add" | "Sub" | "Concat" | "Sum");
                open.extend(varying.into_iter().take(if all { usize::MAX } else { 1 }));
            }
        }
        (heads, tail)
    }

    /// Whether what moves and pools leads back to an activation.
    fn follows_activation(&self, tensor: &'a str) -> bool {
        let mut tensor = tensor;
        for _ in 0..8 {
            let Some((_, node)) = self.producer(tensor) else { return false };
            match kind(node) {
                operator if ACTIVATIONS.contains(&operator) => return true,
                "Mul" | "Div" => return self.is_activation_product(node),
                operator if MOVERS.contains(&operator) => tensor = self.data(node),
                _ => return false,
            }
        }
        false
    }

    /// A product such as `x * sigmoid(x)`, or the last one of a Gelu written out.
    fn is_activation_product(&self, node: &'a proto::Node) -> bool {
        let mut open: Vec<&str> = self.varying(node);
        for _ in 0..8 {
            let Some(tensor) = open.pop() else { return false };
            let Some((_, node)) = self.producer(tensor) else { continue };
            match kind(node) {
                "Erf" | "Sigmoid" | "Tanh" | "HardSigmoid" | "Softplus" => return true,
                "Mul" | "Add" | "Div" => open.extend(self.varying(node)),
                _ => {}
            }
        }
        false
    }

    /// The operand of a product of two tensors that comes out of a softmax.
    fn attention_weights(&self, node: &'a proto::Node) -> Option<&'a str> {
        let varying = self.varying(node);
        if !matches!(kind(node), "MatMul" | "FusedMatMul") || varying.len() != 2 {
            return None;
        }
        varying.into_iter().find(|tensor| {
            let mut tensor = *tensor;
            (0..4).any(|_| match self.producer(tensor) {
                Some((_, node)) if kind(node) == "Softmax" => true,
                Some((_, node)) if MOVERS.contains(&kind(node)) => {
                    tensor = self.data(node);
                    false
                }
                _ => false,
            })
        })
    }

    /// The nodes close behind a tensor.
    fn behind(&self, tensor: &str) -> BTreeSet<usize> {
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

    /// The operand of a sum that was computed from the other one.
    fn branch(&self, node: &'a proto::Node) -> Option<&'a str> {
        let varying = self.varying(node);
        let &[a, b] = &varying[..] else { return None };
        if kind(node) != "Add" || a == b {
            return None;
        }
        let (own_a, own_b) =
            (self.reach.index.producer_index(a), self.reach.index.producer_index(b));
        let (from_a, from_b) = (self.behind(a), self.behind(b));
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
                Some((at, node)) if GROWERS.contains(&kind(node)) => {
                    return !tail.contains(&at);
                }
                Some((_, node)) if kind(node) != "Concat" && !self.is_layer(node) => {
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
                kind(concat) == "Concat"
                    && self
                        .varying(concat)
                        .into_iter()
                        .any(|input| self.grows(input, tail))
            })
    }

    /// A layer over an enlarged map and its skip connection; an enlargement without one.
    fn is_decoder(&self, node: &'a proto::Node, tail: &HashSet<usize>) -> bool {
        if self.reads_grown_concat(node, tail) {
            return true;
        }
        if !GROWERS.contains(&kind(node)) {
            return false;
        }
        let Some(output) = node.output.first() else { return false };
        let Some(at) = self.reach.index.producer_index(output) else { return false };
        let readers = self.readers.0.get(at).into_iter().flatten();
        let is_joined = readers
            .map(|&i| &self.graph.node[i])
            .any(|reader| kind(reader) == "Concat" && reader.input.contains(output));
        !is_joined && self.before_layers.contains(&at)
    }
}
