//! Lists of names that flags take: measures, maps, formats, sizes of memory.

use crate::error::Error;
use crate::measure::{MEASURES, Measure};
use crate::output::format::{FORMATS, Format};
use crate::sampling::{StopRule, StopTarget};

/// Heading of the options used most, in place of their group's.
pub(in crate::cli) const FIRST: Option<&str> = None;

/// `--maps`: what is written for each pixel.
#[derive(Debug, Clone, Default)]
pub(in crate::cli) struct Maps {
    pub(super) prediction: bool,
    pub(super) overlay: bool,
    pub(super) measures: Vec<&'static Measure>,
}

/// A list of values, which clap takes for one.
#[derive(Debug, Clone)]
pub(in crate::cli) struct List<T>(pub(super) Vec<T>);

/// Width and height.
pub(in crate::cli) fn size(text: &str) -> Result<(usize, usize), String> {
    let number = |text: &str| text.parse().ok().filter(|n| (1..=65_536).contains(n));
    let sides =
        text.split_once('x').map(|(width, height)| (number(width), number(height)));
    match sides {
        Some((Some(width), Some(height))) => Ok((width, height)),
        _ => {
            Err(format!("\"{text}\" is no size: expected WIDTHxHEIGHT, such as 512x256"))
        }
    }
}

/// A share between 0 and 1, neither of which it is.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| *share > 0.0 && *share < 1.0);
    share.ok_or_else(|| format!("\"{text}\" is no number between 0 and 1, such as 0.05"))
}

fn known_measures() -> String {
    MEASURES.iter().map(|measure| measure.name).collect::<Vec<_>>().join(", ")
}

fn measure(name: &str) -> Option<&'static Measure> {
    Measure::by_name(name)
}

fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty())
}

pub(super) fn measures(text: &str) -> Result<List<&'static Measure>, String> {
    if text == "all" {
        return Ok(List(MEASURES.iter().collect()));
    }
    let unknown = |name: &str| {
        format!("\"{name}\" is no measure; there are all, {}", known_measures())
    };
    let mut list: Vec<&'static Measure> = Vec::new();
    for name in names(text) {
        let measure = measure(name).ok_or_else(|| unknown(name))?;
        if !list.iter().any(|other| other.name == measure.name) {
            list.push(measure);
        }
    }
    if list.is_empty() {
        Err(format!("the list of measures is empty; there are all, {}", known_measures()))
    } else {
        Ok(List(list))
    }
}

pub(super) fn maps(text: &str) -> Result<Maps, String> {
    let mut maps = Maps::default();
    if text == "none" {
        return Ok(maps);
    }
    for name in names(text) {
        match name {
            "prediction" => maps.prediction = true,
            "overlay" => maps.overlay = true,
            name => {
                let unknown = || {
                    format!(
                        "\"{name}\" is no map; there are none, prediction, overlay, {}",
                        known_measures()
                    )
                };
                let measure = measure(name).ok_or_else(unknown)?;
                if !maps.measures.iter().any(|other| other.name == measure.name) {
                    maps.measures.push(measure);
                }
            }
        }
    }
    let any = maps.prediction || maps.overlay || !maps.measures.is_empty();
    if any { Ok(maps) } else { Err("the list of maps is empty; say none".to_owned()) }
}

pub(super) fn formats(text: &str) -> Result<List<&'static Format>, String> {
    let known =
        || FORMATS.iter().map(|format| format.name).collect::<Vec<_>>().join(", ");
    let find = |name: &str| {
        let format = FORMATS.iter().find(|format| format.name == name);
        format.ok_or_else(|| format!("\"{name}\" is no format; there are {}", known()))
    };
    let mut list: Vec<&'static Format> = Vec::new();
    for name in names(text) {
        let format = find(name)?;
        if !list.iter().any(|other| other.name == format.name) {
            list.push(format);
        }
    }
    if list.is_empty() {
        return Err(format!("the list of formats is empty; there are {}", known()));
    }
    Ok(List(list))
}

/// `--samples`: how many passes an image.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) enum Samples {
    /// So many.
    Fixed(u32),
    /// Until a rule says that they are enough.
    Auto,
}

