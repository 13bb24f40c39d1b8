//! Evaluation of a prediction folder, or of a run, against labels: metrics and curves.
//!
//! Several threads read and summarize images and one thread adds them up, in the order in which
//! they arrive, which does not change the sums ([`metric`](crate::metric)). Of an image only its
//! contribution to the sums is kept.

mod curves;
mod evaluator;
mod label_curves;
mod labels;
mod metrics_json;
mod multilabel;
mod prediction_folder;
mod saved_curves;
mod streaming;
mod value_curves;
mod value_policy;
mod values;

pub(crate) use evaluator::for_each_image;
pub use evaluator::{EvaluationEvent, EvaluationResult, GroundTruth, evaluate};
pub use labels::{
    IdOptions, ImageLabels, LabelMaps, LabelOptions, LabelRename, LabelSource,
    LabelTable, LabelTruth, LabelValues, LeftOut, LeftOutReason, MultiLabelOptions,
    MultiLabelSource, ValueLabelOptions, ValueLabels,
};
pub use metrics_json::{labels_of, write, write_labels, write_values};
pub use multilabel::{LabelEvaluationResult, evaluate_labels};
pub use prediction_folder::{
    KeptArrays, PredictedImage, PredictionArrays, PredictionFolder,
};
pub use saved_curves::{SavedFigure, read_curves};
pub use streaming::{StreamedResult, StreamingEvaluation};
pub(crate) use value_policy::score_of_values;
pub use value_policy::{DecisionCounts, EvaluatedPolicy};
pub use values::{TargetResult, ValueEvaluationResult, evaluate_values};
pub(crate) use values::{nothing_counts, require_value_arrays};
