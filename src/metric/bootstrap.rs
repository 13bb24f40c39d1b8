//! Intervals: how metrics would vary with other images of the same kind.
//!
//! Each replicate counts every image as often as a Poisson number of mean 1 says, which is a
//! function of the image's id and the replicate alone: images may come in any order and any parts,
//! nothing is kept of them, and two runs over the same images have the same intervals. Pixels of
//! one image stay together, since they are not independent.
//!
//! # References
//! Chamandy et al. (2012), *Estimating Uncertainty for Massive Data Streams*.

use super::tally::Tally;
use crate::random::{absorb, image_key, squares32};

/// Replicates of an interval.
pub const REPLICATES: usize = 200;
/// With fewer images there is no interval.
pub const FEWEST_IMAGES: u64 = 10;

/// What an image of this id counts in each replicate.
pub(super) fn weights(id: &str) -> impl Iterator<Item = u64> + use<> {
    let key = absorb(image_key(id.as_bytes()) | 1, 0);
    (0..REPLICATES as u64).map(move |replicate| poisson(squares32(replicate, key)))
}

/// The Poisson number of mean 1 of a uniform one, by its distribution function.
fn poisson(word: u32) -> u64 {
    let uniform = (f64::from(word) + 0.5) / 2f64.powi(32);
    let (mut n, mut chance) = (0, (-1f64).exp());
    let mut below = chance;
    while uniform > below && n < 20 {
        n += 1;
        chance /= n as f64;
        below += chance;
    }
    n
}

/// Tallies of all replicates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Replicates(Vec<Tally>);

impl Replicates {
    pub(super) fn new(n_classes: usize, n_scores: usize) -> Self {
        Self(vec![Tally::new_coarse(n_classes, n_scores); REPLICATES])
    }

    /// Adds an image's tally.
    pub(super) fn add(&mut self, id: &str, image: &Tally) {
        let image = image.coarsened();
        for (replicate, weight) in self.0.iter_mut().zip(weights(id)) {
            if weight > 0 {
                replicate.add_times(&image, weight);
            }
        }
    }

    pub(super) fn merge(&mut self, other: &Self) {
        for (own, other) in self.0.iter_mut().zip(&other.0) {
            own.add(other);
        }
    }

    /// The central 95 % of a metric over the replicates that have it; `None` where fewer than
    /// half do.
    pub(super) fn interval(
        &self,
        metric: impl Fn(&Tally) -> Option<f64>,
    ) -> Option<(f64, f64)> {
        central(self.0.iter().filter_map(metric).collect())
    }
}

/// The 2.5 % and 97.5 % quantiles by nearest rank, of at least half of the replicates.
pub(super) fn central(mut values: Vec<f64>) -> Option<(f64, f64)> {
    if values.len() < REPLICATES / 2 {
        return None;
    }
    values.sort_by(f64::total_cmp);
    let rank = |share: f64| ((share * values.len() as f64).ceil() as usize).max(1) - 1;
    Some((values[rank(0.025)], values[rank(0.975)]))
}
