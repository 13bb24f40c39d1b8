//! Standardized errors, |label - value| / `total_std`, of the labeled items of images.

use super::conformal::required_images;

/// Number of lower bits of an f32 that are ignored: standardized errors are resolved to 1/2048 of
/// their value.
const IGNORED_BITS: u32 = 12;

/// The bin of infinity, the last one.
const INFINITE: usize = (f32::INFINITY.to_bits() >> IGNORED_BITS) as usize;

/// Largest contribution of an image to a bin. Sums are integers, so they do not depend on the order
/// of the images.
const ONE: u64 = 1 << 40;

/// Returns the standardized error of an item; infinity if there is an error but no variance.
pub fn standardized_error(label: f32, value: f32, std: f32) -> f64 {
    let error = (f64::from(label) - f64::from(value)).abs();
    if error > 0.0 { error / f64::from(std) } else { 0.0 }
}

/// Returns the bin of a standardized error.
pub(super) fn bin(error: f64) -> u32 {
    (error as f32).to_bits() >> IGNORED_BITS
}

/// Returns the smallest standardized error of a bin.
pub(super) fn edge(bin: usize) -> f64 {
    f32::from_bits((bin as u32) << IGNORED_BITS).into()
}

/// Returns the number of items in each bin, in ascending order of the bins.
pub(super) fn counted(mut bins: Vec<u32>) -> Vec<(u32, u32)> {
    bins.sort_unstable();
    let runs = bins.chunk_by(|a, b| a == b);
    runs.map(|run| (run[0], run.len() as u32)).collect()
}

/// Number of items in each bin.
#[derive(Debug, Clone)]
pub(super) struct ErrorCounts {
    counts: Vec<u64>,
}

impl Default for ErrorCounts {
    fn default() -> Self {
        Self { counts: vec![0; INFINITE + 1] }
    }
}

impl ErrorCounts {
    /// Adds the items of an image.
    pub(super) fn add(&mut self, bins: &[(u32, u32)]) {
        for (bin, count) in bins {
            self.counts[*bin as usize] += u64::from(*count);
        }
    }

    /// Returns the bins with items and a finite error: the edge, and the number of items up to and in
    /// the bin.
    pub(super) fn cumulative(&self) -> Vec<(f64, u64)> {
        let mut sum = 0;
        let finite = self.counts[..INFINITE].iter().enumerate();
        finite
            .filter(|(_, count)| **count > 0)
            .map(|(bin, count)| {
                sum += count;
                (edge(bin), sum)
            })
            .collect()
    }
}

/// Reason why no intervals were found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IntervalError {
    /// At least this number of images is required.
    TooFew(usize),
    /// Only infinite intervals would hold, because too many items have an error but no variance.
    Unbounded,
}

/// Returns the factor of intervals `value ± factor * total_std` that contain the label of a new
/// image with probability 1 - alpha: the k-th smallest of the n standardized errors, with
/// k = ceil((n + 1) (1 - alpha)).
///
/// # Errors
/// Fails if there are too few images, or if that error is infinite.
pub fn split_conformal_factor(errors: &[f64], alpha: f64) -> Result<f64, IntervalError> {
    let index = super::conformal::quantile_index(errors.len(), alpha);
    let index = index.map_err(IntervalError::TooFew)?;
    let mut sorted = errors.to_vec();
    sorted.sort_unstable_by(f64::total_cmp);
    let factor = sorted[index];
    if factor.is_finite() { Ok(factor) } else { Err(IntervalError::Unbounded) }
}

/// Shares of the labeled pixels of images by their standardized error.
///
/// The loss of an image is the share of its labeled pixels outside of their intervals. Only images,
/// not pixels, are exchangeable: the pixels of an image resemble each other.
#[derive(Debug, Clone)]
pub struct ErrorShares {
    /// For each bin, the sum over images of the share of pixels, in units of 1/[`ONE`].
    shares: Vec<u64>,
    n_images: usize,
}

impl Default for ErrorShares {
    fn default() -> Self {
        Self { shares: vec![0; INFINITE + 1], n_images: 0 }
    }
}

impl ErrorShares {
    /// Adds an image by the standardized errors of its labeled pixels.
    pub fn add(&mut self, errors: &[f64]) {
        let bins = errors.iter().map(|error| bin(*error)).collect();
        self.add_counted(&counted(bins), errors.len() as u64);
    }

    /// Adds an image by the numbers of pixels in bins; further ones of its labeled pixels have no
    /// error.
    pub(super) fn add_counted(&mut self, bins: &[(u32, u32)], n_labeled: u64) {
        if n_labeled == 0 {
            return;
        }
        self.n_images += 1;
        for (bin, count) in bins {
            self.shares[*bin as usize] += (u64::from(*count) * ONE).div_ceil(n_labeled);
        }
    }

    /// Returns the factor of intervals `value ± factor * total_std` that miss at most a share alpha
    /// of an image's pixels, on average over new images: the smallest edge of a bin for which
    /// (sum of the missed shares + 1) / (n + 1) is at most alpha.
    ///
    /// # Errors
    /// Fails if there are too few images, or if too many pixels have an infinite error.
    pub fn risk_control_factor(&self, alpha: f64) -> Result<f64, IntervalError> {
        if self.n_images < required_images(alpha) {
            return Err(IntervalError::TooFew(required_images(alpha)));
        }
        let most = (alpha * (self.n_images + 1) as f64 - 1.0 + 1e-9) * ONE as f64;
        let mut sum = 0_u128;
        // With the edge of a bin as factor, the pixels of this and of all higher bins count as missed.
        let last = self.shares.iter().rposition(|share| {
            sum += u128::from(*share);
            sum as f64 > most
        });
        match last {
            Some(INFINITE) => Err(IntervalError::Unbounded),
            Some(last) if last + 1 == INFINITE => Err(IntervalError::Unbounded),
            Some(last) => Ok(edge(last + 1)),
            None => Ok(0.0),
        }
    }

    /// Returns the mean share of an image's pixels inside of intervals with this factor, an edge of a
    /// bin.
    pub(super) fn coverage(&self, factor: f64) -> f64 {
        let missed = &self.shares[bin(factor) as usize..];
        let missed: f64 = missed.iter().map(|share| *share as f64 / ONE as f64).sum();
        (1.0 - missed / self.n_images as f64).max(0.0)
    }
}

#[cfg(test)]
mod tests;
