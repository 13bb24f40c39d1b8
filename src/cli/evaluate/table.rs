//! Metrics as a table of text.

use crate::evaluate::{EvaluationResult, LabelEvaluationResult, ValueEvaluationResult};
use crate::metric::{
    Breakdown, LABEL_METRICS, LabelBreakdown, LabelMetric, MACRO, METRICS, MICRO,
    MetricValue, RankingVerdict, VALUE_METRICS, ValueBreakdown,
};

/// Returns the metrics as text: those of the predictions, then those of the scores.
pub(super) fn table(result: &EvaluationResult) -> String {
    let mut lines = vec![format!("{:<44} {:>9}  {}", "metric", "value", "95 % interval")];
    let is_whole = |value: &&MetricValue| {
        METRICS.iter().any(|metric| {
            metric.name == value.metric && metric.breakdown == Breakdown::Whole
        })
    };
    lines.extend(result.metrics.iter().filter(is_whole).filter_map(|v| line(v, &v.key)));
    let headlines = METRICS.iter().filter_map(|m| Some((m.name, m.headline?.title)));
    for (metric, title) in headlines {
        let prefix = format!("{metric}.");
        let of_metric = result.metrics.iter().filter(|value| value.metric == metric);
        let rows: Vec<String> = of_metric
            .filter_map(|v| line(v, &format!("  {}", v.key.strip_prefix(&prefix)?)))
            .collect();
        if !rows.is_empty() {
            let has_difference = of_metric_has_difference(result, metric);
            let head = if has_difference { LESS } else { "" };
            let line = format!("{title:<74}{head}");
            lines.extend([String::new(), line.trim_end().to_owned()]);
            lines.extend(rows);
        }
    }
    lines.extend(images(result));
    lines.join("\n")
}

/// Heading of the last column, with the interval of the difference.
const LESS: &str = "less deterministic";

fn of_metric_has_difference(result: &EvaluationResult, metric: &str) -> bool {
    let mut of_metric = result.metrics.iter().filter(|value| value.metric == metric);
    of_metric.any(|value| value.difference.is_some())
}

fn line(value: &MetricValue, name: &str) -> Option<String> {
    let interval = match value.interval {
        Some((low, high)) => format!("{low:.4} to {high:.4}"),
        None => String::new(),
    };
    let difference = match value.difference {
        Some((low, high)) => format!("{low:+.4} to {high:+.4}"),
        None => String::new(),
    };
    let line = format!("{name:<44} {:>9.4}  {interval:<16}  {difference}", value.value?);
    Some(line.trim_end().to_owned())
}

/// Describes the score and aggregation that find the bad images best.
fn images(result: &EvaluationResult) -> Option<String> {
    let ranking = result.evaluation.rank_images();
    let best = ranking.candidates.first()?;
    let name = format!("{}, {}", best.score, best.aggregation);
    let conclusion = match ranking.verdict {
        RankingVerdict::Best => {
            format!("{name} finds them better than any other score")
        }
        RankingVerdict::Tie(n) => {
            format!(
                "{name} is first, but {n} others are not significantly worse on these images"
            )
        }
        RankingVerdict::TooFew => {
            format!("{name} is first, but there are too few images for a conclusion")
        }
        RankingVerdict::NothingToFind => return None,
    };
    Some(format!(
        "\nfinding images with many wrong items (AURC {:.4}): {conclusion}",
        best.aurc
    ))
}

