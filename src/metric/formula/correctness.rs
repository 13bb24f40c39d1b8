//! Correctness and likelihood: metrics that need no order of the items.
//!
//! # References
//! - G. W. Brier (1950), *Verification of Forecasts Expressed in Terms of Probability*, Monthly
//!   Weather Review 78: the sum over classes.

use super::{MetricInput, ratio};
use crate::metric::histogram::number;
use crate::metric::sums::ClassCounts;

/// Returns the share of right items.
pub(in crate::metric) fn accuracy(input: &MetricInput) -> Option<f64> {
    mean(input.sums.tally.right as f64, input)
}

/// Returns the mean, over the classes that are a label somewhere, of the share of their items that
/// are right.
pub(in crate::metric) fn class_accuracy(input: &MetricInput) -> Option<f64> {
    let classes = input.sums.classes.iter();
    average(classes.filter_map(|counts| ratio(counts.hits, counts.labels)))
}

/// Returns the mean of [`iou`] over the classes for which it is defined.
pub(in crate::metric) fn mean_iou(input: &MetricInput) -> Option<f64> {
    average(input.sums.classes.iter().filter_map(intersection_over_union))
}

/// Returns the intersection over union of a class: the number of items with the class as label and
/// as prediction, divided by the number of those with it as either. `None` without such items.
pub(in crate::metric) fn iou(input: &MetricInput) -> Option<f64> {
    intersection_over_union(&input.sums.classes[input.item])
}

fn intersection_over_union(counts: &ClassCounts) -> Option<f64> {
    ratio(counts.hits, counts.labels + counts.predictions - counts.hits)
}

/// Returns the mean of `-ln m_y`, in nats, for a probability `m_y` of the true class; less than
/// 2⁻²⁴ counts as 2⁻²⁴.
pub(in crate::metric) fn negative_log_likelihood(input: &MetricInput) -> Option<f64> {
    mean(number(input.sums.tally.log_loss), input)
}

/// Returns the share of items whose likelihood was raised to the floor.
pub(in crate::metric) fn floored(input: &MetricInput) -> Option<f64> {
    mean(input.sums.tally.floored as f64, input)
}

/// Returns the mean over items of the sum over classes of `(m_c - [y = c])²`.
pub(in crate::metric) fn brier_score(input: &MetricInput) -> Option<f64> {
    mean(number(input.sums.tally.brier), input)
}

/// Returns [`brier_score`] divided by the number of classes.
pub(in crate::metric) fn brier_score_per_class(input: &MetricInput) -> Option<f64> {
    brier_score(input).map(|score| score / input.spec.classes().len() as f64)
}

fn mean(sum: f64, input: &MetricInput) -> Option<f64> {
    let count = input.sums.tally.count;
    (count > 0).then(|| sum / count as f64)
}

fn average(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (sum, count) = values.fold((0.0, 0u32), |(sum, n), value| (sum + value, n + 1));
    (count > 0).then(|| sum / f64::from(count))
}
