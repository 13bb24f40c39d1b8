//! Computation of all metrics, with intervals, from the sums.

use super::bootstrap::FEWEST_IMAGES;
use super::computed_value::ComputedValue;
use super::formula::{MetricInput, ThresholdSweep};
use super::histogram::Histogram;
use super::image_ranking::{
    self, ImageOutcomes, RankedImages, candidate_key, candidate_names,
};
use super::metric_value::MetricValue;
use super::spec::{DETERMINISTIC, EvaluationSpec};
use super::sums::PooledSums;
use super::table::{
    Breakdown, Direction, METRICS, Metric, MetricFunction, RankedItems, Requires,
};

/// Sums and images from which values are computed.
#[derive(Debug, Clone, Copy)]
pub(super) struct EvaluationData<'a> {
    pub(super) spec: &'a EvaluationSpec,
    pub(super) pooled: &'a PooledSums,
    /// Sums of all images with coarse bins, followed by those of the replicates.
    pub(super) coarse: &'a [PooledSums],
    pub(super) inside: &'a ImageOutcomes,
    pub(super) outside: &'a ImageOutcomes,
}

/// Data of an evaluation, with the parts that all metrics share.
struct ValueComputation<'a> {
    data: EvaluationData<'a>,
    sweeps: Vec<Option<ThresholdSweep>>,
    images: RankedImages<'a>,
}

/// Index of a class or ranked score, and of a patch size.
#[derive(Debug, Clone, Copy)]
struct Selection {
    item: usize,
    patch: usize,
}

impl Selection {
    const WHOLE: Self = Self::item(0);

    const fn item(item: usize) -> Self {
        Self { item, patch: 0 }
    }
}

/// Computes the values of every metric whose requirements the data meet.
pub(super) fn values(data: EvaluationData) -> Vec<MetricValue> {
    let EvaluationData { spec, pooled, inside, outside, .. } = data;
    let images = RankedImages::new(inside, outside, spec.options().replicates);
    let values = ValueComputation { data, sweeps: ThresholdSweep::all(pooled), images };
    let possible = METRICS.iter().filter(|metric| values.meets(metric.requires));
    possible.flat_map(|metric| values.of_metric(metric)).collect()
}

