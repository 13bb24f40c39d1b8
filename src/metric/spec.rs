//! Specification of an evaluation: classes, scores and settings.

use std::collections::BTreeSet;

use super::aggregation::{Aggregation, INTERIOR_DISTANCE};
use super::histogram::LIMIT;
use crate::error::{Error, Result};
use crate::task::Item;

/// Name of the score of the pass without dropout ([`deterministic_scores`]).
pub const DETERMINISTIC: &str = "deterministic";

/// Threshold of [`Aggregation::AboveThresholdMean`] for the pass without dropout.
pub(crate) const DETERMINISTIC_THRESHOLD: f32 = 0.1;

/// Returns the scores of the pass without dropout: 1 minus the probability of its class.
pub fn deterministic_scores(probabilities: &[f32]) -> Vec<f32> {
    probabilities.iter().map(|p| (1.0 - p).max(0.0)).collect()
}

/// The measure that the uncertainty calibration error compares with the error rate.
pub(super) const ENTROPY: &str = "predictive_entropy";

/// Largest number of classes; one id is reserved for items without a label.
const MAX_CLASSES: usize = 65_535;

/// Largest number of bootstrap replicates.
pub(super) const MAX_REPLICATES: usize = 10_000;

/// A measure of uncertainty to evaluate.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoreSpec {
    /// Name of the measure.
    pub name: String,
    /// Largest possible value.
    pub bound: f32,
    /// Value that a pixel must exceed to count in [`Aggregation::AboveThresholdMean`].
    pub threshold: f32,
}

impl ScoreSpec {
    /// Creates a score whose threshold is a tenth of its bound.
    pub fn new(name: impl Into<String>, bound: f32) -> Self {
        Self { name: name.into(), bound, threshold: bound / 10.0 }
    }
}

/// Settings of an evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluationOptions {
    /// Number of bootstrap replicates; default: 200. With 0 there are no intervals.
    pub replicates: usize,
    /// Sides of the square patches of `PAvPU`, in pixels; default: 2, 4, 8, 16.
    pub patch_sizes: Vec<usize>,
    /// Number of pixels to each side that must have the same predicted class for a pixel to
    /// belong to the interior ([`Aggregation::InteriorMean`]); default: 2.
    pub interior: usize,
}

impl Default for EvaluationOptions {
    fn default() -> Self {
        Self {
            replicates: 200,
            patch_sizes: vec![2, 4, 8, 16],
            interior: INTERIOR_DISTANCE,
        }
    }
}

/// Specification of an evaluation. Only evaluations with equal specifications can be merged.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationSpec {
    item: Item,
    classes: Vec<String>,
    scores: Vec<ScoreSpec>,
    has_deterministic: bool,
    has_masks: bool,
    options: EvaluationOptions,
}

impl EvaluationSpec {
    /// Specifies an evaluation of classes and measures.
    ///
    /// # Errors
    /// Fails if there are fewer than two classes, a name occurs twice, a bound is outside
    /// (0, 16), a patch is smaller than 2 pixels, or there are more than 10,000 replicates.
    pub fn new(
        item: Item,
        classes: Vec<String>,
        scores: Vec<ScoreSpec>,
        options: EvaluationOptions,
    ) -> Result<Self> {
        check_classes(&classes)?;
        check_scores(&scores)?;
        check_options(&options)?;
        let (has_deterministic, has_masks) = (false, false);
        Ok(Self { item, classes, scores, has_deterministic, has_masks, options })
    }

    /// Adds the pass without dropout, which every image must then have.
    #[must_use]
    pub fn with_deterministic(mut self) -> Self {
        self.has_deterministic = true;
        self
    }

    /// Adds masks of the pixels outside the distribution, which every image must then have.
    #[must_use]
    pub fn with_masks(mut self) -> Self {
        self.has_masks = true;
        self
    }

    /// Returns whether images or pixels are the items.
    pub fn item(&self) -> Item {
        self.item
    }

