//! The size that the model fixes, and what resize, crop and padding make of an image for it.

use std::fmt;

use super::partial_config::Resolved;
use super::spatial_transform::MODEL_INPUT;
use crate::error::{Error, Result};
use crate::input::settings::Pad;
use crate::input::settings::{Crop, Resize, Size};

/// The size that the model's input is fixed at, as far as it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct FixedInputSize {
    /// Columns, where they are fixed.
    pub(super) width: Option<usize>,
    /// Rows, where they are fixed.
    pub(super) height: Option<usize>,
}

impl FixedInputSize {
    /// The size, where both sides are fixed.
    pub(super) fn exactly(self) -> Option<Size> {
        self.width.zip(self.height).map(|(width, height)| Size { width, height })
    }

    /// Refuses steps that cannot, or need not, come out at the model's size.
    pub(super) fn check(
        self,
        resize: &Resolved<Resize>,
        crop: &Resolved<Crop>,
        pad: &Resolved<Pad>,
    ) -> Result<()> {
        let before_pad = match (crop.value, resize.value) {
            (Crop::Center(size), _) => Some((&crop.place, size)),
            (Crop::None, Resize::Exact(size)) => Some((&resize.place, size)),
            (Crop::None, _) => None,
        };
        let check_size = |place: &str, size| {
            self.check_size(place, size, || self.way_out(resize, crop, pad))
        };
        match (pad.value, before_pad) {
            (Pad::To(to), Some((place, size)))
                if size.width > to.width || size.height > to.height =>
            {
                let message = format!("{size} cannot be padded to {to}");
                Err(Error::setting(place, message)
                    .with_hint("give a smaller size here, or a larger one to pad to"))
            }
            (Pad::To(size), _) => check_size(&pad.place, size),
            (Pad::None, Some((place, size))) => check_size(place, size),
            (Pad::Multiple(multiple), Some((_, size))) => {
                let side = |side: usize| side.next_multiple_of(multiple.max(1));
                let size = Size { width: side(size.width), height: side(size.height) };
                check_size(&pad.place, size)
            }
            (_, None) if resize.value == Resize::None => Ok(()),
            (_, None) => self.check_open(resize),
        }
    }

    /// A resize that leaves a side to the image suits no fixed size.
    fn check_open(self, resize: &Resolved<Resize>) -> Result<()> {
        let Some(size) = self.exactly() else { return Ok(()) };
        let side = match resize.value {
            Resize::Short(_) | Resize::ShortAtMost { .. } => "the longer side",
            Resize::Long(_) => "the shorter side",
            _ => "a side",
        };
        let message = format!(
            "{} leaves {side} to the image, but the model's input is fixed at {size}",
            resize.value
        );
        Err(Error::setting(&resize.place, message)
            .with_hint(format!("add --crop {size}, or say --resize {size}")))
    }

    fn takes(self, size: Size) -> bool {
        self.width.is_none_or(|width| width == size.width)
            && self.height.is_none_or(|height| height == size.height)
    }

    fn check_size(
        self,
        place: &str,
        size: Size,
        way_out: impl Fn() -> String,
    ) -> Result<()> {
        if self.takes(size) {
            return Ok(());
        }
        let message = format!("gives {size}, but the model's input is fixed at {self}");
        Err(Error::setting(place, message).with_hint(way_out()))
    }

    /// How images are stretched to the model's size: what flags said can be left out, while
    /// what a file says stands until something else is said.
    fn way_out(
        self,
        resize: &Resolved<Resize>,
        crop: &Resolved<Crop>,
        pad: &Resolved<Pad>,
    ) -> String {
        let is_of_file = |is_none: bool, origin: &str| {
            !is_none && !origin.starts_with("--") && origin != MODEL_INPUT
        };
        let is_padded = is_of_file(pad.value == Pad::None, &pad.origin);
        let is_said = is_of_file(resize.value == Resize::None, &resize.origin)
            || is_of_file(crop.value == Crop::None, &crop.origin);
        let size = match self.exactly() {
            Some(size) => size.to_string(),
            None => format!("WIDTHxHEIGHT with {self}"),
        };
        if is_padded {
            format!(
                "say resize = \"{size}\", crop = \"none\" and pad = \"none\" in a TOML file \
                 that --config names, and images are stretched to the model's size"
            )
        } else if is_said {
            format!(
                "say --resize {size} --crop none, and images are stretched to the model's size"
            )
        } else {
            "leave resize, crop and padding out, and images are stretched to the model's size"
                .to_owned()
        }
    }

    /// Refuses an image that comes out at another size than the model's.
    pub(super) fn check_image(self, size: Size) -> Result<()> {
        if self.takes(size) {
            return Ok(());
        }
        let message = format!("takes {self}, the image comes out at {size}");
        Err(Error::setting(MODEL_INPUT, message).with_hint(match self.exactly() {
            Some(size) => format!("say --resize {size} to stretch images to that size"),
            None => "say --resize WIDTHxHEIGHT to stretch images to one size".to_owned(),
        }))
    }
}

/// Refuses sizes that would be too large for any image.
pub(super) fn check_sizes(
    resize: &Resolved<Resize>,
    crop: &Resolved<Crop>,
    pad: &Resolved<Pad>,
    most: u64,
) -> Result<()> {
    let resized = match resize.value {
        Resize::Exact(size) | Resize::Cover(size) => Some((size, &resize.place)),
        _ => None,
    };
    let cropped = match crop.value {
        Crop::Center(size) => Some((size, &crop.place)),
        Crop::None => None,
    };
    let padded = match pad.value {
        Pad::To(size) => Some((size, &pad.place)),
        Pad::None | Pad::Multiple(_) => None,
    };
    let mut sizes = [resized, cropped, padded].into_iter().flatten();
    match sizes.find(|(size, _)| size.pixels() > most) {
        None => Ok(()),
        Some((size, place)) => {
            Err(Error::setting(place, format!("{size} has more than {most} pixels"))
                .with_hint(
                    "say a smaller size with --resize and --crop, or raise --max-pixels",
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
