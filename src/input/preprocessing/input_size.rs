//! The size that the model's input fixes, and the sizes that resize, crop and padding give.

use std::fmt;

use super::partial_config::{Resolved, SettingLocation};
use crate::error::{Error, Result};
use crate::input::settings::{Crop, Pad, Resize, Size};

/// Origin of values that the model file fixes.
pub const MODEL_INPUT: &str = "the model's input";

/// Sides that the model's input fixes.
#[derive(Debug, Clone, Copy)]
pub(super) struct FixedInputSize {
    /// Number of columns, if it is fixed.
    pub(super) width: Option<usize>,
    /// Number of rows, if it is fixed.
    pub(super) height: Option<usize>,
}

impl FixedInputSize {
    /// Returns the size if both sides are fixed.
    pub(super) fn both_sides(self) -> Option<Size> {
        self.width.zip(self.height).map(|(width, height)| Size { width, height })
    }

    /// Refuses settings with which images do not, or not always, come out at the fixed size.
    pub(super) fn check(
        self,
        resize: &Resolved<Resize>,
        crop: &Resolved<Crop>,
        pad: &Resolved<Pad>,
    ) -> Result<()> {
        let before_pad = match (crop.value, resize.value) {
            (Crop::Center(size), _) => Some((&crop.location, size)),
            (Crop::None, Resize::Exact(size)) => Some((&resize.location, size)),
            (Crop::None, _) => None,
        };
        let (location, size) = match (pad.value, before_pad) {
            (Pad::To(to), Some((location, size)))
                if size.width > to.width || size.height > to.height =>
            {
                let message = format!("{size} cannot be padded to {to}");
                return Err(location
                    .error(message)
                    .with_hint("give a smaller size here, or a larger one to pad to"));
            }
            (Pad::To(size), _) => (&pad.location, size),
            (Pad::None, Some((location, size))) => (location, size),
            (Pad::Multiple(multiple), Some((_, size))) => {
                let side = |side: usize| side.next_multiple_of(multiple.max(1));
                let padded = Size { width: side(size.width), height: side(size.height) };
                (&pad.location, padded)
            }
            (_, None) if resize.value == Resize::None => return Ok(()),
            (_, None) => return self.check_open(resize),
        };
        if self.takes(size) {
            return Ok(());
        }
        let message = format!("gives {size}, but the model's input is fixed at {self}");
        Err(location.error(message).with_hint(self.stretch_hint(resize, crop, pad)))
    }

    /// Refuses a resize that leaves a side to the image if the size is fixed.
    fn check_open(self, resize: &Resolved<Resize>) -> Result<()> {
        let Some(size) = self.both_sides() else { return Ok(()) };
        let side = match resize.value {
            Resize::Short(_) | Resize::ShortAtMost { .. } => "the longer side",
            Resize::Long(_) => "the shorter side",
            _ => "a side",
        };
        let message = format!(
            "{} leaves {side} to the image, but the model's input is fixed at {size}",
            resize.value
        );
        Err(resize
            .error(message)
            .with_hint(format!("add `crop = {size}`, or use `resize = {size}`")))
    }

    fn takes(self, size: Size) -> bool {
        self.width.is_none_or(|width| width == size.width)
            && self.height.is_none_or(|height| height == size.height)
    }

    /// Returns how images are stretched to the model's size. An option can be left out; what a
    /// file gives has to be replaced.
    fn stretch_hint(
        self,
        resize: &Resolved<Resize>,
        crop: &Resolved<Crop>,
        pad: &Resolved<Pad>,
    ) -> String {
        let size = match self.both_sides() {
            Some(size) => size.to_string(),
            None => format!("WIDTHxHEIGHT with {self}"),
        };
        if pad.value != Pad::None && is_from_file(pad) {
            format!(
                "write resize = \"{size}\", crop = \"none\" and pad = \"none\" into a TOML file \
                 and name it with `config`: images are then stretched to the model's size"
            )
        } else if resize.value != Resize::None && is_from_file(resize)
            || crop.value != Crop::None && is_from_file(crop)
        {
            format!(
                "use `resize = {size}` and `crop = none`: images are then stretched to the \
                 model's size"
            )
        } else {
            "leave resize, crop and padding out: images are then stretched to the model's size"
                .to_owned()
        }
    }

    /// Refuses an image that comes out at another size.
    pub(super) fn check_image(self, size: Size) -> Result<()> {
        if self.takes(size) {
            return Ok(());
        }
        let message = format!("takes {self}, the image comes out at {size}");
        Err(Error::configuration(MODEL_INPUT, message).with_hint(
            match self.both_sides() {
                Some(size) => format!("stretch images to that size: `resize = {size}`"),
                None => "stretch images to one size: `resize = WIDTHxHEIGHT`".to_owned(),
            },
        ))
    }
}

/// Returns whether a value is from a configuration file, or from a preset.
fn is_from_file<T>(resolved: &Resolved<T>) -> bool {
    match resolved.location {
        SettingLocation::Option(name) => name == "preset",
        SettingLocation::File(_) => resolved.origin != MODEL_INPUT,
    }
}

/// Refuses sizes with more pixels than any image may have.
pub(super) fn check_sizes(
    resize: &Resolved<Resize>,
    crop: &Resolved<Crop>,
    pad: &Resolved<Pad>,
    max_pixels: u64,
) -> Result<()> {
    let resized = match resize.value {
        Resize::Exact(size) | Resize::Cover(size) => Some((size, &resize.location)),
        _ => None,
    };
    let cropped = match crop.value {
        Crop::Center(size) => Some((size, &crop.location)),
        Crop::None => None,
    };
    let padded = match pad.value {
        Pad::To(size) => Some((size, &pad.location)),
        Pad::None | Pad::Multiple(_) => None,
    };
    let mut sizes = [resized, cropped, padded].into_iter().flatten();
    match sizes.find(|(size, _)| size.pixels() > max_pixels) {
        None => Ok(()),
        Some((size, location)) => {
            let message = format!("{size} has more than {max_pixels} pixels");
            Err(location.error(message).with_hint(
                "give a smaller size with `resize` and `crop`, or raise `max_pixels`",
            ))
        }
    }
}

impl fmt::Display for FixedInputSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.width, self.height) {
            (Some(width), Some(height)) => Size { width, height }.fmt(f),
            (Some(width), None) => write!(f, "a width of {width}"),
            (None, Some(height)) => write!(f, "a height of {height}"),
            (None, None) => f.write_str("any size"),
        }
    }
}
