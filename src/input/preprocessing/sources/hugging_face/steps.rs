//! Steps of an image processor: resize, crop, padding and scale.

use serde_json::Value;

use super::processors::{DefaultSize, Processor, Rule};
use super::{Backend, Entry, Reader};
use crate::error::Result;
use crate::input::preprocessing::partial_config::PartialConfig;
use crate::input::preprocessing::sources::json_object::{JsonObject, parse_side, shown};
use crate::input::settings::{
    Channels, Crop, Fill, Interpolation, Pad, PadSide, Resize, Size,
};

/// Reads resize, crop and padding.
pub(super) fn read_sizes(
    reader: &Reader<'_>,
    backend: &Backend,
    config: &mut PartialConfig,
) -> Result<()> {
    let crops_already = read_resize(reader, backend, config)?;
    read_crop(reader, config, crops_already)?;
    read_pad(reader, config)
}

/// Reads the resize; returns whether it ends in a crop.
fn read_resize(
    reader: &Reader<'_>,
    backend: &Backend,
    config: &mut PartialConfig,
) -> Result<bool> {
    let Some(step) = reader.step("do_resize", |_| true)? else {
        return Ok(false);
    };
    if !step.value {
        config.resize = Some(Resize::None);
        reader.set_provenance(config, "resize", &step);
        return Ok(false);
    }
    let size = read_sides(reader)?;
    let (resize, crop) = resize_by_rule(reader, &size)?;
    config.resize = Some(resize);
    reader.set_provenance(config, "resize", &size);
    if let Some(side) = crop {
        config.crop = Some(Crop::Center(Size { width: side, height: side }));
        reader.set_provenance(config, "crop", &size);
    }
    let resample = reader.value("resample", read_filter, |p| Some(p.resample))?;
    let resample = match resample {
        // The default of all classes.
        None if !reader.object.table.contains_key("resample") => {
            Entry { value: Interpolation::Bilinear, key: "resample", is_default: true }
        }
        resample => reader.required(resample, "resample", "do_resize")?,
    };
    // Pillow's nearest is the pixel under the center; torchvision has another name for it.
    let nearest = resample.value == Interpolation::Nearest && !backend.is_pillow;
    config.interpolation =
        Some(if nearest { Interpolation::NearestExact } else { resample.value });
    config.antialias = Some(true);
    reader.set_provenance(config, "interpolation", &resample);
    reader.set_provenance(config, "antialias", &resample);
    Ok(crop.is_some())
}

/// Reads a filter: its number in Pillow, or its name.
fn read_filter(object: &JsonObject<'_>, key: &str) -> Result<Option<Interpolation>> {
    let Some(value) = object.get(key) else { return Ok(None) };
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
                shown(value)
            );
            return Err(object.error(key, message));
        }
    };
    Ok(Some(filter))
}

fn read_crop(
    reader: &Reader<'_>,
    config: &mut PartialConfig,
    crops_already: bool,
) -> Result<()> {
    let Some(mut step) = reader.step("do_center_crop", |p| p.do_center_crop)? else {
        return Ok(());
    };
    if reader.rule() == Rule::NeverCrops {
        step = Entry { value: false, is_default: true, ..step };
    }
    if !step.value {
        if !crops_already {
            config.crop = Some(Crop::None);
            reader.set_provenance(config, "crop", &step);
        }
        return Ok(());
    }
    if crops_already {
        let message = "a second crop, after the one of size, is not supported";
        return Err(reader.object.error("do_center_crop", message));
    }
    let size = reader.value("crop_size", read_size, |processor| {
        processor.crop_size.map(|side| Size { width: side, height: side })
    })?;
    let size = reader.required(size, "crop_size", "do_center_crop")?;
    config.crop = Some(Crop::Center(size.value));
    reader.set_provenance(config, "crop", &size);
    Ok(())
}

/// Reads a width and height; one number stands for both.
fn read_size(object: &JsonObject<'_>, key: &str) -> Result<Option<Size>> {
    let Some(value) = object.get(key) else { return Ok(None) };
    match parse_sides(value, true) {
        Ok(Sides::Exact(size)) => Ok(Some(size)),
        Err(message) => Err(object.error(key, message)),
        Ok(_) => {
            let message = format!("expected a height and a width, found {value}");
            Err(object.error(key, message))
        }
    }
}

