//! Metrics of labels of which any number holds: comparison of their probabilities with the truth.
//!
//! [`LABEL_METRICS`] is the table of all metrics. The structure is that of the metrics of classes:
//! each image is summarized on its own ([`LabelSummary`], on any thread) and added to a
//! [`LabelEvaluation`]. All sums are integers, so evaluations of parts of the images merge to that
//! of all images bit by bit, for any parts in any order. Intervals are computed by a Poisson
//! bootstrap over images. An undefined metric has no value; it is never 0 or NaN instead.
//!
//! An item is a pixel, or an image if labels are per image. Each pair of a label and an item is a
//! decision: the label holds if its probability is at least the label's threshold. Pairs whose
//! truth is unknown ([`UNKNOWN_LABEL`]) are left out.
//!
//! Metrics have a value for each label (`fog.auroc`), and two averages with the names that
//! scikit-learn has for them: `macro.auroc` is the mean over the labels for which the metric is
//! defined, `micro.auroc` is computed from all decisions together.
//!
//! Probabilities and scores are sorted into bins, 2048 per octave of the distance from 0 or, above
//! 1/2, from 1; each value has a bound on the error that the bins cause
//! ([`MetricValue::bin_error`](super::MetricValue::bin_error)).
//!
//! ```
//! use mcdrop::metric::{
//!     LabelEvaluation, LabelEvaluationSpec, LabelInput, LabelSpec, LabelSummary,
//!     MultiLabelInput,
//! };
//!
//! # fn main() -> mcdrop::Result<()> {
//! let labels = ["fog", "rain"].map(LabelSpec::new).to_vec();
//! let spec = LabelEvaluationSpec::new(labels, Vec::new(), 0)?;
//! let mut evaluation = LabelEvaluation::new(spec);
//! for (id, fog, rain) in [("a.png", 0.9, 0.2), ("b.png", 0.4, 0.6)] {
//!     let (has_fog, fog, rain) = ([u8::from(fog > 0.5)], [fog], [rain]);
//!     let label = |truth, probability| LabelInput {
//!         truth,
//!         probability,
//!         scores: &[],
//!         deterministic: None,
//!     };
//!     let labels = [label(&has_fog, &fog), label(&[0], &rain)];
//!     let input = MultiLabelInput { id, height: 1, width: 1, labels: &labels };
//!     evaluation.add(LabelSummary::new(&input, evaluation.spec())?)?;
//! }
//! let metrics = evaluation.metrics();
//! let value = |key: &str| metrics.iter().find(|m| m.key == key).and_then(|m| m.value);
//! assert_eq!(value("fog.auroc"), Some(1.0));
//! assert_eq!(value("rain.auroc"), None);
//! assert_eq!(value("micro.precision"), Some(0.5));
//! # Ok(())
//! # }
//! ```

mod formula;
mod input;
mod label_curves;
mod label_evaluation;
mod label_summary;
mod metric_values;
mod spec;
mod sums;
mod table;

#[cfg(test)]
mod tests;

pub use input::{LabelInput, MultiLabelInput, UNKNOWN_LABEL};
pub use label_evaluation::LabelEvaluation;
pub use label_summary::LabelSummary;
pub use spec::{
    LabelEvaluationSpec, LabelSpec, MACRO, MICRO, deterministic_label_scores,
};
pub use table::{LABEL_METRICS, LabelBreakdown, LabelMetric};
