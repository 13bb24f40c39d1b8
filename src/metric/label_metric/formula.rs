//! The formulas of metrics of labels that need no order of the items.
//!
//! # References
//! - G. W. Brier (1950), *Verification of Forecasts Expressed in Terms of Probability*, Monthly
//!   Weather Review 78; here the squared error of one label's probability.
//! - C. Guo et al. (2017), *On Calibration of Modern Neural Networks*, ICML; here of the
//!   probability of one label against its frequency.

use super::sums::{LabelTally, WholeTally};
use crate::metric::formula::ratio;
use crate::metric::histogram::number;

/// Returns the share of items with the label.
pub(super) fn prevalence(tally: &LabelTally) -> Option<f64> {
    ratio(tally.positives, tally.count)
}

/// Returns the share of right decisions.
pub(super) fn accuracy(tally: &LabelTally) -> Option<f64> {
    let wrong = tally.positives + tally.decided - 2 * tally.hits;
    ratio(tally.count - wrong, tally.count)
}

/// Returns the share of the items decided to have the label that have it; `None` without such items.
pub(super) fn precision(tally: &LabelTally) -> Option<f64> {
    ratio(tally.hits, tally.decided)
}

/// Returns the share of the items with the label that are decided to have it; `None` without such
/// items.
pub(super) fn recall(tally: &LabelTally) -> Option<f64> {
    ratio(tally.hits, tally.positives)
}

/// Returns the harmonic mean of precision and recall; `None` if no item has the label or is decided
/// to have it.
pub(super) fn f1(tally: &LabelTally) -> Option<f64> {
    ratio(2 * tally.hits, tally.positives + tally.decided)
}

/// Returns the mean of `-ln` of the probability of the truth, in nats; less than 2⁻²⁴ counts as
/// 2⁻²⁴.
pub(super) fn negative_log_likelihood(tally: &LabelTally) -> Option<f64> {
    mean(number(tally.log_loss), tally.count)
}

/// Returns the share of items whose likelihood was raised to the floor.
pub(super) fn floored(tally: &LabelTally) -> Option<f64> {
    ratio(tally.floored, tally.count)
}

/// Returns the mean squared error of the probability.
pub(super) fn brier_score(tally: &LabelTally) -> Option<f64> {
    mean(number(tally.brier), tally.count)
}

/// Returns the distance between the frequency of the label and its mean probability, averaged over
/// 15 bins of the probability of equal width, weighted by their items.
pub(super) fn expected_calibration_error(tally: &LabelTally) -> Option<f64> {
    let bins = tally.reliability.iter();
    let gaps: f64 = bins.map(|bin| (bin.hits as f64 - number(bin.sum)).abs()).sum();
    mean(gaps, tally.count)
}

/// Returns the mean over images of the share of their true labels that are missed; 0 for images
/// without a true label.
pub(super) fn missed_labels(tally: &WholeTally) -> Option<f64> {
    mean(number(tally.missed), tally.n_images)
}

/// Returns the share of items for which the decisions about all labels are right.
pub(super) fn subset_accuracy(tally: &WholeTally) -> Option<f64> {
    ratio(tally.exact, tally.complete)
}

fn mean(sum: f64, count: u64) -> Option<f64> {
    (count > 0).then(|| sum / count as f64)
}
