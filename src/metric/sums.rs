//! The sums of many images: what every pooled metric is computed from.
//!
//! All of it is counts, integer sums, minima, maxima and marks combined by OR. Adding and merging
//! are therefore associative and commutative to the bit.

use super::bins::Resolution;
use super::histogram::{Histogram, HistogramParts};
use super::image::ImageSums;
use super::patches::PatchSums;
use super::spec::EvaluationSpec;
use super::tally::{BINS, ClassCounts, Tally};

/// How much a set of sums holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BinDetail {
    /// The finest bins, and which of them hold several values.
    Fine,
    /// Coarse bins, for the replicates of the bootstrap.
    Coarse,
}

/// Sums over images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct PooledSums {
    pub(super) tally: Tally,
    pub(super) classes: Vec<ClassCounts>,
    /// [`BINS`] for each class: items with the label less the sum of the probability, in units.
    pub(super) classwise: Vec<i128>,
    /// For each ranked score, by outcome; with Brier scores for the measures.
    pub(super) scores: Vec<Histogram>,
    /// By 1 less the confidence, with confidences.
    pub(super) confidence: Histogram,
    /// By the Brier score, with Brier scores.
    pub(super) brier: Histogram,
    /// For each measure and patch size.
    pub(super) patches: Vec<(PatchSums, Histogram)>,
    /// For each ranked score, by what the masks say.
    pub(super) masks: Vec<Histogram>,
}

impl PooledSums {
    pub(super) fn new(spec: &EvaluationSpec, detail: BinDetail) -> Self {
        let marks = detail == BinDetail::Fine;
        let (resolution, patch_resolution) = match detail {
            BinDetail::Fine => (Resolution::FINE, Resolution::PATCH),
            BinDetail::Coarse => (Resolution::COARSE, Resolution::COARSE_PATCH),
        };
        let histogram =
            |sums: bool| Histogram::new(resolution, HistogramParts { sums, marks });
        let patch = || {
            Histogram::new(patch_resolution, HistogramParts { sums: false, marks: false })
        };
        let n_measures = spec.scores().len();
        let ranked = 0..spec.ranked().len();
        let n_patches = n_measures * spec.patch_sizes().len();
        Self {
            tally: Tally::default(),
            classes: vec![ClassCounts::default(); spec.classes().len()],
            classwise: vec![0; BINS * spec.classes().len()],
            scores: ranked.clone().map(|i| histogram(i < n_measures)).collect(),
            confidence: histogram(true),
            brier: histogram(true),
            patches: (0..n_patches).map(|_| (PatchSums::EMPTY, patch())).collect(),
            masks: ranked
                .filter(|_| spec.has_masks())
                .map(|_| histogram(false))
                .collect(),
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

    /// Adds other sums of the same spec and detail.
    pub(super) fn merge(&mut self, other: &Self) {
        self.tally.add(&other.tally, 1);
        for (counts, more) in self.classes.iter_mut().zip(&other.classes) {
            counts.add(more, 1);
        }
        for (gap, more) in self.classwise.iter_mut().zip(&other.classwise) {
            *gap += more;
        }
        let merge = |to: &mut [Histogram], from: &[Histogram]| {
            to.iter_mut().zip(from).for_each(|(to, from)| to.merge(from));
        };
        merge(&mut self.scores, &other.scores);
        merge(&mut self.masks, &other.masks);
        self.confidence.merge(&other.confidence);
        self.brier.merge(&other.brier);
        for ((sums, histogram), (more, bins)) in
            self.patches.iter_mut().zip(&other.patches)
        {
            sums.add(more, 1);
            histogram.merge(bins);
        }
    }

    /// Bytes that the sums take.
    pub(super) fn bytes(&self) -> usize {
        let of = |histograms: &[Histogram]| histograms.iter().map(Histogram::bytes).sum();
        let lists: [usize; 2] = [of(&self.scores), of(&self.masks)];
        let patches: usize = self.patches.iter().map(|(_, bins)| bins.bytes()).sum();
        let classes = size_of_val(self.classes.as_slice());
        let classwise = size_of_val(self.classwise.as_slice());
        let single = self.confidence.bytes() + self.brier.bytes();
        lists.iter().sum::<usize>() + patches + classes + classwise + single
    }
}
