//! Curves behind the metrics of labels, as tables and figures.

use super::curves::{NamedFigure, axis, series};
use crate::metric::{Curve, LabelEvaluation};
use crate::output::chart::{Chart, Marks};

/// Largest number of labels that are drawn; tables contain all labels.
const MOST_DRAWN: usize = 6;

/// Returns the figures of an evaluation that are not empty.
pub(super) fn label_figures(evaluation: &LabelEvaluation) -> Vec<NamedFigure> {
    let share = Some((0.0, 1.0));
    let figures = [
        figure(
            evaluation.reliability(),
            "reliability",
            &Chart {
                title: "reliability of labels".to_owned(),
                description:
                    "Share of the items with the label, over its mean probability; on \
                              the diagonal both are equal."
                        .to_owned(),
                x: axis("probability of the label", share),
                y: axis("share of the items with the label", share),
                series: Vec::new(),
            },
        ),
        figure(
            evaluation.roc(),
            "roc",
            &Chart {
                title: "receiver operating characteristic".to_owned(),
                description:
                    "Share of the items with the label that are found, over that of \
                              the others; on the diagonal the order is random."
                        .to_owned(),
                x: axis("share of the others that are found", share),
                y: axis("share of the items with the label found", share),
                series: Vec::new(),
            },
        ),
        figure(
            evaluation.precision_recall(),
            "precision_recall",
            &Chart {
                title: "precision and recall".to_owned(),
                description: "Precision over recall, for all thresholds.".to_owned(),
                x: axis("recall", share),
                y: axis("precision", share),
                series: Vec::new(),
            },
        ),
    ];
    figures.into_iter().filter(|figure| !figure.chart.series.is_empty()).collect()
}

/// Draws the curve of all labels together and those of the first labels.
fn figure(curves: Vec<Curve>, name: &str, empty: &Chart) -> NamedFigure {
    let shown = curves.iter().filter(|curve| !curve.x.is_empty()).take(1 + MOST_DRAWN);
    let of_curve = |curve: &Curve| {
        let label = curve.name.split_once('.').map_or(name, |(_, label)| label);
        series(label, Marks::Curve, curve)
    };
    let mut all: Vec<_> = shown.map(of_curve).collect();
    if name != "precision_recall" && !all.is_empty() {
        let ends = vec![0.0, 1.0];
        let diagonal = Curve { name: String::new(), x: ends.clone(), y: ends };
        all.insert(0, series("diagonal", Marks::Curve, &diagonal));
    }
    let chart = Chart { series: all, ..empty.clone() };
    NamedFigure { name: name.to_owned(), chart, curves }
}
