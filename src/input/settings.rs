//! Settings of decoding and preprocessing: their values, and how options and configuration files
//! write them.

use std::fmt;
use std::str::FromStr;

use super::MAX_PIXELS;

/// Most pixels of a size: what two sides of 16 bits make. How many a run allows is checked once
/// every value is settled.
const MOST_PIXELS: u64 = 1 << 32;

/// Declares an enum whose values have names, which configurations and options write.
macro_rules! named_values {
    (
        $(#[$doc:meta])*
        pub enum $type:ident { $($(#[$value_doc:meta])* $value:ident = $name:literal,)+ }
    ) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $type {
            $($(#[$value_doc])* $value,)+
        }

        impl $type {
            /// The name of each value.
            pub const NAMES: &'static [&'static str] = &[$($name),+];
        }

        impl fmt::Display for $type {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(match self { $(Self::$value => $name),+ })
            }
        }

        impl FromStr for $type {
            type Err = String;

            fn from_str(text: &str) -> Result<Self, String> {
                match text {
                    $($name => Ok(Self::$value),)+
                    _ => Err(format!("\"{text}\" is not one of {}", Self::NAMES.join(", "))),
                }
            }
        }
    };
}

/// What a model takes: its image input as the model file declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelInput {
    /// Where the channels are.
    pub layout: Layout,
    /// How many channels.
    pub channels: usize,
    /// Number of rows, where the model fixes it.
    pub height: Option<usize>,
    /// Number of columns, where the model fixes it.
    pub width: Option<usize>,
}

impl ModelInput {
    /// The sizes of its tensor for images of a size, in its own order of axes.
    pub fn sizes(&self, images: usize, height: usize, width: usize) -> Vec<usize> {
        match self.layout {
            Layout::Nchw => vec![images, self.channels, height, width],
            Layout::Nhwc => vec![images, height, width, self.channels],
        }
    }
}

/// A number of columns and rows, written `WIDTHxHEIGHT`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
}

impl Size {
    /// Number of pixels, where it is a number of 64 bits; else the largest of these.
    pub fn pixels(self) -> u64 {
        (self.width as u64).saturating_mul(self.height as u64)
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let size = sides(text).ok_or_else(|| {
            format!("\"{text}\" is not a size; expected WIDTHxHEIGHT, as in 512x256")
        })?;
        if size.pixels() > MOST_PIXELS {
            return Err(format!("{size} has more than {MOST_PIXELS} pixels"));
        }
        Ok(size)
    }
}

/// Two sides that are not 0, whatever their product.
fn sides(text: &str) -> Option<Size> {
    let side = |text: &str| text.trim().parse::<u32>().ok().filter(|side| *side > 0);
    let (width, height) = text.split_once(['x', 'X'])?;
    Some(Size { width: side(width)? as usize, height: side(height)? as usize })
}

/// How an image is brought to another size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resize {
    /// Not at all.
    None,
    /// To this size, whatever the shape was.
    Exact(Size),
    /// The shorter side to this many pixels, the other in proportion (rounded down).
    Short(usize),
    /// The shorter side to `short`, or less where the longer one would become more than
    /// `long`: the rule of Hugging Face's `shortest_edge` with `longest_edge`.
    ShortAtMost {
        /// The shorter side.
        short: usize,
        /// Largest longer side.
        long: usize,
    },
    /// The longer side to this many pixels: Hugging Face's `longest_edge` alone.
    Long(usize),
    /// As large as fits into this size, the shape kept (letterbox).
    Fit(Size),
    /// As large as fits into this size, the shape kept, both sides rounded down: the rule of
    /// Hugging Face's `max_height` with `max_width`.
    Within(Size),
    /// As large as keeps the longer side within `long` and the shorter one within `short`, the
    /// shape kept, sides rounded to the nearest, halves up: the rule of mmcv's `keep_ratio`.
    Bounds {
        /// Largest longer side.
        long: usize,
        /// Largest shorter side.
        short: usize,
    },
    /// As small as covers this size, the shape kept.
    Cover(Size),
    /// Near this size, the shape kept, each side a multiple: the rule of DPT.
    Near {
        /// The size that the sides should be near to.
        size: Size,
        /// What the sides are multiples of.
        multiple: usize,
    },
}

