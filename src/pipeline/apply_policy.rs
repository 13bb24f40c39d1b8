//! Applies a policy to an image: calibrated probabilities, sets of classes, a decision.

use rayon::prelude::*;

use super::write::{ImageResult, Writer};
use crate::error::Result;
use crate::measure::image_level;
use crate::metric::{PredictedClasses, deterministic_scores};
use crate::output::class_map;
use crate::output::folder::{SET_SIZE, label_map_kind, map_path};
use crate::output::heat_map::{HeatMap, Scale};
use crate::output::resample;
use crate::palette::Palette;
use crate::policy::{Decision, ImageScore, Policy, temper};
use crate::record::ImageRecord;
use crate::task::Target;
use crate::tensor::{ClassMap, Map};

/// Result of a policy at the pixels of an image.
struct PixelResult {
    /// Number of classes in the set of each pixel.
    set_sizes: ClassMap,
    /// Mean over the pixels of the largest probability at the temperature of the policy.
    mean_probability: f32,
}

impl Writer<'_> {
    /// Adds the policy's columns to the record, and writes the map of set sizes.
    pub(super) fn apply_policy(
        &self,
        policy: &Policy,
        result: &ImageResult<'_>,
        record: &mut ImageRecord,
    ) -> Result<()> {
        match self.task.task.target {
            Target::Class => {}
            Target::Labels => {
                record.decision = self.decide_by_map(policy, result);
                return self.write_label_maps(policy, result);
            }
            Target::Value => {
                record.decision = self.decide_by_map(policy, result);
                return Ok(());
            }
        }
        record.decision = decide(policy, result);
        if policy.sets.is_none() && policy.temperature.is_none() {
            return Ok(());
        }
        if self.task.has_maps() {
            let pixels = apply_to_pixels(policy, result);
            record.calibrated_probability =
                policy.temperature.as_ref().map(|_| pixels.mean_probability);
            if policy.sets.is_some() {
                record.set_size = Some(image_level::mean(&values(&pixels.set_sizes)));
                self.write_set_sizes(result, &pixels.set_sizes)?;
            }
            return Ok(());
        }
        let mut probabilities = result.probabilities().to_vec();
        if let Some(temperature) = &policy.temperature {
            temper(&mut probabilities, temperature.value);
            let class = result.classes().classes[0];
            record.calibrated_probability = Some(probabilities[usize::from(class)]);
        }
        let classes = policy.sets.as_ref().map(|sets| sets.rule.classes(&probabilities));
        record.set_size = classes.as_ref().map(|classes| classes.len() as f32);
        record.prediction_set = classes;
        Ok(())
    }

    /// Decides on an image by the map of a measure: the mean over labels, or that of a target.
    fn decide_by_map(
        &self,
        policy: &Policy,
        result: &ImageResult<'_>,
    ) -> Option<Decision> {
        policy.decide(|score: &ImageScore| {
            let Some(quantity) = score.quantity(self.task) else {
                return score.value_of_map(&result.deterministic_score(score));
            };
            let map = result.map_of(&quantity.name);
            map.map_or(f32::NAN, |map| score.value_of_map(map))
        })
    }

    /// Writes a map for each label with thresholds: 1 where it holds, 0 where it does not.
    fn write_label_maps(&self, policy: &Policy, result: &ImageResult<'_>) -> Result<()> {
        let of_pixels = self.options.prediction && self.task.has_maps();
        let Some(labels) = policy.labels.as_ref().filter(|_| of_pixels) else {
            return Ok(());
        };
        let (placement, height, width) = self.map_placement(result);
        let black_and_white = Palette::new(vec![[0; 3], [u8::MAX; 3]]);
        let thresholds = labels.values().into_iter().enumerate();
        for ((label, threshold), name) in thresholds.zip(&self.task.channels) {
            let holds = result.holds(label, threshold);
            let map = resample::classes(&holds, &placement, height, width);
            let encoded = class_map::encode_png(&map, 2, &black_and_white);
            self.folder
                .save(&map_path(&label_map_kind(name), result.id, "png"), encoded)?;
        }
        Ok(())
    }

    fn write_set_sizes(&self, result: &ImageResult<'_>, sizes: &ClassMap) -> Result<()> {
        let (placement, height, width) = self.map_placement(result);
        // Resampled like class ids, so that sizes stay whole numbers.
        let map = &values(&resample::classes(sizes, &placement, height, width));
        let scale = Scale::up_to(result.n_classes() as f32);
        let heat = HeatMap { map, scale };
        for format in &self.options.formats {
            let path = map_path(SET_SIZE, result.id, format.extension);
            self.folder.save(&path, (format.encode)(&heat))?;
        }
        Ok(())
    }
}

fn decide(policy: &Policy, result: &ImageResult<'_>) -> Option<Decision> {
    if !policy.decides() {
        return None;
    }
    let predicted = result.classes();
    let pixels = PredictedClasses {
        predicted: &predicted.classes,
        width: predicted.width,
        n_classes: result.n_classes(),
    };
    policy.decide(|score: &ImageScore| {
        if let Some(measure) = score.measure {
            let map = result.map_of(measure.name);
            map.map_or(f32::NAN, |map| score.value(&map.values, &pixels))
        } else {
            let scores = deterministic_scores(result.deterministic().probabilities);
            score.value(&scores, &pixels)
        }
    })
}

fn apply_to_pixels(policy: &Policy, result: &ImageResult<'_>) -> PixelResult {
    let (height, width) = result.size();
    let (n, n_classes) = (height * width, result.n_classes());
    let probabilities = result.probabilities();
    let rule = policy.sets.as_ref().map(|sets| sets.rule);
    let apply = |item: &mut Vec<f32>, pixel: usize| {
        item.clear();
        item.extend(probabilities[pixel..].iter().step_by(n));
        if let Some(temperature) = &policy.temperature {
            temper(item, temperature.value);
        }
        let size = rule.map_or(0, |rule| rule.size(item) as u16);
        (size, item.iter().copied().fold(0.0, f32::max))
    };
    let item = || Vec::with_capacity(n_classes);
    let (classes, values): (Vec<u16>, Vec<f32>) =
        (0..n).into_par_iter().map_init(item, apply).unzip();
    PixelResult {
        set_sizes: ClassMap { height, width, classes },
        mean_probability: image_level::mean(&Map { height, width, values }),
    }
}

/// Returns ids as values, with NaN for `ClassMap::NONE`.
fn values(map: &ClassMap) -> Map {
    let value = |id: &u16| if *id == ClassMap::NONE { f32::NAN } else { f32::from(*id) };
    let values = map.classes.iter().map(value).collect();
    Map { height: map.height, width: map.width, values }
}
