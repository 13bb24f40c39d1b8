//! Metrics from counts.

use super::bins::low_end;
use super::fixed::Sum;
use super::ranking::Ranking;
use super::reliability::{BINS, Reliability};
use super::tally::Tally;

/// Steps of a sparsification curve: 0, 1, ... 99 % of the items are left out.
const STEPS: usize = 100;

pub(super) fn accuracy(tally: &Tally) -> Option<f64> {
    let n = tally.n_items();
    let right: u64 = (0..tally.n_classes).map(|class| count(tally, class, class)).sum();
    (n > 0).then(|| right as f64 / n as f64)
}

fn count(tally: &Tally, label: usize, predicted: usize) -> u64 {
    tally.confusion[label * tally.n_classes + predicted]
}

/// Mean over the classes that have an item of the share of theirs that is right.
pub(super) fn class_accuracy(tally: &Tally) -> Option<f64> {
    let of_class = |class: usize| {
        let all: u64 = (0..tally.n_classes).map(|other| count(tally, class, other)).sum();
        (all > 0).then(|| count(tally, class, class) as f64 / all as f64)
    };
    mean((0..tally.n_classes).filter_map(of_class))
}

/// Intersection over union of a class; `None` where it is neither a label nor predicted.
pub(super) fn iou(tally: &Tally, class: usize) -> Option<f64> {
    let others = (0..tally.n_classes).filter(|other| *other != class);
    let wrong: u64 =
        others.map(|other| count(tally, class, other) + count(tally, other, class)).sum();
    let right = count(tally, class, class);
    (right + wrong > 0).then(|| right as f64 / (right + wrong) as f64)
}

pub(super) fn mean_iou(tally: &Tally) -> Option<f64> {
    mean((0..tally.n_classes).filter_map(|class| iou(tally, class)))
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let (n, sum) = values.fold((0u32, 0.0), |(n, sum), value| (n + 1, sum + value));
    (n > 0).then(|| sum / f64::from(n))
}

pub(super) fn negative_log_likelihood(tally: &Tally) -> Option<f64> {
    tally.negative_log_likelihood.mean(tally.n_items())
}

pub(super) fn brier_score(tally: &Tally) -> Option<f64> {
    tally.brier_sum.mean(tally.n_items())
}

pub(super) fn brier_score_per_class(tally: &Tally) -> Option<f64> {
    brier_score(tally).map(|score| score / tally.n_classes as f64)
}

pub(super) fn expected_calibration_error(tally: &Tally) -> Option<f64> {
    tally.top.expected_error()
}

pub(super) fn maximum_calibration_error(tally: &Tally) -> Option<f64> {
    tally.top.maximum_error()
}

pub(super) fn classwise_calibration_error(tally: &Tally) -> Option<f64> {
    mean(tally.classes.iter().filter_map(Reliability::expected_error))
}

pub(super) fn uncertainty_calibration_error(tally: &Tally) -> Option<f64> {
    tally.uncertainty.expected_error()
}

/// Bins of equal numbers of items, by confidence. Where an end falls into a bin of the tally, its
/// items are shared out in proportion.
pub(super) fn equal_mass_calibration_error(tally: &Tally) -> Option<f64> {
    let (right, wrong) = tally.confidence.totals();
    let all = (right + wrong) as f64;
    let (mut error, mut group, mut room) = (0.0, (0.0, 0.0), all / BINS as f64);
    for bin in 0..tally.confidence.negative.len() {
        let right = tally.confidence.negative[bin] as f64;
        let n = right + tally.confidence.positive[bin] as f64;
        let confidence = tally.confidence_sum[bin].value();
        let mut left = n;
        while left > 0.0 {
            let taken = left.min(room);
            group.0 += right * taken / n;
            group.1 += confidence * taken / n;
            left -= taken;
            room -= taken;
            if room <= 1e-9 * all {
                error += (group.0 - group.1).abs();
                (group, room) = ((0.0, 0.0), all / BINS as f64);
            }
        }
    }
    (all > 0.0).then(|| (error + (group.0 - group.1).abs()) / all)
}

/// The mean error of the items that stay when the first so many of these bins are left out, over
/// that of all: for each step.
fn sparsified(bins: &[(f64, f64)]) -> Option<Vec<f64>> {
    let all: f64 = bins.iter().map(|bin| bin.0).sum();
    let total: f64 = bins.iter().map(|bin| bin.1).sum();
    if total <= 0.0 {
        return None;
    }
    let (mut out, mut error_out, mut next) = (0.0, 0.0, 0);
    let step = |step: usize| {
        let wanted = step as f64 / STEPS as f64 * all;
        while next < bins.len() && out + bins[next].0 <= wanted {
            out += bins[next].0;
            error_out += bins[next].1;
            next += 1;
        }
        let of_next = bins.get(next).filter(|bin| bin.0 > 0.0);
        let part = of_next.map_or(0.0, |(n, error)| error * (wanted - out) / n);
        (total - error_out - part) / (all - wanted) / (total / all)
    };
    Some((0..STEPS).map(step).collect())
}

