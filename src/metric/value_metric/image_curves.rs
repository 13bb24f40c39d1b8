//! Areas under the sparsification curves of one image.
//!
//! A curve shows the error of the remaining items over the share of items removed, in 50 steps; it
//! is not normalized, and 0 at the last point, where everything is removed. The threshold of a step
//! is a percentile with linear interpolation, and items at the threshold remain.
//!
//! # References
//! - M. Poggi et al. (2020), *On the Uncertainty of Self-Supervised Monocular Depth Estimation*,
//!   CVPR, and its code, mono-uncertainty.

use super::sums::ImageError;

/// Number of steps, the last of which removes everything.
const STEPS: usize = 50;

/// Items in descending order of a sorting key.
#[derive(Debug)]
pub(super) struct RemovalOrder {
    /// Indices of the items, the first one to remove first.
    items: Vec<usize>,
    /// For each step but the last one, the number of items that are removed.
    removed: [usize; STEPS],
}

impl RemovalOrder {
    /// Sorts items by keys, which must not be negative or NaN.
    pub(super) fn new(keys: &[f32]) -> Self {
        // The bits of positive f32 grow with their values. Items of equal keys are in the order of
        // their indices, so that sums do not depend on the sorting algorithm.
        let mut sorted: Vec<u64> = (0u64..)
            .zip(keys)
            .map(|(item, key)| u64::from(!key.abs().to_bits()) << 32 | item)
            .collect();
        sorted.sort_unstable();
        let key = |rank: usize| (sorted[rank] >> 32) as u32;
        let mut removed = [0; STEPS];
        let last = sorted.len().saturating_sub(1);
        let mut first_of_ties = 0;
        let mut rank = 0;
        for (step, removed) in removed.iter_mut().enumerate() {
            let (floor, is_between) =
                (last * step / STEPS, !(last * step).is_multiple_of(STEPS));
            // Between two ranks of different keys, the threshold lies between the keys.
            let threshold = floor + usize::from(is_between);
            while rank < threshold {
                rank += 1;
                if key(rank) != key(rank - 1) {
                    first_of_ties = rank;
                }
            }
            *removed = first_of_ties;
        }
        let items = sorted.iter().map(|word| (word & 0xffff_ffff) as usize).collect();
        Self { items, removed }
    }

    /// Returns values of the items in the opposite order, in which the keys ascend.
    ///
    /// Reading them all before they are used lets the processor wait for many of them at once.
    pub(super) fn ascending(&self, values: &[f64]) -> Vec<f64> {
        self.items.iter().rev().map(|&item| values[item]).collect()
    }

    /// Returns the error of all items, and the area under the curve.
    pub(super) fn area(&self, kind: ImageError, losses: &[f64]) -> (f64, f64) {
        let n = self.items.len();
        let (mut sum, mut end) = (0.0, n);
        let mut curve = [0.0; STEPS + 1];
        for (value, &removed) in curve.iter_mut().zip(&self.removed).rev() {
            sum += self.items[removed..end].iter().map(|&item| losses[item]).sum::<f64>();
            end = removed;
            let mean = sum / (n - removed) as f64;
            *value = if kind == ImageError::Rmse { mean.sqrt() } else { mean };
        }
        let inner: f64 = curve[1..STEPS].iter().sum();
        (curve[0], (0.5 * curve[0] + inner) / STEPS as f64)
    }
}
