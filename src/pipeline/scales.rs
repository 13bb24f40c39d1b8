//! Scales of pictures: fixed for measures with a bound, unless the user wants those of the run; else
//! chosen once for a run, by the user or from a few of its images.

use std::collections::HashMap;

use super::images;
use super::job::Job;
use super::open::FirstImage;
use crate::input::{ImageFile, Preprocessing};
use crate::measure::{Measure, Range};
use crate::output::heat_map::{Scale, Spacing};
use crate::record::MapScale;
use crate::sampling::Sampler;
use crate::task::{ModelTask, Quantity, ValueRange};
use crate::tensor::Region;

/// Largest number of images that scales are chosen from.
const MOST_IMAGES: usize = 16;

/// Number of samples of each.
const SAMPLES: u32 = 8;

/// Fraction of the values that lie above a scale.
const ABOVE: f64 = 0.001;

/// Largest number of values of an image, of all quantities together, that are looked at.
const MOST_VALUES: usize = 1 << 23;

/// The scales that are chosen for a run.
#[derive(Debug, Clone, Default)]
pub(super) struct Scales {
    /// The scale of each quantity by its name.
    of_run: HashMap<String, Scale>,
}

impl Scales {
    /// Returns the scale of a quantity.
    pub(super) fn of(&self, quantity: &Quantity, n_classes: usize) -> Scale {
        let fixed = Scale::up_to(quantity.upper_bound(n_classes));
        let scale = self.of_run.get(&quantity.name).copied().unwrap_or(fixed);
        scale.with_spacing(Spacing::of(quantity.measure.sqrt_scale))
    }

    /// Chooses the scales of a run: those of the user, else from up to 16 images that are spread
    /// over the list. They depend on the list only, not on what an earlier run finished.
    pub(super) fn choose(
        sampler: &mut Sampler,
        task: &ModelTask,
        job: &Job,
        (preprocessing, first): (&Preprocessing, &FirstImage),
    ) -> Self {
        let quantities = chosen_quantities(task, job);
        if !job.output.needs_scales(task.task) || quantities.is_empty() {
            return Self::default();
        }
        let mut looks: Vec<Vec<f32>> = vec![Vec::new(); quantities.len()];
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
            for (quantity, look) in quantities.iter().zip(&mut looks) {
                let map = region.crop_map(quantity.map(&statistics));
                // An odd step does not look at the same columns of every row.
                let n_values = map.values.len() * quantities.len();
                let step = match n_values / MOST_VALUES {
                    0 => 1,
                    n => (n + 1) | 1,
                };
                let values = map.values.into_iter().step_by(step);
                look.extend(values.filter(|value| value.is_finite()));
            }
        }
        let n_classes = sampler.output_layout().n_classes();
        let scales = quantities.iter().zip(&mut looks).map(|(quantity, look)| {
            let bound = quantity.upper_bound(n_classes);
            let scale = scale_of(quantity.measure, look, job.output.value_range);
            let high = if look.is_empty() { bound } else { scale.high };
            let scale =
                if bound.is_finite() { Scale::up_to(high.min(bound)) } else { scale };
            (quantity.name.clone(), scale)
        });
        Self { of_run: scales.collect() }
    }
}

/// Returns the quantities whose scales are chosen for the run: all without a bound, and if the user wants
/// it those with a bound that pictures show.
fn chosen_quantities(task: &ModelTask, job: &Job) -> Vec<Quantity> {
    let mut measures: Vec<&'static Measure> = task.task.measures.iter().collect();
    let listed = job.output.map_measures(task.task).into_iter();
    let is_optional = |one: &&'static Measure| {
        task.task.optional_measures.iter().any(|other| other.name == one.name)
    };
    measures.extend(listed.filter(is_optional));
    measures.retain(|one| !is_bounded(one));
    let mut quantities = task.quantities(&measures);
    if job.output.map_scale == MapScale::Run {
        let of_pictures = job.output.quantities_of_pictures(task).into_iter();
        quantities.extend(of_pictures.filter(|one| is_bounded(one.measure)));
    }
    quantities
}

/// Returns the scale that shows nearly all of these values of a measure.
fn scale_of(measure: &Measure, values: &mut [f32], chosen: Option<ValueRange>) -> Scale {
    if let Range::Any = measure.range {
        let range = chosen.unwrap_or_else(|| {
            let (low, high) = (quantile(values, ABOVE), quantile(values, 1.0 - ABOVE));
            rounded_outward(low, high)
        });
        return Scale::new(range.low as f32, range.high as f32);
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
