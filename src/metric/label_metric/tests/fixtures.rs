//! Compares with values of scikit-learn and torchmetrics, computed by `models/label_metrics.py`.

use std::path::Path;

use serde_json::Value;

use super::data::{Image, Label, evaluate};
use crate::metric::ScoreSpec;
use crate::metric::label_metric::{LabelEvaluationSpec, LabelSpec};

/// Number of units in 1, of probabilities and scores, and of the pass without dropout.
const UNITS: (f32, f32) = (4096.0, 1_048_576.0);

const SCORES: [&str; 2] = ["predictive_entropy", "mutual_information"];

fn numbers(image: &Value, key: &str, label: usize) -> Vec<u64> {
    let row = image[key][label].as_array().unwrap();
    row.iter().map(|number| number.as_u64().unwrap()).collect()
}

fn image(fixture: &Value, index: usize, n_labels: usize) -> Image {
    let image = &fixture["images"][index];
    let size = |key: &str| fixture[key].as_u64().unwrap() as usize;
    let values = |key: &str, label: usize, unit: f32| -> Vec<f32> {
        numbers(image, key, label)
            .into_iter()
            .map(|number| number as f32 / unit)
            .collect()
    };
    let label = |label: usize| Label {
        truth: numbers(image, "truth", label).into_iter().map(|n| n as u8).collect(),
        probability: values("probability", label, UNITS.0),
        scores: SCORES.map(|score| values(score, label, UNITS.0)).to_vec(),
        deterministic: Some(values("deterministic", label, UNITS.1)),
    };
    Image {
        id: index.to_string(),
        height: size("height"),
        width: size("width"),
        labels: (0..n_labels).map(label).collect(),
    }
}

#[test]
fn labels_are_evaluated_as_by_the_libraries_of_python() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/metrics/labels.json");
    let fixture: Value = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    // Objects of JSON are sorted by name here.
    let names = ["fog", "rain", "night", "rare"];
    let labels = names.map(|name| LabelSpec {
        threshold: fixture["thresholds"][name].as_f64().unwrap() as f32,
        ..LabelSpec::new(name)
    });
    let scores = SCORES.map(|name| ScoreSpec::new(name, std::f32::consts::LN_2));
    let spec = LabelEvaluationSpec::new(labels.to_vec(), scores.to_vec(), 0)
        .unwrap()
        .with_deterministic();
    let n_images = fixture["images"].as_array().unwrap().len();
    let images: Vec<Image> =
        (0..n_images).map(|index| image(&fixture, index, names.len())).collect();
    let metrics = evaluate(&images, &spec).metrics();
    let expected = fixture["values"].as_object().unwrap();
    assert!(expected.len() >= 148);
    for (key, expected) in expected {
        let value = metrics.iter().find(|v| v.key == *key);
        let value = value.unwrap_or_else(|| panic!("no {key}"));
        let distance = (value.value.unwrap() - expected.as_f64().unwrap()).abs();
        assert!(distance <= value.bin_error + 1e-6, "{value:?} {expected}");
        // Probabilities of the mean have a bin each.
        let is_exact = !key.ends_with("deterministic");
        assert!(distance <= if is_exact { 1e-6 } else { 1e-3 }, "{value:?} {expected}");
    }
    // What the libraries leave undefined is undefined here.
    for value in &metrics {
        let is_compared = !["augrc", "likelihood_floor_share"].contains(&value.metric);
        let is_listed = expected.contains_key(&value.key);
        assert_eq!(value.value.is_some() && is_compared, is_listed, "{value:?}");
    }
}
