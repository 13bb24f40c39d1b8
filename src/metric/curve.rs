//! Curves behind the metrics, as plain numbers for drawing.

use super::evaluation::Evaluation;
use super::formula::pavpu::{PatchCounts, counts_at};
use super::formula::sparsification::{self, RemovalOrder};
use super::formula::{MetricInput, ThresholdSweep, selective};
use super::histogram::{Histogram, Resolution, number};
use super::image_ranking::{ImageOutcomes, candidate_key, candidate_names};

/// Largest number of points of a drawn curve, apart from its last point.
const POINTS: usize = 500;

/// Number of bars of a histogram.
const BARS: usize = 50;

/// Points of a curve, or bars by their left ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// Name of the curve: `risk_coverage.mutual_information`.
    pub name: String,
    /// Positions of the points.
    pub x: Vec<f64>,
    /// Values of the points.
    pub y: Vec<f64>,
}

impl Curve {
    pub(super) fn new(
        name: impl Into<String>,
        points: impl IntoIterator<Item = (f64, f64)>,
    ) -> Self {
        let (x, y) = points.into_iter().unzip();
        Self { name: name.into(), x, y }
    }
}

impl Evaluation {
    /// Returns the reliability diagram: `reliability.accuracy` and `reliability.share` (the share
    /// of all items) over the mean confidence of each of the 15 bins that is not empty.
    pub fn reliability(&self) -> Vec<Curve> {
        let tally = &self.data().pooled.tally;
        let (mut accuracy, mut share) = (Vec::new(), Vec::new());
        for bin in tally.confidence.iter().filter(|bin| bin.count > 0) {
            let count = bin.count as f64;
            let confidence = number(bin.sum) / count;
            accuracy.push((confidence, bin.hits as f64 / count));
            share.push((confidence, count / tally.count as f64));
        }
        vec![
            Curve::new("reliability.accuracy", accuracy),
            Curve::new("reliability.share", share),
        ]
    }

    /// Returns `risk_coverage.SCORE` for each ranked score: the error rate of the most certain
    /// items over their share of all. Of more than 500 points, an evenly spread part is returned.
    pub fn risk_coverage(&self) -> Vec<Curve> {
        let data = self.data();
        let scores = data.spec.ranked().into_iter().zip(&data.pooled.scores);
        scores
            .map(|(name, histogram)| {
                let points = selective::risk_coverage(&histogram.groups());
                Curve::new(format!("risk_coverage.{name}"), thinned(points))
            })
            .collect()
    }

    /// Returns `histogram.right.SCORE` and `histogram.wrong.SCORE` for each ranked score: the
    /// share of the right, and of the wrong, items in each of 50 equally wide bars from 0 to the
    /// largest score, by their left ends.
    pub fn right_and_wrong(&self) -> Vec<Curve> {
        let data = self.data();
        let sides = ["histogram.right", "histogram.wrong"];
        bars(sides, &data.spec.ranked(), &data.pooled.scores)
    }

    /// Returns the same bars as [`Evaluation::right_and_wrong`] for pixels inside and outside of
    /// the masks: `ood_pixel.inside.SCORE` and `ood_pixel.outside.SCORE`.
    pub fn inside_and_outside_pixels(&self) -> Vec<Curve> {
        let data = self.data();
        let sides = ["ood_pixel.inside", "ood_pixel.outside"];
        bars(sides, &data.spec.ranked(), &data.pooled.masks)
    }

    /// Returns the same bars as [`Evaluation::right_and_wrong`] for images inside and outside the
    /// distribution, for every candidate: `ood.inside.SCORE.AGGREGATION` and
    /// `ood.outside.SCORE.AGGREGATION`.
    pub fn inside_and_outside_images(&self) -> Vec<Curve> {
        let data = self.data();
        let mut curves = Vec::new();
        if data.outside.is_empty() {
            return curves;
        }
        for (i, candidate) in candidate_names(data.spec).into_iter().enumerate() {
            let key = candidate_key(data.spec, candidate);
            let inside = image_scores(data.inside, i);
            let outside = image_scores(data.outside, i);
            let end = inside
                .iter()
                .chain(&outside)
                .fold(0.0, |end, &(score, _)| f64::max(end, score));
            curves.push(shares(format!("ood.inside.{key}"), &inside, end));
            curves.push(shares(format!("ood.outside.{key}"), &outside, end));
        }
        curves
    }

