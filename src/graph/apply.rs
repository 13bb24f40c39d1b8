//! Draws put in place: each application becomes a node of ours, or what it is without randomness.
//!
//! Ours know nothing of rows, seeds and sessions yet; [`Plan`](super::Plan) adds that.

use std::collections::{BTreeMap, HashMap};

use super::site::{Application, Draw, Found, Source, Steps};
use crate::onnx::proto::{self, Attribute};
use crate::onnx::{ElementType, captured_names};
use crate::operator;

/// How an application is put in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// As a node of ours with this number.
    Ours(usize),
    /// As it is without randomness.
    Off,
}

/// The graph with every application in place.
pub(super) fn apply(
    graph: &mut proto::Graph,
    found: &[Found],
    place: &dyn Fn(usize, usize) -> Place,
) {
    let mut changes: BTreeMap<&Steps, Changes> = BTreeMap::new();
    for (i, found) in found.iter().enumerate() {
        for (j, application) in found.applications.iter().enumerate() {
            rewire(graph, application);
            let nodes = nodes(found, application, place(i, j));
            changes.entry(&application.steps).or_default().add(application, nodes);
        }
    }
    // The innermost bodies first: the way to them counts nodes that the others move.
    let mut changes: Vec<(&Steps, Changes)> = changes.into_iter().collect();
    changes.sort_by_key(|(steps, _)| std::cmp::Reverse(steps.len()));
    for (steps, changes) in changes {
        if let Some(graph) = descend(graph, steps) {
            changes.make(graph);
        }
    }
}

/// New nodes of one graph, by the positions of the old ones.
#[derive(Default)]
struct Changes {
    before: HashMap<usize, Vec<proto::Node>>,
    instead: HashMap<usize, Vec<proto::Node>>,
}

impl Changes {
    fn add(&mut self, application: &Application, nodes: Vec<proto::Node>) {
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

fn descend<'a>(
    graph: &'a mut proto::Graph,
    steps: &[(usize, usize, usize)],
) -> Option<&'a mut proto::Graph> {
    let mut graph = graph;
    for &(node, attribute, number) in steps {
        let attribute = graph.node.get_mut(node)?.attribute.get_mut(attribute)?;
        let mut bodies = attribute.subgraphs_mut();
        graph = bodies.nth(number)?;
    }
    Some(graph)
}

/// Lets the readers of an inserted draw read what it writes.
fn rewire(graph: &mut proto::Graph, application: &Application) {
    let (Some(readers), Source::Values(input)) =
        (&application.readers, &application.input)
    else {
        return;
    };
    let Some(graph) = descend(graph, &application.steps) else { return };
    for &reader in readers {
        let read =
            graph.node.get_mut(reader).into_iter().flat_map(|node| &mut node.input);
        for name in read.filter(|name| *name == input) {
            application.output.clone_into(name);
        }
    }
}

fn nodes(found: &Found, application: &Application, place: Place) -> Vec<proto::Node> {
    let output = &application.output;
    let label = label(found, application);
    match &application.input {
        Source::Values(input) => vec![match place {
            Place::Off => named(label, node("Identity", &[input], output)),
            Place::Ours(number) => {
                ours(operator::DROPOUT, label, application, (input, output), number)
            }
        }],
        Source::Like(tensor, kind) => {
            let shape = format!("mcdrop::shape::{output}");
            let mut nodes = vec![node("Shape", &[tensor], &shape)];
            nodes.extend(noise(found, application, place, (&shape, *kind)));
            nodes
        }
        Source::Shape(sizes, kind) => {
            let shape = format!("mcdrop::shape::{output}");
            let mut nodes = vec![constant(&shape, sizes)];
            nodes.extend(noise(found, application, place, (&shape, *kind)));
            nodes
        }
        Source::Sizes(sizes) => {
            noise(found, application, place, (sizes, ElementType::F32))
        }
        Source::Masked(like, kind, values) => {
            masked(found, application, place, (like, *kind, values))
        }
        Source::Bernoulli(tensor, kind) => {
            bernoulli(found, application, place, tensor, *kind)
        }
    }
}

/// The name of the node that draws: the file's own where it is replaced, since names are unique.
fn label<'a>(found: &'a Found, application: &'a Application) -> &'a str {
    let is_first =
        found.applications.first().is_some_and(|first| first.at == application.at);
    if is_first && application.readers.is_none() {
        &found.site.node
    } else {
        &application.output
    }
}

