//! Resize, crop and padding of an image processor.

use super::arithmetic::Arithmetic;
use super::processors::Rule;
use super::sides::{Sides, by_rule, sides, sides_of};
use super::{Reading, Said};
use crate::error::Result;
use crate::input::preprocessing::partial_config::PartialConfig;
use crate::input::preprocessing::sources::fields::{Fields, kind};
use crate::input::settings::{Crop, Interpolation, Resize, Size};
use crate::input::settings::{Fill, Pad, PadSide};

/// Reads what is done to the size of images.
pub(super) fn read(
    reading: &Reading<'_>,
    arithmetic: &Arithmetic,
    layer: &mut PartialConfig,
) -> Result<()> {
    let crops_already = resize(reading, arithmetic, layer)?;
    crop(reading, layer, crops_already)?;
    pad(reading, layer)
}

/// Returns whether the resizing itself ends in a crop.
fn resize(
    reading: &Reading<'_>,
    arithmetic: &Arithmetic,
    layer: &mut PartialConfig,
) -> Result<bool> {
    let Some(step) = reading.step("do_resize", |_| true)? else {
        return Ok(false);
    };
    if !step.value {
        layer.resize = Some(Resize::None);
        reading.note(layer, "resize", &step);
        return Ok(false);
    }
    let size = sides(reading)?;
    let (resize, crop) = by_rule(reading, &size)?;
    layer.resize = Some(resize);
    reading.note(layer, "resize", &size);
    if let Some(side) = crop {
        layer.crop = Some(Crop::Center(Size { width: side, height: side }));
        reading.note(layer, "crop", &size);
    }
    let resample = reading.value("resample", resample, |p| Some(p.resample))?;
    let resample = match resample {
        // What all classes do where none is named.
        None if !reading.fields.table.contains_key("resample") => {
            Said { value: Interpolation::Bilinear, key: "resample", is_default: true }
        }
        resample => reading.needed(resample, "resample", "do_resize")?,
    };
    // Pillow's nearest is the pixel under the center; torchvision has another name for it.
    let nearest = resample.value == Interpolation::Nearest && !arithmetic.is_pillow;
    layer.interpolation =
        Some(if nearest { Interpolation::NearestExact } else { resample.value });
    layer.antialias = Some(true);
    reading.note(layer, "interpolation", &resample);
    reading.note(layer, "antialias", &resample);
    Ok(crop.is_some())
}

/// Pillow's number for a filter, or its name.
fn resample(fields: &Fields<'_>, key: &str) -> Result<Option<Interpolation>> {
    let Some(value) = fields.get(key) else { return Ok(None) };
    let name = value.as_str().map(|name| {
        let last = name.rsplit('.').next().unwrap_or(name);
        last.to_lowercase().replace('_', "-")
    });
    let filter = match (value.as_u64(), name.as_deref()) {
        (Some(0), _) | (_, Some("nearest" | "nearest-exact")) => Interpolation::Nearest,
        (Some(1), _) | (_, Some("lanczos")) => Interpolation::Lanczos,
        (Some(2), _) | (_, Some("bilinear")) => Interpolation::Bilinear,
        (Some(3), _) | (_, Some("bicubic")) => Interpolation::Bicubic,
        (Some(4), _) | (_, Some("box")) => Interpolation::Box,
        (Some(5), _) | (_, Some("hamming")) => Interpolation::Hamming,
        _ => {
            let message = format!(
                "expected 0 to 5 (nearest, lanczos, bilinear, bicubic, box, hamming), found {}",
                kind(value)
            );
            return Err(fields.error(key, message));
        }
    };
    Ok(Some(filter))
}

fn crop(
    reading: &Reading<'_>,
    layer: &mut PartialConfig,
    crops_already: bool,
) -> Result<()> {
    let Some(mut step) = reading.step("do_center_crop", |p| p.do_center_crop)? else {
        return Ok(());
    };
    if reading.rule() == Rule::NeverCrops {
        step = Said { value: false, is_default: true, ..step };
    }
    if !step.value {
        if !crops_already {
            layer.crop = Some(Crop::None);
            reading.note(layer, "crop", &step);
        }
        return Ok(());
    }
    if crops_already {
        let message = "a second crop, after the one of size, is not supported";
        return Err(reading.fields.error("do_center_crop", message));
    }
    let size = reading.value("crop_size", exact, |processor| {
        processor.crop_size.map(|side| Size { width: side, height: side })
    })?;
    let size = reading.needed(size, "crop_size", "do_center_crop")?;
    layer.crop = Some(Crop::Center(size.value));
    reading.note(layer, "crop", &size);
    Ok(())
}

/// A width and height; one number stands for both.
fn exact(fields: &Fields<'_>, key: &str) -> Result<Option<Size>> {
    let Some(value) = fields.get(key) else { return Ok(None) };
    match sides_of(value, true) {
        Ok(Sides::Exact(size)) => Ok(Some(size)),
        Err(message) => Err(fields.error(key, message)),
        Ok(_) => {
            let message = format!("expected a height and a width, found {value}");
            Err(fields.error(key, message))
        }
    }
}

fn pad(reading: &Reading<'_>, layer: &mut PartialConfig) -> Result<()> {
    let Some(step) = reading.step("do_pad", |_| false)? else {
        return Ok(());
    };
    let (pad, side) = match (step.value, reading.rule()) {
        (true, Rule::Dpt) => {
            let divisor = reading.value("size_divisor", Fields::side, |_| None)?;
            let divisor = reading.needed(divisor, "size_divisor", "do_pad")?;
            (Pad::Multiple(divisor.value), PadSide::Center)
        }
        (true, Rule::Plain | Rule::Levit | Rule::PoolFormer) => {
            // Without a size, images are padded to the largest of their batch.
            let size = reading.value("pad_size", exact, |_| None)?;
            (size.map_or(Pad::None, |size| Pad::To(size.value)), PadSide::End)
        }
        _ => (Pad::None, PadSide::End),
    };
    layer.pad = Some(pad);
    reading.note(layer, "pad", &step);
    if pad != Pad::None {
        (layer.pad_side, layer.fill) = (Some(side), Some(Fill::Zero));
        reading.note(layer, "pad_side", &step);
        reading.note(layer, "fill", &step);
    }
    Ok(())
}
