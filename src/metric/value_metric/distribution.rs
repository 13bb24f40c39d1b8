//! Distributions of the error that a standard deviation stands for.
//!
//! # References
//! - T. Gneiting, A. E. Raftery (2007), *Strictly Proper Scoring Rules, Prediction, and
//!   Estimation*, Journal of the American Statistical Association: the CRPS, in closed form for
//!   the normal distribution.
//! - A. Jordan, F. Krüger, S. Lerch (2019), *Evaluating Probabilistic Forecasts with
//!   scoringRules*, Journal of Statistical Software: the closed form for the Laplace distribution.

use std::f64::consts::{FRAC_1_SQRT_2, PI, SQRT_2};

use statrs::function::erf::{erf, erf_inv};

/// Number of levels of central intervals: 0.01, 0.02, .., 0.99.
pub(super) const LEVELS: usize = 99;

/// Distribution of an error with a predicted variance, centered at the predicted value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ErrorDistribution {
    /// Normal distribution.
    #[default]
    Gaussian,
    /// Laplace distribution with scale b, whose variance is 2 b².
    Laplace,
}

impl ErrorDistribution {
    /// Returns the name used in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gaussian => "gaussian",
            Self::Laplace => "laplace",
        }
    }

    /// Returns the negative logarithm of the density at a distance of `error` from the center, in
    /// nats, with all constants; `std` must be positive.
    pub(super) fn negative_log_likelihood(self, error: f64, std: f64) -> f64 {
        match self {
            Self::Gaussian => {
                let z = error / std;
                0.5 * (z * z + (2.0 * PI).ln()) + std.ln()
            }
            Self::Laplace => {
                let scale = std * FRAC_1_SQRT_2;
                error.abs() / scale + (2.0 * scale).ln()
            }
        }
    }

    /// Returns the continuous ranked probability score at a distance of `error` from the center,
    /// in the unit of the target; `std` must be positive.
    pub(super) fn crps(self, error: f64, std: f64) -> f64 {
        let error = error.abs();
        match self {
            Self::Gaussian => {
                let z = error / std;
                let density = (-0.5 * z * z).exp() / (2.0 * PI).sqrt();
                std * (z * erf(z * FRAC_1_SQRT_2) + 2.0 * density - 1.0 / PI.sqrt())
            }
            Self::Laplace => {
                let scale = std * FRAC_1_SQRT_2;
                error + scale * ((-error / scale).exp() - 0.75)
            }
        }
    }

    /// Returns half of the width of the central interval of each level, divided by the standard
    /// deviation, in ascending order.
    pub(super) fn half_widths(self) -> [f64; LEVELS] {
        std::array::from_fn(|index| {
            let level = level(index);
            match self {
                Self::Gaussian => SQRT_2 * erf_inv(level),
                Self::Laplace => -(-level).ln_1p() * FRAC_1_SQRT_2,
            }
        })
    }
}

/// Returns the level of a central interval by its index.
pub(super) fn level(index: usize) -> f64 {
    (index + 1) as f64 / (LEVELS + 1) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Integrates the squared distance between the distribution function and the step at `error`.
    fn integrated_crps(cdf: impl Fn(f64) -> f64, error: f64) -> f64 {
        let step = 1e-4;
        let n = (60.0 / step) as usize;
        (0..n)
            .map(|i| {
                let x = -30.0 + (i as f64 + 0.5) * step;
                let truth = if x >= error { 1.0 } else { 0.0 };
                (cdf(x) - truth).powi(2) * step
            })
            .sum()
    }

    #[test]
    fn closed_forms_equal_the_integral_of_the_crps() {
        for (error, std) in [(0.0, 1.0), (0.7, 0.5), (-3.0, 1.5), (5.0, 0.2)] {
            let gaussian = |x: f64| 0.5 * (1.0 + erf(x / std * FRAC_1_SQRT_2));
            let scale = std * FRAC_1_SQRT_2;
            let laplace = |x: f64| {
                let tail = 0.5 * (-x.abs() / scale).exp();
                if x < 0.0 { tail } else { 1.0 - tail }
            };
            let found = ErrorDistribution::Gaussian.crps(error, std);
            assert!((found - integrated_crps(gaussian, error)).abs() < 1e-4, "{found}");
            let found = ErrorDistribution::Laplace.crps(error, std);
            assert!((found - integrated_crps(laplace, error)).abs() < 1e-4, "{found}");
        }
    }

    #[test]
    fn densities_integrate_to_one() {
        for distribution in [ErrorDistribution::Gaussian, ErrorDistribution::Laplace] {
            let density =
                |x: f64| (-distribution.negative_log_likelihood(x, 0.7)).exp() * 1e-3;
            let total: f64 =
                (-20_000..20_000).map(|i| density((f64::from(i) + 0.5) * 1e-3)).sum();
            assert!((total - 1.0).abs() < 1e-5, "{total}");
            let half_widths = distribution.half_widths();
            assert!(half_widths.is_sorted());
            let half = half_widths[89] * 0.7;
            let steps = (half * 1e3) as i32;
            let inside: f64 =
                (-steps..steps).map(|i| density((f64::from(i) + 0.5) * 1e-3)).sum();
            assert!((inside - 0.9).abs() < 1e-3, "{inside}");
        }
        assert!(
            (ErrorDistribution::Gaussian.half_widths()[94] - 1.959_963_984_540_054).abs()
                < 1e-12
        );
    }
}
