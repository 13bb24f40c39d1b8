use std::path::{Path, PathBuf};

use super::*;
use crate::graph::ScoresOption;
use crate::measure::MEASURES;
use crate::onnx::Model;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn plan(path: &Path, output: Option<&str>) -> Result<Plan> {
    Plan::new(Model::open(path)?, output, ScoresOption::Logits)
}

fn built_in(samples: u32, together: Option<usize>) -> UncertaintyOptions {
    UncertaintyOptions {
        samples,
        seed: 7,
        measures: MEASURES.iter().collect(),
        together,
        memory: 64 << 20,
    }
}

#[test]
fn a_self_contained_model_of_every_export_gives_what_the_sampler_gives() {
    let table =
        std::fs::read_to_string(fixture("fixtures/exports/exports.json")).unwrap();
    let table: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&table).unwrap();
    let runtime = Runtime::find(None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("uncertain.onnx");
    let options =
        ConvertOptions { overwrite: true, size: (16, 16), ..ConvertOptions::default() };
    let (mut wrong, mut refused, mut built) = (Vec::new(), Vec::new(), 0);
    for (name, entry) in table {
        let path = fixture("fixtures/exports").join(&name);
        let Ok(plan) = plan(&path, entry["output"].as_str()) else { continue };
        let is_old = plan.model().opset() < 11;
        let built_in = built_in(31, None);
        match uncertain(plan, &runtime, (&options, &built_in), &target) {
            Ok(made) => {
                // Classes that tie in a sample: in f16, and where logits hardly differ.
                let may_tie = name.starts_with("half") || name.contains("segformer");
                if made.ties > if may_tie { 8 } else { 0 } {
                    wrong.push(format!("{name}: {} ties", made.ties));
                }
                built += 1;
            }
            Err(_) if is_old => refused.push(name),
            Err(error) => wrong.push(format!("{name}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(refused, ["dropout-legacy-9.onnx"]);
    assert!(built > 130, "{built}");
}

#[test]
fn samples_in_a_loop_give_what_they_give_in_one_run() {
    let runtime = Runtime::find(None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("uncertain.onnx");
    let options =
        ConvertOptions { overwrite: true, size: (32, 48), ..ConvertOptions::default() };
    for model in ["models/digits.onnx", "models/streets.onnx"] {
        for (samples, together, in_a_run) in
            [(62, Some(31), 31), (62, Some(2), 2), (62, Some(1), 1), (13, Some(5), 1)]
        {
            let plan = plan(&fixture(model), None).unwrap();
            let built_in = built_in(samples, together);
            let made = uncertain(plan, &runtime, (&options, &built_in), &target).unwrap();
            assert_eq!(made.together, in_a_run, "{model}");
            assert!(made.difference <= 1e-5 && made.ties == 0, "{model}: {made:?}");
        }
    }
}

#[test]
fn a_self_contained_model_is_told_for_what_it_is() {
    let runtime = Runtime::find(None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("uncertain.onnx");
    let plan = plan(&fixture("models/digits.onnx"), None).unwrap();
    let options = ConvertOptions::default();
    uncertain(plan, &runtime, (&options, &built_in(31, None)), &target).unwrap();
    let error =
        Plan::new(Model::open(&target).unwrap(), None, ScoresOption::Auto).unwrap_err();
    assert!(error.to_string().contains("31 samples"), "{error}");
    assert!(error.hint().is_some());
}
