//! Sparsification: how the error falls when the most uncertain items are removed.
//!
//! There are three quantities under the name AUSE, and their values cannot be compared:
//! - `ause_brier`, of Gustafsson et al.: the mean Brier score after removing 0, 1, .., 99 % of
//!   the items, divided by that of all, less the same in the order of the Brier scores
//!   themselves; the area by the trapezoidal rule from 0 to 0.99;
//! - `ause_mean`, after Ilg et al., with the error rate as the error
//!   ([`ause_mean`](super::selective::ause_mean)): at every share removed, not at steps;
//! - that of Poggi et al., of errors of depth an image: there is no depth here, and so it is
//!   left out.
//!
//! # References
//! - F. K. Gustafsson, M. Danelljan, T. B. Schön (2020), *Evaluating Scalable Bayesian Deep
//!   Learning Methods for Robust Computer Vision*, CVPR workshops.
//! - E. Ilg et al. (2018), *Uncertainty Estimates and Multi-Hypotheses Networks for Optical
//!   Flow*, ECCV.
//! - M. Poggi et al. (2020), *On the Uncertainty of Self-Supervised Monocular Depth Estimation*,
//!   CVPR.

use super::cumulative::CumulativeItems;
use super::histogram::{Histogram, SummedBin};
use super::metric_input::MetricInput;

/// Number of shares removed: 0, 1/100, .., 99/100.
const STEPS: u64 = 100;

/// The largest Brier score of an item.
const MAX_BRIER: f64 = 2.0;

/// A share of the items removed.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    /// The share.
    pub(super) removed: f64,
    /// The mean of what is left, divided by that of all.
    pub(super) rest: f64,
    /// How far that can be off.
    pub(super) bound: f64,
}

/// The area between the sparsification curves of a score and of the Brier score itself. None
/// where there are no items, or no error, or the histogram holds no Brier scores.
pub(super) fn ause_brier(input: &MetricInput) -> Option<f64> {
    let scored = steps(input, Order::Score)?;
    let best = steps(input, Order::Error)?;
    Some(area(&scored, |step| step.rest) - area(&best, |step| step.rest))
}

/// How far [`ause_brier`] can be off.
pub(super) fn ause_brier_bound(input: &MetricInput) -> f64 {
    let curves = [Order::Score, Order::Error].map(|order| steps(input, order));
    curves.iter().flatten().map(|curve| area(curve, |step| step.bound)).sum()
}

/// What items are sorted by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// A score.
    Score,
    /// Their Brier score, which no score can do better than.
    Error,
}

/// The sparsification curve of the Brier score.
pub(super) fn steps(input: &MetricInput, order: Order) -> Option<Vec<Step>> {
    let histogram = match order {
        Order::Score => &input.sums.scores[input.item],
        Order::Error => &input.sums.brier,
    };
    if !histogram.has_sums() {
        return None;
    }
    let bins = histogram.summed();
    let mut items = CumulativeItems::new(&bins);
    let count = items.count();
    let all = super::correctness::brier_score(input).filter(|&all| all > 0.0)?;
    let mut steps = Vec::with_capacity(STEPS as usize);
    for removed in (0..STEPS).rev() {
        let left = u128::from(count) * u128::from(STEPS - removed) / u128::from(STEPS);
        let left = left.max(1) as u64;
        let part = items.first(left);
        let moved =
            part.cut.filter(|cut| cut.bin.is_mixed).map_or(0.0, |cut| match order {
                Order::Score => apart(&cut.bin, cut.taken),
                Order::Error => within(histogram, &cut.bin, cut.taken),
            });
        let mean = |sum: f64| sum / left as f64 / all;
        let removed = removed as f64 / STEPS as f64;
        steps.push(Step { removed, rest: mean(part.sum), bound: mean(moved) });
    }
    steps.reverse();
    Some(steps)
}

/// How much the sum over some items of a bin can differ from their even share when all that is
/// known is that each is from 0 to [`MAX_BRIER`].
fn apart(bin: &SummedBin, taken: u64) -> f64 {
    let (sum, taken, n) = (super::fixed::number(bin.sum), taken as f64, bin.count as f64);
    let even = sum * taken / n;
    let most = f64::min(MAX_BRIER * taken, sum);
    let least = f64::max(0.0, sum - MAX_BRIER * (n - taken));
    f64::max(most - even, even - least)
}

/// The same when the items of the bin have nearly the same error.
fn within(histogram: &Histogram, bin: &SummedBin, taken: u64) -> f64 {
    histogram.resolution().width(bin.bin) * taken.min(bin.count - taken) as f64
}

fn area(steps: &[Step], value: impl Fn(&Step) -> f64) -> f64 {
    let pairs = steps.windows(2);
    pairs
        .map(|pair| {
            let width = pair[1].removed - pair[0].removed;
            width * 0.5 * (value(&pair[0]) + value(&pair[1]))
        })
        .sum()
}
