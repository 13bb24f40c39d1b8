//! Settings that configurations of other libraries bring with them: whose arithmetic, which
//! rounding, what is added around an image.

use std::fmt;
use std::str::FromStr;

use super::settings::{Size, named};

/// Whose arithmetic resizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resampler {
    /// torchvision with `uint8` tensors.
    Torchvision,
    /// Pillow.
    Pillow,
    /// OpenCV.
    Opencv,
    /// torchvision with floating-point tensors: nothing is rounded to 8 bits.
    Float,
}

/// How the offset of a center crop is rounded, and where what lacks is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CropRule {
    /// Half of the difference, halves to even; what lacks goes first to the far side.
    Torchvision,
    /// Half of the difference, rounded down; what lacks as with torchvision.
    HuggingFace,
    /// As transformers before version 5: rounded down; what lacks goes first to the near side.
    HuggingFace4,
}

/// Whether EXIF orientation is applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exif {
    /// The image is turned the right way up.
    Apply,
    /// Pixels stay as they lie in the file.
    Ignore,
}

/// What becomes of transparency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alpha {
    /// It is dropped, the color below it shows.
    Drop,
    /// The image is laid on white.
    White,
}

/// How much is added after the crop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pad {
    /// Nothing.
    None,
    /// Up to this size.
    To(Size),
    /// Up to the next multiple of this number of pixels, on both sides.
    Multiple(usize),
}

/// Where it is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PadSide {
    /// At the right and the bottom.
    End,
    /// Half on each side, the larger half at the end (the rule of a letterbox).
    Center,
}

/// What it is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// Zeros in the network's input.
    Zero,
    /// The image, reflected at its border without repeating the border itself; where it is
    /// too small for that, its border's value.
    Reflect,
    /// A color, before the mean is subtracted. It also stands where a crop lacks something,
    /// which is black otherwise.
    Color([u8; 3]),
}

named!(Resampler: "torchvision" = Torchvision, "pillow" = Pillow, "opencv" = Opencv, "float" = Float);
named!(CropRule: "torchvision" = Torchvision, "huggingface" = HuggingFace, "huggingface4" = HuggingFace4);
named!(Exif: "apply" = Apply, "ignore" = Ignore);
named!(Alpha: "drop" = Drop, "white" = White);
named!(PadSide: "end" = End, "center" = Center);

impl fmt::Display for Pad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::To(size) => size.fmt(f),
            Self::Multiple(multiple) => write!(f, "multiple:{multiple}"),
        }
    }
}

impl FromStr for Pad {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::None);
        }
        let Some(multiple) = text.strip_prefix("multiple:") else {
            return text.parse().map(Self::To);
        };
        match multiple.parse::<u16>() {
            Ok(multiple) if multiple > 0 => Ok(Self::Multiple(multiple.into())),
            _ => Err(format!("\"{multiple}\" is not between 1 and {}", u16::MAX)),
        }
    }
}

impl fmt::Display for Fill {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zero => f.write_str("zero"),
            Self::Reflect => f.write_str("reflect"),
            Self::Color([red, green, blue]) => write!(f, "{red},{green},{blue}"),
        }
    }
}

impl FromStr for Fill {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "zero" => return Ok(Self::Zero),
            "reflect" => return Ok(Self::Reflect),
            _ => {}
        }
        let parts: Vec<u8> =
            text.split(',').filter_map(|part| part.trim().parse().ok()).collect();
        match parts.as_slice() {
            [red, green, blue] if text.matches(',').count() == 2 => {
                Ok(Self::Color([*red, *green, *blue]))
            }
            _ => Err(format!(
                "\"{text}\" is not one of zero, reflect, RED,GREEN,BLUE (0 to 255)"
            )),
        }
    }
}
