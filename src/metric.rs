//! Metrics: comparison of predictions and their uncertainties with labels.
//!
//! [`METRICS`] is the table of the metrics of classes, [`VALUE_METRICS`] that of the metrics of
//! values, whose evaluation is a [`ValueEvaluation`], and [`LABEL_METRICS`] that of the metrics of
//! labels, whose evaluation is a [`LabelEvaluation`]. Keys, directions, descriptions and functions
//! come from their rows: a new metric from existing sums is a row and a function. The rest of this
//! page is about classes.
//!
//! Each image is summarized on its own ([`ImageSummary`], on any thread) and added to an
//! [`Evaluation`] of constant size. All sums are integers, so evaluations of parts of the images
//! merge to that of all images bit by bit, for any parts in any order. Scores are counted in fine
//! bins; each value has a bound on the error that the bins cause ([`MetricValue::bin_error`]),
//! which is zero if no bin contains two different scores. Intervals are computed by a Poisson
//! bootstrap over images.
//!
//! An item is a pixel for segmentation and an image for classification; items without a label
//! are left out. Items of all images are pooled, so a large image counts more than a small one.
//! Scores grow with uncertainty. An undefined metric (AUROC without errors) has no value; it is
//! never 0 or NaN instead.
//!
//! ```
//! use mcdrop::metric::{
//!     Evaluation, EvaluationOptions, EvaluationSpec, ImageInput, ImageSummary, ScoreSpec,
//! };
//! use mcdrop::task::Item;
//!
//! # fn main() -> mcdrop::Result<()> {
//! let classes = vec!["cat".to_owned(), "dog".to_owned()];
//! let scores = vec![ScoreSpec::new("least_confidence", 0.5)];
//! let options = EvaluationOptions::default();
//! let spec = EvaluationSpec::new(Item::Image, classes, scores, options)?;
//! let mut evaluation = Evaluation::new(spec);
//! for (id, probabilities, label) in [("a.png", [0.9, 0.1], 0), ("b.png", [0.6, 0.4], 1)] {
//!     let least_confidence = [1.0 - probabilities[0]];
//!     let input = ImageInput {
//!         id,
//!         height: 1,
//!         width: 1,
//!         probabilities: &probabilities,
//!         labels: &[label],
//!         scores: &[&least_confidence],
//!         deterministic: None,
//!         mask: None,
//!     };
//!     let summary = ImageSummary::new(&input, evaluation.spec())?;
//!     evaluation.add(summary)?;
//! }
//! let metrics = evaluation.metrics();
//! let value = |key: &str| metrics.iter().find(|m| m.key == key).and_then(|m| m.value);
//! assert_eq!(value("accuracy"), Some(0.5));
//! assert_eq!(value("misclassification.auroc.least_confidence"), Some(1.0));
//! # Ok(())
//! # }
//! ```

mod aggregation;
mod bootstrap;
mod computed_value;
mod curve;
mod evaluation;
mod formula;
mod histogram;
mod image_ranking;
mod image_summary;
mod input;
mod items;
mod label_metric;
mod metric_value;
mod sparse_bins;
mod spec;
mod sums;
mod table;
mod value_metric;
mod values;

#[cfg(test)]
mod tests;

pub use aggregation::{Aggregation, PredictedClasses};
pub use bootstrap::FEWEST_IMAGES;
pub use curve::Curve;
pub use evaluation::Evaluation;
pub use image_ranking::{ImageRanking, RankingVerdict, ScoreCandidate};
pub use image_summary::ImageSummary;
pub use input::{
    DeterministicPass, IGNORED, ImageInput, NO_MASK, check_labels, predicted_classes,
};
pub use items::LIKELIHOOD_FLOOR;
pub use label_metric::{
    LABEL_METRICS, LabelBreakdown, LabelEvaluation, LabelEvaluationSpec, LabelInput,
    LabelMetric, LabelSpec, LabelSummary, MACRO, MICRO, MultiLabelInput, UNKNOWN_LABEL,
    deterministic_label_scores,
};
pub use metric_value::MetricValue;
pub(crate) use spec::DETERMINISTIC_THRESHOLD;
pub use spec::{
    DETERMINISTIC, EvaluationOptions, EvaluationSpec, ScoreSpec, deterministic_scores,
};
pub use table::{Breakdown, Direction, Headline, METRICS, Metric, Requires};
pub use value_metric::{
    DeterministicValues, ErrorDistribution, ImageErrors, STD_FLOOR, StdSource,
    VALUE_LIMIT, VALUE_METRICS, ValueBreakdown, ValueDirection, ValueEvaluation,
    ValueEvaluationOptions, ValueEvaluationSpec, ValueInput, ValueInterval, ValueMetric,
    ValueRequires, ValueSummary, ValueUnit,
};
