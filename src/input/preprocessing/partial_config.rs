//! The table of preprocessing settings, and the settings that one source gives.

use std::collections::BTreeMap;
use std::path::PathBuf;

use toml::Value;

use super::from_toml::FromToml;
use crate::error::{Error, Result};
use crate::head::HeadChoice;
use crate::input::settings::{
    Alpha, BandSelection, Channels, Crop, CropRule, Exif, Fill, Frames, InputBits,
    InputRange, Interpolation, Pad, PadSide, Preset, Resampler, Resize,
};
use crate::palette::Palette;
use crate::task::{TargetSettings, Task};

/// Largest `pad_to_multiple`, the same as in a sidecar.
const LARGEST_MULTIPLE: usize = u16::MAX as usize;

/// Declares the settings that a sidecar and [`Options`] can give: key, type, default and
/// documentation.
///
/// A row becomes a field of [`Options`], a field of [`PartialConfig`], a key of the sidecar, and
/// a function of [`ConfigStack`] that finds the value in effect (`accessor`).
macro_rules! settings {
    ($($(#[$doc:meta])* $key:ident: $type:ty = $kind:ident $(($default:expr))?,)+) => {
        /// Preprocessing options. They win over configuration files; `None` leaves a setting to
        /// the files and to its default.
        #[derive(Debug, Clone, Default, PartialEq)]
        pub struct Options {
            /// Configuration file that is read after the files beside the model: a sidecar, or a
            /// JSON file of another library.
            pub config: Option<PathBuf>,
            /// Pads both sides to a multiple of this number (1 to 65,535) by reflection, at the
            /// right and the bottom. Sets `pad`, `pad_side` and `fill`.
            pub pad_to_multiple: Option<usize>,
            /// Treatment of EXIF orientation.
            pub exif: Option<Exif>,
            /// Frames or pages of a file that are read.
            pub frames: Option<Frames>,
            /// Largest number of pixels of an image, before and after resizing.
            pub max_pixels: Option<u64>,
            /// Metadata of the model file, as `Model::metadata` returns them. Unknown entries
            /// are ignored.
            pub metadata: Vec<(String, String)>,
            $($(#[$doc])* pub $key: Option<$type>,)+
        }

        /// The settings that one source gives. Later sources win key by key.
        #[derive(Debug, Clone, Default)]
        pub(super) struct PartialConfig {
            /// The configuration file as given; `None` for options.
            pub(super) file: Option<String>,
            /// Provenance of keys for which the file or option is not precise enough.
            pub(super) provenance: BTreeMap<&'static str, Provenance>,
            $($(#[$doc])* pub(super) $key: Option<$type>,)+
        }

        impl PartialConfig {
            /// Every key of a sidecar.
            pub(super) const KEYS: &'static [&'static str] = &[$(stringify!($key)),+];

            /// Sets a key from a TOML value; returns `false` if there is no such key. The error
            /// is a sentence.
            pub(super) fn set(&mut self, key: &str, value: &Value) -> Result<bool, String> {
                match key {
                    $(stringify!($key) => self.$key = Some(FromToml::from_toml(value)?),)+
                    _ => return Ok(false),
                }
                Ok(true)
            }

            /// Takes the keys that are not set from another configuration.
            pub(super) fn fill_from(&mut self, other: &Self, provenance: &Provenance) {
                $(if self.$key.is_none() && other.$key.is_some() {
                    self.$key.clone_from(&other.$key);
                    self.provenance.insert(stringify!($key), provenance.clone());
                })+
            }

            fn copy_options(options: &Options) -> Self {
                Self { $($key: options.$key.clone(),)+ ..Self::default() }
            }

            /// Returns the default of every key as text; `None` for a key without one.
            #[cfg(test)]
            pub(super) fn defaults() -> Vec<(&'static str, Option<String>)> {
                let mut defaults = Vec::new();
                $({
                    let default: Option<String> = None;
                    $(let default = default.or_else(|| Some($default.to_string()));)?
                    defaults.push((stringify!($key), default));
                })+
                defaults
            }
        }

        impl ConfigStack {
            $(accessor! { $key: $type = $kind $(($default))? })+
        }
    };
}

/// Defines the function of [`ConfigStack`] that finds the value of a setting in effect. The kind
/// is the last part of a row of the table:
///
/// - `optional`: the setting has no default.
/// - `default(value)`: the value applies if no source gives another.
/// - `implied_or(value)`: another setting or the model may imply a value, if no source gives one.
/// - `scale`: [`Scale`](super::scale::Scale) resolves the setting together with others, so it
///   has no function.
macro_rules! accessor {
    ($key:ident: $type:ty = optional) => {
        /// Returns the value of the last source that gives this setting.
        pub(super) fn $key(&self) -> Option<Resolved<$type>> {
            self.last(stringify!($key), |config| config.$key.clone())
        }
    };
    ($key:ident: $type:ty = default($default:expr)) => {
        /// Returns the value of the last source that gives this setting, or the default.
        pub(super) fn $key(&self) -> Resolved<$type> {
            let explicit = self.last(stringify!($key), |config| config.$key.clone());
            explicit.unwrap_or_else(|| Resolved::default(stringify!($key), $default))
        }
    };
    ($key:ident: $type:ty = implied_or($default:expr)) => {
        /// Returns the value of the last source that gives this setting, or the implied value, or
        /// the default.
        pub(super) fn $key(
            &self,
            implied: impl FnOnce() -> Option<Resolved<$type>>,
        ) -> Resolved<$type> {
            let explicit = self.last(stringify!($key), |config| config.$key.clone());
            explicit
                .or_else(implied)
                .unwrap_or_else(|| Resolved::default(stringify!($key), $default))
        }
    };
    ($key:ident: $type:ty = scale) => {};
}

settings! {
    /// Meaning of the model's output.
    task: &'static Task = optional,
    /// Outputs with their roles, by role.
    heads: Vec<HeadChoice> = optional,
    /// Unit of the targets of a regression, and the conversion of the network's values.
    target: TargetSettings = optional,
    /// Names of the targets of a regression.
    targets: Vec<String> = optional,
    /// Mean and standard deviation by name; some presets also set sizes.
    preset: Preset = scale,
    /// Channels of the model's input.
    channels: Channels = implied_or(Channels::Rgb),
    /// Bands of the image that become channels. Without it, these are all bands, or the colors.
    bands: BandSelection = optional,
    /// Range of pixel values that becomes 0 to 1. Without it, integers reach from 0 to the largest
    /// one of their bits, and floating-point values are not scaled.
    input_range: InputRange = scale,
    /// Number of bits that pixel values use in a file that stores more: another form of
    /// `input_range`.
    bits: InputBits = scale,
    /// Mean that is subtracted: one number, or one for each channel. For 8-bit images it refers
    /// to values in 0..1, for floating-point images to the values themselves.
    mean: Vec<f32> = scale,
    /// Standard deviation, the divisor after subtracting the mean; same form as `mean`.
    std: Vec<f32> = scale,
    /// Rule for the size after resizing.
    resize: Resize = implied_or(Resize::None),
    /// Interpolation of the resize.
    interpolation: Interpolation = default(Interpolation::Bilinear),
    /// Widens the filter when an image is made smaller.
    antialias: bool = implied_or(true),
    /// Library whose arithmetic resizes.
    resampler: Resampler = default(Resampler::Torchvision),
    /// Part of the resized image that the network sees.
    crop: Crop = default(Crop::None),
    /// Rounding of the crop.
    crop_rule: CropRule = default(CropRule::Torchvision),
    /// Treatment of transparency.
    alpha: Alpha = default(Alpha::Drop),
    /// Size after padding.
    pad: Pad = default(Pad::None),
    /// Sides that are padded.
    pad_side: PadSide = default(PadSide::End),
    /// Values of the padding.
    fill: Fill = default(Fill::Zero),
    /// Reads 0 in label maps as "no label", and any other id as one more than its class.
    reduce_zero_label: bool = optional,
    /// Names of the classes by index.
    classes: Vec<String> = optional,
    /// Colors of the classes by index.
    palette: Palette = optional,
}

/// Provenance of a value.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Provenance {
    /// Source as it is listed: `streets.toml`, `` `mean` `` (an option), `default`.
    pub(super) origin: String,
    /// Location that an error names.
    pub(super) location: SettingLocation,
}

/// Location of a value, as an error names it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum SettingLocation {
    /// An option, by its name in snake case.
    Option(&'static str),
    /// A file with a key (`streets.toml: mean`), or a property of the model.
    File(String),
}

impl SettingLocation {
    /// Creates an error about the value at this location.
    pub(super) fn error(&self, message: impl Into<String>) -> Error {
        match self {
            Self::Option(name) => Error::setting(*name, message),
            Self::File(location) => Error::configuration(location, message),
        }
    }
}

impl PartialConfig {
    /// Creates an empty configuration of a file, named as it was given.
    pub(super) fn of_file(file: impl Into<String>) -> Self {
        Self { file: Some(file.into()), ..Self::default() }
    }

    /// Returns the settings that the options give.
    pub(super) fn of_options(options: &Options) -> Result<Self> {
        let mut config = Self::copy_options(options);
        if let Some(multiple) = options.pad_to_multiple {
            if !(1..=LARGEST_MULTIPLE).contains(&multiple) {
                let message =
                    format!("{multiple} is not between 1 and {LARGEST_MULTIPLE}");
                return Err(Error::setting("pad_to_multiple", message)
                    .with_hint("give what the network's sides must be a multiple of"));
            }
            config.pad = Some(Pad::Multiple(multiple));
            config.pad_side = Some(PadSide::End);
            config.fill = Some(Fill::Reflect);
            for key in ["pad", "pad_side", "fill"] {
                config.provenance.insert(key, Provenance::of_option("pad_to_multiple"));
            }
        }
        Ok(config)
    }

    /// Sets the provenance of a key of a file.
    pub(super) fn set_provenance(
        &mut self,
        key: &'static str,
        origin: impl Into<String>,
        location: impl Into<String>,
    ) {
        let location = SettingLocation::File(location.into());
        self.provenance.insert(key, Provenance { origin: origin.into(), location });
    }

    /// Returns the provenance of a key.
    pub(super) fn provenance(&self, key: &'static str) -> Provenance {
        match (self.provenance.get(key), &self.file) {
            (Some(provenance), _) => provenance.clone(),
            (None, Some(file)) => Provenance {
                origin: file.clone(),
                location: SettingLocation::File(format!("{file}: {key}")),
            },
            (None, None) => Provenance::of_option(key),
        }
    }

    /// Returns whether this source determines the scale of pixel values completely.
    pub(super) fn gives_scale(&self) -> bool {
        self.preset.is_some() || (self.mean.is_some() && self.std.is_some())
    }
}

impl Provenance {
    fn of_option(name: &'static str) -> Self {
        Self { origin: format!("`{name}`"), location: SettingLocation::Option(name) }
    }
}

/// The settings of every source, lowest precedence first.
#[derive(Debug, Default)]
pub(super) struct ConfigStack(pub(super) Vec<PartialConfig>);

impl ConfigStack {
    fn last<T>(
        &self,
        key: &'static str,
        value: impl Fn(&PartialConfig) -> Option<T>,
    ) -> Option<Resolved<T>> {
        let mut configs = self.0.iter().rev();
        configs.find_map(|config| Some(Resolved::explicit(config, key, value(config)?)))
    }
}

/// Origin of a value that no source gives.
const DEFAULT: &str = "default";

/// A value in effect, with its provenance.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Resolved<T> {
    pub(super) key: &'static str,
    pub(super) value: T,
    pub(super) origin: String,
    pub(super) location: SettingLocation,
}

impl<T> Resolved<T> {
    /// Returns a value that a source gives.
    pub(super) fn explicit(config: &PartialConfig, key: &'static str, value: T) -> Self {
        let Provenance { origin, location } = config.provenance(key);
        Self { key, value, origin, location }
    }

    /// Returns a value that no source gives.
    pub(super) fn default(key: &'static str, value: T) -> Self {
        Self::implied(key, value, DEFAULT)
    }

    /// Returns a value that follows from something else, which `origin` names.
    pub(super) fn implied(key: &'static str, value: T, origin: &str) -> Self {
        let location = match origin {
            DEFAULT => SettingLocation::Option(key),
            origin => SettingLocation::File(origin.to_owned()),
        };
        Self { key, value, origin: origin.to_owned(), location }
    }

    /// Returns `true` if a source gives the value or something implies it.
    pub(super) fn is_chosen(&self) -> bool {
        self.origin != DEFAULT || self.location != SettingLocation::Option(self.key)
    }

    /// Creates an error about this value.
    pub(super) fn error(&self, message: impl Into<String>) -> Error {
        self.location.error(message)
    }
}
