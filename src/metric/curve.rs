//! Curves as plain numbers, for whoever draws them.

use super::bins::Resolution;
use super::evaluation::Evaluation;
use super::fixed::number;
use super::histogram::Histogram;
use super::metric_input::MetricInput;
use super::pavpu::{PatchCounts, ThresholdSweep, counts_at};
use super::selective;
use super::sparsification::{self, Order};

/// Points of a drawn curve at most, apart from its last one.
const POINTS: usize = 500;

/// Bars of a histogram.
const BARS: usize = 50;

/// Points of a curve, or bars by their left ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// What it shows: `risk_coverage.mutual_information`.
    pub name: String,
    /// Where its points are.
    pub x: Vec<f64>,
    /// What they are.
    pub y: Vec<f64>,
}

impl Curve {
    fn new(
        name: impl Into<String>,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) -> Self {
        let (x, y) = points.into_iter().unzip();
        Self { name: name.into(), x, y }
    }
}

impl Evaluation {
    /// The reliability diagram: `reliability.accuracy` and `reliability.share` (the share of all
    /// items) over the mean confidence of each of the 15 bins that is not empty.
    pub fn reliability(&self) -> Vec<Curve> {
        let tally = &self.source().pooled.tally;
        let filled = || tally.confidence.iter().filter(|level| level.count > 0);
        let over = |y: &dyn Fn(f64, f64) -> f64| -> Vec<(f64, f64)> {
            filled()
                .map(|level| {
                    let count = level.count as f64;
                    (number(level.sum) / count, y(level.hits as f64, count))
                })
                .collect()
        };
        let total = tally.count as f64;
        vec![
            Curve::new("reliability.accuracy", over(&|hits, count| hits / count)),
            Curve::new("reliability.share", over(&|_, count| count / total)),
        ]
    }

    /// For each ranked score, `risk_coverage.SCORE`: the error rate of the most certain items
    /// over their share of all. Where there are more than 500 points, an evenly spread part of
    /// them.
    pub fn risk_coverage(&self) -> Vec<Curve> {
        let source = self.source();
        let scores = source.spec.ranked().into_iter().zip(&source.pooled.scores);
        scores
            .map(|(name, histogram)| {
                let points = selective::risk_coverage(&histogram.groups());
                Curve::new(format!("risk_coverage.{name}"), thinned(points))
            })
            .collect()
    }

    /// For each ranked score, `histogram.right.SCORE` and `histogram.wrong.SCORE`: the share of
    /// the right, and of the wrong, items in each of 50 equally wide bars from 0 to the largest
    /// score, by their left ends.
    pub fn right_and_wrong(&self) -> Vec<Curve> {
        let source = self.source();
        bars(
            "histogram",
            ["right", "wrong"],
            &source.spec.ranked(),
            &source.pooled.scores,
        )
    }

    /// As [`Evaluation::right_and_wrong`], of pixels inside and outside of the masks:
    /// `ood_pixel.inside.SCORE` and `ood_pixel.outside.SCORE`.
    pub fn inside_and_outside_pixels(&self) -> Vec<Curve> {
        let source = self.source();
        let names = source.spec.ranked();
        bars("ood_pixel", ["inside", "outside"], &names, &source.pooled.masks)
    }

    /// As [`Evaluation::right_and_wrong`], of images inside and outside the distribution, by
    /// every candidate: `ood.inside.SCORE.AGGREGATION` and `ood.outside.SCORE.AGGREGATION`.
    pub fn inside_and_outside_images(&self) -> Vec<Curve> {
        let source = self.source();
        let candidates = (0..).zip(super::candidates::names(source.spec));
        let mut curves = Vec::new();
        for (i, names) in candidates.filter(|_| !source.outside.is_empty()) {
            let suffix = super::candidates::suffix(source.spec, names);
            let both = [("inside", source.inside), ("outside", source.outside)];
            let of = |records: &super::candidates::ImageOutcomes| -> Vec<(f64, f64)> {
                records.values().map(|record| (f64::from(record.value(i)), 1.0)).collect()
            };
            let all = both.map(|(_, records)| of(records));
            let end =
                all.iter().flatten().fold(0.0, |end, &(score, _)| f64::max(end, score));
            for ((side, _), scores) in both.iter().zip(all) {
                curves.push(shares(format!("ood.{side}.{suffix}"), &scores, end));
            }
        }
        curves
    }

    /// For each measure `sparsification.SCORE`, and `sparsification.best`: the mean Brier score
    /// of what is left over the share removed, divided by that of all.
    pub fn sparsification(&self) -> Vec<Curve> {
        let source = self.source();
        let curve = |name: String, order: Order, item: usize| {
            let (sums, spec) = (source.pooled, source.spec);
            let input = MetricInput { sums, spec, sweeps: &[], item, patch: 0 };
            let steps = sparsification::steps(&input, order)?;
            let points = steps.iter().map(|step| (step.removed, step.rest));
            Some(Curve::new(format!("sparsification.{name}"), points))
        };
        let measures = source.spec.scores().iter().enumerate();
        let best = curve("best".to_owned(), Order::Error, 0);
        measures
            .filter_map(|(i, score)| curve(score.name.clone(), Order::Score, i))
            .chain(best)
            .collect()
    }

