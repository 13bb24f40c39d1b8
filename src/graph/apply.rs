//! Replacement of recognized sites by stochastic nodes, or by nodes without randomness.
//!
//! The stochastic nodes know nothing of batch axes, seeds and sessions yet; [`Plan`](super::Plan)
//! adds that.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::site::{
    DetectedSite, DrawSource, MaskApplication, StochasticNode, SubgraphPath, SubgraphStep,
};
use crate::onnx::proto::{self, Attribute};
use crate::onnx::{ElementType, captured_names};
use crate::operator;

/// Replacement of a mask application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Replacement {
    /// The stochastic node of this number.
    Stochastic(usize),
    /// The same application without randomness.
    Deterministic,
}

/// Replaces every mask application of the sites in a graph; `replacement` takes the positions of
/// a site and of its application.
pub(super) fn apply(
    graph: &mut proto::Graph,
    sites: &[DetectedSite],
    replacement: &dyn Fn(usize, usize) -> Replacement,
) {
    let mut changes: BTreeMap<&SubgraphPath, NodeChanges> = BTreeMap::new();
    for (i, site) in sites.iter().enumerate() {
        for (j, application) in site.applications.iter().enumerate() {
            redirect_readers(graph, application);
            let nodes = NodeBuilder { site, application, replacement: replacement(i, j) };
            changes.entry(&application.path).or_default().add(application, nodes.build());
        }
    }
    // The innermost subgraphs first: the paths to them count nodes that the others move.
    let mut changes: Vec<(&SubgraphPath, NodeChanges)> = changes.into_iter().collect();
    changes.sort_by_key(|(path, _)| std::cmp::Reverse(path.len()));
    for (path, changes) in changes {
        if let Some(graph) = subgraph_mut(graph, path) {
            changes.make(graph);
        }
    }
}

/// New nodes of one graph, by the positions of the old ones.
#[derive(Default)]
struct NodeChanges {
    before: HashMap<usize, Vec<proto::Node>>,
    instead: HashMap<usize, Vec<proto::Node>>,
}

impl NodeChanges {
    fn add(&mut self, application: &MaskApplication, nodes: Vec<proto::Node>) {
        let inserted = application.readers.is_some();
        let list = if inserted { &mut self.before } else { &mut self.instead };
        let known = list.entry(application.at).or_default();
        let replaced = if inserted { 0 } else { known.len().min(1) };
        known.splice(..replaced, nodes);
    }

    fn make(mut self, graph: &mut proto::Graph) {
        let old = std::mem::take(&mut graph.node);
        let count = old.len();
        for (at, node) in old.into_iter().enumerate() {
            graph.node.extend(self.before.remove(&at).into_iter().flatten());
            match self.instead.remove(&at) {
                Some(nodes) => graph.node.extend(nodes),
                None => graph.node.push(node),
            }
        }
        graph.node.extend(self.before.remove(&count).into_iter().flatten());
    }
}

fn subgraph_mut<'a>(
    graph: &'a mut proto::Graph,
    path: &[SubgraphStep],
) -> Option<&'a mut proto::Graph> {
    let mut graph = graph;
    for step in path {
        let node = graph.node.get_mut(step.node)?;
        let attribute = node.attribute.get_mut(step.attribute)?;
        graph = attribute.subgraphs_mut().nth(step.subgraph)?;
    }
    Some(graph)
}

/// Makes the readers of inserted dropout read its output instead of its input.
fn redirect_readers(graph: &mut proto::Graph, application: &MaskApplication) {
    let (Some(readers), DrawSource::Data { tensor }) =
        (&application.readers, &application.source)
    else {
        return;
    };
    let Some(graph) = subgraph_mut(graph, &application.path) else { return };
    for &reader in readers {
        let read =
            graph.node.get_mut(reader).into_iter().flat_map(|node| &mut node.input);
        for name in read.filter(|name| *name == tensor) {
            application.output.clone_into(name);
        }
    }
}

