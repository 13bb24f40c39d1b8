//! Computation of all metrics of values, with intervals, from the sums.

use super::formula::ValueMetricInput;
use super::spec::{StdSource, ValueEvaluationSpec};
use super::sums::ValueSums;
use super::table::{
    VALUE_METRICS, ValueBreakdown, ValueDirection, ValueMetric, ValueMetricFunction,
    ValueRequires,
};
use crate::metric::bootstrap::FEWEST_IMAGES;
use crate::metric::computed_value::ComputedValue;
use crate::metric::metric_value::MetricValue;
use crate::metric::spec::DETERMINISTIC;

/// Sums from which values are computed.
#[derive(Debug, Clone, Copy)]
pub(super) struct ValueEvaluationData<'a> {
    pub(super) spec: &'a ValueEvaluationSpec,
    pub(super) pooled: &'a ValueSums,
    /// Sums of all images with coarse bins, followed by those of the replicates.
    pub(super) coarse: &'a [ValueSums],
    /// Number of images with labeled items.
    pub(super) n_labeled_images: usize,
}

/// Prediction or standard deviation of a metric.
#[derive(Debug, Clone)]
pub(super) struct Selection {
    /// Ending of the key, with its dot.
    ending: String,
    /// Index of the prediction.
    prediction: usize,
    /// Index of the standard deviation.
    std: usize,
}

impl Selection {
    /// Returns the input of a metric for sums.
    pub(super) fn input<'a>(&self, sums: &'a ValueSums) -> ValueMetricInput<'a> {
        ValueMetricInput { sums, prediction: self.prediction, std: self.std }
    }
}

impl ValueEvaluationData<'_> {
    /// Returns the predictions, with the ending of their keys.
    fn predictions(&self) -> Vec<Selection> {
        let mut selections =
            vec![Selection { ending: String::new(), prediction: 0, std: 0 }];
        if self.spec.has_deterministic() {
            // The last standard deviation is its own, if it has one.
            let std = self.spec.std_sources().len() - 1;
            let ending = format!(".{DETERMINISTIC}");
            selections.push(Selection { ending, prediction: 1, std });
        }
        selections
    }

    /// Returns the predictions with a variance.
    pub(super) fn distributions(&self) -> Vec<Selection> {
        let mut selections = self.predictions();
        if !self.spec.has_deterministic_variance() {
            selections.truncate(1);
        }
        selections
    }

    /// Returns the standard deviations.
    pub(super) fn stds(&self) -> Vec<Selection> {
        let sources = self.spec.std_sources().into_iter().enumerate();
        sources
            .map(|(std, source)| Selection {
                ending: format!(".{}", source.name()),
                prediction: usize::from(source == StdSource::Deterministic),
                std,
            })
            .collect()
    }
}

/// Computes the values of every metric whose requirements the data meet.
pub(super) fn metric_values(data: ValueEvaluationData) -> Vec<MetricValue> {
    let possible = VALUE_METRICS.iter().filter(|metric| meets(&data, metric.requires));
    possible.flat_map(|metric| of_metric(&data, metric)).collect()
}

fn meets(data: &ValueEvaluationData, requires: ValueRequires) -> bool {
    let (spec, options) = (data.spec, data.spec.options());
    match requires {
        ValueRequires::Labels => true,
        ValueRequires::Depth => options.depth,
        ValueRequires::ErrorLimit => options.error_above.is_some(),
        ValueRequires::Interval => spec.interval_level().is_some(),
    }
}

/// Returns the values of a metric, all but that of the pass without dropout compared with the
/// latter.
fn of_metric(
    data: &ValueEvaluationData,
    metric: &'static ValueMetric,
) -> Vec<MetricValue> {
    let selections = match metric.breakdown {
        ValueBreakdown::Whole => data.predictions().into_iter().take(1).collect(),
        ValueBreakdown::Prediction => data.predictions(),
        ValueBreakdown::Distribution => data.distributions(),
        ValueBreakdown::Std => data.stds(),
    };
    let computed: Vec<ComputedValue> =
        selections.iter().map(|selection| compute(data, metric, selection)).collect();
    let plain = selections
        .iter()
        .zip(&computed)
        .find(|(selection, _)| selection.prediction == 1)
        .map(|(_, computed)| computed);
    selections
        .iter()
        .zip(&computed)
        .map(|(selection, own)| {
            let key = format!("{}{}", metric.name, selection.ending);
            let mut value = own.metric_value(key, metric.name, metric.range);
            let plain = plain.filter(|_| selection.prediction == 0);
            if let (Some(plain), true) = (plain, value.interval.is_some()) {
                value.difference = own.difference_interval(plain);
            }
            value
        })
        .collect()
}

fn compute(
    data: &ValueEvaluationData,
    metric: &ValueMetric,
    selection: &Selection,
) -> ComputedValue {
    let (ValueMetricFunction::Exact { value: function }
    | ValueMetricFunction::Binned { value: function, .. }) = metric.function;
    let compute = |input: &ValueMetricInput| function(input).filter(|v| v.is_finite());
    let input = selection.input(data.pooled);
    let value = compute(&input);
    let bin_error = match metric.function {
        ValueMetricFunction::Binned { bound, .. } if value.is_some() => bound(&input),
        _ => 0.0,
    };
    let has_interval = value.is_some()
        && metric.direction != ValueDirection::Descriptive
        && data.n_labeled_images >= FEWEST_IMAGES;
    let coarse = data
        .coarse
        .iter()
        .filter(|_| has_interval)
        .map(|sums| compute(&selection.input(sums)));
    ComputedValue::new(value, bin_error, coarse)
}
