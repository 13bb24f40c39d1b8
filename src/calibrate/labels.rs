//! Calibration of labels of which any number holds: thresholds of the labels, and of scores.

use super::ThresholdTarget;
use super::decisions::{BoundedRisk, DecisionOptions, too_few};
use super::label_thresholds::{F1Threshold, LabelCounts, TrueLabels};
use super::threshold::{self, ImageLoss, QuantileThreshold, RiskControl, RiskError};
use crate::error::{Error, Result};
use crate::evaluate::{
    EvaluationEvent, LabelTruth, LeftOut, MultiLabelSource, PredictionFolder,
    for_each_image,
};
use crate::metric::UNKNOWN_LABEL;
use crate::pipeline::LabelArrays;
use crate::policy::{
    ImageScore, LabelThreshold, LabelThresholdMethod, LabelThresholds, Policy,
    deterministic_score_of_labels, mean_over_labels, prediction_settings,
};
use crate::random::image_key;
use crate::task::Target;
use crate::tensor::Map;

/// Threshold of labels about which nothing is known.
const USUAL: f32 = 0.5;

/// Options of a calibration of labels.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelCalibrationOptions {
    /// Score that the thresholds of images are compared with.
    pub score: ImageScore,
    /// Target of the threshold for accepting images.
    pub target: Option<ThresholdTarget>,
    /// Confidence of [`ThresholdTarget::Risk`], in (0, 1).
    pub confidence: f64,
    /// Share of images like these that are not called out of distribution.
    pub ood_keep: Option<f64>,
    /// Share of an image's true labels that may be missed on average; `None` for the largest F1 of
    /// each label.
    pub alpha: Option<f64>,
    /// Number of threads.
    pub threads: usize,
}

impl LabelCalibrationOptions {
    /// Returns the options of the decisions about images.
    fn decisions(&self) -> DecisionOptions {
        let Self { score, target, ood_keep, confidence, .. } = *self;
        DecisionOptions { score, target, ood_keep, confidence }
    }
}

/// A policy about labels and the statistics behind it.
#[derive(Debug)]
pub struct LabelCalibration {
    /// The policy.
    pub policy: Policy,
    /// Number of images used.
    pub images: usize,
    /// Number of decisions whose truth is known.
    pub decisions: u64,
    /// Threshold that accepts a share of images.
    pub coverage: Option<QuantileThreshold>,
    /// Threshold that bounds the risk, with the number of images on which it was found: the other
    /// half of the images is used for the thresholds of labels.
    pub risk_control: Option<(RiskControl, usize)>,
    /// For each label, the thresholds of the largest F1; `None` for labels that hold for none or for
    /// all of the items. Empty with risk control.
    pub f1: Vec<Option<F1Threshold>>,
    /// Number of images without a truth.
    pub missing: usize,
    /// Number of images that cannot be used.
    pub failed: usize,
    /// For each label, the items whose truth is unknown.
    pub left_out: Vec<LeftOut>,
}

/// Values of an image, and the counts of each of its labels; none without a truth.
type CountedImage = (ScoredLabels, Vec<LabelCounts>);

/// Values of an image that the first pass keeps.
struct ScoredLabels {
    id: String,
    key: u64,
    score: f32,
    /// Number of decisions whose truth is known.
    n_known: u64,
    left_out: Vec<LeftOut>,
}

impl ScoredLabels {
    /// Returns true if the image belongs to the half for thresholds of labels, if there are halves.
    /// The bit is independent of scores and labels.
    fn is_in_first_half(&self) -> bool {
        self.key & 1 == 0
    }
}

/// Result of the first pass.
struct ScoredImages {
    images: Vec<ScoredLabels>,
    /// Counts of each label in the images for its threshold.
    counts: Vec<LabelCounts>,
    true_labels: TrueLabels,
    /// Number of these images.
    n_counted: usize,
}

