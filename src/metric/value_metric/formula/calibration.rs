//! Calibration: agreement of predicted distributions with the errors.
//!
//! # References
//! - F. K. Gustafsson, M. Danelljan, T. B. Schön (2020), *Evaluating Scalable Bayesian Deep
//!   Learning Methods for Robust Computer Vision*, CVPR workshops: the area under the
//!   calibration error curve.
//! - D. Levi et al. (2022), *Evaluating and Calibrating Uncertainty Prediction in Regression
//!   Tasks*, Sensors; arXiv 1905.11659: the expected normalized calibration error.

use super::ValueMetricInput;
use super::sorted_items::{
    FirstItems, ItemSums, sorted_bins, sorted_slack, squared_slack,
};
use crate::metric::value_metric::distribution::{LEVELS, level};

/// Number of bins of the standard deviation, with equally many items each.
const BINS: u64 = 15;

/// Returns the mean negative log-likelihood of the label, in nats.
pub(in crate::metric::value_metric) fn negative_log_likelihood(
    input: &ValueMetricInput,
) -> Option<f64> {
    input.prediction()?.distribution.likelihood.mean(input.count())
}

/// Returns the share of the standard deviations that are below the floor.
pub(in crate::metric::value_metric) fn floored(input: &ValueMetricInput) -> Option<f64> {
    let count = input.count();
    let floored = input.prediction()?.distribution.floored;
    (count > 0).then(|| floored as f64 / count as f64)
}

/// Returns the mean continuous ranked probability score.
pub(in crate::metric::value_metric) fn crps(input: &ValueMetricInput) -> Option<f64> {
    input.prediction()?.distribution.crps.mean(input.count())
}

/// Returns the root of the mean predicted variance.
pub(in crate::metric::value_metric) fn sharpness(
    input: &ValueMetricInput,
) -> Option<f64> {
    input.prediction()?.distribution.variance.mean(input.count()).map(f64::sqrt)
}

/// Returns the share of the labels inside of the central interval of each level; empty without
/// items.
pub(in crate::metric::value_metric) fn coverages(input: &ValueMetricInput) -> Vec<f64> {
    let count = input.count();
    let Some(prediction) = input.prediction().filter(|_| count > 0) else {
        return Vec::new();
    };
    let mut covered = 0;
    let counts = prediction.distribution.first_level[..LEVELS].iter();
    counts
        .map(|items| {
            covered += items;
            covered as f64 / count as f64
        })
        .collect()
}

/// Returns the share of the labels inside of the central 50 % interval.
pub(in crate::metric::value_metric) fn coverage_50(
    input: &ValueMetricInput,
) -> Option<f64> {
    coverage(input, 50)
}

/// Returns the share of the labels inside of the central 68 % interval.
pub(in crate::metric::value_metric) fn coverage_68(
    input: &ValueMetricInput,
) -> Option<f64> {
    coverage(input, 68)
}

/// Returns the share of the labels inside of the central 90 % interval.
pub(in crate::metric::value_metric) fn coverage_90(
    input: &ValueMetricInput,
) -> Option<f64> {
    coverage(input, 90)
}

/// Returns the share of the labels inside of the central 95 % interval.
pub(in crate::metric::value_metric) fn coverage_95(
    input: &ValueMetricInput,
) -> Option<f64> {
    coverage(input, 95)
}

fn coverage(input: &ValueMetricInput, percent: usize) -> Option<f64> {
    coverages(input).get(percent - 1).copied()
}

/// Returns the area between the coverage of the levels 0.01, 0.02, .., 0.99 and the levels, by the
/// trapezoidal rule.
pub(in crate::metric::value_metric) fn auce(input: &ValueMetricInput) -> Option<f64> {
    let coverages = coverages(input);
    let (first, last) = (*coverages.first()?, *coverages.last()?);
    let gap = |index: usize, coverage: f64| (coverage - level(index)).abs();
    let sum: f64 =
        coverages.iter().enumerate().map(|(index, &coverage)| gap(index, coverage)).sum();
    let ends = 0.5 * (gap(0, first) + gap(LEVELS - 1, last));
    Some((sum - ends) / (LEVELS + 1) as f64)
}

