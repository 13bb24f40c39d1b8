//! Channels of the network's input, and the mean and standard deviation that scale pixel values.

use std::path::Path;

use super::input_size::MODEL_INPUT;
use super::partial_config::{ConfigStack, PartialConfig, Resolved, SettingLocation};
use super::presets;
use crate::error::{Error, Result};
use crate::input::settings::{BandSelection, Channels, InputRange, ModelInput};

/// Largest mean of values in 0..1. A scale to -1..1 makes one above 1.
const LARGEST_MEAN: f32 = 2.0;

/// Largest standard deviation of values in 0..1.
const LARGEST_STD: f32 = 10.0;

/// Smallest standard deviation. Values of 0..1 divided by less would soon be infinite.
const SMALLEST_STD: f32 = 1e-30;

/// Hint for numbers that belong to another range of values.
const DIVIDE: &str = "numbers for values in 0..255 have to be divided by 255";

/// Mean or standard deviation, with its provenance.
type Numbers = Resolved<Vec<f32>>;

/// Resolves the channels; without a source, their number decides.
pub(super) fn resolve_channels(
    configs: &ConfigStack,
    input: &ModelInput,
) -> Result<Resolved<Channels>> {
    let count = input.channels;
    let channels = configs.channels(|| {
        let channels = match count {
            1 => Channels::Gray,
            3 => return None,
            4 => Channels::Rgba,
            count => Channels::Bands(u16::try_from(count).unwrap_or(u16::MAX)),
        };
        Some(Resolved::implied("channels", channels, MODEL_INPUT))
    });
    if channels.value.count() == count {
        return Ok(channels);
    }
    let message = format!(
        "{} has {} {}, but the model's input has {count}",
        channels.value,
        channels.value.count(),
        if channels.value.count() == 1 { "channel" } else { "channels" },
    );
    Err(channels.error(message).with_hint(match count {
        1 => "use `channels = gray`".to_owned(),
        3 => "use `channels = rgb` or bgr".to_owned(),
        4 => "use `channels = rgba`".to_owned(),
        count => format!("use `channels = bands:{count}`"),
    }))
}

/// Resolves the bands that are selected, which have to be as many as the channels.
pub(super) fn resolve_bands(
    configs: &ConfigStack,
    channels: Channels,
) -> Result<Option<Resolved<BandSelection>>> {
    let Some(bands) = configs.bands() else { return Ok(None) };
    if bands.value.count() == channels.count() {
        return Ok(Some(bands));
    }
    let message = format!(
        "selects {} bands, but the model takes {} ({channels})",
        bands.value.count(),
        channels.count()
    );
    Err(bands.error(message).with_hint("select a band for each channel of the model"))
}

/// Resolves the range of values: the last source wins that gives a range or a number of bits, and
/// within it the range.
pub(super) fn resolve_input_range(configs: &ConfigStack) -> Option<Resolved<InputRange>> {
    configs.0.iter().rev().find_map(|config| {
        let range = config.input_range.map(|range| ("input_range", range));
        let bits = config.bits.map(|bits| ("bits", bits.range()));
        let (key, range) = range.or(bits)?;
        Some(Resolved::explicit(config, key, range))
    })
}

/// Mean and standard deviation, one number for each channel.
#[derive(Debug)]
pub(super) struct Scale {
    pub(super) mean: Numbers,
    pub(super) std: Numbers,
}

impl Scale {
    /// Resolves both. `None` if no source gives either.
    pub(super) fn resolve(
        configs: &ConfigStack,
        channels: Channels,
    ) -> Result<Option<Self>> {
        let mean =
            resolve_numbers(configs, "mean", channels, |config| config.mean.as_ref())?;
        let std =
            resolve_numbers(configs, "std", channels, |config| config.std.as_ref())?;
        let (mean, std) = match (mean, std) {
            (Some(mean), Some(std)) => (mean, std),
            (Some(mean), None) => return Err(incomplete(&mean, "std")),
            (None, Some(std)) => return Err(incomplete(&std, "mean")),
            (None, None) => return Ok(None),
        };
        let mean = for_each_channel(mean, channels)?;
        let std = for_each_channel(std, channels)?;
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
        Ok(Some(Self { mean, std }))
    }
}

/// A mean or standard deviation that values in 0..1 do not have. Only floating-point images, whose
/// values are not bounded, can be scaled with it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct OnlyForFloats {
    location: SettingLocation,
    message: String,
}

