//! Settings of decoding and preprocessing: their values, and how options and configuration files
//! write them.

use std::fmt;
use std::str::FromStr;

use super::MAX_PIXELS;

/// Largest number of pixels of a size: two sides of 16 bits. The limit of a run is checked once
/// every setting is resolved.
const MAX_SIZE_PIXELS: u64 = 1 << 32;

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

/// Image input of a model, as the model file declares it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelInput {
    /// Order of the axes.
    pub layout: Layout,
    /// Number of channels.
    pub channels: usize,
    /// Number of rows, if the model fixes it.
    pub height: Option<usize>,
    /// Number of columns, if the model fixes it.
    pub width: Option<usize>,
}

impl ModelInput {
    /// Returns the shape of the input tensor for images of a size.
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
    /// Returns the number of pixels, at most the largest number of 64 bits.
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
        let size = parse_sides(text).ok_or_else(|| {
            format!("\"{text}\" is not a size; expected WIDTHxHEIGHT, as in 512x256")
        })?;
        if size.pixels() > MAX_SIZE_PIXELS {
            return Err(format!("{size} has more than {MAX_SIZE_PIXELS} pixels"));
        }
        Ok(size)
    }
}

/// Parses two sides other than 0, without a limit on their product.
fn parse_sides(text: &str) -> Option<Size> {
    let side = |text: &str| text.trim().parse::<u32>().ok().filter(|side| *side > 0);
    let (width, height) = text.split_once(['x', 'X'])?;
    Some(Size { width: side(width)? as usize, height: side(height)? as usize })
}

/// Rule for the size after resizing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resize {
    /// No resizing.
    None,
    /// To this size, regardless of the aspect ratio.
    Exact(Size),
    /// The shorter side to this many pixels, the other in proportion (rounded down).
    Short(usize),
    /// The shorter side to `short`, or less if the longer one would exceed `long`: Hugging Face's
    /// `shortest_edge` with `longest_edge`.
    ShortAtMost {
        /// The shorter side.
        short: usize,
        /// Largest longer side.
        long: usize,
    },
    /// The longer side to this many pixels: Hugging Face's `longest_edge` by itself.
    Long(usize),
    /// As large as fits into this size, with the aspect ratio kept (letterbox).
    Fit(Size),
    /// As large as fits into this size, with the aspect ratio kept and both sides rounded down:
    /// Hugging Face's `max_height` with `max_width`.
    Within(Size),
    /// As large as keeps the longer side within `long` and the shorter one within `short`, with the
    /// aspect ratio kept and sides rounded to the nearest, halves up: mmcv's `keep_ratio`.
    Bounds {
        /// Largest longer side.
        long: usize,
        /// Largest shorter side.
        short: usize,
    },
    /// As small as covers this size, with the aspect ratio kept.
    Cover(Size),
    /// Near this size, with the aspect ratio nearly kept and each side a multiple: the rule of DPT.
    Near {
        /// Size that the result should be near to.
        size: Size,
        /// Divisor of both sides.
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
                Err(_) if parse_sides(text).is_none() => Err(unknown()),
                Err(_) => text.parse().map(Self::Exact),
            };
        };
        match rule {
            "short" => match rest.split_once(",long:") {
                Some((short, long)) => Ok(Self::ShortAtMost {
                    short: parse_side(short)?,
                    long: parse_side(long)?,
                }),
                None => Ok(Self::Short(parse_side(rest)?)),
            },
            "long" => Ok(Self::Long(parse_side(rest)?)),
            "fit" => rest.parse().map(Self::Fit),
            "within" => rest.parse().map(Self::Within),
            "bounds" => {
                let (long, short) = rest.split_once('x').ok_or_else(unknown)?;
                Ok(Self::Bounds { long: parse_side(long)?, short: parse_side(short)? })
            }
            "cover" => rest.parse().map(Self::Cover),
            "near" => {
                let (size, multiple) = rest.split_once('/').ok_or_else(unknown)?;
                Ok(Self::Near { size: size.parse()?, multiple: parse_side(multiple)? })
            }
            _ => Err(unknown()),
        }
    }
}

fn parse_side(text: &str) -> Result<usize, String> {
    match text.parse::<u16>() {
        Ok(side) if side > 0 => Ok(side.into()),
        _ => Err(format!("\"{text}\" is not a side between 1 and {}", u16::MAX)),
    }
}

/// Part of the resized image that the network sees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crop {
    /// The whole image.
    None,
    /// The center, of this size. Black is added around a smaller image.
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
    /// Order of the axes of the network's input.
    pub enum Layout {
        /// Batch, channels, rows, columns.
        Nchw = "NCHW",
        /// Batch, rows, columns, channels.
        Nhwc = "NHWC",
    }
}