fn trapezoids(curve: &[f64]) -> f64 {
    let width = 1.0 / STEPS as f64;
    curve.windows(2).map(|pair| width * f64::midpoint(pair[0], pair[1])).sum()
}

/// Area between the sparsification curve of a score and that of an oracle.
pub(super) fn sparsification_error(
    by_score: &[(f64, f64)],
    oracle: &[(f64, f64)],
) -> Option<f64> {
    Some(trapezoids(&sparsified(by_score)?) - trapezoids(&sparsified(oracle)?))
}

/// With the Brier score as error.
pub(super) fn ause_brier(tally: &Tally, score: usize) -> Option<f64> {
    let score = &tally.scores[score];
    let by_score =
        counts(&score.errors).zip(values(&score.brier)).rev().collect::<Vec<_>>();
    let oracle = tally.oracle.iter().map(|n| *n as f64).zip(values(&tally.oracle_brier));
    sparsification_error(&by_score, &oracle.rev().collect::<Vec<_>>())
}

/// With being wrong as error.
pub(super) fn ause_mean(tally: &Tally, score: usize) -> Option<f64> {
    let errors = &tally.scores[score].errors;
    let wrong = errors.positive.iter().map(|n| *n as f64);
    let by_score = counts(errors).zip(wrong).rev().collect::<Vec<_>>();
    let (right, wrong) = errors.totals();
    let oracle = [(wrong as f64, wrong as f64), (right as f64, 0.0)];
    sparsification_error(&by_score, &oracle)
}

fn counts(ranking: &Ranking) -> impl DoubleEndedIterator<Item = f64> + ExactSizeIterator {
    ranking.negative.iter().zip(&ranking.positive).map(|(a, b)| (a + b) as f64)
}

fn values(sums: &[Sum]) -> impl DoubleEndedIterator<Item = f64> + ExactSizeIterator {
    sums.iter().map(|sum| sum.value())
}

/// Patches by whether they are accurate and certain, at a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Patches {
    /// Accurate and certain.
    pub accurate_certain: u64,
    /// Accurate and uncertain.
    pub accurate_uncertain: u64,
    /// Inaccurate and certain.
    pub inaccurate_certain: u64,
    /// Inaccurate and uncertain.
    pub inaccurate_uncertain: u64,
}

impl Patches {
    /// Patch accuracy versus patch uncertainty: the share of the patches that are accurate and
    /// certain, or inaccurate and uncertain.
    ///
    /// # References
    /// Mukhoti and Gal (2018), *Evaluating Bayesian Deep Learning Methods for Semantic
    /// Segmentation*, arXiv 1811.12709.
    pub fn pavpu(&self) -> Option<f64> {
        let good = self.accurate_certain + self.inaccurate_uncertain;
        share(good, good + self.accurate_uncertain + self.inaccurate_certain)
    }

    /// The chance that a certain patch is accurate.
    pub fn accurate_if_certain(&self) -> Option<f64> {
        share(self.accurate_certain, self.accurate_certain + self.inaccurate_certain)
    }

    /// The chance that an inaccurate patch is uncertain.
    pub fn uncertain_if_inaccurate(&self) -> Option<f64> {
        share(
            self.inaccurate_uncertain,
            self.inaccurate_uncertain + self.inaccurate_certain,
        )
    }
}

fn share(part: u64, all: u64) -> Option<f64> {
    (all > 0).then(|| part as f64 / all as f64)
}

/// The patches of one size at every threshold that parts them: the low end of a bin, and the
/// patches with a score in lower bins are certain.
pub(super) fn patches(ranking: &Ranking) -> Vec<(f64, Patches)> {
    let (accurate, inaccurate) = ranking.totals();
    let mut now = Patches {
        accurate_uncertain: accurate,
        inaccurate_uncertain: inaccurate,
        ..Patches::default()
    };
    let mut sweep = Vec::new();
    for (bin, (&good, &bad)) in ranking.negative.iter().zip(&ranking.positive).enumerate()
    {
        if good + bad == 0 {
            continue;
        }
        sweep.push((f64::from(low_end(bin)), now));
        now.accurate_certain += good;
        now.accurate_uncertain -= good;
        now.inaccurate_certain += bad;
        now.inaccurate_uncertain -= bad;
        sweep.push((f64::from(low_end(bin + 1)), now));
    }
    sweep
}

/// The mean of PAvPU over thresholds from the lowest score of a patch to the highest.
pub(super) fn mean_pavpu(ranking: &Ranking) -> Option<f64> {
    let sweep = patches(ranking);
    let (first, last) = (sweep.first()?.0, sweep.last()?.0);
    let piece = |pair: &[(f64, Patches)]| {
        let height = f64::midpoint(pair[0].1.pavpu()?, pair[1].1.pavpu()?);
        Some((pair[1].0 - pair[0].0) * height)
    };
    let area: Option<f64> = sweep.windows(2).map(piece).sum();
    (last > first).then_some(area? / (last - first))
}
