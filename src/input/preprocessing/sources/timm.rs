//! The `config.json` of timm: what `create_transform` makes of it.
//!
//! Sizes and rules are those of timm 1.0 (`data/config.py`, `data/transforms_factory.py`), for
//! evaluation, at the size of training: `test_input_size` is left alone, as timm does unless
//! it is asked.

use serde_json::Value;

use super::fields::{Fields, side};
use crate::error::Result;
use crate::input::preprocessing::classes;
use crate::input::preprocessing::partial_config::PartialConfig;
use crate::input::preprocessing::presets::{IMAGENET_MEAN, IMAGENET_STD};
use crate::input::settings::{Alpha, CropRule, Fill, Pad, Resampler};
use crate::input::settings::{Crop, Interpolation, Resize, Size};

/// Size over size before the crop.
const CROP_PCT: f64 = 0.875;

/// Whether a file is timm's.
pub(super) fn is_config(fields: &Fields<'_>) -> bool {
    let has = |key: &str| fields.get(key).is_some();
    let is_flat = has("architecture") && !has("model_type") && !has("architectures");
    matches!(fields.get("pretrained_cfg"), Some(Value::Object(_)))
        || (is_flat && (has("input_size") || has("num_classes")))
}

/// What is done to images.
pub(super) fn pixels(root: Fields<'_>) -> Result<PartialConfig> {
    let fields = trained(root)?;
    let (mut layer, key) =
        (PartialConfig::of_file(root.file), |key| format!("{}: {key}", root.file));
    let size = input_size(root, fields)?;
    let part = match fields.number("crop_pct")? {
        None | Some(0.0) => CROP_PCT,
        Some(part) => part,
    };
    let scaled = scaled(fields, size, part)?;
    let mean = numbers(fields, "mean", &IMAGENET_MEAN)?;
    let std = numbers(fields, "std", &IMAGENET_STD)?;
    layer.crop = Some(Crop::Center(size));
    layer.resize = Some(match fields.text("crop_mode")?.unwrap_or("center") {
        "squash" => Resize::Exact(scaled),
        "border" => {
            layer.fill = Some(Fill::Color(border(&mean)));
            layer.comes_from("fill", root.file, key("mean"));
            Resize::Fit(scaled)
        }
        // Other names mean "center" to timm as well, but may mean more to a later one.
        "center" if scaled.width == scaled.height => Resize::Short(scaled.width),
        "center" => Resize::Cover(scaled),
        other => {
            let message = format!("\"{other}\" is not one of center, squash, border");
            return Err(fields.error("crop_mode", message));
        }
    });
    layer.interpolation = Some(interpolation(fields)?);
    layer.antialias = Some(true);
    layer.resampler = Some(Resampler::Pillow);
    layer.crop_rule = Some(CropRule::Torchvision);
    layer.alpha = Some(Alpha::Drop);
    layer.pad = Some(Pad::None);
    layer.mean = Some(mean.iter().map(|number| *number as f32).collect());
    layer.std = Some(std.iter().map(|number| *number as f32).collect());
    let theirs = [("resize", "input_size"), ("crop", "input_size")];
    for (ours, theirs) in theirs {
        layer.comes_from(ours, root.file, key(theirs));
    }
    for ours in ["resampler", "crop_rule"] {
        layer.comes_from(ours, format!("timm ({})", root.file), root.file);
    }
    let mut default = |ours, theirs| {
        if fields.get(theirs).is_none() {
            layer.comes_from(
                ours,
                format!("timm's default ({})", root.file),
                key(theirs),
            );
        }
    };
    default("mean", "mean");
    default("std", "std");
    default("interpolation", "interpolation");
    Ok(layer)
}