named_values! {
    /// Mean and standard deviation by name; two presets also set sizes.
    pub enum Preset {
        /// The mean and standard deviation that torchvision's models were trained with.
        Imagenet = "imagenet",
        /// Values in 0..1.
        Unit = "unit",
        /// Values in 0..255, as in the file.
        Raw = "raw",
        /// The defaults of torchvision's `ImageClassification`: shorter side to 256, center crop of
        /// 224 x 224, and `imagenet`.
        TorchvisionClassification = "torchvision-classification",
        /// torchvision's `SemanticSegmentation` with its weights: shorter side to 520, and
        /// `imagenet`.
        TorchvisionSegmentation = "torchvision-segmentation",
    }
}

named_values! {
    /// Interpolation between pixels.
    pub enum Interpolation {
        /// The pixel at `floor(i * scale)`; with Pillow the one under the center.
        Nearest = "nearest",
        /// The pixel under the center, at `floor((i + 0.5) * scale)`.
        NearestExact = "nearest-exact",
        /// Linear in both directions.
        Bilinear = "bilinear",
        /// Cubic in both directions.
        Bicubic = "bicubic",
        /// Lanczos-windowed sinc over three lobes.
        Lanczos = "lanczos",
        /// Mean of the pixels that a new pixel covers.
        Box = "box",
        /// Hamming-windowed sinc over one lobe.
        Hamming = "hamming",
    }
}

/// Channels of the network's input.
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
    /// This number of bands, as the file has them or as they are selected.
    Bands(u16),
}

impl Channels {
    /// Returns the number of channels.
    pub fn count(self) -> usize {
        match self {
            Self::Rgb | Self::Bgr => 3,
            Self::Gray => 1,
            Self::Rgba => 4,
            Self::Bands(count) => count.into(),
        }
    }
}

impl fmt::Display for Channels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rgb => f.pad("rgb"),
            Self::Bgr => f.pad("bgr"),
            Self::Gray => f.pad("gray"),
            Self::Rgba => f.pad("rgba"),
            Self::Bands(count) => write!(f, "bands:{count}"),
        }
    }
}

impl FromStr for Channels {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "rgb" => Ok(Self::Rgb),
            "bgr" => Ok(Self::Bgr),
            "gray" => Ok(Self::Gray),
            "rgba" => Ok(Self::Rgba),
            _ => {
                let count =
                    text.strip_prefix("bands:").and_then(|count| count.parse().ok());
                count.filter(|count| *count > 0).map(Self::Bands).ok_or_else(|| {
                    format!("\"{text}\" is not one of rgb, bgr, gray, rgba, bands:N")
                })
            }
        }
    }
}

/// Largest number of bands that can be selected.
const MOST_BANDS: usize = 1024;

/// Bands of an image that become channels, counted from 1, in the order of red, green and blue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BandSelection(pub(super) Vec<u16>);

impl BandSelection {
    /// Selects bands by their numbers, which count from 1.
    ///
    /// # Errors
    ///
    /// Fails with a sentence if there are no numbers, more than 1024, or one that is 0.
    pub fn new(numbers: Vec<u16>) -> Result<Self, String> {
        if numbers.is_empty() || numbers.len() > MOST_BANDS {
            return Err(format!(
                "{} bands are selected; expected 1 to {MOST_BANDS}",
                numbers.len()
            ));
        }
        if numbers.contains(&0) {
            return Err("bands are counted from 1, but band 0 is selected".to_owned());
        }
        Ok(Self(numbers))
    }

    /// Returns the number of bands.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Display for BandSelection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers: Vec<String> = self.0.iter().map(u16::to_string).collect();
        f.write_str(&numbers.join(","))
    }
}

impl FromStr for BandSelection {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let numbers: Option<Vec<u16>> =
            text.split(',').map(|number| number.trim().parse().ok()).collect();
        let numbers = numbers.ok_or_else(|| {
            format!("\"{text}\" is not a list of bands; expected numbers, as in 4,3,2")
        })?;
        Self::new(numbers)
    }
}

/// Range of pixel values that becomes 0 to 1, before `mean` and `std`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum InputRange {
    /// Between two values.
    Values {
        /// The value that becomes 0.
        low: f32,
        /// The value that becomes 1.
        high: f32,
    },
    /// Between two percentiles of the values of each image.
    Percentiles {
        /// Percentile whose value becomes 0.
        low: f32,
        /// Percentile whose value becomes 1.
        high: f32,
    },
}

impl fmt::Display for InputRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Values { low, high } => write!(f, "{low}:{high}"),
            Self::Percentiles { low, high } => write!(f, "{low}%:{high}%"),
        }
    }
}

