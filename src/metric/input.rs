//! Input of an evaluation: the prediction of one image with its labels.

use std::path::Path;

use super::histogram::LIMIT;
use super::spec::EvaluationSpec;
use crate::error::{Error, Result};
use crate::task::Item;
use crate::tensor::ClassMap;

/// Label of an item that no metric counts.
pub const IGNORED: u16 = ClassMap::NONE;

/// Mask value of a pixel that is neither inside nor outside the distribution.
pub const NO_MASK: u8 = 255;

/// Largest number of items of an image; no sum over one image overflows.
pub(super) const MAX_ITEMS: usize = 1 << 25;

/// Largest ratio of a score, which is in f32, to its bound.
pub(super) const SLACK: f32 = 1.001;

/// One image: its prediction, scores and labels, all row by row from the top left.
///
/// For classification, height and width are 1.
#[derive(Debug, Clone, Copy)]
pub struct ImageInput<'a> {
    /// Unique name of the image; the bootstrap draws by it.
    pub id: &'a str,
    /// Number of rows.
    pub height: usize,
    /// Number of columns.
    pub width: usize,
    /// Mean probabilities: `C` planes of `height * width` values.
    pub probabilities: &'a [f32],
    /// True class of each item, or [`IGNORED`].
    pub labels: &'a [u16],
    /// For each measure of the specification, in its order, the value at each item.
    pub scores: &'a [&'a [f32]],
    /// The pass without dropout, if the specification includes it.
    pub deterministic: Option<DeterministicPass<'a>>,
    /// For each pixel 0 inside the distribution, 1 outside, or [`NO_MASK`]; if the specification
    /// includes masks.
    pub mask: Option<&'a [u8]>,
}

/// Result of the pass without dropout.
#[derive(Debug, Clone, Copy)]
pub struct DeterministicPass<'a> {
    /// Predicted class of each item.
    pub classes: &'a [u16],
    /// Probability of that class.
    pub probabilities: &'a [f32],
}

/// Returns the class with the largest probability for each of `n` items, the first one of equals;
/// `probabilities` holds one plane per class.
pub fn predicted_classes(probabilities: &[f32], n: usize) -> Vec<u16> {
    let mut top = probabilities[..n].to_vec();
    let mut classes = vec![0; n];
    for (class, plane) in (1..).zip(probabilities[n..].chunks_exact(n)) {
        for ((top, best), p) in top.iter_mut().zip(&mut classes).zip(plane) {
            if *p > *top {
                (*top, *best) = (*p, class);
            }
        }
    }
    classes
}

/// Fails if a label of the image `id`, whose rows have `width` items, is neither [`IGNORED`] nor
/// a class of the model.
///
/// # Errors
/// The error names the image, the label and its position.
pub fn check_labels(
    id: &str,
    width: usize,
    labels: &[u16],
    n_classes: usize,
) -> Result<()> {
    let is_unknown = |&label: &u16| label != IGNORED && usize::from(label) >= n_classes;
    let Some(item) = labels.iter().position(is_unknown) else { return Ok(()) };
    let message = format!(
        "the label {}{} is not a class of the model: expected 0 to {}",
        labels[item],
        position(item, labels.len(), width),
        n_classes - 1
    );
    Err(Error::image(Path::new(id), message).with_hint(
        "set `ignore_index` to the value that means \"no label\", or map the labels to the \
         model's classes",
    ))
}

/// Describes the position of an item among `n`; empty for a single item.
pub(super) fn position(item: usize, n: usize, width: usize) -> String {
    match n {
        1 => String::new(),
        _ => format!(" at row {}, column {}", item / width, item % width),
    }
}

/// Fails if a value of the image `id`, whose rows have `width` items, is NaN or outside of the
/// range from 0 to an end.
pub(super) fn check_range(
    id: &str,
    width: usize,
    name: &str,
    values: &[f32],
    end: f32,
) -> Result<()> {
    // NaN is outside every range. Counting all invalid values before searching for the first
    // one vectorizes.
    let is_invalid = |value: f32| !(0.0..=end).contains(&value) || value >= LIMIT;
    let n_invalid: u32 = values.iter().map(|&value| u32::from(is_invalid(value))).sum();
    if n_invalid == 0 {
        return Ok(());
    }
    let item = values.iter().position(|&value| is_invalid(value)).unwrap_or(0);
    let position = position(item, values.len(), width);
    let message = format!("{name} is {}{position}: expected 0 to {end}", values[item]);
    Err(Error::image(Path::new(id), message)
        .with_hint("check that the file is complete and written by mcdrop"))
}

