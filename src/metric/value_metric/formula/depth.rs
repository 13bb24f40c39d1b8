//! Relative errors of depths. All are undefined if a label is not a positive depth; those of
//! logarithms also if a prediction is not positive.
//!
//! # References
//! - D. Eigen, C. Puhrsch, R. Fergus (2014), *Depth Map Prediction from a Single Image using a
//!   Multi-Scale Deep Network*, Advances in Neural Information Processing Systems.

use super::ValueMetricInput;
use crate::metric::value_metric::exact_sum::RatioSum;
use crate::metric::value_metric::sums::DepthSums;

/// Returns the sums and the number of items; `None` if the metrics are undefined.
fn depths<'a>(input: &ValueMetricInput<'a>) -> Option<(&'a DepthSums, u64)> {
    let labels = &input.sums.labels;
    let is_defined = labels.not_depth == 0 && labels.count > 0;
    is_defined.then_some((&input.prediction()?.depth, labels.count))
}

fn mean(input: &ValueMetricInput, sum: impl Fn(&DepthSums) -> &RatioSum) -> Option<f64> {
    let (depths, count) = depths(input)?;
    sum(depths).mean(count)
}

fn mean_of_logarithms(
    input: &ValueMetricInput,
    sum: impl Fn(&DepthSums) -> &RatioSum,
) -> Option<f64> {
    mean(input, sum)
        .filter(|_| input.prediction().is_some_and(|sums| sums.depth.no_logarithm == 0))
}

/// Returns the mean of the absolute error divided by the label.
pub(in crate::metric::value_metric) fn abs_rel(input: &ValueMetricInput) -> Option<f64> {
    mean(input, |depths| &depths.relative)
}

/// Returns the mean of the squared error divided by the label.
pub(in crate::metric::value_metric) fn sq_rel(input: &ValueMetricInput) -> Option<f64> {
    mean(input, |depths| &depths.relative_squares)
}

/// Returns the root of the mean squared error of the natural logarithm.
pub(in crate::metric::value_metric) fn rmse_log(input: &ValueMetricInput) -> Option<f64> {
    mean_of_logarithms(input, |depths| &depths.logarithm_squares).map(f64::sqrt)
}

/// Returns the mean absolute error of the decimal logarithm.
pub(in crate::metric::value_metric) fn log10(input: &ValueMetricInput) -> Option<f64> {
    mean_of_logarithms(input, |depths| &depths.decimal_logarithms)
}

/// Returns the share of the items whose ratio of the larger to the smaller one of prediction and
/// label is below 1.25.
pub(in crate::metric::value_metric) fn delta_1(input: &ValueMetricInput) -> Option<f64> {
    share_within(input, 0)
}

/// Returns the same share as [`delta_1`] for 1.25².
pub(in crate::metric::value_metric) fn delta_2(input: &ValueMetricInput) -> Option<f64> {
    share_within(input, 1)
}

/// Returns the same share as [`delta_1`] for 1.25³.
pub(in crate::metric::value_metric) fn delta_3(input: &ValueMetricInput) -> Option<f64> {
    share_within(input, 2)
}

fn share_within(input: &ValueMetricInput, power: usize) -> Option<f64> {
    let (depths, count) = depths(input)?;
    Some(depths.within[power] as f64 / count as f64)
}
