//! Encodes all PNG files of mcdrop: fast and deterministic.

use std::io;

use png::{BitDepth, ColorType, Compression, Encoder};
#[cfg(feature = "report")]
use png::{PixelDimensions, Unit};

/// Pixel format of a picture.
pub(super) enum Pixels<'a> {
    /// One byte per pixel, an index into a palette of 256 colors; index 255 is transparent.
    Indexed(&'a [[u8; 3]; 256]),
    /// Two bytes per pixel, the high byte first; `none` is the transparent level.
    Gray16 { none: Option<u16> },
    /// Three bytes per pixel.
    Rgb,
}

/// Encodes `data`, row by row from the top left.
///
/// # Errors
///
/// Fails if a side is 0 or too large for the format, or if `data` does not have the stated size.
pub(super) fn encode(
    (width, height): (usize, usize),
    pixels: &Pixels<'_>,
    data: &[u8],
) -> io::Result<Vec<u8>> {
    let side = |n: usize| u32::try_from(n).map_err(io::Error::other);
    let mut bytes = Vec::with_capacity(1024 + data.len() / 4);
    let mut encoder = Encoder::new(&mut bytes, side(width)?, side(height)?);
    encoder.set_compression(Compression::Fast);
    match pixels {
        Pixels::Indexed(palette) => {
            encoder.set_color(ColorType::Indexed);
            encoder.set_palette(palette.as_flattened());
            encoder.set_trns(const { &transparency() });
        }
        Pixels::Gray16 { none } => {
            encoder.set_color(ColorType::Grayscale);
            encoder.set_depth(BitDepth::Sixteen);
            if let Some(level) = none {
                encoder.set_trns(level.to_be_bytes().to_vec());
            }
        }
        Pixels::Rgb => encoder.set_color(ColorType::Rgb),
    }
    let mut writer = encoder.write_header()?;
    writer.write_image_data(data)?;
    writer.finish()?;
    Ok(bytes)
}

/// Encodes a picture in red, green and blue that is printed at a number of pixels per meter, if it is
/// known, as small as is possible in little time.
///
/// # Errors
///
/// Fails like [`encode`].
#[cfg(feature = "report")]
pub(super) fn encode_print(
    (width, height): (usize, usize),
    rgb: &[u8],
    pixels_per_meter: Option<u32>,
) -> io::Result<Vec<u8>> {
    let side = |n: usize| u32::try_from(n).map_err(io::Error::other);
    let mut bytes = Vec::with_capacity(1024 + rgb.len() / 4);
    let mut encoder = Encoder::new(&mut bytes, side(width)?, side(height)?);
    encoder.set_compression(Compression::Balanced);
    encoder.set_color(ColorType::Rgb);
    encoder.set_pixel_dims(pixels_per_meter.map(|n| PixelDimensions {
        xppu: n,
        yppu: n,
        unit: Unit::Meter,
    }));
    let mut writer = encoder.write_header()?;
    writer.write_image_data(rgb)?;
    writer.finish()?;
    Ok(bytes)
}

/// Opacity of each palette entry: all but the last are opaque.
const fn transparency() -> [u8; 256] {
    let mut alpha = [255; 256];
    alpha[255] = 0;
    alpha
}
