//! Selective prediction: what is left wrong when only the most certain items are answered.
//!
//! With the items sorted from certain to uncertain, the risk at a coverage is the mean loss of
//! that share of them. Curves have a point after every group of ties, and straight lines
//! between them; where a group is a bin, the functions ending in `bound` say how far off the
//! area can be.
//!
//! # References
//! - Y. Geifman, G. Uziel, R. El-Yaniv (2019), *Bias-Reduced Uncertainty Estimation for Deep
//!   Neural Classifiers*, ICLR: AURC and its excess over the best order.
//! - J. Traub et al. (2024), *Overcoming Common Flaws in the Evaluation of Selective
//!   Classification Systems*, Advances in Neural Information Processing Systems: AUGRC.

use super::group::{Group, totals};

/// Points `(coverage, risk)` of the risk-coverage curve, from the smallest coverage to 1.
pub(super) fn risk_coverage(groups: &[Group]) -> Vec<(f64, f64)> {
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

/// The area under the risk-coverage curve; from coverage 0 to the first point the risk is that
/// of the first point. None without items.
pub(super) fn aurc(groups: &[Group]) -> Option<f64> {
    let points = risk_coverage(groups);
    let &(mut coverage, mut risk) = points.first()?;
    let mut area = coverage * risk;
    for &(next, next_risk) in &points[1..] {
        area += (next - coverage) * 0.5 * (risk + next_risk);
        (coverage, risk) = (next, next_risk);
    }
    Some(area)
}

/// How far [`aurc`] can be off: in a mixed bin every risk, in whatever order, lies between the
/// one where all its right items come first and the one where all its wrong items do.
pub(super) fn aurc_bound(groups: &[Group]) -> f64 {
    let (right, wrong) = totals(groups);
    let (mut count, mut loss) = (0.0, 0.0);
    let mut sum = 0.0;
    for group in groups.iter().filter(|group| group.count() > 0.0) {
        let share = |loss: f64, count: f64| if count > 0.0 { loss / count } else { 0.0 };
        if group.is_mixed {
            let most = share(loss + group.wrong, count + group.wrong);
            let least = share(loss, count + group.right);
            sum += (most - least) * group.count();
        }
        count += group.count();
        loss += group.wrong;
    }
    sum / f64::max(right + wrong, 1.0)
}

/// The area under the risk-coverage curve of the best possible order of right and wrong items,
/// for an error rate.
pub(super) fn best_aurc(error: f64) -> f64 {
    if error < 1.0 { error + (1.0 - error) * (-error).ln_1p() } else { 1.0 }
}

/// [`aurc`] less that of the best order with as many errors, which is taken without steps, as
/// for infinitely many items: `e + (1 - e) ln(1 - e)` for an error rate `e`.
pub(super) fn excess_aurc(groups: &[Group]) -> Option<f64> {
    let (right, wrong) = totals(groups);
    aurc(groups).map(|area| area - best_aurc(wrong / (right + wrong)))
}

/// The area under the generalized risk, the share of all items that are answered and wrong,
/// over coverage; 0 at coverage 0. None without items.
pub(super) fn augrc(groups: &[Group]) -> Option<f64> {
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

/// How far [`augrc`] can be off: a mixed bin's part of the curve lies in a triangle on either
/// side of the straight line.
pub(super) fn augrc_bound(groups: &[Group]) -> f64 {
    let (right, wrong) = totals(groups);
    let mixed = groups.iter().filter(|group| group.is_mixed);
    let sum: f64 = mixed.map(|group| 0.5 * group.right * group.wrong).sum();
    sum / f64::powi(f64::max(right + wrong, 1.0), 2)
}

/// The area between the sparsification curve of a score and that of the best order, for the
/// error rate: both show the error rate of what is left against the share of items removed, the
/// most uncertain first, divided by the error rate of all. Equal to [`excess_aurc`] divided by
/// the error rate. None without errors.
pub(super) fn ause_mean(groups: &[Group]) -> Option<f64> {
    let (right, wrong) = totals(groups);
    let excess = excess_aurc(groups)?;
    (wrong > 0.0).then(|| excess / (wrong / (right + wrong)))
}

/// How far [`ause_mean`] can be off.
pub(super) fn ause_mean_bound(groups: &[Group]) -> f64 {
    let (right, wrong) = totals(groups);
    if wrong > 0.0 { aurc_bound(groups) * (right + wrong) / wrong } else { 0.0 }
}
