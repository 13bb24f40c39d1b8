//! Evaluation of images while they are predicted, without keeping their arrays.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::evaluator::{
    EvaluationEvent, EvaluationResult, Evaluator, GroundTruth, evaluation_spec, summarize,
};
use super::labels::{MultiLabelSource, ValueLabels};
use super::multilabel::{
    LabelEvaluationResult, LabelEvaluator, label_spec, summarize_labels,
};
use super::prediction_folder::{PredictedImage, PredictionArrays, PredictionFolder};
use super::values::{
    TargetResult, ValueEvaluationResult, ValueEvaluator, ValuePlan, summarize_values,
};
use crate::error::{Error, Result};
use crate::metric::{EvaluationSpec, LabelEvaluationSpec, ValueEvaluationOptions};
use crate::pipeline::{Observed, Observer};
use crate::record::RunRecord;
use crate::task::Target;

/// Opens the labels of a run, whose task and classes are then known.
type OpenGroundTruth<'a> = dyn Fn(&PredictionFolder) -> Result<GroundTruth> + Sync + 'a;

/// Opens the labels of a run that predicts values, with the options of their evaluation.
type OpenValueLabels<'a> = dyn Fn(&PredictionFolder) -> Result<(Arc<ValueLabels>, ValueEvaluationOptions)>
    + Sync
    + 'a;

/// Opens the truth of the labels of a run, with their thresholds; 0.5 if there are none.
type OpenMultiLabels<'a> = dyn Fn(&PredictionFolder) -> Result<(Arc<MultiLabelSource>, Option<Vec<f32>>)>
    + Sync
    + 'a;

/// Receives events, from several threads.
type OnEvent<'a> = dyn Fn(&EvaluationEvent<'_>) + Sync + 'a;

/// Evaluates the predictions of a run as they are computed.
///
/// The results equal those of [`evaluate`](super::evaluate()) with probabilities kept in f32, and
/// those of [`evaluate_labels`](super::evaluate_labels) and
/// [`evaluate_values`](super::evaluate_values).
pub struct StreamingEvaluation<'a> {
    path: PathBuf,
    open_truth: &'a OpenGroundTruth<'a>,
    open_labels: Option<&'a OpenMultiLabels<'a>>,
    open_values: Option<&'a OpenValueLabels<'a>>,
    on_event: &'a OnEvent<'a>,
    started: OnceLock<StartedEvaluation>,
}

/// Results of a [`StreamingEvaluation`].
#[derive(Debug)]
pub enum StreamedResult {
    /// The run predicted classes.
    Classes(Box<EvaluationResult>),
    /// The run predicted labels of which any number holds.
    Labels(Box<LabelEvaluationResult>),
    /// The run predicted values.
    Values(ValueEvaluationResult),
}

impl StreamedResult {
    /// Returns the value of the metric with this key: of several targets, the mean over them. `None` if
    /// it is not defined.
    pub fn mean_value(&self, key: &str) -> Option<f64> {
        match self {
            Self::Classes(result) => result.value(key),
            Self::Labels(result) => result.value(key),
            Self::Values(result) => {
                let of_target = |target: &TargetResult| {
                    result.value(&format!("{}{key}", target.prefix))
                };
                let values: Option<Vec<f64>> =
                    result.targets.iter().map(of_target).collect();
                let values = values?;
                Some(values.iter().sum::<f64>() / values.len() as f64)
            }
        }
    }

    /// Returns the number of images that are left out: they have no label, or cannot be used.
    pub fn left_out(&self) -> usize {
        match self {
            Self::Classes(result) => result.missing + result.failed,
            Self::Labels(result) => result.missing + result.failed,
            Self::Values(result) => result.missing + result.failed,
        }
    }
}

struct StartedEvaluation {
    folder: PredictionFolder,
    sums: StartedSums,
}

enum StartedSums {
    Classes {
        truth: GroundTruth,
        spec: EvaluationSpec,
        evaluator: Box<Mutex<Evaluator>>,
    },
    Labels {
        source: Arc<MultiLabelSource>,
        spec: LabelEvaluationSpec,
        evaluator: Box<Mutex<LabelEvaluator>>,
    },
    Values {
        labels: Arc<ValueLabels>,
        plan: ValuePlan<'static>,
        evaluator: Mutex<ValueEvaluator>,
    },
}