/// Creates a policy from the labeled images of a folder; without labels, from all images.
///
/// With labels, thresholds of the labels are found. If the risk is bounded as well, each half of the
/// images is used for one of both, because decisions by thresholds that were found on the same
/// images would look better than they are.
///
/// # Errors
/// Fails if required labels are missing, there are too few images for a guarantee, no threshold
/// meets it, or a score was not kept.
pub fn calibrate_labels(
    folder: &PredictionFolder,
    source: Option<&MultiLabelSource>,
    options: &LabelCalibrationOptions,
    on_event: &mut dyn FnMut(EvaluationEvent<'_>),
) -> Result<LabelCalibration> {
    folder.require(Target::Labels)?;
    let score = score_index(folder, &options.score)?;
    let run = LabelCalibrationRun { folder, source, options, score };
    let mut calibration = LabelCalibration {
        policy: Policy::new(prediction_settings(&folder.record)),
        images: 0,
        decisions: 0,
        coverage: None,
        risk_control: None,
        f1: Vec::new(),
        missing: 0,
        failed: 0,
        left_out: vec![LeftOut::default(); folder.n_classes],
    };
    let scored = run.score_images(&mut calibration, on_event)?;
    calibration.images = scored.images.len();
    calibration.decisions = scored.images.iter().map(|image| image.n_known).sum();
    for image in &scored.images {
        for (all, of_image) in calibration.left_out.iter_mut().zip(&image.left_out) {
            all.add(of_image);
        }
    }
    if source.is_some() {
        run.find_label_thresholds(&scored, &mut calibration)?;
    }
    run.find_thresholds(&scored.images, &mut calibration)?;
    Ok(calibration)
}

/// Returns the index of a score among those of the folder; `None` for the pass without dropout.
fn score_index(folder: &PredictionFolder, score: &ImageScore) -> Result<Option<usize>> {
    let Some(measure) = score.measure else { return Ok(None) };
    let index = folder.label_scores().position(|kept| kept.name == measure.name);
    index.map(Some).ok_or_else(|| {
        let message = format!("{} was not kept in this folder", measure.name);
        Error::setting("measure", message)
            .with_hint("predict again with this measure among `measures`")
    })
}

struct LabelCalibrationRun<'a> {
    folder: &'a PredictionFolder,
    source: Option<&'a MultiLabelSource>,
    options: &'a LabelCalibrationOptions,
    /// Index of the measure of the score; `None` for the pass without dropout.
    score: Option<usize>,
}

