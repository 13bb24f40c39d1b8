//! Temperature scaling of mean probabilities.
//!
//! # References
//! - C. Guo et al. (2017), *On Calibration of Modern Neural Networks*, ICML, section 4.2: one
//!   temperature for all scores.
//! - R. Rahaman, A. Thiery (2021), *Uncertainty Quantification and Deep Ensembles*, `NeurIPS`: first
//!   the mean of the members, then the temperature.

use serde::{Deserialize, Serialize};

use crate::metric::LIKELIHOOD_FLOOR;

/// A temperature, with its effect on the images on which it was found.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Temperature {
    /// Divisor of the logarithms of mean probabilities; above 0.
    pub value: f64,
    /// Mean negative log-likelihood without the temperature, in nats.
    pub negative_log_likelihood_before: f64,
    /// Mean negative log-likelihood, in nats, with temperatures that were found on the other half
    /// of the images.
    pub negative_log_likelihood_after: f64,
}

/// Replaces the probabilities of an item by `p^(1/t) / sum p^(1/t)`.
///
/// Probabilities below [`LIKELIHOOD_FLOOR`] are raised to it, so that no class has probability 0.
pub fn temper(probabilities: &mut [f32], temperature: f64) {
    let power = |p: f32| f64::from(p).max(LIKELIHOOD_FLOOR).powf(1.0 / temperature);
    let sum: f64 = probabilities.iter().map(|p| power(*p)).sum();
    for p in probabilities {
        *p = (power(*p) / sum) as f32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tempered<const N: usize>(mut p: [f32; N], temperature: f64) -> [f32; N] {
        temper(&mut p, temperature);
        p
    }

    #[test]
    fn a_temperature_of_one_changes_only_what_lies_below_the_floor() {
        let same = tempered([0.75, 0.25, 0.0], 1.0);
        assert!((same[0] - 0.75).abs() < 1e-6 && (same[1] - 0.25).abs() < 1e-6);
        assert!(same[2] > 0.0 && same[2] < 1e-6);
    }

    #[test]
    fn a_high_temperature_flattens_and_a_low_one_sharpens() {
        let flat = tempered([0.9, 0.1], 2.0);
        assert!((flat[0] - 0.75).abs() < 1e-6, "{flat:?}");
        let sharp = tempered([0.75, 0.25], 0.5);
        assert!((sharp[0] - 0.9).abs() < 1e-6, "{sharp:?}");
    }
}
