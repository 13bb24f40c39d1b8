//! Predictions of single images, for users of the library: maps as arrays.

use ndarray::{Array2, Array3};

use crate::error::{Error, Result};
use crate::measure::Measure;
use crate::sums::Statistics;
use crate::task::Task;
use crate::tensor::{ClassMap, Map, Region};

/// The prediction of an image.
///
/// Arrays have the size of the network's input without padding, or are 1 x 1 if the task predicts
/// one item per image. Each call computes an array again from sums over the samples.
#[derive(Debug, Clone)]
pub struct Prediction {
    task: &'static Task,
    statistics: Statistics,
    region: Region,
}

impl Prediction {
    /// Creates the prediction of an image that fills `region` of the network's input.
    pub fn new(task: &'static Task, statistics: Statistics, region: Region) -> Self {
        Self { task, statistics, region }
    }

    /// Returns the task.
    pub fn task(&self) -> &'static Task {
        self.task
    }

    /// Returns the number of samples.
    pub fn n_samples(&self) -> usize {
        self.statistics.n_samples()
    }

    /// Returns the number of classes.
    pub fn n_classes(&self) -> usize {
        self.statistics.n_classes()
    }

    /// Computes a measure at each pixel, `[H, W]`.
    ///
    /// # Errors
    /// Fails if the sums that the measure needs were not kept.
    pub fn map(&self, measure: &Measure) -> Result<Array2<f32>> {
        if !self.statistics.needs().covers(measure.needs) {
            let message = format!("the sums for {} were not kept", measure.name);
            return Err(Error::setting("needs", message)
                .with_hint("add the measure's `needs` to those of the sampler"));
        }
        Ok(array(self.region.crop_map(measure.map(&self.statistics))))
    }

    /// Returns the class with the largest mean probability at each pixel, `[H, W]`.
    pub fn classes(&self) -> Array2<u16> {
        class_array(self.region.crop_classes(self.statistics.prediction()))
    }

    /// Returns the mean probability of the predicted class at each pixel, `[H, W]`.
    pub fn probability(&self) -> Array2<f32> {
        array(self.region.crop_map(self.statistics.probability()))
    }

    /// Returns the mean probabilities of all classes, `[C, H, W]`.
    pub fn probabilities(&self) -> Array3<f32> {
        let whole = (self.statistics.height(), self.statistics.width());
        let values = self.region.crop_planes(self.statistics.mean(), whole);
        let (height, width) = (self.region.rows.len(), self.region.columns.len());
        let class = |class: usize, row: usize, column: usize| {
            values[(class * height + row) * width + column]
        };
        Array3::from_shape_fn((self.n_classes(), height, width), |(c, y, x)| {
            class(c, y, x)
        })
    }

    /// Returns the class that the pass without dropout predicts at each pixel, and its probability,
    /// `[H, W]` each.
    pub fn deterministic(&self) -> (Array2<u16>, Array2<f32>) {
        let (classes, probability) = self.statistics.deterministic();
        let classes = class_array(self.region.crop_classes(classes));
        (classes, array(self.region.crop_map(probability)))
    }

    /// Returns the statistics that all arrays are computed from, at the size of the network's input.
    pub fn statistics(&self) -> &Statistics {
        &self.statistics
    }
}

fn array(map: Map) -> Array2<f32> {
    let (size, values) = ((map.height, map.width), map.values);
    Array2::from_shape_fn(size, |(y, x)| values[y * size.1 + x])
}

fn class_array(map: ClassMap) -> Array2<u16> {
    let (size, classes) = ((map.height, map.width), map.classes);
    Array2::from_shape_fn(size, |(y, x)| classes[y * size.1 + x])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{MUTUAL_INFORMATION, PREDICTIVE_ENTROPY};
    use crate::simd::Isa;
    use crate::sums::{Coordinates, ImageSums, Needs, ScoreKind, Scores, Sums};
    use crate::task::SEGMENTATION;

    /// Two classes on 2 x 3 pixels; the last column is padding.
    fn prediction(needs: Needs) -> Prediction {
        let values = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, -1.0, 9.0, 2.0, -2.0, 9.0];
        let mut sums = ImageSums::new(2, 2, 3, needs, Isa::detect());
        let scores = Scores {
            values: &values,
            n_channels: 2,
            height: 2,
            width: 3,
            kind: ScoreKind::Logits,
            coordinates: Coordinates::HalfPixel,
            spread: None,
            units: &[],
        };
        sums.set_deterministic(&scores).unwrap();
        sums.add(&[scores; 2]).unwrap();
        let region = Region { rows: 0..2, columns: 0..2 };
        Prediction::new(&SEGMENTATION, sums.finish(), region)
    }

    #[test]
    fn arrays_have_the_size_of_the_image_without_padding() {
        let prediction = prediction(Needs::ALL);
        assert_eq!(prediction.classes(), ndarray::arr2(&[[1, 0], [1, 0]]));
        assert_eq!(prediction.deterministic().0, prediction.classes());
        assert_eq!(prediction.deterministic().1, prediction.probability());
        let probabilities = prediction.probabilities();
        assert_eq!(probabilities.shape(), [2, 2, 2]);
        for ((row, column), class) in prediction.classes().indexed_iter() {
            let of_class = probabilities[[usize::from(*class), row, column]];
            let predicted = prediction.probability()[[row, column]];
            assert_eq!(of_class.to_bits(), predicted.to_bits());
        }
        let disagreement = prediction.map(&MUTUAL_INFORMATION).unwrap();
        assert_eq!(disagreement.shape(), [2, 2]);
        assert!(disagreement.iter().all(|value| *value < 1e-6));
    }

    #[test]
    fn a_measure_without_its_sums_is_an_error() {
        let prediction = prediction(Needs::MEAN);
        assert!(prediction.map(&PREDICTIVE_ENTROPY).is_ok());
        let error = prediction.map(&MUTUAL_INFORMATION).unwrap_err();
        assert!(error.to_string().contains("mutual_information"), "{error}");
    }
}
