//! Preprocessing: conversion of an image into the input of a network.
//!
//! The settings and their sources are described in [`guide::sidecar`](crate::guide::sidecar).
//!
//! [`Preprocessing::resolve`] determines every setting once, before the first image;
//! [`Preprocessing::apply`] then converts each image. Settings that do not suit the model are an
//! error as early as possible.

mod apply;
mod bands;
mod classes;
mod colors;
mod from_toml;
mod geometry;
mod input_size;
mod interpolate;
mod levels;
mod normalize;
mod partial_config;
mod presets;
mod resize;
mod scale;
mod sidecar;
mod sizes;
mod sources;
mod spatial_transform;
mod tensor_layout;
#[cfg(test)]
mod tests;
pub(crate) mod text_file;

use std::path::{Path, PathBuf};

pub use self::classes::read_class_names;
pub use self::colors::read_palette;
pub use self::geometry::Geometry;
pub use self::input_size::MODEL_INPUT;
pub use self::partial_config::Options;
pub use super::settings::{
    Alpha, BandSelection, Channels, Crop, CropRule, Exif, Fill, Frames, InputBits,
    InputRange, Interpolation, Layout, ModelInput, Pad, PadSide, Preset, Resampler,
    Resize, Size,
};

use self::normalize::Scaling;
use self::partial_config::{ConfigStack, SettingLocation};
use self::scale::{OnlyForFloats, Scale, comma_separated};
use self::sources::ConfigSources;
use self::spatial_transform::SpatialTransform;
use super::settings::ReadOptions;
use crate::error::Result;
use crate::head::HeadChoice;
use crate::palette::Palette;
use crate::sums::Family;
use crate::task::{TargetSettings, Task};

/// Conversion of images into the input of a network, with every setting resolved.
#[derive(Debug, Clone)]
pub struct Preprocessing {
    /// Names of the classes by index, if they are known.
    pub class_names: Option<Vec<String>>,
    /// Colors of the classes, if they are known.
    pub palette: Option<Palette>,
    /// Meaning of the output, if a source gives it.
    pub task: Option<&'static Task>,
    /// Targets of a regression.
    pub target: TargetSettings,
    targets_location: Option<SettingLocation>,
    layout: Layout,
    channels: Channels,
    spatial: SpatialTransform,
    scaling: Scaling,
    /// Set if 8-bit images cannot be scaled like this.
    only_for_floats: Option<OnlyForFloats>,
    input_range: Option<InputRange>,
    frames: Frames,
    read_options: ReadOptions,
    class_names_location: Option<SettingLocation>,
    palette_location: Option<SettingLocation>,
    settings: Vec<Setting>,
    paths: Vec<PathBuf>,
}

/// A preprocessing setting in effect, with its origin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Key in a configuration and in [`Options`]. `left out` is a configuration file that was
    /// ignored.
    pub key: &'static str,
    /// Value as text.
    pub value: String,
    /// Configuration file, option in backquotes, `default` or [`MODEL_INPUT`].
    pub origin: String,
}

/// An image as the network takes it.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkInput {
    /// Values, channels first or last as the model's layout requires.
    pub values: Vec<f32>,
    /// Number of rows.
    pub height: usize,
    /// Number of columns.
    pub width: usize,
    /// Correspondence of the image's pixels to these rows and columns.
    pub geometry: Geometry,
}

impl NetworkInput {
    /// Returns the numbers of rows and columns.
    pub fn size(&self) -> (usize, usize) {
        (self.height, self.width)
    }
}

/// What the outputs of a model mean, as far as the user and configuration files state it. It is known
/// before the model's graph is examined.
#[derive(Debug, Clone, Default)]
pub struct OutputSettings {
    /// The task.
    pub task: Option<&'static Task>,
    /// Outputs with their roles.
    pub heads: Vec<HeadChoice>,
    /// The targets of a regression.
    pub target: TargetSettings,
}

impl OutputSettings {
    /// Resolves the settings from the same sources as [`Preprocessing::resolve`].
    ///
    /// # Errors
    /// Fails if a file cannot be read or contains something that is not a setting.
    pub fn resolve(model: &Path, options: &Options) -> Result<Self> {
        let ConfigSources { configs, .. } = sources::gather(model, options)?;
        Ok(Self {
            task: configs.task().map(|task| task.value),
            heads: configs.heads().map(|heads| heads.value).unwrap_or_default(),
            target: resolve_target(&configs).0,
        })
    }

