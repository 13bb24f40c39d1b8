//! Conversion of TOML values into settings.

use std::str::FromStr;

use toml::Value;

use crate::head::HeadChoice;
use crate::input::settings::{
    Alpha, BandSelection, Channels, Crop, CropRule, Fill, InputBits, InputRange,
    Interpolation, Pad, PadSide, Preset, Resampler, Resize,
};
use crate::palette::Palette;
use crate::task::{TargetSettings, Task};

/// A value of a setting that a sidecar can give. The error is a sentence.
pub(super) trait FromToml: Sized {
    /// Converts a TOML value.
    fn from_toml(value: &Value) -> Result<Self, String>;
}

/// Reads settings from text, as options write them.
macro_rules! from_text {
    ($($type:ty),+) => {
        $(impl FromToml for $type {
            fn from_toml(value: &Value) -> Result<Self, String> {
                parse_text(value)
            }
        })+
    };
}

from_text!(
    &'static Task,
    Preset,
    Channels,
    InputRange,
    Resize,
    Interpolation,
    Resampler,
    Crop,
    CropRule,
    Alpha,
    Pad,
    PadSide
);

impl FromToml for bool {
    fn from_toml(value: &Value) -> Result<Self, String> {
        match value {
            Value::Boolean(value) => Ok(*value),
            Value::String(text) if text == "yes" => Ok(true),
            Value::String(text) if text == "no" => Ok(false),
            _ => Err(expected("true or false", value)),
        }
    }
}

/// One number, or a list of numbers.
impl FromToml for Vec<f32> {
    fn from_toml(value: &Value) -> Result<Self, String> {
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
}

/// The names of the classes.
impl FromToml for Vec<String> {
    fn from_toml(value: &Value) -> Result<Self, String> {
        parse_list(value, "names", |value| {
            value.as_str().map(str::to_owned).ok_or_else(|| expected("a name", value))
        })
    }
}

/// Numbers as text or as a list.
impl FromToml for BandSelection {
    fn from_toml(value: &Value) -> Result<Self, String> {
        let Value::Array(numbers) = value else { return parse_text(value) };
        let numbers: Option<Vec<u16>> =
            numbers.iter().map(|n| u16::try_from(n.as_integer()?).ok()).collect();
        Self::new(numbers.ok_or_else(|| expected("a list of numbers of bands", value))?)
    }
}

impl FromToml for InputBits {
    fn from_toml(value: &Value) -> Result<Self, String> {
        Self::new(value.as_integer().ok_or_else(|| expected("a number", value))?)
    }
}

/// Outputs by role, each with its channels if not all are read.
impl FromToml for Vec<HeadChoice> {
    fn from_toml(value: &Value) -> Result<Self, String> {
        let form = "a table of outputs by role, as in { mean = \"depth\" }";
        let table = value.as_table().ok_or_else(|| expected(form, value))?;
        table
            .iter()
            .map(|(role, output)| {
                let output = output.as_str().ok_or_else(|| expected("text", output))?;
                format!("{role}={output}").parse()
            })
            .collect()
    }
}

impl FromToml for TargetSettings {
    fn from_toml(value: &Value) -> Result<Self, String> {
        let form = "a table such as { unit = \"m\", valid = \"0:80\" }";
        let table = value.as_table().ok_or_else(|| expected(form, value))?;
        let mut target = Self::default();
        for (key, value) in table {
            let mut set = || match key.as_str() {
                "name" => {
                    let name = value.as_str().ok_or_else(|| expected("text", value))?;
                    target.names = vec![name.to_owned()];
                    Ok(())
                }
                "unit" => {
                    let unit = value.as_str().ok_or_else(|| expected("text", value))?;
                    unit.clone_into(&mut target.unit);
                    Ok(())
                }
                "scale" => {
                    target.scale = finite_number(value)?;
                    match target.scale {
                        0.0 => Err("expected a factor, found 0".to_owned()),
                        _ => Ok(()),
                    }
                }
                "offset" => {
                    target.offset = finite_number(value)?;
                    Ok(())
                }
                "valid" => {
                    target.valid = Some(parse_text(value)?);
                    Ok(())
                }
                "invalid" => {
                    target.invalid = Some(finite_number(value)?);
                    Ok(())
                }
                _ => Err("unknown: expected name, unit, scale, offset, valid or invalid"
                    .to_owned()),
            };
            set().map_err(|message: String| format!("{key}: {message}"))?;
        }
        Ok(target)
    }
}

/// A name, or a color as a list.
impl FromToml for Fill {
    fn from_toml(value: &Value) -> Result<Self, String> {
        match value {
            Value::Array(_) => parse_color(value).map(Self::Color),
            _ => parse_text(value),
        }
    }
}

/// The name of a palette, or its colors.
impl FromToml for Palette {
    fn from_toml(value: &Value) -> Result<Self, String> {
        match value.as_str() {
            Some(name) => Self::by_name(name),
            None => parse_list(value, "colors", parse_color).map(Self::new),
        }
    }
}

fn finite_number(value: &Value) -> Result<f64, String> {
    let number = match value {
        Value::Float(number) => Some(*number),
        Value::Integer(number) => Some(*number as f64),
        _ => None,
    };
    number.filter(|number| number.is_finite()).ok_or_else(|| expected("a number", value))
}

fn parse_text<T: FromStr<Err = String>>(value: &Value) -> Result<T, String> {
    value.as_str().ok_or_else(|| expected("text", value))?.parse()
}

fn parse_list<T>(
    value: &Value,
    items: &str,
    parse_item: impl Fn(&Value) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    let values =
        value.as_array().ok_or_else(|| expected(&format!("a list of {items}"), value))?;
    if values.is_empty() {
        return Err(format!("expected a list of {items}, found an empty one"));
    }
    let numbered = values.iter().enumerate();
    numbered
        .map(|(i, value)| {
            parse_item(value).map_err(|message| format!("entry {i}: {message}"))
        })
        .collect()
}

fn parse_color(value: &Value) -> Result<[u8; 3], String> {
    let parts: Option<Vec<u8>> = value.as_array().and_then(|parts| {
        parts.iter().map(|part| u8::try_from(part.as_integer()?).ok()).collect()
    });
    match parts.as_deref() {
        Some(&[red, green, blue]) => Ok([red, green, blue]),
        _ => Err(expected("[red, green, blue] of 0 to 255", value)),
    }
}

fn expected(what: &str, found: &Value) -> String {
    format!("expected {what}, found {found}")
}
