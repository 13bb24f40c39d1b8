//! Separation of wrong from right items, or of images outside the distribution from those inside.
//!
//! The positives, which should have high scores, are errors or images from outside the
//! distribution. Items of equal score are ties. If a bin contains several scores, the exact value
//! is unknown; for each metric there is a function that bounds its error.
//!
//! # References
//! - D. Hendrycks, K. Gimpel (2017), *A Baseline for Detecting Misclassified and
//!   Out-of-Distribution Examples in Neural Networks*, ICLR: AUROC, AUPR with errors and with
//!   successes as the positives.

use crate::metric::histogram::{Group, totals};

/// Recall at which the false positive rate is reported, as a ratio of whole numbers.
const RECALL: (f64, f64) = (95.0, 100.0);

/// Returns the area under the receiver operating characteristic: the probability that a positive
/// has a higher score than a negative; ties count one half. `None` without positives or negatives.
pub(in crate::metric) fn auroc(groups: &[Group]) -> Option<f64> {
    let (negatives, positives) = totals(groups);
    let mut below = 0.0;
    let mut pairs = 0.0;
    for group in groups {
        pairs += group.wrong * (below + 0.5 * group.right);
        below += group.right;
    }
    (negatives > 0.0 && positives > 0.0).then(|| pairs / negatives / positives)
}

/// Returns a bound on the error of [`auroc`]: half of all pairs that bins leave undecided.
pub(in crate::metric) fn auroc_bound(groups: &[Group]) -> f64 {
    let (negatives, positives) = totals(groups);
    let mixed = groups.iter().filter(|group| group.is_mixed);
    let pairs: f64 = mixed.map(|group| group.wrong * group.right).sum();
    0.5 * pairs / (negatives * positives).max(1.0)
}

/// Returns the average precision with wrong items as positives: the mean over the positives of the
/// precision among all items with at least their score. There is no interpolation; ties share one
/// threshold. `None` without positives or negatives.
pub(in crate::metric) fn aupr_error(groups: &[Group]) -> Option<f64> {
    average_precision(groups.iter().rev().map(|group| (group.wrong, group.right)))
}

/// Returns the average precision with right items as positives, the lowest scores first.
pub(in crate::metric) fn aupr_success(groups: &[Group]) -> Option<f64> {
    average_precision(groups.iter().map(|group| (group.right, group.wrong)))
}

fn average_precision(groups: impl Iterator<Item = (f64, f64)>) -> Option<f64> {
    let (mut positives, mut negatives, mut sum) = (0.0, 0.0, 0.0);
    for (positive, negative) in groups {
        positives += positive;
        negatives += negative;
        if positive > 0.0 {
            sum += positive * (positives / (positives + negatives));
        }
    }
    (positives > 0.0 && negatives > 0.0).then(|| sum / positives)
}

/// Returns a bound on the error of [`aupr_error`].
pub(in crate::metric) fn aupr_error_bound(groups: &[Group]) -> f64 {
    average_precision_bound(groups.iter().rev().map(|g| (g.wrong, g.right, g.is_mixed)))
}

/// Returns a bound on the error of [`aupr_success`].
pub(in crate::metric) fn aupr_success_bound(groups: &[Group]) -> f64 {
    average_precision_bound(groups.iter().map(|g| (g.right, g.wrong, g.is_mixed)))
}

/// Bounds the error of an average precision: the precision of a positive in a mixed group lies
/// between that with the negatives of the group first and that with them last.
fn average_precision_bound(groups: impl Iterator<Item = (f64, f64, bool)>) -> f64 {
    let (mut positives, mut negatives, mut sum) = (0.0, 0.0, 0.0);
    for (positive, negative, is_mixed) in groups {
        if is_mixed && positive > 0.0 {
            let used =
                (positives + positive) / (positives + positive + negatives + negative);
            let first = positives + 1.0;
            let least = first / (first + negatives + negative);
            let most = (positives + positive) / (positives + positive + negatives);
            sum += positive * (most - used).max(used - least);
        }
        positives += positive;
        negatives += negative;
    }
    sum / f64::max(positives, 1.0)
}

/// Returns the share of negatives found at the highest threshold that finds at least 95 % of the
/// positives. An item is found if its score is at least the threshold; thresholds are the scores
/// that occur. `None` without positives or negatives.
pub(in crate::metric) fn fpr95(groups: &[Group]) -> Option<f64> {
    let (negatives, positives) = totals(groups);
    let (before, group) = at_recall(groups, positives)?;
    (negatives > 0.0).then(|| (before + group.right) / negatives)
}

/// Returns a bound on the error of [`fpr95`]: the negatives in the bin of the threshold.
pub(in crate::metric) fn fpr95_bound(groups: &[Group]) -> f64 {
    let (negatives, positives) = totals(groups);
    match at_recall(groups, positives) {
        Some((_, group)) if group.is_mixed => group.right / negatives.max(1.0),
        _ => 0.0,
    }
}

/// Returns the number of negatives above the group that reaches the recall, and that group.
fn at_recall(groups: &[Group], positives: f64) -> Option<(f64, Group)> {
    let (mut found, mut negatives) = (0.0, 0.0);
    for &group in groups.iter().rev() {
        found += group.wrong;
        if positives > 0.0 && found * RECALL.1 >= positives * RECALL.0 {
            return Some((negatives, group));
        }
        negatives += group.right;
    }
    None
}
