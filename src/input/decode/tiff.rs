//! Reads TIFFs that the image library does not read, or not with all bands: floating point, and four
//! bands of any kind.
//!
//! Supported are strips and tiles, bands interleaved or (in strips) separate, and `BigTIFF`; of
//! several pages the first is read. Palettes are refused: a model is trained on colors, and the
//! palettes of such files rarely contain any.

use std::io::Cursor;

use image::metadata::Orientation;
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::{
    ExtraSamples, PhotometricInterpretation, PlanarConfiguration, SampleFormat, Tag,
};
use tiff::{ColorType, TiffError, TiffFormatError};

use super::alpha::{floats_on_white, on_white};
use super::integer::{byte, wrong_bands};
use super::orient::orient;
use super::tiff_tag::set_tag;
use super::{CONVERT, Refusal, SAVE_AGAIN, TOO_LARGE, check_pixels};
use crate::input::picture::{Picture, Values};
use crate::input::settings::{Alpha, Channels, Exif, ReadOptions};

/// Reads a picture; `None` if the image library can read the file.
pub(super) fn read(
    bytes: &[u8],
    options: &ReadOptions,
) -> Result<Option<Picture>, Refusal> {
    let mut decoder = open(bytes, options)?;
    let (width, height) = decoder.dimensions().map_err(refusal)?;
    check_pixels(width.into(), height.into(), options.max_pixels)?;
    let photometric = tag(&mut decoder, Tag::PhotometricInterpretation)?;
    if photometric == Some(PhotometricInterpretation::RGBPalette.to_u16()) {
        return Err(Refusal {
            message: "TIFF: found a palette, expected colors".to_owned(),
            hint: CONVERT,
        });
    }
    let is_float =
        tag(&mut decoder, Tag::SampleFormat)? == Some(SampleFormat::IEEEFP.to_u16());
    let samples = tag(&mut decoder, Tag::SamplesPerPixel)?.unwrap_or(1);
    let is_planar = tag(&mut decoder, Tag::PlanarConfiguration)?
        == Some(PlanarConfiguration::Planar.to_u16());
    let tiled = tag(&mut decoder, Tag::TileWidth)?.is_some();
    if is_planar && tiled && samples > 1 {
        return Err(Refusal {
            message: "TIFF: separate bands in tiles are not supported".to_owned(),
            hint: "save the image with interleaved bands, or in strips",
        });
    }
    let all_bands = options.channels == Channels::Rgba && samples == 4;
    let gray =
        matches!(decoder.colortype().map_err(refusal)?, ColorType::Multiband { .. });
    if !(is_float || all_bands || gray) {
        return Ok(None);
    }
    let rgb = PhotometricInterpretation::RGB.to_u16();
    if all_bands && photometric == Some(rgb) {
        // The decoder drops the bands of an RGB image besides its colors, but keeps all gray bands.
        let mut copy = bytes.to_vec();
        let gray = PhotometricInterpretation::BlackIsZero.to_u16();
        if set_tag(&mut copy, Tag::PhotometricInterpretation.to_u16(), gray).is_none() {
            return Err(damaged());
        }
        let mut decoder = open(&copy, options)?;
        return picture(&mut decoder, options).map(Some);
    }
    picture(&mut decoder, options).map(Some)
}

type BytesDecoder<'a> = Decoder<Cursor<&'a [u8]>>;

/// Opens a decoder with limits on memory: as much as the file for what its bytes contain, and 32
/// bytes per pixel for values.
fn open<'a>(bytes: &'a [u8], options: &ReadOptions) -> Result<BytesDecoder<'a>, Refusal> {
    let mut limits = Limits::default();
    limits.ifd_value_size = bytes.len();
    limits.intermediate_buffer_size = bytes.len();
    let max_bytes = options.max_pixels.saturating_mul(32);
    limits.decoding_buffer_size = usize::try_from(max_bytes).unwrap_or(usize::MAX);
    let decoder = Decoder::new(Cursor::new(bytes)).map_err(refusal)?;
    Ok(decoder.with_limits(limits))
}

fn picture(
    decoder: &mut BytesDecoder<'_>,
    options: &ReadOptions,
) -> Result<Picture, Refusal> {
    let (width, height) = decoder.dimensions().map_err(refusal)?;
    let color = decoder.colortype().map_err(refusal)?;
    let bands = usize::from(color.num_samples());
    if let (ColorType::CMYK(_) | ColorType::CMYKA(_), Channels::Rgba) =
        (color, options.channels)
    {
        let message = "TIFF: found CMYK, expected four bands".to_owned();
        return Err(Refusal { message, hint: CONVERT });
    }
    let colors = kept_bands(color, options.channels)
        .ok_or_else(|| wrong_bands(bands, options.channels))?;
    let composites = options.alpha == Alpha::White
        && options.channels != Channels::Rgba
        && matches!(color, ColorType::RGBA(_));
    let keep = colors + usize::from(composites);
    let orientation = match options.exif {
        Exif::Apply => tag(decoder, Tag::Orientation)?
            .and_then(|value| Orientation::from_exif(value.try_into().ok()?))
            .unwrap_or(Orientation::NoTransforms),
        Exif::Ignore => Orientation::NoTransforms,
    };
    let (width, height) = (width as usize, height as usize);
    let shape = Shape { pixels: width * height, bands, keep };
    let values = match samples(decoder, shape)? {
        DecodingResult::U8(values) => Values::U8(values),
        DecodingResult::U16(values) => Values::U8(values.into_iter().map(byte).collect()),
        DecodingResult::F32(values) => Values::F32(values),
        DecodingResult::F16(values) => {
            Values::F32(values.into_iter().map(f32::from).collect())
        }
        DecodingResult::F64(values) => {
            Values::F32(values.into_iter().map(|value| value as f32).collect())
        }
        _ => {
            return Err(Refusal {
                message: "TIFF: signed integers and integers of more than 16 bits are not supported"
                    .to_owned(),
                hint: CONVERT,
            });
        }
    };
    let size = (width, height);
    let (values, (width, height)) = match values {
        Values::U8(values) => {
            let values = if composites { on_white(&values) } else { values };
            let (values, size) = orient(values, size, colors, orientation);
            (Values::U8(values), size)
        }
        Values::F32(mut values) => {
            check_finite(&values, width, keep)?;
            if composites {
                let extra = tag(decoder, Tag::ExtraSamples)?;
                let is_multiplied = extra == Some(ExtraSamples::AssociatedAlpha.to_u16());
                values = floats_on_white(&values, is_multiplied)?;
            }
            let (values, size) = orient(values, size, colors, orientation);
            (Values::F32(values), size)
        }
    };
    Ok(Picture { width, height, bands: colors, values })
}

