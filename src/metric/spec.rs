//! What is evaluated: classes, scores and how they are looked at.

use std::collections::BTreeSet;

use super::aggregate::Aggregation;
use super::bins::LIMIT;
use crate::error::{Error, Result};
use crate::task::Item;

/// The name of the score of the pass without dropout, 1 less its probability.
pub const DETERMINISTIC: &str = "deterministic";

/// The measure that the uncertainty calibration error looks at.
pub(super) const ENTROPY: &str = "predictive_entropy";

/// Most classes that a label can tell apart.
const MAX_CLASSES: usize = 65_535;

/// A measure of uncertainty as it is evaluated.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// Its name, as in the table of measures.
    pub name: String,
    /// Its largest possible value.
    pub bound: f32,
    /// What a pixel must exceed to count in [`Aggregation::AboveThresholdMean`].
    pub threshold: f32,
}

impl Score {
    /// A measure with its bound; the threshold is a tenth of it.
    pub fn new(name: impl Into<String>, bound: f32) -> Self {
        Self { name: name.into(), bound, threshold: bound / 10.0 }
    }
}

/// Settings of an evaluation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvaluationOptions {
    /// Replicates of the bootstrap; default: 200. With 0 there are no intervals.
    pub replicates: usize,
    /// Sides of the square patches of `PAvPU`, in pixels; default: 2, 4, 8, 16.
    pub patch_sizes: Vec<usize>,
    /// How many pixels to each side must have the same predicted class for a pixel to be in the
    /// interior ([`Aggregation::InteriorMean`]); default: 2.
    pub interior: usize,
}

impl Default for EvaluationOptions {
    fn default() -> Self {
        Self { replicates: 200, patch_sizes: vec![2, 4, 8, 16], interior: 2 }
    }
}

/// What is evaluated. Evaluations can be merged only when they agree on all of it.
#[derive(Debug, Clone, PartialEq)]
pub struct EvaluationSpec {
    item: Item,
    classes: Vec<String>,
    scores: Vec<Score>,
    has_deterministic: bool,
    has_masks: bool,
    options: EvaluationOptions,
}

impl EvaluationSpec {
    /// An evaluation of classes and measures.
    ///
    /// # Errors
    /// When there are fewer than two classes, a name occurs twice, a bound is not in
    /// (0, 16), a patch is smaller than 2 pixels, or an option is far beyond use.
    pub fn new(
        item: Item,
        classes: Vec<String>,
        scores: Vec<Score>,
        options: EvaluationOptions,
    ) -> Result<Self> {
        check_classes(&classes)?;
        check_scores(&scores)?;
        check_options(&options)?;
        let (has_deterministic, has_masks) = (false, false);
        Ok(Self { item, classes, scores, has_deterministic, has_masks, options })
    }

    /// The same with the pass without dropout, which every image must then have.
    #[must_use]
    pub fn with_deterministic(mut self) -> Self {
        self.has_deterministic = true;
        self
    }

    /// The same with masks of what is outside the distribution, pixel by pixel.
    #[must_use]
    pub fn with_masks(mut self) -> Self {
        self.has_masks = true;
        self
    }

    /// Whether images or pixels are the items.
    pub fn item(&self) -> Item {
        self.item
    }

    /// Names of the classes; there are C.
    pub fn classes(&self) -> &[String] {
        &self.classes
    }

    /// The measures.
    pub fn scores(&self) -> &[Score] {
        &self.scores
    }

    /// The settings.
    pub fn options(&self) -> &EvaluationOptions {
        &self.options
    }

    /// Whether images come with the pass without dropout.
    pub fn has_deterministic(&self) -> bool {
        self.has_deterministic
    }

    /// Whether images come with masks of what is outside the distribution.
    pub fn has_masks(&self) -> bool {
        self.has_masks
    }

    /// Names of all scores that are ranked: the measures, then [`DETERMINISTIC`] where there is
    /// a pass without dropout.
    pub fn ranked(&self) -> Vec<&str> {
        let names = self.scores.iter().map(|score| score.name.as_str());
        names.chain(self.has_deterministic.then_some(DETERMINISTIC)).collect()
    }

    /// How pixels become a number for the image: in one way only where the image is the item.
    pub fn aggregations(&self) -> &'static [Aggregation] {
        match self.item {
            Item::Image => &[Aggregation::Mean],
            Item::Pixel => Aggregation::ALL,
        }
    }

    /// Sides of patches; none where there are no pixels.
    pub fn patch_sizes(&self) -> &[usize] {
        match self.item {
            Item::Image => &[],
            Item::Pixel => &self.options.patch_sizes,
        }
    }

    /// The place of predictive entropy among the measures.
    pub(super) fn entropy(&self) -> Option<usize> {
        self.scores.iter().position(|score| score.name == ENTROPY)
    }
}

fn check_classes(classes: &[String]) -> Result<()> {
    if !(2..=MAX_CLASSES).contains(&classes.len()) {
        let message = format!("{} classes, expected 2 to {MAX_CLASSES}", classes.len());
        return Err(Error::setting("classes", message)
            .with_hint("name every class of the model, one a line"));
    }
    match twice(classes.iter().map(String::as_str)) {
        Some(name) => {
            let message = format!("two classes are called \"{name}\"");
            Err(Error::setting("classes", message).with_hint("give each its own name"))
        }
        None => Ok(()),
    }
}

fn check_scores(scores: &[Score]) -> Result<()> {
    let names = scores.iter().map(|score| score.name.as_str()).chain([DETERMINISTIC]);
    if let Some(name) = twice(names) {
        let message = format!("the name \"{name}\" stands for two scores");
        return Err(Error::setting("measures", message).with_hint("name each once"));
    }
    for score in scores {
        if !(score.bound > 0.0 && score.bound < LIMIT && score.threshold >= 0.0) {
            let message = format!(
                "{} has bound {} and threshold {}, expected a bound between 0 and {LIMIT} \
                 and a threshold from 0 on",
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
        let message = format!("a patch of {size} pixels, expected at least 2");
        return Err(Error::setting("patch sizes", message)
            .with_hint("single pixels are what accuracy and AUROC look at"));
    }
    if let Some(size) = twice(options.patch_sizes.iter()) {
        let message = format!("{size} is listed twice");
        return Err(Error::setting("patch sizes", message).with_hint("list it once"));
    }
    if options.replicates > 10_000 {
        let message =
            format!("{} replicates, expected at most 10000", options.replicates);
        return Err(Error::setting("replicates", message)
            .with_hint("200 place the ends of a 95 % interval well enough"));
    }
    Ok(())
}

/// What occurs a second time.
fn twice<T: Ord + Copy>(items: impl Iterator<Item = T>) -> Option<T> {
    let mut seen = BTreeSet::new();
    items.into_iter().find(|&item| !seen.insert(item))
}
