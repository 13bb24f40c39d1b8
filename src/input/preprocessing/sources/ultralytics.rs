//! Ultralytics: the metadata `task`, `imgsz`, `names` and `channels` of an ONNX file, written as
//! Python literals.

use serde_json::Value;

use super::json_object::{JsonObject, parse_side, shown};
use super::{ConfigFiles, METADATA};
use crate::error::Result;
use crate::input::preprocessing::classes;
use crate::input::preprocessing::partial_config::PartialConfig;
use crate::input::settings::{
    Alpha, Channels, Crop, CropRule, Fill, Interpolation, Pad, PadSide, Resampler,
    Resize, Size,
};
use crate::python_literal;
use crate::task;

/// Gray level around an image that does not fill the network's input.
const GRAY: u8 = 114;

/// Recognizes metadata by the three entries that every export has.
pub(super) fn detect(root: &JsonObject<'_>) -> Option<&'static str> {
    let is_text = |key: &&str| root.get(key).is_some_and(Value::is_string);
    ["task", "imgsz", "names"].iter().all(is_text).then_some(METADATA)
}

/// Reads the settings that the metadata give.
pub(super) fn parse(files: &ConfigFiles) -> Vec<Result<PartialConfig>> {
    let metadata = files.get(METADATA).filter(|root| detect(root).is_some());
    metadata.map(read).into_iter().collect()
}

fn read(metadata: JsonObject<'_>) -> Result<PartialConfig> {
    let file = metadata.file;
    let mut config = PartialConfig::of_file(file);
    let size = input_size(metadata)?;
    config.crop = Some(Crop::None);
    config.pad = Some(Pad::None);
    match metadata.text("task")?.unwrap_or_default() {
        "classify" => {
            config.task = Some(&task::CLASSIFICATION);
            config.resize = Some(if size.width == size.height {
                Resize::Short(size.width)
            } else {
                Resize::Exact(size)
            });
            config.crop = Some(Crop::Center(size));
            config.crop_rule = Some(CropRule::Torchvision);
            config.resampler = Some(Resampler::Pillow);
            config.antialias = Some(true);
        }
        "semantic" => {
            config.task = Some(&task::SEGMENTATION);
            config.resize = Some(Resize::Fit(size));
            config.pad = Some(Pad::To(size));
            config.pad_side = Some(PadSide::Center);
            config.fill = Some(Fill::Color([GRAY; 3]));
            config.resampler = Some(Resampler::Opencv);
            config.antialias = Some(false);
        }
        other => {
            let message = format!(
                "\"{other}\" is not supported: expected classify or semantic, since other \
                 tasks have no classes of images or pixels"
            );
            return Err(metadata.error("task", message));
        }
    }
    config.interpolation = Some(Interpolation::Bilinear);
    config.alpha = Some(Alpha::Drop);
    (config.mean, config.std) = (Some(vec![0.0]), Some(vec![1.0]));
    config.channels = channels(metadata)?;
    config.classes = Some(class_names(metadata)?);
    for key in ["resize", "crop", "pad"] {
        config.set_provenance(key, file, format!("{file}: imgsz"));
    }
    Ok(config)
}

fn literal(metadata: JsonObject<'_>, key: &str) -> Result<Option<Value>> {
    let Some(text) = metadata.text(key)? else { return Ok(None) };
    let value = python_literal::parse(text);
    value.map(Some).map_err(|message| metadata.error(key, message))
}

/// Reads `imgsz`: one side of a square, or height and width.
fn input_size(metadata: JsonObject<'_>) -> Result<Size> {
    let value = literal(metadata, "imgsz")?.unwrap_or_default();
    let size = match &value {
        Value::Array(sides) => match sides.as_slice() {
            [height, width] => parse_side(height)
                .and_then(|height| parse_side(width).map(|width| Size { width, height })),
            _ => Err(format!("expected [height, width], found {}", shown(&value))),
        },
        number => parse_side(number).map(|side| Size { width: side, height: side }),
    };
    size.map_err(|message| metadata.error("imgsz", message))
}

fn class_names(metadata: JsonObject<'_>) -> Result<Vec<String>> {
    let names = match literal(metadata, "names")?.unwrap_or_default() {
        Value::Object(names) => classes::by_index(&names),
        Value::Array(names) => classes::list(&names),
        other => Err(format!("expected names by index, found {}", shown(&other))),
    };
    names.map_err(|message| {
        metadata.error("names", message).with_hint("give the names with `classes`")
    })
}

/// Reads `channels`; more than three are left to the model's input.
fn channels(metadata: JsonObject<'_>) -> Result<Option<Channels>> {
    let Some(value) = literal(metadata, "channels")? else { return Ok(None) };
    match value.as_u64() {
        Some(3) => Ok(Some(Channels::Rgb)),
        Some(1) => Ok(Some(Channels::Gray)),
        Some(_) => Ok(None),
        None => {
            let message = format!("expected a number, found {}", shown(&value));
            Err(metadata.error("channels", message))
        }
    }
}
