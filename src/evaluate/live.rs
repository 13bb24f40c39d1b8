//! Images that are evaluated while they are predicted, and not kept.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::folder::{PredictionArrays, PredictionFolder};
use super::stream::{EvaluationResult, Evaluator, GroundTruth, spec, summarize};
use crate::error::{Error, Result};
use crate::metric::{DeterministicPass, EvaluationSpec};
use crate::pipeline::{Observed, Observer};
use crate::record::RunRecord;

/// Opens labels for a run, once it is known what it predicts.
type OpenGroundTruth<'a> = dyn Fn(&PredictionFolder) -> Result<GroundTruth> + Sync + 'a;

/// Counts predictions as they are made.
///
/// The numbers are those of [`evaluate`](super::evaluate) with probabilities kept in f32.
pub struct StreamingEvaluation<'a> {
    path: PathBuf,
    open_truth: &'a OpenGroundTruth<'a>,
    tell: &'a (dyn Fn(&super::EvaluationEvent<'_>) + Sync),
    begun: OnceLock<Begun>,
}

struct Begun {
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
    /// For a run into a folder; `tell` hears of images without a usable label.
    pub fn new(
        path: &Path,
        open_truth: &'a OpenGroundTruth<'a>,
        tell: &'a (dyn Fn(&super::EvaluationEvent<'_>) + Sync),
    ) -> Self {
        Self { path: path.to_owned(), open_truth, tell, begun: OnceLock::new() }
    }

    /// What was counted, once the run is over, and its folder.
    ///
    /// # Errors
    /// If no image has labels.
    pub fn finish(self, n_failed: usize) -> Result<(PredictionFolder, EvaluationResult)> {
        let Some(begun) = self.begun.into_inner() else {
            return Err(Error::runtime("evaluating", "the run did not begin"));
        };
        let evaluator =
            begun.evaluator.into_inner().unwrap_or_else(PoisonError::into_inner);
        let mut folder = begun.folder;
        folder.n_failed = n_failed;
        let result = evaluator.finish()?;
        Ok((folder, result))
    }
}

impl Observer for StreamingEvaluation<'_> {
    fn begin(&self, record: &RunRecord) -> Result<()> {
        let folder = PredictionFolder::of_record(&self.path, record.clone())?;
        let truth = (self.open_truth)(&folder)?;
        let spec = spec(&folder, &truth)?;
        let evaluator = Mutex::new(Evaluator::new(spec.clone()));
        self.begun
            .set(Begun { folder, truth, spec, evaluator })
            .map_err(|_| Error::runtime("evaluating", "the run began twice"))
    }

    fn image(&self, image: &Observed<'_>) {
        let Some(begun) = self.begun.get() else { return };
        let prediction = PredictionArrays {
            size: image.size,
            probabilities: &image.probabilities,
            deterministic: DeterministicPass {
                classes: &image.deterministic.0,
                probabilities: &image.deterministic.1,
            },
            measures: image.measures.clone(),
        };
        let found = summarize(&prediction, &begun.truth, image.id, &begun.spec);
        let mut evaluator =
            begun.evaluator.lock().unwrap_or_else(PoisonError::into_inner);
        evaluator.add(image.id, found, &mut |event| (self.tell)(&event));
    }
}
