//! Sets of classes with a promise.
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

/// The rule of sets that hold the class of a new item with probability 1 - alpha: of the n items'
/// probabilities of their own class, the k-th largest, k = ceil((n + 1) (1 - alpha)).
///
/// # Errors
/// The number of items that it takes, where there are too few.
pub fn lac_rule(own: &[f32], alpha: f64) -> Result<SetRule, usize> {
    let mut sorted = own.to_vec();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    Ok(SetRule::AtLeast(sorted[place(own.len(), alpha)?]))
}

/// The same of sums before the own class ([`sum_before`](crate::policy::sum_before)), of which the
/// k-th smallest.
///
/// # Errors
/// The number of items that it takes, where there are too few.
pub fn aps_rule(sums: &[f32], alpha: f64) -> Result<SetRule, usize> {
    let mut sorted = sums.to_vec();
    sorted.sort_unstable_by(f32::total_cmp);
    Ok(SetRule::AfterSum(sorted[place(sums.len(), alpha)?]))
}

/// The place, from 0, of the value that a share 1 - alpha of new ones does not exceed.
fn place(n: usize, alpha: f64) -> Result<usize, usize> {
    let rank = rank(n, 1.0 - alpha);
    if rank > n { Err(needed(alpha)) } else { Ok(rank - 1) }
}

/// The smallest number of images for a promise of 1 - alpha.
fn needed(alpha: f64) -> usize {
    ((1.0 - alpha) / alpha - 1e-9).ceil() as usize
}

/// Bits of an f32 that are not looked at: probabilities are told apart to a part in 2048.
const BLUNT: u32 = 12;

/// Places for probabilities from 0 to 1.
const PLACES: usize = (1_f32.to_bits() >> BLUNT) as usize + 1;

/// What an image adds to a place at most, so that sums are whole numbers and do not depend on the
/// order of the images.
const ONE: u64 = 1 << 40;

/// Shares of pixels that a set misses, by the least probability that it would take.
#[derive(Debug, Clone)]
pub struct MissedShares {
    /// For each place, the sum over images of the share of their pixels, in parts of [`ONE`],
    /// whose own class has that probability and is not the most probable.
    missed: Vec<u64>,
    n_images: usize,
}

impl Default for MissedShares {
    fn default() -> Self {
        Self { missed: vec![0; PLACES], n_images: 0 }
    }
}

impl MissedShares {
    /// Adds an image: the probabilities of the true class of its labeled pixels where that is not
    /// the most probable one, and how many labeled pixels there are.
    pub fn add(&mut self, missed: &[f32], n_labeled: usize) {
        if n_labeled == 0 {
            return;
        }
        self.n_images += 1;
        let mut counts = std::collections::BTreeMap::new();
        for p in missed {
            let place = (p.clamp(0.0, 1.0).to_bits() >> BLUNT) as usize;
            *counts.entry(place).or_insert(0_u64) += 1;
        }
        for (place, count) in counts {
            self.missed[place] += (count * ONE).div_ceil(n_labeled as u64);
        }
    }
}

/// The rule of pixels' sets that miss at most a share alpha of an image's pixels, on average over
/// new images: the largest least probability at which (the sum of the shares missed + 1) / (n + 1)
/// is at most alpha.
///
/// # Errors
/// The number of images that it takes, where there are too few.
pub fn crc_rule(seen: &MissedShares, alpha: f64) -> Result<SetRule, usize> {
    if seen.n_images < needed(alpha) {
        return Err(needed(alpha));
    }
    let most = (alpha * (seen.n_images + 1) as f64 - 1.0 + 1e-9) * ONE as f64;
    let mut sum = 0_u128;
    let exceeds = |missed: &u64| {
        sum += u128::from(*missed);
        sum as f64 > most
    };
    // At the value of a place, all pixels of places below it are missed.
    let first = seen.missed.iter().position(exceeds);
    let least = first.map_or(1.0, |place| f32::from_bits((place as u32) << BLUNT));
    Ok(SetRule::AtLeast(least))
}

#[cfg(test)]
mod tests;