pub(super) fn samples(text: &str) -> Result<Samples, String> {
    if text == "auto" {
        return Ok(Samples::Auto);
    }
    let fixed = from_1_to::<65_535, u32>(text).map(Samples::Fixed);
    fixed.map_err(|message| format!("{message}, or auto"))
}

/// What must be known how well: `class=0.01`.
pub(super) fn tolerance(text: &str) -> Result<StopRule, String> {
    let (name, number) = text.split_once('=').unwrap_or((text, ""));
    let (name, number) = (name.trim(), number.trim());
    let target = StopTarget::by_name(name).ok_or_else(|| no_steering(name))?;
    let no_number = |_| format!("\"{number}\" is no number");
    let rule = StopRule { target, tolerance: number.parse().map_err(no_number)? };
    match rule.check() {
        Ok(()) => Ok(rule),
        Err(Error::Setting { message, hint, .. }) => {
            Err(format!("{message}: {}", hint.unwrap_or_default()))
        }
        Err(other) => Err(other.to_string()),
    }
}

fn no_steering(name: &str) -> String {
    let known = StopTarget::ALL.map(StopTarget::name).join(", ");
    match measure(name) {
        Some(_) => format!(
            "{name} cannot end sampling: it depends on the number of samples itself (by about \
             1/T), or is not followed while sampling; there are {known}"
        ),
        None => format!("\"{name}\" is nothing to be known well; there are {known}"),
    }
}

/// A number of bytes: `2G`, `512M`, `100K` (powers of 1024) or plain.
pub(super) fn memory(text: &str) -> Result<usize, String> {
    let upper = text.trim().to_ascii_uppercase();
    let upper = upper.strip_suffix("IB").or(upper.strip_suffix('B')).unwrap_or(&upper);
    let (digits, shift) = match upper.char_indices().last() {
        Some((at, 'K')) => (&upper[..at], 10),
        Some((at, 'M')) => (&upper[..at], 20),
        Some((at, 'G')) => (&upper[..at], 30),
        _ => (upper, 0),
    };
    let bytes =
        digits.trim().parse::<usize>().ok().and_then(|n| n.checked_mul(1 << shift));
    bytes
        .filter(|&bytes| bytes > 0)
        .ok_or_else(|| format!("\"{text}\" is not a size like 2G, 512M or 100K"))
}

/// A whole number from 1 to `MOST`, which the type can hold.
pub(super) fn from_1_to<const MOST: u64, T: TryFrom<u64>>(
    text: &str,
) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| (1..=MOST).contains(number));
    number
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| format!("expected a whole number from 1 to {MOST}"))
}

/// Numbers separated by commas.
pub(super) fn numbers(text: &str) -> Result<List<f32>, String> {
    let number = |part: &str| {
        part.parse::<f32>().map_err(|_| format!("\"{part}\" is not a number"))
    };
    let list = names(text).map(number).collect::<Result<Vec<_>, _>>()?;
    if list.is_empty() {
        Err("there is no number in it".to_owned())
    } else {
        Ok(List(list))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_of_memory_are_powers_of_1024() {
        assert_eq!(memory("2G"), Ok(2 << 30));
        assert_eq!(memory("512MiB"), Ok(512 << 20));
        assert_eq!(memory("1000"), Ok(1000));
        assert!(memory("").is_err() && memory("0").is_err() && memory("lots").is_err());
        assert!(memory("99999999999999999999G").is_err());
    }

    #[test]
    fn whole_numbers_are_within_their_range() {
        assert_eq!(from_1_to::<31, u32>("31"), Ok(31));
        for wrong in ["0", "32", "-1", "1.5", "", "many", "99999999999999999999999"] {
            assert!(from_1_to::<31, u32>(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_empty_list_is_refused() {
        assert!(formats("").is_err() && numbers(" , ").is_err() && measures("").is_err());
    }

    #[test]
    fn a_wrong_name_is_answered_with_the_right_ones() {
        assert!(measures("entropy").unwrap_err().contains("predictive_entropy"));
        assert!(maps("predicton").unwrap_err().contains("prediction"));
        assert!(formats("jpeg").unwrap_err().contains("npy"));
    }
}
