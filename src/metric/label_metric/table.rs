//! The table of metrics of labels.

use super::formula;
use super::sums::{LabelTally, WholeTally};
use crate::metric::formula::{ranking, selective};
use crate::metric::histogram::Group;
use crate::metric::table::Direction;

use Direction::{Descriptive, HigherIsBetter, LowerIsBetter};
use LabelMetricFunction::{Counted, Probabilities, Scores, Whole};

/// Values of a metric, and the forms of their keys. `LABEL` is the name of a label, `macro` or
/// `micro`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LabelBreakdown {
    /// Values of all labels together: `NAME`, and `NAME.deterministic` for the pass without dropout.
    Whole,
    /// Values of each label and average: `LABEL.NAME`, and `LABEL.NAME.deterministic` for the pass
    /// without dropout.
    Label,
    /// Values of each label and average by every score: `LABEL.NAME.SCORE`.
    Score,
}

/// A metric of labels.
#[derive(Debug, Clone, Copy)]
pub struct LabelMetric {
    /// Name, which is a part of its keys.
    pub name: &'static str,
    /// Name in tables.
    pub title: &'static str,
    /// Meaning, in one phrase.
    pub summary: &'static str,
    /// Relation of the value to quality.
    pub direction: Direction,
    /// Smallest and largest possible value.
    pub range: (f64, f64),
    /// Values of the metric.
    pub breakdown: LabelBreakdown,
    pub(super) function: LabelMetricFunction,
}

impl LabelMetric {
    /// Returns the metric with this name.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        LABEL_METRICS.iter().find(|metric| metric.name == name)
    }
}

/// A function of ranked groups of items.
pub(super) type OfGroups<T> = fn(&[Group]) -> T;

/// Computation of a metric. A bound limits the error that bins cause.
#[derive(Debug, Clone, Copy)]
pub(super) enum LabelMetricFunction {
    /// Function of sums.
    Counted { value: fn(&LabelTally) -> Option<f64> },
    /// Function of items in the order of the probability; those with the label are the positives.
    Probabilities { value: OfGroups<Option<f64>>, bound: OfGroups<f64> },
    /// Function of items in the order of a score; those with a wrong decision are the positives.
    Scores { value: OfGroups<Option<f64>>, bound: OfGroups<f64> },
    /// Function of sums over all labels.
    Whole { value: fn(&WholeTally) -> Option<f64> },
}

/// All metrics of labels, in the order in which they are listed.
pub const LABEL_METRICS: &[LabelMetric] = &[
    // All labels together
    LabelMetric {
        name: "subset_accuracy",
        title: "subset accuracy",
        summary: "share of the items with known labels for which all decisions are right",
        breakdown: LabelBreakdown::Whole,
        function: Whole { value: formula::subset_accuracy },
        ..LABEL
    },
    LabelMetric {
        name: "missed_labels",
        title: "missed labels",
        summary: "mean over images of the share of their true labels that are not decided to hold",
        direction: LowerIsBetter,
        breakdown: LabelBreakdown::Whole,
        function: Whole { value: formula::missed_labels },
        ..LABEL
    },
    // Ranking by the probability
    LabelMetric {
        name: "auroc",
        title: "AUROC",
        summary: "probability that an item with the label has a higher probability than one without",
        function: Probabilities { value: ranking::auroc, bound: ranking::auroc_bound },
        ..LABEL
    },
    LabelMetric {
        name: "aupr",
        title: "AUPR",
        summary: "average precision of finding items with the label; chance gives the prevalence",
        function: Probabilities {
            value: ranking::aupr_error,
            bound: ranking::aupr_error_bound,
        },
        ..LABEL
    },
    LabelMetric {
        name: "prevalence",
        title: "prevalence",
        summary: "share of the items with the label",
        direction: Descriptive,
        function: Counted { value: formula::prevalence },
        ..LABEL
    },
    // Decisions
    LabelMetric {
        name: "accuracy",
        title: "accuracy",
        summary: "share of right decisions",
        function: Counted { value: formula::accuracy },
        ..LABEL
    },
    LabelMetric {
        name: "f1",
        title: "F1",
        summary: "harmonic mean of precision and recall",
        function: Counted { value: formula::f1 },
        ..LABEL
    },
    LabelMetric {
        name: "precision",
        title: "precision",
        summary: "share of the items decided to have the label that have it",
        function: Counted { value: formula::precision },
        ..LABEL
    },
    LabelMetric {
        name: "recall",
        title: "recall",
        summary: "share of the items with the label that are decided to have it",
        function: Counted { value: formula::recall },
        ..LABEL
    },
    // Likelihood and calibration
    LabelMetric {
        name: "negative_log_likelihood",
        title: "log loss",
        summary: "mean of -ln of the probability of the truth, in nats; less than 2^-24 counts as \
                  2^-24",
        range: (0.0, f64::INFINITY),
        function: Counted { value: formula::negative_log_likelihood },
        ..LOSS
    },
    LabelMetric {
        name: "likelihood_floor_share",
        title: "floored share",
        summary: "share of the items whose truth has a probability below 2^-24",
        function: Counted { value: formula::floored },
        ..LOSS
    },
    LabelMetric {
        name: "brier_score",
        title: "Brier score",
        summary: "mean squared error of the probability",
        function: Counted { value: formula::brier_score },
        ..LOSS
    },
    LabelMetric {
        name: "expected_calibration_error",
        title: "ECE",
        summary: "mean distance of the label's frequency and probability over 15 equally wide bins \
                  of it",
        function: Counted { value: formula::expected_calibration_error },
        ..LOSS
    },
    // Finding wrong decisions
    LabelMetric {
        name: "misclassification.auroc",
        title: "finding wrong decisions: AUROC",
        summary: "probability that a wrong decision has a higher score than a right one",
        function: Scores { value: ranking::auroc, bound: ranking::auroc_bound },
        ..SCORE
    },
    LabelMetric {
        name: "misclassification.aupr_error",
        title: "finding wrong decisions: AUPR",
        summary: "average precision of finding wrong decisions by a high score; chance gives 1 \
                  minus the accuracy",
        function: Scores { value: ranking::aupr_error, bound: ranking::aupr_error_bound },
        ..SCORE
    },
    LabelMetric {
        name: "augrc",
        title: "wrong decisions that go unnoticed: AUGRC",
        summary: "mean share of all decisions that are answered and wrong, over all coverages",
        direction: LowerIsBetter,
        function: Scores { value: selective::augrc, bound: selective::augrc_bound },
        ..SCORE
    },
];

/// Defaults of all rows; the constants below change them for one kind of metric.
const LABEL: LabelMetric = LabelMetric {
    name: "",
    title: "",
    summary: "",
    direction: HigherIsBetter,
    range: (0.0, 1.0),
    breakdown: LabelBreakdown::Label,
    function: Counted { value: formula::accuracy },
};
const LOSS: LabelMetric = LabelMetric { direction: LowerIsBetter, ..LABEL };
const SCORE: LabelMetric = LabelMetric { breakdown: LabelBreakdown::Score, ..LABEL };
