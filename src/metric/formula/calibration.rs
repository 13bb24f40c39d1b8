//! Calibration: agreement of predicted probabilities with observed frequencies.
//!
//! The confidence of an item is the probability of its predicted class. Bins of equal width are
//! `[k/15, (k+1)/15)`, and the last one includes 1. Implementations whose bins exclude the lower
//! edge count a confidence at an edge one bin further down.
//!
//! # References
//! - C. Guo et al. (2017), *On Calibration of Modern Neural Networks*, ICML.
//! - J. Nixon et al. (2019), *Measuring Calibration in Deep Learning*, CVPR workshops.
//! - M.-H. Laves et al. (2019), *Well-Calibrated Model Uncertainty with Temperature Scaling for
//!   Dropout Variational Inference*, arXiv 1909.13550.

use super::MetricInput;
use crate::metric::histogram::{CumulativeItems, number, size};
use crate::metric::sums::{BINS, ReliabilityBin};

/// Returns the expected calibration error: the distance between accuracy and mean confidence,
/// averaged over 15 bins of confidence of equal width, weighted by their items.
pub(in crate::metric) fn expected(input: &MetricInput) -> Option<f64> {
    weighted(&input.sums.tally.confidence)
}

/// Returns the largest distance between accuracy and mean confidence in a bin that is not empty.
pub(in crate::metric) fn maximum(input: &MetricInput) -> Option<f64> {
    let bins = input.sums.tally.confidence.iter().filter(|bin| bin.count > 0);
    bins.map(|bin| gap(bin) / bin.count as f64).reduce(f64::max)
}

/// Returns the same error as [`expected`] for predictive entropy divided by ln C: its distance from
/// the error rate.
pub(in crate::metric) fn uncertainty(input: &MetricInput) -> Option<f64> {
    input.spec.entropy().and_then(|_| weighted(&input.sums.tally.entropy))
}

fn weighted(bins: &[ReliabilityBin; BINS]) -> Option<f64> {
    let count: u64 = bins.iter().map(|bin| bin.count).sum();
    let gaps: f64 = bins.iter().map(gap).sum();
    (count > 0).then(|| gaps / count as f64)
}

/// Returns the distance between the hits and the sum of a bin.
fn gap(bin: &ReliabilityBin) -> f64 {
    (bin.hits as f64 - number(bin.sum)).abs()
}

/// Returns the class-wise calibration error: the mean over classes of the expected calibration
/// error of the probability of the class, over all items, against its frequency as label.
pub(in crate::metric) fn classwise(input: &MetricInput) -> Option<f64> {
    let count = input.sums.tally.count;
    let gaps: f64 = input.sums.classwise.iter().map(|&gap| size(gap)).sum();
    let n_classes = input.spec.classes().len();
    (count > 0).then(|| gaps / count as f64 / n_classes as f64)
}

/// Returns the same error as [`expected`] over 15 bins with as equal a number of items as possible:
/// sorted by confidence (by the f32 of 1 minus it), the `k`-th bin ends before item `⌊k N / 15⌋`.
/// Items of equal confidence around an end are divided evenly.
pub(in crate::metric) fn equal_mass(input: &MetricInput) -> Option<f64> {
    let (steps, count) = equal_mass_steps(input);
    let mut gaps = 0.0;
    let mut before = 0.0;
    for step in steps {
        gaps += f64::abs(step.difference - before);
        before = step.difference;
    }
    (count > 0).then(|| gaps / count as f64)
}

/// Returns a bound on the error of [`equal_mass`]: an end inside a histogram bin with several
/// confidences may move right items and confidence from one neighbor to the other.
pub(in crate::metric) fn equal_mass_bound(input: &MetricInput) -> f64 {
    let (steps, count) = equal_mass_steps(input);
    let moved: f64 = steps.iter().map(|step| step.uncertain).sum();
    2.0 * moved / count.max(1) as f64
}

/// Items up to the end of a bin of equal mass.
struct EqualMassStep {
    /// Number of right items minus the sum of their confidence.
    difference: f64,
    /// Bound on the error of the difference.
    uncertain: f64,
}

fn equal_mass_steps(input: &MetricInput) -> (Vec<EqualMassStep>, u64) {
    let histogram = &input.sums.confidence;
    let mut bins = histogram.summed();
    // Bins ascend with 1 minus the confidence.
    bins.reverse();
    let mut items = CumulativeItems::new(&bins);
    let count = items.count();
    let steps = (1..=BINS as u64).map(|k| {
        let part = items.first((u128::from(count) * u128::from(k) / BINS as u128) as u64);
        let uncertain = part.cut.filter(|cut| cut.bin.is_mixed).map_or(0.0, |cut| {
            let (right, n) = (cut.bin.right as f64, cut.bin.count as f64);
            let (taken, even) = (cut.taken as f64, cut.taken as f64 * right / n);
            let most = f64::min(taken, right) - even;
            let least = even - f64::max(0.0, taken - (n - right));
            let width = histogram.resolution().width(cut.bin.bin);
            f64::max(most, least) + width * f64::min(taken, n - taken)
        });
        EqualMassStep { difference: part.right - part.sum, uncertain }
    });
    (steps.collect(), count)
}
