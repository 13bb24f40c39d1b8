//! Sparsification: decrease of the error when the items with the largest standard deviation are
//! removed.
//!
//! Three quantities have the name AUSE, and their values are not comparable:
//! - `ause_ilg`, after Ilg et al.: the mean absolute error of the remaining items at every share
//!   removed, divided by that of all items, minus the same in the order of the errors themselves;
//!   the area from 0 to 1;
//! - `ause_gustafsson`: the root of the mean squared error after removing 0, 1, .., 99 % of the
//!   items, divided by that of all items, minus the same in the order of the errors; the area by
//!   the trapezoidal rule from 0 to 0.99;
//! - `ause_poggi`: for each image, in 50 steps and not normalized
//!   ([`image_curves`](crate::metric::value_metric::image_curves)); the mean over images.
//!
//! # References
//! - E. Ilg et al. (2018), *Uncertainty Estimates and Multi-Hypotheses Networks for Optical
//!   Flow*, ECCV.
//! - F. K. Gustafsson, M. Danelljan, T. B. Schön (2020), *Evaluating Scalable Bayesian Deep
//!   Learning Methods for Robust Computer Vision*, CVPR workshops.
//! - M. Poggi et al. (2020), *On the Uncertainty of Self-Supervised Monocular Depth Estimation*,
//!   CVPR.

use super::ValueMetricInput;
use super::error::{mae, rmse};
use super::sorted_items::{
    FirstItems, SortedBin, sorted_bins, sorted_slack, squared_slack,
};
use crate::metric::formula::{ranking, selective};
use crate::metric::histogram::Group;
use crate::metric::value_metric::exact_sum::AreaSum;
use crate::metric::value_metric::sums::{ImageError, SparsificationAreas};

/// Number of shares of items removed: 0, 1/100, .., 99/100.
const STEPS: u64 = 100;

/// Order in which items are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::metric::value_metric) enum RemovalKey {
    /// The standard deviation.
    Std,
    /// The error, the best possible order.
    Error,
}

/// Returns the items in ascending order of the key.
fn items(input: &ValueMetricInput, key: RemovalKey) -> Option<Vec<SortedBin>> {
    let bins = match key {
        RemovalKey::Std => &input.std()?.bins,
        RemovalKey::Error => &input.prediction()?.by_error,
    };
    Some(sorted_bins(bins))
}

/// Returns the items as groups for the functions of selective prediction: the loss of an item is
/// its absolute error divided by the largest one, so it lies between 0 and 1.
fn loss_groups(bins: &[SortedBin], largest: f64) -> Vec<Group> {
    bins.iter()
        .map(|bin| {
            let wrong = bin.absolute / largest;
            Group { right: bin.count as f64 - wrong, wrong, is_mixed: bin.is_mixed }
        })
        .collect()
}

fn largest(bins: &[SortedBin]) -> f64 {
    bins.iter().map(|bin| bin.largest).fold(0.0, f64::max)
}

/// Returns the area between the curves of the standard deviation and of the error, for the mean
/// absolute error. `None` without errors.
pub(in crate::metric::value_metric) fn ause_ilg(input: &ValueMetricInput) -> Option<f64> {
    let mae = mae(input).filter(|&mae| mae > 0.0)?;
    let area = |key| {
        let bins = items(input, key)?;
        let largest = largest(&bins);
        Some(selective::aurc(&loss_groups(&bins, largest))? * largest / mae)
    };
    Some(area(RemovalKey::Std)? - area(RemovalKey::Error)?)
}

/// Returns a bound on the error of [`ause_ilg`].
pub(in crate::metric::value_metric) fn ause_ilg_bound(input: &ValueMetricInput) -> f64 {
    let bound = || {
        let mae = mae(input).filter(|&mae| mae > 0.0)?;
        let stds = items(input, RemovalKey::Std)?;
        let largest = largest(&stds);
        let order = selective::aurc_bound(&loss_groups(&stds, largest)) * largest;
        Some((order + best_order_bound(&items(input, RemovalKey::Error)?)) / mae)
    };
    bound().unwrap_or(0.0)
}

/// Bounds the error of the area under the mean absolute error in the order of the errors: inside
/// a bin all errors differ at most by its width, so the curve lies between the means at its ends,
/// up to that width.
fn best_order_bound(bins: &[SortedBin]) -> f64 {
    let (mut count, mut sum, mut area) = (0.0, 0.0, 0.0);
    for bin in bins {
        let n = bin.count as f64;
        let after = (sum + bin.absolute) / (count + n);
        if bin.is_mixed {
            let before = if count > 0.0 { sum / count } else { after };
            area += n * ((after - before).abs() + bin.edges.1 - bin.edges.0);
        }
        count += n;
        sum += bin.absolute;
    }
    area / f64::max(count, 1.0)
}

/// Point of a sparsification curve.
#[derive(Debug, Clone, Copy)]
pub(in crate::metric::value_metric) struct SparsificationStep {
    /// Share of the items removed.
    pub(in crate::metric::value_metric) removed: f64,
    /// Root of the mean squared error of the remaining items, divided by that of all items.
    pub(in crate::metric::value_metric) rest: f64,
    /// Bound on the error of `rest`.
    bound: f64,
}

