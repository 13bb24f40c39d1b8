//! The results of an evaluation, with explanations.

use std::collections::HashSet;

use super::facts::grouped;
use super::files::Shown;
use super::metric_texts::{Group, MetricText, Verdict};
use crate::evaluate::{SavedFigure, read_curves};
use crate::measure::NOISY_MEASURES;
use crate::metric::{DETERMINISTIC, Headline, METRICS, Metric};
use crate::output::chart;
use crate::record::{MetricRecord, MetricsRecord, NamedValues};
use crate::task::Target;

/// Metrics of a run by key.
type Metrics = NamedValues<MetricRecord>;

/// The section of the page about an evaluation.
pub(super) struct Section {
    pub(super) lead: String,
    /// Metrics of the predictions as a whole.
    pub(super) whole: Vec<Row>,
    /// True if metrics of the whole are compared with the pass without dropout.
    pub(super) has_differences: bool,
    /// Metrics of scores, one table per metric.
    pub(super) found: Vec<Found>,
    /// Metrics by standard deviation, one table per run and target.
    pub(super) matrices: Vec<Matrix>,
    pub(super) pictures: Vec<Picture>,
    /// All metrics by key.
    pub(super) all: Vec<Row>,
}

/// Metrics that each have a value per standard deviation.
pub(super) struct Matrix {
    /// Name of the run or target; empty if there is only one.
    pub(super) caption: String,
    /// Names of the standard deviations.
    pub(super) columns: Vec<String>,
    pub(super) rows: Vec<Row>,
}

/// A metric with its value in each run.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) summary: &'static str,
    pub(super) better: String,
    pub(super) values: Vec<Cell>,
}

/// A value as text, with its interval.
#[derive(Default)]
pub(super) struct Cell {
    pub(super) value: String,
    pub(super) interval: String,
    /// Interval of the difference from the pass without dropout.
    pub(super) difference: String,
    pub(super) verdict: &'static str,
}

/// The values of a metric for each score.
pub(super) struct Found {
    pub(super) title: &'static str,
    pub(super) reading: &'static str,
    pub(super) unit: &'static str,
    pub(super) scores: Vec<Row>,
}

/// Curves with their explanation.
pub(super) struct Picture {
    pub(super) title: String,
    pub(super) reading: &'static str,
    pub(super) bad_news: &'static str,
    /// Name of each run, and its chart as SVG.
    pub(super) charts: Vec<(String, String)>,
}

/// Returns the section, if a run was evaluated. Adds a note for each file that cannot be read.
pub(super) fn section(shown: &[Shown], notes: &mut Vec<String>) -> Option<Section> {
    let none = Metrics::default();
    let records = shown.iter().map(|one| one.run.metrics.as_ref());
    let metrics: Vec<&Metrics> =
        records.map(|record| record.map_or(&none, |record| &record.metrics)).collect();
    let mut known = HashSet::new();
    let names = metrics.iter().flat_map(|metrics| metrics.names());
    let names: Vec<&str> = names.filter(|name| known.insert(*name)).collect();
    if names.is_empty() {
        return None;
    }
    let text = |name: &str| MetricText::of(&shown[0].run, name);
    let row = |name: &&str| {
        let text = text(name);
        row(name, text.title.clone(), &text, &metrics)
    };
    let by_key = |name: &&str| {
        let text = text(name);
        self::row(name, name.replace('_', " "), &text, &metrics)
    };
    let is_whole = |name: &&&str| text(name).group == Group::Whole;
    let whole: Vec<Row> = names.iter().filter(is_whole).map(row).collect();
    let has_differences =
        whole.iter().flat_map(|row| &row.values).any(|cell| !cell.difference.is_empty());
    let predicts_classes = shown[0]
        .run
        .folder
        .as_ref()
        .is_none_or(|folder| folder.task.target == Target::Class);
    let found = METRICS.iter().filter(|_| predicts_classes);
    Some(Section {
        lead: lead(shown),
        whole,
        has_differences,
        found: found.filter_map(|metric| table(metric, &names, &metrics)).collect(),
        matrices: matrices(shown, &names, &metrics),
        pictures: pictures(shown, notes),
        all: names.iter().map(by_key).collect(),
    })
}

/// Returns a table per run and target of the metrics that have a value per standard deviation.
fn matrices(shown: &[Shown], names: &[&str], metrics: &[&Metrics]) -> Vec<Matrix> {
    let mut matrices = Vec::new();
    let texts = names.iter().map(|name| (*name, MetricText::of(&shown[0].run, name)));
    let texts: Vec<(&str, MetricText)> =
        texts.filter(|(_, text)| matches!(text.group, Group::Std(_))).collect();
    let mut targets: Vec<&str> = Vec::new();
    for (_, text) in &texts {
        if !targets.contains(&text.target.as_str()) {
            targets.push(&text.target);
        }
    }
    for (one, metrics) in shown.iter().zip(metrics) {
        for target in &targets {
            let mut columns: Vec<&str> = Vec::new();
            let mut rows: Vec<Row> = Vec::new();
            for (name, text) in texts.iter().filter(|(_, text)| text.target == *target) {
                let Group::Std(std) = &text.group else { continue };
                let column = columns.iter().position(|known| known == std);
                let column = column.unwrap_or_else(|| {
                    columns.push(std);
                    columns.len() - 1
                });
                let key = name.strip_suffix(std.as_str()).unwrap_or(name);
                let key = key.trim_end_matches('.');
                let at = rows.iter().position(|row| row.name == key);
                let at = at.unwrap_or_else(|| {
                    rows.push(row(key, text.metric_title.clone(), text, &[]));
                    rows.len() - 1
                });
                let cells = &mut rows[at].values;
                cells.resize_with((column + 1).max(cells.len()), Cell::default);
                cells[column] = cell(metrics.get(name), text);
            }
            if rows.iter().flat_map(|row| &row.values).all(|cell| cell.value.is_empty()) {
                continue;
            }
            for row in &mut rows {
                row.values.resize_with(columns.len(), Cell::default);
            }
            let run = (shown.len() > 1).then(|| one.name());
            let target = Some((*target).to_owned()).filter(|target| !target.is_empty());
            let caption: Vec<String> = run.into_iter().chain(target).collect();
            matrices.push(Matrix {
                caption: caption.join(": "),
                columns: columns.iter().map(|std| std.replace('_', " ")).collect(),
                rows,
            });
        }
    }
    matrices
}