fn read_pad(reader: &Reader<'_>, config: &mut PartialConfig) -> Result<()> {
    let Some(step) = reader.step("do_pad", |_| false)? else {
        return Ok(());
    };
    let (pad, side) = match (step.value, reader.rule()) {
        (true, Rule::Dpt) => {
            let divisor = reader.value("size_divisor", JsonObject::side, |_| None)?;
            let divisor = reader.required(divisor, "size_divisor", "do_pad")?;
            (Pad::Multiple(divisor.value), PadSide::Center)
        }
        (true, Rule::Plain | Rule::Levit | Rule::PoolFormer) => {
            // Without a size, images are padded to the largest of their batch.
            let size = reader.value("pad_size", read_size, |_| None)?;
            (size.map_or(Pad::None, |size| Pad::To(size.value)), PadSide::End)
        }
        _ => (Pad::None, PadSide::End),
    };
    config.pad = Some(pad);
    reader.set_provenance(config, "pad", &step);
    if pad != Pad::None {
        (config.pad_side, config.fill) = (Some(side), Some(Fill::Zero));
        reader.set_provenance(config, "pad_side", &step);
        reader.set_provenance(config, "fill", &step);
    }
    Ok(())
}

/// A `size` in any of its forms.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Sides {
    Exact(Size),
    Short(usize),
    ShortAtMost { short: usize, long: usize },
    Long(usize),
    Within(Size),
}

/// Forms of a `size`, for errors.
const FORMS: &str = "expected a number, [height, width] or an object with height and width, \
                     shortest_edge (with longest_edge), longest_edge, or max_height and \
                     max_width";

/// Reads the `size` of a processor that resizes.
fn read_sides(reader: &Reader<'_>) -> Result<Entry<Sides>> {
    let number_is_square = reader
        .value("default_to_square", JsonObject::boolean, |p| Some(p.number_is_square))?
        .is_none_or(|entry| entry.value);
    let read = |object: &JsonObject<'_>, key: &str| {
        let Some(value) = object.get(key) else { return Ok(None) };
        parse_sides(value, number_is_square)
            .map(Some)
            .map_err(|message| object.error(key, message))
    };
    let mut size = reader.required(
        reader.value("size", read, |processor| Some(default_sides(processor)))?,
        "size",
        "do_resize",
    )?;
    // An option of Kosmos-2, whose files name CLIP's class.
    let squares = reader.step("use_square_size", |_| false)?;
    if let (Some(processor), Some(true)) =
        (reader.class.processor, squares.map(|step| step.value))
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

/// Parses a `size` by its type and keys. The error is a sentence.
fn parse_sides(value: &Value, number_is_square: bool) -> Result<Sides, String> {
    match value {
        Value::Number(_) if number_is_square => {
            parse_side(value).map(|side| Sides::Exact(Size { width: side, height: side }))
        }
        Value::Number(_) => parse_side(value).map(Sides::Short),
        Value::Array(list) => match list.as_slice() {
            [height, width] => Ok(Sides::Exact(Size {
                height: parse_side(height)?,
                width: parse_side(width)?,
            })),
            _ => Err(format!("{FORMS}, found {}", shown(value))),
        },
        Value::Object(table) => {
            let mut keys: Vec<(&str, &Value)> = table
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| (key.as_str(), value))
                .collect();
            keys.sort_by_key(|(key, _)| *key);
            match keys.as_slice() {
                [("height", height), ("width", width)] => Ok(Sides::Exact(Size {
                    height: parse_side(height)?,
                    width: parse_side(width)?,
                })),
                [("shortest_edge", short)] => parse_side(short).map(Sides::Short),
                [("longest_edge", long), ("shortest_edge", short)] => {
                    Ok(Sides::ShortAtMost {
                        short: parse_side(short)?,
                        long: parse_side(long)?,
                    })
                }
                [("longest_edge", long)] => parse_side(long).map(Sides::Long),
                [("max_height", height), ("max_width", width)] => {
                    Ok(Sides::Within(Size {
                        height: parse_side(height)?,
                        width: parse_side(width)?,
                    }))
                }
                others => {
                    let names: Vec<&str> = others.iter().map(|(key, _)| *key).collect();
                    Err(format!("{FORMS}, found {}", names.join(", ")))
                }
            }
        }
        other => Err(format!("{FORMS}, found {}", shown(other))),
    }
}