/// Returns the number of bands that a model uses; `None` if the image does not have them.
fn kept_bands(color: ColorType, wanted: Channels) -> Option<usize> {
    let bands = color.num_samples();
    match (color, wanted) {
        (ColorType::CMYK(_) | ColorType::CMYKA(_) | ColorType::YCbCr(_), _) => None,
        (_, Channels::Rgba) => (bands == 4).then_some(4),
        (ColorType::Gray(_) | ColorType::GrayA(_), _) => Some(1),
        (ColorType::RGB(_) | ColorType::RGBA(_), _) => Some(3),
        (ColorType::Multiband { .. }, _) => (bands == 3).then_some(3),
        _ => None,
    }
}

/// Number of pixels, of bands in the file, and of bands that are kept.
#[derive(Debug, Clone, Copy)]
struct Shape {
    pixels: usize,
    bands: usize,
    keep: usize,
}

/// Reads the samples of the bands that are kept, interleaved.
fn samples(
    decoder: &mut BytesDecoder<'_>,
    shape: Shape,
) -> Result<DecodingResult, Refusal> {
    let mut buffer = DecodingResult::U8(Vec::new());
    let layout = decoder.read_image_to_buffer(&mut buffer).map_err(refusal)?;
    let is_planar = layout.planes > 1;
    let kept = match buffer {
        DecodingResult::U8(values) => {
            shape.kept(values, is_planar).map(DecodingResult::U8)
        }
        DecodingResult::U16(values) => {
            shape.kept(values, is_planar).map(DecodingResult::U16)
        }
        DecodingResult::F16(values) => {
            shape.kept(values, is_planar).map(DecodingResult::F16)
        }
        DecodingResult::F32(values) => {
            shape.kept(values, is_planar).map(DecodingResult::F32)
        }
        DecodingResult::F64(values) => {
            shape.kept(values, is_planar).map(DecodingResult::F64)
        }
        other => Some(other),
    };
    kept.ok_or_else(damaged)
}

impl Shape {
    /// Interleaves separate planes and drops the bands that are not kept. `None` if the number of
    /// values is not the one that the file declares.
    fn kept<T: Copy>(self, values: Vec<T>, is_planar: bool) -> Option<Vec<T>> {
        if values.len() != self.pixels * self.bands {
            return None;
        }
        if is_planar {
            let of_pixel =
                |pixel: usize| (0..self.keep).map(move |band| band * self.pixels + pixel);
            let all = (0..self.pixels).flat_map(of_pixel);
            return Some(all.map(|at| values[at]).collect());
        }
        if self.keep == self.bands {
            return Some(values);
        }
        let pixels = values.chunks_exact(self.bands);
        Some(pixels.flat_map(|pixel| &pixel[..self.keep]).copied().collect())
    }
}

fn check_finite(values: &[f32], width: usize, bands: usize) -> Result<(), Refusal> {
    let Some(at) = values.iter().position(|value| !value.is_finite()) else {
        return Ok(());
    };
    let pixel = at / bands;
    Err(Refusal {
        message: format!(
            "the value at column {}, row {} is {}; expected finite numbers",
            pixel % width,
            pixel / width,
            values[at]
        ),
        hint: "replace missing values by a number before prediction",
    })
}

/// Returns the first integer of a tag.
fn tag(decoder: &mut BytesDecoder<'_>, tag: Tag) -> Result<Option<u16>, Refusal> {
    let values = decoder.find_tag_unsigned_vec::<u16>(tag).map_err(refusal)?;
    Ok(values.and_then(|values| values.first().copied()))
}

fn damaged() -> Refusal {
    let message = "TIFF: the file contains other values than it declares".to_owned();
    Refusal { message, hint: SAVE_AGAIN }
}

fn refusal(error: TiffError) -> Refusal {
    let hint = match &error {
        TiffError::UnsupportedError(_) => CONVERT,
        TiffError::LimitsExceeded => TOO_LARGE,
        _ => SAVE_AGAIN,
    };
    let message = match error {
        TiffError::IoError(error)
            if error.kind() == std::io::ErrorKind::UnexpectedEof =>
        {
            "TIFF: the file ends before the image does".to_owned()
        }
        TiffError::FormatError(TiffFormatError::InvalidDimensions(width, height)) => {
            format!("TIFF: {width}x{height} pixels; expected at least one")
        }
        error => format!("TIFF: {}", error.to_string().replace('\n', " ")),
    };
    Refusal { message, hint }
}