    /// Returns what the channels of the outputs are, if the task is known.
    pub fn family(&self) -> Option<Family> {
        self.task.map(|task| task.family)
    }
}

/// Returns the settings about the outputs of the model.
fn output_settings(configs: &ConfigStack) -> Vec<Setting> {
    let mut settings = Vec::new();
    let mut list = |key, value: String, origin: String| {
        settings.push(Setting { key, value, origin });
    };
    if let Some(task) = configs.task() {
        list("task", task.value.to_string(), task.origin);
    }
    if let Some(heads) = configs.heads() {
        let text: Vec<String> = heads.value.iter().map(ToString::to_string).collect();
        list("heads", text.join(" "), heads.origin);
    }
    if let Some(target) = configs.target() {
        list("target", target.value.to_string(), target.origin);
    }
    if let Some(targets) = configs.targets() {
        list("targets", targets.value.join(", "), targets.origin);
    }
    settings
}

/// Returns the settings about image files: key, value and origin.
fn file_settings(
    options: &Options,
    read: &ReadOptions,
) -> Vec<(&'static str, String, &'static str)> {
    let origin = |is_chosen: bool, option| if is_chosen { option } else { "default" };
    let exif = origin(options.exif.is_some(), "`exif`");
    let max_pixels = origin(options.max_pixels.is_some(), "`max_pixels`");
    let frames = options.frames.map(|frames| ("frames", frames.to_string(), "`frames`"));
    let others = [
        ("exif", read.exif.to_string(), exif),
        ("max_pixels", read.max_pixels.to_string(), max_pixels),
    ];
    frames.into_iter().chain(others).collect()
}

/// Returns the targets of a regression, and the place that names them.
fn resolve_target(configs: &ConfigStack) -> (TargetSettings, Option<SettingLocation>) {
    let (of_file, names) = (configs.target(), configs.targets());
    let of_target = of_file.as_ref().map(|target| target.location.clone());
    let mut target = of_file.map(|target| target.value).unwrap_or_default();
    let Some(names) = names else { return (target, of_target) };
    target.names = names.value;
    (target, Some(names.location))
}

impl Preprocessing {
    /// Resolves every setting from the metadata of the model file, the configuration files beside
    /// the model, the file of `config`, and the options. Later sources win key by key.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be read or contains something that is not a setting, if values
    /// contradict each other or the model's input, or if no source gives the scale of pixel values.
    pub fn resolve(model: &Path, input: &ModelInput, options: &Options) -> Result<Self> {
        let ConfigSources { configs, ignored, paths } = sources::gather(model, options)?;
        let channels = scale::resolve_channels(&configs, input)?;
        let Some(scale) = Scale::resolve(&configs, channels.value)? else {
            let unrecognized = ignored.iter().map(|ignored| &ignored.error);
            return Err(scale::missing_scale(model, unrecognized));
        };
        let bands = scale::resolve_bands(&configs, channels.value)?;
        let input_range = scale::resolve_input_range(&configs);
        let alpha = configs.alpha();
        let read_options = ReadOptions {
            channels: channels.value,
            bands: bands.as_ref().map(|bands| bands.value.clone()),
            alpha: alpha.value,
            ..read_options(options)
        };
        let spatial =
            SpatialTransform::resolve(&configs, input, read_options.max_pixels)?;
        let classes = configs.classes();
        let palette = colors::resolve(&configs, classes.as_ref())?;

        let mut settings = output_settings(&configs);
        let mut list = |key, value: String, origin: &str| {
            settings.push(Setting { key, value, origin: origin.to_owned() });
        };
        list("layout", input.layout.to_string(), MODEL_INPUT);
        list("channels", channels.value.to_string(), &channels.origin);
        if let Some(bands) = &bands {
            list("bands", bands.value.to_string(), &bands.origin);
        }
        if let Some(range) = &input_range {
            list("input_range", range.value.to_string(), &range.origin);
        }
        for (key, value, origin) in file_settings(options, &read_options) {
            list(key, value, origin);
        }
        if alpha.is_chosen() {
            list("alpha", alpha.value.to_string(), &alpha.origin);
        }
        for (key, value, origin) in spatial.settings() {
            list(key, value, origin);
        }
        list("mean", comma_separated(&scale.mean.value), &scale.mean.origin);
        list("std", comma_separated(&scale.std.value), &scale.std.origin);
        if let Some(reduce) = configs.reduce_zero_label() {
            list("reduce_zero_label", reduce.value.to_string(), &reduce.origin);
        }
        if let Some(names) = &classes {
            list("classes", format!("{} names", names.value.len()), &names.origin);
        }
        if let Some(colors) = &palette {
            list("palette", colors.value.to_string(), &colors.origin);
        }
        for ignored in &ignored {
            list("left out", ignored.error.to_string(), ignored.reason);
        }
        let (target, targets_location) = resolve_target(&configs);
        Ok(Self {
            target,
            targets_location,
            class_names_location: classes.as_ref().map(|names| names.location.clone()),
            class_names: classes.map(|names| names.value),
            palette_location: palette.as_ref().map(|colors| colors.location.clone()),
            palette: palette.map(|colors| colors.value),
            task: configs.task().map(|task| task.value),
            layout: input.layout,
            channels: channels.value,
            spatial,
            scaling: Scaling::new(&scale.mean.value, &scale.std.value),
            only_for_floats: OnlyForFloats::find(&scale.mean, &scale.std),
            frames: options.frames.unwrap_or(Frames::First),
            input_range: input_range.map(|range| range.value),
            read_options,
            settings,
            paths,
        })
    }

