//! Sums over images, from which every pooled metric is computed.
//!
//! All sums are counts, integer sums, minima, maxima, and marks combined by OR. Adding and merging
//! are therefore associative and commutative to the bit.

use super::histogram::{Bin, Histogram, HistogramParts, ONE, Resolution, coarsen};
use super::spec::EvaluationSpec;

/// Number of bins of calibration errors, all of equal width: `[k/15, (k+1)/15)`; the last one
/// includes 1.
pub(super) const BINS: usize = 15;

/// Returns the calibration bin of a number from 0 to 1, or slightly more, in units.
///
/// Units are exact for every f32 from 2⁻¹³ on, far below the first edge, so numbers at an edge
/// are in the right bin.
#[inline(always)]
pub(super) fn calibration_bin(units: u64) -> usize {
    ((units * BINS as u64 / ONE) as usize).min(BINS - 1)
}

/// Items of a calibration bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ReliabilityBin {
    /// Number of items.
    pub(super) count: u64,
    /// Number of right items for bins of confidence, of wrong items for bins of uncertainty.
    pub(super) hits: u64,
    /// Sum of the confidence or uncertainty, in units.
    pub(super) sum: u128,
}

impl ReliabilityBin {
    /// Adds an item.
    pub(super) fn put(&mut self, is_hit: bool, units: u64) {
        self.count += 1;
        self.hits += u64::from(is_hit);
        self.sum += u128::from(units);
    }

    pub(super) fn add(&mut self, other: &Self, weight: u64) {
        self.count += other.count * weight;
        self.hits += other.hits * weight;
        self.sum += other.sum * u128::from(weight);
    }
}

/// Number of items that have a class as label, as prediction, and as both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ClassCounts {
    /// Items with this label.
    pub(super) labels: u64,
    /// Labeled items with this prediction.
    pub(super) predictions: u64,
    /// Items with both.
    pub(super) hits: u64,
}

impl ClassCounts {
    fn add(&mut self, other: &Self, weight: u64) {
        self.labels += other.labels * weight;
        self.predictions += other.predictions * weight;
        self.hits += other.hits * weight;
    }
}

/// Sums over labeled items that do not depend on an order of the items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    /// Number of items.
    pub(super) count: u64,
    /// Number of right items.
    pub(super) right: u64,
    /// Number of items whose true class has a probability below the floor.
    pub(super) floored: u64,
    /// Sum of negative log-likelihoods, in units.
    pub(super) log_loss: u128,
    /// Sum of Brier scores, in units.
    pub(super) brier: u128,
    /// Bins of the probability of the predicted class.
    pub(super) confidence: [ReliabilityBin; BINS],
    /// Bins of predictive entropy divided by ln C; empty without that measure.
    pub(super) entropy: [ReliabilityBin; BINS],
}

impl Tally {
    /// Adds another tally `weight` times.
    fn add(&mut self, other: &Self, weight: u64) {
        self.count += other.count * weight;
        self.right += other.right * weight;
        self.floored += other.floored * weight;
        self.log_loss += other.log_loss * u128::from(weight);
        self.brier += other.brier * u128::from(weight);
        for (bin, more) in self.confidence.iter_mut().zip(&other.confidence) {
            bin.add(more, weight);
        }
        for (bin, more) in self.entropy.iter_mut().zip(&other.entropy) {
            bin.add(more, weight);
        }
    }
}

/// Sums over patches of one size, for one measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PatchSums {
    /// Number of accurate patches.
    pub(super) accurate: u64,
    /// Sum of the mean uncertainties of accurate patches, in units.
    pub(super) accurate_sum: u128,
    /// Number of inaccurate patches.
    pub(super) inaccurate: u64,
    /// Sum of the mean uncertainties of inaccurate patches, in units.
    pub(super) inaccurate_sum: u128,
    /// Smallest mean uncertainty, in units; `u64::MAX` without patches.
    pub(super) least: u64,
    /// Largest mean uncertainty, in units.
    pub(super) most: u64,
}

