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

use super::site::{DetectedSite, SubgraphPath, SubgraphStep};
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
    path: SubgraphPath,
    /// The counter of the loop around it.
    iteration: Option<&'a str>,
}

/// Finds all sites, live and inert.
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

/// Whether an operator draws random numbers by itself.
pub(super) fn is_random(node: &proto::Node) -> bool {
    node.is_one_of(&RANDOM)
}

pub(super) fn is_dropout(node: &proto::Node) -> bool {
    node.is("Dropout")
}

fn in_graph(scope: &Scope, found: &mut Vec<DetectedSite>) -> Result<()> {
    for (at, node) in scope.graph.node.iter().enumerate() {
        if is_dropout(node) {
            found.push(dropout::site(scope, at, node)?);
        } else if is_random(node) {
            found.push(random::site(scope, at, node));
        } else if is_restored(node) {
            restored::add(found, restored::site(scope, at, node)?);
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
