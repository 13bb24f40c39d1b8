//! Summary of one image: everything that it contributes to an evaluation.

mod patches;

use patches::Patches;

use super::aggregation::{PredictedClasses, Regions};
use super::histogram::{
    Bin, HistogramBuilder, RIGHT, Resolution, UNLABELED, WRONG, number, units,
};
use super::input::{ImageInput, NO_MASK};
use super::items::Items;
use super::spec::{DETERMINISTIC_THRESHOLD, EvaluationSpec, deterministic_scores};
use super::sums::{ImageSums, PatchSums};
use crate::error::Result;
use crate::measure::image_level::rank_95;
use crate::task::Item;

/// Contribution of one image to an evaluation.
///
/// It depends only on the image and the specification, so images can be summarized on any thread
/// and added in any order.
#[derive(Debug, Clone)]
pub struct ImageSummary {
    pub(super) id: String,
    pub(super) sums: ImageSums,
    pub(super) outcome: ImageOutcome,
}

/// Loss and scores of one image, which are kept for every image.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ImageOutcome {
    /// Number of labeled items.
    pub(super) n_labeled: u64,
    /// Number of wrong items.
    n_wrong: u64,
    /// Value of each ranked score by every aggregation.
    values: Box<[f32]>,
}

impl ImageOutcome {
    /// Returns the share of labeled items that are wrong; `None` without labeled items.
    pub(super) fn loss(&self) -> Option<f64> {
        (self.n_labeled > 0).then(|| self.n_wrong as f64 / self.n_labeled as f64)
    }

    /// Returns the value of a candidate, whose index is that of the ranked score times the number
    /// of aggregations, plus that of the aggregation.
    pub(super) fn value(&self, candidate: usize) -> f32 {
        self.values[candidate]
    }
}

impl ImageSummary {
    /// Summarizes an image.
    ///
    /// # Errors
    /// Fails if sizes differ, a label is not a class of the model, a score or probability is NaN or
    /// outside its range, or something that the specification includes is missing. The error
    /// names the image.
    pub fn new(input: &ImageInput, spec: &EvaluationSpec) -> Result<Self> {
        input.check(spec)?;
        let items = Items::new(input, spec)?;
        let classes = PredictedClasses {
            predicted: &items.predicted,
            width: input.width,
            n_classes: spec.classes().len(),
        };
        let mut scan = ImageScan {
            input,
            spec,
            items: &items,
            regions: Regions::new(&classes, spec.options().interior),
            builder: HistogramBuilder::new(Resolution::FINE),
            values: Vec::new(),
        };
        let mut scores = Vec::new();
        for (score, map) in spec.scores().iter().zip(input.scores) {
            scores.push(scan.score(map, &items.outcome, score.threshold));
        }
        let deterministic = scan.deterministic();
        if let Some((map, outcome)) = &deterministic {
            scores.push(scan.score(map, outcome, DETERMINISTIC_THRESHOLD));
        }
        let masks = scan.masks(deterministic.as_ref().map(|(map, _)| map.as_slice()));
        let confidence = scan.confidence();
        let brier = scan.brier();
        let patches = scan.patches();
        let outcome = ImageOutcome {
            n_labeled: items.tally.count,
            n_wrong: items.tally.count - items.tally.right,
            values: scan.values.into_boxed_slice(),
        };
        let sums = ImageSums {
            tally: items.tally,
            classes: items.classes,
            classwise: items.classwise,
            scores,
            confidence,
            brier,
            patches,
            masks,
        };
        Ok(Self { id: input.id.to_owned(), sums, outcome })
    }

    /// Returns the id of the image.
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// Passes over the scores of an image.
struct ImageScan<'a> {
    input: &'a ImageInput<'a>,
    spec: &'a EvaluationSpec,
    items: &'a Items,
    regions: Regions<'a>,
    builder: HistogramBuilder,
    /// Aggregated values of the scores passed so far.
    values: Vec<f32>,
}

impl ImageScan<'_> {
    /// Returns the histogram of a score over labeled items and appends its aggregations to the
    /// values.
    fn score(&mut self, map: &[f32], outcome: &[u8], threshold: f32) -> Vec<Bin> {
        for ((&score, &outcome), &brier) in map.iter().zip(outcome).zip(&self.items.brier)
        {
            self.builder.put(score, outcome, brier);
        }
        match self.spec.item() {
            Item::Image => self.values.extend_from_slice(map),
            Item::Pixel => {
                let quantile = self.builder.of_rank(rank_95(map.len()), map);
                self.values.extend(self.regions.aggregate(map, threshold, quantile));
            }
        }
        self.builder.take()
    }

    /// Returns the scores of the pass without dropout and the outcomes of its own predictions.
    fn deterministic(&self) -> Option<(Vec<f32>, Vec<u8>)> {
        let pass = self.input.deterministic.filter(|_| self.spec.has_deterministic())?;
        let items = pass.classes.iter().zip(self.input.labels).zip(&self.items.outcome);
        let outcome = items
            .map(|((class, label), &outcome)| match outcome {
                UNLABELED => UNLABELED,
                _ if class == label => RIGHT,
                _ => WRONG,
            })
            .collect();
        Some((deterministic_scores(pass.probabilities), outcome))
    }

    /// Returns the histogram of every score by inside and outside of the distribution.
    fn masks(&mut self, deterministic: Option<&[f32]>) -> Vec<Vec<Bin>> {
        let Some(mask) = self.input.mask.filter(|_| self.spec.has_masks()) else {
            return Vec::new();
        };
        let maps = self.input.scores.iter().copied().chain(deterministic);
        maps.map(|map| {
            for (&score, &mask) in map.iter().zip(mask) {
                if mask != NO_MASK {
                    self.builder.put(score, if mask == 0 { RIGHT } else { WRONG }, 0);
                }
            }
            self.builder.take()
        })
        .collect()
    }

    /// Returns the histogram of labeled items by 1 minus the confidence, with sums of the
    /// confidence: bins are narrow near certainty, where most predictions are.
    fn confidence(&mut self) -> Vec<Bin> {
        for (&confidence, &outcome) in
            self.items.confidence.iter().zip(&self.items.outcome)
        {
            if outcome != UNLABELED {
                let sum = units(f64::from(confidence));
                self.builder.put(1.0 - confidence, outcome, sum);
            }
        }
        self.builder.take()
    }

    /// Returns the histogram of labeled items by Brier score, with sums of it.
    fn brier(&mut self) -> Vec<Bin> {
        for (&brier, &outcome) in self.items.brier.iter().zip(&self.items.outcome) {
            if outcome != UNLABELED {
                self.builder.put(number(brier.into()) as f32, outcome, brier);
            }
        }
        self.builder.take()
    }

    fn patches(&self) -> Vec<(PatchSums, Vec<Bin>)> {
        let sizes = self.spec.patch_sizes();
        if sizes.is_empty() {
            return Vec::new();
        }
        let patches = Patches::new(&self.items.outcome, self.input.width, sizes);
        let mut builder = HistogramBuilder::new(Resolution::PATCH);
        let maps = self.input.scores.iter();
        maps.flat_map(|map| patches.count(map, &mut builder)).collect()
    }
}
