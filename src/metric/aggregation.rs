//! Aggregation of the scores of an image's pixels to one number.
//!
//! An aggregation uses only the prediction, never the labels, so a choice made on labeled images
//! applies to others. Sums are in f64 in the order of the pixels; results are in f32.
//!
//! # References
//! - K. Kahl et al. (2024), `ValUES`, *A Framework for Systematic Validation of Uncertainty
//!   Estimation in Semantic Segmentation*, ICLR: shows that the choice matters.

mod interior;

use interior::interior;

use crate::measure::image_level;

/// Default of [`EvaluationOptions::interior`](super::EvaluationOptions::interior).
pub(super) const INTERIOR_DISTANCE: usize = 2;

/// A way to reduce the scores of all pixels to one number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Aggregation {
    /// Mean over all pixels.
    Mean,
    /// 95 % quantile by nearest rank: the smallest score that at least 95 % of the pixels do not
    /// exceed.
    Quantile95,
    /// Largest mean over a patch of 32 x 32 pixels. Patches start every 16 pixels, the last one
    /// ends at the edge, and a smaller map limits their side.
    PatchMax,
    /// Mean of the scores above the threshold of the measure (0.1 for the pass without dropout);
    /// 0 if there are none.
    AboveThresholdMean,
    /// Mean, over the classes that are predicted somewhere, of the mean over the pixels of the
    /// class: small classes count as much as large ones.
    ClassMean,
    /// Mean over the pixels away from borders between predicted classes, where entropy is large
    /// in every image; over all pixels if every pixel is near a border.
    InteriorMean,
}

impl Aggregation {
    /// All aggregations, in the order in which they are listed.
    pub const ALL: &[Self] = &[
        Self::Mean,
        Self::Quantile95,
        Self::PatchMax,
        Self::AboveThresholdMean,
        Self::ClassMean,
        Self::InteriorMean,
    ];

    /// Returns the name used in keys and files.
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

    /// Returns the aggregation with this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|aggregation| aggregation.name() == name)
    }

    /// Aggregates the scores of an image's pixels; `threshold` is the one of
    /// [`Self::AboveThresholdMean`].
    pub fn aggregate(
        self,
        scores: &[f32],
        threshold: f32,
        classes: &PredictedClasses<'_>,
    ) -> f32 {
        let mut sorted = scores.to_vec();
        let rank = image_level::rank_95(sorted.len());
        let quantile = *sorted.select_nth_unstable_by(rank, f32::total_cmp).1;
        let regions = Regions::new(classes, INTERIOR_DISTANCE);
        let all = regions.aggregate(scores, threshold, quantile);
        let index = Self::ALL.iter().position(|aggregation| *aggregation == self);
        index.map_or(f32::NAN, |index| all[index])
    }
}

/// The predicted class of each pixel of an image.
#[derive(Debug, Clone, Copy)]
pub struct PredictedClasses<'a> {
    /// Predicted classes, row by row.
    pub predicted: &'a [u16],
    /// Number of pixels in a row.
    pub width: usize,
    /// Number of classes of the model.
    pub n_classes: usize,
}

/// Regions of a class map, shared by all scores of an image.
#[derive(Debug)]
pub(super) struct Regions<'a> {
    classes: PredictedClasses<'a>,
    is_interior: Vec<bool>,
}

impl<'a> Regions<'a> {
    /// Finds the pixels whose neighborhood, up to `distance` pixels to each side, has one class.
    pub(super) fn new(classes: &PredictedClasses<'a>, distance: usize) -> Self {
        let is_interior = interior(classes.predicted, classes.width, distance);
        Self { classes: *classes, is_interior }
    }

    /// Returns every aggregation, in the order of [`Aggregation::ALL`]; the caller gives the
    /// quantile, because it may have the scores in order.
    pub(super) fn aggregate(
        &self,
        scores: &[f32],
        threshold: f32,
        quantile: f32,
    ) -> Vec<f32> {
        let (mut above, mut inner) = (RunningMean::default(), RunningMean::default());
        let mut all = RunningMean::default();
        let mut classes = vec![RunningMean::default(); self.classes.n_classes];
        let pixels = scores.iter().zip(self.classes.predicted).zip(&self.is_interior);
        for ((&score, &class), &is_interior) in pixels {
            let value = f64::from(score);
            all.put(value);
            above.put_if(value, score > threshold);
            inner.put_if(value, is_interior);
            classes[usize::from(class)].put(value);
        }
        let mut class_mean = RunningMean::default();
        classes
            .iter()
            .filter_map(RunningMean::value)
            .for_each(|mean| class_mean.put(mean));
        let mean = all.value().unwrap_or(0.0);
        Aggregation::ALL
            .iter()
            .map(|aggregation| match aggregation {
                Aggregation::Mean => mean as f32,
                Aggregation::Quantile95 => quantile,
                Aggregation::PatchMax => {
                    image_level::largest_patch(scores, self.classes.width)
                }
                Aggregation::AboveThresholdMean => above.value().unwrap_or(0.0) as f32,
                Aggregation::ClassMean => class_mean.value().unwrap_or(mean) as f32,
                Aggregation::InteriorMean => inner.value().unwrap_or(mean) as f32,
            })
            .collect()
    }
}

/// Mean of the values added so far.
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

    /// Adds `value` if `is_in` holds, without an unpredictable branch.
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
