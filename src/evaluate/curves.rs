//! Curves behind the metrics, as tables and figures.

use std::fmt::Write as _;

use super::prediction_folder::PredictionFolder;
use crate::metric::{Curve, DETERMINISTIC, Evaluation};
use crate::output::chart::{self, Axis, Chart, Marks, Point, Scale, Series};

/// Scores shown in figures; tables contain all scores.
const SHOWN: [&str; 3] = ["predictive_entropy", "mutual_information", DETERMINISTIC];

/// Related curves: a table of all of them, and charts of some.
#[derive(Debug)]
pub(super) struct Figure {
    /// Kind of the figure.
    pub(super) kind: &'static FigureKind,
    /// Charts of the figure.
    pub(super) charts: Vec<Chart>,
    curves: Vec<Curve>,
}

impl Figure {
    pub(super) fn svg(&self) -> String {
        chart::svg(&self.charts)
    }

    /// Returns the table: one row per point with the name of the curve, x and y.
    pub(super) fn csv(&self) -> String {
        curves_csv(&self.curves)
    }
}

/// Returns the table of curves: one row per point with the name of the curve, x and y.
fn curves_csv(curves: &[Curve]) -> String {
    let mut text = "curve,x,y\n".to_owned();
    for curve in curves {
        for (x, y) in curve.x.iter().zip(&curve.y) {
            let _ = writeln!(text, "{},{x},{y}", curve.name);
        }
    }
    text
}

/// A table of curves, and a chart of some of them.
#[derive(Debug)]
pub(super) struct NamedFigure {
    /// Name of the files.
    pub(super) name: String,
    pub(super) chart: Chart,
    pub(super) curves: Vec<Curve>,
}

impl NamedFigure {
    pub(super) fn csv(&self) -> String {
        curves_csv(&self.curves)
    }

    pub(super) fn svg(&self) -> String {
        chart::svg(std::slice::from_ref(&self.chart))
    }
}

/// A kind of figure, with its explanation.
#[derive(Debug)]
pub(super) struct FigureKind {
    /// Name of the files.
    pub(super) name: &'static str,
    /// Heading.
    pub(super) title: &'static str,
    /// Explanation of the curves, one sentence.
    pub(super) reading: &'static str,
    /// Description of curves that would be bad news.
    pub(super) bad_news: &'static str,
    /// Computes the curves.
    curves: fn(&Evaluation) -> Vec<Curve>,
    /// Draws some of the curves.
    draw: fn(&[Curve], &PredictionFolder) -> Vec<Chart>,
}

/// All kinds of figures, in the order in which they are shown.
pub(super) const FIGURES: &[FigureKind] = &[
    FigureKind {
        name: "reliability",
        title: "Reliability",
        reading: "Of the items that are predicted with a certain confidence, that fraction should \
                  be right. The line should follow the diagonal, above all where there are many \
                  items.",
        bad_news: "a line below the diagonal: the model is more confident than it is accurate.",
        curves: Evaluation::reliability,
        draw: |curves, _| vec![reliability(curves)],
    },
    FigureKind {
        name: "risk_coverage",
        title: "Risk against coverage",
        reading: "The error rate among the most certain items, from few of them at the left to all \
                  at the right. With a good order, the line stays low and rises late.",
        bad_news: "a line that is high at the left: the model is wrong where it is most certain.",
        curves: Evaluation::risk_coverage,
        draw: |curves, _| vec![risk_coverage(curves)],
    },
    FigureKind {
        name: "right_and_wrong",
        title: "Uncertainty of right against wrong",
        reading: "The uncertainty of right and of wrong predictions. The two histograms should lie \
                  apart.",
        bad_news: "two histograms that overlap completely: the measure does not separate right \
                   from wrong.",
        curves: Evaluation::right_and_wrong,
        draw: |curves, folder| {
            histograms("histogram", ["right", "wrong"], curves, folder)
        },
    },
    FigureKind {
        name: "sparsification",
        title: "Sparsification",
        reading: "The error that remains when the most uncertain items are removed, and the same \
                  for the best possible order. With a good measure, the error falls as fast as \
                  that.",
        bad_news: "a line that stays level: items with a high uncertainty are no worse than the \
                   rest.",
        curves: Evaluation::sparsification,
        draw: |curves, _| vec![sparsification(curves)],
    },
    FigureKind {
        name: "in_and_out_of_distribution",
        title: "In against out of distribution",
        reading: "Each measure on images like those of the training, and on images of another \
                  kind. The second histogram should lie further to the right.",
        bad_news: "two histograms that overlap completely: unusual images look normal to the \
                   model.",
        curves: Evaluation::inside_and_outside_images,
        draw: |curves, folder| histograms("ood", ["inside", "outside"], curves, folder),
    },
    FigureKind {
        name: "patch_accuracy_patch_uncertainty",
        title: "Patch accuracy against patch uncertainty",
        reading: "Fractions of small patches, by the threshold above which a patch counts as \
                  uncertain. \"Accurate if certain\" and \"uncertain if inaccurate\" should both \
                  be high at some threshold.",
        bad_news: "no threshold at which both lines are high.",
        curves: Evaluation::pavpu,
        draw: |curves, _| patches(curves),
    },
];

/// Returns the figures of an evaluation; without labels most are empty and left out.
pub(super) fn figures(evaluation: &Evaluation, folder: &PredictionFolder) -> Vec<Figure> {
    let kinds = FIGURES.iter();
    kinds.filter_map(|kind| kind.figure((kind.curves)(evaluation), folder)).collect()
}