    /// Returns the names of the C classes.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// Returns the measures.
    pub fn scores(&self) -> &[ScoreSpec] {
        &self.scores
    }

    /// Returns the settings.
    pub fn options(&self) -> &EvaluationOptions {
        &self.options
    }

    /// Returns true if every image has the pass without dropout.
    pub fn has_deterministic(&self) -> bool {
        self.has_deterministic
    }

    /// Returns true if every image has a mask of the pixels outside the distribution.
    pub fn has_masks(&self) -> bool {
        self.has_masks
    }

    /// Returns the names of all scores that are ranked: the measures, then [`DETERMINISTIC`] if
    /// there is a pass without dropout.
    pub fn ranked(&self) -> Vec<&str> {
        let names = self.scores.iter().map(|score| score.name.as_str());
        names.chain(self.has_deterministic.then_some(DETERMINISTIC)).collect()
    }

    /// Returns the aggregations of pixels; only the mean, of one value, if images are the items.
    pub fn aggregations(&self) -> &'static [Aggregation] {
        match self.item {
            Item::Image => &[Aggregation::Mean],
            Item::Pixel => Aggregation::ALL,
        }
    }

    /// Returns the sides of patches; none if images are the items.
    pub fn patch_sizes(&self) -> &[usize] {
        match self.item {
            Item::Image => &[],
            Item::Pixel => &self.options.patch_sizes,
        }
    }

    /// Returns the index of predictive entropy among the measures.
    pub(super) fn entropy(&self) -> Option<usize> {
        self.scores.iter().position(|score| score.name == ENTROPY)
    }
}

fn check_classes(classes: &[String]) -> Result<()> {
    if !(2..=MAX_CLASSES).contains(&classes.len()) {
        let message = format!("{} classes, expected 2 to {MAX_CLASSES}", classes.len());
        return Err(Error::setting("classes", message)
            .with_hint("name every class of the model, one per line"));
    }
    match repeated(classes.iter().map(String::as_str)) {
        Some(name) => {
            let message = format!("two classes have the name \"{name}\"");
            Err(Error::setting("classes", message)
                .with_hint("give each class its own name"))
        }
        None => Ok(()),
    }
}

pub(super) fn check_scores(scores: &[ScoreSpec]) -> Result<()> {
    let names = scores.iter().map(|score| score.name.as_str()).chain([DETERMINISTIC]);
    if let Some(name) = repeated(names) {
        let message = format!("two scores have the name \"{name}\"");
        return Err(
            Error::setting("measures", message).with_hint("list each measure once")
        );
    }
    for score in scores {
        if !(score.bound > 0.0 && score.bound < LIMIT && score.threshold >= 0.0) {
            let message = format!(
                "{} has bound {} and threshold {}: expected a bound between 0 and {LIMIT} \
                 and a threshold of at least 0",
                score.name, score.bound, score.threshold
            );
            return Err(Error::setting("measures", message)
                .with_hint("take both from the table of measures"));
        }
    }
    Ok(())
}

fn check_options(options: &EvaluationOptions) -> Result<()> {
    if let Some(size) = options.patch_sizes.iter().find(|&&size| size < 2) {
        let message = format!("{size}: expected at least 2 pixels");
        return Err(Error::setting("patch_sizes", message)
            .with_hint("accuracy and AUROC evaluate single pixels"));
    }
    if let Some(size) = repeated(options.patch_sizes.iter()) {
        let message = format!("{size} is listed twice");
        return Err(Error::setting("patch_sizes", message).with_hint("list it once"));
    }
    if options.replicates > MAX_REPLICATES {
        let message =
            format!("{}: expected at most {MAX_REPLICATES}", options.replicates);
        return Err(Error::setting("replicates", message)
            .with_hint("200 replicates are enough for 95 % intervals"));
    }
    Ok(())
}

/// Returns the first item that equals an earlier one.
pub(super) fn repeated<T: Ord + Copy>(items: impl Iterator<Item = T>) -> Option<T> {
    let mut seen = BTreeSet::new();
    items.into_iter().find(|&item| !seen.insert(item))
}
