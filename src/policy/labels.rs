//! Thresholds of labels of which any number holds.
//!
//! # References
//! - A. Angelopoulos et al. (2024), *Conformal Risk Control*, ICLR: the share of an image's true
//!   labels that are missed.
//! - Z. Lipton, C. Elkan, B. Naryanaswamy (2014), *Optimal Thresholding of Classifiers to Maximize
//!   F1 Measure*, ECML PKDD.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::metric::deterministic_label_scores;

/// Method by which thresholds of labels are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LabelThresholdMethod {
    /// The largest F1 of each label.
    F1,
    /// One threshold for all labels, with a bound on the share of true labels that are missed.
    RiskControl,
}

/// Threshold of one label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelThreshold {
    /// Name of the label.
    pub label: String,
    /// Smallest probability with which the label is taken to hold.
    pub at_least: f32,
}

/// Thresholds of all labels.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelThresholds {
    /// Method by which they were found.
    pub method: LabelThresholdMethod,
    /// Guarantee in words.
    pub promise: String,
    /// Largest share of an image's true labels that is missed, on average; only of risk control.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alpha: Option<f64>,
    /// Number of images on which they were found.
    pub images: usize,
    /// Threshold of each label, in the order of the model.
    pub thresholds: Vec<LabelThreshold>,
}

impl LabelThresholds {
    /// Returns the thresholds of labels with these names.
    ///
    /// # Errors
    /// Fails if the labels are others, or a threshold is not a probability.
    pub fn of(&self, names: &[String]) -> Result<Vec<f32>> {
        let refuse = |message: String| {
            Err(Error::setting("policy", message)
                .with_hint("calibrate again with the labels of the model"))
        };
        let own = || self.thresholds.iter().map(|threshold| &threshold.label);
        if !own().eq(names) {
            let own: Vec<&str> = own().map(String::as_str).collect();
            let message = format!(
                "its labels are {}, those of the model {}",
                own.join(", "),
                names.join(", ")
            );
            return refuse(message);
        }
        let is_probability = |at_least: f32| (0.0..=1.0).contains(&at_least);
        match self.thresholds.iter().find(|one| !is_probability(one.at_least)) {
            Some(LabelThreshold { label, at_least }) => {
                refuse(format!("the threshold of {label} is {at_least}: expected 0 to 1"))
            }
            None => Ok(self.values()),
        }
    }

    /// Returns the thresholds in the order of the labels.
    pub fn values(&self) -> Vec<f32> {
        self.thresholds.iter().map(|threshold| threshold.at_least).collect()
    }
}

/// Returns the mean over labels at each item, in the order of their planes, as measures without the
/// name of a label have it.
pub fn mean_over_labels<'a>(planes: impl Iterator<Item = &'a [f32]>) -> Vec<f32> {
    let mut n = 0;
    let mut mean: Vec<f32> = Vec::new();
    for plane in planes {
        if n == 0 {
            mean = plane.to_vec();
        } else {
            for (sum, value) in mean.iter_mut().zip(plane) {
                *sum += value;
            }
        }
        n += 1;
    }
    for value in &mut mean {
        *value /= n.max(1) as f32;
    }
    mean
}

/// Returns the score `deterministic` of the labels of an image: the mean over labels of the
/// probability of the less probable of both, that the label holds and that it does not.
pub fn deterministic_score_of_labels<'a>(
    probabilities: impl Iterator<Item = &'a [f32]>,
) -> Vec<f32> {
    let scores: Vec<Vec<f32>> = probabilities.map(deterministic_label_scores).collect();
    mean_over_labels(scores.iter().map(Vec::as_slice))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn thresholds(at_least: f32) -> LabelThresholds {
        LabelThresholds {
            method: LabelThresholdMethod::F1,
            promise: String::new(),
            alpha: None,
            images: 3,
            thresholds: ["fog", "rain"]
                .map(|label| LabelThreshold { label: label.to_owned(), at_least })
                .to_vec(),
        }
    }

    #[test]
    fn thresholds_are_those_of_labels_with_the_same_names() {
        let names = ["fog", "rain"].map(str::to_owned);
        assert_eq!(thresholds(0.25).of(&names).unwrap(), [0.25, 0.25]);
        for (names, at_least, message) in [
            (&names[..1], 0.25, "its labels are fog, rain, those of the model fog"),
            (&names[..], 1.5, "the threshold of fog is 1.5"),
            (&names[..], f32::NAN, "the threshold of fog is NaN"),
        ] {
            let error = thresholds(at_least).of(names).unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
        }
    }

    #[test]
    fn the_mean_over_labels_is_that_of_each_item() {
        let planes = [[0.25, 0.5], [0.75, 1.0]];
        assert_eq!(mean_over_labels(planes.iter().map(|p| &p[..])), [0.5, 0.75]);
        let plain = [[0.25, 1.0], [0.75, 0.5]];
        let scores = deterministic_score_of_labels(plain.iter().map(|p| &p[..]));
        assert_eq!(scores, [0.25, 0.25]);
    }
}
