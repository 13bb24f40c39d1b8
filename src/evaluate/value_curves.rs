//! Curves behind the metrics of values, as tables and figures.

use super::curves::{NamedFigure, axis, series};
use super::values::TargetResult;
use crate::metric::{Curve, ValueEvaluation};
use crate::output::chart::{Axis, Chart, Marks, Series};

/// A kind of figure about values, with its explanation.
#[derive(Debug)]
pub(super) struct ValueFigureKind {
    /// Name of the files.
    pub(super) name: &'static str,
    /// Heading.
    pub(super) title: &'static str,
    /// Explanation of the curves.
    pub(super) reading: &'static str,
    /// Description of curves that would be bad news.
    pub(super) bad_news: &'static str,
    /// Description of the chart for people who cannot see it.
    description: &'static str,
    /// The axes, without the unit of the target.
    axes: [ValueAxis; 2],
    /// Curves should follow the diagonal.
    has_diagonal: bool,
    /// Computes the curves.
    curves: fn(&ValueEvaluation) -> Vec<Curve>,
}

/// An axis of a figure about values.
#[derive(Debug)]
struct ValueAxis {
    label: &'static str,
    kind: AxisKind,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum AxisKind {
    /// In the unit of the target.
    Target,
    /// From 0 to 1.
    Share,
    /// Without a unit.
    Ratio,
}

/// All kinds of figures about values, in the order in which they are shown.
pub(super) const VALUE_FIGURES: &[ValueFigureKind] = &[
    ValueFigureKind {
        name: "error_by_std",
        title: "Error against standard deviation",
        reading: "The root mean square error of items with about the same predicted standard \
                  deviation. Both should be equal: the line should follow the diagonal.",
        bad_news: "a line above the diagonal: errors are larger than predicted.",
        description: "Root mean square error in bins of the predicted standard deviation; on the \
                      diagonal both are equal.",
        axes: [
            ValueAxis { label: "standard deviation", kind: AxisKind::Target },
            ValueAxis { label: "root mean square error", kind: AxisKind::Target },
        ],
        has_diagonal: true,
        curves: ValueEvaluation::error_by_std,
    },
    ValueFigureKind {
        name: "coverage",
        title: "Coverage of intervals",
        reading: "The share of the labels inside of the predicted intervals, from narrow to wide \
                  ones. An interval of 90 % should contain 90 % of the labels: the line should \
                  follow the diagonal.",
        bad_news: "a line below the diagonal: intervals contain fewer labels than they promise.",
        description: "Share of the labels inside of the central interval, over its level; on the \
                      diagonal both are equal.",
        axes: [
            ValueAxis { label: "level of the interval", kind: AxisKind::Share },
            ValueAxis { label: "share of the labels inside", kind: AxisKind::Share },
        ],
        has_diagonal: true,
        curves: ValueEvaluation::coverage,
    },
    ValueFigureKind {
        name: "sparsification",
        title: "Sparsification",
        reading: "The error that remains when the items with the largest standard deviations are \
                  removed, and the same for the largest errors. With good standard deviations, \
                  the error falls as fast as that.",
        bad_news: "a line that stays level: items with a large standard deviation are no worse \
                   than the rest.",
        description: "Root mean square error of the remaining items, over the share removed.",
        axes: [
            ValueAxis { label: "share of the items removed", kind: AxisKind::Share },
            ValueAxis {
                label: "RMSE of the rest, over that of all",
                kind: AxisKind::Ratio,
            },
        ],
        has_diagonal: false,
        curves: ValueEvaluation::sparsification,
    },
];

/// Returns the figures of a target that are not empty; `unit` is empty if it is unknown.
pub(super) fn value_figures(target: &TargetResult, unit: &str) -> Vec<NamedFigure> {
    let figures = VALUE_FIGURES.iter().filter_map(|kind| {
        let curves = (kind.curves)(&target.evaluation);
        let chart = kind.chart(&curves, unit)?;
        Some(NamedFigure {
            name: format!("{}{}", target.prefix, kind.name),
            chart,
            curves,
        })
    });
    figures.collect()
}

impl ValueFigureKind {
    /// Draws all curves, and the diagonal where they should follow it; `None` if there are none.
    pub(super) fn chart(&self, curves: &[Curve], unit: &str) -> Option<Chart> {
        let shown = curves.iter().filter(|curve| !curve.x.is_empty());
        let of_curve = |curve: &Curve| {
            let label = curve.name.split_once('.').map_or(self.name, |(_, label)| label);
            series(label, Marks::Curve, curve)
        };
        let mut all: Vec<Series> = shown.map(of_curve).collect();
        if all.is_empty() {
            return None;
        }
        let [x, y] = &self.axes;
        if self.has_diagonal {
            let numbers = curves.iter().flat_map(|curve| curve.x.iter().chain(&curve.y));
            let end = match x.kind {
                AxisKind::Share => 1.0,
                AxisKind::Target | AxisKind::Ratio => {
                    numbers.copied().fold(0.0, f64::max)
                }
            };
            let ideal =
                Curve { name: String::new(), x: vec![0.0, end], y: vec![0.0, end] };
            all.insert(0, series("ideal", Marks::Curve, &ideal));
        }
        Some(Chart {
            title: self.title.to_lowercase(),
            description: self.description.to_owned(),
            x: x.axis(unit),
            y: y.axis(unit),
            series: all,
        })
    }
}

impl ValueAxis {
    fn axis(&self, unit: &str) -> Axis {
        match self.kind {
            AxisKind::Target if !unit.is_empty() => {
                axis(&format!("{} ({unit})", self.label), None)
            }
            AxisKind::Share => axis(self.label, Some((0.0, 1.0))),
            AxisKind::Target | AxisKind::Ratio => axis(self.label, None),
        }
    }
}
