//! Rules about the values of a regression: a factor of the variance, and intervals that contain the
//! true value with a guaranteed frequency.
//!
//! # References
//! - E. Ledda, G. Fumera, F. Roli (2023), *Dropout Injection at Test Time for Post Hoc Uncertainty
//!   Quantification in Neural Networks*, Neurocomputing: both factors of the variance.
//! - J. Lei et al. (2018), *Distribution-Free Predictive Inference for Regression*, JASA: intervals
//!   of a locally weighted width.

use serde::{Deserialize, Serialize};

use super::Policy;
use crate::error::{Error, Result};
use crate::metric::Aggregation;
use crate::sums::StdFactors;
use crate::task::normal_quantile;

/// Rules about one target of a regression.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TargetPolicy {
    /// Name of the target.
    pub name: String,
    /// Factor of the total variance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variance_scale: Option<VarianceScale>,
    /// Intervals of the values.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interval: Option<ConformalInterval>,
}

/// Criterion by which a factor of the variance is chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScaleMethod {
    /// The largest Gaussian likelihood of the labels, in closed form.
    Likelihood,
    /// Coverage of central Gaussian intervals: the area between coverage and level, with its sign,
    /// is 0.
    Coverage,
}

/// A factor of the total variance, with its effect on the images on which it was found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VarianceScale {
    /// Criterion.
    pub method: ScaleMethod,
    /// Factor of the total variance; above 0.
    pub value: f64,
    /// Value of the criterion without the factor: the mean negative log-likelihood in nats, or the
    /// area between coverage and level without its sign.
    pub before: f64,
    /// Its value with factors that were found on the other half of the images.
    pub after: f64,
}

/// Method by which the width of intervals is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntervalMethod {
    /// Split conformal prediction, for values of images.
    SplitConformal,
    /// Conformal risk control, for values of pixels.
    RiskControl,
}

/// Intervals with their guarantee: `value ± factor * total_std`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConformalInterval {
    /// Method by which the factor was found.
    pub method: IntervalMethod,
    /// Guarantee in words.
    pub promise: String,
    /// Share of items whose interval may miss their label, in (0, 1).
    pub alpha: f64,
    /// Number of images on which the factor was found.
    pub images: usize,
    /// Half of the width, in total standard deviations as they are predicted.
    pub factor: f64,
}

impl ScaleMethod {
    /// Returns the name in files and settings.
    pub fn name(self) -> &'static str {
        match self {
            Self::Likelihood => "likelihood",
            Self::Coverage => "coverage",
        }
    }
}

impl IntervalMethod {
    /// Returns the name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::SplitConformal => "split_conformal",
            Self::RiskControl => "risk_control",
        }
    }
}

impl TargetPolicy {
    /// Returns the factors of the standard deviation; without an interval of its own, the target has
    /// Gaussian ones of this level.
    pub fn std_factors(&self, level: f64) -> StdFactors {
        let interval = self.interval.as_ref().map(|interval| interval.factor);
        let scale = self.variance_scale.as_ref().map(|scale| scale.value.sqrt());
        StdFactors {
            interval: interval.unwrap_or_else(|| gaussian_factor(level)),
            calibrated: scale.unwrap_or(StdFactors::default().calibrated),
        }
    }

    /// Returns true if its numbers are possible.
    fn is_valid(&self) -> bool {
        let is_positive = |number: f64| number.is_finite() && number > 0.0;
        let has_scale =
            self.variance_scale.as_ref().is_none_or(|scale| is_positive(scale.value));
        let has_interval = self.interval.as_ref().is_none_or(|interval| {
            interval.factor.is_finite()
                && interval.factor >= 0.0
                && is_positive(interval.alpha)
                && interval.alpha < 1.0
        });
        has_scale && has_interval
    }
}

/// Returns half of the width of the central interval of a level, in standard deviations of a normal
/// distribution.
pub fn gaussian_factor(level: f64) -> f64 {
    normal_quantile(0.5 + level / 2.0)
}

