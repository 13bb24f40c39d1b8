//! What can be said about preprocessing, by flags and by configuration files, and how it is
//! written.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use super::steps::Exif;

/// Most pixels of a size: what two sides of 16 bits make. How many a run allows is checked once
/// every value is settled.
const MOST_PIXELS: u64 = 1 << 32;

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
    pub task: Option<Task>,
    /// What the model file says about itself, by name, as `Model::metadata` gives it; what is
    /// not known is left alone.
    pub metadata: Vec<(String, String)>,
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

/// Where the channels are in the network's input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// Batch, channels, rows, columns.
    Nchw,
    /// Batch, rows, columns, channels.
    Nhwc,
}

/// What the model's output is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// One class an image.
    Classification,
    /// One class a pixel.
    Segmentation,
}

/// Mean and standard deviation by name; two names stand for the sizes as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Preset {
    /// The mean and standard deviation that torchvision's models were trained with.
    Imagenet,
    /// Values in 0..1.
    Unit,
    /// Values in 0..255, as they are in the file.
    Raw,
    /// Everything that torchvision's `ImageClassification` does by default: the shorter side to
    /// 256, the middle 224 x 224, and `imagenet`.
    TorchvisionClassification,
    /// Everything that torchvision's `SemanticSegmentation` does with its weights: the shorter
    /// side to 520, and `imagenet`.
    TorchvisionSegmentation,
}

/// How values between pixels are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Interpolation {
    /// The pixel at `floor(i * scale)`; with Pillow the one under the center.
    Nearest,
    /// The pixel under the center, at `floor((i + 0.5) * scale)`.
    NearestExact,
    /// Linear in both directions.
    Bilinear,
    /// Cubic in both directions.
    Bicubic,
    /// Lanczos' windowed sinc over three lobes.
    Lanczos,
    /// The mean of the pixels that are left out.
    Box,
    /// Hamming's window over one lobe.
    Hamming,
}

/// What the channels of the network's input are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Channels {
    /// Red, green, blue.
    Rgb,
    /// Blue, green, red.
    Bgr,
    /// Luma: `(19595 R + 38470 G + 7471 B + 32768) / 65536`, ITU-R 601 as Pillow computes it.
    Gray,
    /// Four bands as the file has them: red, green, blue, alpha, or any others.
    Rgba,
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

/// Reading and writing of values by name.
macro_rules! named {
    ($type:ident: $($name:literal = $value:ident),+) => {
        impl $type {
            /// Every value's name, as flags and configuration files write it.
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

pub(super) use named;

named!(Layout: "NCHW" = Nchw, "NHWC" = Nhwc);
named!(Task: "classification" = Classification, "segmentation" = Segmentation);
named!(Preset: "imagenet" = Imagenet, "unit" = Unit, "raw" = Raw,
    "torchvision-classification" = TorchvisionClassification,
    "torchvision-segmentation" = TorchvisionSegmentation);
named!(Interpolation: "nearest" = Nearest, "nearest-exact" = NearestExact, "bilinear" = Bilinear,
    "bicubic" = Bicubic, "lanczos" = Lanczos, "box" = Box, "hamming" = Hamming);
named!(Channels: "rgb" = Rgb, "bgr" = Bgr, "gray" = Gray, "rgba" = Rgba);