/// Noise of a shape, cast to the type that the file's own had.
fn noise(
    found: &Found,
    application: &Application,
    place: Place,
    (shape, kind): (&str, ElementType),
) -> Vec<proto::Node> {
    let output = &application.output;
    let label = label(found, application);
    let single = if kind == ElementType::F32 {
        output.clone()
    } else {
        format!("mcdrop::noise::{output}")
    };
    let drawn = match place {
        Place::Ours(number) => {
            ours(operator::NOISE, label, application, (shape, &single), number)
        }
        Place::Off => {
            let value = match found.draw {
                Draw::Uniform { off, .. } => off,
                Draw::Normal { mean, .. } => mean,
                Draw::Dropout(_) => 0.0,
            };
            named(label, filled(shape, value, &single))
        }
    };
    let mut nodes = vec![drawn];
    if kind != ElementType::F32 {
        nodes.push(cast(&single, kind, output));
    }
    nodes
}

/// Ones that are dropped from, and what they are multiplied with.
fn masked(
    found: &Found,
    application: &Application,
    place: Place,
    (like, kind, values): (&str, ElementType, &str),
) -> Vec<proto::Node> {
    let output = &application.output;
    let name = |step: &str| format!("mcdrop::{step}::{output}");
    let label = label(found, application);
    let (ones, mask) = (name("ones"), name("mask"));
    let mut nodes = vec![
        node("Shape", &[like], &name("shape")),
        filled(&name("shape"), 1.0, &ones),
        match place {
            Place::Ours(number) => {
                ours(operator::DROPOUT, &mask, application, (&ones, &mask), number)
            }
            Place::Off => node("Identity", &[&ones], &mask),
        },
    ];
    let factor = if kind == ElementType::F32 { mask } else { name("factor") };
    if kind != ElementType::F32 {
        nodes.push(cast(&name("mask"), kind, &factor));
    }
    nodes.push(named(label, node("Mul", &[values, &factor], output)));
    nodes
}

/// 1 where a uniform number lies below the probability, else 0.
fn bernoulli(
    found: &Found,
    application: &Application,
    place: Place,
    probability: &str,
    kind: ElementType,
) -> Vec<proto::Node> {
    let output = &application.output;
    let name = |step: &str| format!("mcdrop::{step}::{output}");
    let inner = Application { output: name("uniform"), ..application.clone() };
    let mut nodes = vec![node("Shape", &[probability], &name("shape"))];
    nodes.extend(noise(found, &inner, place, (&name("shape"), ElementType::F32)));
    nodes.push(cast(probability, ElementType::F32, &name("probability")));
    nodes.push(node("Less", &[&name("uniform"), &name("probability")], &name("below")));
    nodes.push(cast(&name("below"), kind, output));
    nodes
}

fn ours(
    operator: &str,
    label: &str,
    application: &Application,
    (input, output): (&str, &str),
    number: usize,
) -> proto::Node {
    let mut inputs = vec![input];
    inputs.extend(application.iteration.as_deref());
    let ours = proto::Node {
        domain: Some(operator::DOMAIN.to_owned()),
        attribute: vec![Attribute::int(operator::ORDINAL, number as i64)],
        ..node(operator, &inputs, output)
    };
    named(label, ours)
}

fn named(label: &str, node: proto::Node) -> proto::Node {
    proto::Node { name: Some(label.to_owned()), ..node }
}

/// A tensor of a shape with one value.
pub(super) fn filled(shape: &str, value: f32, output: &str) -> proto::Node {
    let value = proto::Tensor::from_bytes(ElementType::F32, &[1], &value.to_le_bytes());
    node("ConstantOfShape", &[shape], output).with(Attribute::tensor("value", value))
}

/// A constant list of integers.
pub(super) fn constant(output: &str, sizes: &[i64]) -> proto::Node {
    let bytes: Vec<u8> = sizes.iter().flat_map(|size| size.to_le_bytes()).collect();
    let count = sizes.len() as i64;
    let value = proto::Tensor::from_bytes(ElementType::I64, &[count], &bytes);
    node("Constant", &[], output).with(Attribute::tensor("value", value))
}

fn cast(input: &str, element_type: ElementType, output: &str) -> proto::Node {
    let to = Attribute::int("to", element_type.number().into());
    node("Cast", &[input], output).with(to)
}

/// A node of a standard operator, named after what it writes.
pub(super) fn node(kind: &str, inputs: &[&str], output: &str) -> proto::Node {
    proto::Node::new(kind, inputs, &[output]).named(output)
}

/// Removes nodes that nothing needs, in bodies too: what is left of replaced masks may not even
/// run.
pub(super) fn remove_dead(graph: &mut proto::Graph) {
    for body in graph.node.iter_mut().flat_map(|node| &mut node.attribute) {
        let bodies = body.subgraphs_mut();
        bodies.for_each(remove_dead);
    }
    let mut wanted: std::collections::HashSet<String> =
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
