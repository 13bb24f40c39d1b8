//! Which channels the network takes and how their values are scaled.

use std::path::Path;

use super::partial_config::{PartialConfig, Resolved, choose};
use super::presets;
use super::sources::IgnoredConfig;
use crate::error::{Error, Result};
use crate::input::settings::{Channels, ModelInput};

/// Largest mean that is taken for one of values in 0..1; a scale of -1..1 makes one above 1.
const LARGEST_MEAN: f32 = 2.0;

/// Largest standard deviation that is taken for one of values in 0..1.
const LARGEST_STD: f32 = 10.0;

/// Smallest standard deviation: divided by less, values of 0..1 would soon be infinite.
const SMALLEST_STD: f32 = 1e-30;

/// The way out of numbers for another range.
const DIVIDE: &str = "numbers for values in 0..255 have to be divided by 255";

/// Numbers that were chosen, with their origin.
type Numbers = Resolved<Vec<f32>>;

/// The channels, as said or as their number suggests.
pub(super) fn channels(
    layers: &[PartialConfig],
    input: &ModelInput,
) -> Result<Resolved<Channels>> {
    let count = input.channels;
    let chosen = choose(layers, "channels", |layer| layer.channels);
    let chosen = match (chosen, count) {
        (Some(chosen), _) => chosen,
        (None, 1) => {
            Resolved::default(Channels::Gray, super::spatial_transform::MODEL_INPUT)
        }
        (None, 4) => {
            Resolved::default(Channels::Rgba, super::spatial_transform::MODEL_INPUT)
        }
        (None, _) => Resolved::default(Channels::Rgb, "default"),
    };
    if chosen.value.count() == count {
        return Ok(chosen);
    }
    let place =
        if chosen.origin == "default" { "channels".to_owned() } else { chosen.place };
    let message = format!(
        "{} has {} {}, but the model's input has {count}",
        chosen.value,
        chosen.value.count(),
        if chosen.value.count() == 1 { "channel" } else { "channels" },
    );
    Err(Error::setting(place, message).with_hint(match count {
        1 => "say --channels gray",
        3 => "say --channels rgb or bgr",
        4 => "say --channels rgba",
        _ => "only models with 3 channels (rgb, bgr), 1 (gray) or 4 (rgba) are supported",
    }))
}

/// Mean and standard deviation, one number a channel.
pub(super) fn mean_and_std(
    layers: &[PartialConfig],
    channels: Channels,
    model: &Path,
    left_out: &[IgnoredConfig],
) -> Result<(Numbers, Numbers)> {
    let mean = numbers(layers, "mean", channels, |layer| layer.mean.clone())?;
    let std = numbers(layers, "std", channels, |layer| layer.std.clone())?;
    let (mean, std) = match (mean, std) {
        (Some(mean), Some(std)) => (mean, std),
        (Some(mean), None) => return Err(alone(&mean.place, "std")),
        (None, Some(std)) => return Err(alone(&std.place, "mean")),
        (None, None) => return Err(nothing_said(model, left_out)),
    };
    let mean = one_a_channel(mean, channels)?;
    let std = one_a_channel(std, channels)?;
    check(&mean, f32::is_finite, "is not a mean: expected a finite number")?;
    check(
        &std,
        |std| std.is_finite() && std > 0.0,
        "is not a standard deviation: expected more than 0",
    )?;
    check(
        &std,
        |std| std >= SMALLEST_STD,
        "is so small that values divided by it are not finite",
    )?;
    Ok((mean, std))
}

/// A mean or standard deviation that values in 0..1 do not have: it suits images of floating
/// point alone, whose values may be any.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Unfit {
    place: String,
    message: String,
}

impl Unfit {
    /// The first such number of these, where there is one.
    pub(super) fn of(mean: &Numbers, std: &Numbers) -> Option<Self> {
        let found = |numbers: &Numbers, what: &str, largest: f32| {
            let number = numbers.value.iter().find(|number| number.abs() > largest)?;
            let message = format!("{number} is not the {what} of values in 0..1");
            Some(Self { place: numbers.place.clone(), message })
        };
        found(mean, "mean", LARGEST_MEAN)
            .or_else(|| found(std, "standard deviation", LARGEST_STD))
    }

