//! Writes the results of an evaluation: `metrics.json` and the curves.

use std::path::Path;

use super::curves;
use super::evaluator::EvaluationResult;
use super::prediction_folder::PredictionFolder;
use crate::error::{Error, Result};
use crate::metric::MetricValue;
use crate::output::folder::{CURVES, METRICS, OutputFolder};
use crate::record::{IntervalRecord, LabelsRecord, MetricRecord, MetricsRecord};

/// Writes `metrics.json` and the curves (`curves/NAME.csv`, `.svg` and `.png`) into the folder.
/// `labels` is the source of the labels; [`labels_of`] returns it later.
///
/// # Errors
/// Fails if a file cannot be written.
pub fn write(
    folder: &PredictionFolder,
    result: &EvaluationResult,
    labels: Option<LabelsRecord>,
) -> Result<()> {
    let output = OutputFolder::create(folder.path())?;
    let text = metrics_record(folder, result, labels)
        .encode()
        .map_err(|error| Error::runtime("writing metrics.json", error.to_string()))?;
    for figure in curves::figures(&result.evaluation, folder) {
        let path = |ending: &str| format!("{CURVES}/{}.{ending}", figure.kind.name);
        output.write(&path("csv"), figure.csv().as_bytes())?;
        let svg = figure.svg();
        output.write(&path("svg"), svg.as_bytes())?;
        #[cfg(feature = "charts")]
        output.save(&path("png"), crate::output::chart::png(&svg))?;
    }
    output.write(METRICS, &text)
}

fn metrics_record(
    folder: &PredictionFolder,
    result: &EvaluationResult,
    labels: Option<LabelsRecord>,
) -> MetricsRecord {
    let (labeled, ood) = result.evaluation.n_images();
    let defined = result.metrics.iter().filter(|metric| metric.value.is_some());
    MetricsRecord {
        mcdrop: env!("CARGO_PKG_VERSION").to_owned(),
        images: labeled,
        images_out_of_distribution: ood,
        images_without_label: result.missing,
        images_failed: result.failed + folder.n_failed,
        items: result.evaluation.n_items(),
        items_without_label: result
            .left_out
            .iter()
            .map(|(reason, n)| (reason.to_string(), n))
            .collect(),
        labels,
        interval: "95 %, by a Poisson bootstrap over images".to_owned(),
        metrics: defined
            .map(|metric| (metric.key.as_str(), metric_record(metric)))
            .collect(),
    }
}

fn metric_record(metric: &MetricValue) -> MetricRecord {
    let (low, high) = metric.interval.unzip();
    MetricRecord {
        value: metric.value,
        low,
        high,
        less_deterministic: metric
            .difference
            .map(|(low, high)| IntervalRecord { low: Some(low), high: Some(high) }),
        bin_error: Some(metric.bin_error).filter(|error| *error > 0.0),
    }
}

/// Returns the source of the labels that was given to [`write()`]; `None` if the folder was not
/// evaluated with labels.
pub fn labels_of(folder: &Path) -> Option<LabelsRecord> {
    let bytes = OutputFolder::open(folder).ok()?.read_file(METRICS).ok()?;
    MetricsRecord::decode(&bytes).ok()?.labels
}
