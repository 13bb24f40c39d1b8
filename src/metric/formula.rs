//! The formulas of metrics, each a function of [`MetricInput`] or of ranked groups of items.

pub(super) mod calibration;
pub(super) mod correctness;
pub(super) mod pavpu;
pub(super) mod ranking;
pub(super) mod selective;
pub(super) mod sparsification;

use super::histogram::{Histogram, number};
use super::spec::EvaluationSpec;
use super::sums::{PatchSums, PooledSums};

/// Input of a metric: the sums, and the class, score or patch size that is meant.
#[derive(Debug, Clone, Copy)]
pub(super) struct MetricInput<'a> {
    pub(super) sums: &'a PooledSums,
    pub(super) spec: &'a EvaluationSpec,
    /// Thresholds of all measures and patch sizes, from the sums of all images.
    pub(super) sweeps: &'a [Option<ThresholdSweep>],
    /// Index of the class or of the ranked score.
    pub(super) item: usize,
    /// Index of the patch size.
    pub(super) patch: usize,
}

impl MetricInput<'_> {
    /// Returns the thresholds of the measure and patch size.
    fn sweep(&self) -> Option<ThresholdSweep> {
        self.sweeps.get(self.patch_index()).copied().flatten()
    }

    /// Returns the patches of the measure and patch size.
    fn patches(&self) -> Option<(&PatchSums, &Histogram)> {
        self.sums.patches.get(self.patch_index()).map(|(sums, bins)| (sums, bins))
    }

    fn patch_index(&self) -> usize {
        self.item * self.spec.patch_sizes().len() + self.patch
    }
}

/// Thresholds for the patches of a measure and a size, computed on all images and held fixed in
/// the replicates.
#[derive(Debug, Clone, Copy)]
pub(super) struct ThresholdSweep {
    /// Mean over all patches.
    mean: f64,
    least: f64,
    most: f64,
}

impl ThresholdSweep {
    /// Returns the thresholds of every measure and patch size; `None` for those without patches.
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

/// Returns the ratio of two counts; `None` if the denominator is 0.
pub(super) fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}