impl fmt::Display for Resize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Exact(size) => size.fmt(f),
            Self::Short(side) => write!(f, "short:{side}"),
            Self::ShortAtMost { short, long } => write!(f, "short:{short},long:{long}"),
            Self::Long(side) => write!(f, "long:{side}"),
            Self::Fit(size) => write!(f, "fit:{size}"),
            Self::Within(size) => write!(f, "within:{size}"),
            Self::Bounds { long, short } => write!(f, "bounds:{long}x{short}"),
            Self::Cover(size) => write!(f, "cover:{size}"),
            Self::Near { size, multiple } => write!(f, "near:{size}/{multiple}"),
        }
    }
}

impl FromStr for Resize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" {
            return Ok(Self::None);
        }
        let unknown = || {
            format!(
                "\"{text}\" is not one of none, WIDTHxHEIGHT (512x256), short:SIDE, \
                 short:SIDE,long:MOST, long:SIDE, fit:WIDTHxHEIGHT, within:WIDTHxHEIGHT, \
                 bounds:LONGxSHORT, cover:WIDTHxHEIGHT, near:WIDTHxHEIGHT/MULTIPLE"
            )
        };
        let Some((rule, rest)) = text.split_once(':') else {
            return match text.parse::<u32>() {
                Ok(side) => Err(format!(
                    "\"{text}\" is one side; expected two, as in {side}x{side}, or \
                     short:{side} for the shorter one"
                )),
                Err(_) if sides(text).is_none() => Err(unknown()),
                Err(_) => text.parse().map(Self::Exact),
            };
        };
        match rule {
            "short" => match rest.split_once(",long:") {
                Some((short, long)) => {
                    Ok(Self::ShortAtMost { short: side(short)?, long: side(long)? })
                }
                None => Ok(Self::Short(side(rest)?)),
            },
            "long" => Ok(Self::Long(side(rest)?)),
            "fit" => rest.parse().map(Self::Fit),
            "within" => rest.parse().map(Self::Within),
            "bounds" => {
                let (long, short) = rest.split_once('x').ok_or_else(unknown)?;
                Ok(Self::Bounds { long: side(long)?, short: side(short)? })
            }
            "cover" => rest.parse().map(Self::Cover),
            "near" => {
                let (size, multiple) = rest.split_once('/').ok_or_else(unknown)?;
                Ok(Self::Near { size: size.parse()?, multiple: side(multiple)? })
            }
            _ => Err(unknown()),
        }
    }
}

fn side(text: &str) -> Result<usize, String> {
    match text.parse::<u16>() {
        Ok(side) if side > 0 => Ok(side.into()),
        _ => Err(format!("\"{text}\" is not a side between 1 and {}", u16::MAX)),
    }
}

/// Which part of the resized image the network sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crop {
    /// All of it.
    None,
    /// This much from the middle; where the image is smaller, black is added around it.
    Center(Size),
}

impl fmt::Display for Crop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Center(size) => size.fmt(f),
        }
    }
}

impl FromStr for Crop {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "none" { Ok(Self::None) } else { text.parse().map(Self::Center) }
    }
}

named_values! {
    /// Where the channels are in the network's input.
    pub enum Layout {
        /// Batch, channels, rows, columns.
        Nchw = "NCHW",
        /// Batch, rows, columns, channels.
        Nhwc = "NHWC",
    }
}