impl FromStr for InputRange {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let unknown = || {
            format!(
                "\"{text}\" is not a range; expected LOW:HIGH, as in 0:4095, or percentiles, as \
                 in 1%:99%"
            )
        };
        let (low, high) = text.split_once(':').ok_or_else(unknown)?;
        let (low, high) = (low.trim(), high.trim());
        let number = |text: &str| {
            text.parse()
                .ok()
                .filter(|number: &f32| number.is_finite())
                .ok_or_else(unknown)
        };
        let percentiles = (low.strip_suffix('%'), high.strip_suffix('%'));
        let range = match percentiles {
            (Some(low), Some(high)) => {
                let (low, high) = (number(low)?, number(high)?);
                if !(0.0..=100.0).contains(&low) || high > 100.0 {
                    return Err(format!("\"{text}\": percentiles lie between 0 and 100"));
                }
                Self::Percentiles { low, high }
            }
            (None, None) => Self::Values { low: number(low)?, high: number(high)? },
            _ => return Err(unknown()),
        };
        let (Self::Values { low, high } | Self::Percentiles { low, high }) = range;
        if low >= high {
            return Err(format!("\"{text}\": the range ends at or before its beginning"));
        }
        Ok(range)
    }
}

/// Number of bits, 1 to 16, that pixel values use in a file that stores more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InputBits(u8);

impl InputBits {
    /// Returns a number of bits between 1 and 16.
    ///
    /// # Errors
    ///
    /// Fails with a sentence for other numbers.
    pub fn new(bits: i64) -> Result<Self, String> {
        let valid = u8::try_from(bits).ok().filter(|bits| (1..=16).contains(bits));
        valid.map(Self).ok_or_else(|| format!("{bits} is not between 1 and 16"))
    }

    /// Returns the range of values of this number of bits.
    pub fn range(self) -> InputRange {
        InputRange::Values { low: 0.0, high: f32::from(u16::MAX >> (16 - self.0)) }
    }
}

named_values! {
    /// Library whose arithmetic resizes.
    pub enum Resampler {
        /// torchvision with `uint8` tensors.
        Torchvision = "torchvision",
        /// Pillow.
        Pillow = "pillow",
        /// OpenCV.
        Opencv = "opencv",
        /// torchvision with floating-point tensors, without rounding to 8 bits.
        Float = "float",
    }
}

named_values! {
    /// Rounding of the offset of a center crop, and the side at which missing pixels are added.
    pub enum CropRule {
        /// Half of the difference, halves to even; an odd missing pixel goes to the far side.
        Torchvision = "torchvision",
        /// Half of the difference, rounded down; missing pixels as with torchvision.
        HuggingFace = "huggingface",
        /// transformers before version 5: rounded down; an odd missing pixel goes to the near side.
        HuggingFace4 = "huggingface4",
    }
}

named_values! {
    /// Treatment of EXIF orientation.
    pub enum Exif {
        /// Rotates the image upright.
        Apply = "apply",
        /// Keeps pixels as in the file.
        Ignore = "ignore",
    }
}

named_values! {
    /// Frames or pages of a file that are read.
    pub enum Frames {
        /// The first one.
        First = "first",
        /// Each of them, as an image of its own.
        All = "all",
    }
}

named_values! {
    /// Treatment of transparency.
    pub enum Alpha {
        /// Drops the alpha channel and keeps the colors.
        Drop = "drop",
        /// Composites the image on white.
        White = "white",
    }
}

/// Size after padding, which follows the crop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pad {
    /// No padding.
    None,
    /// To this size.
    To(Size),
    /// Both sides to the next multiple of this number of pixels.
    Multiple(usize),
}

named_values! {
    /// Sides that are padded.
    pub enum PadSide {
        /// At the right and the bottom.
        End = "end",
        /// Half on each side, with the larger half at the end (letterbox).
        Center = "center",
    }
}

/// Values of the padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fill {
    /// Zeros in the network's input.
    Zero,
    /// The image, reflected at its border without repeating the border itself; the border's value
    /// if the image is too small for that.
    Reflect,
    /// A color, before the mean is subtracted. It also replaces black in a crop that is larger than
    /// the image.
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

/// Options for reading an image file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOptions {
    /// Largest number of pixels of an image.
    pub max_pixels: u64,
    /// Treatment of EXIF orientation.
    pub exif: Exif,
    /// Channels of the model: [`Channels::Rgba`] and [`Channels::Bands`] keep bands as they are,
    /// others read colors.
    pub channels: Channels,
    /// Number of the frame or page that is read, counted from 1. `None` is the first, with a remark
    /// if there are more.
    pub frame: Option<u32>,
    /// Bands that are read in place of those of `channels`.
    pub bands: Option<BandSelection>,
    /// Treatment of transparency if colors are read.
    pub alpha: Alpha,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self {
            max_pixels: MAX_PIXELS,
            exif: Exif::Apply,
            channels: Channels::Rgb,
            frame: None,
            bands: None,
            alpha: Alpha::Drop,
        }
    }
}
