//! timm: the `config.json` of a model, as `create_transform` uses it.
//!
//! Sizes and rules are those of timm 1.0 (`data/config.py`, `data/transforms_factory.py`), for
//! evaluation at the size of training: `test_input_size` is ignored, as timm does by default.

use serde_json::Value;

use super::json_object::{JsonObject, parse_side};
use super::{ConfigFiles, hugging_face};
use crate::error::Result;
use crate::input::preprocessing::classes;
use crate::input::preprocessing::partial_config::PartialConfig;
use crate::input::preprocessing::presets::{IMAGENET_MEAN, IMAGENET_STD};
use crate::input::settings::{
    Alpha, Crop, CropRule, Fill, Interpolation, Pad, Resampler, Resize, Size,
};

/// Configuration of a model.
pub(super) const CONFIG: &str = "config.json";

/// Default of size over size before the crop.
const CROP_PCT: f64 = 0.875;

/// Recognizes a configuration by `pretrained_cfg`, or by the keys of old files.
pub(super) fn detect(root: &JsonObject<'_>) -> Option<&'static str> {
    let is_flat =
        root.has("architecture") && !root.has("model_type") && !root.has("architectures");
    let is_config = matches!(root.get("pretrained_cfg"), Some(Value::Object(_)))
        || (is_flat && (root.has("input_size") || root.has("num_classes")));
    is_config.then_some(CONFIG)
}

/// Reads the preprocessing and the class names.
///
/// An image processor of Hugging Face beside the file gives the preprocessing instead, unless it
/// is the one that leaves everything to timm.
pub(super) fn parse(files: &ConfigFiles) -> Vec<Result<PartialConfig>> {
    let config = files.get(CONFIG).filter(|root| detect(root).is_some());
    let mut configs = Vec::new();
    match hugging_face::find_processor(files) {
        Ok(None) => configs.extend(config.map(preprocessing)),
        Ok(Some(processor)) if hugging_face::is_timm_wrapper(&processor.object) => {
            configs.push(match config {
                Some(config) => preprocessing(config),
                None => settings_of_wrapper(processor.object),
            });
        }
        _ => {}
    }
    if let Some(config) = config
        && !config.has("id2label")
    {
        configs.extend(class_names(config).transpose());
    }
    configs
}

/// Reads timm's settings inside older files of the wrapper.
fn settings_of_wrapper(wrapper: JsonObject<'_>) -> Result<PartialConfig> {
    if detect(&wrapper).is_some() {
        return preprocessing(wrapper);
    }
    match wrapper.object("data_config")? {
        Some(settings) => preprocessing(settings),
        None => Err(wrapper
            .error(
                "image_processor_type",
                "leaves everything to timm, but there is no config.json of timm",
            )
            .with_hint("put timm's config.json beside the model, or give the settings")),
    }
}

fn preprocessing(root: JsonObject<'_>) -> Result<PartialConfig> {
    let trained = trained(root)?;
    let file = root.file;
    let size = input_size(root, trained)?;
    let crop_pct = match trained.number("crop_pct")? {
        None | Some(0.0) => CROP_PCT,
        Some(crop_pct) => crop_pct,
    };
    let scaled = size_before_crop(trained, size, crop_pct)?;
    let mean = trained.numbers("mean")?.unwrap_or_else(|| IMAGENET_MEAN.to_vec());
    let std = trained.numbers("std")?.unwrap_or_else(|| IMAGENET_STD.to_vec());
    let mut config = PartialConfig::of_file(file);
    config.resize = Some(match trained.text("crop_mode")?.unwrap_or("center") {
        "squash" => Resize::Exact(scaled),
        "border" => {
            config.fill = Some(Fill::Color(border(&mean)));
            config.set_provenance("fill", file, format!("{file}: mean"));
            Resize::Fit(scaled)
        }
        // timm takes other names for "center" as well, but a later version may not.
        "center" if scaled.width == scaled.height => Resize::Short(scaled.width),
        "center" => Resize::Cover(scaled),
        other => {
            let message = format!("\"{other}\" is not one of center, squash, border");
            return Err(trained.error("crop_mode", message));
        }
    });
    config.crop = Some(Crop::Center(size));
    config.interpolation = Some(interpolation(trained)?);
    config.antialias = Some(true);
    config.resampler = Some(Resampler::Pillow);
    config.crop_rule = Some(CropRule::Torchvision);
    config.alpha = Some(Alpha::Drop);
    config.pad = Some(Pad::None);
    config.mean = Some(mean.iter().map(|number| *number as f32).collect());
    config.std = Some(std.iter().map(|number| *number as f32).collect());
    for key in ["resize", "crop"] {
        config.set_provenance(key, file, format!("{file}: input_size"));
    }
    for key in ["resampler", "crop_rule"] {
        config.set_provenance(key, format!("timm ({file})"), file);
    }
    for key in ["mean", "std", "interpolation"] {
        if !trained.has(key) {
            let origin = format!("timm's default ({file})");
            config.set_provenance(key, origin, format!("{file}: {key}"));
        }
    }
    Ok(config)
}

/// Reads the class names, if the file has them: descriptions rather than codes.
fn class_names(root: JsonObject<'_>) -> Result<Option<PartialConfig>> {
    let trained = trained(root)?;
    for (object, key) in [
        (root, "label_names"),
        (trained, "label_names"),
        (root, "labels"),
        (trained, "labels"),
    ] {
        let names = match object.get(key) {
            None => continue,
            Some(Value::Array(names)) => classes::list(names),
            Some(Value::Object(names)) => classes::by_index(names),
            Some(_) => Err("expected a list of names".to_owned()),
        };
        let hint = "give the names with `classes`";
        let names =
            names.map_err(|message| object.error(key, message).with_hint(hint))?;
        let count = names.len();
        let expected = root.count("num_classes")?.or(object.count("num_classes")?);
        if let Some(expected) = expected.filter(|expected| *expected != count) {
            let message = format!("{count} names for {expected} classes");
            return Err(object.error(key, message).with_hint(hint));
        }
        let descriptions =
            root.object("label_descriptions")?.or(object.object("label_descriptions")?);
        let described = |name: String| {
            let found = descriptions.as_ref().and_then(|table| table.get(&name));
            found.and_then(Value::as_str).map_or(name, str::to_owned)
        };
        let mut config = PartialConfig::of_file(root.file);
        config.classes = Some(names.into_iter().map(described).collect());
        config.set_provenance("classes", root.file, format!("{}: {key}", root.file));
        return Ok(Some(config));
    }
    Ok(None)
}

/// Returns the object with the values of training: `pretrained_cfg`, or the root in old files.
fn trained(root: JsonObject<'_>) -> Result<JsonObject<'_>> {
    Ok(root.object("pretrained_cfg")?.unwrap_or(root))
}

/// Reads `[channels, height, width]`, or the size that a model of a fixed size was built for.
fn input_size(root: JsonObject<'_>, trained: JsonObject<'_>) -> Result<Size> {
    if trained.boolean("fixed_input_size")?.unwrap_or(false)
        && let Some(arguments) = root.object("model_args")?
    {
        let size = match arguments.get("img_size") {
            Some(Value::Array(sides)) => pair(sides),
            Some(value) => {
                parse_side(value).map(|side| Size { width: side, height: side })
            }
            None => Err(String::new()),
        };
        let is_free = arguments.boolean("dynamic_img_size")?.unwrap_or(false)
            || arguments.boolean("strict_img_size")? == Some(false)
            || arguments.boolean("use_naflex")?.unwrap_or(false);
        if arguments.get("img_size").is_some() && !is_free {
            return size.map_err(|message| arguments.error("img_size", message));
        }
    }
    let Some(sides) = trained.list("input_size")? else {
        return Ok(Size { width: 224, height: 224 });
    };
    let size = match sides {
        [_, sides @ ..] => pair(sides),
        [] => pair(sides),
    };
    size.map_err(|message| trained.error("input_size", message))
}

/// Reads height and width.
fn pair(sides: &[Value]) -> Result<Size, String> {
    let [height, width] = sides else {
        return Err("expected [channels, height, width]".to_owned());
    };
    Ok(Size { height: parse_side(height)?, width: parse_side(width)? })
}

/// Returns the size before the crop.
fn size_before_crop(trained: JsonObject<'_>, size: Size, crop_pct: f64) -> Result<Size> {
    let scaled = |side: usize| {
        let scaled = (side as f64 / crop_pct).floor();
        (crop_pct > 0.0 && (1.0..65_536.0).contains(&scaled)).then_some(scaled as usize)
    };
    let scaled = scaled(size.width).zip(scaled(size.height));
    let scaled = scaled.map(|(width, height)| Size { width, height });
    scaled.ok_or_else(|| {
        trained.error("crop_pct", format!("{crop_pct} makes no size out of {size}"))
    })
}

fn interpolation(trained: JsonObject<'_>) -> Result<Interpolation> {
    Ok(match trained.text("interpolation")?.unwrap_or("bicubic") {
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
            return Err(trained.error("interpolation", message));
        }
    })
}

/// Returns the mean as a color of 0..255.
fn border(mean: &[f64]) -> [u8; 3] {
    let level = |mean: f64| (255.0 * mean).round_ties_even().clamp(0.0, 255.0) as u8;
    match mean {
        [red, green, blue] => [level(*red), level(*green), level(*blue)],
        other => [level(other.first().copied().unwrap_or(0.0)); 3],
    }
}
