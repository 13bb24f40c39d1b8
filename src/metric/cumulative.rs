//! The first items of a sorted list that is known by bins.

use super::fixed::number;
use super::histogram::Summed;

/// A walk along bins.
#[derive(Debug)]
pub(super) struct Cumulative<'a> {
    bins: &'a [Summed],
    next: usize,
    count: u64,
    right: u64,
    sum: u128,
}

/// Sums over the first items.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    /// Right items.
    pub(super) right: f64,
    /// The other quantity.
    pub(super) sum: f64,
    /// The bin that is only partly in.
    pub(super) cut: Option<Cut>,
}

/// A bin of which some items are in; each of its items is taken to be in with the same share.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cut {
    /// The bin.
    pub(super) bin: Summed,
    /// Number of its items that are in.
    pub(super) taken: u64,
}

impl<'a> Cumulative<'a> {
    pub(super) fn new(bins: &'a [Summed]) -> Self {
        Self { bins, next: 0, count: 0, right: 0, sum: 0 }
    }

    /// Number of all items.
    pub(super) fn count(&self) -> u64 {
        self.bins.iter().map(|bin| bin.count).sum()
    }

    /// The first `n` items; `n` never falls from call to call.
    pub(super) fn first(&mut self, n: u64) -> Part {
        while let Some(bin) = self.bins.get(self.next) {
            if self.count + bin.count > n {
                break;
            }
            self.count += bin.count;
            self.right += bin.right;
            self.sum += bin.sum;
            self.next += 1;
        }
        let taken = n - self.count;
        let cut = self.bins.get(self.next).filter(|_| taken > 0);
        let cut = cut.map(|&bin| Cut { bin, taken });
        let (mut right, mut sum) = (self.right as f64, number(self.sum));
        if let Some(Cut { bin, taken }) = cut {
            let share = taken as f64 / bin.count as f64;
            right += share * bin.right as f64;
            sum += share * number(bin.sum);
        }
        Part { right, sum, cut }
    }
}