impl Policy {
    /// Returns the probability of the intervals of values; `None` if the policy has none.
    pub fn interval_level(&self) -> Option<f64> {
        let mut intervals = self.targets.iter().filter_map(|one| one.interval.as_ref());
        intervals.next().map(|interval| 1.0 - interval.alpha)
    }

    /// Returns true if a target has a factor of its variance.
    pub fn scales_variance(&self) -> bool {
        self.targets.iter().any(|target| target.variance_scale.is_some())
    }

    /// Returns the factors of each target; Gaussian intervals have this level.
    pub fn std_factors(&self, level: f64) -> Vec<StdFactors> {
        self.targets.iter().map(|target| target.std_factors(level)).collect()
    }

    /// Checks the rules about values for a model with `n_targets` targets.
    ///
    /// # Errors
    /// Fails if the number of targets differs, or if a number of the file is impossible.
    pub fn check_targets(&self, n_targets: usize) -> Result<()> {
        let refuse = |message: String| {
            Err(Error::setting("policy", message).with_hint("calibrate again"))
        };
        if !self.targets.is_empty() && self.targets.len() != n_targets {
            let n = self.targets.len();
            return refuse(format!("has rules for {n} targets: expected {n_targets}"));
        }
        if let Some(target) = self.targets.iter().find(|target| !target.is_valid()) {
            return refuse(format!(
                "a number of the target {} is impossible",
                target.name
            ));
        }
        for score in self.scores() {
            let is_known = score.channel.is_some_and(|channel| channel < n_targets);
            if !is_known || !VALUE_AGGREGATIONS.contains(&score.aggregation) {
                return refuse(format!("{} is not a score of a value", score.label()));
            }
        }
        Ok(())
    }
}

/// Aggregations that need no classes.
pub const VALUE_AGGREGATIONS: [Aggregation; 3] =
    [Aggregation::Mean, Aggregation::Quantile95, Aggregation::PatchMax];

#[cfg(test)]
mod tests {
    use super::*;

    fn target(factor: f64, scale: f64) -> TargetPolicy {
        TargetPolicy {
            name: "depth".to_owned(),
            variance_scale: Some(VarianceScale {
                method: ScaleMethod::Likelihood,
                value: scale,
                before: 1.0,
                after: 0.5,
            }),
            interval: Some(ConformalInterval {
                method: IntervalMethod::RiskControl,
                promise: String::new(),
                alpha: 0.1,
                images: 10,
                factor,
            }),
        }
    }

    #[test]
    fn a_factor_of_the_variance_is_the_square_of_that_of_the_std() {
        let factors = target(2.5, 4.0).std_factors(0.95);
        assert_eq!(factors, StdFactors { interval: 2.5, calibrated: 2.0 });
        let none =
            TargetPolicy { variance_scale: None, interval: None, ..target(1.0, 1.0) };
        let factors = none.std_factors(0.9);
        assert!((factors.interval - 1.644_853_626_951).abs() < 1e-9, "{factors:?}");
        assert!((factors.calibrated - 1.0).abs() < f64::EPSILON);
        let default = StdFactors::default().interval;
        assert!((gaussian_factor(0.95) - default).abs() < 1e-9);
    }

    #[test]
    fn impossible_numbers_are_found() {
        assert!(target(2.5, 4.0).is_valid());
        for (factor, scale) in
            [(-1.0, 1.0), (f64::NAN, 1.0), (1.0, 0.0), (1.0, f64::INFINITY)]
        {
            assert!(!target(factor, scale).is_valid(), "{factor} {scale}");
        }
    }

    #[test]
    fn rules_about_values_survive_writing_and_reading() {
        let mut policy = Policy::new([("output.task".to_owned(), "x".to_owned())].into());
        policy.targets = vec![target(2.5, 4.0), target(0.1, 0.3)];
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("policy.toml");
        std::fs::write(&path, policy.encode().unwrap()).unwrap();
        let read = Policy::read(&path).unwrap();
        assert_eq!(read, policy);
        assert_eq!(read.interval_level(), Some(0.9));
        assert!(read.check_targets(2).is_ok() && read.check_targets(1).is_err());
    }
}
