//! What flags and configurations say, one layer each, and which layer decides a key.

use std::collections::BTreeMap;

use super::presets;
use super::settings::{Channels, Crop, Interpolation, Options, Preset, Resize, Task};
use super::steps::{Alpha, CropRule, Fill, Pad, PadSide, Resampler};
use super::{classes, colors};
use crate::error::{Error, Result};
use crate::palette::Palette;

/// What one source says; later layers win key by key.
#[derive(Debug, Clone, Default)]
pub(super) struct Layer {
    /// The configuration file as given; `None` for the flags.
    pub(super) file: Option<String>,
    /// Where single keys come from, if there is more to say than the file or the flag.
    pub(super) sources: BTreeMap<&'static str, Source>,
    pub(super) task: Option<Task>,
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

impl Layer {
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
pub(super) struct Chosen<T> {
    pub(super) value: T,
    /// As the list of settings shows it: `streets.toml`, `--mean`, `default`.
    pub(super) origin: String,
    /// As an error shows it: `streets.toml: mean`, `--mean`.
    pub(super) place: String,
}

impl<T> Chosen<T> {
    pub(super) fn said(layer: &Layer, key: &str, value: T) -> Self {
        let Source { origin, place } = layer.source(key);
        Self { value, origin, place }
    }

    pub(super) fn unsaid(value: T, origin: &str) -> Self {
        Self { value, origin: origin.to_owned(), place: origin.to_owned() }
    }
}

/// What the last layer that says something says.
pub(super) fn choose<T>(
    layers: &[Layer],
    key: &str,
    value: impl Fn(&Layer) -> Option<T>,
) -> Option<Chosen<T>> {
    layers.iter().rev().find_map(|layer| Some(Chosen::said(layer, key, value(layer)?)))
}
