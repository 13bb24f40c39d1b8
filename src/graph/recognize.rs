//! Detection of sites by what the graph computes, not by how it is named.
//!
//! # How recognition works
//! Exporters and authors write dropout in dozens of ways: one `Dropout` node; a uniform draw that
//! is compared, cast, multiplied and scaled; a `Where`; a `Bernoulli` mask; a mask of ones that
//! is dropped. A list of patterns would never be complete. Instead, every random tensor is
//! followed through the graph by abstract interpretation: for each tensor that depends on one
//! draw, [`follow`] tracks what it contains, in a domain of three elements.
//!
//! | element | content of the tensor | example |
//! |---|---|---|
//! | [`Tracked::Uniform`](follow::Tracked) | uniform in [low, high) | `RandomUniformLike`, `0.8 + rand(x)` |
//! | [`Tracked::Two`](follow::Tracked) | one of two constants, with a probability | `rand(x) < 0.8`, its cast, that divided by 0.8 |
//! | [`Tracked::Applied`](follow::Tracked) | values of another tensor `x`, under one of two affine maps | `x * mask / 0.8`, `where(mask, x, 0)` |
//!
//! The rules are few. A constant shifts and scales each element of the domain; a comparison with a
//! constant (or `Floor`) turns a uniform draw into two values; a product, a `Where` or a sum with
//! a tensor that is neither constant nor tracked applies the two values to that tensor. Where an
//! applied mask reaches an operator without a rule, the tensor there is the output of the
//! dropout: its ratio is the probability of the map with factor 0, and its scale, shift and
//! dropped value are read from the maps. `x` and the shape of the draw tell along which axes the
//! mask varies ([`shape`]), which tells channels and whole images (stochastic depth) from
//! elements.
//!
//! If the draw itself reaches an operator without a rule, it is not a mask: the site is noise, or a
//! block of dropped pixels if `MaxPool` follows, and the random tensor is replaced as it is
//! ([`random`]). `Dropout` nodes are sites by themselves ([`dropout`]); only if they drop
//! constant ones are they followed as masks too.
//!
//! Each graph is visited in the order of the file, and each subgraph (the branches of an `If`,
//! the body of a `Loop`) where the node that contains it appears. Functions were inlined before.
//! A [`DetectedSite`] states what is drawn, and for each application the nodes to replace;
//! `apply.rs` builds the replacement.
//!
//! # To add a site pattern
//! - Another way to compute a mask from a draw: one arm in [`follow`]'s `step`.
//! - Another random operator: [`RANDOM`], and an arm in [`random`]'s `start` (if its values can be
//!   followed) or `stochastic_node` (if it is noise).
//! - A mask that needs other nodes in its place: one variant of `DrawSource` (`site.rs`), and in
//!   `apply.rs` its nodes and the names of its tensors.
//!
//! Then export a model with it and add it to `fixtures/exports`: the tests there sample it and
//! compare its sites with those of the other exporter.

mod dropout;
mod follow;
mod module;
mod random;
mod shape;

use std::collections::{HashMap, HashSet};

use super::site::{DetectedSite, SubgraphPath, SubgraphStep};
use crate::error::Result;
use crate::onnx::{GraphIndex, Model, captured_names, float_scalar, proto};

/// Deepest nesting of subgraphs that is searched; real files stay below.
const DEEPEST: usize = 32;

/// Operators that draw random numbers.
pub(super) const RANDOM: [&str; 6] = [
    "RandomUniform",
    "RandomUniformLike",
    "RandomNormal",
    "RandomNormalLike",
    "Bernoulli",
    "Multinomial",
];

/// A graph of the model, or a subgraph, with what is known of the graphs around it.
pub(super) struct Scope<'a> {
    pub(super) model: &'a Model,
    pub(super) graph: &'a proto::Graph,
    pub(super) index: &'a GraphIndex<'a>,
    /// Tensors that depend only on constants, of this graph and those around it.
    constants: HashSet<&'a str>,
    /// Positions of the nodes that read each tensor, in order.
    readers: HashMap<&'a str, Vec<usize>>,
    outputs: HashSet<&'a str>,
    /// Names of the enclosing nodes, each followed by `/`.
    prefix: String,
    path: SubgraphPath,
    /// Iteration counter of the enclosing loop.
    iteration: Option<&'a str>,
}

/// Finds all sites of a model, live and inert.
pub(super) fn recognize(model: &Model) -> Result<Vec<DetectedSite>> {
    let mut found = Vec::new();
    let index = GraphIndex::new(&model.graph);
    let scope = Scope {
        model,
        graph: &model.graph,
        index: &index,
        constants: constants(&model.graph, &HashSet::new()),
        readers: readers(&model.graph),
        outputs: outputs(&model.graph),
        prefix: String::new(),
        path: Vec::new(),
        iteration: None,
    };
    in_graph(&scope, &mut found)?;
    Ok(found)
}

