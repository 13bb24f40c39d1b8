//! Metrics: what the labels say about predictions and their uncertainties.
//!
//! [`METRICS`] is the one table of them. Keys, directions, sentences for the reader and the
//! functions all come from it: a new metric is a line in the table and a function.
//!
//! Images are summarized one by one ([`ImageSummary`], on any thread) and added to an
//! [`Evaluation`] of constant size. All sums are integers, so evaluations of parts of the images
//! merge to that of all of them to the last bit, whatever the parts and their order. Scores are
//! counted in fine bins; every value comes with a bound on what the bins can have moved it
//! ([`MetricValue::bin_error`]), which is zero where no bin holds two different scores. Intervals are
//! by a Poisson bootstrap over images.
//!
//! An item is a pixel for segmentation and an image for classification; items without a label
//! are left out. Items of all images are pooled, so a large image counts more than a small one.
//! Scores grow with uncertainty. A metric that is not defined (AUROC without errors) has no value;
//! it is never 0 or NaN instead.
//!
//! ```
//! use mcdrop::metric::{Evaluation, ImageInput, ImageSummary, EvaluationSpec, EvaluationOptions, Score};
//! use mcdrop::task::Item;
//!
//! # fn main() -> mcdrop::Result<()> {
//! let classes = vec!["cat".to_owned(), "dog".to_owned()];
//! let scores = vec![Score::new("least_confidence", 0.5)];
//! let spec = EvaluationSpec::new(Item::Image, classes, scores, EvaluationOptions::default())?;
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

mod aggregate;
mod bins;
mod bootstrap;
mod calibration;
mod candidates;
mod correctness;
mod counter;
mod cumulative;
mod curve;
mod evaluation;
mod fixed;
mod group;
mod histogram;
mod image;
mod image_ranking;
mod input;
mod items;
mod metric_input;
mod patches;
mod pavpu;
mod ranking;
mod record;
mod selective;
mod sparsification;
mod spec;
mod sums;
mod table;
mod tally;
mod values;

#[cfg(test)]
mod tests;

pub use aggregate::{Aggregation, PredictedClasses};
pub use bootstrap::FEWEST_IMAGES;
pub use curve::Curve;
pub use evaluation::Evaluation;
pub use image::ImageSummary;
pub use image_ranking::{ImageRanking, RankingVerdict, ScoreCandidate};
pub use input::{DeterministicPass, IGNORED, ImageInput, NO_MASK};
pub use items::LIKELIHOOD_FLOOR;
pub use spec::{DETERMINISTIC, EvaluationOptions, EvaluationSpec, Score};
pub use table::{Breakdown, Direction, METRICS, Metric, Requires};
pub use values::MetricValue;
