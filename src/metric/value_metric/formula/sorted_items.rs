//! Items in ascending order of a standard deviation or an error, in bins.

use crate::metric::sparse_bins::SparseBins;
use crate::metric::value_metric::log_bins::{LogResolution, is_mixed};
use crate::metric::value_metric::sums::ErrorBin;

/// Items of a bin, with rounded sums.
#[derive(Debug, Clone, Copy)]
pub(in crate::metric::value_metric) struct SortedBin {
    /// Smallest and largest possible value by which the items are sorted, if they differ.
    pub(in crate::metric::value_metric) edges: (f64, f64),
    pub(in crate::metric::value_metric) count: u64,
    pub(in crate::metric::value_metric) large: u64,
    pub(in crate::metric::value_metric) absolute: f64,
    pub(in crate::metric::value_metric) squared: f64,
    pub(in crate::metric::value_metric) variance: f64,
    /// Largest absolute error.
    pub(in crate::metric::value_metric) largest: f64,
    /// True if the items differ in the value by which they are sorted.
    pub(in crate::metric::value_metric) is_mixed: bool,
}

/// Returns the bins in ascending order. Edges are those of the finest resolution; those of other
/// bins, in the replicates, are not used.
pub(in crate::metric::value_metric) fn sorted_bins(
    bins: &SparseBins<ErrorBin>,
) -> Vec<SortedBin> {
    let resolution = LogResolution::FINE;
    bins.iter()
        .map(|(index, bin)| SortedBin {
            edges: (resolution.lower_edge(index), resolution.upper_edge(index)),
            count: bin.count,
            large: bin.large,
            absolute: bin.absolute.value(),
            squared: bin.squared.value(),
            variance: bin.variance.value(),
            largest: bin.largest.into(),
            is_mixed: is_mixed(bin.marks),
        })
        .collect()
}

/// Walks along sorted bins and sums their first items.
#[derive(Debug)]
pub(in crate::metric::value_metric) struct FirstItems<'a> {
    bins: &'a [SortedBin],
    next: usize,
    count: u64,
    squared: f64,
    variance: f64,
}

/// Sums over the first items of a sorted list.
#[derive(Debug, Clone, Copy)]
pub(in crate::metric::value_metric) struct ItemSums {
    /// Sum of the squared errors.
    pub(in crate::metric::value_metric) squared: f64,
    /// Sum of the variances.
    pub(in crate::metric::value_metric) variance: f64,
    /// The bin of which only a part belongs to the first items, and the number of its items that
    /// do, each with the same share.
    pub(in crate::metric::value_metric) cut: Option<(SortedBin, u64)>,
}

impl<'a> FirstItems<'a> {
    pub(in crate::metric::value_metric) fn new(bins: &'a [SortedBin]) -> Self {
        Self { bins, next: 0, count: 0, squared: 0.0, variance: 0.0 }
    }

    /// Returns the sums over the first `n` items; `n` must not decrease from call to call.
    pub(in crate::metric::value_metric) fn first(&mut self, n: u64) -> ItemSums {
        while let Some(bin) = self.bins.get(self.next) {
            if self.count + bin.count > n {
                break;
            }
            self.count += bin.count;
            self.squared += bin.squared;
            self.variance += bin.variance;
            self.next += 1;
        }
        let taken = n - self.count;
        let cut = self.bins.get(self.next).filter(|_| taken > 0).map(|&bin| (bin, taken));
        let (mut squared, mut variance) = (self.squared, self.variance);
        if let Some((bin, taken)) = cut {
            let share = taken as f64 / bin.count as f64;
            squared += share * bin.squared;
            variance += share * bin.variance;
        }
        ItemSums { squared, variance, cut }
    }
}

/// Returns the largest distance of the sum of squared errors over `taken` items of a bin from
/// their even share, if each error lies between 0 and the largest one.
pub(in crate::metric::value_metric) fn squared_slack(bin: &SortedBin, taken: u64) -> f64 {
    let (taken, n) = (taken as f64, bin.count as f64);
    let largest = bin.largest * bin.largest;
    let even = bin.squared * taken / n;
    let most = f64::min(largest * taken, bin.squared);
    let least = f64::max(0.0, bin.squared - largest * (n - taken));
    f64::max(most - even, even - least)
}

/// Returns the largest distance of the sum of the squares of the sorted values over `taken` items
/// of a bin from their even share.
pub(in crate::metric::value_metric) fn sorted_slack(bin: &SortedBin, taken: u64) -> f64 {
    let (low, high) = bin.edges;
    (high * high - low * low) * taken.min(bin.count - taken) as f64
}