/// Names of the tensors that the stochastic node of an application reads and writes.
pub(super) struct DrawnTensors {
    pub(super) input: String,
    pub(super) output: String,
}

impl DrawnTensors {
    pub(super) fn of(application: &MaskApplication) -> Self {
        let name = |step| step_name(application, step);
        let output = |element_type: ElementType| match element_type {
            ElementType::F32 => application.output.clone(),
            _ => name("noise"),
        };
        let (input, output) = match &application.source {
            DrawSource::Data { tensor } => (tensor.clone(), application.output.clone()),
            DrawSource::NoiseLike { element_type, .. }
            | DrawSource::NoiseOfSizes { element_type, .. } => {
                (name("shape"), output(*element_type))
            }
            DrawSource::MaskProduct { .. } => (name("ones"), name("mask")),
            DrawSource::Bernoulli { .. } => (name("shape"), name("uniform")),
        };
        Self { input, output }
    }
}

/// Name of an intermediate tensor of a replacement.
fn step_name(application: &MaskApplication, step: &str) -> String {
    format!("mcdrop::{step}::{}", application.output)
}

/// Builds the nodes that take the place of one application.
struct NodeBuilder<'a> {
    site: &'a DetectedSite,
    application: &'a MaskApplication,
    replacement: Replacement,
}

impl NodeBuilder<'_> {
    fn build(&self) -> Vec<proto::Node> {
        let output = &self.application.output;
        let drawn = DrawnTensors::of(self.application);
        let name = |step| step_name(self.application, step);
        match &self.application.source {
            DrawSource::Data { .. } => vec![self.dropout(&drawn, self.label())],
            DrawSource::NoiseLike { tensor, element_type } => {
                let mut nodes = vec![node("Shape", &[tensor], &drawn.input)];
                nodes.push(self.noise(&drawn, self.draw_label(&drawn)));
                nodes.extend(cast_unless_f32(&drawn.output, *element_type, output));
                nodes
            }
            DrawSource::NoiseOfSizes { sizes, element_type } => {
                let mut nodes = vec![constant(&drawn.input, sizes)];
                nodes.push(self.noise(&drawn, self.draw_label(&drawn)));
                nodes.extend(cast_unless_f32(&drawn.output, *element_type, output));
                nodes
            }
            DrawSource::MaskProduct { like, data, element_type } => {
                let mut nodes = vec![
                    node("Shape", &[like], &name("shape")),
                    filled(&name("shape"), 1.0, &drawn.input),
                    self.dropout(&drawn, &drawn.output),
                ];
                let mut factor = drawn.output.clone();
                if *element_type != ElementType::F32 {
                    nodes.push(cast(&drawn.output, *element_type, &name("factor")));
                    factor = name("factor");
                }
                nodes.push(node("Mul", &[data, &factor], output).named(self.label()));
                nodes
            }
            DrawSource::Bernoulli { probabilities, element_type } => {
                let probability = name("probability");
                let below = name("below");
                vec![
                    node("Shape", &[probabilities], &drawn.input),
                    self.noise(&drawn, self.draw_label(&drawn)),
                    cast(probabilities, ElementType::F32, &probability),
                    node("Less", &[&drawn.output, &probability], &below),
                    cast(&below, *element_type, output),
                ]
            }
        }
    }

    /// Name of the node that draws: that of the file's own node if it is replaced, since names
    /// are unique.
    fn label(&self) -> &str {
        if self.keeps_node_name() {
            &self.site.site.node
        } else {
            &self.application.output
        }
    }

    /// Returns the name of a node that draws and does not write the output itself. A site without a
    /// name has that of the output, which the node that writes it gets.
    fn draw_label<'b>(&'b self, drawn: &'b DrawnTensors) -> &'b str {
        let label = self.label();
        if label == self.application.output { &drawn.output } else { label }
    }

    fn keeps_node_name(&self) -> bool {
        let first = self.site.applications.first();
        let is_first = first.is_some_and(|first| first.at == self.application.at);
        is_first && self.application.readers.is_none()
    }

    fn dropout(&self, drawn: &DrawnTensors, label: &str) -> proto::Node {
        match self.replacement {
            Replacement::Stochastic(number) => {
                self.stochastic(operator::DROPOUT, drawn, number)
            }
            Replacement::Deterministic => {
                node("Identity", &[&drawn.input], &drawn.output)
            }
        }
        .named(label)
    }

    fn noise(&self, drawn: &DrawnTensors, label: &str) -> proto::Node {
        match (self.replacement, &self.site.draw) {
            (Replacement::Stochastic(number), _) => {
                self.stochastic(operator::NOISE, drawn, number)
            }
            (Replacement::Deterministic, draw) => {
                let value = match draw {
                    StochasticNode::Uniform { off, .. } => *off,
                    StochasticNode::Normal { mean, .. } => *mean,
                    StochasticNode::Dropout(_) => 0.0,
                };
                filled(&drawn.input, value, &drawn.output)
            }
        }
        .named(label)
    }

    fn stochastic(
        &self,
        operator: &str,
        drawn: &DrawnTensors,
        number: usize,
    ) -> proto::Node {
        let mut inputs = vec![drawn.input.as_str()];
        inputs.extend(self.application.iteration.as_deref());
        proto::Node {
            domain: Some(operator::DOMAIN.to_owned()),
            ..node(operator, &inputs, &drawn.output)
        }
        .with(Attribute::int(operator::ORDINAL, number as i64))
    }
}

