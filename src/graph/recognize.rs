//! Every place of randomness in a model, by what the graph computes and not by how it is named.
//!
//! Nodes are looked at in the order of the file, those in bodies of `If` and `Loop` where the
//! node that holds them stands. A `Dropout` node is a site by itself; a random tensor becomes
//! one by what it is used for ([`follow`]).

mod dropout;
mod follow;
mod module;
mod random;
mod restored;
mod shape;

pub(super) use restored::is_restored;

use std::collections::{HashMap, HashSet};

use super::site::{Found, Steps};
use crate::error::Result;
use crate::onnx::{GraphIndex, Model, captured_names, float_scalar, proto};

/// Bodies nest less deep than this in any real file.
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

/// A graph of the model, or a body in it, with what is known around it.
pub(super) struct Scope<'a> {
    pub(super) model: &'a Model,
    pub(super) graph: &'a proto::Graph,
    pub(super) index: &'a GraphIndex<'a>,
    /// Tensors that depend on constants alone, of this graph and those around it.
    constants: HashSet<&'a str>,
    /// Positions of the nodes that read each tensor, in order.
    readers: HashMap<&'a str, Vec<usize>>,
    outputs: HashSet<&'a str>,
    /// Names of the nodes around it, each followed by `/`.
    prefix: String,
    steps: Steps,
    /// The counter of the loop around it.
    iteration: Option<&'a str>,
}

/// Finds all sites, live and inert.
pub(super) fn recognize(model: &Model) -> Result<Vec<Found>> {
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
        steps: Vec::new(),
        iteration: None,
    };
    in_graph(&scope, &mut found)?;
    Ok(found)
}

/// Whether an operator draws random numbers by itself.
pub(super) fn is_random(node: &proto::Node) -> bool {
    node.is_one_of(&RANDOM)
}

pub(super) fn is_dropout(node: &proto::Node) -> bool {
    node.is("Dropout")
}

fn in_graph(scope: &Scope, found: &mut Vec<Found>) -> Result<()> {
    for (at, node) in scope.graph.node.iter().enumerate() {
        if is_dropout(node) {
            found.push(dropout::site(scope, at, node)?);
        } else if is_random(node) {
            found.push(random::site(scope, at, node));
        } else if is_restored(node) {
            restored::add(found, restored::site(scope, at, node)?);
        }
        if scope.steps.len() >= DEEPEST {
            continue;
        }
        for (attribute, held) in node.attribute.iter().enumerate() {
            let graphs = held.subgraphs();
            for (number, body) in graphs.enumerate() {
                in_body(scope, (at, node), (attribute, number, body), found)?;
            }
        }
    }
    Ok(())
}

fn in_body(
    around: &Scope,
    (at, node): (usize, &proto::Node),
    (attribute, number, body): (usize, usize, &proto::Graph),
    found: &mut Vec<Found>,
) -> Result<()> {
    let index = GraphIndex::inside(body, Some(around.index));
    let mut steps = around.steps.clone();
    steps.push((at, attribute, number));
    let counter = body.input.first().and_then(|value| value.name.as_deref());
    let is_loop = node.is("Loop");
    let scope = Scope {
        model: around.model,
        graph: body,
        index: &index,
        constants: constants(body, &around.constants),
        readers: readers(body),
        outputs: outputs(body),
        prefix: format!("{}{}/", around.prefix, node.label()),
        steps,
        iteration: if is_loop { counter } else { around.iteration },
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

/// The tensors of a graph that depend on constants alone, and those of the graphs around it.
fn constants<'a>(graph: &'a proto::Graph, around: &HashSet<&'a str>) -> HashSet<&'a str> {
    let mut found = around.clone();
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
    /// The name by which a tensor is known in the whole model.
    fn full_name(&self, tensor: &str) -> String {
        format!("{}{tensor}", self.prefix)
    }

    fn is_constant(&self, tensor: &str) -> bool {
        self.constants.contains(tensor)
    }

    /// The one value that all elements of a tensor have, where the file says so whatever its
    /// shape.
    fn fill_value(&self, tensor: &str) -> Option<f32> {
        if let Some(value) = float_scalar(self.model, self.index, tensor) {
            return Some(value);
        }
        let mut name = tensor;
        // A cyclic graph must not keep us here.
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

    /// The nodes of this graph that read a tensor, with their positions.
    fn readers(&self, tensor: &str) -> impl Iterator<Item = (usize, &'a proto::Node)> {
        let graph = self.graph;
        self.readers.get(tensor).into_iter().flatten().map(|&at| (at, &graph.node[at]))
    }
}
