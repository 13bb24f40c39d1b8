//! The sums of many images: what every pooled metric is computed from.
//!
//! All of it is counts, integer sums, minima, maxima and marks combined by OR. Adding and merging
//! are therefore associative and commutative to the bit.

use super::bins::Resolution;
use super::histogram::{Histogram, Holds};
use super::image::ImageSums;
use super::layout::Layout;
use super::patches::PatchSums;
use super::tally::{BINS, ClassCounts, Tally};

/// How much a set of sums holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Detail {
    /// The finest bins, and which of them hold several values.
    Fine,
    /// Coarse bins, for the replicates of the bootstrap.
    Coarse,
}

/// Sums over images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Sums {
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

impl Sums {
    pub(super) fn new(layout: &Layout, detail: Detail) -> Self {
        let marks = detail == Detail::Fine;
        let (resolution, patch_resolution) = match detail {
            Detail::Fine => (Resolution::FINE, Resolution::PATCH),
            Detail::Coarse => (Resolution::COARSE, Resolution::COARSE_PATCH),
        };
        let histogram = |sums: bool| Histogram::new(resolution, Holds { sums, marks });
        let patch =
            || Histogram::new(patch_resolution, Holds { sums: false, marks: false });
        let n_measures = layout.scores().len();
        let ranked = 0..layout.ranked().len();
        let n_patches = n_measures * layout.patch_sizes().len();
        Self {
            tally: Tally::default(),
            classes: vec![ClassCounts::default(); layout.classes().len()],
            classwise: vec![0; BINS * layout.classes().len()],
            scores: ranked.clone().map(|i| histogram(i < n_measures)).collect(),
            confidence: histogram(true),
            brier: histogram(true),
            patches: (0..n_patches).map(|_| (PatchSums::EMPTY, patch())).collect(),
            masks: ranked
                .filter(|_| layout.has_masks())
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

    /// Adds other sums of the same layout and detail.
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
