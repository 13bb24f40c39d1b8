//! One image by itself: everything that it adds to an evaluation.

use super::aggregate::Regions;
use super::bins::Resolution;
use super::counter::HistogramBuilder;
use super::fixed::{number, units};
use super::histogram::{Bin, coarsen};
use super::input::{ImageInput, NO_MASK};
use super::items::{Items, RIGHT, UNLABELED, WRONG};
use super::patches::{PatchSums, Patches};
use super::record::ImageOutcome;
use super::spec::EvaluationSpec;
use super::tally::{ClassCounts, Tally};
use crate::error::Result;
use crate::measure::image_level::rank_95;
use crate::task::Item;

/// What one image adds to the sums.
#[derive(Debug, Clone)]
pub(super) struct ImageSums {
    pub(super) tally: Tally,
    pub(super) classes: Vec<(u32, ClassCounts)>,
    pub(super) classwise: Vec<(u32, i64)>,
    /// For each ranked score.
    pub(super) scores: Vec<Vec<Bin>>,
    pub(super) confidence: Vec<Bin>,
    pub(super) brier: Vec<Bin>,
    /// For each measure and patch size.
    pub(super) patches: Vec<(PatchSums, Vec<Bin>)>,
    /// For each ranked score, where there are masks.
    pub(super) masks: Vec<Vec<Bin>>,
}

/// What one image adds to an evaluation.
///
/// It depends on the image and the spec alone, so images can be summarized on any thread and
/// added in any order.
#[derive(Debug, Clone)]
pub struct ImageSummary {
    pub(super) id: String,
    pub(super) sums: ImageSums,
    pub(super) record: ImageOutcome,
}

impl ImageSummary {
    /// Summarizes an image.
    ///
    /// # Errors
    /// When sizes do not fit together, a label is no class of the model, a score or probability
    /// is NaN or out of its range, or something that the spec has is missing. The error names
    /// the image.
    pub fn new(input: &ImageInput, spec: &EvaluationSpec) -> Result<Self> {
        input.check(spec)?;
        let items = Items::new(input, spec)?;
        let regions = Regions::new(
            &items.predicted,
            input.width,
            spec.classes().len(),
            spec.options().interior,
        );
        let mut counter = HistogramBuilder::new(Resolution::FINE);
        let mut scan = ImageScan { input, spec, items: &items, counter: &mut counter };
        let mut scores = Vec::new();
        let mut values = Vec::new();
        for (score, map) in spec.scores().iter().zip(input.scores) {
            let outcome = &items.outcome;
            scores.push(scan.score(map, outcome, score.threshold, &regions, &mut values));
        }
        let deterministic = scan.deterministic();
        if let Some((map, outcome)) = &deterministic {
            scores.push(scan.score(map, outcome, 0.1, &regions, &mut values));
        }
        let last = deterministic.as_ref().map(|(map, _)| map.as_slice());
        let masks = scan.masks(last);
        let confidence = scan.confidence();
        let brier = scan.brier();
        let patches = scan.patches();
        let tally = items.tally;
        let record = ImageOutcome::new(tally.count, tally.count - tally.right, values);
        let (classes, classwise) = (items.classes, items.classwise);
        let sums = ImageSums {
            tally,
            classes,
            classwise,
            scores,
            confidence,
            brier,
            patches,
            masks,
        };
        Ok(Self { id: input.id.to_owned(), sums, record })
    }

    /// The image's id.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// Passes over the scores of an image.
struct ImageScan<'a> {
    input: &'a ImageInput<'a>,
    spec: &'a EvaluationSpec,
    items: &'a Items,
    counter: &'a mut HistogramBuilder,
}