impl OnlyForFloats {
    /// Returns the first such number.
    pub(super) fn find(mean: &Numbers, std: &Numbers) -> Option<Self> {
        let find = |numbers: &Numbers, what: &str, largest: f32| {
            let number = numbers.value.iter().find(|number| number.abs() > largest)?;
            let message = format!("{number} is not the {what} of values in 0..1");
            Some(Self { location: numbers.location.clone(), message })
        };
        find(mean, "mean", LARGEST_MEAN)
            .or_else(|| find(std, "standard deviation", LARGEST_STD))
    }

    /// Creates the error for an image of 8 or 16 bits.
    pub(super) fn error(&self) -> Error {
        self.location.error(&self.message).with_hint(DIVIDE)
    }
}

/// Refuses a scale from another library that 8-bit images cannot have: none of these libraries
/// is for floating-point images.
pub(super) fn check_scale(config: PartialConfig) -> Result<PartialConfig> {
    let numbers = |key, numbers: &Option<Vec<f32>>| {
        Resolved::explicit(&config, key, numbers.clone().unwrap_or_default())
    };
    let (mean, std) = (numbers("mean", &config.mean), numbers("std", &config.std));
    match OnlyForFloats::find(&mean, &std) {
        Some(number) => Err(number.error()),
        None => Ok(config),
    }
}

/// Returns numbers separated by commas, as an option takes them.
pub(super) fn comma_separated(numbers: &[f32]) -> String {
    let texts: Vec<String> = numbers.iter().map(f32::to_string).collect();
    texts.join(",")
}

/// Returns the numbers of the last source that gives them or a preset. Within one source the
/// numbers win over the preset.
fn resolve_numbers(
    configs: &ConfigStack,
    key: &'static str,
    channels: Channels,
    numbers: impl Fn(&PartialConfig) -> Option<&Vec<f32>>,
) -> Result<Option<Numbers>> {
    for config in configs.0.iter().rev() {
        if let Some(numbers) = numbers(config) {
            return Ok(Some(Resolved::explicit(config, key, numbers.clone())));
        }
        if let Some(preset) = config.preset {
            let resolved = Resolved::explicit(config, "preset", preset);
            let (mean, std) =
                presets::mean_and_std(preset, channels).map_err(|message| {
                    resolved
                        .error(message)
                        .with_hint("use `preset = unit` or raw, or give `mean` and `std`")
                })?;
            let value = if key == "mean" { mean } else { std };
            let origin = format!("preset {preset} ({})", resolved.origin);
            return Ok(Some(Resolved {
                key,
                value,
                origin,
                location: resolved.location,
            }));
        }
    }
    Ok(None)
}

fn incomplete(given: &Numbers, missing: &str) -> Error {
    given
        .error(format!("is given, but {missing} is not"))
        .with_hint(format!("give `{missing}` too, or a `preset` for both"))
}

/// Creates the error for a model whose scale no source gives.
pub(super) fn missing_scale<'a>(
    model: &Path,
    unrecognized: impl Iterator<Item = &'a Error>,
) -> Error {
    let others = unrecognized.fold(String::new(), |others, error| {
        others + "; not recognized: " + &error.to_string()
    });
    let message = "the scale of pixel values is not known for this model";
    Error::configuration(model.display().to_string(), message).with_hint(format!(
        "use `preset = imagenet` (most torchvision models), `preset = unit` (0..1) or \
         `preset = raw` (0..255); or give `mean` and `std`; or write one of these into {}{others}",
        model.with_extension("toml").display()
    ))
}

/// Repeats a single number for every channel.
fn for_each_channel(mut numbers: Numbers, channels: Channels) -> Result<Numbers> {
    let count = channels.count();
    match numbers.value.as_slice() {
        [number] => numbers.value = vec![*number; count],
        several if several.len() == count => {}
        several => {
            let found = several.len();
            let plural = if count == 1 { "" } else { "s" };
            let message =
                format!("{found} numbers for the {count} channel{plural} of {channels}");
            return Err(numbers
                .error(message)
                .with_hint("give one number, or one for each channel"));
        }
    }
    Ok(numbers)
}

fn check(numbers: &Numbers, is_valid: impl Fn(f32) -> bool, problem: &str) -> Result<()> {
    match numbers.value.iter().find(|number| !is_valid(**number)) {
        None => Ok(()),
        Some(number) => {
            Err(numbers.error(format!("{number} {problem}")).with_hint(DIVIDE))
        }
    }
}
