//! Computation of all metrics of labels, with intervals, from the sums.

use super::spec::{LabelEvaluationSpec, MACRO, MICRO};
use super::sums::{LabelSums, MultiLabelSums, groups};
use super::table::{LABEL_METRICS, LabelBreakdown, LabelMetric, LabelMetricFunction};
use crate::metric::bootstrap::FEWEST_IMAGES;
use crate::metric::computed_value::ComputedValue;
use crate::metric::metric_value::MetricValue;
use crate::metric::spec::DETERMINISTIC;
use crate::metric::table::Direction;

/// Sums from which values are computed.
#[derive(Debug, Clone, Copy)]
pub(super) struct LabelEvaluationData<'a> {
    pub(super) spec: &'a LabelEvaluationSpec,
    pub(super) pooled: &'a MultiLabelSums,
    /// Sums of all images with coarse bins, followed by those of the replicates.
    pub(super) coarse: &'a [MultiLabelSums],
}

/// A value with the bound on the error that bins cause.
type Bounded = (Option<f64>, f64);

/// Data of an evaluation, with the sums of all labels together.
struct LabelComputation<'a> {
    data: LabelEvaluationData<'a>,
    /// Sums of all labels together: of all images, then as in `coarse`.
    together: Vec<LabelSums>,
}

/// Computes the values of every metric.
pub(super) fn metric_values(data: LabelEvaluationData) -> Vec<MetricValue> {
    let sums = std::iter::once(data.pooled).chain(data.coarse);
    let together = sums.map(|sums| sums.together(data.spec)).collect();
    let computation = LabelComputation { data, together };
    LABEL_METRICS.iter().flat_map(|metric| computation.of_metric(metric)).collect()
}

impl LabelComputation<'_> {
    /// Returns the values of a metric, all but that of the pass without dropout compared with the
    /// latter.
    fn of_metric(&self, metric: &'static LabelMetric) -> Vec<MetricValue> {
        let spec = self.data.spec;
        let endings: Vec<String> = match metric.breakdown {
            LabelBreakdown::Whole | LabelBreakdown::Label => {
                // What only describes the truth is the same for both predictions.
                let is_compared = metric.direction != Direction::Descriptive;
                let plain = (spec.has_deterministic() && is_compared)
                    .then(|| format!(".{DETERMINISTIC}"));
                std::iter::once(String::new()).chain(plain).collect()
            }
            LabelBreakdown::Score => {
                spec.ranked().iter().map(|score| format!(".{score}")).collect()
            }
        };
        let columns: Vec<Vec<(String, ComputedValue)>> =
            (0..endings.len()).map(|index| self.column(metric, index)).collect();
        let plain = columns.last().filter(|_| spec.has_deterministic());
        let mut values = Vec::new();
        for row in 0..columns.first().map_or(0, Vec::len) {
            for (column, ending) in columns.iter().zip(&endings) {
                let (beginning, own) = &column[row];
                let key = format!("{beginning}{}{ending}", metric.name);
                let mut value = own.metric_value(key, metric.name, metric.range);
                let is_plain = ending.ends_with(DETERMINISTIC);
                if let (Some(plain), true) =
                    (plain, value.interval.is_some() && !is_plain)
                {
                    value.difference = own.difference_interval(&plain[row].1);
                }
                values.push(value);
            }
        }
        values
    }

    /// Returns the values of a prediction or score, with the beginnings of their keys: the averages,
    /// then the labels.
    fn column(&self, metric: &LabelMetric, index: usize) -> Vec<(String, ComputedValue)> {
        if let LabelMetricFunction::Whole { value } = metric.function {
            let of = |sums: &MultiLabelSums| value(&sums.whole[index]);
            let n_images = self.data.pooled.whole[index].n_images;
            let coarse = self.data.coarse.iter();
            let coarse = coarse.filter(|_| has_interval(metric, n_images)).map(of);
            let computed = ComputedValue::new(of(self.data.pooled), 0.0, coarse);
            return vec![(String::new(), computed)];
        }
        // For each label, the values of all images, then those of `coarse`.
        let labels: Vec<Vec<Bounded>> = (0..self.data.spec.labels().len())
            .map(|label| {
                let sums = std::iter::once(self.data.pooled).chain(self.data.coarse);
                sums.map(|sums| apply(metric, &sums.labels[label], index)).collect()
            })
            .collect();
        let means: Vec<Bounded> = (0..=self.data.coarse.len())
            .map(|at| mean_of_defined(labels.iter().map(|of_label| of_label[at])))
            .collect();
        let together: Vec<Bounded> =
            self.together.iter().map(|sums| apply(metric, sums, index)).collect();
        let n_images = self.together[0].n_images;
        let of_label = labels.iter().zip(&self.data.pooled.labels);
        let of_label = of_label.map(|(values, sums)| (values, sums.n_images));
        let names = self.data.spec.labels().iter().map(|label| label.name.as_str());
        let values = [(&means, n_images), (&together, n_images)].into_iter();
        [MACRO, MICRO]
            .into_iter()
            .chain(names)
            .zip(values.chain(of_label))
            .map(|(name, (values, n_images))| {
                let (value, bound) = values[0];
                let coarse = values[1..].iter().map(|(value, _)| *value);
                let coarse = coarse.filter(|_| has_interval(metric, n_images));
                (format!("{name}."), ComputedValue::new(value, bound, coarse))
            })
            .collect()
    }
}

/// Returns true if there are enough images for an interval.
fn has_interval(metric: &LabelMetric, n_images: u64) -> bool {
    metric.direction != Direction::Descriptive && n_images >= FEWEST_IMAGES as u64
}

fn mean_of_defined(values: impl Iterator<Item = Bounded>) -> Bounded {
    let defined: Vec<(f64, f64)> =
        values.filter_map(|(value, bound)| Some((value?, bound))).collect();
    if defined.is_empty() {
        return (None, 0.0);
    }
    let n = defined.len() as f64;
    let (value, bound) = defined
        .iter()
        .fold((0.0, 0.0), |(sum, bounds), (value, bound)| (sum + value, bounds + bound));
    (Some(value / n), bound / n)
}

/// Applies a metric to the sums of a label; `index` is that of the prediction or of the score.
fn apply(metric: &LabelMetric, sums: &LabelSums, index: usize) -> Bounded {
    match metric.function {
        LabelMetricFunction::Counted { value } => {
            (value(&sums.predictions[index].tally), 0.0)
        }
        LabelMetricFunction::Probabilities { value, bound } => {
            let groups = sums.predictions[index].probabilities.groups();
            (value(&groups), bound(&groups))
        }
        LabelMetricFunction::Scores { value, bound } => {
            let groups = groups(&sums.scores[index]);
            (value(&groups), bound(&groups))
        }
        LabelMetricFunction::Whole { .. } => (None, 0.0),
    }
}
