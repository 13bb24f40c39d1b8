//! The formulas of metrics of values, each a function of [`ValueMetricInput`].

pub(super) mod calibration;
pub(super) mod depth;
pub(super) mod error;
pub(super) mod rank_correlation;
pub(super) mod sorted_items;
pub(super) mod sparsification;

use super::sums::{PredictionSums, StdSums, ValueSums};

/// Input of a metric: the sums, and the prediction or standard deviation that is meant.
#[derive(Debug, Clone, Copy)]
pub(super) struct ValueMetricInput<'a> {
    pub(super) sums: &'a ValueSums,
    /// Index of the prediction; for a standard deviation, of the prediction whose errors it
    /// should find.
    pub(super) prediction: usize,
    /// Index of the standard deviation; for a prediction, of its own.
    pub(super) std: usize,
}

impl<'a> ValueMetricInput<'a> {
    /// Returns the number of labeled items.
    fn count(&self) -> u64 {
        self.sums.labels.count
    }

    fn prediction(&self) -> Option<&'a PredictionSums> {
        self.sums.predictions.get(self.prediction)
    }

    fn std(&self) -> Option<&'a StdSums> {
        self.sums.stds.get(self.std)
    }
}
