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

pub use conformal::{Conformal, least_of, risk_control, sum_of};
pub use images::calibrate;
pub use temperature::{Fit, LogProbabilities};
pub use threshold::{Kept, NoLimit, Risked, keep, risk};

use crate::policy::{ImageScore, Policy};

/// What the threshold for accepting is for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Aim {
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
pub struct CalibrateOptions {
    /// What the thresholds look at.
    pub score: ImageScore,
    /// What the threshold for accepting is for.
    pub aim: Option<Aim>,
    /// How sure the promise of [`Aim::Risk`] is, in (0, 1).
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
pub struct Calibrated {
    /// The policy.
    pub policy: Policy,
    /// Images that counted.
    pub images: usize,
    /// Labeled items.
    pub items: u64,
    /// The threshold that keeps a share.
    pub kept: Option<Kept>,
    /// The threshold that bounds the risk.
    pub risked: Option<Risked>,
    /// What became of the temperature.
    pub fit: Option<Fit>,
    /// Mean number of classes in a set and share of items whose class is in theirs, on the images
    /// that the sets were found on.
    pub sets: Option<(f64, f64)>,
    /// Images without a label, and those that could not be used.
    pub left_out: (usize, usize),
}
