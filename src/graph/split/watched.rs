//! A side of the cut that tells of each tensor how many of its values are no finite numbers.
//!
//! Values are counted inside the graph, so that tensors are given up as soon as they are
//! counted: a run takes hardly more memory than one that tells nothing.

use std::collections::HashSet;

use bytes::Bytes;
use prost::Message as _;

use super::{Plan, SuffixKind, TypedTensor, node};
use crate::error::{Error, Result};
use crate::onnx::{captured_names, proto, untyped};

/// A model whose outputs are counts, [`Watched::COUNTS`] of each tensor.
#[derive(Debug)]
pub(crate) struct Watched {
    pub(crate) model: Vec<u8>,
    /// The nodes that depend on what goes into the model, in the order they run.
    pub(crate) nodes: Vec<WatchedNode>,
    /// The tensors, in the order of the outputs: NaN, infinite and minus infinite values, each
    /// a number of type f32.
    pub(crate) tensors: Vec<String>,
}

/// A node with what it reads and writes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct WatchedNode {
    pub(crate) name: String,
    pub(crate) operator: String,
    /// Tensors that depend on what goes into the model.
    pub(crate) inputs: Vec<String>,
    /// Tensors that do not.
    pub(crate) constants: Vec<String>,
    pub(crate) outputs: Vec<String>,
}

impl Watched {
    /// Outputs for a tensor.
    pub(crate) const COUNTS: usize = 3;

    /// The model with these tensors themselves as its outputs.
    pub(crate) fn exposing(side: Vec<u8>, tensors: &[&str]) -> Result<Vec<u8>> {
        let (mut model, mut graph) = decode(side)?;
        graph.output.clear();
        for (i, tensor) in tensors.iter().enumerate() {
            let seen = format!("mcdrop::seen::{i}");
            graph.node.push(node("Identity", &[tensor], &seen));
            graph.output.push(untyped(&seen));
        }
        model.graph = Some(graph);
        Ok(model.encode_to_vec())
    }

    fn new(side: Vec<u8>) -> Result<Self> {
        let (mut model, mut graph) = decode(side)?;
        let nodes = watched_nodes(&graph);
        let written = nodes.iter().filter(|node| is_numeric(&node.operator));
        let mut tensors: Vec<String> =
            graph.input.iter().filter_map(|input| input.name.clone()).collect();
        tensors.extend(written.flat_map(|node| node.outputs.clone()));
        graph.output.clear();
        for (i, tensor) in tensors.iter().enumerate() {
            for output in count(&mut graph.node, tensor, i) {
                graph.output.push(untyped(&output));
            }
        }
        model.graph = Some(graph);
        Ok(Self { model: model.encode_to_vec(), nodes, tensors })
    }
}

impl Plan {
    /// The prefix, watched; `None` where there is none.
    pub(crate) fn watched_prefix(&self) -> Result<Option<Watched>> {
        self.prefix().map(Watched::new).transpose()
    }

    /// The suffix, watched.
    pub(crate) fn watched_suffix(
        &self,
        inputs: &[TypedTensor],
        kind: SuffixKind,
    ) -> Result<Watched> {
        Watched::new(self.suffix(inputs, kind))
    }
}

fn decode(side: Vec<u8>) -> Result<(proto::Model, proto::Graph)> {
    let unreadable = |error: String| Error::runtime("looking into the graph", error);
    let mut model = proto::Model::decode(Bytes::from(side))
        .map_err(|error| unreadable(error.to_string()))?;
    let graph = model.graph.take();
    let graph = graph.ok_or_else(|| unreadable("it is empty".to_owned()))?;
    Ok((model, graph))
}

fn watched_nodes(graph: &proto::Graph) -> Vec<WatchedNode> {
    let mut moving: HashSet<&str> =
        graph.input.iter().filter_map(|input| input.name.as_deref()).collect();
    let mut found = Vec::new();
    for node in &graph.node {
        let operator = node.op().to_owned();
        let (inputs, constants): (Vec<&str>, Vec<&str>) =
            captured_names(node).into_iter().partition(|name| moving.contains(name));
        // What it holds does not depend on the shape that it is given.
        if inputs.is_empty() || operator == "ConstantOfShape" {
            continue;
        }
        let owned = |names: Vec<&str>| names.into_iter().map(str::to_owned).collect();
        let outputs = || node.output.iter().filter(|name| !name.is_empty());
        moving.extend(outputs().map(String::as_str));
        found.push(WatchedNode {
            name: node.label().to_owned(),
            operator,
            inputs: owned(inputs),
            constants: owned(constants),
            outputs: outputs().cloned().collect(),
        });
    }
    found
}

/// Whether an operator writes tensors of numbers, not sequences, optionals or strings.
pub(in crate::graph) fn is_numeric(operator: &str) -> bool {
    let other = ["Sequence", "Optional", "String", "Split"];
    operator == "Split" || !other.iter().any(|prefix| operator.starts_with(prefix))
}

/// Adds the nodes that count a tensor's values; the names of their outputs.
fn count(nodes: &mut Vec<proto::Node>, tensor: &str, i: usize) -> [String; 3] {
    let int = proto::Attribute::int;
    let single = |nodes: &mut Vec<proto::Node>, from: &str, to: &str| {
        let attribute = vec![int("to", 1)];
        nodes.push(proto::Node { attribute, ..node("Cast", &[from], to) });
    };
    let values = format!("mcdrop::values::{i}");
    single(nodes, tensor, &values);
    let kinds = [("IsNaN", None), ("IsInf", Some((0, 1))), ("IsInf", Some((1, 0)))];
    let names = ["nan", "high", "low"];
    std::array::from_fn(|kind| {
        let name = |step: &str| format!("mcdrop::{}::{step}::{i}", names[kind]);
        let (operator, sides) = kinds[kind];
        let attribute = sides.map(|(low, high)| {
            vec![int("detect_negative", low), int("detect_positive", high)]
        });
        nodes.push(proto::Node {
            attribute: attribute.unwrap_or_default(),
            ..node(operator, &[&values], &name("is"))
        });
        single(nodes, &name("is"), &name("one"));
        nodes.push(proto::Node {
            attribute: vec![int("keepdims", 0)],
            ..node("ReduceSum", &[&name("one")], &name("sum"))
        });
        name("sum")
    })
}
