//! Metrics of values: comparison of predicted numbers and their standard deviations with labels.
//!
//! [`VALUE_METRICS`] is the table of all metrics. The structure is that of the metrics of classes:
//! each image is summarized on its own ([`ValueSummary`], on any thread) and added to a
//! [`ValueEvaluation`]. All sums are integers, so evaluations of parts of the images merge to that
//! of all images bit by bit, for any parts in any order. Intervals are computed by a Poisson
//! bootstrap over images. An undefined metric has no value; it is never 0 or NaN instead.
//!
//! An evaluation has one target; several targets have several evaluations.
//!
//! An item is a pixel, or an image if there is one value per image; items whose label is NaN are
//! left out. Items of all images are pooled, so a large image counts more than a small one, except
//! in the metrics named after Poggi, which are means over images.
//!
//! Metrics that do not depend on an order of the items are exact up to the rounding of single
//! terms, and so are the means over images. The other ones sort items into bins, 1024 per octave
//! of a standard deviation or an error (32 per octave for the rank correlation), and have a bound
//! on the error that this causes ([`MetricValue::bin_error`](super::MetricValue::bin_error)).
//!
//! ```
//! use mcdrop::metric::{
//!     ValueEvaluation, ValueEvaluationOptions, ValueEvaluationSpec, ValueInput, ValueSummary,
//! };
//!
//! # fn main() -> mcdrop::Result<()> {
//! let spec = ValueEvaluationSpec::new("depth", ValueEvaluationOptions::default())?;
//! let mut evaluation = ValueEvaluation::new(spec);
//! for (id, value, variance, label) in [("a.png", 2.0, 0.01, 2.5), ("b.png", 4.0, 4.0, 1.0)] {
//!     let input = ValueInput {
//!         id,
//!         height: 1,
//!         width: 1,
//!         labels: &[label],
//!         value: &[value],
//!         epistemic_variance: &[variance],
//!         aleatoric_variance: None,
//!         deterministic: None,
//!         interval: None,
//!     };
//!     evaluation.add(ValueSummary::new(&input, evaluation.spec())?)?;
//! }
//! let metrics = evaluation.metrics();
//! let value = |key: &str| metrics.iter().find(|m| m.key == key).and_then(|m| m.value);
//! assert_eq!(value("mae"), Some(1.75));
//! assert_eq!(value("spearman.total_std"), Some(1.0));
//! # Ok(())
//! # }
//! ```

mod distribution;
mod exact_sum;
mod formula;
mod image_curves;
mod input;
mod log_bins;
mod metric_values;
mod spec;
mod sums;
mod table;
mod value_curves;
mod value_evaluation;
mod value_summary;

#[cfg(test)]
mod tests;

pub use distribution::ErrorDistribution;
pub use input::{DeterministicValues, VALUE_LIMIT, ValueInput, ValueInterval};
pub use spec::{STD_FLOOR, StdSource, ValueEvaluationOptions, ValueEvaluationSpec};
pub use table::{
    VALUE_METRICS, ValueBreakdown, ValueDirection, ValueMetric, ValueRequires, ValueUnit,
};
pub use value_evaluation::{ImageErrors, ValueEvaluation};
pub use value_summary::ValueSummary;
