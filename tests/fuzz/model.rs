//! Model files made of arbitrary bytes: opening, finding and inserting dropout, cutting.

use std::path::Path;

use mcdrop::graph::{DropUnit, HeadOptions, Plan, ScoresOption, SiteOptions, inspect};
use mcdrop::onnx::Model;
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
    b"RandomUniformLike",
    b"ConstantOfShape",
    b"Expand",
    b"mcdrop",
    b"ref_attr_name",
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

/// Folders of models; the small models are seeds.
const FOLDERS: [&str; 5] = [
    "fixtures/architectures",
    "fixtures/exports",
    "fixtures/traps",
    "fixtures/traps/external",
    "models",
];

fn all() -> Vec<Vec<u8>> {
    let is_model = |path: &Path| path.extension() == Some("onnx".as_ref());
    FOLDERS.iter().flat_map(|folder| seeds::files(folder, is_model)).collect()
}

fn run(scratch: &Scratch, bytes: &[u8]) {
    let path = scratch.write("model.onnx", bytes);
    let model = match Model::open(&path) {
        Ok(model) => model,
        Err(error) => return check(&error),
    };
    let _ = (model.metadata(), model.opset(), model.producer().len());
    let _ = model.encode().len();
    // Every function that takes a model without running it belongs here.
    look(&model);
    put_in(&model);
    plan(model);
}

fn look(model: &Model) {
    match inspect(model, &HeadOptions::default(), &SiteOptions::default()) {
        Ok(seen) => {
            assert_eq!(seen.sites.len(), seen.reaches_output.len());
            let behind = seen.candidates.iter().map(|place| place.downstream().count());
            assert!(behind.sum::<usize>() >= seen.candidates.len());
        }
        Err(error) => check(&error),
    }
}

/// Inserts dropout at every place.
fn put_in(model: &Model) {
    let insert = vec!["blocks".to_owned(), "*".to_owned()];
    let options =
        SiteOptions { insert, unit: Some(DropUnit::Channel), ..SiteOptions::default() };
    if let Err(error) = Plan::with_sites(model.clone(), &HeadOptions::default(), &options)
    {
        check(&error);
    }
}

fn plan(model: Model) {
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
    assert!(error.hint().is_some(), "no hint: {text}");
}
