//! Patch accuracy against patch uncertainty.
//!
//! An image is cut into square patches. A patch is accurate when more than half of its labeled
//! pixels are right, and uncertain when the mean of a measure over them is above a threshold. The
//! mean of all patches serves as the threshold, moved up to the edge of its bin, by at most
//! 1/256 of it; the area takes every threshold from the least to the most uncertain patch.
//! Where nearly every patch is accurate, calling all of them certain looks good: the four counts
//! show it.
//!
//! # References
//! - J. Mukhoti, Y. Gal (2018), *Evaluating Bayesian Deep Learning Methods for Semantic
//!   Segmentation*, arXiv 1811.12709.

use super::fixed::number;
use super::histogram::Histogram;
use super::metric_input::MetricInput;
use super::patches::PatchSums;
use super::sums::PooledSums;

/// Thresholds for the patches of a measure and a size, found on all images and held fixed in the
/// replicates.
#[derive(Debug, Clone, Copy)]
pub(super) struct ThresholdSweep {
    /// The mean over all patches.
    pub(super) mean: f64,
    least: f64,
    most: f64,
}

impl ThresholdSweep {
    /// The thresholds of every measure and patch size.
    pub(super) fn all(sums: &PooledSums) -> Vec<Option<Self>> {
        sums.patches.iter().map(|(sums, _)| Self::new(sums)).collect()
    }

    fn new(sums: &PatchSums) -> Option<Self> {
        let count = sums.accurate + sums.inaccurate;
        (count > 0).then(|| Self {
            mean: number(sums.accurate_sum + sums.inaccurate_sum) / count as f64,
            least: number(sums.least.into()),
            most: number(sums.most.into()),
        })
    }
}

/// The four kinds of patches at a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct PatchCounts {
    pub(super) accurate_certain: u64,
    pub(super) accurate_uncertain: u64,
    pub(super) inaccurate_certain: u64,
    pub(super) inaccurate_uncertain: u64,
}

impl PatchCounts {
    /// The share of patches that are accurate and certain, or inaccurate and uncertain.
    pub(super) fn pavpu(&self) -> Option<f64> {
        let certain = self.accurate_certain + self.inaccurate_certain;
        let uncertain = self.accurate_uncertain + self.inaccurate_uncertain;
        ratio(self.accurate_certain + self.inaccurate_uncertain, certain + uncertain)
    }

    /// How often a certain patch is accurate.
    pub(super) fn accurate_given_certain(&self) -> Option<f64> {
        ratio(self.accurate_certain, self.accurate_certain + self.inaccurate_certain)
    }

