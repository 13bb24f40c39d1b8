//! Resize, crop and padding of an image processor.

use serde_json::Value;

use super::arithmetic::Arithmetic;
use super::processors::{DefaultSize, Processor, Rule};
use super::{Reading, Said};
use crate::error::Result;
use crate::input::MAX_PIXELS;
use crate::input::preprocessing::layers::Layer;
use crate::input::preprocessing::settings::{Crop, Interpolation, Resize, Size};
use crate::input::preprocessing::sources::fields::{Fields, kind, side};
use crate::input::preprocessing::steps::{Fill, Pad, PadSide};

/// A `size` in any of its forms.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Sides {
    Exact(Size),
    Short(usize),
    ShortAtMost { short: usize, long: usize },
    Long(usize),
    Within(Size),
}

/// The forms of a `size`, for errors.
const FORMS: &str = "expected a number, [height, width] or an object with height and width, \
                     shortest_edge (with longest_edge), longest_edge, or max_height and \
                     max_width";

/// Reads what is done to the size of images.
pub(super) fn read(
    reading: &Reading<'_>,
    arithmetic: &Arithmetic,
    layer: &mut Layer,
) -> Result<()> {
    let crops_already = resize(reading, arithmetic, layer)?;
    crop(reading, layer, crops_already)?;
    pad(reading, layer)
}

/// Returns whether the resizing itself ends in a crop.
fn resize(
    reading: &Reading<'_>,
    arithmetic: &Arithmetic,
    layer: &mut Layer,
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
    check_pixels(reading, resize)?;
    layer.resize = Some(resize);
    reading.note(layer, "resize", &size);
    if let Some(side) = crop {
        layer.crop = Some(Crop::Centre(Size { width: side, height: side }));
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
    // Pillow's nearest is the pixel under the centre; torchvision has another name for it.
    let nearest = resample.value == Interpolation::Nearest && !arithmetic.is_pillow;
    layer.interpolation =
        Some(if nearest { Interpolation::NearestExact } else { resample.value });
    layer.antialias = Some(true);
    reading.note(layer, "interpolation", &resample);
    reading.note(layer, "antialias", &resample);
    Ok(crop.is_some())
}

fn sides(reading: &Reading<'_>) -> Result<Said<Sides>> {
    let square = reading
        .value("default_to_square", Fields::truth, |p| Some(p.number_is_square))?
        .is_none_or(|said| said.value);
    let read = |fields: &Fields<'_>, key: &str| {
        let Some(value) = fields.get(key) else { return Ok(None) };
        sides_of(value, square).map(Some).map_err(|message| fields.error(key, message))
    };
    let mut size = reading.needed(
        reading.value("size", read, |processor| Some(default_sides(processor)))?,
        "size",
        "do_resize",
    )?;
    // A switch of Kosmos-2, whose files are of CLIP's class.
    let squares = reading.step("use_square_size", |_| false)?;
    if let (Some(processor), Some(true)) =
        (reading.class.processor, squares.map(|step| step.value))
        && processor.class == "CLIPImageProcessor"
        && let DefaultSize::Short(side) = processor.size
    {
        size.value = Sides::Exact(Size { width: side, height: side });
    }
    Ok(size)
}

fn default_sides(processor: &Processor) -> Sides {
    match processor.size {
        DefaultSize::Square(side) => Sides::Exact(Size { width: side, height: side }),
        DefaultSize::Short(side) => Sides::Short(side),
    }
}

fn sides_of(value: &Value, number_is_square: bool) -> Result<Sides, String> {
    match value {
        Value::Number(_) if number_is_square => {
            side(value).map(|side| Sides::Exact(Size { width: side, height: side }))
        }
        Value::Number(_) => side(value).map(Sides::Short),
        Value::Array(list) => match list.as_slice() {
            [height, width] => {
                Ok(Sides::Exact(Size { height: side(height)?, width: side(width)? }))
            }
            _ => Err(format!("{FORMS}, found {}", kind(value))),
        },
        Value::Object(table) => {
            let mut keys: Vec<(&str, &Value)> = table
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key.as_str(), value))
                .collect();
            keys.sort_by_key(|(key, _)| *key);
            match keys.as_slice() {
                [("height", height), ("width", width)] => {
                    Ok(Sides::Exact(Size { height: side(height)?, width: side(width)? }))
                }
                [("shortest_edge", short)] => side(short).map(Sides::Short),
                [("longest_edge", long), ("shortest_edge", short)] => {
                    Ok(Sides::ShortAtMost { short: side(short)?, long: side(long)? })
                }
                [("longest_edge", long)] => side(long).map(Sides::Long),
                [("max_height", height), ("max_width", width)] => {
                    Ok(Sides::Within(Size { height: side(height)?, width: side(width)? }))
                }
                others => {
                    let names: Vec<&str> = others.iter().map(|(key, _)| *key).collect();
                    Err(format!("{FORMS}, found {}", names.join(", ")))
                }
            }
        }
        other => Err(format!("{FORMS}, found {}", kind(other))),
    }
}

