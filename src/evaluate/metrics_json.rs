//! `metrics.json`: all metrics by flat keys, each with its value and interval.

use std::path::Path;

use serde_json::{Map, Value as Json, json};

use super::curves;
use super::evaluator::EvaluationResult;
use super::prediction_folder::PredictionFolder;
use crate::error::{Error, Result};
use crate::output::folder::{CURVES, METRICS, OutputFolder};

/// Writes `metrics.json` and the curves (`curves/NAME.csv`, `.svg` and `.png`) into the folder.
/// `labels` describes the source of the labels; [`labels_of`] returns it later.
///
/// # Errors
/// Fails if a file cannot be written.
pub fn write(
    folder: &PredictionFolder,
    result: &EvaluationResult,
    labels: &Json,
) -> Result<()> {
    let output = OutputFolder::create(folder.path())?;
    let mut metrics = Map::new();
    for metric in &result.metrics {
        let Some(value) = metric.value else { continue };
        let (low, high) = metric.interval.unzip();
        let mut entry = json!({"value": value, "low": low, "high": high});
        if let Some((low, high)) = metric.difference {
            entry["less_deterministic"] = json!({"low": low, "high": high});
        }
        if metric.bin_error > 0.0 {
            entry["bin_error"] = json!(metric.bin_error);
        }
        metrics.insert(metric.key.clone(), entry);
    }
    let (labeled, ood) = result.evaluation.n_images();
    let document = json!({
        "mcdrop": env!("CARGO_PKG_VERSION"),
        "images": labeled,
        "images_out_of_distribution": ood,
        "images_without_label": result.missing,
        "images_failed": result.failed + folder.n_failed,
        "items": result.evaluation.n_items(),
        "labels": labels,
        "interval": "95 %, by a Poisson bootstrap over images",
        "metrics": Json::Object(metrics),
    });
    let mut text = serde_json::to_vec_pretty(&document)
        .map_err(|error| Error::runtime("writing metrics.json", error.to_string()))?;
    text.push(b'\n');
    for figure in curves::figures(&result.evaluation, folder) {
        let path = |ending: &str| format!("{CURVES}/{}.{ending}", figure.name);
        output.write(&path("csv"), figure.csv().as_bytes())?;
        let svg = figure.svg();
        output.write(&path("svg"), svg.as_bytes())?;
        #[cfg(feature = "charts")]
        output.save(&path("png"), crate::output::chart::png(&svg))?;
    }
    output.write(METRICS, &text)
}

/// Returns the source of labels that was given to [`write()`]; `null` if the folder was not
/// evaluated with labels.
pub fn labels_of(folder: &Path) -> Json {
    let metrics = std::fs::read(folder.join(METRICS)).unwrap_or_default();
    let metrics: Json = serde_json::from_slice(&metrics).unwrap_or_default();
    metrics["labels"].clone()
}
