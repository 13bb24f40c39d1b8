//! Evaluation of images while they are predicted, without keeping their arrays.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::evaluator::{
    EvaluationEvent, EvaluationResult, Evaluator, GroundTruth, evaluation_spec, summarize,
};
use super::prediction_folder::{PredictedImage, PredictionArrays, PredictionFolder};
use crate::error::{Error, Result};
use crate::metric::EvaluationSpec;
use crate::pipeline::{Observed, Observer};
use crate::record::RunRecord;
use crate::task::Target;

/// Opens the labels of a run, whose task and classes are then known.
type OpenGroundTruth<'a> = dyn Fn(&PredictionFolder) -> Result<GroundTruth> + Sync + 'a;

/// Receives events, from several threads.
type OnEvent<'a> = dyn Fn(&EvaluationEvent<'_>) + Sync + 'a;

/// Evaluates the predictions of a run as they are computed.
///
/// The results equal those of [`evaluate`](super::evaluate()) with probabilities kept in f32.
pub struct StreamingEvaluation<'a> {
    path: PathBuf,
    open_truth: &'a OpenGroundTruth<'a>,
    on_event: &'a OnEvent<'a>,
    started: OnceLock<StartedEvaluation>,
}

struct StartedEvaluation {
    folder: PredictionFolder,
    truth: GroundTruth,
    spec: EvaluationSpec,
    evaluator: Mutex<Evaluator>,
}

impl fmt::Debug for StreamingEvaluation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamingEvaluation")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl<'a> StreamingEvaluation<'a> {
    /// Creates the evaluation of a run that writes to `path`.
    pub fn new(
        path: &Path,
        open_truth: &'a OpenGroundTruth<'a>,
        on_event: &'a OnEvent<'a>,
    ) -> Self {
        Self { path: path.to_owned(), open_truth, on_event, started: OnceLock::new() }
    }

    /// Returns the folder and the results after the run; `n_failed` images could not be predicted.
    ///
    /// # Errors
    /// Fails if no image has labels.
    pub fn finish(self, n_failed: usize) -> Result<(PredictionFolder, EvaluationResult)> {
        let Some(started) = self.started.into_inner() else {
            return Err(Error::runtime("evaluating", "the run did not start"));
        };
        let evaluator =
            started.evaluator.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut folder = started.folder;
        folder.n_failed = n_failed;
        Ok((folder, evaluator.finish()?))
    }
}

impl Observer for StreamingEvaluation<'_> {
    fn begin(&self, record: &RunRecord, ids: Vec<String>) -> Result<()> {
        let mut folder = PredictionFolder::of_record(&self.path, record.clone())?;
        folder.require(Target::Class)?;
        folder.ids = ids;
        let truth = (self.open_truth)(&folder)?;
        let spec = evaluation_spec(&folder, &truth)?;
        let evaluator = Mutex::new(Evaluator::new(spec.clone()));
        self.started
            .set(StartedEvaluation { folder, truth, spec, evaluator })
            .map_err(|_| Error::runtime("evaluating", "the run started twice"))
    }

    fn image(&self, image: &Observed<'_>) {
        let Some(started) = self.started.get() else { return };
        let prediction = PredictionArrays {
            size: image.size,
            probabilities: image.probabilities,
            deterministic: image.deterministic,
            measures: image.measures.clone(),
        };
        let shown =
            PredictedImage { id: image.id, size: image.size, shape: Some(image.shape) };
        let summary = summarize(&prediction, &started.truth, &shown, &started.spec);
        let mut evaluator =
            started.evaluator.lock().unwrap_or_else(PoisonError::into_inner);
        evaluator.add(image.id, summary, &mut |event| (self.on_event)(&event));
    }
}
