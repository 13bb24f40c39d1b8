//! Models that were truncated or changed: an error or a model, never a panic, never a hang.

use std::fs;
use std::sync::mpsc;
use std::time::Duration;

use mcdrop::graph::{Plan, ScoresOption};
use mcdrop::onnx::Model;
use mcdrop::sampling::model_input;
use proptest::prelude::*;

use crate::fixture;

/// Time limit, much longer than any of these small files needs on a busy machine.
const PATIENCE: Duration = Duration::from_mins(5);

/// Mostly models whose graph is larger than their weights, so that changes hit it.
const MODELS: &[&str] = &[
    "models/digits.onnx",
    "models/digits-dynamo.onnx",
    "fixtures/traps/resize-to-input.onnx",
    "fixtures/traps/windowed-attention.onnx",
    "fixtures/traps/sigmoid-resize.onnx",
    "fixtures/traps/low-resolution.onnx",
    "fixtures/traps/sigmoid-clip.onnx",
    "fixtures/traps/dynamic-quantize.onnx",
];

#[derive(Debug, Clone)]
enum Change {
    Cut(prop::sample::Index),
    Set(Vec<(prop::sample::Index, u8)>),
    Repeat(prop::sample::Index, prop::sample::Index),
    Remove(prop::sample::Index, u8),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        at().prop_map(Change::Cut),
        prop::collection::vec((at(), any::<u8>()), 1..6).prop_map(Change::Set),
        (at(), at()).prop_map(|(from, to)| Change::Repeat(from, to)),
        (at(), 1..32_u8).prop_map(|(from, length)| Change::Remove(from, length)),
    ]
}

fn apply(content: &mut Vec<u8>, change: &Change) {
    if content.is_empty() {
        return;
    }
    let place = |at: &prop::sample::Index, length: usize| at.index(length);
    match change {
        Change::Cut(at) => content.truncate(place(at, content.len())),
        Change::Set(bytes) => {
            for (at, byte) in bytes {
                let at = place(at, content.len());
                content[at] = *byte;
            }
        }
        Change::Repeat(from, to) => {
            let (a, b) = (place(from, content.len()), place(to, content.len()));
            let part = content[a.min(b)..a.max(b)].to_vec();
            content.splice(a.min(b)..a.min(b), part);
        }
        Change::Remove(from, length) => {
            let from = place(from, content.len());
            let to = content.len().min(from + usize::from(*length));
            content.drain(from..to);
        }
    }
}

fn bytes(name: &str) -> Vec<u8> {
    fs::read(fixture::path(name)).unwrap()
}

/// Returns the result of opening and cutting a model of these bytes.
fn opened(content: &[u8]) -> Result<usize, String> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.onnx");
    fs::write(&path, content).unwrap();
    // One of the models has its weights there.
    let data = "digits-dynamo.onnx.data";
    fs::copy(fixture::path("models").join(data), folder.path().join(data)).unwrap();
    let (send, receive) = mpsc::channel();
    let worker = std::thread::spawn(move || {
        let text = |error: mcdrop::Error| error.to_string();
        let result = Model::open(&path).map_err(text).and_then(|model| {
            let plan = Plan::new(model, None, ScoresOption::Auto).map_err(text)?;
            let _ = model_input(&plan);
            Ok(plan.sites().len())
        });
        let _ = send.send(result);
    });
    match receive.recv_timeout(PATIENCE) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("it does not end"),
        Err(mpsc::RecvTimeoutError::Disconnected) => {
            panic!("it panicked: {:?}", worker.join())
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_changed_model_is_an_error_or_a_model(
        name in prop::sample::select(MODELS),
        changes in prop::collection::vec(change(), 1..4),
    ) {
        let mut content = bytes(name);
        for change in &changes {
            apply(&mut content, change);
        }
        if let Err(message) = opened(&content) {
            prop_assert!(!message.is_empty());
        }
    }

    #[test]
    fn bytes_of_any_kind_are_an_error_or_a_model(
        content in prop::collection::vec(any::<u8>(), 0..300),
        begins_as_a_model in any::<bool>(),
    ) {
        let begin: &[u8] = if begins_as_a_model { b"\x08\x08\x3a" } else { b"" };
        let _ = opened(&[begin, &content].concat());
    }
}

#[test]
fn unchanged_models_can_be_cut() {
    for name in MODELS {
        assert!(opened(&bytes(name)).unwrap() > 0, "{name}");
    }
}

/// Encodes a bytes or message field of protocol buffers.
fn field(number: usize, content: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for mut value in [number << 3 | 2, content.len()] {
        while value >= 128 {
            bytes.push((value % 128 + 128) as u8);
            value /= 128;
        }
        bytes.push(value as u8);
    }
    bytes.extend(content);
    bytes
}

#[test]
fn bodies_that_nest_without_end_are_an_error() {
    let mut graph = Vec::new();
    for _ in 0..5000 {
        // graph.node.attribute.g
        graph = field(1, &field(5, &field(6, &graph)));
    }
    let content = [&[8, 8][..], &field(7, &graph)].concat();
    assert!(opened(&content).is_err());
}

#[test]
fn functions_that_call_each_other_twice_are_refused_before_they_are_expanded() {
    let mut content = bytes("fixtures/traps/low-resolution.onnx");
    let name = |i: usize| format!("f{i}");
    let call = |i: usize| [field(4, name(i).as_bytes()), field(7, b"own")].concat();
    for i in 0..30 {
        let twice = [field(7, &call(i + 1)), field(7, &call(i + 1))].concat();
        let function = [field(1, name(i).as_bytes()), twice, field(10, b"own")].concat();
        content.extend(field(25, &function));
    }
    // The graph gets one more node, which no dropout depends on.
    let caller = [call(0), field(1, b"image"), field(2, b"logits")].concat();
    content.extend(field(7, &field(1, &caller)));
    // 2^30 calls would never end.
    let message = opened(&content).unwrap_err();
    assert!(message.contains("with all calls replaced"), "{message}");
}

#[test]
fn a_long_graph_in_reverse_order_is_looked_through_soon() {
    let mut content = bytes("fixtures/traps/low-resolution.onnx");
    let mut nodes = Vec::new();
    for i in (0..60_000).rev() {
        let (from, to) = (format!("t{i}"), format!("t{}", i + 1));
        let node = [
            field(1, if i == 0 { b"stem.weight" } else { from.as_bytes() }),
            field(2, to.as_bytes()),
            field(4, b"Neg"),
        ];
        nodes.extend(field(1, &node.concat()));
    }
    content.extend(field(7, &nodes));
    assert_eq!(opened(&content), Ok(1));
}
