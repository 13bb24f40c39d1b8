//! A metric on all images and on the replicates of the bootstrap.

use super::bootstrap;
use super::metric_value::MetricValue;

/// A value with the data of its interval.
#[derive(Debug, Clone, Default)]
pub(super) struct ComputedValue {
    /// Value of all images.
    pub(super) value: Option<f64>,
    /// Value of each replicate; empty without an interval.
    pub(super) replicates: Vec<Option<f64>>,
    /// Difference between the value of all images and the same value with the coarser bins of the
    /// replicates, by which the interval is shifted.
    pub(super) shift: f64,
    /// Bound on the error that bins cause.
    pub(super) bin_error: f64,
}

impl ComputedValue {
    /// Completes a value. `coarse` are the values with the coarse bins: of all images, then of each
    /// replicate.
    pub(super) fn new(
        value: Option<f64>,
        bin_error: f64,
        mut coarse: impl Iterator<Item = Option<f64>>,
    ) -> Self {
        let whole = coarse.next().flatten();
        let shift = value.zip(whole).map_or(0.0, |(value, whole)| value - whole);
        Self { value, replicates: coarse.collect(), shift, bin_error }
    }

    /// Returns the interval of the difference from another value, replicate by replicate.
    pub(super) fn difference_interval(&self, other: &Self) -> Option<(f64, f64)> {
        let shift = self.shift - other.shift;
        bootstrap::difference_interval(&self.replicates, &other.replicates, shift)
    }

    /// Returns the value with its interval, which ends at the ends of the range.
    pub(super) fn metric_value(
        &self,
        key: String,
        metric: &'static str,
        (least, most): (f64, f64),
    ) -> MetricValue {
        let interval = self
            .value
            .and_then(|_| bootstrap::interval(&self.replicates, self.shift))
            .map(|(low, high)| (low.clamp(least, most), high.clamp(least, most)));
        MetricValue {
            key,
            metric,
            value: self.value,
            interval,
            difference: None,
            bin_error: if self.value.is_some() { self.bin_error } else { 0.0 },
        }
    }
}
