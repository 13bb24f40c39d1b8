//! What flags and configurations say, one layer each, and which layer decides a key.

use super::settings::{Channels, Crop, Interpolation, Options, Preset, Resize, Task};
use super::steps::{Alpha, CropRule, Fill, Pad, PadSide, Resampler};
use super::{classes, colours};
use crate::error::Result;
use crate::palette::Palette;

/// What one source says; later layers win key by key.
#[derive(Debug, Clone, Default)]
pub(super) struct Layer {
    /// The configuration file as given; `None` for the flags.
    pub(super) file: Option<String>,
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

impl Layer {
    /// The layer of the flags; reads the class names and colours that `--classes` and
    /// `--palette` point to.
    pub(super) fn of_flags(options: &Options) -> Result<Self> {
        Ok(Self {
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
            pad: options.pad_to_multiple.map(Pad::Multiple),
            pad_side: options.pad_to_multiple.map(|_| PadSide::End),
            fill: options.pad_to_multiple.map(|_| Fill::Reflect),
            classes: options.classes.as_deref().map(classes::read).transpose()?,
            palette: options.palette.as_deref().map(colours::read).transpose()?,
            ..Self::default()
        })
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
        let flag = format!("--{key}");
        match &layer.file {
            Some(file) => {
                Self { value, origin: file.clone(), place: format!("{file}: {key}") }
            }
            None => Self { value, origin: flag.clone(), place: flag },
        }
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