/// Items with similar standard deviations.
#[derive(Debug, Clone, Copy)]
pub(in crate::metric::value_metric) struct StdBin {
    /// Number of items.
    count: u64,
    /// Sum of the squared errors, and a bound on its error.
    squared: (f64, f64),
    /// Sum of the variances, and a bound on its error.
    variance: (f64, f64),
}

impl StdBin {
    /// Returns the root of the mean variance.
    pub(in crate::metric::value_metric) fn std(&self) -> f64 {
        (self.variance.0 / self.count as f64).sqrt()
    }

    /// Returns the root of the mean squared error.
    pub(in crate::metric::value_metric) fn rmse(&self) -> f64 {
        (self.squared.0 / self.count as f64).sqrt()
    }

    /// Returns the distance of the ratio of both from 1.
    fn gap(&self) -> f64 {
        (1.0 - (self.squared.0 / self.variance.0).sqrt()).abs()
    }

    /// Returns a bound on the error of [`Self::gap`].
    fn gap_bound(&self) -> f64 {
        let ((squared, more), (variance, wider)) = (self.squared, self.variance);
        let ratio = (squared / variance).sqrt();
        let most = ((squared + more) / (variance - wider).max(f64::MIN_POSITIVE)).sqrt();
        let least = ((squared - more).max(0.0) / (variance + wider)).sqrt();
        f64::max(most - ratio, ratio - least)
    }
}

/// Returns the items in 15 bins with as equal a number of items as possible: sorted by the
/// standard deviation, the `k`-th bin ends before item `⌊k N / 15⌋`. Items of equal standard
/// deviation around an end are divided evenly. Empty bins are left out.
pub(in crate::metric::value_metric) fn std_bins(input: &ValueMetricInput) -> Vec<StdBin> {
    let Some(std) = input.std() else { return Vec::new() };
    let bins = sorted_bins(&std.bins);
    let mut items = FirstItems::new(&bins);
    let count = input.count();
    let mut before = (0, ItemSums { squared: 0.0, variance: 0.0, cut: None });
    let mut found = Vec::with_capacity(BINS as usize);
    for k in 1..=BINS {
        let end = (u128::from(count) * u128::from(k) / u128::from(BINS)) as u64;
        let sums = items.first(end);
        let slack = |slack: fn(&_, u64) -> f64| -> f64 {
            let cuts = [before.1.cut, sums.cut].into_iter().flatten();
            cuts.filter(|(bin, _)| bin.is_mixed)
                .map(|(bin, taken)| slack(&bin, taken))
                .sum()
        };
        let bin = StdBin {
            count: end - before.0,
            squared: ((sums.squared - before.1.squared).max(0.0), slack(squared_slack)),
            variance: (sums.variance - before.1.variance, slack(sorted_slack)),
        };
        if bin.count > 0 {
            found.push(bin);
        }
        before = (end, sums);
    }
    found
}

/// Returns the expected normalized calibration error: the mean over the bins of [`std_bins`] of
/// the distance between the root of the mean variance and that of the mean squared error, divided
/// by the former.
pub(in crate::metric::value_metric) fn ence(input: &ValueMetricInput) -> Option<f64> {
    mean_over_bins(input, StdBin::gap)
}

/// Returns a bound on the error of [`ence`].
pub(in crate::metric::value_metric) fn ence_bound(input: &ValueMetricInput) -> f64 {
    mean_over_bins(input, StdBin::gap_bound).unwrap_or(0.0)
}

fn mean_over_bins(input: &ValueMetricInput, value: fn(&StdBin) -> f64) -> Option<f64> {
    let bins = std_bins(input);
    (!bins.is_empty()).then(|| bins.iter().map(value).sum::<f64>() / bins.len() as f64)
}
