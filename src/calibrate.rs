//! From predictions with labels to a policy: thresholds, a temperature and sets of classes, each
//! with what it promises of images like these.
//!
//! A folder is read image by image: once for scores and temperature, and twice for sets (to find
//! them and to say how large they are). What is kept of an image is a score, its share of wrong items and a bounded number of logarithms
//! of probabilities.

mod conformal;
mod images;
mod sets;
mod temperature;
mod threshold;

pub use conformal::{MissedShares, aps_rule, crc_rule, lac_rule};
pub use images::calibrate;
pub use temperature::{LogProbabilities, TemperatureFit};
pub use threshold::{
    QuantileThreshold, RiskControl, RiskError, coverage_threshold, risk_threshold,
};

use crate::policy::{ImageScore, Policy};

/// What the threshold for accepting is for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target {
    /// This share of images is accepted.
    Keep(f64),
    /// At most this share of the items of accepted images is wrong.
    Risk(f64),
}

/// How sets of classes are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetMethod {
    /// Classes of at least a probability.
    Lac,
    /// The most probable classes up to a sum.
    Aps,
}

/// What is calibrated.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationOptions {
    /// What the thresholds look at.
    pub score: ImageScore,
    /// What the threshold for accepting is for.
    pub target: Option<Target>,
    /// How sure the promise of [`Target::Risk`] is, in (0, 1).
    pub confidence: f64,
    /// The share of images like these that is not called out of distribution.
    pub ood_keep: Option<f64>,
    /// The share of items that may miss their class in sets of classes.
    pub alpha: Option<f64>,
    /// How sets are found in classification; in segmentation by risk control.
    pub method: SetMethod,
    /// Whether a temperature is looked for.
    pub temperature: bool,
    /// Threads.
    pub threads: usize,
}

/// A policy and what was seen on the way.
#[derive(Debug)]
pub struct Calibration {
    /// The policy.
    pub policy: Policy,
    /// Images that counted.
    pub images: usize,
    /// Labeled items.
    pub items: u64,
    /// The threshold that keeps a share.
    pub coverage: Option<QuantileThreshold>,
    /// The threshold that bounds the risk.
    pub risk_control: Option<RiskControl>,
    /// What became of the temperature.
    pub fit: Option<TemperatureFit>,
    /// Mean number of classes in a set and share of items whose class is in theirs, on the images
    /// that the sets were found on.
    pub sets: Option<(f64, f64)>,
    /// Images without a label, and those that could not be used.
    pub left_out: (usize, usize),
}
