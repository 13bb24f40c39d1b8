//! Input of an evaluation of labels: the prediction of one image with the truth.

use std::path::Path;

use super::spec::LabelEvaluationSpec;
use crate::error::{Error, Result};
use crate::metric::histogram::LIMIT;
use crate::metric::input::{MAX_ITEMS, SLACK, check_range, position};

/// Truth of a pair of a label and an item that no metric counts.
pub const UNKNOWN_LABEL: u8 = 255;

/// One image with all of its labels.
///
/// For labels per image, height and width are 1.
#[derive(Debug, Clone, Copy)]
pub struct MultiLabelInput<'a> {
    /// Unique name of the image; the bootstrap draws by it.
    pub id: &'a str,
    /// Number of rows.
    pub height: usize,
    /// Number of columns.
    pub width: usize,
    /// The labels, in the order of the specification.
    pub labels: &'a [LabelInput<'a>],
}

/// One label of an image, all row by row from the top left.
#[derive(Debug, Clone, Copy)]
pub struct LabelInput<'a> {
    /// For each item 1 if the label holds, 0 if it does not, or [`UNKNOWN_LABEL`].
    pub truth: &'a [u8],
    /// Mean probability of the label over the samples.
    pub probability: &'a [f32],
    /// For each measure of the specification, in its order, the value at each item.
    pub scores: &'a [&'a [f32]],
    /// Probability in the pass without dropout, if the specification includes it.
    pub deterministic: Option<&'a [f32]>,
}

impl MultiLabelInput<'_> {
    fn error(&self, message: impl Into<String>, hint: &str) -> Error {
        Error::image(Path::new(self.id), message).with_hint(hint)
    }

    /// Checks sizes and ranges.
    pub(super) fn check(&self, spec: &LabelEvaluationSpec) -> Result<()> {
        let n = self.height * self.width;
        if n == 0 || n > MAX_ITEMS {
            let message = format!("{} x {} items", self.width, self.height);
            return Err(self.error(message, "labels have one to 2^25 items per image"));
        }
        self.expect("labels", self.labels.len(), spec.labels().len())?;
        for (label, of_spec) in self.labels.iter().zip(spec.labels()) {
            self.check_label(label, &of_spec.name, spec)?;
        }
        Ok(())
    }

    fn check_label(
        &self,
        label: &LabelInput,
        name: &str,
        spec: &LabelEvaluationSpec,
    ) -> Result<()> {
        let n = self.height * self.width;
        self.expect("items with a truth", label.truth.len(), n)?;
        self.expect("measures", label.scores.len(), spec.scores().len())?;
        let is_invalid = |truth: &u8| !matches!(*truth, 0 | 1 | UNKNOWN_LABEL);
        if let Some(item) = label.truth.iter().position(is_invalid) {
            let position = position(item, n, self.width);
            let message = format!(
                "the truth of {name} is {}{position}: expected 0, 1 or {UNKNOWN_LABEL}",
                label.truth[item]
            );
            return Err(self.error(message, "1 means that the label holds"));
        }
        let mut arrays = vec![("probability", label.probability, SLACK)];
        for (score, values) in spec.scores().iter().zip(label.scores) {
            arrays.push((&score.name, values, (score.bound * SLACK).min(LIMIT)));
        }
        match label.deterministic.filter(|_| spec.has_deterministic()) {
            Some(values) => arrays.push(("deterministic_probability", values, SLACK)),
            None if spec.has_deterministic() => {
                let hint = "give it for all images, or for none";
                return Err(self.error("has no pass without dropout", hint));
            }
            None => {}
        }
        for (array, values, end) in arrays {
            let array = format!("{name}.{array}");
            self.expect(&format!("values of {array}"), values.len(), n)?;
            check_range(self.id, self.width, &array, values, end)?;
        }
        Ok(())
    }

    fn expect(&self, what: &str, found: usize, expected: usize) -> Result<()> {
        if found == expected {
            return Ok(());
        }
        let message = format!("expected {expected} {what}, found {found}");
        Err(self.error(message, "every image needs all labels and measures at its size"))
    }
}
