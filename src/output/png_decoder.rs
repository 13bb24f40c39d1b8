//! Reads PNG files with palette indices or 16-bit gray, as mcdrop writes them.

use std::io::{self, Cursor};

use png::{BitDepth, ColorType, Decoder, Limits};

use crate::input::MAX_PIXELS;

/// A picture.
pub(super) struct Raster {
    pub(super) height: usize,
    pub(super) width: usize,
    pub(super) samples: Samples,
}

/// Pixels of a picture.
pub(super) enum Samples {
    /// Indices into a palette.
    Indices(Vec<u8>),
    /// Gray levels, and the transparent level.
    Gray16 { levels: Vec<u16>, none: Option<u16> },
}

/// Reads a picture.
///
/// # Errors
/// Fails if the file is not a PNG of these kinds, is truncated or too large.
pub(super) fn decode(bytes: &[u8]) -> io::Result<Raster> {
    let limits = Limits { bytes: 4 * MAX_PIXELS as usize };
    let decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
    let mut reader = decoder.read_info()?;
    let (width, height) = (reader.info().width as usize, reader.info().height as usize);
    if width * height > MAX_PIXELS as usize {
        return Err(unexpected("at most 200 million pixels"));
    }
    let none = reader.info().trns.as_ref().and_then(|trns| match trns[..] {
        [high, low] => Some(u16::from_be_bytes([high, low])),
        _ => None,
    });
    let size = reader.output_buffer_size().ok_or_else(|| unexpected("fewer pixels"))?;
    let mut data = vec![0; size];
    reader.next_frame(&mut data)?;
    let samples = match reader.output_color_type() {
        (ColorType::Indexed, BitDepth::Eight) => Samples::Indices(data),
        (ColorType::Grayscale, BitDepth::Sixteen) => {
            let levels =
                data.as_chunks::<2>().0.iter().map(|pair| u16::from_be_bytes(*pair));
            Samples::Gray16 { levels: levels.collect(), none }
        }
        _ => return Err(unexpected("8-bit indices or 16-bit gray")),
    };
    Ok(Raster { height, width, samples })
}

pub(super) fn unexpected(expected: &str) -> io::Error {
    let message = format!("expected {expected}");
    io::Error::new(io::ErrorKind::InvalidData, message)
}
