//! `metrics.json`: every metric by a flat key, each with its value and interval.

use std::path::Path;

use serde_json::{Map, Value as Json, json};

use super::curves;
use super::folder::PredictionFolder;
use super::stream::EvaluationResult;
use crate::error::{Error, Result};
use crate::output::folder::{CURVES, METRICS, OutputFolder};

/// Writes `metrics.json` and the curves (`curves/NAME.csv`, `.svg` and `.png`) into the folder;
/// `labels` says where the labels were, for who looks for them later ([`labels_of`]).
///
/// # Errors
/// If a file cannot be written.
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
    for picture in curves::all(&result.evaluation, folder) {
        let path = |ending: &str| format!("{CURVES}/{}.{ending}", picture.name);
        output.write(&path("csv"), picture.csv().as_bytes())?;
        let svg = picture.svg();
        output.write(&path("svg"), svg.as_bytes())?;
        #[cfg(feature = "charts")]
        output.save(&path("png"), crate::output::chart::png(&svg))?;
    }
    output.write(METRICS, &text)
}

/// What [`write()`] was told of the labels, `null` where a folder was not evaluated with any.
pub fn labels_of(folder: &Path) -> Json {
    let metrics = std::fs::read(folder.join(METRICS)).unwrap_or_default();
    let metrics: Json = serde_json::from_slice(&metrics).unwrap_or_default();
    metrics["labels"].clone()
}
