//! The entropy of probabilities.

use super::elementary::{ln, ln_1p};

/// Sums the entropies of `W` distributions class by class.
///
/// The likeliest class enters as `-(1 - r) ln(1 - r)` with `r` the sum of the other classes, so
/// that the result keeps its relative accuracy where that class is nearly certain.
pub(super) struct EntropySum<const W: usize> {
    others: [f32; W],
    sum: [f32; W],
}

impl<const W: usize> EntropySum<W> {
    /// Sums of nothing yet; `others` is the sum of all probabilities but the largest.
    #[inline(always)]
    pub(super) fn new(others: [f32; W]) -> Self {
        Self { others, sum: [0.0; W] }
    }

    /// Adds the probability of a class.
    #[inline(always)]
    pub(super) fn add(&mut self, lane: usize, probability: f32, is_likeliest: bool) {
        let term = probability * ln(probability);
        self.sum[lane] -= if is_likeliest { 0.0 } else { term };
    }

    /// The entropies, in nats.
    #[inline(always)]
    pub(super) fn finish(mut self) -> [f32; W] {
        for lane in 0..W {
            let r = self.others[lane];
            // Rounding can leave a sum of the others of 1 where many are equally likely.
            let r = if r < 1.0 - f32::EPSILON { r } else { 1.0 - f32::EPSILON };
            let entropy = self.sum[lane] - (1.0 - r) * ln_1p(-r);
            self.sum[lane] = if entropy > 0.0 { entropy } else { 0.0 };
        }
        self.sum
    }
}
