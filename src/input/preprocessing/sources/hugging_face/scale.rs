//! From `do_rescale` and `do_normalize` to one mean and one standard deviation.

use super::processors::Rule;
use super::{Reading, Said};
use crate::error::Result;
use crate::input::preprocessing::partial_config::PartialConfig;
use crate::input::preprocessing::sources::fields::Fields;
use crate::input::settings::Channels;

/// What the processor does to a value v of 0..255: `(v * factor - offset - mean) / std`.
struct Scale {
    factor: f64,
    offset: f64,
    mean: Vec<f64>,
    std: Vec<f64>,
}

impl Scale {
    /// Mean and standard deviation of `v / 255` that come to the same.
    fn of_unit_values(&self) -> (Vec<f32>, Vec<f32>) {
        let factor = self.factor * 255.0;
        let mean = self.mean.iter().map(|mean| ((mean + self.offset) / factor) as f32);
        let std = self.std.iter().map(|std| (std / factor) as f32);
        (mean.collect(), std.collect())
    }
}

/// Reads mean, standard deviation and the order of channels; leaves a scale unsaid that the
/// file does not settle.
pub(super) fn read(reading: &Reading<'_>, layer: &mut PartialConfig) -> Result<()> {
    flip(reading, layer)?;
    let Some(do_rescale) = reading.step("do_rescale", |_| true)? else {
        return Ok(());
    };
    let Some(do_normalize) = normalize(reading)? else { return Ok(()) };
    let mut scale = Scale { factor: 1.0, offset: 0.0, mean: vec![0.0], std: vec![1.0] };
    if do_rescale.value {
        let factor =
            reading.value("rescale_factor", Fields::number, |_| Some(1.0 / 255.0))?;
        // A file of an unknown class that rescales means what all classes mean.
        let factor = match factor {
            None if !reading.fields.table.contains_key("rescale_factor") => 1.0 / 255.0,
            factor => reading.needed(factor, "rescale_factor", "do_rescale")?.value,
        };
        if !(factor.is_finite() && factor > 0.0) {
            let message = format!("expected more than 0, found {factor}");
            return Err(reading.fields.error("rescale_factor", message));
        }
        scale.factor = factor;
        let offset = reading.step("rescale_offset", |_| false)?;
        if reading.rule() == Rule::EfficientNet && offset.is_some_and(|step| step.value) {
            scale.offset = 1.0;
        }
    }
    if reading.rule() == Rule::Float && do_normalize.value && !do_rescale.value {
        let message =
            "cannot be done to levels of 0 to 255: the class scales before it resizes";
        return Err(reading.fields.error("do_normalize", message));
    }
    let std = reading.value("image_std", Fields::numbers, |p| Some(p.std.to_vec()))?;
    let mut decides = do_rescale;
    if do_normalize.value {
        let mean =
            reading.value("image_mean", Fields::numbers, |p| Some(p.mean.to_vec()))?;
        let mean = reading.needed(mean, "image_mean", "do_normalize")?;
        let std =
            reading.value("image_std", Fields::numbers, |p| Some(p.std.to_vec()))?;
        let std = reading.needed(std, "image_std", "do_normalize")?;
        reading.note(layer, "mean", &mean);
        reading.note(layer, "std", &std);
        (scale.mean, scale.std) = (mean.value, std.value);
    } else {
        // Of two steps left out, the one that a reader would look for first.
        if decides.is_default || !do_normalize.is_default {
            decides = do_normalize;
        }
        reading.note(layer, "mean", &decides);
        reading.note(layer, "std", &decides);
    }
    if divides_again(reading)? {
        let std = reading.needed(std, "image_std", "include_top")?.value;
        scale.std = twice(&scale.std, &std);
    }
    let (mean, std) = scale.of_unit_values();
    (layer.mean, layer.std) = (Some(mean), Some(std));
    Ok(())
}

/// `MobileViT` has the key and makes no use of it.
fn normalize(reading: &Reading<'_>) -> Result<Option<Said<bool>>> {
    if reading.rule() == Rule::MobileVit {
        return Ok(Some(Said { value: false, key: "do_normalize", is_default: true }));
    }
    reading.step("do_normalize", |_| true)
}

fn divides_again(reading: &Reading<'_>) -> Result<bool> {
    let include_top = reading.step("include_top", |_| true)?;
    Ok(reading.rule() == Rule::EfficientNet && include_top.is_some_and(|step| step.value))
}

/// The product, one number standing for all channels.
fn twice(first: &[f64], second: &[f64]) -> Vec<f64> {
    let count = first.len().max(second.len());
    let at =
        |list: &[f64], i: usize| list.get(i).or(list.first()).copied().unwrap_or(1.0);
    (0..count).map(|i| at(first, i) * at(second, i)).collect()
}

fn flip(reading: &Reading<'_>, layer: &mut PartialConfig) -> Result<()> {
    if reading.rule() != Rule::MobileVit {
        return Ok(());
    }
    if let Some(flip) = reading.step("do_flip_channel_order", |_| true)? {
        layer.channels = Some(if flip.value { Channels::Bgr } else { Channels::Rgb });
        reading.note(layer, "channels", &flip);
    }
    Ok(())
}
