//! From sums to the list of values, with intervals.

use super::bootstrap::{self, FEWEST_IMAGES};
use super::candidates::{self, ImageOutcomes, RankedImages};
use super::histogram::Histogram;
use super::metric_input::MetricInput;
use super::pavpu::ThresholdSweep;
use super::spec::{DETERMINISTIC, EvaluationSpec};
use super::sums::PooledSums;
use super::table::{
    Breakdown, Direction, METRICS, Metric, MetricFunction, RankedItems, Requires,
};

/// A metric's value on the images of an evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricValue {
    /// The name of the metric, with the class, score, patch size or aggregation where it has
    /// one: `misclassification.auroc.mutual_information`.
    pub key: String,
    /// The name of the metric ([`Metric::by_name`]).
    pub metric: &'static str,
    /// The value; None where the metric is not defined.
    pub value: Option<f64>,
    /// The ends of the 95 % interval by the bootstrap over images; None for fewer than
    /// [`FEWEST_IMAGES`] labeled images (outside images, for metrics of these), for counts, and
    /// where the metric is often not defined. Replicates count scores in coarser bins, 32 an
    /// octave (8 for patches). What these do to the value on all images is taken off, so that
    /// the ends are off by the change of that from replicate to replicate alone; metrics whose
    /// `bin_error` is zero for every score (accuracy, calibration by equal width) have exact
    /// ends.
    pub interval: Option<(f64, f64)>,
    /// The ends of the 95 % interval of the value less that of the pass without dropout
    /// ([`DETERMINISTIC`]), by the same replicates: both see the same images, so that it is
    /// narrower than the two intervals suggest. For metrics of scores, and where there are both.
    pub difference: Option<(f64, f64)>,
    /// How far at most the value is from the one without bins.
    pub bin_error: f64,
}

/// What values are computed from.
#[derive(Debug, Clone, Copy)]
pub(super) struct EvaluationData<'a> {
    pub(super) spec: &'a EvaluationSpec,
    pub(super) pooled: &'a PooledSums,
    /// First all images with coarse bins, then the replicates.
    pub(super) coarse: &'a [PooledSums],
    pub(super) inside: &'a ImageOutcomes,
    pub(super) outside: &'a ImageOutcomes,
}

/// Everything that is looked at for a value, prepared once.
struct ValueComputation<'a> {
    source: EvaluationData<'a>,
    sweeps: Vec<Option<ThresholdSweep>>,
    images: RankedImages<'a>,
}

/// The values of every metric that what is given allows.
pub(super) fn values(source: EvaluationData) -> Vec<MetricValue> {
    let EvaluationData { spec, pooled, inside, outside, .. } = source;
    let images = RankedImages::new(inside, outside, spec.options().replicates);
    let values = ValueComputation { source, sweeps: ThresholdSweep::all(pooled), images };
    let given = METRICS.iter().filter(|metric| values.is_given(metric));
    given.flat_map(|metric| values.of_metric(metric)).collect()
}