/// The rule of the class for a size, with the side of the crop that belongs to it.
fn by_rule(reading: &Reading<'_>, size: &Said<Sides>) -> Result<(Resize, Option<usize>)> {
    let wrong = |expected: &str| {
        let class = &reading.class.name;
        reading.fields.error("size", format!("{class} takes {expected} alone"))
    };
    Ok(match (reading.rule(), size.value) {
        (Rule::ConvNext, Sides::Short(side)) if side < 384 => {
            (Resize::Short(enlarged(reading, side)?), Some(side))
        }
        (Rule::ConvNext, Sides::Short(side)) => {
            (Resize::Exact(Size { width: side, height: side }), None)
        }
        (Rule::ConvNext, _) => return Err(wrong("a shortest_edge")),
        (Rule::Levit, Sides::Short(side)) => {
            (Resize::Short((256.0 / 224.0 * side as f64) as usize), None)
        }
        (Rule::PoolFormer, sides) if has_crop_pct(reading) => {
            let resize = match sides {
                Sides::Short(side) => Resize::Short(enlarged(reading, side)?),
                Sides::Exact(size) if size.width == size.height => {
                    Resize::Short(enlarged(reading, size.width)?)
                }
                Sides::Exact(size) => Resize::Exact(Size {
                    width: enlarged(reading, size.width)?,
                    height: enlarged(reading, size.height)?,
                }),
                _ => return Err(wrong("a shortest_edge, or height and width")),
            };
            (resize, None)
        }
        (Rule::Dpt, Sides::Exact(size)) => (multiples(reading, size)?, None),
        (Rule::Dpt, _) => return Err(wrong("height and width")),
        (_, Sides::Long(_)) if reading.class.processor.is_some() => {
            return Err(wrong("a longest_edge with a shortest_edge, never"));
        }
        (_, Sides::Exact(size)) => (Resize::Exact(size), None),
        (_, Sides::Short(side)) => (Resize::Short(side), None),
        (_, Sides::ShortAtMost { short, long }) => {
            (Resize::ShortAtMost { short, long }, None)
        }
        (_, Sides::Long(side)) => (Resize::Long(side), None),
        (_, Sides::Within(size)) => (Resize::Within(size), None),
    })
}

/// `null` means that sizes are taken as they are.
fn has_crop_pct(reading: &Reading<'_>) -> bool {
    !matches!(reading.fields.table.get("crop_pct"), Some(Value::Null))
}

/// A side over `crop_pct`, rounded down.
fn enlarged(reading: &Reading<'_>, side: usize) -> Result<usize> {
    let part = reading.value("crop_pct", Fields::number, |p| Some(p.crop_pct))?;
    let part = reading.needed(part, "crop_pct", "do_resize")?.value;
    let enlarged = side as f64 / part;
    if part > 0.0 && (1.0..65_536.0).contains(&enlarged) {
        return Ok(enlarged as usize);
    }
    let message = format!("{part} makes no side between 1 and 65535 out of {side}");
    Err(reading.fields.error("crop_pct", message))
}

/// DPT's rule, where it keeps the shape, and its rounding where it does not.
fn multiples(reading: &Reading<'_>, size: Size) -> Result<Resize> {
    let multiple = reading.value("ensure_multiple_of", Fields::side, |_| Some(1))?;
    let multiple = reading.needed(multiple, "ensure_multiple_of", "do_resize")?.value;
    let keeps = reading.step("keep_aspect_ratio", |_| false)?;
    if keeps.is_some_and(|step| step.value) {
        return Ok(Resize::Near { size, multiple });
    }
    let nearest = |side: usize| {
        (side as f64 / multiple as f64).round_ties_even() as usize * multiple
    };
    let rounded = Size { width: nearest(size.width), height: nearest(size.height) };
    if rounded.pixels() == 0 {
        let message = format!("no multiple of {multiple} is near {size}");
        return Err(reading.fields.error("ensure_multiple_of", message));
    }
    Ok(Resize::Exact(rounded))
}

fn check_pixels(reading: &Reading<'_>, resize: Resize) -> Result<()> {
    let (Resize::Exact(size) | Resize::Within(size) | Resize::Near { size, multiple: _ }) =
        resize
    else {
        return Ok(());
    };
    if size.pixels() <= MAX_PIXELS {
        return Ok(());
    }
    let message = format!("{size} has more than {MAX_PIXELS} pixels");
    Err(reading.fields.error("size", message))
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

fn crop(reading: &Reading<'_>, layer: &mut Layer, crops_already: bool) -> Result<()> {
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
    layer.crop = Some(Crop::Centre(size.value));
    reading.note(layer, "crop", &size);
    Ok(())
}

/// A width and height; one number stands for both.
fn exact(fields: &Fields<'_>, key: &str) -> Result<Option<Size>> {
    let Some(value) = fields.get(key) else { return Ok(None) };
    match sides_of(value, true) {
        Ok(Sides::Exact(size)) if size.pixels() <= MAX_PIXELS => Ok(Some(size)),
        Err(message) => Err(fields.error(key, message)),
        Ok(_) => {
            let message = format!("expected a height and a width, found {value}");
            Err(fields.error(key, message))
        }
    }
}

fn pad(reading: &Reading<'_>, layer: &mut Layer) -> Result<()> {
    let Some(step) = reading.step("do_pad", |_| false)? else {
        return Ok(());
    };
    let (pad, side) = match (step.value, reading.rule()) {
        (true, Rule::Dpt) => {
            let divisor = reading.value("size_divisor", Fields::side, |_| None)?;
            let divisor = reading.needed(divisor, "size_divisor", "do_pad")?;
            (Pad::Multiple(divisor.value), PadSide::Centre)
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
