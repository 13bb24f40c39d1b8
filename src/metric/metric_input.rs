//! What a metric looks at: sums, and which of the classes, scores or patch sizes is meant.

use super::histogram::Histogram;
use super::patches::PatchSums;
use super::pavpu::ThresholdSweep;
use super::spec::EvaluationSpec;
use super::sums::PooledSums;

/// Sums with a choice.
#[derive(Debug, Clone, Copy)]
pub(super) struct MetricInput<'a> {
    pub(super) sums: &'a PooledSums,
    pub(super) spec: &'a EvaluationSpec,
    /// Thresholds of all measures and patch sizes, from the sums of all images.
    pub(super) sweeps: &'a [Option<ThresholdSweep>],
    /// The class or the ranked score.
    pub(super) item: usize,
    /// The place of the patch size in the list.
    pub(super) patch: usize,
}

impl MetricInput<'_> {
    /// The thresholds of the measure and patch size.
    pub(super) fn sweep(&self) -> Option<ThresholdSweep> {
        self.sweeps.get(self.patch_place()).copied().flatten()
    }

    /// The patches of the measure and patch size.
    pub(super) fn patches(&self) -> Option<(&PatchSums, &Histogram)> {
        self.sums.patches.get(self.patch_place()).map(|(sums, bins)| (sums, bins))
    }

    fn patch_place(&self) -> usize {
        self.item * self.spec.patch_sizes().len() + self.patch
    }
}