impl fmt::Debug for StreamingEvaluation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamingEvaluation")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl<'a> StreamingEvaluation<'a> {
    /// Creates the evaluation of a run that writes to `path` and predicts classes.
    pub fn new(
        path: &Path,
        open_truth: &'a OpenGroundTruth<'a>,
        on_event: &'a OnEvent<'a>,
    ) -> Self {
        Self {
            path: path.to_owned(),
            open_truth,
            open_labels: None,
            open_values: None,
            on_event,
            started: OnceLock::new(),
        }
    }

    /// Also accepts a run that predicts labels of which any number holds.
    #[must_use]
    pub fn with_labels(mut self, open_labels: &'a OpenMultiLabels<'a>) -> Self {
        self.open_labels = Some(open_labels);
        self
    }

    /// Also accepts a run that predicts values.
    #[must_use]
    pub fn with_values(mut self, open_values: &'a OpenValueLabels<'a>) -> Self {
        self.open_values = Some(open_values);
        self
    }

    /// Returns the folder and the results after the run; `n_failed` images could not be predicted.
    ///
    /// # Errors
    /// Fails if no image has labels.
    pub fn finish(self, n_failed: usize) -> Result<(PredictionFolder, StreamedResult)> {
        let Some(StartedEvaluation { mut folder, sums }) = self.started.into_inner()
        else {
            return Err(Error::runtime("evaluating", "the run did not start"));
        };
        folder.n_failed = n_failed;
        let result = match sums {
            StartedSums::Classes { evaluator, .. } => {
                let evaluator =
                    (*evaluator).into_inner().unwrap_or_else(PoisonError::into_inner);
                StreamedResult::Classes(Box::new(evaluator.finish()?))
            }
            StartedSums::Labels { evaluator, .. } => {
                let evaluator =
                    (*evaluator).into_inner().unwrap_or_else(PoisonError::into_inner);
                StreamedResult::Labels(Box::new(evaluator.finish()?))
            }
            StartedSums::Values { evaluator, .. } => {
                let evaluator =
                    evaluator.into_inner().unwrap_or_else(PoisonError::into_inner);
                StreamedResult::Values(evaluator.finish()?)
            }
        };
        Ok((folder, result))
    }

    fn sums(&self, folder: &PredictionFolder) -> Result<StartedSums> {
        if let (Target::Value, Some(open)) = (folder.task.target, self.open_values) {
            let (labels, options) = open(folder)?;
            let plan = ValuePlan::new(folder, &options, None)?;
            let evaluator = Mutex::new(ValueEvaluator::new(&plan));
            return Ok(StartedSums::Values { labels, plan, evaluator });
        }
        if let (Target::Labels, Some(open)) = (folder.task.target, self.open_labels) {
            let (source, thresholds) = open(folder)?;
            let spec = label_spec(folder, thresholds.as_deref())?;
            let evaluator = Box::new(Mutex::new(LabelEvaluator::new(spec.clone())));
            return Ok(StartedSums::Labels { source, spec, evaluator });
        }
        folder.require(Target::Class).map_err(|_| {
            let message = format!("{}: expected a task with classes", folder.task.name);
            Error::setting("task", message)
                .with_hint("use a model of a classification or segmentation")
        })?;
        let truth = (self.open_truth)(folder)?;
        let spec = evaluation_spec(folder, &truth)?;
        let evaluator = Box::new(Mutex::new(Evaluator::new(spec.clone())));
        Ok(StartedSums::Classes { truth, spec, evaluator })
    }
}

impl Observer for StreamingEvaluation<'_> {
    fn begin(&self, record: &RunRecord, ids: Vec<String>) -> Result<()> {
        let mut folder = PredictionFolder::of_record(&self.path, record.clone())?;
        folder.ids = ids;
        let sums = self.sums(&folder)?;
        self.started
            .set(StartedEvaluation { folder, sums })
            .map_err(|_| Error::runtime("evaluating", "the run started twice"))
    }

    fn image(&self, image: &Observed<'_>) {
        let Some(started) = self.started.get() else { return };
        let shown =
            PredictedImage { id: image.id, size: image.size, shape: Some(image.shape) };
        let mut on_event = |event: EvaluationEvent<'_>| (self.on_event)(&event);
        match &started.sums {
            StartedSums::Classes { truth, spec, evaluator } => {
                let prediction = PredictionArrays {
                    size: image.size,
                    probabilities: image.probabilities,
                    deterministic: image.deterministic,
                    measures: image.measures.clone(),
                };
                let summary = summarize(&prediction, truth, &shown, spec);
                lock(evaluator).add(image.id, summary, &mut on_event);
            }
            StartedSums::Labels { source, spec, evaluator } => {
                let summary = summarize_labels(&image.labels, source, &shown, spec);
                lock(evaluator).add(image.id, summary, &mut on_event);
            }
            StartedSums::Values { labels, plan, evaluator } => {
                let summary = summarize_values(&image.targets, labels, &shown, plan);
                lock(evaluator).add(image.id, summary, &mut on_event);
            }
        }
    }
}

fn lock<T>(sums: &Mutex<T>) -> MutexGuard<'_, T> {
    sums.lock().unwrap_or_else(PoisonError::into_inner)
}
