//! Reads a configuration: the TOML file beside the model, or the one that `--config` names.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::str::FromStr;

use toml::{Table, Value};

use super::layers::Layer;
use crate::error::{Error, Result};
use crate::palette::Palette;

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
    "crop",
    "classes",
    "palette",
];

/// Most bytes of a configuration or a class list.
const MOST_BYTES: u64 = 16 << 20;

/// The configuration beside the model, if there is one.
pub(super) fn beside(model: &Path) -> Result<Option<Layer>> {
    let path = model.with_extension("toml");
    match read_text(&path) {
        Ok(text) => parse(&path, &text).map(Some),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Error::read(&path, error)),
    }
}

/// The configuration in this file.
pub(super) fn read(path: &Path) -> Result<Layer> {
    let text = read_text(path).map_err(|error| Error::read(path, error))?;
    parse(path, &text)
}

/// Reads a file of text, without a byte order mark.
pub(super) fn read_text(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST_BYTES {
        let message = format!("is larger than {} MiB", MOST_BYTES >> 20);
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "is not UTF-8 text"))?;
    Ok(match text.strip_prefix('\u{feff}') {
        Some(text) => text.to_owned(),
        None => text,
    })
}

fn parse(path: &Path, text: &str) -> Result<Layer> {
    let file = path.display().to_string();
    if text.trim_start().starts_with('{') {
        return Err(Error::setting(file, "is JSON; expected TOML")
            .with_hint("write its values into a TOML file, or give them as flags"));
    }
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map_or(1, |text| text.matches('\n').count() + 1);
        let message = error.message().replace('\n', ", ");
        Error::setting(file.clone(), format!("line {line}: {message}"))
    })?;
    let mut layer = Layer { file: Some(file.clone()), ..Layer::default() };
    for (key, value) in &table {
        read_key(&mut layer, key, value)
            .map_err(|message| Error::setting(format!("{file}: {key}"), message))?;
    }
    if let Some(key) = table.keys().find(|key| !KEYS.contains(&key.as_str())) {
        return Err(Error::setting(file, format!("there is no setting \"{key}\""))
            .with_hint(format!("the settings are {}", KEYS.join(", "))));
    }
    Ok(layer)
}

/// Leaves keys that it does not know to the caller.
fn read_key(layer: &mut Layer, key: &str, value: &Value) -> Result<(), String> {
    match key {
        "task" => layer.task = Some(named(value)?),
        "preset" => layer.preset = Some(named(value)?),
        "channels" => layer.channels = Some(named(value)?),
        "resize" => layer.resize = Some(named(value)?),
        "interpolation" => layer.interpolation = Some(named(value)?),
        "crop" => layer.crop = Some(named(value)?),
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

/// The name of a palette, or its colours.
fn palette(value: &Value) -> Result<Palette, String> {
    match value.as_str() {
        Some(name) => Palette::by_name(name),
        None => list(value, "colours", colour).map(Palette::new),
    }
}

fn colour(value: &Value) -> Result<[u8; 3], String> {
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