    /// For each measure and patch size, over the threshold: `pavpu.SCORE.SIZE`,
    /// `pavpu_accurate_given_certain.SCORE.SIZE` and
    /// `pavpu_uncertain_given_inaccurate.SCORE.SIZE`, at the upper ends of the bins of patches
    /// that are not empty; points where a share is not defined are left out.
    pub fn pavpu(&self) -> Vec<Curve> {
        let source = self.source();
        let sizes = source.spec.patch_sizes();
        let names = source.spec.scores().iter().flat_map(|score| {
            sizes.iter().map(move |size| format!("{}.{size}", score.name))
        });
        let sweeps = ThresholdSweep::all(source.pooled);
        let mut curves = Vec::new();
        for ((name, (_, bins)), sweep) in names.zip(&source.pooled.patches).zip(sweeps) {
            if sweep.is_none() {
                continue;
            }
            let points = kinds(bins);
            let shares: [(&str, Share); 3] = [
                ("pavpu", PatchCounts::pavpu),
                ("pavpu_accurate_given_certain", PatchCounts::accurate_given_certain),
                (
                    "pavpu_uncertain_given_inaccurate",
                    PatchCounts::uncertain_given_inaccurate,
                ),
            ];
            for (metric, share) in shares {
                let points =
                    points.iter().filter_map(|(x, counts)| Some((*x, share(counts)?)));
                curves.push(Curve::new(format!("{metric}.{name}"), points));
            }
        }
        curves
    }
}

/// A share of patches at a threshold.
type Share = fn(&PatchCounts) -> Option<f64>;

/// The kinds of patches at a spread of thresholds, each the upper end of a bin.
fn kinds(bins: &Histogram) -> Vec<(f64, PatchCounts)> {
    let resolution = bins.resolution();
    let is_filled = |&bin: &usize| bins.counts(bin) != (0, 0);
    let filled: Vec<(f64, f64)> = (0..resolution.n_bins())
        .filter(is_filled)
        .map(|bin| (f64::from(resolution.lower_edge(bin + 1)), bin as f64))
        .collect();
    let points = thinned(filled).into_iter();
    points.map(|(end, bin)| (end, counts_at(bins, bin as usize))).collect()
}

/// At most [`POINTS`] points, spread evenly over their order, and the last.
fn thinned(points: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    let step = points.len().div_ceil(POINTS).max(1);
    let last = points.len().saturating_sub(1);
    let is_kept = |i: usize| i.is_multiple_of(step) || i == last;
    points
        .into_iter()
        .enumerate()
        .filter(|&(i, _)| is_kept(i))
        .map(|(_, point)| point)
        .collect()
}

/// Two histograms of each score.
fn bars(
    kind: &str,
    sides: [&str; 2],
    names: &[&str],
    histograms: &[Histogram],
) -> Vec<Curve> {
    let mut curves = Vec::new();
    for (name, histogram) in names.iter().zip(histograms) {
        let fine = Resolution::FINE;
        let filled = (0..fine.n_bins()).filter(|&bin| histogram.counts(bin) != (0, 0));
        let filled: Vec<usize> = filled.collect();
        let end = filled.last().map_or(0.0, |&bin| f64::from(fine.lower_edge(bin)));
        let score = |bin: usize| f64::from(fine.lower_edge(bin));
        for (side, is_right) in sides.iter().zip([true, false]) {
            let count = |bin: usize| {
                let (right, wrong) = histogram.counts(bin);
                if is_right { right } else { wrong }
            };
            let scores: Vec<(f64, f64)> =
                filled.iter().map(|&bin| (score(bin), count(bin) as f64)).collect();
            curves.push(shares(format!("{kind}.{side}.{name}"), &scores, end));
        }
    }
    curves
}

/// The share of scores, given with their counts, in equally wide bars from 0 to the largest;
/// nothing where there are none.
fn shares(name: String, scores: &[(f64, f64)], end: f64) -> Curve {
    let total: f64 = scores.iter().map(|(_, count)| count).sum();
    if total == 0.0 {
        return Curve::new(name, []);
    }
    let width = if end > 0.0 { end / BARS as f64 } else { 1.0 / BARS as f64 };
    let mut heights = [0.0; BARS];
    for (score, count) in scores {
        heights[((score / width) as usize).min(BARS - 1)] += count / total;
    }
    Curve::new(
        name,
        heights.iter().enumerate().map(|(bar, &height)| (bar as f64 * width, height)),
    )
}
