//! Calibration: from labeled predictions to a policy with thresholds, a temperature and sets of
//! classes, each with a guarantee for images like these. Labels of which any number holds have
//! thresholds instead of a temperature and sets ([`calibrate_labels`]); values have a factor of the
//! variance and intervals ([`calibrate_values`]).
//!
//! The images of a folder are read one by one: once for scores and temperature, and twice for sets
//! (to find them and to measure their size). Of an image, only a score, its share of wrong items
//! and a bounded number of log-probabilities are kept.

mod conformal;
mod decisions;
mod images;
mod label_thresholds;
mod labels;
mod sets;
mod standardized_errors;
mod temperature;
mod threshold;
mod values;
mod variance_scale;

#[doc(hidden)]
pub use conformal::{aps_rule, lac_rule};
pub use images::calibrate;
pub use label_thresholds::F1Threshold;
#[doc(hidden)]
pub use label_thresholds::{LabelCounts, TrueLabels};
pub use labels::{LabelCalibration, LabelCalibrationOptions, calibrate_labels};
#[doc(hidden)]
pub use standardized_errors::{ErrorShares, split_conformal_factor, standardized_error};
pub use temperature::{LogProbabilities, TemperatureFit};
pub use threshold::{
    ImageLoss, QuantileThreshold, RiskControl, RiskError, coverage_threshold,
    risk_threshold,
};
pub use values::{
    CalibratedTarget, ValueCalibration, ValueCalibrationOptions, calibrate_values,
};
pub use variance_scale::VarianceFit;

use crate::evaluate::LeftOut;
use crate::policy::{ImageScore, Policy};
use decisions::DecisionOptions;

/// Target of the threshold for accepting images.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ThresholdTarget {
    /// Accept this share of images.
    Keep(f64),
    /// Accept images of whose items at most this share is wrong.
    Risk(f64),
}

/// Method that finds sets of classes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetMethod {
    /// The classes with at least a certain probability.
    Lac,
    /// The most probable classes up to a certain sum.
    Aps,
}

/// Options of a calibration.
#[derive(Debug, Clone, PartialEq)]
pub struct CalibrationOptions {
    /// Score that the thresholds are compared with.
    pub score: ImageScore,
    /// Target of the threshold for accepting images.
    pub target: Option<ThresholdTarget>,
    /// Confidence of [`ThresholdTarget::Risk`], in (0, 1).
    pub confidence: f64,
    /// Share of images like these that are not called out of distribution.
    pub ood_keep: Option<f64>,
    /// Share of items whose set of classes may miss their class.
    pub alpha: Option<f64>,
    /// Method for sets of images; sets of pixels are found by risk control.
    pub method: SetMethod,
    /// Fits a temperature.
    pub temperature: bool,
    /// Number of threads.
    pub threads: usize,
}

impl CalibrationOptions {
    /// Returns the options of the decisions about images.
    fn decisions(&self) -> DecisionOptions {
        let Self { score, target, ood_keep, confidence, .. } = *self;
        DecisionOptions { score, target, ood_keep, confidence }
    }
}

/// A policy and the statistics behind it.
#[derive(Debug)]
pub struct Calibration {
    /// The policy.
    pub policy: Policy,
    /// Number of images used.
    pub images: usize,
    /// Number of labeled items.
    pub items: u64,
    /// Threshold that accepts a share of images.
    pub coverage: Option<QuantileThreshold>,
    /// Threshold that bounds the risk.
    pub risk_control: Option<RiskControl>,
    /// Result of fitting the temperature.
    pub fit: Option<TemperatureFit>,
    /// Size and coverage of the sets, on the images on which they were found.
    pub sets: Option<SetStatistics>,
    /// Number of images without a label.
    pub missing: usize,
    /// Number of images that cannot be used.
    pub failed: usize,
    /// Pixels of the images that have no label.
    pub left_out: LeftOut,
}

/// Statistics of sets of classes, or of intervals of values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SetStatistics {
    /// Mean number of classes in a set; mean width of an interval.
    pub mean_size: f64,
    /// Share of items whose set contains their class; mean share of an image's items whose interval
    /// contains their label.
    pub coverage: f64,
}
