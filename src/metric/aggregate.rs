//! From the scores of pixels to a number for the image.
//!
//! Only the prediction decides, never the labels, so that a ranking found on labeled images can
//! be used on others. Sums are in f64 in the order of the pixels, and results in f32.
//!
//! # References
//! - K. Kahl et al. (2024), `ValUES`, *A Framework for Systematic Validation of Uncertainty
//!   Estimation in Semantic Segmentation*, ICLR: that the choice matters.

mod interior;

use interior::interior;

use super::spec::EvaluationOptions;
use crate::measure::image_level;

/// A way to make one number of the scores of all pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aggregation {
    /// The mean over all pixels.
    Mean,
    /// The 95 % quantile by nearest rank: the smallest score that at least 95 % of the pixels
    /// do not exceed.
    Quantile95,
    /// The largest mean of a patch of 32 x 32 pixels; patches are 16 apart, the last flush with
    /// the edge, and have the side of the map where it is smaller.
    PatchMax,
    /// The mean of the scores above the threshold of the measure, 0.1 for the pass without
    /// dropout; 0 where none is.
    AboveThresholdMean,
    /// The mean, over the classes that are predicted somewhere, of the mean over the pixels of
    /// the class: small classes count as much as large ones.
    ClassMean,
    /// The mean over pixels away from borders between predicted classes, where entropy is large
    /// in every image; over all pixels where there are only borders.
    InteriorMean,
}

impl Aggregation {
    /// All of them, in the order in which they are listed.
    pub const ALL: &[Self] = &[
        Self::Mean,
        Self::Quantile95,
        Self::PatchMax,
        Self::AboveThresholdMean,
        Self::ClassMean,
        Self::InteriorMean,
    ];

    /// Its name, as it stands in keys and files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Quantile95 => "quantile_95",
            Self::PatchMax => "patch_max",
            Self::AboveThresholdMean => "above_threshold_mean",
            Self::ClassMean => "class_mean",
            Self::InteriorMean => "interior_mean",
        }
    }

    /// The aggregation of a name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|aggregation| aggregation.name() == name)
    }
}

/// The predicted classes of an image.
#[derive(Debug, Clone, Copy)]
pub struct PredictedClasses<'a> {
    /// The predicted class of each pixel, row by row.
    pub predicted: &'a [u32],
    /// Pixels in a row.
    pub width: usize,
    /// Number of classes of the model.
    pub n_classes: usize,
}

impl Aggregation {
    /// The number of an image: of the scores of its pixels, in the order of `pixels`, and the
    /// threshold of [`Self::AboveThresholdMean`].
    pub fn of(
        self,
        scores: &[f32],
        threshold: f32,
        pixels: &PredictedClasses<'_>,
    ) -> f32 {
        let PredictedClasses { predicted, width, n_classes } = *pixels;
        let distance = EvaluationOptions::default().interior;
        let mut sorted = scores.to_vec();
        let rank = image_level::rank_95(sorted.len());
        let quantile = *sorted.select_nth_unstable_by(rank, f32::total_cmp).1;
        let regions = Regions::new(predicted, width, n_classes, distance);
        let all = regions.aggregate(scores, threshold, quantile);
        let place = Self::ALL.iter().position(|aggregation| *aggregation == self);
        place.map_or(f32::NAN, |place| all[place])
    }
}

/// What the predicted classes of an image say about its pixels, for all scores at once.
#[derive(Debug)]
pub(super) struct Regions<'a> {
    width: usize,
    predicted: &'a [u32],
    n_classes: usize,
    is_interior: Vec<bool>,
}

impl<'a> Regions<'a> {
    /// The regions of a class map of some width.
    pub(super) fn new(
        predicted: &'a [u32],
        width: usize,
        n_classes: usize,
        distance: usize,
    ) -> Self {
        let is_interior = interior(predicted, width, distance);
        Self { width, predicted, n_classes, is_interior }
    }

    /// Every aggregation, in the order of [`Aggregation::ALL`]; the quantile comes from whoever
    /// has the scores in order.
    pub(super) fn aggregate(
        &self,
        scores: &[f32],
        threshold: f32,
        quantile: f32,
    ) -> Vec<f32> {
        let (mut above, mut inner) = (RunningMean::default(), RunningMean::default());
        let mut all = RunningMean::default();
        let mut classes = vec![RunningMean::default(); self.n_classes];
        let pixels = scores.iter().zip(self.predicted).zip(&self.is_interior);
        for ((&score, &class), &is_interior) in pixels {
            let value = f64::from(score);
            all.put(value);
            above.put_if(value, score > threshold);
            inner.put_if(value, is_interior);
            classes[class as usize].put(value);
        }
        let mut of_classes = RunningMean::default();
        classes
            .iter()
            .filter_map(RunningMean::value)
            .for_each(|mean| of_classes.put(mean));
        let [all, above, inner, of_classes] =
            [all, above, inner, of_classes].map(|mean| mean.value());
        let or_all = |mean: Option<f64>| mean.or(all).unwrap_or(0.0) as f32;
        Aggregation::ALL
            .iter()
            .map(|aggregation| match aggregation {
                Aggregation::Mean => or_all(all),
                Aggregation::Quantile95 => quantile,
                Aggregation::PatchMax => image_level::largest_patch(scores, self.width),
                Aggregation::AboveThresholdMean => above.unwrap_or(0.0) as f32,
                Aggregation::ClassMean => or_all(of_classes),
                Aggregation::InteriorMean => or_all(inner),
            })
            .collect()
    }
}

/// A mean that grows.
#[derive(Debug, Clone, Copy, Default)]
struct RunningMean {
    sum: f64,
    count: u64,
}

impl RunningMean {
    fn put(&mut self, value: f64) {
        self.sum += value;
        self.count += 1;
    }

    /// Without a branch, which would be taken at random.
    fn put_if(&mut self, value: f64, is_in: bool) {
        self.sum += if is_in { value } else { 0.0 };
        self.count += u64::from(is_in);
    }

    fn value(&self) -> Option<f64> {
        (self.count > 0).then(|| self.sum / self.count as f64)
    }
}

#[cfg(test)]
mod tests;