/// Returns the resize that the class derives from `size`, and the side of the crop that belongs to
/// it.
fn resize_by_rule(
    reader: &Reader<'_>,
    size: &Entry<Sides>,
) -> Result<(Resize, Option<usize>)> {
    let unsupported = |expected: &str| {
        let class = &reader.class.name;
        reader.object.error("size", format!("{class} takes only {expected}"))
    };
    Ok(match (reader.rule(), size.value) {
        (Rule::ConvNext, Sides::Short(side)) if side < 384 => {
            (Resize::Short(enlarged(reader, side)?), Some(side))
        }
        (Rule::ConvNext, Sides::Short(side)) => {
            (Resize::Exact(Size { width: side, height: side }), None)
        }
        (Rule::ConvNext, _) => return Err(unsupported("a shortest_edge")),
        (Rule::Levit, Sides::Short(side)) => {
            (Resize::Short((256.0 / 224.0 * side as f64) as usize), None)
        }
        (Rule::PoolFormer, sides) if has_crop_pct(reader) => {
            let resize = match sides {
                Sides::Short(side) => Resize::Short(enlarged(reader, side)?),
                Sides::Exact(size) if size.width == size.height => {
                    Resize::Short(enlarged(reader, size.width)?)
                }
                Sides::Exact(size) => Resize::Exact(Size {
                    width: enlarged(reader, size.width)?,
                    height: enlarged(reader, size.height)?,
                }),
                _ => return Err(unsupported("a shortest_edge, or height and width")),
            };
            (resize, None)
        }
        (Rule::Dpt, Sides::Exact(size)) => (multiples(reader, size)?, None),
        (Rule::Dpt, _) => return Err(unsupported("height and width")),
        (_, Sides::Long(_)) if reader.class.processor.is_some() => {
            return Err(unsupported("a longest_edge with a shortest_edge"));
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

/// Returns whether sizes are divided by `crop_pct`; `null` means that they are not.
fn has_crop_pct(reader: &Reader<'_>) -> bool {
    !matches!(reader.object.table.get("crop_pct"), Some(Value::Null))
}

/// Returns a side divided by `crop_pct`, rounded down.
fn enlarged(reader: &Reader<'_>, side: usize) -> Result<usize> {
    let crop_pct = reader.value("crop_pct", JsonObject::number, |p| Some(p.crop_pct))?;
    let crop_pct = reader.required(crop_pct, "crop_pct", "do_resize")?.value;
    let enlarged = side as f64 / crop_pct;
    if crop_pct > 0.0 && (1.0..65_536.0).contains(&enlarged) {
        return Ok(enlarged as usize);
    }
    let message = format!("{crop_pct} makes no side between 1 and 65535 out of {side}");
    Err(reader.object.error("crop_pct", message))
}

/// Returns DPT's resize to multiples, which may keep the aspect ratio.
fn multiples(reader: &Reader<'_>, size: Size) -> Result<Resize> {
    let multiple = reader.value("ensure_multiple_of", JsonObject::side, |_| Some(1))?;
    let multiple = reader.required(multiple, "ensure_multiple_of", "do_resize")?.value;
    let keeps = reader.step("keep_aspect_ratio", |_| false)?;
    if keeps.is_some_and(|step| step.value) {
        return Ok(Resize::Near { size, multiple });
    }
    let nearest = |side: usize| {
        (side as f64 / multiple as f64).round_ties_even() as usize * multiple
    };
    let rounded = Size { width: nearest(size.width), height: nearest(size.height) };
    if rounded.pixels() == 0 {
        let message = format!("no multiple of {multiple} is near {size}");
        return Err(reader.object.error("ensure_multiple_of", message));
    }
    Ok(Resize::Exact(rounded))
}

/// Scale of a value v of 0..255: `(v * factor - offset - mean) / std`.
struct LevelScale {
    factor: f64,
    offset: f64,
    mean: Vec<f64>,
    std: Vec<f64>,
}

impl LevelScale {
    /// Returns the mean and standard deviation of the same scale for `v / 255`.
    fn for_unit_values(&self) -> (Vec<f32>, Vec<f32>) {
        let factor = self.factor * 255.0;
        let mean = self.mean.iter().map(|mean| ((mean + self.offset) / factor) as f32);
        let std = self.std.iter().map(|std| (std / factor) as f32);
        (mean.collect(), std.collect())
    }
}

/// Reads mean, standard deviation and the order of channels. Sets no scale if neither the file nor
/// its class determines it.
pub(super) fn read_scale(reader: &Reader<'_>, config: &mut PartialConfig) -> Result<()> {
    read_channel_order(reader, config)?;
    let Some(do_rescale) = reader.step("do_rescale", |_| true)? else {
        return Ok(());
    };
    let Some(do_normalize) = read_do_normalize(reader)? else { return Ok(()) };
    let mut scale =
        LevelScale { factor: 1.0, offset: 0.0, mean: vec![0.0], std: vec![1.0] };
    if do_rescale.value {
        let factor =
            reader.value("rescale_factor", JsonObject::number, |_| Some(1.0 / 255.0))?;
        // The default of all classes, also for a file of an unknown class.
        let factor = match factor {
            None if !reader.object.table.contains_key("rescale_factor") => 1.0 / 255.0,
            factor => reader.required(factor, "rescale_factor", "do_rescale")?.value,
        };
        if !(factor.is_finite() && factor > 0.0) {
            let message = format!("expected more than 0, found {factor}");
            return Err(reader.object.error("rescale_factor", message));
        }
        scale.factor = factor;
        let offset = reader.step("rescale_offset", |_| false)?;
        if reader.rule() == Rule::EfficientNet && offset.is_some_and(|step| step.value) {
            scale.offset = 1.0;
        }
    }
    if reader.rule() == Rule::Float && do_normalize.value && !do_rescale.value {
        let message =
            "cannot be done to levels of 0 to 255: the class scales before it resizes";
        return Err(reader.object.error("do_normalize", message));
    }
    let std = reader.value("image_std", JsonObject::numbers, |p| Some(p.std.to_vec()))?;
    let mut decides = do_rescale;
    if do_normalize.value {
        let mean =
            reader.value("image_mean", JsonObject::numbers, |p| Some(p.mean.to_vec()))?;
        let mean = reader.required(mean, "image_mean", "do_normalize")?;
        let std =
            reader.value("image_std", JsonObject::numbers, |p| Some(p.std.to_vec()))?;
        let std = reader.required(std, "image_std", "do_normalize")?;
        reader.set_provenance(config, "mean", &mean);
        reader.set_provenance(config, "std", &std);
        (scale.mean, scale.std) = (mean.value, std.value);
    } else {
        // Of two steps that are left out, the one that a reader would look for first.
        if decides.is_default || !do_normalize.is_default {
            decides = do_normalize;
        }
        reader.set_provenance(config, "mean", &decides);
        reader.set_provenance(config, "std", &decides);
    }
    if divides_again(reader)? {
        let std = reader.required(std, "image_std", "include_top")?.value;
        scale.std = multiply(&scale.std, &std);
    }
    let (mean, std) = scale.for_unit_values();
    (config.mean, config.std) = (Some(mean), Some(std));
    Ok(())
}

/// Returns whether images are normalized. `MobileViT` has the key and ignores it.
fn read_do_normalize(reader: &Reader<'_>) -> Result<Option<Entry<bool>>> {
    if reader.rule() == Rule::MobileVit {
        return Ok(Some(Entry { value: false, key: "do_normalize", is_default: true }));
    }
    reader.step("do_normalize", |_| true)
}

fn divides_again(reader: &Reader<'_>) -> Result<bool> {
    let include_top = reader.step("include_top", |_| true)?;
    Ok(reader.rule() == Rule::EfficientNet && include_top.is_some_and(|step| step.value))
}

/// Multiplies numbers of channels; one number stands for all channels.
fn multiply(first: &[f64], second: &[f64]) -> Vec<f64> {
    let count = first.len().max(second.len());
    let at =
        |list: &[f64], i: usize| list.get(i).or(list.first()).copied().unwrap_or(1.0);
    (0..count).map(|i| at(first, i) * at(second, i)).collect()
}

fn read_channel_order(reader: &Reader<'_>, config: &mut PartialConfig) -> Result<()> {
    if reader.rule() != Rule::MobileVit {
        return Ok(());
    }
    if let Some(flip) = reader.step("do_flip_channel_order", |_| true)? {
        config.channels = Some(if flip.value { Channels::Bgr } else { Channels::Rgb });
        reader.set_provenance(config, "channels", &flip);
    }
    Ok(())
}
