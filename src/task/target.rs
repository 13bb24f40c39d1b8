//! Targets of a regression: names, unit, and the conversion from the network's values.

use std::fmt;
use std::str::FromStr;

use super::ModelPrecision;
use crate::sums::TargetUnit;

/// What is known about the targets of a regression.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetSettings {
    /// Names of the targets, one per channel. Empty: they are numbered.
    pub names: Vec<String>,
    /// Unit of the targets, such as `m`; empty if it is unknown.
    pub unit: String,
    /// Factor from the network's values to the unit.
    pub scale: f64,
    /// Summand, in the unit.
    pub offset: f64,
    /// Range of valid labels, in the unit.
    pub valid: Option<ValueRange>,
    /// Value of labels that means none.
    pub invalid: Option<f64>,
}

/// A range of values: `LOW:HIGH`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ValueRange {
    /// Lower end.
    pub low: f64,
    /// Upper end, above the lower one.
    pub high: f64,
}

impl TargetSettings {
    /// Returns the conversion of the network's values, if the observations have a variance of
    /// 1 / `model_precision` in the network's unit.
    pub fn conversion(&self, model_precision: Option<ModelPrecision>) -> TargetUnit {
        TargetUnit {
            scale: self.scale as f32,
            offset: self.offset as f32,
            noise_variance: model_precision.map_or(0.0, |tau| (1.0 / tau.get()) as f32),
        }
    }
}

impl fmt::Display for TargetSettings {
    /// Writes what is known, as in a sidecar.
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let mut parts = Vec::new();
        if !self.names.is_empty() {
            parts.push(format!("name = {}", self.names.join(", ")));
        }
        if !self.unit.is_empty() {
            parts.push(format!("unit = {}", self.unit));
        }
        let default = Self::default();
        for (key, value, usual) in [
            ("scale", self.scale, default.scale),
            ("offset", self.offset, default.offset),
        ] {
            if value.to_bits() != usual.to_bits() {
                parts.push(format!("{key} = {value}"));
            }
        }
        parts.extend(self.valid.map(|range| format!("valid = {range}")));
        parts.extend(self.invalid.map(|value| format!("invalid = {value}")));
        formatter.write_str(&parts.join(", "))
    }
}

impl Default for TargetSettings {
    fn default() -> Self {
        Self {
            names: Vec::new(),
            unit: String::new(),
            scale: 1.0,
            offset: 0.0,
            valid: None,
            invalid: None,
        }
    }
}

impl FromStr for ValueRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| {
            text.trim().parse::<f64>().ok().filter(|number| number.is_finite())
        };
        let ends = text.split_once(':').and_then(|(low, high)| {
            Some(Self { low: number(low)?, high: number(high)? })
        });
        ends.filter(|range| range.low < range.high)
            .ok_or_else(|| format!("expected LOW:HIGH such as 0:80, found \"{text}\""))
    }
}

impl fmt::Display for ValueRange {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}:{}", self.low, self.high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_needs_two_ends_in_order() {
        let range: ValueRange = "-1.5:80".parse().unwrap();
        assert_eq!((range.low, range.high), (-1.5, 80.0));
        assert_eq!(range.to_string(), "-1.5:80");
        for text in ["", "1", "2:1", "1:1", "nan:1", "0:inf", "a:b"] {
            assert!(text.parse::<ValueRange>().is_err(), "{text}");
        }
    }
}
