//! Committed models, their structure changed at random.

use std::path::Path;

use proptest::prelude::*;
use proptest::sample::Index;
use proptest::test_runner::RngSeed;
use prost::Message as _;

use super::{End, end};
use crate::onnx::{Model, proto};

const MODELS: &[&str] = &[
    "fixtures/traps/low-resolution.onnx",
    "fixtures/traps/windowed-attention.onnx",
    "fixtures/traps/bernoulli.onnx",
    "fixtures/exports/loop-legacy-17.onnx",
    "fixtures/exports/function-nested.onnx",
    "fixtures/exports/drop-block-legacy-17.onnx",
    "fixtures/exports/alpha-dynamo.onnx",
    "fixtures/exports/mask-where-dynamo.onnx",
    "fixtures/exports/dropout2d-dynamo.onnx",
    "fixtures/exports/branch-dynamo.onnx",
];

const OPERATORS: [&str; 12] = [
    "Dropout",
    "Identity",
    "Cast",
    "Constant",
    "If",
    "Loop",
    "Shape",
    "Concat",
    "Mul",
    "Softmax",
    "RandomUniformLike",
    "",
];
const NUMBERS: [i64; 9] = [0, 1, -1, 2, 12, 255, 1 << 40, i64::MAX, i64::MIN];

#[derive(Debug, Clone, Copy)]
enum Change {
    /// Input of one node becomes that of another, or what a later node writes.
    Rewire(Index, Index, Index),
    Rename(Index, Index),
    Delete(Index),
    Repeat(Index, Index),
    Swap(Index, Index),
    Operator(Index, Index),
    Domain(Index),
    Attribute(Index, Index, Index),
    Unsaid(Index),
    /// Attributes of one node are given to another.
    Give(Index, Index),
    Sizes(Index, Index),
    Type(Index, Index),
    Initializer(Index, Index),
    Opset(Index),
    Output(Index),
    Byte(Index, u8),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        3 => (at(), at(), at()).prop_map(|(a, b, c)| Change::Rewire(a, b, c)),
        1 => (at(), at()).prop_map(|(a, b)| Change::Rename(a, b)),
        1 => at().prop_map(Change::Delete),
        1 => (at(), at()).prop_map(|(a, b)| Change::Repeat(a, b)),
        1 => (at(), at()).prop_map(|(a, b)| Change::Swap(a, b)),
        2 => (at(), at()).prop_map(|(a, b)| Change::Operator(a, b)),
        1 => at().prop_map(Change::Domain),
        2 => (at(), at(), at()).prop_map(|(a, b, c)| Change::Attribute(a, b, c)),
        1 => at().prop_map(Change::Unsaid),
        1 => (at(), at()).prop_map(|(a, b)| Change::Give(a, b)),
        1 => (at(), at()).prop_map(|(a, b)| Change::Sizes(a, b)),
        1 => (at(), at()).prop_map(|(a, b)| Change::Type(a, b)),
        1 => (at(), at()).prop_map(|(a, b)| Change::Initializer(a, b)),
        1 => at().prop_map(Change::Opset),
        1 => at().prop_map(Change::Output),
        1 => (at(), any::<u8>()).prop_map(|(a, b)| Change::Byte(a, b)),
    ]
}

fn one<T>(list: &mut [T], at: Index) -> Option<&mut T> {
    (!list.is_empty()).then(|| &mut list[at.index(list.len())])
}

/// A list of nodes: the graph's, or that of a function or body.
fn nodes(model: &mut proto::Model, at: Index) -> &mut Vec<proto::Node> {
    let graph = model.graph.as_mut().unwrap();
    let functions = model.functions.iter_mut().map(|function| &mut function.node);
    let mut lists: Vec<&mut Vec<proto::Node>> = functions.collect();
    let is_body = |node: &proto::Node| node.attribute.iter().any(|a| a.g.is_some());
    // Half of the changes meet the graph itself.
    if at.index(2) == 0 || (lists.is_empty() && !graph.node.iter().any(is_body)) {
        return &mut graph.node;
    }
    let bodies = graph.node.iter_mut().flat_map(|node| &mut node.attribute);
    lists.extend(bodies.filter_map(|a| a.g.as_deref_mut()).map(|g| &mut g.node));
    let chosen = at.index(lists.len());
    lists.swap_remove(chosen)
}

fn apply(model: &mut proto::Model, change: Change) {
    match change {
        Change::Attribute(..) | Change::Unsaid(_) | Change::Give(..) => {
            to_attributes(model, change);
        }
        Change::Sizes(..)
        | Change::Type(..)
        | Change::Initializer(..)
        | Change::Opset(_)
        | Change::Output(_) => to_the_rest(model, change),
        // Done to the bytes.
        Change::Byte(..) => {}
        _ => to_nodes(model, change),
    }
}