    /// How often an inaccurate patch is uncertain.
    pub(super) fn uncertain_given_inaccurate(&self) -> Option<f64> {
        let inaccurate = self.inaccurate_certain + self.inaccurate_uncertain;
        ratio(self.inaccurate_uncertain, inaccurate)
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The kinds of patches when those up to and with a bin are certain.
pub(super) fn counts_at(histogram: &Histogram, last_certain: usize) -> PatchCounts {
    let mut counts = PatchCounts::default();
    for bin in 0..histogram.resolution().n_bins() {
        let (accurate, inaccurate) = histogram.counts(bin);
        if bin <= last_certain {
            counts.accurate_certain += accurate;
            counts.inaccurate_certain += inaccurate;
        } else {
            counts.accurate_uncertain += accurate;
            counts.inaccurate_uncertain += inaccurate;
        }
    }
    counts
}

/// The kinds of patches at the mean, and the patches of the bin in which it lies.
fn at_mean(input: &MetricInput) -> Option<(PatchCounts, (u64, u64))> {
    let sweep = input.sweep()?;
    let (_, histogram) = input.patches()?;
    let bin = histogram.resolution().bin(sweep.mean as f32);
    Some((counts_at(histogram, bin), histogram.counts(bin)))
}

/// The mean uncertainty of a patch, which is the threshold of the others.
pub(super) fn threshold(input: &MetricInput) -> Option<f64> {
    input.sweep().map(|sweep| sweep.mean)
}

/// Patches that are accurate and certain.
pub(super) fn accurate_certain(input: &MetricInput) -> Option<f64> {
    at_mean(input).map(|(counts, _)| counts.accurate_certain as f64)
}

/// Patches that are accurate and uncertain.
pub(super) fn accurate_uncertain(input: &MetricInput) -> Option<f64> {
    at_mean(input).map(|(counts, _)| counts.accurate_uncertain as f64)
}

/// Patches that are inaccurate and certain.
pub(super) fn inaccurate_certain(input: &MetricInput) -> Option<f64> {
    at_mean(input).map(|(counts, _)| counts.inaccurate_certain as f64)
}

/// Patches that are inaccurate and uncertain.
pub(super) fn inaccurate_uncertain(input: &MetricInput) -> Option<f64> {
    at_mean(input).map(|(counts, _)| counts.inaccurate_uncertain as f64)
}

/// How far the number of accurate patches on either side can be off.
pub(super) fn accurate_bound(input: &MetricInput) -> f64 {
    at_mean(input).map_or(0.0, |(_, (accurate, _))| accurate as f64)
}

/// How far the number of inaccurate patches on either side can be off.
pub(super) fn inaccurate_bound(input: &MetricInput) -> f64 {
    at_mean(input).map_or(0.0, |(_, (_, inaccurate))| inaccurate as f64)
}

/// `PAvPU` at the mean uncertainty.
pub(super) fn pavpu(input: &MetricInput) -> Option<f64> {
    at_mean(input).and_then(|(counts, _)| counts.pavpu())
}

/// How far [`pavpu`] can be off: patches in the bin of the threshold change sides.
pub(super) fn pavpu_bound(input: &MetricInput) -> f64 {
    let count = |counts: &PatchCounts| {
        let certain = counts.accurate_certain + counts.inaccurate_certain;
        certain + counts.accurate_uncertain + counts.inaccurate_uncertain
    };
    at_mean(input).map_or(0.0, |(counts, (accurate, inaccurate))| {
        accurate.max(inaccurate) as f64 / count(&counts).max(1) as f64
    })
}

/// How often a certain patch is accurate, at the mean uncertainty.
pub(super) fn accurate_given_certain(input: &MetricInput) -> Option<f64> {
    at_mean(input).and_then(|(counts, _)| counts.accurate_given_certain())
}

/// How far [`accurate_given_certain`] can be off.
pub(super) fn accurate_given_certain_bound(input: &MetricInput) -> f64 {
    let Some((counts, (accurate, inaccurate))) = at_mean(input) else { return 0.0 };
    let Some(used) = counts.accurate_given_certain() else { return 0.0 };
    let without = |accurate: u64, inaccurate: u64| {
        let certain = PatchCounts {
            accurate_certain: counts.accurate_certain - accurate,
            inaccurate_certain: counts.inaccurate_certain - inaccurate,
            ..counts
        };
        certain.accurate_given_certain().unwrap_or(used)
    };
    f64::max((without(accurate, 0) - used).abs(), (without(0, inaccurate) - used).abs())
}

/// How often an inaccurate patch is uncertain, at the mean uncertainty.
pub(super) fn uncertain_given_inaccurate(input: &MetricInput) -> Option<f64> {
    at_mean(input).and_then(|(counts, _)| counts.uncertain_given_inaccurate())
}

/// How far [`uncertain_given_inaccurate`] can be off.
pub(super) fn uncertain_given_inaccurate_bound(input: &MetricInput) -> f64 {
    at_mean(input).map_or(0.0, |(counts, (_, inaccurate))| {
        let all = counts.inaccurate_certain + counts.inaccurate_uncertain;
        inaccurate as f64 / all.max(1) as f64
    })
}

/// The mean of `PAvPU` over thresholds evenly spread from the least to the most uncertain patch;
/// exact. An accurate patch counts from its own uncertainty on, an inaccurate one up to it. None
/// where all patches are equally uncertain.
pub(super) fn area(input: &MetricInput) -> Option<f64> {
    let sweep = input.sweep()?;
    let (sums, _) = input.patches()?;
    let count = sums.accurate + sums.inaccurate;
    let range = sweep.most - sweep.least;
    let accurate = sums.accurate as f64 * sweep.most - number(sums.accurate_sum);
    let inaccurate = number(sums.inaccurate_sum) - sums.inaccurate as f64 * sweep.least;
    (count > 0 && range > 0.0).then(|| (accurate + inaccurate) / range / count as f64)
}