/// Creates a node that writes a tensor of a shape and of one value.
pub(super) fn filled(shape: &str, value: f32, output: &str) -> proto::Node {
    let value = proto::Tensor::from_bytes(ElementType::F32, &[1], &value.to_le_bytes());
    node("ConstantOfShape", &[shape], output).with(Attribute::tensor("value", value))
}

/// Creates a node that writes a constant list of integers.
pub(super) fn constant(output: &str, values: &[i64]) -> proto::Node {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let count = values.len() as i64;
    let value = proto::Tensor::from_bytes(ElementType::I64, &[count], &bytes);
    node("Constant", &[], output).with(Attribute::tensor("value", value))
}

fn cast(input: &str, element_type: ElementType, output: &str) -> proto::Node {
    let to = Attribute::int("to", element_type.number().into());
    node("Cast", &[input], output).with(to)
}

fn cast_unless_f32(
    input: &str,
    element_type: ElementType,
    output: &str,
) -> Option<proto::Node> {
    (element_type != ElementType::F32).then(|| cast(input, element_type, output))
}

/// Creates a node of a standard operator, named after the tensor that it writes.
pub(super) fn node(operator: &str, inputs: &[&str], output: &str) -> proto::Node {
    proto::Node::new(operator, inputs, &[output]).named(output)
}

/// Removes nodes that nothing needs, in subgraphs too: remains of replaced masks may not even
/// run.
pub(super) fn remove_dead(graph: &mut proto::Graph) {
    graph.node.iter_mut().flat_map(proto::Node::subgraphs_mut).for_each(remove_dead);
    let mut wanted: HashSet<String> =
        graph.output.iter().filter_map(|value| value.name.clone()).collect();
    let mut kept: Vec<bool> = vec![false; graph.node.len()];
    // Nodes come after what they read: one pass from the last to the first finds all.
    for (i, node) in graph.node.iter().enumerate().rev() {
        kept[i] = node.output.iter().any(|name| wanted.contains(name));
        if kept[i] {
            wanted.extend(captured_names(node).into_iter().map(str::to_owned));
        }
    }
    let mut kept = kept.into_iter();
    graph.node.retain(|_| kept.next().unwrap_or(true));
}
