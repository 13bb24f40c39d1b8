//! Compares with values of scikit-learn, `SciPy`, torch-uncertainty, uncertainty-toolbox and
//! scoringrules, computed by `models/value_metrics.py`.

use std::path::Path;

use serde_json::Value;

use super::data::{Image, evaluate, options};
use crate::metric::value_metric::{
    ErrorDistribution, ValueEvaluation, ValueEvaluationOptions, ValueEvaluationSpec,
};

/// Number of units in 1, of values and of variances.
const UNITS: (f32, f32) = (256.0, 1_048_576.0);

fn read() -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/metrics/values.json");
    serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap()
}

fn image(fixture: &Value, index: usize) -> Image {
    let size = |key: &str| fixture[key].as_u64().unwrap() as usize;
    let numbers = |key: &str, unit: f32| -> Vec<f32> {
        let list = fixture["images"][index][key].as_array().unwrap();
        list.iter().map(|k| k.as_i64().unwrap() as f32 / unit).collect()
    };
    let missing = |label: f32| if label > 0.0 { label } else { f32::NAN };
    Image {
        id: index.to_string(),
        height: size("height"),
        width: size("width"),
        labels: numbers("labels", UNITS.0).into_iter().map(missing).collect(),
        value: numbers("value", UNITS.0),
        epistemic: numbers("epistemic_variance", UNITS.1),
        aleatoric: Some(numbers("aleatoric_variance", UNITS.1)),
        deterministic: Some((
            numbers("deterministic_value", UNITS.0),
            Some(numbers("deterministic_variance", UNITS.1)),
        )),
        interval: None,
    }
}

fn evaluated(fixture: &Value, distribution: ErrorDistribution) -> ValueEvaluation {
    let error_above = fixture["error_above"].as_f64();
    let options = ValueEvaluationOptions { distribution, error_above, ..options(0) };
    let spec = ValueEvaluationSpec::new("depth", options)
        .unwrap()
        .with_aleatoric_variance()
        .with_deterministic_variance();
    let n_images = fixture["images"].as_array().unwrap().len();
    let images: Vec<Image> = (0..n_images).map(|i| image(fixture, i)).collect();
    evaluate(&images, &spec)
}

/// Compares every value of the file, up to rounding and the bound of the bins.
fn check(evaluation: &ValueEvaluation, expected: &Value, at_least: usize) {
    let metrics = evaluation.metrics();
    let expected = expected.as_object().unwrap();
    assert!(expected.len() >= at_least);
    for (key, expected) in expected {
        let value =
            metrics.iter().find(|v| v.key == *key).unwrap_or_else(|| panic!("no {key}"));
        let distance = (value.value.unwrap() - expected.as_f64().unwrap()).abs();
        assert!(distance <= value.bin_error + 1e-9, "{value:?} {expected}");
        // The errors are far smaller than their bounds.
        assert!(distance <= 3e-3, "{value:?} {expected}");
    }
}

#[test]
fn values_are_evaluated_as_by_the_libraries_of_python() {
    let fixture = read();
    let gaussian = evaluated(&fixture, ErrorDistribution::Gaussian);
    check(&gaussian, &fixture["gaussian"], 80);
    let laplace = evaluated(&fixture, ErrorDistribution::Laplace);
    check(&laplace, &fixture["laplace"], 14);
}
