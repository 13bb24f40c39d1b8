use std::path::{Path, PathBuf};

use super::*;
use crate::graph::{HeadOptions, ScoresOption, SiteOptions};
use crate::measure::onnx_form::MeasureGraph;
use crate::measure::{Measure, Range, Unit};
use crate::onnx::build::NodeBuilder;
use crate::onnx::{ElementType, Model};
use crate::random::Draws;
use crate::sums::{TargetUnit, Tile};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn plan(path: &Path, output: Option<&str>) -> Result<Plan> {
    Plan::new(Model::open(path)?, output, ScoresOption::Logits)
}

fn options(size: (usize, usize), samples: u32) -> EmbeddedSamplingOptions {
    EmbeddedSamplingOptions {
        conversion: ConvertOptions { overwrite: true, size, ..ConvertOptions::default() },
        samples,
        seed: 7,
        measures: Some(Vec::new()),
        ..EmbeddedSamplingOptions::default()
    }
}

#[test]
fn every_export_with_embedded_sampling_agrees_with_the_sampler() {
    let table =
        std::fs::read_to_string(fixture("fixtures/exports/exports.json")).unwrap();
    let table: serde_json::Map<String, serde_json::Value> =
        serde_json::from_str(&table).unwrap();
    let runtime = Runtime::find(None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("uncertain.onnx");
    let options = options((16, 16), 31);
    let (mut wrong, mut refused, mut built) = (Vec::new(), Vec::new(), 0);
    for (name, entry) in table {
        let path = fixture("fixtures/exports").join(&name);
        let Ok(plan) = plan(&path, entry["output"].as_str()) else { continue };
        let is_old = plan.model().opset() < 11;
        match export_with_embedded_sampling(plan, &runtime, &options, &target) {
            Ok(made) => {
                // Classes tie in a sample in f16, and if logits hardly differ.
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
fn samples_in_a_loop_agree_with_those_of_one_run() {
    let runtime = Runtime::find(None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("uncertain.onnx");
    for model in ["models/digits.onnx", "models/streets.onnx"] {
        for (samples, samples_per_run, in_a_run) in
            [(62, Some(31), 31), (62, Some(2), 2), (62, Some(1), 1), (13, Some(5), 1)]
        {
            let plan = plan(&fixture(model), None).unwrap();
            let options =
                EmbeddedSamplingOptions { samples_per_run, ..options((32, 48), samples) };
            let made =
                export_with_embedded_sampling(plan, &runtime, &options, &target).unwrap();
            assert_eq!(made.samples_per_run, in_a_run, "{model}");
            assert!(made.difference <= 1e-5 && made.ties == 0, "{model}: {made:?}");
        }
    }
}

/// Returns the plan of a fixture that reads these heads, or those that its names show.
fn plan_of_heads(model: &str, heads: &[&str]) -> Plan {
    let model = Model::open(&fixture(&format!("models/{model}.onnx"))).unwrap();
    let heads = heads.iter().map(|head| head.parse().unwrap()).collect();
    let options = HeadOptions { heads, ..HeadOptions::default() };
    Plan::with_sites(model, &options, &SiteOptions::default()).unwrap()
}

#[test]
fn values_and_labels_agree_with_the_sampler() {
    let runtime = Runtime::find(None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("embedded.onnx");
    let joined = ["mean=out:0", "log_variance=out:1"];
    let unit = TargetUnit { scale: 80.0, offset: -1.5, noise_variance: 0.25 };
    let values = [
        "value",
        "total_std",
        "aleatoric_std",
        "epistemic_std",
        "total_variance",
        "aleatoric_variance",
        "epistemic_variance",
    ];
    let labels = [
        "probability",
        "predictive_entropy",
        "expected_entropy",
        "mutual_information",
        "epistemic_std",
    ];
    for (model, heads, outputs) in [
        ("streets_depth", &[][..], &values[..]),
        ("streets_depth", &["mean=depth"], &values),
        ("streets_depth-joined", &joined, &values),
        ("streets_depth-dynamo", &[], &values),
        ("digits_angle", &[], &values),
        ("shapes", &[], &labels),
        ("shapes-dynamo", &["label_probabilities=label_probabilities:1..3"], &labels),
        ("streets", &["label_logits=logits"], &labels),
        ("streets", &["label_logits=logits:2"], &labels),
    ] {
        for (samples, samples_per_run) in [(31, None), (6, Some(2))] {
            let options = EmbeddedSamplingOptions {
                samples_per_run,
                target: unit,
                ..options((32, 48), samples)
            };
            let plan = plan_of_heads(model, heads);
            let made =
                export_with_embedded_sampling(plan, &runtime, &options, &target).unwrap();
            assert_eq!(made.outputs, outputs, "{model}");
            assert!(made.difference <= 1e-5, "{model}: {made:?}");
        }
    }
}

#[test]
fn noise_of_logits_agrees_with_the_sampler() {
    let runtime = Runtime::find(None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("embedded.onnx");
    for model in ["streets_logit_noise", "streets_logit_noise-dynamo"] {
        for (samples, draws, n_draws, samples_per_run) in [
            (31, Draws::Stratified, None, None),
            (4, Draws::Stratified, Some(40), Some(2)),
            (4, Draws::Independent, Some(5), Some(1)),
        ] {
            let mut options = EmbeddedSamplingOptions {
                samples_per_run,
                logit_noise_samples: n_draws,
                ..options((32, 48), samples)
            };
            options.conversion.draws = draws;
            let plan = plan_of_heads(model, &[]);
            let made =
                export_with_embedded_sampling(plan, &runtime, &options, &target).unwrap();
            assert_eq!(made.outputs.last().unwrap(), "logit_noise_information");
            assert!(made.difference <= 1e-5 && made.ties == 0, "{model}: {made:?}");
        }
    }
}

#[test]
fn every_form_of_a_variance_agrees_with_the_sampler() {
    let runtime = Runtime::find(None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("embedded.onnx");
    let any = ["log_variance", "log_std", "log_laplace_scale"];
    let any = any.map(|form| ["mean=depth".to_owned(), format!("{form}=log_variance")]);
    // Depths are positive.
    let positive = ["variance", "std", "laplace_scale"];
    let positive =
        positive.map(|form| ["mean=log_variance".to_owned(), format!("{form}=depth")]);
    for heads in any.iter().chain(&positive) {
        let plan = plan_of_heads("streets_depth", &heads.each_ref().map(String::as_str));
        let made =
            export_with_embedded_sampling(plan, &runtime, &options((32, 48), 6), &target);
        let made = made.unwrap_or_else(|error| panic!("{heads:?}: {error}"));
        assert!(made.difference <= 1e-5, "{heads:?}: {made:?}");
    }
}

#[test]
fn a_measure_of_another_task_is_refused_with_those_of_this_one() {
    let runtime = Runtime::find(None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("embedded.onnx");
    let options = EmbeddedSamplingOptions {
        measures: Some(vec![&crate::measure::MARGIN]),
        ..options((32, 48), 6)
    };
    let plan = plan_of_heads("digits_angle", &[]);
    let error = export_with_embedded_sampling(plan, &runtime, &options, &target);
    let error = error.unwrap_err();
    assert!(error.to_string().contains("`task = regression` has no margin"), "{error}");
    assert!(error.hint().unwrap().contains("total_std"));
    assert!(!target.exists());
}

#[test]
fn a_model_with_embedded_sampling_is_recognized_and_refused() {
    let runtime = Runtime::find(None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("uncertain.onnx");
    let plan = plan(&fixture("models/digits.onnx"), None).unwrap();
    let options = options(ConvertOptions::default().size, 31);
    export_with_embedded_sampling(plan, &runtime, &options, &target).unwrap();
    let error =
        Plan::new(Model::open(&target).unwrap(), None, ScoresOption::Auto).unwrap_err();
    assert!(error.to_string().contains("31 samples"), "{error}");
    assert!(error.hint().is_some());
}

/// A measure that is not in the table: its constant contains everything that is needed.
const SECOND_PROBABILITY: Measure = Measure {
    name: "second_probability",
    summary: "mean probability of the second class",
    unit: Unit::One,
    reference: "a test",
    needs: Needs::MEAN,
    range: Range::Fixed(|_| 0.5),
    sqrt_scale: true,
    kernel: |tile: &Tile, out: &mut [f32]| {
        let n = out.len();
        out.copy_from_slice(&tile.top().second[..n]);
    },
    onnx: Some(|graph: &MeasureGraph, b: &mut NodeBuilder| {
        let [_, second] = graph.two_largest(b);
        b.cast(&second, ElementType::F64)
    }),
};

#[test]
fn one_constant_is_enough_for_a_new_measure() {
    let runtime = Runtime::find(None).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("embedded.onnx");
    for model in ["models/digits.onnx", "models/streets.onnx"] {
        let plan = plan(&fixture(model), None).unwrap();
        let options = EmbeddedSamplingOptions {
            measures: Some(vec![&SECOND_PROBABILITY]),
            ..options((32, 48), 31)
        };
        // Compares the output with the measure's map.
        let made =
            export_with_embedded_sampling(plan, &runtime, &options, &target).unwrap();
        assert_eq!(made.outputs, ["probabilities", "second_probability"]);
        assert!(made.difference <= 1e-5, "{model}: {made:?}");
    }
}
