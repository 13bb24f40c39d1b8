//! From sums to the list of values, with intervals.

use super::bootstrap::{self, FEWEST_IMAGES};
use super::candidates::{self, Images, Records};
use super::histogram::Histogram;
use super::layout::{DETERMINISTIC, Layout};
use super::pavpu::Sweep;
use super::sums::Sums;
use super::table::{Better, Function, METRICS, Metric, Needs, Per, Ranked};
use super::view::View;

/// A metric's value on the images of an evaluation.
#[derive(Debug, Clone, PartialEq)]
pub struct Value {
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
pub(super) struct Source<'a> {
    pub(super) layout: &'a Layout,
    pub(super) pooled: &'a Sums,
    /// First all images with coarse bins, then the replicates.
    pub(super) coarse: &'a [Sums],
    pub(super) inside: &'a Records,
    pub(super) outside: &'a Records,
}

/// Everything that is looked at for a value, prepared once.
struct Values<'a> {
    source: Source<'a>,
    sweeps: Vec<Option<Sweep>>,
    images: Images<'a>,
}

/// The values of every metric that what is given allows.
pub(super) fn values(source: Source) -> Vec<Value> {
    let Source { layout, pooled, inside, outside, .. } = source;
    let images = Images::new(inside, outside, layout.options().replicates);
    let values = Values { source, sweeps: Sweep::all(pooled), images };
    let given = METRICS.iter().filter(|metric| values.is_given(metric));
    given.flat_map(|metric| values.of_metric(metric)).collect()
}

impl Values<'_> {
    fn is_given(&self, metric: &Metric) -> bool {
        let Source { layout, outside, .. } = self.source;
        match metric.needs {
            Needs::Labels => true,
            Needs::Entropy => layout.entropy().is_some(),
            Needs::Patches => !layout.patch_sizes().is_empty(),
            Needs::Masks => layout.has_masks(),
            Needs::OutsideImages => !outside.is_empty(),
        }
    }

    fn of_metric(&self, metric: &'static Metric) -> Vec<Value> {
        let layout = self.source.layout;
        let name = metric.name;
        let at = |end: &str, item, patch| {
            self.value(metric, format!("{name}.{end}"), item, patch)
        };
        match metric.per {
            Per::Whole => vec![self.value(metric, name.to_owned(), 0, 0)],
            Per::Class => (0..)
                .zip(layout.classes())
                .map(|(class, end)| at(end, class, 0))
                .collect(),
            Per::Score => {
                let scores = layout.ranked();
                let plain = scores.iter().position(|score| *score == DETERMINISTIC);
                let ends: Vec<String> = scores.into_iter().map(str::to_owned).collect();
                self.compared(metric, &ends, |_| plain)
            }
            Per::Patch => {
                let sizes = || (0..).zip(layout.patch_sizes());
                let measures = (0..).zip(layout.scores());
                let both =
                    measures.flat_map(|measure| sizes().map(move |size| (measure, size)));
                both.map(|((score, measure), (patch, size))| {
                    at(&format!("{}.{size}", measure.name), score, patch)
                })
                .collect()
            }
            Per::Image => {
                let candidates = candidates::names(layout);
                let plain = |i: usize| {
                    let plain = (DETERMINISTIC, candidates[i].1);
                    candidates.iter().position(|candidate| *candidate == plain)
                };
                let suffix = |names| candidates::suffix(layout, names);
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
    ) -> Vec<Value> {
        let computed: Vec<Computed> =
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
    ) -> Value {
        self.shown(metric, key, &self.computed(metric, item, patch))
    }

    fn computed(&self, metric: &'static Metric, item: usize, patch: usize) -> Computed {
        match metric.function {
            Function::Ranked { of, value, .. } if of.is_of_images() => {
                let (value, replicates) = self.images.values(of, item, value);
                Computed { value, replicates, shift: 0.0, bin_error: 0.0 }
            }
            function => self.of_sums(function, item, patch, self.has_interval(metric)),
        }
    }

    fn shown(&self, metric: &'static Metric, key: String, computed: &Computed) -> Value {
        let Computed { value, replicates, shift, bin_error } = computed;
        let (value, shift, bin_error) = (*value, *shift, *bin_error);
        let is_certain = value.is_some() && self.has_interval(metric);
        let interval =
            is_certain.then(|| bootstrap::interval(replicates, shift)).flatten();
        let (least, most) = metric.range;
        let inside =
            |(low, high): (f64, f64)| (low.clamp(least, most), high.clamp(least, most));
        Value {
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
        function: Function,
        sums: &Sums,
        item: usize,
        patch: usize,
    ) -> (Option<f64>, f64) {
        let (layout, sweeps) = (self.source.layout, self.sweeps.as_slice());
        let view = View { sums, layout, sweeps, item, patch };
        match function {
            Function::Sums { value } => (value(&view), 0.0),
            Function::Binned { value, bound } => (value(&view), bound(&view)),
            Function::Ranked { of, value, bound } => {
                let histograms =
                    if of == Ranked::Masked { &sums.masks } else { &sums.scores };
                let groups =
                    histograms.get(item).map(Histogram::groups).unwrap_or_default();
                (value(&groups), bound(&groups))
            }
        }
    }

    /// Whether there are images enough.
    fn has_interval(&self, metric: &Metric) -> bool {
        let Source { inside, outside, .. } = self.source;
        let n_inside = match metric.needs {
            Needs::OutsideImages | Needs::Masks => inside.len(),
            _ => candidates::n_labeled(inside),
        };
        let n_outside = match metric.needs {
            Needs::OutsideImages => outside.len(),
            _ => FEWEST_IMAGES,
        };
        metric.better != Better::Neither && n_inside.min(n_outside) >= FEWEST_IMAGES
    }

    /// The value on all images and, where it is asked for, in each replicate.
    fn of_sums(
        &self,
        function: Function,
        item: usize,
        patch: usize,
        with_replicates: bool,
    ) -> Computed {
        let Source { pooled, coarse, .. } = self.source;
        let (value, bin_error) = self.pooled(function, pooled, item, patch);
        let mut coarse = coarse
            .iter()
            .filter(|_| with_replicates)
            .map(|sums| self.pooled(function, sums, item, patch).0);
        let whole = coarse.next().flatten();
        let shift = value.zip(whole).map_or(0.0, |(value, whole)| value - whole);
        Computed { value, replicates: coarse.collect(), shift, bin_error }
    }
}

/// A value with all that its interval comes from.
struct Computed {
    value: Option<f64>,
    replicates: Vec<Option<f64>>,
    /// What the coarser bins of the replicates are to be moved by: as far as they move the
    /// value on all images.
    shift: f64,
    bin_error: f64,
}

impl Computed {
    /// The interval of the difference to another value, replicate by replicate.
    fn less(&self, other: &Self) -> Option<(f64, f64)> {
        let both = self.replicates.iter().zip(&other.replicates);
        let differences: Vec<Option<f64>> =
            both.map(|(own, other)| Some((*own)? - (*other)?)).collect();
        bootstrap::interval(&differences, self.shift - other.shift)
    }
}

impl Ranked {
    fn is_of_images(self) -> bool {
        matches!(self, Self::Losses | Self::BadImages | Self::Images)
    }
}
