//! Reads a TOML configuration: the sidecar beside the model, or one that `--config` names.

use std::str::FromStr;

use toml::{Table, Value};

use super::partial_config::PartialConfig;
use super::presets;
use crate::error::{Error, Result};
use crate::input::settings::Fill;
use crate::palette::Palette;

/// The way out where a file is not written as it should be.
const FORM: &str = "a sidecar is written as in task = \"segmentation\", resize = \"512x256\", mean = \
                    [0.485, 0.456, 0.406], antialias = true";

/// Every key that a configuration may hold.
const KEYS: &[&str] = &[
    "task",
    "preset",
    "channels",
    "mean",
    "std",
    "resize",
    "interpolation",
    "antialias",
    "resampler",
    "crop",
    "crop_rule",
    "alpha",
    "pad",
    "pad_side",
    "fill",
    "classes",
    "palette",
];

/// What the text of this file says.
pub(super) fn parse(file: &str, text: &str) -> Result<PartialConfig> {
    if text.trim_start().starts_with('{') {
        return Err(Error::setting(file, "is JSON; expected TOML")
            .with_hint("write its values into a TOML file, or give them as flags"));
    }
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map_or(1, |text| text.matches('\n').count() + 1);
        let message = error.message().replace('\n', ", ");
        Error::setting(file, format!("line {line}: {message}")).with_hint(FORM)
    })?;
    let mut layer = PartialConfig::of_file(file);
    for (key, value) in &table {
        read_key(&mut layer, key, value).map_err(|message| {
            Error::setting(format!("{file}: {key}"), message).with_hint(FORM)
        })?;
    }
    if let Some(key) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(Error::setting(file, format!("there is no setting \"{key}\""))
            .with_hint(format!("the settings are {}", KEYS.join(", "))));
    }
    presets::spell_out(&mut layer);
    Ok(layer)
}

/// Leaves keys that it does not know to the caller.
fn read_key(layer: &mut PartialConfig, key: &str, value: &Value) -> Result<(), String> {
    match key {
        "task" => layer.task = Some(named(value)?),
        "preset" => layer.preset = Some(named(value)?),
        "channels" => layer.channels = Some(named(value)?),
        "resize" => layer.resize = Some(named(value)?),
        "interpolation" => layer.interpolation = Some(named(value)?),
        "resampler" => layer.resampler = Some(named(value)?),
        "crop" => layer.crop = Some(named(value)?),
        "crop_rule" => layer.crop_rule = Some(named(value)?),
        "alpha" => layer.alpha = Some(named(value)?),
        "pad" => layer.pad = Some(named(value)?),
        "pad_side" => layer.pad_side = Some(named(value)?),
        "fill" => layer.fill = Some(fill(value)?),
        "mean" => layer.mean = Some(numbers(value)?),
        "std" => layer.std = Some(numbers(value)?),
        "antialias" => layer.antialias = Some(truth(value)?),
        "classes" => layer.classes = Some(list(value, "names", name)?),
        "palette" => layer.palette = Some(palette(value)?),
        _ => {}
    }
    Ok(())
}

fn named<T: FromStr<Err = String>>(value: &Value) -> Result<T, String> {
    value.as_str().ok_or_else(|| expected("text", value))?.parse()
}

fn truth(value: &Value) -> Result<bool, String> {
    match value {
        Value::Boolean(truth) => Ok(*truth),
        Value::String(text) if text == "yes" => Ok(true),
        Value::String(text) if text == "no" => Ok(false),
        _ => Err(expected("true or false", value)),
    }
}

fn numbers(value: &Value) -> Result<Vec<f32>, String> {
    let values = value.as_array().map_or(std::slice::from_ref(value), Vec::as_slice);
    values
        .iter()
        .map(|value| match value {
            Value::Float(number) => Ok(*number as f32),
            Value::Integer(number) => Ok(*number as f32),
            _ => Err(expected("a number or a list of numbers", value)),
        })
        .collect()
}

fn list<T>(
    value: &Value,
    what: &str,
    item: impl Fn(&Value) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let values =
        value.as_array().ok_or_else(|| expected(&format!("a list of {what}"), value))?;
    if values.is_empty() {
        return Err(format!("expected a list of {what}, found an empty one"));
    }
    let numbered = values.iter().enumerate();
    numbered
        .map(|(i, value)| item(value).map_err(|message| format!("entry {i}: {message}")))
        .collect()
}

fn name(value: &Value) -> Result<String, String> {
    value.as_str().map(str::to_owned).ok_or_else(|| expected("a name", value))
}

fn fill(value: &Value) -> Result<Fill, String> {
    match value {
        Value::Array(_) => color(value).map(Fill::Color),
        _ => named(value),
    }
}

/// The name of a palette, or its colors.
fn palette(value: &Value) -> Result<Palette, String> {
    match value.as_str() {
        Some(name) => Palette::by_name(name),
        None => list(value, "colors", color).map(Palette::new),
    }
}

fn color(value: &Value) -> Result<[u8; 3], String> {
    let parts = value.as_array().map(Vec::as_slice).unwrap_or_default();
    let part =
        |value: &Value| value.as_integer().and_then(|part| u8::try_from(part).ok());
    match parts {
        [red, green, blue] => {
            part(red).zip(part(green)).zip(part(blue)).map(|((r, g), b)| [r, g, b])
        }
        _ => None,
    }
    .ok_or_else(|| expected("[red, green, blue] of 0 to 255", value))
}

fn expected(what: &str, found: &Value) -> String {
    format!("expected {what}, found {found}")
}