impl ValueComputation<'_> {
    fn meets(&self, requires: Requires) -> bool {
        let EvaluationData { spec, outside, .. } = self.data;
        match requires {
            Requires::Labels => true,
            Requires::Entropy => spec.entropy().is_some(),
            Requires::Patches => !spec.patch_sizes().is_empty(),
            Requires::Masks => spec.has_masks(),
            Requires::OutsideImages => !outside.is_empty(),
        }
    }

    fn of_metric(&self, metric: &'static Metric) -> Vec<MetricValue> {
        let spec = self.data.spec;
        match metric.breakdown {
            Breakdown::Whole => {
                let key = metric.name.to_owned();
                vec![self.value(metric, key, Selection::WHOLE)]
            }
            Breakdown::Class => (0..)
                .zip(spec.classes())
                .map(|(class, name)| {
                    let key = format!("{}.{name}", metric.name);
                    self.value(metric, key, Selection::item(class))
                })
                .collect(),
            Breakdown::Score => {
                let scores = spec.ranked();
                let plain = scores.iter().position(|score| *score == DETERMINISTIC);
                let endings: Vec<String> =
                    scores.into_iter().map(str::to_owned).collect();
                self.compared(metric, &endings, |_| plain)
            }
            Breakdown::Patch => {
                let mut values = Vec::new();
                for (item, score) in spec.scores().iter().enumerate() {
                    for (patch, size) in spec.patch_sizes().iter().enumerate() {
                        let key = format!("{}.{}.{size}", metric.name, score.name);
                        values.push(self.value(metric, key, Selection { item, patch }));
                    }
                }
                values
            }
            Breakdown::Image => {
                let candidates = candidate_names(spec);
                let endings: Vec<String> = candidates
                    .iter()
                    .map(|&candidate| candidate_key(spec, candidate))
                    .collect();
                self.compared(metric, &endings, |i| {
                    let plain = (DETERMINISTIC, candidates[i].1);
                    candidates.iter().position(|candidate| *candidate == plain)
                })
            }
        }
    }

    /// Returns the values of several scores, each also compared with the score that `plain`
    /// returns for it.
    fn compared(
        &self,
        metric: &'static Metric,
        endings: &[String],
        plain: impl Fn(usize) -> Option<usize>,
    ) -> Vec<MetricValue> {
        let computed: Vec<ComputedValue> = (0..endings.len())
            .map(|item| self.compute(metric, Selection::item(item)))
            .collect();
        let mut values = Vec::with_capacity(endings.len());
        for (i, ending) in endings.iter().enumerate() {
            let own = &computed[i];
            let key = format!("{}.{ending}", metric.name);
            let mut value = self.finish(metric, key, own);
            let plain = plain(i).filter(|plain| *plain != i);
            if let (Some(plain), true) = (plain, value.interval.is_some()) {
                value.difference = own.difference_interval(&computed[plain]);
            }
            values.push(value);
        }
        values
    }

    fn value(
        &self,
        metric: &'static Metric,
        key: String,
        selection: Selection,
    ) -> MetricValue {
        self.finish(metric, key, &self.compute(metric, selection))
    }

    fn compute(&self, metric: &'static Metric, selection: Selection) -> ComputedValue {
        match metric.function {
            MetricFunction::Ranked { items, value, .. } if items.are_images() => {
                let (value, replicates) =
                    self.images.values(items, selection.item, value);
                ComputedValue { value, replicates, shift: 0.0, bin_error: 0.0 }
            }
            function => {
                let with_replicates = self.has_interval(metric);
                self.compute_from_sums(function, selection, with_replicates)
            }
        }
    }

    /// Completes a value with its interval.
    fn finish(
        &self,
        metric: &'static Metric,
        key: String,
        computed: &ComputedValue,
    ) -> MetricValue {
        let mut value = computed.metric_value(key, metric.name, metric.range);
        value.interval = value.interval.filter(|_| self.has_interval(metric));
        value
    }

    /// Returns true if there are enough images for an interval.
    fn has_interval(&self, metric: &Metric) -> bool {
        let EvaluationData { inside, outside, .. } = self.data;
        let n_inside = match metric.requires {
            Requires::OutsideImages | Requires::Masks => inside.len(),
            _ => image_ranking::n_labeled(inside),
        };
        let n_outside = match metric.requires {
            Requires::OutsideImages => outside.len(),
            _ => FEWEST_IMAGES,
        };
        metric.direction != Direction::Descriptive
            && n_inside.min(n_outside) >= FEWEST_IMAGES
    }

    /// Computes the value of all images and, if requested, of each replicate.
    fn compute_from_sums(
        &self,
        function: MetricFunction,
        selection: Selection,
        with_replicates: bool,
    ) -> ComputedValue {
        let EvaluationData { pooled, coarse, .. } = self.data;
        let (value, bin_error) = self.apply(function, pooled, selection);
        let coarse = coarse
            .iter()
            .filter(|_| with_replicates)
            .map(|sums| self.apply(function, sums, selection).0);
        ComputedValue::new(value, bin_error, coarse)
    }

    /// Applies a function to sums; returns the value and its bound.
    fn apply(
        &self,
        function: MetricFunction,
        sums: &PooledSums,
        selection: Selection,
    ) -> (Option<f64>, f64) {
        let Selection { item, patch } = selection;
        let (spec, sweeps) = (self.data.spec, self.sweeps.as_slice());
        let input = MetricInput { sums, spec, sweeps, item, patch };
        match function {
            MetricFunction::Exact { value } => (value(&input), 0.0),
            MetricFunction::Binned { value, bound } => (value(&input), bound(&input)),
            MetricFunction::Ranked { items, value, bound } => {
                let histograms =
                    if items == RankedItems::Masked { &sums.masks } else { &sums.scores };
                let groups =
                    histograms.get(item).map(Histogram::groups).unwrap_or_default();
                (value(&groups), bound(&groups))
            }
        }
    }
}
