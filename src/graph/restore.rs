//! A converted file read back: what draws in it becomes a node of ours again, and the inputs
//! that it drew from go.
//!
//! The file's own entry ([`Converted`]) says where its sites are. Nothing of it is taken that the
//! graph does not bear out: nodes, inputs and outputs must be where it says.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;

use super::apply;
use super::converted::{Converted, ConvertedDraw};
use crate::error::{Error, Result};
use crate::onnx::{Model, proto};
use crate::operator;
use crate::random::site_key;

/// Attribute of a restored node: the JSON of what is said of it.
pub(super) const SAID: &str = "said";
/// How far a site's node lies behind what it drops from.
const FURTHEST: usize = 8;

const HINT: &str = "the file was changed after `mcdrop convert` wrote it: convert the model again, \
                    or remove the entry \"mcdrop\" from its metadata";

/// The model with the nodes of its entry restored; as it is where there is no entry.
///
/// # Errors
/// If there is an entry and it does not fit the graph.
pub fn restore(mut model: Model) -> Result<Model> {
    let Some(entry) = read(&model)? else { return Ok(model) };
    let path = model.path().to_owned();
    let refused = |message: String| {
        Error::model(&path, format!("its entry \"mcdrop\" {message}")).with_hint(HINT)
    };
    let mut said: HashMap<&str, &ConvertedDraw> = HashMap::new();
    for draw in &entry.sites {
        if site_key(&draw.tensor) != u64::from_str_radix(&draw.key, 16).unwrap_or(0) {
            let node = &draw.node;
            return Err(refused(format!(
                "has a key for node \"{node}\" that is not its tensor's"
            )));
        }
        if said.insert(&draw.node, draw).is_some() {
            return Err(refused(format!("names node \"{}\" twice", draw.node)));
        }
    }
    let mut graph = std::mem::take(&mut model.graph);
    let mut inputs: HashSet<&str> = entry.inputs.all().collect();
    graph.input.retain(|value| !inputs.remove(value.name.as_deref().unwrap_or_default()));
    if let Some(missing) = inputs.into_iter().next() {
        return Err(refused(format!("names an input \"{missing}\" that is not there")));
    }
    let mut writers = HashMap::new();
    collect(&graph, &mut writers);
    let reached: HashSet<&str> = said
        .values()
        .filter(|draw| reaches(&writers, draw))
        .map(|d| d.node.as_str())
        .collect();
    let mut found = HashSet::new();
    put_back(&mut graph, &said, &reached, &mut found);
    if let Some(draw) = entry.sites.iter().find(|draw| !found.contains(&draw.node)) {
        return Err(refused(format!(
            "names a node \"{}\" from \"{}\" to \"{}\" that is not there",
            draw.node, draw.input, draw.output
        )));
    }
    apply::remove_dead(&mut graph);
    // Their names are free again.
    let is_ours = |name: &str| {
        name.starts_with("mcdrop/") || entry.inputs.all().any(|input| input == name)
    };
    graph.initializer.retain(|t| !t.name.as_deref().is_some_and(is_ours));
    model.graph = graph;
    let key = |e: &proto::StringEntry| e.key.as_deref() != Some(Converted::METADATA);
    model.shell.metadata_props.retain(key);
    Ok(model)
}

/// What a file says of itself; `None` where it says nothing.
fn read(model: &Model) -> Result<Option<Converted>> {
    let entries = model.shell.metadata_props.iter();
    let mut ours = entries.filter(|e| e.key.as_deref() == Some(Converted::METADATA));
    let Some(text) = ours.next().and_then(|entry| entry.value.as_deref()) else {
        return Ok(None);
    };
    let refused = |message: String, hint: &str| {
        Err(Error::model(model.path(), format!("its entry \"mcdrop\" {message}"))
            .with_hint(hint))
    };
    let version = serde_json::from_str::<serde_json::Value>(text)
        .ok()
        .and_then(|value| value.get("version")?.as_u64());
    match version {
        Some(version) if version > u64::from(Converted::VERSION) => {
            let message = format!("is of version {version}, where 1 is known");
            return refused(
                message,
                "use the mcdrop that converted the file, or a newer one",
            );
        }
        _ => {}
    }
    match serde_json::from_str(text) {
        Ok(entry) => Ok(Some(entry)),
        Err(error) => refused(format!("cannot be read: {error}"), HINT),
    }
}

/// The inputs of the node that writes each tensor, in bodies too.
fn collect(graph: &proto::Graph, writers: &mut HashMap<String, Vec<String>>) {
    for node in &graph.node {
        for output in &node.output {
            writers.insert(output.clone(), node.input.clone());
        }
        node.subgraphs().for_each(|body| collect(body, writers));
    }
}

/// Whether a site's output comes from its input in a few steps.
fn reaches(writers: &HashMap<String, Vec<String>>, draw: &ConvertedDraw) -> bool {
    let mut open = HashSet::from([draw.output.as_str()]);
    for _ in 0..FURTHEST {
        let before = open.iter().filter_map(|name| writers.get(*name)).flatten();
        open = before.map(String::as_str).collect();
        if open.contains(draw.input.as_str()) {
            return true;
        }
    }
    false
}

fn put_back(
    graph: &mut proto::Graph,
    said: &HashMap<&str, &ConvertedDraw>,
    reached: &HashSet<&str>,
    found: &mut HashSet<String>,
) {
    for node in &mut graph.node {
        let name = node.name.as_deref().unwrap_or_default();
        if let Some(draw) = said.get(name).filter(|_| reached.contains(name))
            && node.output == [draw.output.as_str()]
            && matches!(node.op(), "Where" | "Mul")
            && found.insert(draw.node.clone())
        {
            *node = restored(draw);
            continue;
        }
        for attribute in &mut node.attribute {
            let held = attribute.g.as_deref_mut().into_iter();
            held.chain(&mut attribute.graphs)
                .for_each(|body| put_back(body, said, reached, found));
        }
    }
}

fn restored(draw: &ConvertedDraw) -> proto::Node {
    let text = serde_json::to_vec(draw).unwrap_or_default();
    let said = proto::Attribute {
        name: Some(SAID.to_owned()),
        r#type: Some(3),
        s: Some(Bytes::from(text)),
        ..proto::Attribute::default()
    };
    let is_noise = draw.values.is_none();
    let operator = if is_noise { operator::NOISE } else { operator::DROPOUT };
    let mut node = apply::node(operator, &[&draw.input], &draw.output);
    node.domain = Some(operator::DOMAIN.to_owned());
    node.name = Some(draw.original.clone());
    node.attribute = vec![said];
    node
}
