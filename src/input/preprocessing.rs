//! Preprocessing: how an image becomes the input of a network.
//!
//! Users read about the settings and their sources in [`guide::sidecar`](crate::guide::sidecar).
//!
//! [`Preprocessing::resolve`] settles every value once, before the first image;
//! [`Preprocessing::apply`] then does the same to each image. What a model does not take is an
//! error at the earliest of the two that can know.

mod apply;
mod bands;
mod classes;
mod colors;
mod geometry;
mod input_size;
mod interpolate;
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

use std::path::Path;

pub use self::geometry::Geometry;
pub use self::partial_config::Options;
pub use self::spatial_transform::MODEL_INPUT;
pub use super::settings::{
    Alpha, Channels, Crop, CropRule, Exif, Fill, Interpolation, Layout, ModelInput, Pad,
    PadSide, Preset, Resampler, Resize, Size,
};

use self::normalize::Scaling;
use self::partial_config::{Resolved, choose};
use self::sources::{ConfigSources, IgnoredConfig};
use self::spatial_transform::SpatialTransform;
use super::settings::ReadOptions;
use crate::error::Result;
use crate::palette::Palette;
use crate::task::Task;

/// How images become the input of a network, every value settled.
#[derive(Debug, Clone)]
pub struct Preprocessing {
    /// The names of the classes by index, where they are known.
    pub class_names: Option<Vec<String>>,
    /// The colors of the classes, where they are known.
    pub palette: Option<Palette>,
    /// What the output is about, where it was said.
    pub task: Option<&'static Task>,
    layout: Layout,
    channels: Channels,
    spatial: SpatialTransform,
    scaling: Scaling,
    /// Why images of 8 bits cannot be scaled like this.
    unfit_for_levels: Option<scale::Unfit>,
    reading: ReadOptions,
    settings: Vec<Setting>,
}

/// One value that preprocessing goes by, and where it came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// Its key in a configuration; its flag is the same after `--`. `left out` stands for a
    /// configuration that could not be honored and did not have to be.
    pub key: &'static str,
    /// The value, as a flag would say it.
    pub value: String,
    /// A configuration file, a flag, `default` or `the model's input`.
    pub origin: String,
}

impl Setting {
    fn new(key: &'static str, value: String, origin: &str) -> Self {
        Self { key, value, origin: origin.to_owned() }
    }
}

/// An image as the network takes it.
#[derive(Debug, Clone, PartialEq)]
pub struct NetworkInput {
    /// The numbers, channels first or last as the model's layout says.
    pub values: Vec<f32>,
    /// Number of rows.
    pub height: usize,
    /// Number of columns.
    pub width: usize,
    /// How the image's pixels correspond to these.
    pub geometry: Geometry,
}

impl Preprocessing {
    /// Settles every value: from what the model file says of itself, from configurations
    /// beside the model, from the file of `--config`, and from the flags, later ones winning
    /// key by key.
    ///
    /// # Errors
    ///
    /// A file cannot be read or holds what is not a setting, a value cannot be used, values
    /// contradict each other or what the model takes, or nothing says how pixel values are
    /// scaled.
    pub fn resolve(model: &Path, input: &ModelInput, options: &Options) -> Result<Self> {
        let ConfigSources { layers, left_out } = sources::gather(model, options)?;
        let channels = scale::channels(&layers, input)?;
        let (mean, std) = scale::mean_and_std(&layers, channels.value, model, &left_out)?;
        let alpha = choose(&layers, "alpha", |layer| layer.alpha);
        let reading = reading(options, channels.value, alpha.as_ref());
        let spatial = SpatialTransform::plan(&layers, input, reading.max_pixels)?;
        let task = choose(&layers, "task", |layer| layer.task);
        let classes = choose(&layers, "classes", |layer| layer.classes.clone());
        let palette = colors::settle(&layers, classes.as_ref())?;

        let mut settings = Vec::new();
        let mut list = |key, value: String, origin: &str| {
            settings.push(Setting::new(key, value, origin));
        };
        if let Some(task) = &task {
            list("task", task.value.to_string(), &task.origin);
        }
        list("layout", input.layout.to_string(), MODEL_INPUT);
        list("channels", channels.value.to_string(), &channels.origin);
        let said = |is: bool, flag| if is { flag } else { "default" };
        let exif = said(options.exif.is_some(), "--exif");
        list("exif", reading.exif.to_string(), exif);
        let max_pixels = said(options.max_pixels.is_some(), "--max-pixels");
        list("max_pixels", reading.max_pixels.to_string(), max_pixels);
        if let Some(alpha) = &alpha {
            list("alpha", alpha.value.to_string(), &alpha.origin);
        }
        for (key, value, origin) in spatial.settings() {
            list(key, value, origin);
        }
        list("mean", scale::listed(&mean.value), &mean.origin);
        list("std", scale::listed(&std.value), &std.origin);
        if let Some(names) = &classes {
            list("classes", format!("{} names", names.value.len()), &names.origin);
        }
        if let Some(colors) = &palette {
            list("palette", colors.value.to_string(), &colors.origin);
        }
        for IgnoredConfig { error, why } in &left_out {
            list("left out", error.to_string(), why);
        }
        Ok(Self {
            class_names: classes.map(|names| names.value),
            palette: palette.map(|colors| colors.value),
            task: task.map(|task| task.value),
            layout: input.layout,
            channels: channels.value,
            spatial,
            scaling: Scaling::new(&mean.value, &std.value),
            unfit_for_levels: scale::Unfit::of(&mean, &std),
            reading,
            settings,
        })
    }

    /// Every value in effect and where it came from.
    pub fn settings(&self) -> &[Setting] {
        &self.settings
    }

    /// Whether there is a color for each class, once their number is known.
    ///
    /// # Errors
    ///
    /// [`Error::Setting`](crate::Error::Setting) where a palette was given and is too short.
    pub fn check_palette(&self, n_classes: usize) -> Result<()> {
        let setting = self.settings.iter().find(|setting| setting.key == "palette");
        match (&self.palette, setting) {
            (Some(palette), Some(setting)) => {
                colors::check(palette, &setting.origin, n_classes, "of the model")
            }
            _ => Ok(()),
        }
    }
}

fn reading(
    options: &Options,
    channels: Channels,
    alpha: Option<&Resolved<Alpha>>,
) -> ReadOptions {
    let default = ReadOptions::default();
    ReadOptions {
        max_pixels: options.max_pixels.unwrap_or(default.max_pixels),
        exif: options.exif.unwrap_or(default.exif),
        channels,
        alpha: alpha.map_or(default.alpha, |alpha| alpha.value),
    }
}
