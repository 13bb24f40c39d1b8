//! From sums to the list of values, with intervals.

use super::bootstrap::{self, FEWEST_IMAGES};
use super::candidates::{self, Draw, Images, Records};
use super::histogram::Histogram;
use super::layout::Layout;
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
    /// [`FEWEST_IMAGES`] labelled images (outside images, for metrics of these), for counts, and
    /// where the metric is often not defined.
    pub interval: Option<(f64, f64)>,
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
    mean_loss: f64,
    all: Images<'a>,
    replicates: Vec<Images<'a>>,
}

/// The values of every metric that what is given allows.
pub(super) fn values(source: Source) -> Vec<Value> {
    let Source { layout, pooled, inside, outside, .. } = source;
    let images = |draw| Images::new(inside, outside, draw);
    let replicates = (0..layout.options().replicates).map(Draw::Replicate);
    let values = Values {
        source,
        sweeps: Sweep::all(pooled),
        mean_loss: candidates::mean_loss(inside),
        all: images(Draw::All),
        replicates: replicates.map(images).collect(),
    };
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
                (0..).zip(layout.ranked()).map(|(score, end)| at(end, score, 0)).collect()
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
                let candidates = (0..).zip(candidates::names(layout));
                candidates
                    .map(|(i, names)| at(&candidates::suffix(layout, names), i, 0))
                    .collect()
            }
        }
    }

    fn value(
        &self,
        metric: &'static Metric,
        key: String,
        item: usize,
        patch: usize,
    ) -> Value {
        let (value, bin_error) = match metric.function {
            Function::Ranked { of, value, bound } if of.is_of_images() => {
                let groups = self.all.groups(of, item, self.mean_loss);
                (value(&groups), bound(&groups))
            }
            function => self.pooled(function, self.source.pooled, item, patch),
        };
        let replicates = value.filter(|_| self.has_interval(metric)).map(|value| {
            let (values, shift) = self.replicates(metric, value, item, patch);
            bootstrap::interval(&values, shift)
        });
        let (least, most) = metric.range;
        let inside =
            |(low, high): (f64, f64)| (low.clamp(least, most), high.clamp(least, most));
        Value {
            key,
            metric: metric.name,
            value,
            interval: replicates.flatten().map(inside),
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
            _ => candidates::n_labelled(inside),
        };
        let n_outside = match metric.needs {
            Needs::OutsideImages => outside.len(),
            _ => FEWEST_IMAGES,
        };
        metric.better != Better::Neither && n_inside.min(n_outside) >= FEWEST_IMAGES
    }

    /// The value in each replicate, and what their coarser bins are to be moved by: as far as
    /// they move the value on all images.
    fn replicates(
        &self,
        metric: &Metric,
        value: f64,
        item: usize,
        patch: usize,
    ) -> (Vec<Option<f64>>, f64) {
        match metric.function {
            Function::Ranked { of, value, .. } if of.is_of_images() => {
                let groups = |images: &Images| images.groups(of, item, self.mean_loss);
                let values = self.replicates.iter().map(|images| value(&groups(images)));
                (values.collect(), 0.0)
            }
            function => {
                let coarse = self.source.coarse.iter();
                let mut values =
                    coarse.map(|sums| self.pooled(function, sums, item, patch).0);
                let whole = values.next().flatten();
                (values.collect(), whole.map_or(0.0, |whole| value - whole))
            }
        }
    }
}

impl Ranked {
    fn is_of_images(self) -> bool {
        matches!(self, Self::Losses | Self::BadImages | Self::Images)
    }
}