    /// What is answered to an image of 8 or 16 bits.
    pub(super) fn error(&self) -> Error {
        Error::setting(&self.place, &self.message).with_hint(DIVIDE)
    }
}

/// Refuses what a file of another library says of the scale, where its images of 8 bits cannot
/// have it: none of them is for images of floating point.
pub(super) fn check_levels(layer: PartialConfig) -> Result<PartialConfig> {
    let said = |key, numbers: &Option<Vec<f32>>| {
        Resolved::explicit(&layer, key, numbers.clone().unwrap_or_default())
    };
    match Unfit::of(&said("mean", &layer.mean), &said("std", &layer.std)) {
        Some(unfit) => Err(unfit.error()),
        None => Ok(layer),
    }
}

/// Numbers with commas between, as a flag takes them.
pub(super) fn listed(numbers: &[f32]) -> String {
    let texts: Vec<String> = numbers.iter().map(f32::to_string).collect();
    texts.join(",")
}

/// What the last layer says that gives the numbers or a preset; in one layer the numbers win.
fn numbers(
    layers: &[PartialConfig],
    key: &str,
    channels: Channels,
    said: impl Fn(&PartialConfig) -> Option<Vec<f32>>,
) -> Result<Option<Numbers>> {
    for layer in layers.iter().rev() {
        if let Some(numbers) = said(layer) {
            return Ok(Some(Resolved::explicit(layer, key, numbers)));
        }
        if let Some(preset) = layer.preset {
            let chosen = Resolved::explicit(layer, "preset", preset);
            let (mean, std) =
                presets::mean_and_std(preset, channels).map_err(|message| {
                    Error::setting(&chosen.place, message)
                        .with_hint("say --preset unit or raw, or give --mean and --std")
                })?;
            let value = if key == "mean" { mean } else { std };
            let origin = format!("preset {preset} ({})", chosen.origin);
            return Ok(Some(Resolved { value, origin, place: chosen.place }));
        }
    }
    Ok(None)
}

fn alone(place: &str, missing: &str) -> Error {
    Error::setting(place, format!("is given, but {missing} is not"))
        .with_hint(format!("give --{missing} too, or a --preset for both"))
}

fn nothing_said(model: &Path, left_out: &[IgnoredConfig]) -> Error {
    let others =
        left_out.iter().map(|other| format!("; not recognized: {}", other.error));
    let others: String = others.collect();
    let message = "nothing says how pixel values are scaled for this model";
    Error::setting(model.display().to_string(), message).with_hint(format!(
        "say --preset imagenet (what most torchvision models take), --preset unit (0..1) or \
         --preset raw (0..255); or give --mean and --std; or write one of these into {}{others}",
        model.with_extension("toml").display()
    ))
}

/// One number stands for every channel.
fn one_a_channel(mut numbers: Numbers, channels: Channels) -> Result<Numbers> {
    let count = channels.count();
    match numbers.value.as_slice() {
        [number] => numbers.value = vec![*number; count],
        several if several.len() == count => {}
        several => {
            let found = several.len();
            let plural = if count == 1 { "" } else { "s" };
            let message =
                format!("{found} numbers for the {count} channel{plural} of {channels}");
            return Err(Error::setting(numbers.place, message)
                .with_hint("give one number, or one for each channel"));
        }
    }
    Ok(numbers)
}

fn check(
    numbers: &Numbers,
    is_right: impl Fn(f32) -> bool,
    otherwise: &str,
) -> Result<()> {
    match numbers.value.iter().find(|number| !is_right(**number)) {
        None => Ok(()),
        Some(number) => {
            Err(Error::setting(&numbers.place, format!("{number} {otherwise}"))
                .with_hint(DIVIDE))
        }
    }
}
