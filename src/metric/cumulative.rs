//! The first items of a sorted list that is known by bins.

use super::fixed::number;
use super::histogram::SummedBin;

/// A walk along bins.
#[derive(Debug)]
pub(super) struct CumulativeItems<'a> {
    bins: &'a [SummedBin],
    next: usize,
    count: u64,
    right: u64,
    sum: u128,
}

/// Sums over the first items.
#[derive(Debug, Clone, Copy)]
pub(super) struct ItemPrefix {
    /// Right items.
    pub(super) right: f64,
    /// The other quantity.
    pub(super) sum: f64,
    /// The bin that is only partly in.
    pub(super) cut: Option<PartialBin>,
}

/// A bin of which some items are in; each of its items is taken to be in with the same share.
#[derive(Debug, Clone, Copy)]
pub(super) struct PartialBin {
    /// The bin.
    pub(super) bin: SummedBin,
    /// Number of its items that are in.
    pub(super) taken: u64,
}

impl<'a> CumulativeItems<'a> {
    pub(super) fn new(bins: &'a [SummedBin]) -> Self {
        Self { bins, next: 0, count: 0, right: 0, sum: 0 }
    }

    /// Number of all items.
    pub(super) fn count(&self) -> u64 {
        self.bins.iter().map(|bin| bin.count).sum()
    }

    /// The first `n` items; `n` never falls from call to call.
    pub(super) fn first(&mut self, n: u64) -> ItemPrefix {
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
        let cut = cut.map(|&bin| PartialBin { bin, taken });
        let (mut right, mut sum) = (self.right as f64, number(self.sum));
        if let Some(PartialBin { bin, taken }) = cut {
            let share = taken as f64 / bin.count as f64;
            right += share * bin.right as f64;
            sum += share * number(bin.sum);
        }
        ItemPrefix { right, sum, cut }
    }
}
