//! Sparsification: decrease of the error when the most uncertain items are removed.
//!
//! Three quantities have the name AUSE, and their values are not comparable:
//! - `ause_brier`, of Gustafsson et al.: the mean Brier score after removing 0, 1, .., 99 % of
//!   the items, divided by that of all items, minus the same in the order of the Brier scores
//!   themselves; the area by the trapezoidal rule from 0 to 0.99;
//! - `ause_mean`, after Ilg et al., with the error rate as the error
//!   ([`ause_mean`](super::selective::ause_mean)): at every share removed, not at steps;
//! - that of Poggi et al., for depth errors per image, which is not computed here.
//!
//! # References
//! - F. K. Gustafsson, M. Danelljan, T. B. Schön (2020), *Evaluating Scalable Bayesian Deep
//!   Learning Methods for Robust Computer Vision*, CVPR workshops.
//! - E. Ilg et al. (2018), *Uncertainty Estimates and Multi-Hypotheses Networks for Optical
//!   Flow*, ECCV.
//! - M. Poggi et al. (2020), *On the Uncertainty of Self-Supervised Monocular Depth Estimation*,
//!   CVPR.

use super::MetricInput;
use super::correctness::brier_score;
use crate::metric::histogram::{CumulativeItems, Histogram, SummedBin, number};

/// Number of shares of items removed: 0, 1/100, .., 99/100.
const STEPS: u64 = 100;

/// Largest Brier score of an item.
const MAX_BRIER: f64 = 2.0;

/// Point of a sparsification curve.
#[derive(Debug, Clone, Copy)]
pub(in crate::metric) struct SparsificationStep {
    /// Share of the items removed.
    pub(in crate::metric) removed: f64,
    /// Mean Brier score of the remaining items, divided by that of all items.
    pub(in crate::metric) rest: f64,
    /// Bound on the error of `rest`.
    pub(in crate::metric) bound: f64,
}

/// Returns the area between the sparsification curves of a score and of the Brier score itself.
/// `None` without items, without errors, or if the histogram has no Brier scores.
pub(in crate::metric) fn ause_brier(input: &MetricInput) -> Option<f64> {
    let scored = steps(input, RemovalOrder::Score)?;
    let best = steps(input, RemovalOrder::Error)?;
    Some(area(&scored, |step| step.rest) - area(&best, |step| step.rest))
}

/// Returns a bound on the error of [`ause_brier`].
pub(in crate::metric) fn ause_brier_bound(input: &MetricInput) -> f64 {
    let curves =
        [RemovalOrder::Score, RemovalOrder::Error].map(|order| steps(input, order));
    curves.iter().flatten().map(|curve| area(curve, |step| step.bound)).sum()
}

/// Order in which items are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::metric) enum RemovalOrder {
    /// By a score.
    Score,
    /// By the Brier score, the best possible order.
    Error,
}

/// Returns the sparsification curve of the Brier score.
pub(in crate::metric) fn steps(
    input: &MetricInput,
    order: RemovalOrder,
) -> Option<Vec<SparsificationStep>> {
    let histogram = match order {
        RemovalOrder::Score => &input.sums.scores[input.item],
        RemovalOrder::Error => &input.sums.brier,
    };
    if !histogram.has_sums() {
        return None;
    }
    let bins = histogram.summed();
    let mut items = CumulativeItems::new(&bins);
    let count = items.count();
    let all = brier_score(input).filter(|&all| all > 0.0)?;
    let mut steps = Vec::with_capacity(STEPS as usize);
    for removed in (0..STEPS).rev() {
        let left = u128::from(count) * u128::from(STEPS - removed) / u128::from(STEPS);
        let left = left.max(1) as u64;
        let part = items.first(left);
        let moved =
            part.cut.filter(|cut| cut.bin.is_mixed).map_or(0.0, |cut| match order {
                RemovalOrder::Score => apart(&cut.bin, cut.taken),
                RemovalOrder::Error => within(histogram, &cut.bin, cut.taken),
            });
        let mean = |sum: f64| sum / left as f64 / all;
        let removed = removed as f64 / STEPS as f64;
        steps.push(SparsificationStep {
            removed,
            rest: mean(part.sum),
            bound: mean(moved),
        });
    }
    steps.reverse();
    Some(steps)
}

/// Returns the largest distance of the sum over `taken` items of a bin from their even share, if
/// each value lies between 0 and [`MAX_BRIER`].
fn apart(bin: &SummedBin, taken: u64) -> f64 {
    let (sum, taken, n) = (number(bin.sum), taken as f64, bin.count as f64);
    let even = sum * taken / n;
    let most = f64::min(MAX_BRIER * taken, sum);
    let least = f64::max(0.0, sum - MAX_BRIER * (n - taken));
    f64::max(most - even, even - least)
}

/// Returns the same distance if all items of the bin have nearly the same value.
fn within(histogram: &Histogram, bin: &SummedBin, taken: u64) -> f64 {
    histogram.resolution().width(bin.bin) * taken.min(bin.count - taken) as f64
}

fn area(steps: &[SparsificationStep], value: impl Fn(&SparsificationStep) -> f64) -> f64 {
    let pairs = steps.windows(2);
    pairs
        .map(|pair| {
            let width = pair[1].removed - pair[0].removed;
            width * 0.5 * (value(&pair[0]) + value(&pair[1]))
        })
        .sum()
}