fn lead(shown: &[Shown]) -> String {
    let of = |one: &Shown| {
        let found: &MetricsRecord = one.run.metrics.as_ref()?;
        let items = usize::try_from(found.items).unwrap_or(0);
        let what = if one.run.has_maps() { "labeled pixels" } else { "labels" };
        let mut text =
            format!("{} images, {} {what}", grouped(found.images), grouped(items));
        for (count, what) in [
            (found.images_out_of_distribution, "images of another kind"),
            (found.images_without_label, "images without a label"),
            (found.images_failed, "images that failed"),
        ] {
            if count > 0 {
                text = format!("{text}, {count} {what}");
            }
        }
        Some(text)
    };
    let texts: Vec<String> = shown.iter().filter_map(of).collect();
    let hint = if shown[0].has_labels {
        ""
    } else {
        " With --labels, each image also shows what is right and wrong."
    };
    let texts = texts.join("; ");
    format!("{texts}. Intervals are at 95 %, by a bootstrap over images.{hint}")
}

fn row(name: &str, title: String, text: &MetricText, metrics: &[&Metrics]) -> Row {
    Row {
        name: name.to_owned(),
        title,
        summary: text.summary,
        better: text.verdict.describe(),
        values: metrics.iter().map(|metrics| cell(metrics.get(name), text)).collect(),
    }
}

fn cell(record: Option<&MetricRecord>, text: &MetricText) -> Cell {
    let record = record.cloned().unwrap_or_default();
    let Some(value) = record.value else { return Cell::default() };
    let interval = record.interval().map(|(low, high)| format!("{low:.4} to {high:.4}"));
    let less = record.difference();
    let is_larger = match less {
        Some((low, _)) if low > 0.0 => Some(true),
        Some((_, high)) if high < 0.0 => Some(false),
        _ => None,
    };
    let verdict = match (is_larger, text.verdict) {
        (Some(true), Verdict::Larger) | (Some(false), Verdict::Smaller) => "better",
        (Some(false), Verdict::Larger) | (Some(true), Verdict::Smaller) => "worse",
        _ => "",
    };
    let unit = match text.unit.as_str() {
        "" => String::new(),
        unit => format!(" {unit}"),
    };
    Cell {
        value: format!("{value:.4}{unit}"),
        interval: interval.unwrap_or_default(),
        difference: less
            .map(|(low, high)| format!("{low:+.4} to {high:+.4}"))
            .unwrap_or_default(),
        verdict,
    }
}

/// Returns the values of a metric: those of measures, followed by the pass without dropout.
fn table(metric: &Metric, names: &[&str], metrics: &[&Metrics]) -> Option<Found> {
    let Headline { question, unit, reading, .. } = metric.headline?;
    let prefix = format!("{}.", metric.name);
    let of_score = |score: &str| {
        let mut ours = names.iter().filter_map(|name| {
            let rest = name.strip_prefix(&prefix)?;
            // If there are several aggregations, only the mean is shown.
            let is_of_score = rest == score || rest == format!("{score}.mean");
            let text = MetricText::of_metric(metric);
            is_of_score.then(|| row(name, score.replace('_', " "), &text, metrics))
        });
        ours.next()
    };
    let scores = NOISY_MEASURES.iter().map(|measure| measure.name).chain([DETERMINISTIC]);
    let mut scores: Vec<Row> = scores.filter_map(of_score).collect();
    if let Some(last) = scores.last_mut().filter(|row| row.title == DETERMINISTIC) {
        "plain softmax, without dropout".clone_into(&mut last.title);
    }
    (!scores.is_empty()).then_some(Found { title: question, reading, unit, scores })
}

fn pictures(shown: &[Shown], notes: &mut Vec<String>) -> Vec<Picture> {
    let mut pictures: Vec<Picture> = Vec::new();
    for one in shown.iter().filter(|one| one.run.metrics.is_some()) {
        let Some(folder) = &one.run.folder else { continue };
        let (figures, wrong) = read_curves(folder);
        notes.extend(wrong.iter().map(|error| format!("{error}.")));
        for SavedFigure { title, reading, bad_news, charts } in figures {
            let charts = charts.iter().map(chart::svg_of_page);
            let charts: Vec<_> = charts.map(|svg| (one.name(), svg)).collect();
            match pictures.iter_mut().find(|picture| picture.title == title) {
                Some(picture) => picture.charts.extend(charts),
                None => pictures.push(Picture { title, reading, bad_news, charts }),
            }
        }
    }
    pictures
}
