//! Thresholds of a score that decide about images, for every task: by a share of images that are kept,
//! or by a risk that is bounded.

use super::ThresholdTarget;
use super::threshold::{self, ImageLoss, QuantileThreshold, RiskControl, RiskError};
use crate::error::{Error, Result};
use crate::policy::{ImageScore, Policy, Threshold};

/// Options of the decisions about images.
#[derive(Debug, Clone, Copy)]
pub(super) struct DecisionOptions {
    /// Score that the thresholds are compared with.
    pub(super) score: ImageScore,
    /// Target of the threshold for accepting images.
    pub(super) target: Option<ThresholdTarget>,
    /// Share of images like these that are not called out of distribution.
    pub(super) ood_keep: Option<f64>,
    /// Confidence of a bounded risk.
    pub(super) confidence: f64,
}

/// A threshold that bounds the share of wrong items in accepted images.
#[derive(Debug)]
pub(super) struct BoundedRisk {
    pub(super) control: RiskControl,
    /// What the threshold promises.
    pub(super) promise: String,
    /// Number of images that it was found on.
    pub(super) images: usize,
}

/// Statistics of the thresholds that were found.
#[derive(Debug, Default)]
pub(super) struct FoundThresholds {
    pub(super) coverage: Option<QuantileThreshold>,
    pub(super) risk: Option<BoundedRisk>,
}

impl DecisionOptions {
    /// Finds the thresholds for images with these scores, and adds them to a policy. `bound_risk` bounds
    /// a risk.
    ///
    /// # Errors
    /// Fails if there are too few images for a promise, or `bound_risk` fails.
    pub(super) fn find(
        &self,
        scores: &[f32],
        policy: &mut Policy,
        bound_risk: impl FnOnce(f64) -> Result<BoundedRisk>,
    ) -> Result<FoundThresholds> {
        let mut found = FoundThresholds::default();
        match self.target {
            Some(ThresholdTarget::Keep(share)) => {
                let coverage = coverage_threshold("keep", scores, share)?;
                let promise = format!("keeps {share} of images like these on average");
                policy.accept = Some(self.threshold(coverage, promise, scores.len()));
                found.coverage = Some(coverage);
            }
            Some(ThresholdTarget::Risk(risk)) => {
                let bounded = bound_risk(risk)?;
                policy.accept = Some(Threshold {
                    score: self.score,
                    below: bounded.control.below,
                    promise: bounded.promise.clone(),
                    images: bounded.images,
                });
                found.risk = Some(bounded);
            }
            None => {}
        }
        if let Some(share) = self.ood_keep {
            let coverage = coverage_threshold("ood_keep", scores, share)?;
            let promise = format!("holds for {share} of images like these on average");
            policy.out_of_distribution =
                Some(self.threshold(coverage, promise, scores.len()));
        }
        Ok(found)
    }

    /// Finds the threshold below which at most a share `risk` of the items of images is wrong.
    ///
    /// # Errors
    /// Fails if there are too few images, or no threshold shows that.
    pub(super) fn control_risk(
        &self,
        losses: &[ImageLoss],
        risk: f64,
    ) -> Result<RiskControl> {
        if losses.is_empty() {
            return Err(Error::setting("risk", "needs images with labels that count")
                .with_hint("set `labels`"));
        }
        threshold::risk_threshold(losses, risk, self.confidence)
            .map_err(|error| self.risk_refusal(&error, risk, losses.len()))
    }

    /// Returns the error if no threshold of the score bounds a risk on some images.
    pub(super) fn risk_refusal(
        &self,
        error: &RiskError,
        risk: f64,
        n_images: usize,
    ) -> Error {
        let bound = match error {
            RiskError::TooFew(fewest) => {
                return too_few("risk", risk, *fewest, n_images);
            }
            RiskError::TooMuch(bound) => bound,
        };
        let (score, confidence) = (self.score.measure_name(), self.confidence);
        let message = format!(
            "no threshold of {score} shows on {n_images} images with confidence {confidence} that \
             at most {risk} is wrong; {bound:.3} would be the smallest"
        );
        Error::setting("risk", message)
            .with_hint("allow more, take more images, or another `measure`")
    }

    fn threshold(
        &self,
        coverage: QuantileThreshold,
        promise: String,
        images: usize,
    ) -> Threshold {
        Threshold { score: self.score, below: Some(coverage.below), promise, images }
    }
}

/// Returns the threshold that accepts a share of images; `setting` names the share in errors.
fn coverage_threshold(
    setting: &'static str,
    scores: &[f32],
    share: f64,
) -> Result<QuantileThreshold> {
    threshold::coverage_threshold(scores, share)
        .map_err(|needed| too_few(setting, share, needed, scores.len()))
}

/// Returns the error if a promise needs more images; `setting` is the one that promises.
pub(super) fn too_few(
    setting: &'static str,
    share: f64,
    needed: usize,
    images: usize,
) -> Error {
    let message = format!("{share} needs at least {needed} images, found {images}");
    Error::setting(setting, message).with_hint("take more images, or promise less")
}