impl ImageScan<'_> {
    /// The histogram of a score over labeled items; its aggregations are appended to `values`.
    fn score(
        &mut self,
        map: &[f32],
        outcome: &[u8],
        threshold: f32,
        regions: &Regions,
        values: &mut Vec<f32>,
    ) -> Vec<Bin> {
        for ((&score, &outcome), &brier) in map.iter().zip(outcome).zip(&self.items.brier)
        {
            self.counter.put(score, outcome, brier);
        }
        match self.spec.item() {
            Item::Image => values.extend_from_slice(map),
            Item::Pixel => {
                let quantile = self.counter.of_rank(rank_95(map.len()), map);
                values.extend(regions.aggregate(map, threshold, quantile));
            }
        }
        self.counter.take()
    }

    /// The score of the pass without dropout, and whether that pass itself was right.
    fn deterministic(&self) -> Option<(Vec<f32>, Vec<u8>)> {
        let pass = self.input.deterministic.filter(|_| self.spec.has_deterministic())?;
        let scores = pass.probabilities.iter().map(|p| (1.0 - p).max(0.0)).collect();
        let items = pass.classes.iter().zip(self.input.labels).zip(&self.items.outcome);
        let outcome = items
            .map(|((&class, &label), &outcome)| match outcome {
                UNLABELED => UNLABELED,
                _ if class as u32 == label => RIGHT,
                _ => WRONG,
            })
            .collect();
        Some((scores, outcome))
    }

    /// The histograms of all scores by what is inside and outside of the distribution.
    fn masks(&mut self, deterministic: Option<&[f32]>) -> Vec<Vec<Bin>> {
        let Some(mask) = self.input.mask.filter(|_| self.spec.has_masks()) else {
            return Vec::new();
        };
        let maps = self.input.scores.iter().copied().chain(deterministic);
        maps.map(|map| {
            for (&score, &mask) in map.iter().zip(mask) {
                if mask != NO_MASK {
                    self.counter.put(score, if mask == 0 { RIGHT } else { WRONG }, 0);
                }
            }
            self.counter.take()
        })
        .collect()
    }

    /// Labeled items by 1 less the probability of their predicted class, with the sum of that
    /// probability: bins are narrow where most networks are, close to certainty.
    fn confidence(&mut self) -> Vec<Bin> {
        for (&confidence, &outcome) in
            self.items.confidence.iter().zip(&self.items.outcome)
        {
            if outcome != UNLABELED {
                let sum = units(f64::from(confidence));
                self.counter.put(1.0 - confidence, outcome, sum);
            }
        }
        self.counter.take()
    }

    /// Labeled items by their Brier score, with its sum.
    fn brier(&mut self) -> Vec<Bin> {
        for (&brier, &outcome) in self.items.brier.iter().zip(&self.items.outcome) {
            if outcome != UNLABELED {
                self.counter.put(number(brier.into()) as f32, outcome, brier);
            }
        }
        self.counter.take()
    }

    fn patches(&self) -> Vec<(PatchSums, Vec<Bin>)> {
        let sizes = self.spec.patch_sizes();
        if sizes.is_empty() {
            return Vec::new();
        }
        let patches = Patches::new(&self.items.outcome, self.input.width, sizes);
        let mut counter = HistogramBuilder::new(Resolution::PATCH);
        let maps = self.input.scores.iter();
        maps.flat_map(|map| patches.count(map, &mut counter)).collect()
    }
}

impl ImageSums {
    /// The same with the coarser bins of the bootstrap.
    pub(super) fn coarsened(&self) -> Self {
        let coarse =
            |bins: &Vec<Bin>| coarsen(bins, Resolution::FINE, Resolution::COARSE);
        let patches = self.patches.iter().map(|(sums, bins)| {
            (*sums, coarsen(bins, Resolution::PATCH, Resolution::COARSE_PATCH))
        });
        Self {
            tally: self.tally,
            classes: self.classes.clone(),
            classwise: self.classwise.clone(),
            scores: self.scores.iter().map(coarse).collect(),
            confidence: coarse(&self.confidence),
            brier: coarse(&self.brier),
            patches: patches.collect(),
            masks: self.masks.iter().map(coarse).collect(),
        }
    }
}