/// The names of the classes, if the file has them: descriptions rather than codes.
pub(super) fn labels(root: Fields<'_>) -> Result<Option<PartialConfig>> {
    let fields = trained(root)?;
    for (fields, key) in [
        (root, "label_names"),
        (fields, "label_names"),
        (root, "labels"),
        (fields, "labels"),
    ] {
        let names = match fields.get(key) {
            None => continue,
            Some(Value::Array(names)) => classes::list(names),
            Some(Value::Object(names)) => classes::by_index(names),
            Some(_) => Err("expected a list of names".to_owned()),
        };
        let hint = "give the names with --classes";
        let names =
            names.map_err(|message| fields.error(key, message).with_hint(hint))?;
        let count = names.len();
        let expected = root.count("num_classes")?.or(fields.count("num_classes")?);
        if let Some(expected) = expected.filter(|expected| *expected != count) {
            let message = format!("{count} names for {expected} classes");
            return Err(fields.error(key, message).with_hint(hint));
        }
        let descriptions =
            root.below("label_descriptions")?.or(fields.below("label_descriptions")?);
        let described = |name: String| {
            let found = descriptions.as_ref().and_then(|table| table.get(&name));
            found.and_then(Value::as_str).map_or(name, str::to_owned)
        };
        let mut layer = PartialConfig::of_file(root.file);
        layer.classes = Some(names.into_iter().map(described).collect());
        layer.comes_from("classes", root.file, format!("{}: {key}", root.file));
        return Ok(Some(layer));
    }
    Ok(None)
}

/// Where the values of training are: in `pretrained_cfg`, or flat in old files.
fn trained(root: Fields<'_>) -> Result<Fields<'_>> {
    Ok(root.below("pretrained_cfg")?.unwrap_or(root))
}

/// `[channels, height, width]`, or the size that a model of a fixed size was built for.
fn input_size(root: Fields<'_>, fields: Fields<'_>) -> Result<Size> {
    if fields.truth("fixed_input_size")?.unwrap_or(false)
        && let Some(arguments) = root.below("model_args")?
    {
        let size = match arguments.get("img_size") {
            Some(Value::Array(sides)) => pair(sides),
            Some(value) => side(value).map(|side| Size { width: side, height: side }),
            None => Err(String::new()),
        };
        let is_free = arguments.truth("dynamic_img_size")?.unwrap_or(false)
            || arguments.truth("strict_img_size")? == Some(false)
            || arguments.truth("use_naflex")?.unwrap_or(false);
        if arguments.get("img_size").is_some() && !is_free {
            return size.map_err(|message| arguments.error("img_size", message));
        }
    }
    let Some(sides) = fields.list("input_size")? else {
        return Ok(Size { width: 224, height: 224 });
    };
    let size = match sides {
        [_, sides @ ..] => pair(sides),
        [] => pair(sides),
    };
    size.map_err(|message| fields.error("input_size", message))
}

/// Height and width.
fn pair(sides: &[Value]) -> Result<Size, String> {
    let [height, width] = sides else {
        return Err("expected [channels, height, width]".to_owned());
    };
    Ok(Size { height: side(height)?, width: side(width)? })
}

/// The size before the crop.
fn scaled(fields: Fields<'_>, size: Size, part: f64) -> Result<Size> {
    let scaled = |side: usize| {
        let scaled = (side as f64 / part).floor();
        (part > 0.0 && (1.0..65_536.0).contains(&scaled)).then_some(scaled as usize)
    };
    let scaled = scaled(size.width).zip(scaled(size.height));
    let scaled = scaled.map(|(width, height)| Size { width, height });
    scaled.ok_or_else(|| {
        fields.error("crop_pct", format!("{part} makes no size out of {size}"))
    })
}

fn interpolation(fields: Fields<'_>) -> Result<Interpolation> {
    Ok(match fields.text("interpolation")?.unwrap_or("bicubic") {
        "nearest" => Interpolation::Nearest,
        "bilinear" => Interpolation::Bilinear,
        "" | "bicubic" => Interpolation::Bicubic,
        "box" => Interpolation::Box,
        "hamming" => Interpolation::Hamming,
        "lanczos" => Interpolation::Lanczos,
        other => {
            let message = format!(
                "\"{other}\" is not one of nearest, bilinear, bicubic, box, hamming, lanczos"
            );
            return Err(fields.error("interpolation", message));
        }
    })
}

fn numbers(fields: Fields<'_>, key: &str, default: &[f64]) -> Result<Vec<f64>> {
    Ok(fields.numbers(key)?.unwrap_or_else(|| default.to_vec()))
}

/// The mean as a color of 0..255.
fn border(mean: &[f64]) -> [u8; 3] {
    let level = |mean: f64| (255.0 * mean).round_ties_even().clamp(0.0, 255.0) as u8;
    match mean {
        [red, green, blue] => [level(*red), level(*green), level(*blue)],
        other => [level(other.first().copied().unwrap_or(0.0)); 3],
    }
}
