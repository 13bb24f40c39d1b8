//! Evaluation of a prediction folder, or of a run, against labels: metrics and curves.
//!
//! Several threads read and summarize images and one thread adds them up, in the order in which
//! they arrive, which does not change the sums ([`metric`](crate::metric)). Of an image only its
//! contribution to the sums is kept.

mod curves;
mod evaluator;
mod labels;
mod metrics_json;
mod prediction_folder;
mod streaming;
mod value_curves;
mod value_policy;
mod values;

pub use curves::{FIGURES, Figure, FigureKind, read as read_curves};
pub(crate) use evaluator::for_each_image;
pub use evaluator::{EvaluationEvent, EvaluationResult, GroundTruth, evaluate};
pub use labels::{
    IdOptions, ImageLabels, LabelMaps, LabelOptions, LabelRename, LabelSource,
    LabelTable, LabelValues, LeftOut, LeftOutReason, ValueLabelOptions, ValueLabels,
};
pub use metrics_json::{labels_of, write, write_values};
pub use prediction_folder::{
    KeptArrays, PredictedImage, PredictionArrays, PredictionFolder,
};
pub use streaming::{StreamedResult, StreamingEvaluation};
pub(crate) use value_policy::score_of_values;
pub use value_policy::{DecisionCounts, EvaluatedPolicy};
pub use values::{TargetResult, ValueEvaluationResult, evaluate_values};
pub(crate) use values::{nothing_counts, require_value_arrays};
