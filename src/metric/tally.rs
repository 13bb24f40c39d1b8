//! Counts and sums over items that need no order of them: right items, likelihoods, and the bins
//! of calibration errors.

use super::fixed::ONE;

/// Bins of calibration errors: 15 of equal width, `[k/15, (k+1)/15)`, the last with 1.
pub(super) const BINS: usize = 15;

/// The bin of a number from 0 to 1, or a little more, in units.
///
/// Units are exact for every f32 from 2⁻¹³ on, which the first edge is far above, so numbers at
/// an edge are in the right bin.
#[inline(always)]
pub(super) fn bin(units: u64) -> usize {
    ((units * BINS as u64 / ONE) as usize).min(BINS - 1)
}

/// Items of a bin, how many of them are hits, and the sum of the number that they were binned by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ReliabilityBin {
    /// Number of items.
    pub(super) count: u64,
    /// Right items for confidence, wrong ones for uncertainty.
    pub(super) hits: u64,
    /// The sum, in units.
    pub(super) sum: u128,
}

impl ReliabilityBin {
    /// Adds an item.
    pub(super) fn put(&mut self, is_hit: bool, units: u64) {
        self.count += 1;
        self.hits += u64::from(is_hit);
        self.sum += u128::from(units);
    }

    fn add(&mut self, other: &Self, weight: u64) {
        self.count += other.count * weight;
        self.hits += other.hits * weight;
        self.sum += other.sum * u128::from(weight);
    }
}

/// How often a class is the label, the prediction, and both.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ClassCounts {
    /// Items with this label.
    pub(super) labels: u64,
    /// Labeled items with this prediction.
    pub(super) predictions: u64,
    /// Items with both.
    pub(super) hits: u64,
}

impl ClassCounts {
    pub(super) fn add(&mut self, other: &Self, weight: u64) {
        self.labels += other.labels * weight;
        self.predictions += other.predictions * weight;
        self.hits += other.hits * weight;
    }
}

/// Sums over labeled items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally {
    /// Number of items.
    pub(super) count: u64,
    /// Right ones.
    pub(super) right: u64,
    /// Items whose true class has a probability below the floor.
    pub(super) floored: u64,
    /// Negative log-likelihoods, in units.
    pub(super) log_loss: u128,
    /// Brier scores, in units.
    pub(super) brier: u128,
    /// By the probability of the predicted class.
    pub(super) confidence: [ReliabilityBin; BINS],
    /// By predictive entropy divided by ln C, where it is given.
    pub(super) entropy: [ReliabilityBin; BINS],
}

impl Tally {
    /// Adds another one `weight` times.
    pub(super) fn add(&mut self, other: &Self, weight: u64) {
        self.count += other.count * weight;
        self.right += other.right * weight;
        self.floored += other.floored * weight;
        self.log_loss += other.log_loss * u128::from(weight);
        self.brier += other.brier * u128::from(weight);
        let add = |to: &mut [ReliabilityBin], from: &[ReliabilityBin]| {
            to.iter_mut().zip(from).for_each(|(to, from)| to.add(from, weight));
        };
        add(&mut self.confidence, &other.confidence);
        add(&mut self.entropy, &other.entropy);
    }
}