impl PatchSums {
    pub(super) const EMPTY: Self = Self {
        accurate: 0,
        accurate_sum: 0,
        inaccurate: 0,
        inaccurate_sum: 0,
        least: u64::MAX,
        most: 0,
    };

    /// Adds a patch.
    pub(super) fn put(&mut self, is_accurate: bool, mean: u64) {
        let (count, sum) = if is_accurate {
            (&mut self.accurate, &mut self.accurate_sum)
        } else {
            (&mut self.inaccurate, &mut self.inaccurate_sum)
        };
        *count += 1;
        *sum += u128::from(mean);
        self.least = self.least.min(mean);
        self.most = self.most.max(mean);
    }

    fn add(&mut self, other: &Self, weight: u64) {
        self.accurate += other.accurate * weight;
        self.accurate_sum += other.accurate_sum * u128::from(weight);
        self.inaccurate += other.inaccurate * weight;
        self.inaccurate_sum += other.inaccurate_sum * u128::from(weight);
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
    }
}

/// Contribution of one image to [`PooledSums`].
#[derive(Debug, Clone)]
pub(super) struct ImageSums {
    pub(super) tally: Tally,
    /// Counts of the classes that occur.
    pub(super) classes: Vec<(u32, ClassCounts)>,
    /// Sparse form of [`PooledSums::classwise`].
    pub(super) classwise: Vec<(u32, i64)>,
    /// One histogram per ranked score.
    pub(super) scores: Vec<Vec<Bin>>,
    pub(super) confidence: Vec<Bin>,
    pub(super) brier: Vec<Bin>,
    /// For each measure and patch size, the sums and the histogram.
    pub(super) patches: Vec<(PatchSums, Vec<Bin>)>,
    /// One histogram per ranked score if there are masks.
    pub(super) masks: Vec<Vec<Bin>>,
}

impl ImageSums {
    /// Returns the same sums with the coarser bins of the bootstrap.
    pub(super) fn coarsened(&self) -> Self {
        let patches = self.patches.iter().map(|(sums, bins)| {
            (*sums, coarsen(bins, Resolution::PATCH, Resolution::COARSE_PATCH))
        });
        Self {
            tally: self.tally,
            classes: self.classes.clone(),
            classwise: self.classwise.clone(),
            scores: self.scores.iter().map(|bins| coarsen_items(bins)).collect(),
            confidence: coarsen_items(&self.confidence),
            brier: coarsen_items(&self.brier),
            patches: patches.collect(),
            masks: self.masks.iter().map(|bins| coarsen_items(bins)).collect(),
        }
    }
}

fn coarsen_items(bins: &[Bin]) -> Vec<Bin> {
    coarsen(bins, Resolution::FINE, Resolution::COARSE)
}

/// Level of detail of [`PooledSums`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BinDetail {
    /// Finest bins, with marks of the bins that contain several values.
    Fine,
    /// Coarse bins, for the replicates of the bootstrap.
    Coarse,
}

/// Sums over images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PooledSums {
    pub(super) tally: Tally,
    pub(super) classes: Vec<ClassCounts>,
    /// [`BINS`] values per class: number of items with the label minus the sum of the probability
    /// of the class, in units.
    pub(super) classwise: Vec<i128>,
    /// Items by score and outcome, for each ranked score; with Brier scores for the measures.
    pub(super) scores: Vec<Histogram>,
    /// Items by 1 minus the confidence, with confidences.
    pub(super) confidence: Histogram,
    /// Items by Brier score, with Brier scores.
    pub(super) brier: Histogram,
    /// For each measure and patch size, the sums and the histogram.
    pub(super) patches: Vec<(PatchSums, Histogram)>,
    /// Pixels inside and outside the masks, for each ranked score.
    pub(super) masks: Vec<Histogram>,
}

