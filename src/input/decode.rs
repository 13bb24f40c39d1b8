//! Reads one image file: its hash, and its pixels as 8-bit RGB.
//!
//! The format is told from the content, never from the name. EXIF orientation is applied,
//! alpha is dropped (not blended), gray and palettes become RGB, 16 bits become 8 by v / 257
//! rounded. Pixels of floating point are refused: what range they span is not known.
//!
//! Of several frames or pages the first is read. A file that ends early is an error, also where
//! decoders would fill in the rest. Decoders of JPEG may differ by a few levels, and by more at
//! saturated edges, because they enlarge the colour planes in different ways; other formats
//! come out the same everywhere.

mod jpeg;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::io::{self, Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use image::metadata::Orientation;
use image::{
    DynamicImage, ImageBuffer, ImageDecoder, ImageError, ImageFormat, ImageReader,
    Limits, Pixel, RgbImage,
};
use sha2::{Digest, Sha256};

use super::MAX_PIXELS;
use crate::error::{Error, Result};

/// Largest file that is read.
const MOST_BYTES: u64 = 2 << 30;

/// An image file's pixels and hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decoded {
    /// The pixels, the right way up.
    pub image: RgbImage,
    /// SHA-256 of the file's bytes.
    pub sha256: [u8; 32],
}

/// Reads an image file; its bytes are read once, hashed and decoded.
///
/// # Errors
///
/// [`Error::Read`] where the file cannot be read; [`Error::Image`] where it is no image of a
/// known format, is damaged or incomplete, or has more than [`MAX_PIXELS`] pixels.
pub fn read_image(path: &Path) -> Result<Decoded> {
    let bytes = read_bytes(path)?;
    let sha256 = Sha256::digest(&bytes).into();
    // A defect of a decoder concerns this image and not the others.
    let decoded =
        catch_unwind(AssertUnwindSafe(|| decode(&bytes))).unwrap_or_else(|_| {
            Err(Refusal { message: "the decoder failed".to_owned(), hint: SAVE_AGAIN })
        });
    match decoded {
        Ok(image) => Ok(Decoded { image, sha256 }),
        Err(refusal) => Err(Error::image(path, refusal.message).with_hint(refusal.hint)),
    }
}

/// Why bytes are no usable image, and the way out.
struct Refusal {
    message: String,
    hint: &'static str,
}

const FORMATS: &str = "JPEG, PNG, TIFF, BMP, WebP and PNM (PBM, PGM, PPM, PAM) are read; \
                       convert the image to one of them";
const SAVE_AGAIN: &str = "the file is damaged or incomplete: copy it again from its source, \
                          or open it in an image program and save it again";
const CONVERT: &str = "convert the image to 8-bit or 16-bit gray or RGB";
const TOO_LARGE: &str = "cut the image into parts or make it smaller first";

fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    let read = || {
        let file = File::open(path)?;
        let mut bytes = Vec::new();
        file.take(MOST_BYTES + 1).read_to_end(&mut bytes)?;
        Ok::<_, io::Error>(bytes)
    };
    // Opening a pipe would wait for someone to write into it.
    let metadata = path.metadata().map_err(|error| Error::read(path, error))?;
    if !metadata.is_file() {
        return Err(Error::image(path, "is not a file").with_hint(FORMATS));
    }
    let bytes = read().map_err(|error| Error::read(path, error))?;
    if bytes.len() as u64 > MOST_BYTES {
        let message = format!("is larger than {} GiB", MOST_BYTES >> 30);
        return Err(Error::image(path, message).with_hint(TOO_LARGE));
    }
    Ok(bytes)
}

fn decode(bytes: &[u8]) -> Result<RgbImage, Refusal> {
    if bytes.is_empty() {
        return Err(Refusal {
            message: "the file is empty".to_owned(),
            hint: SAVE_AGAIN,
        });
    }
    let mut reader = ImageReader::new(Cursor::new(bytes))
        .with_guessed_format()
        .map_err(|error| Refusal { message: error.to_string(), hint: SAVE_AGAIN })?;
    let Some(format) = reader.format() else {
        let message = "the content is not that of an image in a known format".to_owned();
        return Err(Refusal { message, hint: FORMATS });
    };
    if format == ImageFormat::Jpeg && !jpeg::is_complete(bytes) {
        let message = "JPEG: the file ends before the image does".to_owned();
        return Err(Refusal { message, hint: SAVE_AGAIN });
    }
    // The largest that is allowed, at 16 bits and four channels, with as much to work in.
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_PIXELS * 16);
    reader.limits(limits);
    let refusal = |error: ImageError| refusal(format, &error);
    let mut decoder = reader.into_decoder().map_err(refusal)?;
    let (width, height) = decoder.dimensions();
    let pixels = u64::from(width) * u64::from(height);
    if pixels == 0 || pixels > MAX_PIXELS {
        let message = format!(
            "{width}x{height} pixels; expected at least one and at most {MAX_PIXELS}"
        );
        return Err(Refusal { message, hint: TOO_LARGE });
    }
    // What EXIF says besides is of no concern, so EXIF that cannot be read is none.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let mut image = DynamicImage::from_decoder(decoder).map_err(refusal)?;
    image.apply_orientation(orientation);
    to_rgb(image)
}

fn refusal(format: ImageFormat, error: &ImageError) -> Refusal {
    let name = format!("{format:?}").to_uppercase();
    let hint = match error {
        ImageError::Unsupported(_) if !format.reading_enabled() => FORMATS,
        ImageError::Unsupported(_) => CONVERT,
        ImageError::Limits(_) => TOO_LARGE,
        _ => SAVE_AGAIN,
    };
    let message = match error {
        ImageError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            format!("{name}: the file ends before the image does")
        }
        ImageError::Unsupported(_) if !format.reading_enabled() => {
            format!("{name} is not among the formats that are read")
        }
        error => format!("{name}: {}", error.to_string().replace('\n', " ")),
    };
    Refusal { message, hint }
}

fn to_rgb(image: DynamicImage) -> Result<RgbImage, Refusal> {
    match image {
        DynamicImage::ImageRgb8(image) => Ok(image),
        DynamicImage::ImageLuma8(_)
        | DynamicImage::ImageLumaA8(_)
        | DynamicImage::ImageRgba8(_) => Ok(image.into_rgb8()),
        DynamicImage::ImageLuma16(image) => Ok(to_8_bits(&image)),
        DynamicImage::ImageLumaA16(image) => Ok(to_8_bits(&image)),
        DynamicImage::ImageRgb16(image) => Ok(to_8_bits(&image)),
        DynamicImage::ImageRgba16(image) => Ok(to_8_bits(&image)),
        other => Err(Refusal {
            message: format!("pixels of kind {:?} are not supported", other.color()),
            hint: CONVERT,
        }),
    }
}

fn to_8_bits<P: Pixel<Subpixel = u16>>(image: &ImageBuffer<P, Vec<u16>>) -> RgbImage {
    let byte = |value: u16| ((u32::from(value) + 128) / 257) as u8;
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        image::Rgb(image.get_pixel(x, y).to_rgb().0.map(byte))
    })
}
