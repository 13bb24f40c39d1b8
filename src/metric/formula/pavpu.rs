//! Patch accuracy against patch uncertainty.
//!
//! An image is divided into square patches. A patch is accurate if more than half of its labeled
//! pixels are right, and uncertain if the mean of a measure over them is above a threshold. The
//! threshold is the mean over all patches, moved up to the edge of its bin, by at most 1/256 of
//! it; the area uses every threshold from the least to the most uncertain patch. If nearly every
//! patch is accurate, calling all of them certain gives a high `PAvPU`; the four counts show this.
//!
//! # References
//! - J. Mukhoti, Y. Gal (2018), *Evaluating Bayesian Deep Learning Methods for Semantic
//!   Segmentation*, arXiv 1811.12709.

use super::{MetricInput, ratio};
use crate::metric::histogram::{Histogram, number};

/// Numbers of the four kinds of patches at a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::metric) struct PatchCounts {
    pub(in crate::metric) accurate_certain: u64,
    pub(in crate::metric) accurate_uncertain: u64,
    pub(in crate::metric) inaccurate_certain: u64,
    pub(in crate::metric) inaccurate_uncertain: u64,
}

impl PatchCounts {
    /// Returns the share of patches that are accurate and certain, or inaccurate and uncertain.
    pub(in crate::metric) fn pavpu(&self) -> Option<f64> {
        ratio(self.accurate_certain + self.inaccurate_uncertain, self.all())
    }

    fn all(&self) -> u64 {
        self.accurate_certain
            + self.accurate_uncertain
            + self.inaccurate_certain
            + self.inaccurate_uncertain
    }

    /// Returns the share of certain patches that are accurate.
    pub(in crate::metric) fn accurate_given_certain(&self) -> Option<f64> {
        ratio(self.accurate_certain, self.accurate_certain + self.inaccurate_certain)
    }

    /// Returns the share of inaccurate patches that are uncertain.
    pub(in crate::metric) fn uncertain_given_inaccurate(&self) -> Option<f64> {
        let inaccurate = self.inaccurate_certain + self.inaccurate_uncertain;
        ratio(self.inaccurate_uncertain, inaccurate)
    }
}

/// Counts the patches if those up to and including a bin are certain.
pub(in crate::metric) fn counts_at(
    histogram: &Histogram,
    last_certain: usize,
) -> PatchCounts {
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

/// Counts the patches at the mean uncertainty; also returns the numbers of accurate and of
/// inaccurate patches in the bin that contains the mean.
fn at_mean(input: &MetricInput) -> Option<(PatchCounts, (u64, u64))> {
    let sweep = input.sweep()?;
    let (_, histogram) = input.patches()?;
    let bin = histogram.resolution().bin(sweep.mean as f32);
    Some((counts_at(histogram, bin), histogram.counts(bin)))
}

/// Returns the mean uncertainty of a patch, which is the threshold of the other metrics.
pub(in crate::metric) fn threshold(input: &MetricInput) -> Option<f64> {
    input.sweep().map(|sweep| sweep.mean)
}

/// Returns the number of accurate and certain patches.
pub(in crate::metric) fn accurate_certain(input: &MetricInput) -> Option<f64> {
    at_mean(input).map(|(counts, _)| counts.accurate_certain as f64)
}

/// Returns the number of accurate and uncertain patches.
pub(in crate::metric) fn accurate_uncertain(input: &MetricInput) -> Option<f64> {
    at_mean(input).map(|(counts, _)| counts.accurate_uncertain as f64)
}

/// Returns the number of inaccurate and certain patches.
pub(in crate::metric) fn inaccurate_certain(input: &MetricInput) -> Option<f64> {
    at_mean(input).map(|(counts, _)| counts.inaccurate_certain as f64)
}

/// Returns the number of inaccurate and uncertain patches.
pub(in crate::metric) fn inaccurate_uncertain(input: &MetricInput) -> Option<f64> {
    at_mean(input).map(|(counts, _)| counts.inaccurate_uncertain as f64)
}

/// Returns a bound on the error of the numbers of accurate patches.
pub(in crate::metric) fn accurate_bound(input: &MetricInput) -> f64 {
    at_mean(input).map_or(0.0, |(_, (accurate, _))| accurate as f64)
}

/// Returns a bound on the error of the numbers of inaccurate patches.
pub(in crate::metric) fn inaccurate_bound(input: &MetricInput) -> f64 {
    at_mean(input).map_or(0.0, |(_, (_, inaccurate))| inaccurate as f64)
}

/// Returns `PAvPU` at the mean uncertainty.
pub(in crate::metric) fn pavpu(input: &MetricInput) -> Option<f64> {
    at_mean(input).and_then(|(counts, _)| counts.pavpu())
}

/// Returns a bound on the error of [`pavpu`]: patches in the bin of the threshold may change sides.
pub(in crate::metric) fn pavpu_bound(input: &MetricInput) -> f64 {
    at_mean(input).map_or(0.0, |(counts, (accurate, inaccurate))| {
        accurate.max(inaccurate) as f64 / counts.all().max(1) as f64
    })
}

/// Returns the share of certain patches that are accurate, at the mean uncertainty.
pub(in crate::metric) fn accurate_given_certain(input: &MetricInput) -> Option<f64> {
    at_mean(input).and_then(|(counts, _)| counts.accurate_given_certain())
}

/// Returns a bound on the error of [`accurate_given_certain`].
pub(in crate::metric) fn accurate_given_certain_bound(input: &MetricInput) -> f64 {
    let Some((counts, (accurate, inaccurate))) = at_mean(input) else { return 0.0 };
    let Some(used) = counts.accurate_given_certain() else { return 0.0 };
    let accurate_certain = counts.accurate_certain - accurate;
    let inaccurate_certain = counts.inaccurate_certain - inaccurate;
    [
        PatchCounts { accurate_certain, ..counts },
        PatchCounts { inaccurate_certain, ..counts },
    ]
    .map(|counts| (counts.accurate_given_certain().unwrap_or(used) - used).abs())
    .into_iter()
    .fold(0.0, f64::max)
}

/// Returns the share of inaccurate patches that are uncertain, at the mean uncertainty.
pub(in crate::metric) fn uncertain_given_inaccurate(input: &MetricInput) -> Option<f64> {
    at_mean(input).and_then(|(counts, _)| counts.uncertain_given_inaccurate())
}

/// Returns a bound on the error of [`uncertain_given_inaccurate`].
pub(in crate::metric) fn uncertain_given_inaccurate_bound(input: &MetricInput) -> f64 {
    at_mean(input).map_or(0.0, |(counts, (_, inaccurate))| {
        let all = counts.inaccurate_certain + counts.inaccurate_uncertain;
        inaccurate as f64 / all.max(1) as f64
    })
}

/// Returns the exact mean of `PAvPU` over thresholds evenly spread from the least to the most
/// uncertain patch. An accurate patch counts at thresholds from its own uncertainty on, an
/// inaccurate one at thresholds up to it. `None` if all patches are equally uncertain.
pub(in crate::metric) fn area(input: &MetricInput) -> Option<f64> {
    let sweep = input.sweep()?;
    let (sums, _) = input.patches()?;
    let count = sums.accurate + sums.inaccurate;
    let range = sweep.most - sweep.least;
    let accurate = sums.accurate as f64 * sweep.most - number(sums.accurate_sum);
    let inaccurate = number(sums.inaccurate_sum) - sums.inaccurate as f64 * sweep.least;
    (count > 0 && range > 0.0).then(|| (accurate + inaccurate) / range / count as f64)
}