named_values! {
    /// Mean and standard deviation by name; two names stand for the sizes as well.
    pub enum Preset {
        /// The mean and standard deviation that torchvision's models were trained with.
        Imagenet = "imagenet",
        /// Values in 0..1.
        Unit = "unit",
        /// Values in 0..255, as they are in the file.
        Raw = "raw",
        /// Everything that torchvision's `ImageClassification` does by default: the shorter side to
        /// 256, the middle 224 x 224, and `imagenet`.
        TorchvisionClassification = "torchvision-classification",
        /// Everything that torchvision's `SemanticSegmentation` does with its weights: the shorter
        /// side to 520, and `imagenet`.
        TorchvisionSegmentation = "torchvision-segmentation",
    }
}

named_values! {
    /// How values between pixels are found.
    pub enum Interpolation {
        /// The pixel at `floor(i * scale)`; with Pillow the one under the center.
        Nearest = "nearest",
        /// The pixel under the center, at `floor((i + 0.5) * scale)`.
        NearestExact = "nearest-exact",
        /// Linear in both directions.
        Bilinear = "bilinear",
        /// Cubic in both directions.
        Bicubic = "bicubic",
        /// Lanczos' windowed sinc over three lobes.
        Lanczos = "lanczos",
        /// The mean of the pixels that are left out.
        Box = "box",
        /// Hamming's window over one lobe.
        Hamming = "hamming",
    }
}

named_values! {
    /// What the channels of the network's input are.
    pub enum Channels {
        /// Red, green, blue.
        Rgb = "rgb",
        /// Blue, green, red.
        Bgr = "bgr",
        /// Luma: `(19595 R + 38470 G + 7471 B + 32768) / 65536`, ITU-R 601 as Pillow computes it.
        Gray = "gray",
        /// Four bands as the file has them: red, green, blue, alpha, or any others.
        Rgba = "rgba",
    }
}

impl Channels {
    /// How many there are.
    pub fn count(self) -> usize {
        match self {
            Self::Rgb | Self::Bgr => 3,
            Self::Gray => 1,
            Self::Rgba => 4,
        }
    }
}

named_values! {
    /// Whose arithmetic resizes.
    pub enum Resampler {
        /// torchvision with `uint8` tensors.
        Torchvision = "torchvision",
        /// Pillow.
        Pillow = "pillow",
        /// OpenCV.
        Opencv = "opencv",
        /// torchvision with floating-point tensors: nothing is rounded to 8 bits.
        Float = "float",
    }
}

named_values! {
    /// How the offset of a center crop is rounded, and where what lacks is added.
    pub enum CropRule {
        /// Half of the difference, halves to even; what lacks goes first to the far side.
        Torchvision = "torchvision",
        /// Half of the difference, rounded down; what lacks as with torchvision.
        HuggingFace = "huggingface",
        /// As transformers before version 5: rounded down; what lacks goes first to the near side.
        HuggingFace4 = "huggingface4",
    }
}

named_values! {
    /// Whether EXIF orientation is applied.
    pub enum Exif {
        /// The image is turned the right way up.
        Apply = "apply",
        /// Pixels stay as they lie in the file.
        Ignore = "ignore",
    }
}

named_values! {
    /// What becomes of transparency.
    pub enum Alpha {
        /// It is dropped, the color below it shows.
        Drop = "drop",
        /// The image is laid on white.
        White = "white",
    }
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

named_values! {
    /// Where it is added.
    pub enum PadSide {
        /// At the right and the bottom.
        End = "end",
        /// Half on each side, the larger half at the end (the rule of a letterbox).
        Center = "center",
    }
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

/// What is wanted of an image file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReadOptions {
    /// Most pixels that an image may have.
    pub max_pixels: u64,
    /// Whether EXIF orientation is applied.
    pub exif: Exif,
    /// What the model takes: with [`Channels::Rgba`] four bands as they are, else colors.
    pub channels: Channels,
    /// What becomes of transparency where colors are wanted.
    pub alpha: Alpha,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            max_pixels: MAX_PIXELS,
            exif: Exif::Apply,
            channels: Channels::Rgb,
            alpha: Alpha::Drop,
        }
    }
}
