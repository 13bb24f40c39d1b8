//! Scales of pictures: fixed for measures with a bound; else chosen once for a run, by the user or
//! from a few of its images.

use std::collections::HashMap;

use super::images;
use super::job::Job;
use super::open::FirstImage;
use crate::input::{ImageFile, Preprocessing};
use crate::measure::{Measure, Range};
use crate::output::heat_map::Scale;
use crate::sampling::Sampler;
use crate::task::{ModelTask, Quantity, ValueRange};
use crate::tensor::Region;

/// Largest number of images that scales are chosen from.
const MOST_IMAGES: usize = 16;

/// Number of samples of each.
const SAMPLES: u32 = 8;

/// Fraction of the values that lie above a scale.
const ABOVE: f64 = 0.001;

/// The scales of measures without a bound.
#[derive(Debug, Clone, Default)]
pub(super) struct Scales {
    /// For each target, the scale of each measure by name.
    targets: Vec<HashMap<&'static str, Scale>>,
}

impl Scales {
    /// Returns the scale of a quantity.
    pub(super) fn of(&self, quantity: &Quantity, n_classes: usize) -> Scale {
        let measure = quantity.measure;
        if let Range::Fixed(bound) = measure.range {
            let channels = if quantity.channel.is_some() { 1 } else { n_classes };
            return Scale::up_to(bound(channels));
        }
        let target = quantity.channel.and_then(|channel| self.targets.get(channel));
        let scale = target.and_then(|scales| scales.get(measure.name));
        scale.copied().unwrap_or(Scale::up_to(f32::INFINITY))
    }

    /// Chooses the scales of a run: those of the user, else from up to 16 images that are spread
    /// over the list. They depend on the list only, not on what an earlier run finished.
    pub(super) fn choose(
        sampler: &mut Sampler,
        task: &ModelTask,
        job: &Job,
        (preprocessing, first): (&Preprocessing, &FirstImage),
    ) -> Self {
        let mut measures: Vec<&'static Measure> = task.task.measures.iter().collect();
        let listed = job.output.map_measures(task.task).into_iter();
        let is_optional = |one: &&'static Measure| {
            task.task.optional_measures.iter().any(|other| other.name == one.name)
        };
        measures.extend(listed.filter(is_optional));
        measures.retain(|one| !is_bounded(one));
        if !job.output.needs_scales(task.task) || measures.is_empty() {
            return Self::default();
        }
        let n_looks = task.channels.len() * measures.len();
        let mut looks: Vec<Vec<f32>> = vec![Vec::new(); n_looks];
        for index in spread_over(job.images.len()) {
            let loaded = if index == first.index {
                Ok((first.loaded.input.clone(), first.loaded.decoded.mask_key()))
            } else {
                let file: &ImageFile = &job.images[index];
                images::load(file, preprocessing)
                    .map(|loaded| (loaded.input, loaded.decoded.mask_key()))
            };
            // The run itself reports images that cannot be read or predicted.
            let Ok((input, key)) = loaded else { continue };
            let (rows, columns) = input.geometry.valid();
            let region = Region { rows, columns };
            let Ok(statistics) = sampler.sample_few(input, key, SAMPLES) else {
                continue;
            };
            for (i, look) in looks.iter_mut().enumerate() {
                let (channel, measure) =
                    (i / measures.len(), measures[i % measures.len()]);
                let factors = task.std_factors(channel);
                let map = measure.map_of_target(&statistics, channel, factors);
                let map = region.crop_map(map);
                look.extend(map.values.into_iter().filter(|value| value.is_finite()));
            }
        }
        let scales = looks.chunks_mut(measures.len()).map(|looks| {
            let scales = measures.iter().zip(looks).map(|(measure, look)| {
                (measure.name, scale_of(measure, look, job.output.value_range))
            });
            scales.collect()
        });
        Self { targets: scales.collect() }
    }
}

/// Returns the scale that shows nearly all of these values of a measure.
fn scale_of(measure: &Measure, values: &mut [f32], chosen: Option<ValueRange>) -> Scale {
    if let Range::Any = measure.range {
        let range = chosen.unwrap_or_else(|| {
            let (low, high) = (quantile(values, ABOVE), quantile(values, 1.0 - ABOVE));
            rounded_outward(low, high)
        });
        return Scale { low: range.low as f32, high: range.high as f32 };
    }
    let high = round_up(quantile(values, 1.0 - ABOVE));
    // Without any uncertainty, the pictures are dark on any scale.
    Scale::up_to(if high > 0.0 { high as f32 } else { 1.0 })
}

fn is_bounded(measure: &Measure) -> bool {
    matches!(measure.range, Range::Fixed(_))
}

/// Returns up to [`MOST_IMAGES`] indices, evenly spread over the list.
fn spread_over(n: usize) -> impl Iterator<Item = usize> {
    let count = n.min(MOST_IMAGES);
    (0..count).map(move |i| i * n / count)
}

/// Returns the quantile by nearest rank; 0 without values.
fn quantile(values: &mut [f32], share: f64) -> f64 {
    let Some(last) = values.len().checked_sub(1) else { return 0.0 };
    let rank = ((values.len() as f64 * share) as usize).min(last);
    let (_, value, _) = values.select_nth_unstable_by(rank, f32::total_cmp);
    f64::from(*value)
}

/// Rounds a range outward to two significant digits of its length.
fn rounded_outward(low: f64, high: f64) -> ValueRange {
    let length = high - low;
    if length <= 0.0 {
        return ValueRange { low: low - 0.5, high: low + 0.5 };
    }
    let step = step_of(length);
    ValueRange { low: (low / step).floor() * step, high: (high / step).ceil() * step }
}

/// Rounds up to two significant digits.
fn round_up(value: f64) -> f64 {
    if value <= 0.0 {
        return 0.0;
    }
    let step = step_of(value);
    (value / step).ceil() * step
}

/// Returns the unit of the second significant digit.
fn step_of(value: f64) -> f64 {
    10_f64.powf(value.log10().floor() - 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_rounded_outward_to_two_digits() {
        let range = rounded_outward(0.37, 79.2);
        assert!(range.low.abs() < 1e-9 && (range.high - 80.0).abs() < 1e-9);
        let range = rounded_outward(-1.234, 1.111);
        assert!((range.low + 1.3).abs() < 1e-9 && (range.high - 1.2).abs() < 1e-9);
        assert!(round_up(0.0).abs() < 1e-9);
        assert!((round_up(3.21) - 3.3).abs() < 1e-9);
        let same = rounded_outward(2.0, 2.0);
        assert!(same.low < 2.0 && same.high > 2.0);
    }

    #[test]
    fn images_are_spread_over_the_list() {
        assert_eq!(spread_over(3).collect::<Vec<_>>(), [0, 1, 2]);
        let of_many: Vec<usize> = spread_over(1600).collect();
        assert_eq!(of_many.len(), 16);
        assert_eq!(of_many[1], 100);
        assert_eq!(spread_over(0).count(), 0);
    }
}
