//! Input of an evaluation of values: the prediction of one image with its labels.

use std::path::Path;

use super::spec::ValueEvaluationSpec;
use crate::error::{Error, Result};
use crate::metric::input::{MAX_ITEMS, position};

/// Upper limit of the size of values and labels, 2³² = 4.29e9; the sums of squares of larger ones
/// could overflow.
pub const VALUE_LIMIT: f32 = (1u64 << 32) as f32;

/// Upper limit of variances.
const VARIANCE_LIMIT: f32 = VALUE_LIMIT * VALUE_LIMIT;

/// One image: the prediction of one target and its labels, all row by row from the top left.
///
/// A prediction for a whole image has height and width 1. Values are in the unit of the target,
/// variances in its square. Items without a label are not read.
#[derive(Debug, Clone, Copy)]
pub struct ValueInput<'a> {
    /// Unique name of the image; the bootstrap draws by it.
    pub id: &'a str,
    /// Number of rows.
    pub height: usize,
    /// Number of columns.
    pub width: usize,
    /// True value of each item; NaN if it has no label.
    pub labels: &'a [f32],
    /// Mean of the value over the samples.
    pub value: &'a [f32],
    /// Variance of the value over the samples.
    pub epistemic_variance: &'a [f32],
    /// Mean over the samples of the variance that the network predicts, if the specification
    /// includes it.
    pub aleatoric_variance: Option<&'a [f32]>,
    /// The pass without dropout, if the specification includes it.
    pub deterministic: Option<DeterministicValues<'a>>,
    /// Intervals that should contain the label, if the specification includes them.
    pub interval: Option<ValueInterval<'a>>,
}

/// Result of the pass without dropout.
#[derive(Debug, Clone, Copy)]
pub struct DeterministicValues<'a> {
    /// Value of each item.
    pub value: &'a [f32],
    /// Variance that the network predicts, if the specification includes it.
    pub variance: Option<&'a [f32]>,
}

/// Interval of each item; both ends belong to it.
#[derive(Debug, Clone, Copy)]
pub struct ValueInterval<'a> {
    /// Lower end.
    pub low: &'a [f32],
    /// Upper end.
    pub high: &'a [f32],
}

/// An array of the input.
struct Field<'a> {
    name: &'static str,
    values: Option<&'a [f32]>,
    is_expected: bool,
    /// Smallest and largest valid value; NaN is never valid.
    range: (f32, f32),
}

impl<'a> ValueInput<'a> {
    /// Returns the number of items.
    fn n_items(&self) -> usize {
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

    /// Returns all arrays but the labels.
    fn fields(&self, spec: &ValueEvaluationSpec) -> [Field<'a>; 7] {
        let values = (-VALUE_LIMIT, VALUE_LIMIT);
        let variances = (0.0, VARIANCE_LIMIT);
        let field =
            |name, values, is_expected, range| Field { name, values, is_expected, range };
        let (pass, interval) = (self.deterministic, self.interval);
        let has_interval = spec.interval_level().is_some();
        [
            field("value", Some(self.value), true, values),
            field("epistemic variance", Some(self.epistemic_variance), true, variances),
            field(
                "aleatoric variance",
                self.aleatoric_variance,
                spec.has_aleatoric_variance(),
                variances,
            ),
            field(
                "value without dropout",
                pass.map(|pass| pass.value),
                spec.has_deterministic(),
                values,
            ),
            field(
                "variance without dropout",
                pass.and_then(|pass| pass.variance),
                spec.has_deterministic_variance(),
                variances,
            ),
            field(
                "lower end of the interval",
                interval.map(|interval| interval.low),
                has_interval,
                values,
            ),
            field(
                "upper end of the interval",
                interval.map(|interval| interval.high),
                has_interval,
                values,
            ),
        ]
    }

    /// Checks sizes and ranges; returns the indices of the labeled items.
    pub(super) fn check(&self, spec: &ValueEvaluationSpec) -> Result<Vec<usize>> {
        let n = self.n_items();
        if n == 0 || n > MAX_ITEMS {
            let message = format!("{} x {} items", self.width, self.height);
            return Err(self.error(message, "an image has 1 to 2^25 items"));
        }
        self.check_length("label", self.labels)?;
        let fields = self.fields(spec);
        for field in &fields {
            match field.values {
                Some(values) => self.check_length(field.name, values)?,
                None if field.is_expected => {
                    let hint = "give it for all images, or for none";
                    return Err(self.error(format!("has no {}", field.name), hint));
                }
                None => {}
            }
        }
        let labeled: Vec<usize> = (0..n).filter(|&i| !self.labels[i].is_nan()).collect();
        self.check_range("label", self.labels, (-VALUE_LIMIT, VALUE_LIMIT), &labeled)?;
        for field in fields.iter().filter(|field| field.is_expected) {
            if let Some(values) = field.values {
                self.check_range(field.name, values, field.range, &labeled)?;
            }
        }
        Ok(labeled)
    }

    fn check_length(&self, name: &str, values: &[f32]) -> Result<()> {
        let (found, expected) = (values.len(), self.n_items());
        if found == expected {
            return Ok(());
        }
        let message = format!("{name}: expected {expected} values, found {found}");
        Err(self.error(message, "labels and maps must have the size of the prediction"))
    }

    fn check_range(
        &self,
        name: &str,
        values: &[f32],
        (least, most): (f32, f32),
        labeled: &[usize],
    ) -> Result<()> {
        let is_invalid = |&&item: &&usize| !(least..=most).contains(&values[item]);
        let Some(&item) = labeled.iter().find(is_invalid) else { return Ok(()) };
        let position = self.position(item);
        let value = values[item];
        let expected =
            if least < 0.0 { "a number from -2^32 to 2^32" } else { "0 to 2^64" };
        let message = format!("the {name} is {value}{position}: expected {expected}");
        let hint = if !value.is_finite() {
            "find out why the model or the label file contains infinity or NaN"
        } else if value.abs() > most {
            "use another unit, or leave the item out by a label of NaN"
        } else {
            "check which output of the model is meant"
        };
        Err(self.error(message, hint))
    }
}
