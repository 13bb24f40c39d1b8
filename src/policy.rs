//! Policies: decisions on images, with guarantees that were measured on labeled images.
//!
//! A policy is a small TOML file that `mcdrop calibrate` writes and `mcdrop predict --policy`
//! applies: thresholds of an image's score, a temperature, sets of classes that contain the true
//! class with a guaranteed frequency, and intervals of values that contain the true one. The
//! guarantees hold only for predictions made with the
//! same settings, so the file contains these settings and other ones are refused.

mod file;
mod image_score;
mod labels;
mod sets;
mod temperature;
mod values;

pub use file::{Policy, PredictionSettings, prediction_settings};
pub use image_score::ImageScore;
pub use labels::{
    LabelThreshold, LabelThresholdMethod, LabelThresholds, deterministic_score_of_labels,
    mean_over_labels,
};
pub use sets::{SetRule, Sets, argmax, sum_before};
pub use temperature::{Temperature, temper};
pub use values::{
    ConformalInterval, IntervalMethod, ScaleMethod, TargetPolicy, VALUE_AGGREGATIONS,
    VarianceScale, gaussian_factor,
};

use serde::{Deserialize, Serialize};

pub use crate::record::Decision;

/// Threshold of an image's score, with the guarantee for which it was chosen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// Score that is compared with the threshold.
    pub score: ImageScore,
    /// Scores below it pass; every score passes if it is `None`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub below: Option<f32>,
    /// Guarantee for images that pass, in words.
    pub promise: String,
    /// Number of images on which the threshold was found.
    pub images: usize,
}

impl Threshold {
    /// Returns true if a score passes.
    pub fn passes(&self, score: f32) -> bool {
        self.below.is_none_or(|below| score < below)
    }
}

impl Policy {
    /// Returns the scores that the thresholds are compared with.
    pub fn scores(&self) -> impl Iterator<Item = &ImageScore> {
        let thresholds = [&self.accept, &self.out_of_distribution];
        thresholds.into_iter().flatten().map(|threshold| &threshold.score)
    }

    /// Returns true if the policy has a threshold.
    pub fn decides(&self) -> bool {
        self.accept.is_some() || self.out_of_distribution.is_some()
    }

    /// Decides on an image; `score` computes its scores. Returns `None` without thresholds.
    pub fn decide(&self, score: impl Fn(&ImageScore) -> f32) -> Option<Decision> {
        if let Some(threshold) = &self.out_of_distribution
            && !threshold.passes(score(&threshold.score))
        {
            return Some(Decision::OutOfDistribution);
        }
        match &self.accept {
            Some(threshold) if threshold.passes(score(&threshold.score)) => {
                Some(Decision::Accept)
            }
            Some(_) => Some(Decision::Review),
            None => self.out_of_distribution.as_ref().map(|_| Decision::Accept),
        }
    }
}
