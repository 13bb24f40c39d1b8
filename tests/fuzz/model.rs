//! Bytes as a model file: opened, its dropout found, cut in two.

use std::path::Path;

use mcdrop::onnx::Model;
use mcdrop::rewrite::{Plan, ScoresOption};
use mcdrop::sampling::model_input;

use crate::Target;
use crate::scratch::Scratch;
use crate::seeds;

pub(crate) const TARGET: Target = Target { name: "model", seeds: all, words: WORDS, run };

const WORDS: &[&[u8]] = &[
    b"Dropout",
    b"Softmax",
    b"Sigmoid",
    b"Identity",
    b"Constant",
    b"Resize",
    b"Reshape",
    b"Shape",
    b"Gather",
    b"Concat",
    b"Cast",
    b"If",
    b"Loop",
    b"Scan",
    b"ArgMax",
    b"BatchNormalization",
    b"QuantizeLinear",
    b"then_branch",
    b"training_mode",
    b"ratio",
    b"axis",
    b"location",
    b"offset",
    b"length",
    b"../model.onnx",
    b"model.onnx",
    b"ai.onnx",
    b"\x3a",
    b"\x0a",
    b"\x12",
    b"\xff\xff\xff\xff\x0f",
    b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
    b"\x80\x80\x80\x80\x08",
];

fn all() -> Vec<Vec<u8>> {
    let is_model = |path: &Path| path.extension() == Some("onnx".as_ref());
    let mut all = seeds::files("fixtures/traps", is_model);
    all.extend(seeds::files("fixtures/traps/external", is_model));
    all
}

fn run(scratch: &Scratch, bytes: &[u8]) {
    let path = scratch.write("model.onnx", bytes);
    let model = match Model::open(&path) {
        Ok(model) => model,
        Err(error) => return check(&error),
    };
    let _ = (model.metadata(), model.opset(), model.producer().len());
    match Plan::new(model, None, ScoresOption::Auto) {
        Ok(plan) => {
            assert!(!plan.sites().is_empty());
            if let Err(error) = model_input(&plan) {
                check(&error);
            }
        }
        Err(error) => check(&error),
    }
}

fn check(error: &mcdrop::Error) {
    let text = error.to_string();
    assert!(!text.is_empty());
    assert!(error.hint().is_some(), "no way out: {text}");
}
