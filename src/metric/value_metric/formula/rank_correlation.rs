//! Rank correlation of the absolute error and the standard deviation.

use std::collections::BTreeMap;
use std::f64::consts::PI;

use super::ValueMetricInput;
use crate::metric::sparse_bins::SparseBins;
use crate::metric::value_metric::log_bins::{LogResolution, is_mixed};
use crate::metric::value_metric::sums::{ErrorBin, unpair};

/// Items of a bin: their number, and their mean rank minus that of all items.
type BinRanks = BTreeMap<u32, (f64, f64)>;

/// Ranks by the standard deviation and by the error.
struct Ranks {
    stds: BinRanks,
    errors: BinRanks,
    /// Sum over items of the product of both.
    product: f64,
}

impl Ranks {
    fn new(pairs: &SparseBins<u64>) -> Self {
        let (mut stds, mut errors) = (BinRanks::new(), BinRanks::new());
        for (index, &count) in pairs.iter() {
            let (std, error) = unpair(index);
            stds.entry(std).or_default().0 += count as f64;
            errors.entry(error).or_default().0 += count as f64;
        }
        center(&mut stds);
        center(&mut errors);
        let product = pairs.iter().map(|(index, &count)| {
            let (std, error) = unpair(index);
            count as f64 * stds[&std].1 * errors[&error].1
        });
        let product = product.sum();
        Self { stds, errors, product }
    }

    /// Returns the correlation; `None` if all ranks of a side are equal.
    fn correlation(&self) -> Option<f64> {
        let size = (sum_of_squares(&self.stds) * sum_of_squares(&self.errors)).sqrt();
        (size > 0.0).then(|| (self.product / size).clamp(-1.0, 1.0))
    }
}

/// Sets the mean ranks from the numbers of items.
fn center(bins: &mut BinRanks) {
    let total: f64 = bins.values().map(|(count, _)| count).sum();
    let mut before = 0.0;
    for (count, rank) in bins.values_mut() {
        *rank = before + 0.5 * (*count - total);
        before += *count;
    }
}

fn sum_of_squares(bins: &BinRanks) -> f64 {
    bins.values().map(|(count, rank)| count * rank * rank).sum()
}

/// Returns Spearman's rank correlation of the absolute error and the standard deviation: the
/// correlation of their ranks, where ties have their mean rank. `None` if all standard deviations
/// or all errors are equal, or so near to each other that they share a bin.
pub(in crate::metric::value_metric) fn spearman(input: &ValueMetricInput) -> Option<f64> {
    Ranks::new(&input.std()?.pairs).correlation()
}

/// Returns a bound on the error of [`spearman`].
///
/// The mean ranks of bins are the projection of the ranks onto the vectors that are constant in
/// each bin. The angle between both is at most that of distinct ranks in every bin with several
/// values, and the angle of the correlation changes at most by the sum of the angles of both
/// sides.
pub(in crate::metric::value_metric) fn spearman_bound(input: &ValueMetricInput) -> f64 {
    let bound = || {
        let std = input.std()?;
        let ranks = Ranks::new(&std.pairs);
        let found = ranks.correlation()?;
        let shift = angle(&ranks.stds, &std.bins)
            + angle(&ranks.errors, &input.prediction()?.by_error);
        let (most, least) =
            ((found.acos() - shift).max(0.0), (found.acos() + shift).min(PI));
        Some(f64::max(most.cos() - found, found - least.cos()))
    };
    bound().unwrap_or(0.0)
}

/// Returns the largest angle between the ranks and the mean ranks of bins; `fine` holds the same
/// items in finer bins.
fn angle(bins: &BinRanks, fine: &SparseBins<ErrorBin>) -> f64 {
    // The only fine bin of each bin, if it has one value.
    let mut single: BTreeMap<u32, bool> = BTreeMap::new();
    for (index, content) in fine.iter() {
        let bin = LogResolution::PAIR.of_finer(index, LogResolution::FINE);
        let has_one_value = !is_mixed(content.marks);
        single.entry(bin).and_modify(|single| *single = false).or_insert(has_one_value);
    }
    let lost: f64 = bins
        .iter()
        .filter(|(bin, _)| single.get(bin) != Some(&true))
        .map(|(_, (count, _))| (count.powi(3) - count) / 12.0)
        .sum();
    (lost / sum_of_squares(bins)).sqrt().atan()
}
