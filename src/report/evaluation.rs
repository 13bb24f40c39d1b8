//! What an evaluation found, with how to read it.

mod readings;

use serde_json::Value;

use self::readings::{READINGS, Reading};
use super::facts::grouped;
use super::files::Shown;
use crate::evaluate::read_curves;
use crate::measure::MEASURES;
use crate::metric::{Breakdown, DETERMINISTIC, Direction, Headline, METRICS, Metric};
use crate::output::chart;

/// What the page says of an evaluation.
pub(super) struct Section {
    pub(super) lead: String,
    /// Metrics of the predictions as a whole.
    pub(super) whole: Vec<Row>,
    /// What scores find, a table each.
    pub(super) found: Vec<Found>,
    pub(super) pictures: Vec<Picture>,
    /// Every number by its key.
    pub(super) all: Vec<Row>,
}

/// A metric, with its numbers in each run.
pub(super) struct Row {
    pub(super) name: String,
    pub(super) title: String,
    pub(super) summary: &'static str,
    pub(super) better: &'static str,
    pub(super) values: Vec<Cell>,
}

/// A number as text, with its interval.
#[derive(Default)]
pub(super) struct Cell {
    pub(super) value: String,
    pub(super) interval: String,
    /// The interval of its difference to the pass without dropout, and what that shows.
    pub(super) difference: String,
    pub(super) verdict: &'static str,
}

/// What the scores of each measure find.
pub(super) struct Found {
    pub(super) title: &'static str,
    pub(super) reading: &'static str,
    pub(super) unit: &'static str,
    pub(super) scores: Vec<Row>,
}

/// Curves, how to read them, and what would be bad news.
pub(super) struct Picture {
    pub(super) title: &'static str,
    pub(super) reading: &'static str,
    pub(super) bad_news: &'static str,
    /// The run, and its chart as SVG.
    pub(super) charts: Vec<(String, String)>,
}

/// The section of the runs, if one of them was evaluated; what cannot be read is noted.
pub(super) fn section(shown: &[Shown], notes: &mut Vec<String>) -> Option<Section> {
    let metrics: Vec<&Value> =
        shown.iter().map(|one| &one.run.metrics["metrics"]).collect();
    let mut names: Vec<&String> = Vec::new();
    for metrics in &metrics {
        let of_run = metrics.as_object().into_iter().flatten().map(|(name, _)| name);
        let known: std::collections::HashSet<&String> = names.iter().copied().collect();
        names.extend(of_run.filter(|name| !known.contains(name)).collect::<Vec<_>>());
    }
    if names.is_empty() {
        return None;
    }
    let row = |name: &String| row(name, name, &metrics);
    let is_whole = |name: &&&String| {
        Metric::by_name(name).is_some_and(|metric| metric.breakdown == Breakdown::Whole)
    };
    Some(Section {
        lead: lead(shown),
        whole: names.iter().filter(is_whole).map(|name| row(name)).collect(),
        found: METRICS
            .iter()
            .filter_map(|metric| table(metric, &names, &metrics))
            .collect(),
        pictures: pictures(shown, notes),
        all: names.iter().map(|name| row(name)).collect(),
    })
}

fn lead(shown: &[Shown]) -> String {
    let of = |one: &Shown| {
        let count = |key: &str| {
            let count =
                one.run.metrics[key].as_u64().and_then(|n| usize::try_from(n).ok());
            count.unwrap_or(0)
        };
        let (images, items) = (grouped(count("images")), grouped(count("items")));
        let what = if one.run.has_maps() { "labeled pixels" } else { "labels" };
        let mut text = format!("{images} images, {items} {what}");
        for (key, what) in [
            ("images_out_of_distribution", "images of another kind"),
            ("images_without_label", "images without a label"),
            ("images_failed", "images that failed"),
        ] {
            if count(key) > 0 {
                text = format!("{text}, {} {what}", count(key));
            }
        }
        text
    };
    let evaluated = shown.iter().filter(|one| !one.run.metrics.is_null());
    let texts: Vec<String> = evaluated.map(of).collect();
    let hint = if shown[0].has_labels {
        ""
    } else {
        " Where labels are to be had (--labels), each image also shows what is right and wrong."
    };
    let texts = texts.join("; ");
    format!("{texts}. Intervals are at 95 %, by a bootstrap over images.{hint}")
}

fn row(name: &str, title: &str, metrics: &[&Value]) -> Row {
    // The longest name that the key begins with.
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
        values: metrics.iter().map(|metrics| cell(&metrics[name], metric)).collect(),
    }
}

fn cell(entry: &Value, metric: Option<&Metric>) -> Cell {
    let Some(value) = entry["value"].as_f64() else { return Cell::default() };
    let ends = |entry: &Value| entry["low"].as_f64().zip(entry["high"].as_f64());
    let interval = ends(entry).map(|(low, high)| format!("{low:.4} to {high:.4}"));
    let less = ends(&entry["less_deterministic"]);
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

/// The scores of a metric: those of measures first, then the pass without dropout.
fn table(metric: &Metric, names: &[&String], metrics: &[&Value]) -> Option<Found> {
    let Headline { question, unit, reading, .. } = metric.headline?;
    let prefix = format!("{}.", metric.name);
    let of_score = |score: &str| {
        let mut ours = names.iter().filter_map(|name| {
            let rest = name.strip_prefix(&prefix)?;
            // Of an image's aggregations, its mean.
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
    for one in shown.iter().filter(|one| !one.run.metrics.is_null()) {
        let Some(folder) = &one.run.folder else { continue };
        let (pictures, wrong) = read_curves(folder);
        notes.extend(wrong.iter().map(|error| format!("{error}.")));
        for picture in pictures {
            for chart in &picture.charts {
                let svg = chart::svg_of_page(chart);
                drawn.push((picture.name, (one.name(), svg)));
            }
        }
    }
    let picture = |&Reading { name, title, how, bad_news }: &Reading| {
        let of_name = drawn.iter().filter(|(of, _)| *of == name);
        let charts: Vec<_> = of_name.map(|(_, chart)| chart.clone()).collect();
        (!charts.is_empty()).then_some(Picture { title, reading: how, bad_news, charts })
    };
    READINGS.iter().filter_map(picture).collect()
}
