//! Right and wrong, and how likely the truth was: metrics that need no order of the items.
//!
//! # References
//! - G. W. Brier (1950), *Verification of Forecasts Expressed in Terms of Probability*, Monthly
//!   Weather Review 78: the sum over classes.

use super::fixed::number;
use super::metric_input::MetricInput;
use super::tally::ClassCounts;

/// The share of right items.
pub(super) fn accuracy(input: &MetricInput) -> Option<f64> {
    mean(input.sums.tally.right as f64, input)
}

/// The mean, over classes with a label somewhere, of the share of their items that are right.
pub(super) fn class_accuracy(input: &MetricInput) -> Option<f64> {
    let recall = |counts: &ClassCounts| ratio(counts.hits, counts.labels);
    average(input.sums.classes.iter().filter_map(recall))
}

/// The mean of [`iou`] over the classes that have one.
pub(super) fn mean_iou(input: &MetricInput) -> Option<f64> {
    average(input.sums.classes.iter().filter_map(union))
}

/// Intersection over union of a class: items that have it as label and as prediction, by those
/// that have it as either. None where there are none.
pub(super) fn iou(input: &MetricInput) -> Option<f64> {
    union(&input.sums.classes[input.item])
}

fn union(counts: &ClassCounts) -> Option<f64> {
    ratio(counts.hits, counts.labels + counts.predictions - counts.hits)
}

/// The mean of `-ln m_y`, in nats, for a probability `m_y` of the true class; less than 2⁻²⁴
/// counts as 2⁻²⁴.
pub(super) fn negative_log_likelihood(input: &MetricInput) -> Option<f64> {
    mean(number(input.sums.tally.log_loss), input)
}

/// The share of items whose likelihood was raised to the floor.
pub(super) fn floored(input: &MetricInput) -> Option<f64> {
    mean(input.sums.tally.floored as f64, input)
}

/// The mean over items of the sum over classes of `(m_c - [y = c])²`.
pub(super) fn brier_score(input: &MetricInput) -> Option<f64> {
    mean(number(input.sums.tally.brier), input)
}

/// [`brier_score`] divided by the number of classes.
pub(super) fn brier_score_per_class(input: &MetricInput) -> Option<f64> {
    brier_score(input).map(|score| score / input.spec.classes().len() as f64)
}

fn mean(sum: f64, input: &MetricInput) -> Option<f64> {
    let count = input.sums.tally.count;
    (count > 0).then(|| sum / count as f64)
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

fn average(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0u32), |(sum, n), value| (sum + value, n + 1));
    (count > 0).then(|| sum / f64::from(count))
}