/// Returns the metrics of values as text, target by target: those of the predictions, then those of
/// the standard deviations.
pub(super) fn value_table(result: &ValueEvaluationResult, unit: &str) -> String {
    let mut lines = Vec::new();
    for target in &result.targets {
        if !lines.is_empty() {
            lines.push(String::new());
        }
        let name = target.evaluation.spec().target();
        let unit = if unit.is_empty() { "unknown unit" } else { unit };
        let title = format!("{name} ({unit})");
        lines
            .push(format!("{title:<44} {:>9}  {:<16}  {LESS}", "value", "95 % interval"));
        for metric in VALUE_METRICS {
            let of_metric = target.metrics.iter().filter(|v| v.metric == metric.name);
            if metric.breakdown != ValueBreakdown::Std {
                lines.extend(of_metric.filter_map(|v| line(v, &v.key)));
                continue;
            }
            let prefix = format!("{}.", metric.name);
            let rows: Vec<String> = of_metric
                .filter_map(|v| line(v, &format!("  {}", v.key.strip_prefix(&prefix)?)))
                .collect();
            if !rows.is_empty() {
                lines.extend([
                    String::new(),
                    format!("{} ({})", metric.title, metric.name),
                ]);
                lines.extend(rows);
            }
        }
        for (prefix, metrics) in &target.of_policy {
            let rows = metrics.iter();
            let rows = rows.filter_map(|v| line(v, &format!("{prefix}{}", v.key)));
            lines.push(String::new());
            lines.extend(rows);
        }
    }
    lines.join("\n")
}

/// Returns the metrics of labels as text: both averages of each, those of the labels side by side,
/// then those of the scores.
pub(super) fn label_table(result: &LabelEvaluationResult) -> String {
    let head =
        format!("{:<44} {:>9}  {:<16}  {LESS}", "metric", "value", "95 % interval");
    let mut lines = vec![head];
    let of_predictions =
        LABEL_METRICS.iter().filter(|metric| metric.breakdown != LabelBreakdown::Score);
    for metric in of_predictions.clone() {
        let rows = result.metrics.iter().filter(|value| value.metric == metric.name);
        let rows = rows.filter(|value| {
            metric.breakdown == LabelBreakdown::Whole
                || [MACRO, MICRO].iter().any(|name| is_of_label(value, name))
        });
        lines.extend(rows.filter_map(|value| line(value, &value.key)));
    }
    lines.push(String::new());
    lines.extend(columns_of_labels(result));
    for metric in LABEL_METRICS {
        if metric.breakdown != LabelBreakdown::Score {
            continue;
        }
        let rows: Vec<String> = result
            .metrics
            .iter()
            .filter(|value| value.metric == metric.name && is_of_label(value, MICRO))
            .filter_map(|value| line(value, &format!("  {}", score(value))))
            .collect();
        if !rows.is_empty() {
            let title = format!("{} of all labels ({MICRO}) by", metric.title);
            lines.extend([String::new(), format!("{title:<74}{LESS}")]);
            lines.extend(rows);
        }
    }
    lines.join("\n")
}

/// Returns true if a value is that of a label or average.
fn is_of_label(value: &MetricValue, name: &str) -> bool {
    value.key.strip_prefix(name).is_some_and(|rest| rest.starts_with('.'))
}

/// Returns the name of the score of a value.
fn score(value: &MetricValue) -> &str {
    value.key.rsplit('.').next().unwrap_or_default()
}

/// Returns a row for each label with its threshold and its metrics.
fn columns_of_labels(result: &LabelEvaluationResult) -> Vec<String> {
    let shown = ["prevalence", "auroc", "aupr", "f1", "precision", "recall"];
    let shown = shown.iter().chain(&["brier_score", "expected_calibration_error"]);
    let shown: Vec<&LabelMetric> =
        shown.filter_map(|name| LabelMetric::by_name(name)).collect();
    let row = |first: &[String], cells: Vec<String>| {
        let cells = cells.iter().map(|cell| format!("{cell:>11}"));
        first.iter().cloned().chain(cells).collect::<Vec<_>>().join(" ")
    };
    let start = |label: &str, threshold: &str| {
        [format!("{label:<20}"), format!("{threshold:>9}")]
    };
    let titles = shown.iter().map(|metric| metric.title.to_owned()).collect();
    let mut lines = vec![row(&start("label", "threshold"), titles)];
    for label in result.evaluation.spec().labels() {
        let cells = shown.iter().map(|metric| {
            let value = result.value(&format!("{}.{}", label.name, metric.name));
            value.map_or("-".to_owned(), |value| format!("{value:.4}"))
        });
        let threshold = format!("{:.4}", label.threshold);
        lines.push(row(&start(&label.name, &threshold), cells.collect()));
    }
    lines
}
