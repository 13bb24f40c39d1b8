//! An image's prediction with its labels, as it is given to an evaluation.

use std::path::Path;

use super::bins::LIMIT;
use super::spec::EvaluationSpec;
use crate::error::{Error, Result};
use crate::task::Item;

/// The label of an item that no metric looks at.
pub const IGNORED: u32 = u32::MAX;

/// The mask value of a pixel that is neither inside nor outside the distribution.
pub const NO_MASK: u8 = 255;

/// Most items an image can have, so that no sum over one overflows.
const MAX_ITEMS: usize = 1 << 25;

/// How far above its bound a score may lie, as a factor; it is in f32.
const SLACK: f32 = 1.001;

/// One image: its prediction, scores and labels, all row by row from the top left.
///
/// For classification height and width are 1.
#[derive(Debug, Clone, Copy)]
pub struct ImageInput<'a> {
    /// What names the image among all of them; the bootstrap draws by it.
    pub id: &'a str,
    /// Number of rows.
    pub height: usize,
    /// Number of columns.
    pub width: usize,
    /// The mean probabilities, `C` planes of `height * width` values.
    pub probabilities: &'a [f32],
    /// The true class of each item, or [`IGNORED`].
    pub labels: &'a [u32],
    /// For each measure of the spec, in its order, its value at each item.
    pub scores: &'a [&'a [f32]],
    /// The pass without dropout, where the spec has it.
    pub deterministic: Option<DeterministicPass<'a>>,
    /// For each pixel 0 inside the distribution, 1 outside, or [`NO_MASK`]; where the spec
    /// has masks.
    pub mask: Option<&'a [u8]>,
}

/// The pass without dropout: two planes, as they are kept.
#[derive(Debug, Clone, Copy)]
pub struct DeterministicPass<'a> {
    /// The class of each item, a whole number from 0.
    pub classes: &'a [f32],
    /// The probability of that class.
    pub probabilities: &'a [f32],
}

impl ImageInput<'_> {
    /// Number of items.
    pub(super) fn n_items(&self) -> usize {
        self.height * self.width
    }

    /// Where an item is, in words.
    pub(super) fn place(&self, item: usize) -> String {
        match self.n_items() {
            1 => String::new(),
            _ => format!(" at row {}, column {}", item / self.width, item % self.width),
        }
    }

    /// An error that concerns this image.
    pub(super) fn error(&self, message: impl Into<String>, hint: &str) -> Error {
        Error::image(Path::new(self.id), message).with_hint(hint)
    }

    /// Everything that can be checked without knowing what is right; probabilities are checked
    /// where they are summed.
    pub(super) fn check(&self, spec: &EvaluationSpec) -> Result<()> {
        self.check_sizes(spec)?;
        self.check_labels(spec)?;
        for (score, values) in spec.scores().iter().zip(self.scores) {
            self.check_score(&score.name, values, (score.bound * SLACK).min(LIMIT))?;
        }
        self.check_deterministic(spec)?;
        let is_mask = |value: &u8| matches!(*value, 0 | 1 | NO_MASK);
        match self.mask.and_then(|mask| mask.iter().position(|value| !is_mask(value))) {
            Some(item) => {
                let place = self.place(item);
                let message = format!("a mask value{place} is not 0, 1 or {NO_MASK}");
                Err(self.error(message, "1 marks what is outside the distribution"))
            }
            None => Ok(()),
        }
    }

    fn check_sizes(&self, spec: &EvaluationSpec) -> Result<()> {
        let n = self.n_items();
        let is_item = spec.item() == Item::Pixel || n == 1;
        if n == 0 || n > MAX_ITEMS || !is_item {
            let message = format!("{} x {} items", self.width, self.height);
            let hint =
                "classification has one item an image, segmentation up to 2^25 pixels";
            return Err(self.error(message, hint));
        }
        if self.scores.len() != spec.scores().len() {
            let (found, expected) = (self.scores.len(), spec.scores().len());
            let message = format!("{found} measures, expected {expected}");
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
        for (what, found, expected) in lengths {
            if found != expected {
                let message = format!("{found} values of {what}, expected {expected}");
                let hint = "labels and maps must have the size of the prediction";
                return Err(self.error(message, hint));
            }
        }
        for (what, is_given, is_expected) in [
            (
                "pass without dropout",
                self.deterministic.is_some(),
                spec.has_deterministic(),
            ),
            ("mask", self.mask.is_some(), spec.has_masks()),
        ] {
            if is_expected && !is_given {
                let hint = "give it for all images, or for none";
                return Err(self.error(format!("has no {what}"), hint));
            }
        }
        Ok(())
    }

    fn check_labels(&self, spec: &EvaluationSpec) -> Result<()> {
        let n_classes = spec.classes().len();
        let is_wrong = |&label: &u32| label != IGNORED && label as usize >= n_classes;
        let Some(item) = self.labels.iter().position(is_wrong) else { return Ok(()) };
        let message = format!(
            "the label {}{} is no class of the model, which has 0 to {}",
            self.labels[item],
            self.place(item),
            n_classes - 1
        );
        let hint = "pass --ignore-index for a value that means no label, or map the labels to \
                    the model's classes";
        Err(self.error(message, hint))
    }

    fn check_score(&self, name: &str, values: &[f32], end: f32) -> Result<()> {
        // NaN is in no range. All are counted before any is looked for, which takes several at
        // once.
        let is_wrong = |value: f32| !(0.0..=end).contains(&value) || value >= LIMIT;
        let n_wrong: u32 = values.iter().map(|&value| u32::from(is_wrong(value))).sum();
        if n_wrong == 0 {
            return Ok(());
        }
        let item = values.iter().position(|&value| is_wrong(value)).unwrap_or(0);
        let message = format!(
            "{name} is {}{}, expected 0 to {end}",
            values[item],
            self.place(item)
        );
        Err(self.error(message, "was the file written by another program, or cut short?"))
    }

    fn check_deterministic(&self, spec: &EvaluationSpec) -> Result<()> {
        let Some(pass) = &self.deterministic else { return Ok(()) };
        self.check_score("the deterministic probability", pass.probabilities, SLACK)?;
        let n_classes = spec.classes().len() as f32;
        let is_class =
            |class: f32| (0.0..n_classes).contains(&class) && class.fract() == 0.0;
        let Some(item) = pass.classes.iter().position(|&class| !is_class(class)) else {
            return Ok(());
        };
        let (class, place) = (pass.classes[item], self.place(item));
        let message = format!(
            "the deterministic class {class}{place}, expected 0 to {}",
            n_classes - 1.0
        );
        Err(self.error(message, "was the file written for another model?"))
    }
}
