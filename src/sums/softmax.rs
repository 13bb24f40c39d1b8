//! Softmax and entropy of a block of pixels.

use super::elementary::{LOWEST_EXPONENT, LOWEST_PROBABILITY, exp, ln, ln_1p};
use super::{Invalid, OutputKind, Reason};

/// Lower scores are raised to this one, so that differences and products stay finite.
pub(super) const LOWEST_SCORE: f32 = -1e38;

/// A block of `W` pixels. Its rows, one per class, hold scores, and later unnormalized
/// probabilities, which sum to 1 when multiplied by `inverse`.
pub(super) struct Block<'a, const W: usize> {
    pub(super) rows: &'a mut [[f32; W]],
    /// The most probable class, the lowest of equals.
    pub(super) class: [u32; W],
    pub(super) inverse: [f32; W],
    largest: [f32; W],
}

impl<'a, const W: usize> Block<'a, W> {
    #[inline(always)]
    pub(super) fn new(rows: &'a mut [[f32; W]]) -> Self {
        Self { rows, class: [0; W], inverse: [1.0; W], largest: [0.0; W] }
    }

    /// Finds the largest score of each pixel. Returns the first invalid score, if there is one,
    /// with the lane as the pixel.
    #[inline(always)]
    pub(super) fn find_largest(&mut self, kind: OutputKind) -> Option<Invalid> {
        let (lowest, in_its_place) = match kind {
            OutputKind::Logits => (LOWEST_SCORE, LOWEST_SCORE),
            _ => (LOWEST_PROBABILITY, 0.0),
        };
        let mut largest = [lowest; W];
        let mut class = [0; W];
        for (c, row) in self.rows.iter_mut().enumerate() {
            for lane in 0..W {
                // NaN becomes an infinity here, so that it cannot hide from the comparison.
                let score =
                    if row[lane] < f32::INFINITY { row[lane] } else { f32::INFINITY };
                let score = if score > lowest { score } else { in_its_place };
                let is_larger = score > largest[lane];
                largest[lane] = if is_larger { score } else { largest[lane] };
                class[lane] = if is_larger { c as u32 } else { class[lane] };
                row[lane] = score;
            }
        }
        self.largest = largest;
        self.class = class;
        let is_bad =
            |lane: usize| largest[lane] <= lowest || largest[lane] == f32::INFINITY;
        (0..W).find(|&lane| is_bad(lane)).map(|lane| {
            let infinite = self.rows.iter().position(|row| row[lane] == f32::INFINITY);
            let channel = infinite.unwrap_or(0);
            Invalid { pixel: lane, channel, reason: Reason::NotFinite }
        })
    }

    /// Exponentiates logits and returns the entropies.
    ///
    /// With `e = exp(x - max)` and `Z = sum e`, the entropy is `ln Z - sum e (x - max) / Z`: one
    /// logarithm per pixel. `Z` is stored without the 1 of the largest score, so that `ln Z` is
    /// accurate if that class is nearly certain.
    #[inline(always)]
    pub(super) fn normalize_logits(&mut self) -> [f32; W] {
        let mut others = [0.0; W];
        let mut weighted = [0.0; W];
        for (c, row) in self.rows.iter_mut().enumerate() {
            for lane in 0..W {
                let below = row[lane] - self.largest[lane];
                let below = if below > LOWEST_EXPONENT { below } else { LOWEST_EXPONENT };
                let e = exp(below);
                row[lane] = e;
                others[lane] += if self.class[lane] == c as u32 { 0.0 } else { e };
                weighted[lane] += e * below;
            }
        }
        let mut entropy = [0.0; W];
        for lane in 0..W {
            let inverse = 1.0 / (1.0 + others[lane]);
            self.inverse[lane] = inverse;
            let value = ln_1p(others[lane]) - weighted[lane] * inverse;
            entropy[lane] = if value > 0.0 { value } else { 0.0 };
        }
        entropy
    }

    /// Finds the factor that makes probabilities sum to 1, and returns the entropies if they are
    /// wanted.
    #[inline(always)]
    pub(super) fn normalize_probabilities(&mut self, with_entropy: bool) -> [f32; W] {
        let mut others = [0.0; W];
        for (c, row) in self.rows.iter().enumerate() {
            for lane in 0..W {
                others[lane] +=
                    if self.class[lane] == c as u32 { 0.0 } else { row[lane] };
            }
        }
        for lane in 0..W {
            self.inverse[lane] = 1.0 / (others[lane] + self.largest[lane]);
            others[lane] *= self.inverse[lane];
        }
        let mut entropy = [0.0; W];
        if with_entropy {
            let mut sum = EntropySum::new(others);
            for (c, row) in self.rows.iter().enumerate() {
                for lane in 0..W {
                    sum.add(
                        lane,
                        row[lane] * self.inverse[lane],
                        self.class[lane] == c as u32,
                    );
                }
            }
            entropy = sum.finish();
        }
        entropy
    }
}

/// Sums the entropies of `W` distributions class by class.
///
/// The most probable class contributes `-(1 - r) ln(1 - r)` with `r` the sum of the other classes,
/// so that the result keeps its relative accuracy if that class is nearly certain.
pub(super) struct EntropySum<const W: usize> {
    others: [f32; W],
    sum: [f32; W],
}

impl<const W: usize> EntropySum<W> {
    /// Creates empty sums; `others` is the sum of all probabilities but the largest.
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

    /// Returns the entropies in nats.
    #[inline(always)]
    pub(super) fn finish(mut self) -> [f32; W] {
        for lane in 0..W {
            let r = self.others[lane];
            // Rounding can make the sum of the others 1 if many are equally probable.
            let r = if r < 1.0 - f32::EPSILON { r } else { 1.0 - f32::EPSILON };
            let entropy = self.sum[lane] - (1.0 - r) * ln_1p(-r);
            self.sum[lane] = if entropy > 0.0 { entropy } else { 0.0 };
        }
        self.sum
    }
}