impl PooledSums {
    pub(super) fn new(spec: &EvaluationSpec, detail: BinDetail) -> Self {
        let marks = detail == BinDetail::Fine;
        let (resolution, patch_resolution) = match detail {
            BinDetail::Fine => (Resolution::FINE, Resolution::PATCH),
            BinDetail::Coarse => (Resolution::COARSE, Resolution::COARSE_PATCH),
        };
        // Each histogram is allocated as zeroed memory, most of which is never touched; clones
        // would touch it.
        let plain = || Histogram::new(resolution, HistogramParts { sums: false, marks });
        let summed = || Histogram::new(resolution, HistogramParts { sums: true, marks });
        let patch_parts = HistogramParts { sums: false, marks: false };
        let n_measures = spec.scores().len();
        let n_ranked = spec.ranked().len();
        let n_patches = n_measures * spec.patch_sizes().len();
        let n_masks = if spec.has_masks() { n_ranked } else { 0 };
        Self {
            tally: Tally::default(),
            classes: vec![ClassCounts::default(); spec.classes().len()],
            classwise: vec![0; BINS * spec.classes().len()],
            scores: (0..n_ranked)
                .map(|i| if i < n_measures { summed() } else { plain() })
                .collect(),
            confidence: summed(),
            brier: summed(),
            patches: (0..n_patches)
                .map(|_| {
                    (PatchSums::EMPTY, Histogram::new(patch_resolution, patch_parts))
                })
                .collect(),
            masks: (0..n_masks).map(|_| plain()).collect(),
        }
    }

    /// Adds an image, at the same resolution, `weight` times.
    pub(super) fn add(&mut self, image: &ImageSums, weight: u64) {
        self.tally.add(&image.tally, weight);
        for (class, counts) in &image.classes {
            self.classes[*class as usize].add(counts, weight);
        }
        for (bin, gap) in &image.classwise {
            self.classwise[*bin as usize] += i128::from(*gap) * i128::from(weight);
        }
        for (histogram, bins) in self.scores.iter_mut().zip(&image.scores) {
            histogram.add(bins, weight);
        }
        self.confidence.add(&image.confidence, weight);
        self.brier.add(&image.brier, weight);
        for ((sums, histogram), (more, bins)) in
            self.patches.iter_mut().zip(&image.patches)
        {
            sums.add(more, weight);
            histogram.add(bins, weight);
        }
        for (histogram, bins) in self.masks.iter_mut().zip(&image.masks) {
            histogram.add(bins, weight);
        }
    }

    /// Adds other sums of the same specification and detail.
    pub(super) fn merge(&mut self, other: &Self) {
        self.tally.add(&other.tally, 1);
        for (counts, more) in self.classes.iter_mut().zip(&other.classes) {
            counts.add(more, 1);
        }
        for (gap, more) in self.classwise.iter_mut().zip(&other.classwise) {
            *gap += more;
        }
        for (histogram, more) in self.scores.iter_mut().zip(&other.scores) {
            histogram.merge(more);
        }
        for (histogram, more) in self.masks.iter_mut().zip(&other.masks) {
            histogram.merge(more);
        }
        self.confidence.merge(&other.confidence);
        self.brier.merge(&other.brier);
        for ((sums, histogram), (more, bins)) in
            self.patches.iter_mut().zip(&other.patches)
        {
            sums.add(more, 1);
            histogram.merge(bins);
        }
    }

    /// Returns the size in bytes.
    pub(super) fn bytes(&self) -> usize {
        let single = [&self.confidence, &self.brier];
        let patches = self.patches.iter().map(|(_, histogram)| histogram);
        let histograms = single.into_iter().chain(&self.scores).chain(&self.masks);
        histograms.chain(patches).map(Histogram::bytes).sum::<usize>()
            + size_of_val(self.classes.as_slice())
            + size_of_val(self.classwise.as_slice())
    }
}
