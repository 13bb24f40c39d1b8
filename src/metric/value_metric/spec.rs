//! Specification of an evaluation of values.

use super::distribution::ErrorDistribution;
use crate::error::{Error, Result};
use crate::metric::spec::MAX_REPLICATES;

/// Smallest and default [`ValueEvaluationOptions::std_floor`]: 2⁻²⁴, the smallest positive f16.
pub const STD_FLOOR: f64 = 1.0 / 16_777_216.0;

/// Smallest label for which depth metrics are defined: 2⁻²⁴, in the unit of the target.
pub(super) const SMALLEST_DEPTH: f32 = 1.0 / 16_777_216.0;

/// Largest standard deviation that the floor may have.
const LARGEST_FLOOR: f64 = 1024.0;

/// Standard deviation by which items are ranked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StdSource {
    /// Square root of the sum of the aleatoric and the epistemic variance.
    Total,
    /// Square root of the mean over the samples of the variance that the network predicts.
    Aleatoric,
    /// Standard deviation of the value over the samples.
    Epistemic,
    /// Square root of the variance that the network predicts in the pass without dropout. Its
    /// errors are those of the value of this pass.
    Deterministic,
}

impl StdSource {
    /// Returns the ending of keys.
    pub fn name(self) -> &'static str {
        match self {
            Self::Total => "total_std",
            Self::Aleatoric => "aleatoric_std",
            Self::Epistemic => "epistemic_std",
            Self::Deterministic => "deterministic_std",
        }
    }
}

/// Settings of an evaluation of values.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueEvaluationOptions {
    /// Number of bootstrap replicates; default: 200. With 0 there are no intervals.
    pub replicates: usize,
    /// Distribution in the likelihood, the CRPS and the intervals; default: Gaussian.
    pub distribution: ErrorDistribution,
    /// Computes the metrics of depth, for which all labels must be positive; default: false.
    pub depth: bool,
    /// Absolute error, in the unit of the target, above which an error is large; default: `None`,
    /// no metrics about large errors.
    pub error_above: Option<f64>,
    /// Smallest standard deviation in the likelihood, the CRPS, the intervals and the calibration
    /// error, in the unit of the target: smaller ones count as this. Without it, an item of
    /// standard deviation 0 would have an infinite likelihood. Default: [`STD_FLOOR`]. Rankings
    /// do not use it.
    pub std_floor: f64,
}

impl Default for ValueEvaluationOptions {
    fn default() -> Self {
        Self {
            replicates: 200,
            distribution: ErrorDistribution::Gaussian,
            depth: false,
            error_above: None,
            std_floor: STD_FLOOR,
        }
    }
}

/// Specification of the evaluation of one target. Only evaluations with equal specifications can
/// be merged.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueEvaluationSpec {
    target: String,
    options: ValueEvaluationOptions,
    has_aleatoric: bool,
    has_deterministic: bool,
    has_deterministic_variance: bool,
    interval_level: Option<f64>,
}

impl ValueEvaluationSpec {
    /// Specifies the evaluation of a target by its name.
    ///
    /// # Errors
    /// Fails if there are more than 10,000 replicates, `error_above` is negative or not finite, or
    /// `std_floor` is outside [2⁻²⁴, 1024].
    pub fn new(
        target: impl Into<String>,
        options: ValueEvaluationOptions,
    ) -> Result<Self> {
        check_options(&options)?;
        Ok(Self {
            target: target.into(),
            options,
            has_aleatoric: false,
            has_deterministic: false,
            has_deterministic_variance: false,
            interval_level: None,
        })
    }

    /// Adds the aleatoric variance, which every image must then have.
    #[must_use]
    pub fn with_aleatoric_variance(mut self) -> Self {
        self.has_aleatoric = true;
        self
    }

    /// Adds the value of the pass without dropout, which every image must then have.
    #[must_use]
    pub fn with_deterministic(mut self) -> Self {
        self.has_deterministic = true;
        self
    }

    /// Adds the value and the variance of the pass without dropout, which every image must then
    /// have.
    #[must_use]
    pub fn with_deterministic_variance(mut self) -> Self {
        self.has_deterministic = true;
        self.has_deterministic_variance = true;
        self
    }

    /// Adds intervals that contain the label with a probability of `level`, such as conformal
    /// ones. Every image must then have them.
    ///
    /// # Errors
    /// Fails if the level is outside (0, 1).
    pub fn with_interval(mut self, level: f64) -> Result<Self> {
        if !(level > 0.0 && level < 1.0) {
            let message = format!("{level}: expected a number between 0 and 1");
            return Err(Error::setting("interval", message)
                .with_hint("0.95 is the level of 95 % intervals"));
        }
        self.interval_level = Some(level);
        Ok(self)
    }

    /// Returns the name of the target.
    pub fn target(&self) -> &str {
        &self.target
    }

    /// Returns the settings.
    pub fn options(&self) -> &ValueEvaluationOptions {
        &self.options
    }

    /// Returns true if every image has an aleatoric variance.
    pub fn has_aleatoric_variance(&self) -> bool {
        self.has_aleatoric
    }

    /// Returns true if every image has the pass without dropout.
    pub fn has_deterministic(&self) -> bool {
        self.has_deterministic
    }

    /// Returns true if the pass without dropout has a variance.
    pub fn has_deterministic_variance(&self) -> bool {
        self.has_deterministic_variance
    }

    /// Returns the level of the intervals that every image has; `None` without intervals.
    pub fn interval_level(&self) -> Option<f64> {
        self.interval_level
    }

    /// Returns the standard deviations that are ranked. If the network predicts no variance, the
    /// epistemic one is the total one, and only the latter is listed.
    pub fn std_sources(&self) -> Vec<StdSource> {
        let mut sources = vec![StdSource::Total];
        if self.has_aleatoric {
            sources.extend([StdSource::Aleatoric, StdSource::Epistemic]);
        }
        if self.has_deterministic_variance {
            sources.push(StdSource::Deterministic);
        }
        sources
    }
}

fn check_options(options: &ValueEvaluationOptions) -> Result<()> {
    if options.replicates > MAX_REPLICATES {
        let message =
            format!("{}: expected at most {MAX_REPLICATES}", options.replicates);
        return Err(Error::setting("replicates", message)
            .with_hint("200 replicates are enough for 95 % intervals"));
    }
    if let Some(above) = options.error_above
        && !(above.is_finite() && above >= 0.0)
    {
        let message = format!("{above}: expected a number of at least 0");
        return Err(Error::setting("error_above", message)
            .with_hint("give an absolute error in the unit of the target"));
    }
    if !(STD_FLOOR..=LARGEST_FLOOR).contains(&options.std_floor) {
        let message = format!("{}: expected 2^-24 to {LARGEST_FLOOR}", options.std_floor);
        return Err(Error::setting("std_floor", message)
            .with_hint("give a standard deviation far below the typical error"));
    }
    Ok(())
}
