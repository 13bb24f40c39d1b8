//! Predictions of single images, for users of the library: maps as arrays.

use ndarray::{Array2, Array3};

use crate::error::{Error, Result};
use crate::measure::Measure;
use crate::sums::{Family, Statistics};
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

    /// Returns the number of classes, labels or targets.
    pub fn n_classes(&self) -> usize {
        self.statistics.n_classes()
    }

    /// Computes a measure at each pixel, `[H, W]`: of the classes, of the only label, or of the only
    /// target. The task's measure of this name is computed.
    ///
    /// # Errors
    /// Fails if the task does not have the measure, if it has one for each of several labels or
    /// targets ([`Self::map_of`]), or if the sums that the measure needs were not kept.
    pub fn map(&self, measure: &Measure) -> Result<Array2<f32>> {
        let measure = self.measure(measure.name)?;
        match (self.statistics.family(), self.n_classes()) {
            (Family::Classes, _) => {
                Ok(array(self.region.crop_map(measure.map(&self.statistics))))
            }
            (_, 1) => self.map_of(measure, 0),
            (_, n) => {
                let message =
                    format!("{} has a map for each of {n} channels", measure.name);
                Err(Error::setting("channel", message)
                    .with_hint("choose one with `map_of(measure, channel)`"))
            }
        }
    }

    /// Computes a measure of a label or target at each pixel, `[H, W]`. Labels and targets are
    /// counted from 0. The task's measure of this name is computed.
    ///
    /// # Errors
    /// Fails if the task does not have the measure, if there is no such label or target, or if the
    /// sums that the measure needs were not kept.
    pub fn map_of(&self, measure: &Measure, channel: usize) -> Result<Array2<f32>> {
        let measure = self.measure(measure.name)?;
        self.check_channel(channel)?;
        let map = measure.map_of_channel(&self.statistics, channel);
        Ok(array(self.region.crop_map(map)))
    }

    /// Returns the task's measure of this name. Classes, labels and values have different ones:
    /// the entropy of a label is not that of a class.
    fn measure(&self, name: &str) -> Result<&'static Measure> {
        let Some(measure) = self.task.measure(name) else {
            let names: Vec<&str> =
                self.task.measures.iter().map(|one| one.name).collect();
            let message = format!("`task = {}` has no {name}", self.task);
            return Err(Error::setting("measure", message)
                .with_hint(format!("its measures are {}", names.join(", "))));
        };
        if !self.statistics.needs().covers(measure.needs) {
            let message = format!("the sums for {} were not kept", measure.name);
            return Err(Error::setting("needs", message)
                .with_hint("add the measure's `needs` to those of the sampler"));
        }
        Ok(measure)
    }

    /// Returns the class with the largest mean probability at each pixel, `[H, W]`.
    ///
    /// # Errors
    /// Fails if the task does not predict classes.
    pub fn classes(&self) -> Result<Array2<u16>> {
        self.check_classes()?;
        Ok(class_array(self.region.crop_classes(self.statistics.prediction())))
    }

    /// Returns the mean probability of the predicted class at each pixel, `[H, W]`.
    ///
    /// # Errors
    /// Fails if the task does not predict classes.
    pub fn probability(&self) -> Result<Array2<f32>> {
        self.check_classes()?;
        Ok(array(self.region.crop_map(self.statistics.probability())))
    }

    /// Returns the mean probabilities of all classes or labels, `[C, H, W]`.
    ///
    /// # Errors
    /// Fails if the task predicts values ([`Self::means`]).
    pub fn probabilities(&self) -> Result<Array3<f32>> {
        if self.statistics.family() == Family::Values {
            let message =
                format!("`task = {}` does not predict probabilities", self.task);
            return Err(Error::setting("task", message).with_hint("use `means()`"));
        }
        Ok(self.means())
    }

    /// Returns the means over the samples, `[C, H, W]`: probabilities of the classes or labels, or
    /// values of the targets in their unit.
    pub fn means(&self) -> Array3<f32> {
        let whole = (self.statistics.height(), self.statistics.width());
        let values = self.region.crop_planes(self.statistics.mean(), whole);
        let (height, width) = (self.region.rows.len(), self.region.columns.len());
        let mean = |channel: usize, row: usize, column: usize| {
            values[(channel * height + row) * width + column]
        };
        Array3::from_shape_fn((self.n_classes(), height, width), |(c, y, x)| {
            mean(c, y, x)
        })
    }

    /// Returns the class that the pass without dropout predicts at each pixel, and its probability,
    /// `[H, W]` each.
    ///
    /// # Errors
    /// Fails if the task does not predict classes ([`Self::deterministic_of`]).
    pub fn deterministic(&self) -> Result<(Array2<u16>, Array2<f32>)> {
        self.check_classes()?;
        let (classes, probability) = self.statistics.deterministic();
        let classes = class_array(self.region.crop_classes(classes));
        Ok((classes, array(self.region.crop_map(probability))))
    }

    /// Returns the probability of a label and its entropy, or the value of a target and the variance
    /// that the network predicts for it, in the pass without dropout, `[H, W]` each.
    ///
    /// # Errors
    /// Fails if the task predicts classes, or if there is no such label or target.
    pub fn deterministic_of(&self, channel: usize) -> Result<(Array2<f32>, Array2<f32>)> {
        self.check_channel(channel)?;
        let (value, within) = self.statistics.deterministic_channel(channel);
        let array = |map: Map| array(self.region.crop_map(map));
        Ok((array(value), array(within)))
    }

    /// Fails if there is no label or target of this number.
    fn check_channel(&self, channel: usize) -> Result<()> {
        if self.statistics.family() == Family::Classes {
            let message = format!("`task = {}` has no labels or targets", self.task);
            return Err(Error::setting("channel", message)
                .with_hint("use `map(measure)` and `deterministic()`"));
        }
        let n = self.n_classes();
        if channel >= n {
            let message = format!("expected a number below {n}, found {channel}");
            return Err(Error::setting("channel", message)
                .with_hint("count labels and targets from 0"));
        }
        Ok(())
    }

    fn check_classes(&self) -> Result<()> {
        if self.statistics.family() == Family::Classes {
            return Ok(());
        }
        let message = format!("`task = {}` does not predict classes", self.task);
        Err(Error::setting("task", message)
            .with_hint("use `means()`, or `map_of(measure, channel)`"))
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
    use crate::measure::{EPISTEMIC_STD, MUTUAL_INFORMATION, PREDICTIVE_ENTROPY, VALUE};
    use crate::simd::Isa;
    use crate::sums::{
        Coordinates, ImageSums, Needs, OutputKind, PassOutput, Sums, TargetUnit,
    };
    use crate::task::{PIXEL_LABELS, PIXEL_REGRESSION, SEGMENTATION};

    /// Two classes on 2 x 3 pixels; the last column is padding.
    fn prediction(needs: Needs) -> Prediction {
        let values = [0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, -1.0, 9.0, 2.0, -2.0, 9.0];
        let mut sums = ImageSums::new(2, 2, 3, needs, Isa::detect());
        let scores = PassOutput {
            values: &values,
            n_channels: 2,
            height: 2,
            width: 3,
            kind: OutputKind::Logits,
            coordinates: Coordinates::HalfPixel,
            spread: None,
            logit_noise: None,
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
        let classes = prediction.classes().unwrap();
        assert_eq!(classes, ndarray::arr2(&[[1, 0], [1, 0]]));
        let deterministic = prediction.deterministic().unwrap();
        assert_eq!(deterministic.0, classes);
        assert_eq!(deterministic.1, prediction.probability().unwrap());
        let probabilities = prediction.probabilities().unwrap();
        assert_eq!(probabilities.shape(), [2, 2, 2]);
        for ((row, column), class) in classes.indexed_iter() {
            let of_class = probabilities[[usize::from(*class), row, column]];
            let predicted = prediction.probability().unwrap()[[row, column]];
            assert_eq!(of_class.to_bits(), predicted.to_bits());
        }
        let disagreement = prediction.map(&MUTUAL_INFORMATION).unwrap();
        assert_eq!(disagreement.shape(), [2, 2]);
        assert!(disagreement.iter().all(|value| *value < 1e-6));
    }

    /// Two channels on 1 x 2 pixels in two samples.
    fn of_channels(
        task: &'static Task,
        kind: OutputKind,
        units: &[TargetUnit],
    ) -> Prediction {
        let mut sums =
            ImageSums::of_family(kind.family(), 2, (1, 2), Needs::ALL, Isa::detect());
        let [first, second] = [[1.0, 2.0, -1.0, 0.0], [3.0, 2.0, -1.0, 0.0]];
        let scores = |values| PassOutput {
            logit_noise: None,
            values,
            n_channels: 2,
            height: 1,
            width: 2,
            kind,
            coordinates: Coordinates::HalfPixel,
            spread: None,
            units,
        };
        sums.set_deterministic(&scores(&first)).unwrap();
        sums.add(&[scores(&first), scores(&second)]).unwrap();
        let region = Region { rows: 0..1, columns: 0..2 };
        Prediction::new(task, sums.finish(), region)
    }

    #[test]
    fn values_have_maps_of_each_target_and_no_classes() {
        let prediction = of_channels(
            &PIXEL_REGRESSION,
            OutputKind::Values,
            &[TargetUnit::default(); 2],
        );
        assert_eq!(prediction.map_of(&VALUE, 0).unwrap(), ndarray::arr2(&[[2.0, 2.0]]));
        assert_eq!(prediction.map_of(&VALUE, 1).unwrap(), ndarray::arr2(&[[-1.0, 0.0]]));
        let std = prediction.map_of(&EPISTEMIC_STD, 0).unwrap();
        assert_eq!(std, ndarray::arr2(&[[1.0, 0.0]]));
        let (value, variance) = prediction.deterministic_of(0).unwrap();
        assert_eq!(value, ndarray::arr2(&[[1.0, 2.0]]));
        assert_eq!(variance, ndarray::arr2(&[[0.0, 0.0]]));
        assert!((prediction.means()[[1, 0, 0]] + 1.0).abs() < 1e-6);
        for (error, part) in [
            (prediction.map(&VALUE).unwrap_err(), "2 channels"),
            (prediction.map_of(&VALUE, 2).unwrap_err(), "below 2"),
            (prediction.map_of(&MUTUAL_INFORMATION, 0).unwrap_err(), "regression"),
            (prediction.classes().unwrap_err(), "classes"),
            (prediction.probability().unwrap_err(), "classes"),
            (prediction.deterministic().unwrap_err(), "classes"),
            (prediction.probabilities().unwrap_err(), "probabilities"),
        ] {
            assert!(error.to_string().contains(part), "{error}");
            assert!(error.hint().is_some());
        }
    }

    #[test]
    fn labels_have_their_own_measures_of_the_names_of_classes() {
        let prediction = of_channels(&PIXEL_LABELS, OutputKind::LabelLogits, &[]);
        let entropy = prediction.map_of(&PREDICTIVE_ENTROPY, 1).unwrap();
        assert!((entropy[[0, 1]] - std::f32::consts::LN_2).abs() < 1e-6);
        assert!((prediction.probabilities().unwrap()[[1, 0, 1]] - 0.5).abs() < 1e-6);
        assert!(prediction.classes().is_err());
    }

    #[test]
    fn classes_have_no_channels() {
        let prediction = prediction(Needs::ALL);
        assert!(prediction.map_of(&PREDICTIVE_ENTROPY, 0).is_err());
        assert!(prediction.deterministic_of(0).is_err());
    }

    #[test]
    fn a_measure_without_its_sums_is_an_error() {
        let prediction = prediction(Needs::MEAN);
        assert!(prediction.map(&PREDICTIVE_ENTROPY).is_ok());
        let error = prediction.map(&MUTUAL_INFORMATION).unwrap_err();
        assert!(error.to_string().contains("mutual_information"), "{error}");
    }
}