impl ImageInput<'_> {
    /// Returns the number of items.
    pub(super) fn n_items(&self) -> usize {
        self.height * self.width
    }

    /// Describes the position of an item; empty for a single item.
    pub(super) fn position(&self, item: usize) -> String {
        position(item, self.n_items(), self.width)
    }

    /// Creates an error about this image.
    pub(super) fn error(&self, message: impl Into<String>, hint: &str) -> Error {
        Error::image(Path::new(self.id), message).with_hint(hint)
    }

    /// Checks everything except the probabilities, which are checked when they are summed.
    pub(super) fn check(&self, spec: &EvaluationSpec) -> Result<()> {
        self.check_sizes(spec)?;
        check_labels(self.id, self.width, self.labels, spec.classes().len())?;
        for (score, values) in spec.scores().iter().zip(self.scores) {
            let end = (score.bound * SLACK).min(LIMIT);
            check_range(self.id, self.width, &score.name, values, end)?;
        }
        self.check_deterministic(spec)?;
        let invalid = self.mask.and_then(|mask| {
            mask.iter().position(|value| !matches!(*value, 0 | 1 | NO_MASK))
        });
        match invalid {
            Some(item) => {
                let message = format!(
                    "a mask value{} is not 0, 1 or {NO_MASK}",
                    self.position(item)
                );
                Err(self.error(message, "1 marks pixels outside the distribution"))
            }
            None => Ok(()),
        }
    }

    fn check_sizes(&self, spec: &EvaluationSpec) -> Result<()> {
        let n = self.n_items();
        let has_valid_shape = spec.item() == Item::Pixel || n == 1;
        if n == 0 || n > MAX_ITEMS || !has_valid_shape {
            let message = format!("{} x {} items", self.width, self.height);
            let hint =
                "classification has one item per image, segmentation up to 2^25 pixels";
            return Err(self.error(message, hint));
        }
        if self.scores.len() != spec.scores().len() {
            let (found, expected) = (self.scores.len(), spec.scores().len());
            let message = format!("expected {expected} measures, found {found}");
            return Err(self.error(message, "every image needs the same measures"));
        }
        let (classes, probabilities) = match &self.deterministic {
            Some(pass) => (pass.classes.len(), pass.probabilities.len()),
            None => (n, n),
        };
        let mut lengths = vec![
            ("probabilities", self.probabilities.len(), n * spec.classes().len()),
            ("labels", self.labels.len(), n),
            ("deterministic classes", classes, n),
            ("deterministic probabilities", probabilities, n),
            ("masks", self.mask.map_or(n, <[u8]>::len), n),
        ];
        let scores = spec.scores().iter().zip(self.scores);
        lengths
            .extend(scores.map(|(score, values)| (score.name.as_str(), values.len(), n)));
        for (name, found, expected) in lengths {
            if found != expected {
                let message =
                    format!("expected {expected} values of {name}, found {found}");
                let hint = "labels and maps must have the size of the prediction";
                return Err(self.error(message, hint));
            }
        }
        for (name, is_given, is_expected) in [
            (
                "pass without dropout",
                self.deterministic.is_some(),
                spec.has_deterministic(),
            ),
            ("mask", self.mask.is_some(), spec.has_masks()),
        ] {
            if is_expected && !is_given {
                let hint = "give it for all images, or for none";
                return Err(self.error(format!("has no {name}"), hint));
            }
        }
        Ok(())
    }

    fn check_deterministic(&self, spec: &EvaluationSpec) -> Result<()> {
        let Some(pass) = &self.deterministic else { return Ok(()) };
        let name = "the deterministic probability";
        check_range(self.id, self.width, name, pass.probabilities, SLACK)?;
        let n_classes = spec.classes().len();
        let unknown =
            pass.classes.iter().position(|&class| usize::from(class) >= n_classes);
        let Some(item) = unknown else { return Ok(()) };
        let message = format!(
            "the deterministic class is {}{}: expected 0 to {}",
            pass.classes[item],
            self.position(item),
            n_classes - 1
        );
        Err(self.error(message, "check that the file was written for this model"))
    }
}
