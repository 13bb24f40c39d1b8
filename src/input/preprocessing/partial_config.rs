//! What flags and configurations say, one layer each, and which layer decides a key.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::presets;
use super::{classes, colors};
use crate::error::{Error, Result};
use crate::input::settings::{
    Alpha, Channels, Crop, CropRule, Exif, Fill, Interpolation, Pad, PadSide, Preset,
    Resampler, Resize,
};
use crate::palette::Palette;
use crate::task::Task;

/// What the flags said; what is `None` is left to the configuration and the defaults.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Options {
    /// `--config`: a configuration in place of, or on top of, the one beside the model.
    pub config: Option<PathBuf>,
    /// `--preset`: mean and standard deviation by name.
    pub preset: Option<Preset>,
    /// `--resize`.
    pub resize: Option<Resize>,
    /// `--crop`.
    pub crop: Option<Crop>,
    /// `--interpolation`.
    pub interpolation: Option<Interpolation>,
    /// `--antialias`.
    pub antialias: Option<bool>,
    /// `--pad-to-multiple`: both sides are brought to a multiple by reflection at the right
    /// and the bottom. 1 to 65,535.
    pub pad_to_multiple: Option<usize>,
    /// `--exif`.
    pub exif: Option<Exif>,
    /// `--max-pixels`: most pixels that an image may have, before and after resizing.
    pub max_pixels: Option<u64>,
    /// `--mean`: one number, or one a channel, of values in 0..1; of the values themselves
    /// where images are of floating point.
    pub mean: Option<Vec<f32>>,
    /// `--std`: like `mean`.
    pub std: Option<Vec<f32>>,
    /// `--channels`.
    pub channels: Option<Channels>,
    /// `--classes`: a file with the names of the classes.
    pub classes: Option<PathBuf>,
    /// `--palette`: the name of a palette, or a file with the colors of the classes.
    pub palette: Option<String>,
    /// `--task`.
    pub task: Option<&'static Task>,
    /// What the model file says about itself, by name, as `Model::metadata` gives it; what is
    /// not known is left alone.
    pub metadata: Vec<(String, String)>,
}

/// What one source says; later layers win key by key.
#[derive(Debug, Clone, Default)]
pub(super) struct PartialConfig {
    /// The configuration file as given; `None` for the flags.
    pub(super) file: Option<String>,
    /// Where single keys come from, if there is more to say than the file or the flag.
    pub(super) sources: BTreeMap<&'static str, Source>,
    pub(super) task: Option<&'static Task>,
    pub(super) preset: Option<Preset>,
    pub(super) channels: Option<Channels>,
    pub(super) mean: Option<Vec<f32>>,
    pub(super) std: Option<Vec<f32>>,
    pub(super) resize: Option<Resize>,
    pub(super) interpolation: Option<Interpolation>,
    pub(super) antialias: Option<bool>,
    pub(super) resampler: Option<Resampler>,
    pub(super) crop: Option<Crop>,
    pub(super) crop_rule: Option<CropRule>,
    pub(super) alpha: Option<Alpha>,
    pub(super) pad: Option<Pad>,
    pub(super) pad_side: Option<PadSide>,
    pub(super) fill: Option<Fill>,
    pub(super) classes: Option<Vec<String>>,
    pub(super) palette: Option<Palette>,
}

/// Where a value comes from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Source {
    /// As the list of settings shows it: `streets.toml`, `--mean`, `default`.
    pub(super) origin: String,
    /// As an error shows it: `streets.toml: mean`, `--mean`.
    pub(super) place: String,
}

/// As in a sidecar; sides of images are not much longer.
const LARGEST_MULTIPLE: usize = u16::MAX as usize;

impl PartialConfig {
    /// The layer of a file (as it was given) that says nothing yet.
    pub(super) fn of_file(file: impl Into<String>) -> Self {
        Self { file: Some(file.into()), ..Self::default() }
    }

    /// The layer of the flags; reads the class names and colors that `--classes` and
    /// `--palette` point to.
    pub(super) fn of_flags(options: &Options) -> Result<Self> {
        let multiple = options.pad_to_multiple;
        let mut layer = Self {
            file: None,
            task: options.task,
            preset: options.preset,
            channels: options.channels,
            mean: options.mean.clone(),
            std: options.std.clone(),
            resize: options.resize,
            interpolation: options.interpolation,
            antialias: options.antialias,
            crop: options.crop,
            pad: multiple.map(Pad::Multiple),
            pad_side: multiple.map(|_| PadSide::End),
            fill: multiple.map(|_| Fill::Reflect),
            classes: options.classes.as_deref().map(classes::read).transpose()?,
            palette: options.palette.as_deref().map(colors::read).transpose()?,
            ..Self::default()
        };
        if let Some(multiple) = multiple {
            if !(1..=LARGEST_MULTIPLE).contains(&multiple) {
                let message =
                    format!("{multiple} is not between 1 and {LARGEST_MULTIPLE}");
                return Err(Error::setting("--pad-to-multiple", message)
                    .with_hint("give what the network's sides must be a multiple of"));
            }
            for key in ["pad", "pad_side", "fill"] {
                layer.comes_from(key, "--pad-to-multiple", "--pad-to-multiple");
            }
        }
        presets::spell_out(&mut layer);
        Ok(layer)
    }

    /// Says where the value of a key comes from.
    pub(super) fn comes_from(
        &mut self,
        key: &'static str,
        origin: impl Into<String>,
        place: impl Into<String>,
    ) {
        let source = Source { origin: origin.into(), place: place.into() };
        self.sources.insert(key, source);
    }

    /// Where the value of this key comes from.
    pub(super) fn source(&self, key: &str) -> Source {
        if let Some(source) = self.sources.get(key) {
            return source.clone();
        }
        if let Some(file) = &self.file {
            return Source { origin: file.clone(), place: format!("{file}: {key}") };
        }
        let flag = format!("--{}", key.replace('_', "-"));
        Source { origin: flag.clone(), place: flag }
    }

    /// Whether this layer alone settles how pixel values are scaled.
    pub(super) fn says_the_scale(&self) -> bool {
        self.preset.is_some() || (self.mean.is_some() && self.std.is_some())
    }
}

/// A value with where it came from.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Resolved<T> {
    pub(super) value: T,
    /// As the list of settings shows it: `streets.toml`, `--mean`, `default`.
    pub(super) origin: String,
    /// As an error shows it: `streets.toml: mean`, `--mean`.
    pub(super) place: String,
}

impl<T> Resolved<T> {
    pub(super) fn explicit(layer: &PartialConfig, key: &str, value: T) -> Self {
        let Source { origin, place } = layer.source(key);
        Self { value, origin, place }
    }

    pub(super) fn default(value: T, origin: &str) -> Self {
        Self { value, origin: origin.to_owned(), place: origin.to_owned() }
    }
}

/// What the last layer that says something says.
pub(super) fn choose<T>(
    layers: &[PartialConfig],
    key: &str,
    value: impl Fn(&PartialConfig) -> Option<T>,
) -> Option<Resolved<T>> {
    layers
        .iter()
        .rev()
        .find_map(|layer| Some(Resolved::explicit(layer, key, value(layer)?)))
}