/// Returns the sparsification curve of the root of the mean squared error; at least one item
/// remains. `None` without errors.
pub(in crate::metric::value_metric) fn steps(
    input: &ValueMetricInput,
    key: RemovalKey,
) -> Option<Vec<SparsificationStep>> {
    let all = rmse(input).filter(|&all| all > 0.0)?;
    let bins = items(input, key)?;
    let mut first = FirstItems::new(&bins);
    let count = input.count();
    let mut steps = Vec::with_capacity(STEPS as usize);
    for removed in (0..STEPS).rev() {
        let left = u128::from(count) * u128::from(STEPS - removed) / u128::from(STEPS);
        let left = left.max(1) as u64;
        let sums = first.first(left);
        let slack = sums.cut.filter(|(bin, _)| bin.is_mixed).map_or(
            0.0,
            |(bin, taken)| match key {
                RemovalKey::Std => squared_slack(&bin, taken),
                RemovalKey::Error => sorted_slack(&bin, taken),
            },
        );
        let relative = |squared: f64| (squared.max(0.0) / left as f64).sqrt() / all;
        let rest = relative(sums.squared);
        let (least, most) =
            (relative(sums.squared - slack), relative(sums.squared + slack));
        steps.push(SparsificationStep {
            removed: removed as f64 / STEPS as f64,
            rest,
            bound: f64::max(most - rest, rest - least),
        });
    }
    steps.reverse();
    Some(steps)
}

/// Returns the area between the curves of the standard deviation and of the error, for the root
/// of the mean squared error. `None` without errors.
pub(in crate::metric::value_metric) fn ause_gustafsson(
    input: &ValueMetricInput,
) -> Option<f64> {
    let area = |key| Some(area(&steps(input, key)?, |step| step.rest));
    Some(area(RemovalKey::Std)? - area(RemovalKey::Error)?)
}

/// Returns a bound on the error of [`ause_gustafsson`].
pub(in crate::metric::value_metric) fn ause_gustafsson_bound(
    input: &ValueMetricInput,
) -> f64 {
    let curves = [RemovalKey::Std, RemovalKey::Error].map(|key| steps(input, key));
    curves.iter().flatten().map(|curve| area(curve, |step| step.bound)).sum()
}

fn area(steps: &[SparsificationStep], value: impl Fn(&SparsificationStep) -> f64) -> f64 {
    let pairs = steps.windows(2);
    pairs
        .map(|pair| {
            let width = pair[1].removed - pair[0].removed;
            width * 0.5 * (value(&pair[0]) + value(&pair[1]))
        })
        .sum()
}

/// Returns the mean over images of an area.
fn mean_area(
    input: &ValueMetricInput,
    kind: ImageError,
    sum: fn(&SparsificationAreas) -> &AreaSum,
) -> Option<f64> {
    let std = input.std()?;
    let is_defined = kind == ImageError::Rmse || input.sums.labels.not_depth == 0;
    sum(&std.areas[kind as usize]).mean(std.n_images).filter(|_| is_defined)
}

/// Returns the mean over images of the area between the curves of the standard deviation and of
/// the error, for the root of the mean squared error. `None` if no image has two labeled items.
pub(in crate::metric::value_metric) fn ause_poggi_rmse(
    input: &ValueMetricInput,
) -> Option<f64> {
    mean_area(input, ImageError::Rmse, |areas| &areas.excess)
}

/// Returns the same area as [`ause_poggi_rmse`] for the mean relative error.
pub(in crate::metric::value_metric) fn ause_poggi_abs_rel(
    input: &ValueMetricInput,
) -> Option<f64> {
    mean_area(input, ImageError::AbsRel, |areas| &areas.excess)
}

/// Returns the same area as [`ause_poggi_rmse`] for the share of items off by 1.25 or more.
pub(in crate::metric::value_metric) fn ause_poggi_delta(
    input: &ValueMetricInput,
) -> Option<f64> {
    mean_area(input, ImageError::Delta, |areas| &areas.excess)
}

/// Returns the mean over images of the root of the mean squared error minus the area under the
/// curve of the standard deviation.
pub(in crate::metric::value_metric) fn aurg_poggi_rmse(
    input: &ValueMetricInput,
) -> Option<f64> {
    mean_area(input, ImageError::Rmse, |areas| &areas.gain)
}

/// Returns the same difference as [`aurg_poggi_rmse`] for the mean relative error.
pub(in crate::metric::value_metric) fn aurg_poggi_abs_rel(
    input: &ValueMetricInput,
) -> Option<f64> {
    mean_area(input, ImageError::AbsRel, |areas| &areas.gain)
}

/// Returns the same difference as [`aurg_poggi_rmse`] for the share of items off by 1.25 or more.
pub(in crate::metric::value_metric) fn aurg_poggi_delta(
    input: &ValueMetricInput,
) -> Option<f64> {
    mean_area(input, ImageError::Delta, |areas| &areas.gain)
}

/// Returns the probability that an item with a large error has a larger standard deviation than
/// another item; ties count one half. `None` without large errors, or if all are large.
pub(in crate::metric::value_metric) fn large_error_auroc(
    input: &ValueMetricInput,
) -> Option<f64> {
    ranking::auroc(&error_groups(input))
}

/// Returns a bound on the error of [`large_error_auroc`].
pub(in crate::metric::value_metric) fn large_error_auroc_bound(
    input: &ValueMetricInput,
) -> f64 {
    ranking::auroc_bound(&error_groups(input))
}

/// Returns the items by standard deviation, wrong if their error is large.
fn error_groups(input: &ValueMetricInput) -> Vec<Group> {
    let bins = items(input, RemovalKey::Std).unwrap_or_default();
    bins.iter()
        .map(|bin| Group {
            right: (bin.count - bin.large) as f64,
            wrong: bin.large as f64,
            is_mixed: bin.is_mixed,
        })
        .collect()
}
