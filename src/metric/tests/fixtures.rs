//! Compares with values of scikit-learn, torchmetrics and torch-uncertainty, computed by
//! `models/metrics.py`.

use std::path::Path;

use serde_json::Value;

use super::data::{Image, options};
use crate::metric::{Evaluation, EvaluationOptions, EvaluationSpec, IGNORED, ScoreSpec};
use crate::task::Item;

fn read(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/metrics");
    serde_json::from_slice(&std::fs::read(folder.join(name)).unwrap()).unwrap()
}

/// Reads whole numbers and divides them by a unit.
fn numbers(list: &Value, unit: f32) -> Vec<f32> {
    list.as_array().unwrap().iter().map(|k| k.as_i64().unwrap() as f32 / unit).collect()
}

fn labels(list: &Value) -> Vec<u16> {
    let label = |label: &Value| u16::try_from(label.as_i64().unwrap()).unwrap_or(IGNORED);
    list.as_array().unwrap().iter().map(label).collect()
}

fn spec(
    fixture: &Value,
    item: Item,
    scores: Vec<ScoreSpec>,
    options: EvaluationOptions,
) -> EvaluationSpec {
    let n_classes = fixture["classes"].as_u64().unwrap();
    EvaluationSpec::new(
        item,
        (0..n_classes).map(|c| c.to_string()).collect(),
        scores,
        options,
    )
    .unwrap()
}

/// Compares every value of the file, up to rounding and the bound of the bins.
fn check(evaluation: &Evaluation, fixture: &Value) {
    let metrics = evaluation.metrics();
    let expected = fixture["values"].as_object().unwrap();
    assert!(expected.len() > 15);
    for (key, expected) in expected {
        let value =
            metrics.iter().find(|v| v.key == *key).unwrap_or_else(|| panic!("no {key}"));
        let distance = (value.value.unwrap() - expected.as_f64().unwrap()).abs();
        assert!(distance <= value.bin_error + 1e-9, "{value:?} {expected}");
    }
}

#[test]
fn pixels_are_judged_as_by_the_libraries_of_python() {
    let fixture = read("segmentation.json");
    let size = |key: &str| fixture[key].as_u64().unwrap() as usize;
    let names = ["predictive_entropy", "variation_ratio", "least_confidence"];
    let scores = names.iter().map(|name| ScoreSpec::new(*name, 5f32.ln())).collect();
    let options = EvaluationOptions { patch_sizes: vec![2, 4], ..options(0) };
    let spec = spec(&fixture, Item::Pixel, scores, options);
    let mut evaluation = Evaluation::new(spec.clone());
    for (i, image) in fixture["images"].as_array().unwrap().iter().enumerate() {
        let probabilities = numbers(&image["probabilities"], 1024.0);
        let n = size("height") * size("width");
        let top =
            |i: usize| probabilities[i..].iter().step_by(n).copied().fold(0.0, f32::max);
        let least_confidence = (0..n).map(|i| 1.0 - top(i)).collect();
        let image = Image {
            id: i.to_string(),
            height: size("height"),
            width: size("width"),
            labels: labels(&image["labels"]),
            scores: vec![
                numbers(&image["predictive_entropy"], 4096.0),
                numbers(&image["variation_ratio"], 4096.0),
                least_confidence,
            ],
            probabilities,
            deterministic: None,
            mask: None,
        };
        evaluation.add(image.summary(&spec).unwrap()).unwrap();
    }
    check(&evaluation, &fixture);
    let metrics = evaluation.metrics();
    let few = metrics.iter().filter(|value| value.key.ends_with("variation_ratio"));
    assert!(
        few.filter(|v| v.metric.starts_with("misc")).all(|v| v.bin_error.abs() < 1e-15)
    );
}

#[test]
fn items_are_judged_as_by_the_libraries_of_python() {
    let fixture = read("classification.json");
    let scores = vec![ScoreSpec::new("least_confidence", 1.0)];
    let spec = spec(&fixture, Item::Image, scores, options(0)).with_deterministic();
    let items = &fixture["items"];
    let true_classes = labels(&items["labels"]);
    let classes = labels(&items["deterministic"][0]);
    let own = numbers(&items["deterministic"][1], 65536.0);
    let mut evaluation = Evaluation::new(spec.clone());
    for (i, probabilities) in
        items["probabilities"].as_array().unwrap().iter().enumerate()
    {
        let probabilities = numbers(probabilities, 65536.0);
        let top = probabilities.iter().copied().fold(0.0, f32::max);
        let mut image = Image::plain(&i.to_string(), &probabilities, true_classes[i]);
        image.scores = vec![vec![1.0 - top]];
        image.deterministic = Some((vec![classes[i]], vec![own[i]]));
        evaluation.add(image.summary(&spec).unwrap()).unwrap();
    }
    // The order of items is exact in the file and by bins here; the bound covers the difference.
    check(&evaluation, &fixture);
}
