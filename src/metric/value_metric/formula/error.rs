//! Size of the errors. An error is the value minus the label.

use super::ValueMetricInput;

/// Returns the root of the mean squared error.
pub(in crate::metric::value_metric) fn rmse(input: &ValueMetricInput) -> Option<f64> {
    input.prediction()?.errors.squared.mean(input.count()).map(f64::sqrt)
}

/// Returns the mean absolute error.
pub(in crate::metric::value_metric) fn mae(input: &ValueMetricInput) -> Option<f64> {
    input.prediction()?.errors.absolute.mean(input.count())
}

/// Returns the mean error.
pub(in crate::metric::value_metric) fn bias(input: &ValueMetricInput) -> Option<f64> {
    input.prediction()?.errors.signed.mean(input.count())
}

/// Returns the share of the items with a large error.
pub(in crate::metric::value_metric) fn large_share(
    input: &ValueMetricInput,
) -> Option<f64> {
    let count = input.count();
    let large = input.prediction()?.errors.large;
    (count > 0).then(|| large as f64 / count as f64)
}

/// Returns the coefficient of determination: 1 minus the sum of squared errors divided by that of
/// the distances of the labels from their mean. `None` if all labels are equal.
pub(in crate::metric::value_metric) fn r2(input: &ValueMetricInput) -> Option<f64> {
    let labels = &input.sums.labels;
    let n = labels.count as f64;
    // The difference of n Σy² and (Σy)² can be far smaller than both, so products keep their
    // rounding errors.
    let ((squares, squares_tail), (sum, sum_tail)) =
        (labels.squares.parts(), labels.sum.parts());
    let (a, b) = (n * squares, sum * sum);
    let a_tail = n.mul_add(squares, -a) + n * squares_tail;
    let b_tail = sum.mul_add(sum, -b) + 2.0 * sum * sum_tail;
    let spread = ((a - b) + (a_tail - b_tail)) / n;
    let squared = input.prediction()?.errors.squared.value();
    (labels.count > 0 && spread > 0.0).then(|| 1.0 - squared / spread)
}

/// Returns the share of the labels inside of the intervals of the input.
pub(in crate::metric::value_metric) fn interval_coverage(
    input: &ValueMetricInput,
) -> Option<f64> {
    let count = input.count();
    (count > 0).then(|| input.sums.interval.covered as f64 / count as f64)
}

/// Returns the mean over images of the share of their labels inside of the intervals of the input.
pub(in crate::metric::value_metric) fn interval_coverage_of_images(
    input: &ValueMetricInput,
) -> Option<f64> {
    input.sums.interval.shares.mean(input.sums.interval.n_images)
}

/// Returns the mean width of the intervals of the input.
pub(in crate::metric::value_metric) fn interval_width(
    input: &ValueMetricInput,
) -> Option<f64> {
    input.sums.interval.width.mean(input.count())
}
