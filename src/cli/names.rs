//! Parsers of option values: measures, maps, formats, numbers, sizes.

use crate::error::Error;
use crate::measure::Measure;
use crate::output::format::{FORMATS, Format};
use crate::sampling::StopRule;
use crate::task::{ModelPrecision, StopTarget, Task, ValueRange};

/// Heading of the options used most, in place of their group's.
pub(in crate::cli) const FIRST: Option<&str> = None;

/// Maps that are written: the value of `--maps`.
#[derive(Debug, Clone, Default)]
pub(in crate::cli) struct Maps {
    pub(super) prediction: bool,
    pub(super) overlay: bool,
    pub(super) measures: Vec<&'static Measure>,
}

/// List that is one value for clap.
#[derive(Debug, Clone)]
pub(in crate::cli) struct List<T>(pub(super) Vec<T>);

/// Parses a width and a height.
pub(in crate::cli) fn size(text: &str) -> Result<(usize, usize), String> {
    let number = |text: &str| text.parse().ok().filter(|n| (1..=65_536).contains(n));
    let sides =
        text.split_once('x').map(|(width, height)| (number(width), number(height)));
    match sides {
        Some((Some(width), Some(height))) => Ok((width, height)),
        _ => Err(format!("expected WIDTHxHEIGHT such as 512x256, found \"{text}\"")),
    }
}

/// Parses a positive number.
pub(super) fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| *number > 0.0);
    number.filter(|number| number.is_finite()).ok_or_else(|| {
        format!("expected a number above 0 such as 12.5, found \"{text}\"")
    })
}

/// Help of the precision of the observations.
pub(super) const MODEL_PRECISION: &str = "\
Precision of the observations of a regression (1 / variance, in the network's unit), which adds to \
the aleatoric variance; or length_scale=L,weight_decay=D,images=N,ratio=P of its training";

/// Parses the precision of the observations.
pub(super) fn model_precision(text: &str) -> Result<ModelPrecision, String> {
    text.parse()
}

/// Parses a range of values.
pub(super) fn value_range(text: &str) -> Result<ValueRange, String> {
    text.parse()
}

/// Parses a fraction in the open interval (0, 1).
pub(super) fn share(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| *share > 0.0 && *share < 1.0);
    share.ok_or_else(|| {
        format!("expected a number between 0 and 1 such as 0.05, found \"{text}\"")
    })
}

fn known_measures() -> String {
    Task::all_measure_names().join(", ")
}

fn measure(name: &str) -> Option<&'static Measure> {
    Task::measure_of_any(name)
}

fn names(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|name| !name.is_empty())
}

/// Parses a list of measures; `all` is an empty one.
pub(super) fn measures(text: &str) -> Result<List<&'static Measure>, String> {
    if text == "all" {
        return Ok(List(Vec::new()));
    }
    let unknown = |name: &str| {
        format!(
            "unknown measure \"{name}\": expected all, or some of {}",
            known_measures()
        )
    };
    let mut list: Vec<&'static Measure> = Vec::new();
    for name in names(text) {
        let measure = measure(name).ok_or_else(|| unknown(name))?;
        if !list.iter().any(|other| other.name == measure.name) {
            list.push(measure);
        }
    }
    if list.is_empty() {
        Err(format!("the list is empty: expected all, or some of {}", known_measures()))
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
                        "unknown map \"{name}\": expected none, or some of prediction, overlay, {}",
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
    if any {
        Ok(maps)
    } else {
        Err("the list is empty: expected none, or names of maps".to_owned())
    }
}

pub(super) fn formats(text: &str) -> Result<List<&'static Format>, String> {
    let known =
        || FORMATS.iter().map(|format| format.name).collect::<Vec<_>>().join(", ");
    let find = |name: &str| {
        let format = FORMATS.iter().find(|format| format.name == name);
        format.ok_or_else(|| {
            format!("unknown format \"{name}\": expected one of {}", known())
        })
    };
    let mut list: Vec<&'static Format> = Vec::new();
    for name in names(text) {
        let format = find(name)?;
        if !list.iter().any(|other| other.name == format.name) {
            list.push(format);
        }
    }
    if list.is_empty() {
        return Err(format!("the list is empty: expected some of {}", known()));
    }
    Ok(List(list))
}

/// Number of passes per image: the value of `--samples`.
#[derive(Debug, Clone, Copy)]
pub(in crate::cli) enum Samples {
    /// This number.
    Fixed(u32),
    /// As many as a stopping rule needs.
    Auto,
}

pub(super) fn samples(text: &str) -> Result<Samples, String> {
    if text == "auto" {
        return Ok(Samples::Auto);
    }
    let fixed = from_1_to::<65_535, u32>(text).map(Samples::Fixed);
    fixed.map_err(|message| format!("{message}, or auto"))
}

/// Parses a stopping rule: `class=0.01`.
pub(super) fn tolerance(text: &str) -> Result<StopRule, String> {
    let (name, number) = text.split_once('=').unwrap_or((text, ""));
    let (name, number) = (name.trim(), number.trim());
    let target = StopTarget::by_name(name).ok_or_else(|| no_steering(name))?;
    let no_number = |_| format!("expected a number, found \"{number}\"");
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
            "{name} cannot stop sampling, because it depends on the number of samples (by about \
             1/T) or is not computed while sampling: expected one of {known}"
        ),
        None => format!("unknown tolerance target \"{name}\": expected one of {known}"),
    }
}

/// Parses a number of bytes: `2G`, `512M`, `100K` (powers of 1024) or a plain number.
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
    bytes.filter(|&bytes| bytes > 0).ok_or_else(|| {
        format!("expected a size such as 2G, 512M or 100K, found \"{text}\"")
    })
}

/// Parses a whole number from 1 to `MOST`.
pub(super) fn from_1_to<const MOST: u64, T: TryFrom<u64>>(
    text: &str,
) -> Result<T, String> {
    let number = text.parse().ok().filter(|number| (1..=MOST).contains(number));
    number
        .and_then(|number| T::try_from(number).ok())
        .ok_or_else(|| format!("expected a whole number from 1 to {MOST}"))
}

/// Parses numbers that are separated by commas.
pub(super) fn numbers(text: &str) -> Result<List<f32>, String> {
    let number = |part: &str| {
        part.parse::<f32>().map_err(|_| format!("expected a number, found \"{part}\""))
    };
    let list = names(text).map(number).collect::<Result<Vec<_>, _>>()?;
    if list.is_empty() {
        Err("expected numbers, found none".to_owned())
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