fn number(at: Index) -> i64 {
    NUMBERS[at.index(NUMBERS.len())]
}

fn to_nodes(model: &mut proto::Model, change: Change) {
    match change {
        Change::Rewire(a, b, c) => {
            let list = nodes(model, c);
            let names: Vec<String> = list
                .iter()
                .flat_map(|n| n.input.iter().chain(&n.output).cloned())
                .collect();
            let input = one(list, a).and_then(|node| one(&mut node.input, c));
            if let (Some(input), false) = (input, names.is_empty()) {
                input.clone_from(&names[b.index(names.len())]);
            }
        }
        Change::Rename(a, b) => {
            let list = nodes(model, b);
            let names: Vec<String> = list.iter().flat_map(|n| n.output.clone()).collect();
            let output = one(list, a).and_then(|node| one(&mut node.output, b));
            if let (Some(output), false) = (output, names.is_empty()) {
                output.clone_from(&names[b.index(names.len())]);
            }
        }
        Change::Delete(a) => {
            let list = nodes(model, a);
            if !list.is_empty() {
                list.remove(a.index(list.len()));
            }
        }
        Change::Repeat(a, b) => {
            let list = nodes(model, b);
            if let Some(node) = one(list, a).cloned() {
                list.insert(b.index(list.len()), node);
            }
        }
        Change::Swap(a, b) => {
            let list = nodes(model, a);
            let length = list.len();
            if length > 0 {
                list.swap(a.index(length), b.index(length));
            }
        }
        Change::Operator(a, b) => {
            if let Some(node) = one(nodes(model, b), a) {
                node.op_type = Some(OPERATORS[b.index(OPERATORS.len())].to_owned());
            }
        }
        Change::Domain(a) => {
            if let Some(node) = one(nodes(model, a), a) {
                let domains =
                    [None, Some("ai.onnx"), Some("mcdrop"), Some("own"), Some("\0")];
                node.domain = domains[a.index(domains.len())].map(str::to_owned);
            }
        }
        _ => {}
    }
}

fn to_attributes(model: &mut proto::Model, change: Change) {
    match change {
        Change::Attribute(a, b, c) => {
            let held =
                one(nodes(model, c), a).and_then(|node| one(&mut node.attribute, b));
            if let Some(held) = held {
                let n = number(c);
                (held.i, held.f) = (Some(n), Some(n as f32));
                held.ints = vec![n; c.index(6)];
                held.r#type = i32::try_from(n).ok();
            }
        }
        Change::Unsaid(a) => {
            if let Some(node) = one(nodes(model, a), a) {
                node.attribute.clear();
            }
        }
        Change::Give(a, b) => {
            let list = nodes(model, b);
            if let Some(attribute) = one(list, a).map(|node| node.attribute.clone()) {
                one(list, b).unwrap().attribute.extend(attribute);
            }
        }
        _ => {}
    }
}

fn to_the_rest(model: &mut proto::Model, change: Change) {
    let graph = model.graph.as_mut().unwrap();
    match change {
        Change::Sizes(a, b) => {
            if let Some(tensor) = one(&mut graph.initializer, a) {
                match one(&mut tensor.dims, b) {
                    Some(size) => *size = number(b),
                    None => tensor.dims.push(number(b)),
                }
            }
        }
        Change::Type(a, b) => {
            if let Some(tensor) = one(&mut graph.initializer, a) {
                tensor.data_type = Some(b.index(24) as i32);
            }
        }
        Change::Initializer(a, b) => {
            if let Some(tensor) = one(&mut graph.initializer, a).cloned() {
                let at = b.index(graph.initializer.len());
                graph.initializer[at].name = tensor.name;
            }
        }
        Change::Opset(a) => {
            for set in &mut model.opset_import {
                set.version = Some(number(a));
            }
        }
        Change::Output(a) => {
            let name =
                one(&mut graph.node, a).and_then(|node| node.output.first().cloned());
            if let Some(output) = one(&mut graph.output, a) {
                output.name = name;
            }
        }
        _ => {}
    }
}

fn opened(name: &str) -> proto::Model {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let model = Model::open(&path).unwrap();
    model.with_graph(model.graph.clone())
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        rng_seed: RngSeed::Fixed(20),
        max_shrink_time: 60_000,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_model_with_a_changed_structure_is_an_error_or_a_plan(
        name in prop::sample::select(MODELS),
        changes in prop::collection::vec(change(), 1..6),
    ) {
        let mut model = opened(name);
        for &change in &changes {
            apply(&mut model, change);
        }
        let mut content = model.encode_to_vec();
        for &change in &changes {
            if let Change::Byte(at, value) = change {
                let at = at.index(content.len());
                content[at] = value;
            }
        }
        let found = end(name, &content);
        if let End::Refused(text) = found {
            prop_assert!(!text.is_empty());
        }
    }
}
