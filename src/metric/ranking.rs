//! How well a score separates wrong items from right ones, or strange images from usual ones.
//!
//! The positives are what should have the high scores: errors, or images from outside the
//! distribution. Items of one score are ties; where they are items of one bin, the exact value
//! is unknown, and each metric has a function that says how far off it can be.
//!
//! # References
//! - D. Hendrycks, K. Gimpel (2017), *A Baseline for Detecting Misclassified and
//!   Out-of-Distribution Examples in Neural Networks*, ICLR: AUROC, AUPR with errors and with
//!   successes as the positives.

use super::group::{Group, totals};

/// Recall at which the false positive rate is read, as a ratio of whole numbers.
const RECALL: (f64, f64) = (95.0, 100.0);

/// The area under the receiver operating characteristic: the probability that a positive has a
/// higher score than a negative, ties counting one half. None without positives or negatives.
pub(super) fn auroc(groups: &[Group]) -> Option<f64> {
    let (negatives, positives) = totals(groups);
    let mut below = 0.0;
    let mut pairs = 0.0;
    for group in groups {
        pairs += group.wrong * (below + 0.5 * group.right);
        below += group.right;
    }
    (negatives > 0.0 && positives > 0.0).then(|| pairs / negatives / positives)
}

/// How far [`auroc`] can be off: half of all pairs that bins leave undecided.
pub(super) fn auroc_bound(groups: &[Group]) -> f64 {
    let (negatives, positives) = totals(groups);
    let mixed = groups.iter().filter(|group| group.is_mixed);
    let pairs: f64 = mixed.map(|group| group.wrong * group.right).sum();
    0.5 * pairs / (negatives * positives).max(1.0)
}

/// The average precision with wrong items as the positives: the mean over the positives of the
/// precision among all items whose score is at least theirs. No interpolation; ties share one
/// threshold. None without positives or negatives.
pub(super) fn aupr_error(groups: &[Group]) -> Option<f64> {
    average_precision(groups.iter().rev().map(|group| (group.wrong, group.right)))
}

/// The average precision with right items as the positives, the lowest scores first.
pub(super) fn aupr_success(groups: &[Group]) -> Option<f64> {
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

/// How far [`aupr_error`] can be off.
pub(super) fn aupr_error_bound(groups: &[Group]) -> f64 {
    let turned = |group: &Group| (group.wrong, group.right, group.is_mixed);
    average_precision_bound(groups.iter().rev().map(turned))
}

/// How far [`aupr_success`] can be off.
pub(super) fn aupr_success_bound(groups: &[Group]) -> f64 {
    average_precision_bound(groups.iter().map(|g| (g.right, g.wrong, g.is_mixed)))
}

/// Every positive of a mixed group has a precision between the one where its group's negatives
/// all come first and the one where they all come last.
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

/// The share of negatives above the highest threshold at which at least 95 % of the positives
/// are found: an item is found when its score is at least the threshold, and thresholds are the
/// scores that occur. None without positives or negatives.
pub(super) fn fpr95(groups: &[Group]) -> Option<f64> {
    let (negatives, positives) = totals(groups);
    let (before, group) = at_recall(groups, positives)?;
    (negatives > 0.0).then(|| (before + group.right) / negatives)
}

/// How far [`fpr95`] can be off: the negatives in the bin of the threshold.
pub(super) fn fpr95_bound(groups: &[Group]) -> f64 {
    let (negatives, positives) = totals(groups);
    match at_recall(groups, positives) {
        Some((_, group)) if group.is_mixed => group.right / negatives.max(1.0),
        _ => 0.0,
    }
}

/// The group with which the recall is reached, and the negatives above it.
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
