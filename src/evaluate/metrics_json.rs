//! Writes the results of an evaluation: `metrics.json` and the curves.

use std::collections::BTreeMap;
use std::path::Path;

use super::curves;
use super::evaluator::EvaluationResult;
use super::label_curves::label_figures;
use super::multilabel::LabelEvaluationResult;
use super::prediction_folder::PredictionFolder;
use super::value_curves::value_figures;
use super::values::{TargetResult, ValueEvaluationResult, error_distribution};
use crate::error::{Error, Result};
use crate::metric::MetricValue;
use crate::output::folder::{CURVES, METRICS, OutputFolder};
use crate::record::{IntervalRecord, LabelsRecord, MetricRecord, MetricsRecord};

/// Description of the intervals.
const INTERVAL: &str = "95 %, by a Poisson bootstrap over images";

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
        write_figure(&output, figure.kind.name, &figure.csv(), &figure.svg())?;
    }
    output.write(METRICS, &text)
}

/// Writes `metrics.json` and the curves of an evaluation of values into the folder. With several
/// targets, the names of metrics and files start with that of the target.
///
/// # Errors
/// Fails if a file cannot be written.
pub fn write_values(
    folder: &PredictionFolder,
    result: &ValueEvaluationResult,
    labels: Option<LabelsRecord>,
) -> Result<()> {
    let output = OutputFolder::create(folder.path())?;
    let text = value_metrics_record(folder, result, labels)
        .encode()
        .map_err(|error| Error::runtime("writing metrics.json", error.to_string()))?;
    let target = folder.record.output.target.as_ref();
    let unit = target.map_or("", |target| &target.unit);
    for target in &result.targets {
        for figure in value_figures(target, unit) {
            write_figure(&output, &figure.name, &figure.csv(), &figure.svg())?;
        }
    }
    output.write(METRICS, &text)
}

/// Writes `metrics.json` and the curves of an evaluation of labels into the folder.
///
/// # Errors
/// Fails if a file cannot be written.
pub fn write_labels(
    folder: &PredictionFolder,
    result: &LabelEvaluationResult,
    labels: Option<LabelsRecord>,
) -> Result<()> {
    let output = OutputFolder::create(folder.path())?;
    let text = label_metrics_record(folder, result, labels)
        .encode()
        .map_err(|error| Error::runtime("writing metrics.json", error.to_string()))?;
    for figure in label_figures(&result.evaluation) {
        write_figure(&output, &figure.name, &figure.csv(), &figure.svg())?;
    }
    output.write(METRICS, &text)
}

fn write_figure(output: &OutputFolder, name: &str, csv: &str, svg: &str) -> Result<()> {
    let path = |ending: &str| format!("{CURVES}/{name}.{ending}");
    output.write(&path("csv"), csv.as_bytes())?;
    output.write(&path("svg"), svg.as_bytes())?;
    #[cfg(feature = "charts")]
    output.save(&path("png"), crate::output::chart::png(svg))?;
    Ok(())
}

fn value_metrics_record(
    folder: &PredictionFolder,
    result: &ValueEvaluationResult,
    labels: Option<LabelsRecord>,
) -> MetricsRecord {
    let mut record = MetricsRecord {
        mcdrop: env!("CARGO_PKG_VERSION").to_owned(),
        images: result.n_images(),
        images_without_label: result.missing,
        images_failed: result.failed + folder.n_failed,
        items: result.n_items(),
        labels,
        interval: INTERVAL.to_owned(),
        distribution: Some(error_distribution(folder).name().to_owned()),
        ..MetricsRecord::default()
    };
    let mut metrics = Vec::new();
    for target in &result.targets {
        let TargetResult { prefix, metrics: of_target, of_policy, left_out, .. } = target;
        let left_out = left_out.iter();
        record
            .items_without_label
            .extend(left_out.map(|(reason, n)| (format!("{prefix}{reason}"), n)));
        let defined = of_target.iter().filter(|metric| metric.value.is_some());
        metrics.extend(
            defined.map(|one| (format!("{prefix}{}", one.key), metric_record(one))),
        );
        for (of_rule, of_target) in of_policy {
            let defined = of_target.iter().filter(|metric| metric.value.is_some());
            metrics.extend(defined.map(|one| {
                (format!("{prefix}{of_rule}{}", one.key), metric_record(one))
            }));
        }
    }
    metrics.extend(result.decisions.shares().map(|(name, share)| {
        let value = Some(share);
        (format!("decisions.{name}"), MetricRecord { value, ..MetricRecord::default() })
    }));
    let metrics = metrics.iter().map(|(key, metric)| (key.as_str(), metric.clone()));
    record.metrics = metrics.collect();
    record
}

fn label_metrics_record(
    folder: &PredictionFolder,
    result: &LabelEvaluationResult,
    labels: Option<LabelsRecord>,
) -> MetricsRecord {
    let of_labels = result.evaluation.spec().labels();
    let mut items_without_label = BTreeMap::new();
    for (label, left_out) in of_labels.iter().zip(&result.left_out) {
        let left_out = left_out.iter();
        let left_out =
            left_out.map(|(reason, n)| (format!("{}.{reason}", label.name), n));
        items_without_label.extend(left_out);
    }
    let thresholds = of_labels.iter();
    let defined = result.metrics.iter().filter(|metric| metric.value.is_some());
    MetricsRecord {
        mcdrop: env!("CARGO_PKG_VERSION").to_owned(),
        images: result.evaluation.n_images(),
        images_without_label: result.missing,
        images_failed: result.failed + folder.n_failed,
        items: result.evaluation.n_items().iter().sum(),
        items_without_label,
        labels,
        interval: INTERVAL.to_owned(),
        thresholds: thresholds
            .map(|label| (label.name.as_str(), f64::from(label.threshold)))
            .collect(),
        metrics: defined
            .map(|metric| (metric.key.as_str(), metric_record(metric)))
            .collect(),
        ..MetricsRecord::default()
    }
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
        interval: INTERVAL.to_owned(),
        metrics: defined
            .map(|metric| (metric.key.as_str(), metric_record(metric)))
            .collect(),
        ..MetricsRecord::default()
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
