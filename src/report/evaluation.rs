//! The results of an evaluation, with explanations.

use std::collections::HashSet;

use super::facts::grouped;
use super::files::Shown;
use crate::evaluate::{FIGURES, FigureKind, read_curves};
use crate::measure::MEASURES;
use crate::metric::{Breakdown, DETERMINISTIC, Direction, Headline, METRICS, Metric};
use crate::output::chart;
use crate::record::{MetricRecord, MetricsRecord, NamedValues};

/// Metrics of a run by key.
type Metrics = NamedValues<MetricRecord>;

/// The section of the page about an evaluation.
pub(super) struct Section {
    pub(super) lead: String,
    /// Metrics of the predictions as a whole.
    pub(super) whole: Vec<Row>,
    /// Metrics of scores, one table per metric.
    pub(super) found: Vec<Found>,
    pub(super) pictures: Vec<Picture>,
    /// All metrics by key.
    pub(super) all: Vec<Row>,
}

/// A metric with its value in each run.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) summary: &'static str,
    pub(super) better: &'static str,
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
    pub(super) title: &'static str,
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
    let row = |name: &&str| row(name, name, &metrics);
    let is_whole = |name: &&&str| {
        Metric::by_name(name).is_some_and(|metric| metric.breakdown == Breakdown::Whole)
    };
    Some(Section {
        lead: lead(shown),
        whole: names.iter().filter(is_whole).map(row).collect(),
        found: METRICS
            .iter()
            .filter_map(|metric| table(metric, &names, &metrics))
            .collect(),
        pictures: pictures(shown, notes),
        all: names.iter().map(row).collect(),
    })
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

fn row(name: &str, title: &str, metrics: &[&Metrics]) -> Row {
    // The longest name with which the key begins.
    let of_key = |metric: &&Metric| {
        name.strip_prefix(metric.name)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let metric = METRICS.iter().filter(of_key).max_by_key(|metric| metric.name.len());
    Row {
        name: name.to_owned(),
        title: title.replace('_', " "),
        summary: metric.map_or("", |metric| metric.summary),
        better: match metric.map(|metric| metric.direction) {
            Some(Direction::HigherIsBetter) => "larger",
            Some(Direction::LowerIsBetter) => "smaller",
            _ => "",
        },
        values: metrics.iter().map(|metrics| cell(metrics.get(name), metric)).collect(),
    }
}

fn cell(record: Option<&MetricRecord>, metric: Option<&Metric>) -> Cell {
    let record = record.cloned().unwrap_or_default();
    let Some(value) = record.value else { return Cell::default() };
    let interval = record.interval().map(|(low, high)| format!("{low:.4} to {high:.4}"));
    let less = record.difference();
    let is_larger_better =
        metric.is_some_and(|metric| metric.direction == Direction::HigherIsBetter);
    let is_larger = match less {
        Some((low, _)) if low > 0.0 => Some(true),
        Some((_, high)) if high < 0.0 => Some(false),
        _ => None,
    };
    let verdict = match is_larger {
        Some(is_larger) if is_larger == is_larger_better => "better",
        Some(_) => "worse",
        None => "",
    };
    Cell {
        value: format!("{value:.4}"),
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
            is_of_score.then(|| row(name, score, metrics))
        });
        ours.next()
    };
    let scores = MEASURES.iter().map(|measure| measure.name).chain([DETERMINISTIC]);
    let mut scores: Vec<Row> = scores.filter_map(of_score).collect();
    if let Some(last) = scores.last_mut().filter(|row| row.title == DETERMINISTIC) {
        "plain softmax, without dropout".clone_into(&mut last.title);
    }
    (!scores.is_empty()).then_some(Found { title: question, reading, unit, scores })
}

fn pictures(shown: &[Shown], notes: &mut Vec<String>) -> Vec<Picture> {
    let mut drawn = Vec::new();
    for one in shown.iter().filter(|one| one.run.metrics.is_some()) {
        let Some(folder) = &one.run.folder else { continue };
        let (figures, wrong) = read_curves(folder);
        notes.extend(wrong.iter().map(|error| format!("{error}.")));
        for figure in figures {
            for chart in &figure.charts {
                let svg = chart::svg_of_page(chart);
                drawn.push((figure.kind.name, (one.name(), svg)));
            }
        }
    }
    let picture = |&FigureKind { name, title, reading, bad_news, .. }: &FigureKind| {
        let of_name = drawn.iter().filter(|(of, _)| *of == name);
        let charts: Vec<_> = of_name.map(|(_, chart)| chart.clone()).collect();
        (!charts.is_empty()).then_some(Picture { title, reading, bad_news, charts })
    };
    FIGURES.iter().filter_map(picture).collect()
}
