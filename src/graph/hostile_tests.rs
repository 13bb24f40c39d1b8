//! Adversarial models: loading returns a plan or an error with a hint, quickly, and never panics.

mod changes;
mod graphs;
mod sizes;
mod values;

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use prost::Message as _;

use super::made::{model, node};
use super::{HeadOptions, Plan, ScoresOption, SiteOptions, inspect};
use crate::onnx::{Model, proto};

/// A model and its fault.
type Case = (String, proto::Model);

/// Outcome of loading a file.
#[derive(Debug, Clone, PartialEq)]
enum End {
    Planned,
    Refused(String),
}

/// Opens, writes, plans and inspects a file.
fn look(path: &Path) -> End {
    let message = |error: &crate::Error| {
        let text = error.to_string();
        assert!(!text.is_empty() && error.hint().is_some(), "no hint: {text}");
        text
    };
    let model = match Model::open(path) {
        Ok(model) => model,
        Err(error) => return End::Refused(message(&error)),
    };
    assert!(!model.encode().is_empty());
    let options = SiteOptions::default();
    if let Err(error) = inspect(&model, &HeadOptions::default(), &options) {
        message(&error);
    }
    match Plan::new(model, None, ScoresOption::Auto) {
        Ok(plan) => {
            assert!(!plan.sites().is_empty());
            assert!(plan.prefix().is_none_or(|prefix| !prefix.is_empty()));
            End::Planned
        }
        Err(error) => End::Refused(message(&error)),
    }
}

/// Loads a model from bytes, on a thread with a default stack.
fn end(name: &str, content: &[u8]) -> End {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    std::fs::write(&path, content).unwrap();
    let (send, receive) = mpsc::channel();
    let worker = std::thread::spawn(move || drop(send.send(look(&path))));
    match receive.recv_timeout(Duration::from_mins(5)) {
        Ok(end) => end,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{name}: it does not end"),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            panic!("{name}: it panicked: {:?}", worker.join())
        }
    }
}

/// Returns how each case of a table ends.
fn all_end(cases: Vec<Case>) -> Vec<(String, End)> {
    let case = |(name, model): Case| {
        let found = end(&name, &model.encode_to_vec());
        (name, found)
    };
    cases.into_iter().map(case).collect()
}

/// Creates a model with a live dropout that reads `x` of the nodes and writes `y`.
fn dropped(mut nodes: Vec<proto::Node>) -> proto::Model {
    nodes.push(node("Dropout", &["x", "ratio", "truth"], &["y"]));
    whole(&model(nodes, &["y"], Vec::new()))
}

fn whole(model: &Model) -> proto::Model {
    let mut graph = model.graph.clone();
    graph.initializer.push(proto::Tensor {
        name: Some("ratio".to_owned()),
        data_type: Some(1),
        float_data: vec![0.25],
        ..proto::Tensor::default()
    });
    model.with_graph(graph)
}

fn graph(model: &mut proto::Model) -> &mut proto::Graph {
    model.graph.as_mut().unwrap()
}

#[test]
fn the_base_of_the_adversarial_models_can_be_planned() {
    let base = dropped(vec![node("Relu", &["image"], &["x"])]);
    assert_eq!(end("base", &base.encode_to_vec()), End::Planned);
}

#[test]
fn a_model_cut_at_any_byte_is_refused_or_still_whole() {
    let base = dropped(vec![node("Relu", &["image"], &["x"])]).encode_to_vec();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    let mut refused = 0;
    for length in 0..base.len() {
        std::fs::write(&path, &base[..length]).unwrap();
        refused += usize::from(look(&path) != End::Planned);
    }
    // Fields after the last needed one may be missing.
    assert!(refused + 64 > base.len(), "{refused} of {}", base.len());
}