impl LabelCalibrationRun<'_> {
    /// Reads and scores all images.
    fn score_images(
        &self,
        calibration: &mut LabelCalibration,
        on_event: &mut dyn FnMut(EvaluationEvent<'_>),
    ) -> Result<ScoredImages> {
        let (folder, threads) = (self.folder, self.options.threads);
        let is_split = matches!(self.options.target, Some(ThresholdTarget::Risk(_)));
        let mut scored = ScoredImages {
            images: Vec::new(),
            counts: vec![LabelCounts::default(); folder.n_classes],
            true_labels: TrueLabels::default(),
            n_counted: 0,
        };
        for_each_image(folder, threads, &|id| self.score_image(id), &mut |id, result| {
            match result {
                Ok(Ok((image, counts))) => {
                    let is_other = is_split && !image.is_in_first_half();
                    if image.n_known > 0 && !is_other {
                        scored.n_counted += 1;
                        scored.true_labels.add(&counts);
                        for (all, of_image) in scored.counts.iter_mut().zip(&counts) {
                            all.add(of_image);
                        }
                    }
                    scored.images.push(image);
                }
                Ok(Err(wanted)) => {
                    calibration.missing += 1;
                    on_event(EvaluationEvent::Missing { id, wanted: &wanted });
                }
                Err(error) => {
                    calibration.failed += 1;
                    on_event(EvaluationEvent::Failed { id, error: &error });
                }
            }
        });
        if scored.images.is_empty() {
            let message = format!("none of {} images can be used", self.folder.ids.len());
            return Err(Error::setting("out", message).with_hint(
                "if names of labels differ from those of images, set `match`",
            ));
        }
        // The order of keys is independent of scores and losses.
        scored.images.sort_unstable_by(|a, b| (a.key, &a.id).cmp(&(b.key, &b.id)));
        Ok(scored)
    }

    /// Returns the values of an image and the counts of its labels, or the reason why it has no
    /// truth.
    fn score_image(&self, id: &str) -> Result<Result<CountedImage, String>> {
        let arrays = self.folder.kept_labels(id)?;
        let mut image = ScoredLabels {
            id: id.to_owned(),
            key: image_key(id.as_bytes()),
            score: self.image_score(&arrays),
            n_known: 0,
            left_out: Vec::new(),
        };
        let (truth, left_out) = match self.truth(id, &arrays)? {
            None => return Ok(Ok((image, Vec::new()))),
            Some(LabelTruth::Missing(wanted)) => return Ok(Err(wanted)),
            Some(LabelTruth::Known { labels, left_out }) => (labels, left_out),
        };
        image.left_out = left_out;
        let mut all = Vec::with_capacity(arrays.len());
        for (label, truth) in arrays.iter().zip(&truth) {
            let mut counts = LabelCounts::default();
            let known = label.probability.iter().zip(truth);
            for (&p, &truth) in known.filter(|(_, truth)| **truth != UNKNOWN_LABEL) {
                image.n_known += 1;
                counts.put(p, truth == 1);
            }
            all.push(counts);
        }
        Ok(Ok((image, all)))
    }

    fn truth(&self, id: &str, arrays: &[LabelArrays]) -> Result<Option<LabelTruth>> {
        let size = arrays.first().map_or((1, 1), |label| label.size);
        let image = self.folder.predicted_image(id, size);
        self.source.map(|source| source.truth(&image)).transpose()
    }

    /// Returns the score of an image: that of the mean over its labels.
    fn image_score(&self, arrays: &[LabelArrays]) -> f32 {
        let values = match self.score {
            Some(index) => {
                mean_over_labels(arrays.iter().map(|label| &label.scores[index][..]))
            }
            None => deterministic_score_of_labels(
                arrays.iter().map(|label| &label.deterministic_probability[..]),
            ),
        };
        let (height, width) = arrays.first().map_or((1, 1), |label| label.size);
        self.options.score.value_of_map(&Map { height, width, values })
    }

    /// Finds the threshold of each label.
    fn find_label_thresholds(
        &self,
        scored: &ScoredImages,
        calibration: &mut LabelCalibration,
    ) -> Result<()> {
        let n = scored.n_counted;
        let has_truth = calibration.decisions > 0;
        if let (0, true, Some(ThresholdTarget::Risk(risk))) =
            (n, has_truth, self.options.target)
        {
            return Err(too_few("risk", risk, 2, scored.images.len()));
        }
        if n == 0 {
            return Err(Error::setting("labels", "no truth of a label is known")
                .with_hint("give 1 or 0 for labels that are known"));
        }
        let names = self.folder.label_names();
        let (method, promise, found) = if let Some(alpha) = self.options.alpha {
            let at_least = scored.true_labels.threshold(alpha);
            let at_least =
                at_least.map_err(|needed| too_few("alpha", alpha, needed, n))?;
            let promise = format!(
                "at most {alpha} of the true labels of an image are missed on average"
            );
            (LabelThresholdMethod::RiskControl, promise, vec![at_least; names.len()])
        } else {
            calibration.f1 =
                scored.counts.iter().map(LabelCounts::f1_threshold).collect();
            let found = calibration.f1.iter();
            let found = found.map(|found| found.map_or(USUAL, |one| one.at_least));
            let promise = "the largest F1 on these images; no guarantee".to_owned();
            (LabelThresholdMethod::F1, promise, found.collect())
        };
        let thresholds = names.into_iter().zip(found);
        calibration.policy.labels = Some(LabelThresholds {
            method,
            promise,
            alpha: self.options.alpha,
            images: n,
            thresholds: thresholds
                .map(|(label, at_least)| LabelThreshold { label, at_least })
                .collect(),
        });
        Ok(())
    }

    /// Finds the thresholds of the score.
    fn find_thresholds(
        &self,
        images: &[ScoredLabels],
        calibration: &mut LabelCalibration,
    ) -> Result<()> {
        let scores: Vec<f32> = images.iter().map(|image| image.score).collect();
        let labels = calibration.policy.labels.as_ref().map(LabelThresholds::values);
        let bound_risk = |risk: f64| self.bound_risk(images, labels.as_deref(), risk);
        let decisions = self.options.decisions();
        let found = decisions.find(&scores, &mut calibration.policy, bound_risk)?;
        calibration.coverage = found.coverage;
        calibration.risk_control = found.risk.map(|risk| (risk.control, risk.images));
        Ok(())
    }

    /// Bounds the share of wrong decisions on the half of the images that the thresholds of labels do
    /// not depend on.
    fn bound_risk(
        &self,
        images: &[ScoredLabels],
        thresholds: Option<&[f32]>,
        risk: f64,
    ) -> Result<BoundedRisk> {
        let Some(thresholds) = thresholds else {
            return Err(Error::setting("risk", "needs images with labels")
                .with_hint("set `labels`"));
        };
        let others =
            images.iter().filter(|image| image.n_known > 0 && !image.is_in_first_half());
        let mut losses = Vec::new();
        for image in others {
            let loss = self.loss(&image.id, thresholds)?;
            losses.push(ImageLoss { score: image.score, loss });
        }
        let confidence = self.options.confidence;
        let found = threshold::risk_threshold(&losses, risk, confidence);
        let control = found.map_err(|error| match error {
            RiskError::TooFew(fewest) => too_few_beside(risk, fewest, losses.len()),
            RiskError::TooMuch(_) => {
                self.options.decisions().risk_refusal(&error, risk, losses.len())
            }
        })?;
        let promise = format!(
            "at most {risk} of the decisions about labels is wrong in what is accepted, with \
             confidence {confidence}"
        );
        Ok(BoundedRisk { control, promise, images: losses.len() })
    }

    /// Returns the share of wrong decisions about an image whose truth is known.
    fn loss(&self, id: &str, thresholds: &[f32]) -> Result<f64> {
        let arrays = self.folder.kept_labels(id)?;
        let Some(LabelTruth::Known { labels: truth, .. }) = self.truth(id, &arrays)?
        else {
            return Ok(0.0);
        };
        let (mut n_known, mut n_wrong) = (0_u64, 0_u64);
        for ((label, truth), threshold) in arrays.iter().zip(&truth).zip(thresholds) {
            for (p, &truth) in label.probability.iter().zip(truth) {
                if truth != UNKNOWN_LABEL {
                    n_known += 1;
                    n_wrong += u64::from((truth == 1) != (p >= threshold));
                }
            }
        }
        Ok(n_wrong as f64 / n_known.max(1) as f64)
    }
}

/// Returns the error if there are too few images beside those for the thresholds of the labels.
fn too_few_beside(risk: f64, fewest: usize, found: usize) -> Error {
    let message = format!(
        "{risk} needs at least {fewest} images beside the half for the thresholds of the labels, \
         found {found}"
    );
    Error::setting("risk", message).with_hint("take more images, or promise less")
}