/// Returns true for operators that draw random numbers.
pub(super) fn is_random(node: &proto::Node) -> bool {
    node.is_one_of(&RANDOM)
}

pub(super) fn is_dropout(node: &proto::Node) -> bool {
    node.is("Dropout")
}

fn in_graph(scope: &Scope, found: &mut Vec<DetectedSite>) -> Result<()> {
    for (at, node) in scope.graph.node.iter().enumerate() {
        if is_dropout(node) {
            found.push(dropout::site(scope, at, node));
        } else if is_random(node) {
            found.push(random::site(scope, at, node));
        }
        if scope.path.len() >= DEEPEST {
            continue;
        }
        for (attribute, held) in node.attribute.iter().enumerate() {
            for (subgraph, graph) in held.subgraphs().enumerate() {
                let step = SubgraphStep { node: at, attribute, subgraph };
                in_subgraph(scope, step, graph, found)?;
            }
        }
    }
    Ok(())
}

fn in_subgraph(
    outer: &Scope,
    step: SubgraphStep,
    graph: &proto::Graph,
    found: &mut Vec<DetectedSite>,
) -> Result<()> {
    let node = &outer.graph.node[step.node];
    let index = GraphIndex::inside(graph, Some(outer.index));
    let mut path = outer.path.clone();
    path.push(step);
    let counter = graph.input.first().and_then(|value| value.name.as_deref());
    let scope = Scope {
        model: outer.model,
        graph,
        index: &index,
        constants: constants(graph, &outer.constants),
        readers: readers(graph),
        outputs: outputs(graph),
        prefix: format!("{}{}/", outer.prefix, node.label()),
        path,
        iteration: if node.is("Loop") { counter } else { outer.iteration },
    };
    in_graph(&scope, found)
}

fn readers(graph: &proto::Graph) -> HashMap<&str, Vec<usize>> {
    let mut readers: HashMap<&str, Vec<usize>> = HashMap::new();
    for (at, node) in graph.node.iter().enumerate() {
        for name in captured_names(node) {
            readers.entry(name).or_default().push(at);
        }
    }
    readers
}

fn outputs(graph: &proto::Graph) -> HashSet<&str> {
    graph.output.iter().filter_map(|value| value.name.as_deref()).collect()
}

/// Returns the tensors that depend only on constants, of a graph and of those around it.
fn constants<'a>(graph: &'a proto::Graph, outer: &HashSet<&'a str>) -> HashSet<&'a str> {
    let mut found = outer.clone();
    for input in graph.input.iter().filter_map(|value| value.name.as_deref()) {
        found.remove(input);
    }
    found.extend(graph.initializer.iter().filter_map(|tensor| tensor.name.as_deref()));
    for node in &graph.node {
        let fixed = captured_names(node).iter().all(|name| found.contains(name));
        for output in node.output.iter().filter(|name| !name.is_empty()) {
            if fixed && !is_random(node) && !is_dropout(node) {
                found.insert(output);
            } else {
                found.remove(output.as_str());
            }
        }
    }
    found
}

impl<'a> Scope<'a> {
    /// Returns the name of a tensor of this graph in the whole model.
    fn full_name(&self, tensor: &str) -> String {
        format!("{}{tensor}", self.prefix)
    }

    fn is_constant(&self, tensor: &str) -> bool {
        self.constants.contains(tensor)
    }

    /// Returns the value of all elements of a tensor, if the file makes them equal for every shape.
    fn fill_value(&self, tensor: &str) -> Option<f32> {
        if let Some(value) = float_scalar(self.model, self.index, tensor) {
            return Some(value);
        }
        let mut name = tensor;
        // Ends in cyclic graphs too.
        for _ in 0..8 {
            if let Some(tensor) = self.index.initializer(name) {
                return shape::filled(self.model, tensor);
            }
            let node = self.index.producer(name)?;
            match node.op() {
                "Identity" | "Cast" | "Expand" | "Reshape" | "Unsqueeze" => {
                    name = node.input.first()?;
                }
                "ConstantOfShape" => {
                    let value = node.attribute.iter().find_map(|a| a.t.as_ref());
                    return value.map_or(Some(0.0), |t| shape::filled(self.model, t));
                }
                "Constant" => {
                    let value = node.attribute.iter().find_map(|a| a.t.as_ref())?;
                    return shape::filled(self.model, value);
                }
                _ => return float_scalar(self.model, self.index, name),
            }
        }
        None
    }

    /// Returns the nodes of this graph that read a tensor, with their positions.
    fn readers(&self, tensor: &str) -> impl Iterator<Item = (usize, &'a proto::Node)> {
        let graph = self.graph;
        self.readers.get(tensor).into_iter().flatten().map(|&at| (at, &graph.node[at]))
    }
}
