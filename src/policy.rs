//! Decisions on images, made under settings that were measured on labeled ones.
//!
//! A policy is a small TOML file that `mcdrop calibrate` writes and `mcdrop predict --policy`
//! applies: thresholds of an image's score, a temperature, and sets of classes that hold the true
//! one as often as was promised. All of it is true only of predictions made as those that it was
//! found on, so the file says how these were made, and other settings are refused.

mod file;
mod image_score;
mod sets;
mod temperature;

pub use file::{Policy, PredictionSettings, prediction_settings};
pub use image_score::ImageScore;
pub use sets::{SetRule, Sets, argmax, sum_before};
pub use temperature::{Temperature, temper};

use serde::{Deserialize, Serialize};

use crate::measure::Measure;

/// What is to be done with a prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It may be used.
    Accept,
    /// A person should look at it.
    Review,
    /// The image is of another kind than those of the calibration.
    OutOfDistribution,
}

impl Decision {
    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Review => "review",
            Self::OutOfDistribution => "out_of_distribution",
        }
    }
}

/// A limit of an image's score, with the promise that it was chosen for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// The score.
    pub score: ImageScore,
    /// Scores below it pass; every score where there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub below: Option<f32>,
    /// What was promised of images that pass, in words.
    pub promise: String,
    /// Images that it was found on.
    pub images: usize,
}

impl Threshold {
    /// Whether a score passes.
    pub fn passes(&self, score: f32) -> bool {
        self.below.is_none_or(|below| score < below)
    }
}

impl Policy {
    /// The measures that its scores are made of.
    pub fn measures(&self) -> impl Iterator<Item = &'static Measure> {
        let thresholds = [&self.accept, &self.out_of_distribution];
        thresholds.into_iter().flatten().filter_map(|threshold| threshold.score.measure)
    }

    /// Whether it has a threshold.
    pub fn decides(&self) -> bool {
        self.accept.is_some() || self.out_of_distribution.is_some()
    }

    /// What is to be done with an image whose scores are asked for; `None` without thresholds.
    pub fn decide(&self, score: impl Fn(&ImageScore) -> f32) -> Option<Decision> {
        let passes = |threshold: &Threshold| threshold.passes(score(&threshold.score));
        if self.out_of_distribution.as_ref().is_some_and(|limit| !passes(limit)) {
            return Some(Decision::OutOfDistribution);
        }
        let accept = self
            .accept
            .as_ref()
            .map(|limit| if passes(limit) { Decision::Accept } else { Decision::Review });
        accept.or(self.out_of_distribution.as_ref().map(|_| Decision::Accept))
    }
}
