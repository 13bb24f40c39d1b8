//! Rules for sets of classes with a guaranteed coverage.
//!
//! # References
//! - M. Sadinle, J. Lei, L. Wasserman (2019), *Least Ambiguous Set-Valued Classifiers with Bounded
//!   Error Levels*, JASA.
//! - Y. Romano, M. Sesia, E. Candès (2020), *Classification with Valid and Adaptive Coverage*,
//!   `NeurIPS`.
//! - A. Angelopoulos et al. (2024), *Conformal Risk Control*, ICLR: the mean loss of images, here
//!   the share of pixels whose set misses their class.

use super::threshold::rank;
use crate::policy::SetRule;

/// Returns the rule of sets that contain the class of a new item with probability 1 - alpha. The
/// least probability is the k-th largest of the n items' probabilities of their true class, with
/// k = ceil((n + 1) (1 - alpha)).
///
/// # Errors
/// Returns the required number of items if there are fewer.
pub fn lac_rule(own: &[f32], alpha: f64) -> Result<SetRule, usize> {
    let mut sorted = own.to_vec();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    Ok(SetRule::AtLeast(sorted[quantile_index(own.len(), alpha)?]))
}

/// Returns the rule with the same guarantee from the sums of the probabilities above that of the
/// true class ([`sum_before`](crate::policy::sum_before)): the k-th smallest of them.
///
/// # Errors
/// Returns the required number of items if there are fewer.
pub fn aps_rule(sums: &[f32], alpha: f64) -> Result<SetRule, usize> {
    let mut sorted = sums.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    Ok(SetRule::AfterSum(sorted[quantile_index(sums.len(), alpha)?]))
}

/// Returns the index of the sorted value that a share 1 - alpha of new values does not exceed.
pub(super) fn quantile_index(n: usize, alpha: f64) -> Result<usize, usize> {
    let rank = rank(n, 1.0 - alpha);
    if rank > n { Err(required_images(alpha)) } else { Ok(rank - 1) }
}

/// Returns the smallest number of images for a guarantee of 1 - alpha.
pub(super) fn required_images(alpha: f64) -> usize {
    ((1.0 - alpha) / alpha - 1e-9).ceil() as usize
}

/// Number of lower bits of an f32 that are ignored: probabilities are resolved to 1/2048 of
/// their value.
pub(super) const IGNORED_BITS: u32 = 12;

/// Number of bins of probabilities from 0 to 1.
const BINS: usize = (1_f32.to_bits() >> IGNORED_BITS) as usize + 1;

/// Largest contribution of an image to a bin. Sums are integers, so they do not depend on the order
/// of the images.
const ONE: u64 = 1 << 40;

/// Shares of pixels whose set misses their class, by the least probability of the rule.
#[derive(Debug, Clone)]
pub(super) struct MissedShares {
    /// For each bin, the sum over images of the share of pixels, in units of 1/[`ONE`], whose true
    /// class has that probability and is not the most probable class.
    missed: Vec<u64>,
    n_images: usize,
}

impl Default for MissedShares {
    fn default() -> Self {
        Self { missed: vec![0; BINS], n_images: 0 }
    }
}

impl MissedShares {
    /// Adds an image: the probabilities of the true class of those labeled pixels for which it is
    /// not the most probable class, and the number of labeled pixels.
    pub(super) fn add(&mut self, missed: &[f32], n_labeled: usize) {
        if n_labeled == 0 {
            return;
        }
        let mut counts = std::collections::BTreeMap::new();
        for p in missed {
            let bin = p.clamp(0.0, 1.0).to_bits() >> IGNORED_BITS;
            *counts.entry(bin).or_insert(0_u64) += 1;
        }
        self.add_counts(counts.into_iter(), n_labeled as u64);
    }

    /// Adds an image by the numbers of these items in each bin; `n_labeled` is not 0.
    pub(super) fn add_counts(
        &mut self,
        counts: impl Iterator<Item = (u32, u64)>,
        n_labeled: u64,
    ) {
        self.n_images += 1;
        for (bin, count) in counts {
            self.missed[bin as usize] += (count * ONE).div_ceil(n_labeled);
        }
    }
}

/// Returns the rule of pixels' sets that miss at most a share alpha of an image's pixels, on average
/// over new images: the largest least probability for which
/// (sum of the missed shares + 1) / (n + 1) is at most alpha.
///
/// # Errors
/// Returns the required number of images if there are fewer.
pub(super) fn risk_control_rule(
    seen: &MissedShares,
    alpha: f64,
) -> Result<SetRule, usize> {
    if seen.n_images < required_images(alpha) {
        return Err(required_images(alpha));
    }
    let most = (alpha * (seen.n_images + 1) as f64 - 1.0 + 1e-9) * ONE as f64;
    let mut sum = 0_u128;
    // With the lower edge of a bin as least probability, the pixels of all lower bins are missed.
    let first = seen.missed.iter().position(|missed| {
        sum += u128::from(*missed);
        sum as f64 > most
    });
    let least = first.map_or(1.0, |bin| f32::from_bits((bin as u32) << IGNORED_BITS));
    Ok(SetRule::AtLeast(least))
}

#[cfg(test)]
mod tests;
