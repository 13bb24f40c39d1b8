//! Measures of uncertainty: from sums over samples to a number a pixel, and a number an image.
//!
//! [`MEASURES`] is the one table of them. Names in files, headers and on the command line, the
//! sums that have to be kept, the scales of heat maps and the tests all come from it: a new
//! measure is a constant in a file of this module and its line in the table.
//!
//! Throughout, `T` is the number of samples, `C` that of classes, `p_t` the probabilities of one
//! sample and `m` their mean over samples; `H(q) = -sum_c q_c ln q_c`. Entropies are in nats and
//! variances over `1 / T`. Every measure grows with uncertainty, is finite and lies in
//! `[0, bound]`.
//!
//! Names say what is computed, not what it is hoped to mean. That mutual information or epistemic
//! variance shows what the model does not know, and expected entropy or aleatoric variance what
//! the image does not show, holds as far as dropout samples the model's uncertainty; on real data
//! the two are entangled.

mod confidence;
mod entropy;
pub mod image_level;
mod variance;

#[cfg(test)]
mod tests;

use crate::sums::{Needs, Statistics, Tile};
use crate::tensor::Map;

pub use confidence::{LEAST_CONFIDENCE, MARGIN, VARIATION_RATIO};
pub use entropy::{EXPECTED_ENTROPY, MUTUAL_INFORMATION, PREDICTIVE_ENTROPY};
pub use variance::{
    ALEATORIC_VARIANCE, EPISTEMIC_VARIANCE, PREDICTED_CLASS_STD, TOTAL_VARIANCE,
};

/// Every measure, in the order in which they are listed and written.
pub const MEASURES: &[Measure] = &[
    PREDICTIVE_ENTROPY,
    EXPECTED_ENTROPY,
    MUTUAL_INFORMATION,
    TOTAL_VARIANCE,
    ALEATORIC_VARIANCE,
    EPISTEMIC_VARIANCE,
    VARIATION_RATIO,
    LEAST_CONFIDENCE,
    MARGIN,
    PREDICTED_CLASS_STD,
];

/// A measure of uncertainty.
#[derive(Debug, Clone, Copy)]
pub struct Measure {
    /// The name, the same in code, files, headers and on the command line.
    pub name: &'static str,
    /// What it is, in a line.
    pub summary: &'static str,
    /// The unit: `nat`, or `1` for a pure number.
    pub unit: &'static str,
    /// Where it comes from.
    pub reference: &'static str,
    /// The sums that it is computed from.
    pub needs: Needs,
    /// The largest value that it can have with a number of classes.
    pub bound: fn(n_classes: usize) -> f32,
    /// Whether its values mostly stay far below the bound, which a picture should allow for.
    pub mostly_small: bool,
    /// Computes the values of a tile, up to rounding beyond the bounds.
    kernel: fn(&Tile, &mut [f32]),
}

impl Measure {
    /// The measure of a name.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        MEASURES.iter().find(|measure| measure.name == name)
    }

    /// The value at each pixel, shape `height × width`, in `[0, bound]`.
    ///
    /// # Panics
    /// Where the statistics lack sums that the measure needs ([`Measure::needs`]).
    pub fn map(&self, statistics: &Statistics) -> Map {
        assert!(
            statistics.needs().covers(self.needs),
            "{} needs {:?}",
            self.name,
            self.needs
        );
        let bound = (self.bound)(statistics.n_classes());
        statistics.map(|tile, out| {
            (self.kernel)(tile, out);
            for value in out {
                *value = value.clamp(0.0, bound);
            }
        })
    }
}

/// ln C: the entropy of the uniform distribution.
fn largest_entropy(n_classes: usize) -> f32 {
    (n_classes as f64).ln() as f32
}

/// 1 − 1/C: the total variance of the uniform distribution.
fn largest_variance(n_classes: usize) -> f32 {
    (1.0 - 1.0 / n_classes as f64) as f32
}