impl FigureKind {
    /// Draws the figure; `None` if nothing is shown.
    fn figure(
        &'static self,
        curves: Vec<Curve>,
        folder: &PredictionFolder,
    ) -> Option<Figure> {
        let charts = self.charts(&curves, folder)?;
        Some(Figure { kind: self, charts, curves })
    }

    /// Draws the curves; `None` if nothing is shown.
    pub(super) fn charts(
        &self,
        curves: &[Curve],
        folder: &PredictionFolder,
    ) -> Option<Vec<Chart>> {
        let charts = (self.draw)(curves, folder);
        let is_shown = !curves.is_empty() && charts.iter().any(|c| !c.series.is_empty());
        is_shown.then_some(charts)
    }
}

pub(super) fn axis(label: &str, range: Option<(f64, f64)>) -> Axis {
    Axis { label: label.to_owned(), scale: Scale::Linear, range }
}

pub(super) fn series(name: &str, marks: Marks, curve: &Curve) -> Series {
    let points = curve.x.iter().zip(&curve.y).map(|(x, y)| Point::new(*x, *y)).collect();
    Series { name: name.to_owned(), marks, points }
}

fn find<'a>(curves: &'a [Curve], name: &str) -> Option<&'a Curve> {
    curves.iter().find(|curve| curve.name == name)
}

/// Returns the curves with this prefix for the scores that are shown.
fn of_shown(curves: &[Curve], prefix: &str) -> Vec<Series> {
    let mut all = Vec::new();
    for score in SHOWN {
        let curve = find(curves, &format!("{prefix}.{score}"));
        all.extend(curve.map(|curve| series(score, Marks::Curve, curve)));
    }
    all
}

fn reliability(curves: &[Curve]) -> Chart {
    let unit = Some((0.0, 1.0));
    let ideal = Curve { name: String::new(), x: vec![0.0, 1.0], y: vec![0.0, 1.0] };
    let mut all = vec![series("ideal", Marks::Curve, &ideal)];
    for (name, label) in [
        ("reliability.accuracy", "accuracy"),
        ("reliability.share", "share of the items"),
    ] {
        all.extend(find(curves, name).map(|curve| series(label, Marks::Line, curve)));
    }
    Chart {
        title: "reliability".to_owned(),
        description: "Accuracy against confidence; on the diagonal both are equal."
            .to_owned(),
        x: axis("confidence", unit),
        y: axis("accuracy", unit),
        series: all,
    }
}

fn risk_coverage(curves: &[Curve]) -> Chart {
    Chart {
        title: "risk against coverage".to_owned(),
        description: "Share of wrong items among those kept, the most certain first."
            .to_owned(),
        x: axis("coverage: share of the items kept", Some((0.0, 1.0))),
        y: axis("risk: share of these that are wrong", None),
        series: of_shown(curves, "risk_coverage"),
    }
}

fn sparsification(curves: &[Curve]) -> Chart {
    let mut all = of_shown(curves, "sparsification");
    let best = find(curves, "sparsification.best");
    all.extend(best.map(|curve| series("best order", Marks::Curve, curve)));
    Chart {
        title: "sparsification".to_owned(),
        description: "Mean Brier score of the remaining items, over the share removed."
            .to_owned(),
        x: axis("share of the items removed", Some((0.0, 1.0))),
        y: axis("Brier score of the rest, over that of all", None),
        series: all,
    }
}

/// Draws the histograms of two kinds of items for each measure that is shown.
fn histograms(
    prefix: &str,
    kinds: [&str; 2],
    curves: &[Curve],
    folder: &PredictionFolder,
) -> Vec<Chart> {
    let mut charts = Vec::new();
    for measure in folder.measures.iter().filter(|m| SHOWN.contains(&m.name)) {
        let mut all = Vec::new();
        for kind in kinds {
            let name = format!("{prefix}.{kind}.{}", measure.name);
            // The curves of images have one aggregation each, of which the mean is shown.
            let curve =
                find(curves, &name).or_else(|| find(curves, &format!("{name}.mean")));
            all.extend(curve.map(|curve| series(kind, Marks::Steps, &closed(curve))));
        }
        charts.push(Chart {
            title: measure.name.to_owned(),
            description: format!(
                "{} and {} items by {}.",
                kinds[0], kinds[1], measure.name
            ),
            x: axis(&format!("{} ({})", measure.name, measure.unit.text("")), None),
            y: axis("share of its kind", None),
            series: all,
        });
    }
    charts
}

/// Appends the right end of the last bar.
fn closed(curve: &Curve) -> Curve {
    let mut closed = curve.clone();
    if let [.., before, last] = curve.x[..] {
        closed.x.push(2.0 * last - before);
        closed.y.push(0.0);
    }
    closed
}

fn patches(curves: &[Curve]) -> Vec<Chart> {
    const SIDE: usize = 4;
    let mut charts = Vec::new();
    for score in SHOWN {
        let mut all = Vec::new();
        for (kind, label) in [
            ("pavpu", "PAvPU"),
            ("pavpu_accurate_given_certain", "accurate if certain"),
            ("pavpu_uncertain_given_inaccurate", "uncertain if inaccurate"),
        ] {
            let curve = find(curves, &format!("{kind}.{score}.{SIDE}"));
            all.extend(curve.map(|curve| series(label, Marks::Curve, curve)));
        }
        if !all.is_empty() {
            charts.push(Chart {
                title: score.to_owned(),
                description: "Patch accuracy against patch uncertainty, by threshold."
                    .to_owned(),
                x: axis(&format!("threshold of {score}"), None),
                y: axis("share of the 4 x 4 patches", Some((0.0, 1.0))),
                series: all,
            });
        }
    }
    charts
}
