//! Curves behind the metrics of values, as tables and figures.

use super::curves::{NamedFigure, axis, series};
use super::values::TargetResult;
use crate::metric::{Curve, ValueEvaluation};
use crate::output::chart::{Chart, Marks, Series};

/// Returns the figures of a target that are not empty; `unit` is empty if it is unknown.
pub(super) fn value_figures(target: &TargetResult, unit: &str) -> Vec<NamedFigure> {
    let evaluation = &target.evaluation;
    let of = |text: &str| match unit {
        "" => text.to_owned(),
        unit => format!("{text} ({unit})"),
    };
    let share = Some((0.0, 1.0));
    let mut figures = vec![
        figure(
            evaluation.error_by_std(),
            "error_by_std",
            &Chart {
                title: "error against standard deviation".to_owned(),
                description:
                    "Root mean square error in bins of the predicted standard deviation; \
                              on the diagonal both are equal."
                        .to_owned(),
                x: axis(&of("standard deviation"), None),
                y: axis(&of("root mean square error"), None),
                series: Vec::new(),
            },
        ),
        figure(
            evaluation.coverage(),
            "coverage",
            &Chart {
                title: "coverage of intervals".to_owned(),
                description:
                    "Share of the labels inside of the central interval, over its level; \
                              on the diagonal both are equal."
                        .to_owned(),
                x: axis("level of the interval", share),
                y: axis("share of the labels inside", share),
                series: Vec::new(),
            },
        ),
        figure(
            ValueEvaluation::sparsification(evaluation),
            "sparsification",
            &Chart {
                title: "sparsification".to_owned(),
                description:
                    "Root mean square error of the remaining items, over the share \
                              removed."
                        .to_owned(),
                x: axis("share of the items removed", share),
                y: axis("RMSE of the rest, over that of all", None),
                series: Vec::new(),
            },
        ),
    ];
    figures.retain(|figure| !figure.chart.series.is_empty());
    for figure in &mut figures {
        figure.name.insert_str(0, &target.prefix);
    }
    figures
}

/// Draws all curves, and the diagonal where a curve should follow it.
fn figure(curves: Vec<Curve>, name: &str, empty: &Chart) -> NamedFigure {
    let shown = curves.iter().filter(|curve| !curve.x.is_empty());
    let of_curve = |curve: &Curve| {
        let label = curve.name.split_once('.').map_or(name, |(_, label)| label);
        series(label, Marks::Curve, curve)
    };
    let mut all: Vec<Series> = shown.map(of_curve).collect();
    if name != "sparsification" && !all.is_empty() {
        let numbers = curves.iter().flat_map(|curve| curve.x.iter().chain(&curve.y));
        let most = numbers.copied().fold(0.0, f64::max);
        let end = if name == "coverage" { 1.0 } else { most };
        let ideal = Curve { name: String::new(), x: vec![0.0, end], y: vec![0.0, end] };
        all.insert(0, series("ideal", Marks::Curve, &ideal));
    }
    let chart = Chart { series: all, ..empty.clone() };
    NamedFigure { name: name.to_owned(), chart, curves }
}
