//! Evaluation of labels of which any number holds.

use super::evaluator::{EvaluationEvent, UncountedImages, for_each_image, none_compared};
use super::labels::{LabelTruth, LeftOut, MultiLabelSource};
use super::prediction_folder::{PredictedImage, PredictionFolder};
use crate::error::{Error, Result};
use crate::measure::LABEL_PROBABILITY;
use crate::metric::{
    EvaluationOptions, LabelEvaluation, LabelEvaluationSpec, LabelInput, LabelSpec,
    LabelSummary, MACRO, MICRO, MetricValue, MultiLabelInput, ScoreSpec,
};
use crate::pipeline::LabelArrays;
use crate::task::Target;

/// Results of an evaluation of labels.
#[derive(Debug)]
pub struct LabelEvaluationResult {
    /// Sums over all images.
    pub evaluation: LabelEvaluation,
    /// Every metric that the images allow.
    pub metrics: Vec<MetricValue>,
    /// Number of images without a truth.
    pub missing: usize,
    /// Number of images whose truth or prediction cannot be used.
    pub failed: usize,
    /// For each label, the items of the evaluated images whose truth is unknown.
    pub left_out: Vec<LeftOut>,
}

impl LabelEvaluationResult {
    /// Returns the value of the metric with this key, if it is defined.
    pub fn value(&self, key: &str) -> Option<f64> {
        self.metrics.iter().find(|metric| metric.key == key)?.value
    }
}

/// Summary of an image, or the reason why there is none.
pub(super) enum LabelOutcome {
    Done { summary: LabelSummary, left_out: Vec<LeftOut> },
    Missing(String),
}

/// Adds up the summaries of images.
pub(super) struct LabelEvaluator {
    evaluation: LabelEvaluation,
    left_out: Vec<LeftOut>,
    uncounted: UncountedImages,
}

impl LabelEvaluator {
    pub(super) fn new(spec: LabelEvaluationSpec) -> Self {
        Self {
            left_out: vec![LeftOut::default(); spec.labels().len()],
            evaluation: LabelEvaluation::new(spec),
            uncounted: UncountedImages::default(),
        }
    }

    pub(super) fn add(
        &mut self,
        id: &str,
        outcome: Result<LabelOutcome>,
        on_event: &mut dyn FnMut(EvaluationEvent<'_>),
    ) {
        let added = outcome.and_then(|outcome| match outcome {
            LabelOutcome::Missing(wanted) => Ok(Some(wanted)),
            LabelOutcome::Done { summary, left_out } => {
                self.evaluation.add(summary)?;
                for (all, of_image) in self.left_out.iter_mut().zip(&left_out) {
                    all.add(of_image);
                }
                Ok(None)
            }
        });
        self.uncounted.add(id, added, on_event);
    }

    /// Computes the metrics.
    ///
    /// # Errors
    /// Fails if no image was added, or no truth is known.
    pub(super) fn finish(self) -> Result<LabelEvaluationResult> {
        let Self { evaluation, left_out, uncounted } = self;
        let UncountedImages { missing, failed } = uncounted;
        if evaluation.n_images() == 0 {
            return Err(none_compared(missing, failed));
        }
        if evaluation.n_items().iter().all(|n| *n == 0) {
            return Err(Error::setting(
                "labels",
                "every label of every image is unknown",
            )
            .with_hint("give 1 or 0 for labels that are known"));
        }
        let metrics = evaluation.metrics();
        Ok(LabelEvaluationResult { evaluation, metrics, missing, failed, left_out })
    }
}

/// Evaluates the labels of all images of a folder whose truth is known; `on_event` receives an event
/// for each image, in no particular order. A label holds from its threshold on: 0.5, or that of
/// `thresholds`.
///
/// # Errors
/// Fails if the folder predicts no labels, or no truth is known.
pub fn evaluate_labels(
    folder: &PredictionFolder,
    source: &MultiLabelSource,
    thresholds: Option<&[f32]>,
    threads: usize,
    on_event: &mut dyn FnMut(EvaluationEvent<'_>),
) -> Result<LabelEvaluationResult> {
    let spec = label_spec(folder, thresholds)?;
    let mut evaluator = LabelEvaluator::new(spec.clone());
    for_each_image(
        folder,
        threads,
        &|id| {
            let kept = folder.kept_labels(id)?;
            let size = kept.first().map_or((1, 1), |label| label.size);
            summarize_labels(&kept, source, &folder.predicted_image(id, size), &spec)
        },
        &mut |id, outcome| evaluator.add(id, outcome, on_event),
    );
    evaluator.finish()
}

/// Returns the specification of the evaluation of a folder.
pub(super) fn label_spec(
    folder: &PredictionFolder,
    thresholds: Option<&[f32]>,
) -> Result<LabelEvaluationSpec> {
    folder.require(Target::Labels)?;
    if !folder.measures.iter().any(|measure| measure.name == LABEL_PROBABILITY.name) {
        let message = format!("{} was not kept", LABEL_PROBABILITY.name);
        return Err(Error::setting("measures", message)
            .with_hint("predict again, with all measures"));
    }
    let labels = folder.label_names().into_iter().enumerate().map(|(index, name)| {
        let is_average = [MACRO, MICRO].contains(&name.as_str());
        let name = if is_average { format!("{name}_{index}") } else { name };
        let label = LabelSpec::new(name);
        let threshold = thresholds.and_then(|thresholds| thresholds.get(index));
        LabelSpec { threshold: threshold.copied().unwrap_or(label.threshold), ..label }
    });
    let scores = folder.label_scores().map(|measure| {
        ScoreSpec::new(measure.name, measure.upper_bound(folder.n_classes))
    });
    let replicates = EvaluationOptions::default().replicates;
    let spec = LabelEvaluationSpec::new(labels.collect(), scores.collect(), replicates)?;
    Ok(spec.with_deterministic())
}

/// Summarizes the labels of an image.
pub(super) fn summarize_labels(
    arrays: &[LabelArrays],
    source: &MultiLabelSource,
    image: &PredictedImage<'_>,
    spec: &LabelEvaluationSpec,
) -> Result<LabelOutcome> {
    let (truth, left_out) = match source.truth(image)? {
        LabelTruth::Missing(wanted) => return Ok(LabelOutcome::Missing(wanted)),
        LabelTruth::Known { labels, left_out } => (labels, left_out),
    };
    let scores: Vec<Vec<&[f32]>> = arrays
        .iter()
        .map(|label| label.scores.iter().map(Vec::as_slice).collect())
        .collect();
    let labels: Vec<LabelInput> = arrays
        .iter()
        .zip(&scores)
        .zip(&truth)
        .map(|((label, scores), truth)| LabelInput {
            truth,
            probability: &label.probability,
            scores,
            deterministic: Some(&label.deterministic_probability),
        })
        .collect();
    let (height, width) = image.size;
    let input = MultiLabelInput { id: image.id, height, width, labels: &labels };
    Ok(LabelOutcome::Done { summary: LabelSummary::new(&input, spec)?, left_out })
}
