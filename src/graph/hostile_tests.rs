//! Models that nobody means well with: an error with a way out or a plan, soon, and never a
//! panic.

mod changes;
mod graphs;
mod sizes;
mod values;

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use prost::Message as _;

use super::made::{model, node};
use super::{Plan, ScoresOption, SiteOptions, inspect};
use crate::onnx::{Model, proto};

/// A model by what is wrong with it.
type Case = (String, proto::Model);

/// What became of a file.
#[derive(Debug, Clone, PartialEq)]
enum End {
    Planned,
    Refused(String),
}

/// Opens, writes, plans and inspects a file.
fn look(path: &Path) -> End {
    let message = |error: &crate::Error| {
        let text = error.to_string();
        assert!(!text.is_empty() && error.hint().is_some(), "no way out: {text}");
        text
    };
    let model = match Model::open(path) {
        Ok(model) => model,
        Err(error) => return End::Refused(message(&error)),
    };
    assert!(!model.encode().is_empty());
    let options = SiteOptions::default();
    if let Err(error) = inspect(&model, None, &options) {
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

/// The same for bytes, on a thread with as little stack as any has.
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

/// A model with a live dropout of what the nodes write as `x`, and `y` behind it.
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
fn the_model_that_the_others_are_made_of_can_be_planned() {
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
    // What comes behind the last needed field may be missing.
    assert!(refused + 64 > base.len(), "{refused} of {}", base.len());
}
