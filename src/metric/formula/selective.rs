//! Selective prediction: the errors that remain if only the most certain items are answered.
//!
//! With the items sorted from certain to uncertain, the risk at a coverage is the mean loss of
//! that share of them. Curves have a point after every group of ties, connected by straight
//! lines. If groups are bins, the functions ending in `bound` bound the error of the area.
//!
//! # References
//! - Y. Geifman, G. Uziel, R. El-Yaniv (2019), *Bias-Reduced Uncertainty Estimation for Deep
//!   Neural Classifiers*, ICLR: AURC and its excess over the best order.
//! - J. Traub et al. (2024), *Overcoming Common Flaws in the Evaluation of Selective
//!   Classification Systems*, Advances in Neural Information Processing Systems: AUGRC.

use crate::metric::histogram::{Group, totals};

/// Returns the points `(coverage, risk)` of the risk-coverage curve, from the smallest coverage to 1.
pub(in crate::metric) fn risk_coverage(groups: &[Group]) -> Vec<(f64, f64)> {
    let (right, wrong) = totals(groups);
    let (mut count, mut loss) = (0.0, 0.0);
    let mut points = Vec::with_capacity(groups.len());
    for group in groups.iter().filter(|group| group.count() > 0.0) {
        count += group.count();
        loss += group.wrong;
        points.push((count / (right + wrong), loss / count));
    }
    points
}

/// Returns the area under the risk-coverage curve; from coverage 0 to the first point the risk is
/// that of the first point. `None` without items.
pub(in crate::metric) fn aurc(groups: &[Group]) -> Option<f64> {
    let points = risk_coverage(groups);
    let &(mut coverage, mut risk) = points.first()?;
    let mut area = coverage * risk;
    for &(next, next_risk) in &points[1..] {
        area += (next - coverage) * 0.5 * (risk + next_risk);
        (coverage, risk) = (next, next_risk);
    }
    Some(area)
}

/// Returns a bound on the error of [`aurc`]: in a mixed bin, the risk in any order lies between
/// that with all right items first and that with all wrong items first.
pub(in crate::metric) fn aurc_bound(groups: &[Group]) -> f64 {
    let (right, wrong) = totals(groups);
    let (mut count, mut loss) = (0.0, 0.0);
    let mut sum = 0.0;
    for group in groups.iter().filter(|group| group.count() > 0.0) {
        if group.is_mixed {
            let most = mean_loss(loss + group.wrong, count + group.wrong);
            let least = mean_loss(loss, count + group.right);
            sum += (most - least) * group.count();
        }
        count += group.count();
        loss += group.wrong;
    }
    sum / f64::max(right + wrong, 1.0)
}

fn mean_loss(loss: f64, count: f64) -> f64 {
    if count > 0.0 { loss / count } else { 0.0 }
}

/// Returns the area under the risk-coverage curve of the best possible order of right and wrong
/// items, for an error rate.
fn best_aurc(error: f64) -> f64 {
    if error < 1.0 { error + (1.0 - error) * (-error).ln_1p() } else { 1.0 }
}

/// Returns [`aurc`] minus that of the best order with as many errors, in the limit of infinitely
/// many items: `e + (1 - e) ln(1 - e)` for an error rate `e`.
pub(in crate::metric) fn excess_aurc(groups: &[Group]) -> Option<f64> {
    let (right, wrong) = totals(groups);
    aurc(groups).map(|area| area - best_aurc(wrong / (right + wrong)))
}

/// Returns the area under the generalized risk over coverage: the share of all items that are
/// answered and wrong; 0 at coverage 0. `None` without items.
pub(in crate::metric) fn augrc(groups: &[Group]) -> Option<f64> {
    let (right, wrong) = totals(groups);
    let total = right + wrong;
    let mut loss = 0.0;
    let mut area = 0.0;
    for group in groups {
        area += group.count() * (loss + 0.5 * group.wrong);
        loss += group.wrong;
    }
    (total > 0.0).then(|| area / total / total)
}

/// Returns a bound on the error of [`augrc`]: in a mixed bin the curve lies in a triangle on either
/// side of the straight line.
pub(in crate::metric) fn augrc_bound(groups: &[Group]) -> f64 {
    let (right, wrong) = totals(groups);
    let mixed = groups.iter().filter(|group| group.is_mixed);
    let sum: f64 = mixed.map(|group| 0.5 * group.right * group.wrong).sum();
    sum / f64::powi(f64::max(right + wrong, 1.0), 2)
}

/// Returns the area between the sparsification curves of a score and of the best order, for the
/// error rate: both show the error rate of the remaining items over the share of items removed, the
/// most uncertain first, divided by the error rate of all items. It equals [`excess_aurc`] divided
/// by the error rate. `None` without errors.
pub(in crate::metric) fn ause_mean(groups: &[Group]) -> Option<f64> {
    let (right, wrong) = totals(groups);
    let excess = excess_aurc(groups)?;
    (wrong > 0.0).then(|| excess / (wrong / (right + wrong)))
}

/// Returns a bound on the error of [`ause_mean`].
pub(in crate::metric) fn ause_mean_bound(groups: &[Group]) -> f64 {
    let (right, wrong) = totals(groups);
    if wrong > 0.0 { aurc_bound(groups) * (right + wrong) / wrong } else { 0.0 }
}
