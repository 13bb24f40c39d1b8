//! The `size` of an image processor: its forms, and what classes make of it.

use serde_json::Value;

use super::processors::{DefaultSize, Processor, Rule};
use super::{Reading, Said};
use crate::error::Result;
use crate::input::preprocessing::sources::fields::{Fields, kind, side};
use crate::input::settings::{Resize, Size};

/// A `size` in any of its forms.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Sides {
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

/// The size of a processor that resizes.
pub(super) fn sides(reading: &Reading<'_>) -> Result<Said<Sides>> {
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

/// A size, whose forms are told apart by their types and keys; the error is a sentence.
pub(super) fn sides_of(value: &Value, number_is_square: bool) -> Result<Sides, String> {
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
pub(super) fn by_rule(
    reading: &Reading<'_>,
    size: &Said<Sides>,
) -> Result<(Resize, Option<usize>)> {
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