impl ValueComputation<'_> {
    fn is_given(&self, metric: &Metric) -> bool {
        let EvaluationData { spec, outside, .. } = self.source;
        match metric.requires {
            Requires::Labels => true,
            Requires::Entropy => spec.entropy().is_some(),
            Requires::Patches => !spec.patch_sizes().is_empty(),
            Requires::Masks => spec.has_masks(),
            Requires::OutsideImages => !outside.is_empty(),
        }
    }

    fn of_metric(&self, metric: &'static Metric) -> Vec<MetricValue> {
        let spec = self.source.spec;
        let name = metric.name;
        let at = |end: &str, item, patch| {
            self.value(metric, format!("{name}.{end}"), item, patch)
        };
        match metric.breakdown {
            Breakdown::Whole => vec![self.value(metric, name.to_owned(), 0, 0)],
            Breakdown::Class => {
                (0..).zip(spec.classes()).map(|(class, end)| at(end, class, 0)).collect()
            }
            Breakdown::Score => {
                let scores = spec.ranked();
                let plain = scores.iter().position(|score| *score == DETERMINISTIC);
                let ends: Vec<String> = scores.into_iter().map(str::to_owned).collect();
                self.compared(metric, &ends, |_| plain)
            }
            Breakdown::Patch => {
                let sizes = || (0..).zip(spec.patch_sizes());
                let measures = (0..).zip(spec.scores());
                let both =
                    measures.flat_map(|measure| sizes().map(move |size| (measure, size)));
                both.map(|((score, measure), (patch, size))| {
                    at(&format!("{}.{size}", measure.name), score, patch)
                })
                .collect()
            }
            Breakdown::Image => {
                let candidates = candidates::names(spec);
                let plain = |i: usize| {
                    let plain = (DETERMINISTIC, candidates[i].1);
                    candidates.iter().position(|candidate| *candidate == plain)
                };
                let suffix = |names| candidates::suffix(spec, names);
                let ends: Vec<String> = candidates.iter().copied().map(suffix).collect();
                self.compared(metric, &ends, plain)
            }
        }
    }

    /// Values of several scores, each also less that of another score.
    fn compared(
        &self,
        metric: &'static Metric,
        ends: &[String],
        other: impl Fn(usize) -> Option<usize>,
    ) -> Vec<MetricValue> {
        let computed: Vec<ComputedValue> =
            (0..ends.len()).map(|item| self.computed(metric, item, 0)).collect();
        let value = |(i, end): (usize, &String)| {
            let own = &computed[i];
            let mut value = self.shown(metric, format!("{}.{end}", metric.name), own);
            let other = other(i).filter(|other| *other != i);
            if let (Some(other), true) = (other, value.interval.is_some()) {
                value.difference = own.less(&computed[other]);
            }
            value
        };
        ends.iter().enumerate().map(value).collect()
    }

    fn value(
        &self,
        metric: &'static Metric,
        key: String,
        item: usize,
        patch: usize,
    ) -> MetricValue {
        self.shown(metric, key, &self.computed(metric, item, patch))
    }

    fn computed(
        &self,
        metric: &'static Metric,
        item: usize,
        patch: usize,
    ) -> ComputedValue {
        match metric.function {
            MetricFunction::Ranked { of, value, .. } if of.is_of_images() => {
                let (value, replicates) = self.images.values(of, item, value);
                ComputedValue { value, replicates, shift: 0.0, bin_error: 0.0 }
            }
            function => self.of_sums(function, item, patch, self.has_interval(metric)),
        }
    }

    fn shown(
        &self,
        metric: &'static Metric,
        key: String,
        computed: &ComputedValue,
    ) -> MetricValue {
        let ComputedValue { value, replicates, shift, bin_error } = computed;
        let (value, shift, bin_error) = (*value, *shift, *bin_error);
        let is_certain = value.is_some() && self.has_interval(metric);
        let interval =
            is_certain.then(|| bootstrap::interval(replicates, shift)).flatten();
        let (least, most) = metric.range;
        let inside =
            |(low, high): (f64, f64)| (low.clamp(least, most), high.clamp(least, most));
        MetricValue {
            key,
            metric: metric.name,
            value,
            interval: interval.map(inside),
            difference: None,
            bin_error: if value.is_some() { bin_error } else { 0.0 },
        }
    }

    /// A value and its bound from sums.
    fn pooled(
        &self,
        function: MetricFunction,
        sums: &PooledSums,
        item: usize,
        patch: usize,
    ) -> (Option<f64>, f64) {
        let (spec, sweeps) = (self.source.spec, self.sweeps.as_slice());
        let input = MetricInput { sums, spec, sweeps, item, patch };
        match function {
            MetricFunction::Exact { value } => (value(&input), 0.0),
            MetricFunction::Binned { value, bound } => (value(&input), bound(&input)),
            MetricFunction::Ranked { of, value, bound } => {
                let histograms =
                    if of == RankedItems::Masked { &sums.masks } else { &sums.scores };
                let groups =
                    histograms.get(item).map(Histogram::groups).unwrap_or_default();
                (value(&groups), bound(&groups))
            }
        }
    }

    /// Whether there are images enough.
    fn has_interval(&self, metric: &Metric) -> bool {
        let EvaluationData { inside, outside, .. } = self.source;
        let n_inside = match metric.requires {
            Requires::OutsideImages | Requires::Masks => inside.len(),
            _ => candidates::n_labeled(inside),
        };
        let n_outside = match metric.requires {
            Requires::OutsideImages => outside.len(),
            _ => FEWEST_IMAGES,
        };
        metric.direction != Direction::Descriptive
            && n_inside.min(n_outside) >= FEWEST_IMAGES
    }

    /// The value on all images and, where it is asked for, in each replicate.
    fn of_sums(
        &self,
        function: MetricFunction,
        item: usize,
        patch: usize,
        with_replicates: bool,
    ) -> ComputedValue {
        let EvaluationData { pooled, coarse, .. } = self.source;
        let (value, bin_error) = self.pooled(function, pooled, item, patch);
        let mut coarse = coarse
            .iter()
            .filter(|_| with_replicates)
            .map(|sums| self.pooled(function, sums, item, patch).0);
        let whole = coarse.next().flatten();
        let shift = value.zip(whole).map_or(0.0, |(value, whole)| value - whole);
        ComputedValue { value, replicates: coarse.collect(), shift, bin_error }
    }
}

/// A value with all that its interval comes from.
struct ComputedValue {
    value: Option<f64>,
    replicates: Vec<Option<f64>>,
    /// What the coarser bins of the replicates are to be moved by: as far as they move the
    /// value on all images.
    shift: f64,
    bin_error: f64,
}

impl ComputedValue {
    /// The interval of the difference to another value, replicate by replicate.
    fn less(&self, other: &Self) -> Option<(f64, f64)> {
        let both = self.replicates.iter().zip(&other.replicates);
        let differences: Vec<Option<f64>> =
            both.map(|(own, other)| Some((*own)? - (*other)?)).collect();
        bootstrap::interval(&differences, self.shift - other.shift)
    }
}

impl RankedItems {
    fn is_of_images(self) -> bool {
        matches!(self, Self::ImagesByLoss | Self::BadImages | Self::OutsideImages)
    }
}