    /// Returns `sparsification.SCORE` for each measure, and `sparsification.best`: the mean Brier
    /// score of the remaining items over the share removed, divided by that of all items.
    pub fn sparsification(&self) -> Vec<Curve> {
        let scores = self.spec().scores().iter().enumerate();
        scores
            .map(|(i, score)| (score.name.as_str(), RemovalOrder::Score, i))
            .chain([("best", RemovalOrder::Error, 0)])
            .filter_map(|(name, order, item)| {
                let (sums, spec) = (self.data().pooled, self.spec());
                let input = MetricInput { sums, spec, sweeps: &[], item, patch: 0 };
                let steps = sparsification::steps(&input, order)?;
                let points = steps.iter().map(|step| (step.removed, step.rest));
                Some(Curve::new(format!("sparsification.{name}"), points))
            })
            .collect()
    }

    /// Returns, for each measure and patch size, the curves `pavpu.SCORE.SIZE`,
    /// `pavpu_accurate_given_certain.SCORE.SIZE` and `pavpu_uncertain_given_inaccurate.SCORE.SIZE`
    /// over the threshold, at the upper edges of the bins of patches that are not empty; points
    /// at which a share is undefined are left out.
    pub fn pavpu(&self) -> Vec<Curve> {
        let data = self.data();
        let sizes = data.spec.patch_sizes();
        let names = data.spec.scores().iter().flat_map(|score| {
            sizes.iter().map(move |size| format!("{}.{size}", score.name))
        });
        let sweeps = ThresholdSweep::all(data.pooled);
        let mut curves = Vec::new();
        for ((name, (_, bins)), sweep) in names.zip(&data.pooled.patches).zip(sweeps) {
            if sweep.is_none() {
                continue;
            }
            let counts = counts_by_threshold(bins);
            let shares: [(&str, PatchShare); 3] = [
                ("pavpu", PatchCounts::pavpu),
                ("pavpu_accurate_given_certain", PatchCounts::accurate_given_certain),
                (
                    "pavpu_uncertain_given_inaccurate",
                    PatchCounts::uncertain_given_inaccurate,
                ),
            ];
            for (metric, share) in shares {
                let points =
                    counts.iter().filter_map(|(x, counts)| Some((*x, share(counts)?)));
                curves.push(Curve::new(format!("{metric}.{name}"), points));
            }
        }
        curves
    }
}

/// A share of patches at a threshold.
type PatchShare = fn(&PatchCounts) -> Option<f64>;

/// Counts patches at evenly spread thresholds, each the upper edge of a bin.
fn counts_by_threshold(bins: &Histogram) -> Vec<(f64, PatchCounts)> {
    let resolution = bins.resolution();
    let filled: Vec<usize> =
        (0..resolution.n_bins()).filter(|&bin| bins.counts(bin) != (0, 0)).collect();
    thinned(filled)
        .into_iter()
        .map(|bin| (f64::from(resolution.lower_edge(bin + 1)), counts_at(bins, bin)))
        .collect()
}

/// Returns at most [`POINTS`] points, spread evenly over their order, and the last one.
pub(super) fn thinned<T>(points: Vec<T>) -> Vec<T> {
    let step = points.len().div_ceil(POINTS).max(1);
    let last = points.len().saturating_sub(1);
    points
        .into_iter()
        .enumerate()
        .filter(|&(i, _)| i.is_multiple_of(step) || i == last)
        .map(|(_, point)| point)
        .collect()
}

/// Returns two curves per score, for the right and for the wrong items.
fn bars(sides: [&str; 2], names: &[&str], histograms: &[Histogram]) -> Vec<Curve> {
    let resolution = Resolution::FINE;
    let mut curves = Vec::new();
    for (name, histogram) in names.iter().zip(histograms) {
        let (mut right, mut wrong) = (Vec::new(), Vec::new());
        let mut end = 0.0;
        for bin in 0..resolution.n_bins() {
            let counts = histogram.counts(bin);
            if counts != (0, 0) {
                end = f64::from(resolution.lower_edge(bin));
                right.push((end, counts.0 as f64));
                wrong.push((end, counts.1 as f64));
            }
        }
        for (side, scores) in sides.iter().zip([right, wrong]) {
            curves.push(shares(format!("{side}.{name}"), &scores, end));
        }
    }
    curves
}

/// Returns the value of a candidate on each image, with the count 1.
fn image_scores(outcomes: &ImageOutcomes, candidate: usize) -> Vec<(f64, f64)> {
    outcomes.values().map(|outcome| (f64::from(outcome.value(candidate)), 1.0)).collect()
}

/// Returns the share of scores, given with their counts, in equally wide bars from 0 to the
/// largest score; an empty curve without scores.
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
