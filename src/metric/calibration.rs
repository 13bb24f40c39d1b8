//! Does a stated probability come true as often as it says?
//!
//! The confidence of an item is the probability of its predicted class. Bins of equal width are
//! `[k/15, (k+1)/15)`, and the last one holds 1: where bins are open below instead, a confidence
//! at an edge is one bin further down.
//!
//! # References
//! - C. Guo et al. (2017), *On Calibration of Modern Neural Networks*, ICML.
//! - J. Nixon et al. (2019), *Measuring Calibration in Deep Learning*, CVPR workshops.
//! - M.-H. Laves et al. (2019), *Well-Calibrated Model Uncertainty with Temperature Scaling for
//!   Dropout Variational Inference*, arXiv 1909.13550.

use super::cumulative::CumulativeItems;
use super::fixed::{number, size};
use super::metric_input::MetricInput;
use super::tally::{BINS, ReliabilityBin};

/// The expected calibration error: over 15 bins of confidence of equal width, the mean, weighted
/// by their items, of the distance between accuracy and mean confidence.
pub(super) fn expected(input: &MetricInput) -> Option<f64> {
    weighted(&input.sums.tally.confidence)
}

/// The largest distance between accuracy and mean confidence of a bin that is not empty.
pub(super) fn maximum(input: &MetricInput) -> Option<f64> {
    let levels = input.sums.tally.confidence.iter().filter(|level| level.count > 0);
    levels.map(|level| gap(level) / level.count as f64).reduce(f64::max)
}

/// As [`expected`], over wrong items and predictive entropy divided by ln C: how far the
/// normalized entropy is from being the error rate.
pub(super) fn uncertainty(input: &MetricInput) -> Option<f64> {
    input.spec.entropy().and_then(|_| weighted(&input.sums.tally.entropy))
}

fn weighted(levels: &[ReliabilityBin; BINS]) -> Option<f64> {
    let count: u64 = levels.iter().map(|level| level.count).sum();
    let gaps: f64 = levels.iter().map(gap).sum();
    (count > 0).then(|| gaps / count as f64)
}

/// The distance of hits and summed numbers.
fn gap(level: &ReliabilityBin) -> f64 {
    (level.hits as f64 - number(level.sum)).abs()
}

/// The class-wise calibration error: the mean over classes of the expected calibration error of
/// the probability of the class, over all items, against how often it is the label.
pub(super) fn classwise(input: &MetricInput) -> Option<f64> {
    let count = input.sums.tally.count;
    let gaps: f64 = input.sums.classwise.iter().map(|&gap| size(gap)).sum();
    let n_classes = input.spec.classes().len();
    (count > 0).then(|| gaps / count as f64 / n_classes as f64)
}

/// As [`expected`], over 15 bins of as equal a number of items as possible: sorted by
/// confidence (by the f32 of 1 less it), the `k`-th ends before item `⌊k N / 15⌋`. Items of one
/// confidence that an end falls between are shared out evenly.
pub(super) fn equal_mass(input: &MetricInput) -> Option<f64> {
    let (steps, count) = equal_mass_steps(input);
    let mut gaps = 0.0;
    let mut before = 0.0;
    for step in steps {
        gaps += f64::abs(step.difference - before);
        before = step.difference;
    }
    (count > 0).then(|| gaps / count as f64)
}

/// How far [`equal_mass`] can be off: an end inside a bin of several confidences moves right
/// items and confidence from one neighbor to the other.
pub(super) fn equal_mass_bound(input: &MetricInput) -> f64 {
    let (steps, count) = equal_mass_steps(input);
    let moved: f64 = steps.iter().map(|step| step.uncertain).sum();
    2.0 * moved / count.max(1) as f64
}

/// The items up to an end.
struct Step {
    /// Right items less their confidence.
    difference: f64,
    /// How much that can be off.
    uncertain: f64,
}

fn equal_mass_steps(input: &MetricInput) -> (Vec<Step>, u64) {
    let histogram = &input.sums.confidence;
    let mut bins = histogram.summed();
    // Bins ascend with 1 less the confidence.
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
        Step { difference: part.right - part.sum, uncertain }
    });
    (steps.collect(), count)
}
