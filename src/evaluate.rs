//! A prediction folder against labels: every item counted, metrics and curves written.
//!
//! Images are read and summarized on several threads and added up on one, in whatever order they
//! come, which does not change the sums ([`metric`](crate::metric)). Little is kept of an image
//! but its part of them.

mod curves;
mod folder;
mod labels;
mod live;
mod report;
mod stream;

pub use curves::{Figure, read as read_curves};
pub use folder::{KeptArrays, PredictionArrays, PredictionFolder};
pub use labels::{ImageLabels, LabelRename, LabelSource};
pub use live::StreamingEvaluation;
pub use report::{labels_of, write};
pub(crate) use stream::each;
pub use stream::{EvaluationEvent, EvaluationResult, GroundTruth, OodMasks, evaluate};