    /// Returns which frames or pages of a file are read.
    pub fn frames(&self) -> Frames {
        self.frames
    }

    /// Returns every setting in effect, with its origin.
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// Returns the paths that the texts of [`Self::settings`] may contain: those of the model and of
    /// all configuration files.
    pub(crate) fn paths(&self) -> &[PathBuf] {
        &self.paths
    }

    /// Checks that there is a color for each class, once their number is known.
    ///
    /// # Errors
    ///
    /// Fails with [`Error`](crate::Error) if a palette was given and is too short.
    pub fn check_palette(&self, n_classes: usize) -> Result<()> {
        match (&self.palette, &self.palette_location) {
            (Some(palette), Some(location)) => {
                colors::check(palette, location, n_classes, "of the model")
            }
            _ => Ok(()),
        }
    }

    /// Checks that there is a name for each target of a regression, once their number is known.
    ///
    /// # Errors
    ///
    /// Fails with [`Error`](crate::Error) if names were given and are not as many as the targets.
    pub fn check_targets(&self, n_targets: usize) -> Result<()> {
        let n = self.target.names.len();
        if n == 0 || n == n_targets {
            return Ok(());
        }
        let counted = |n: usize, one: &str, many: &str| match n {
            1 => format!("1 {one}"),
            n => format!("{n} {many}"),
        };
        let names = counted(n, "name is given", "names are given");
        let targets = counted(n_targets, "target", "targets");
        let message = format!("{names}, but the model has {targets}");
        let location = self.targets_location.clone();
        let location = location.unwrap_or(SettingLocation::Option("targets"));
        Err(location.error(message).with_hint("name each target: `targets = NAME,NAME`"))
    }

    /// Returns whether the names of targets are an option, not part of a configuration.
    pub fn has_targets_option(&self) -> bool {
        matches!(self.targets_location, Some(SettingLocation::Option(_)))
    }

    /// Checks that there is a name for each class, once their number is known.
    ///
    /// # Errors
    ///
    /// Fails with [`Error`](crate::Error) if names were given and are not as many as the classes.
    pub fn check_class_names(&self, n_classes: usize) -> Result<()> {
        let (Some(names), Some(location)) =
            (&self.class_names, &self.class_names_location)
        else {
            return Ok(());
        };
        let n = names.len();
        if n == n_classes {
            return Ok(());
        }
        let message =
            format!("{n} names are given, but the model has {n_classes} classes");
        Err(location.error(message).with_hint(if (n, n_classes) == (1, 2) {
            "a model with one output channel has two classes, the second its own"
        } else {
            "give a name for each class with `classes`, one on each line"
        }))
    }
}

/// Returns how files are read, as far as options alone determine it.
fn read_options(options: &Options) -> ReadOptions {
    let default = ReadOptions::default();
    ReadOptions {
        max_pixels: options.max_pixels.unwrap_or(default.max_pixels),
        exif: options.exif.unwrap_or(default.exif),
        ..default
    }
}
