//! Detects JPEG files that end early, and the color model that libjpeg gives a file.
//!
//! The decoder fills in the missing end of a file, which would give a map of nothing. The search
//! for the end marker walks over the segments, because an embedded preview has its own end marker.
//!
//! libjpeg takes the color model from a JFIF segment, else from an Adobe segment, else from the
//! names of the components. The decoder weighs them in another order, so that their bytes are
//! changed before it sees them.

use std::borrow::Cow;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

use super::raster::{Meaning, Raster};
use super::{Refusal, SAVE_AGAIN, check_pixels, color};
use crate::input::picture::Values;

const START_OF_SCAN: u8 = 0xda;
const END: u8 = 0xd9;
const JFIF: u8 = 0xe0;
const ADOBE: u8 = 0xee;

/// Names of the components of red, green and blue.
const RGB: [u8; 3] = *b"RGB";

/// Returns whether the file contains the end marker of the image itself.
pub(super) fn is_complete(bytes: &[u8]) -> bool {
    Segments { bytes, at: 0 }.any(|segment| segment.kind == END)
}

/// A segment of a file.
#[derive(Debug, Clone, Copy)]
struct Segment {
    kind: u8,
    /// Places of the content, behind the length.
    start: usize,
    end: usize,
}

/// Iterator over the segments of a file, until it ends.
struct Segments<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Iterator for Segments<'_> {
    type Item = Segment;

    fn next(&mut self) -> Option<Segment> {
        // A segment: 0xff (any number of them), its kind, then, for most, a length with itself.
        let (kind, after) = next_marker(self.bytes.get(self.at..)?)?;
        let start = self.bytes.len() - after.len();
        if matches!(kind, END | 0x01 | 0xd0..=0xd8) {
            self.at = start;
            return Some(Segment { kind, start, end: start });
        }
        let &[high, low, ..] = after else { return None };
        let length = usize::from(u16::from_be_bytes([high, low])).max(2);
        let next = after.get(length..)?;
        let rest = if kind == START_OF_SCAN { after_entropy(next) } else { next };
        self.at = self.bytes.len() - rest.len();
        Some(Segment { kind, start: start + 2, end: start + length })
    }
}

/// What a file says about its colors, with the places of the bytes that say it.
#[derive(Debug, Default)]
struct Header {
    has_jfif: bool,
    /// Place of the transform of an Adobe segment.
    adobe: Option<usize>,
    /// Places of the names of the components.
    names: Vec<usize>,
    /// Places of their names in scans.
    scanned: Vec<usize>,
}

impl Header {
    fn of(bytes: &[u8]) -> Self {
        let mut header = Self::default();
        for Segment { kind, start, end } in (Segments { bytes, at: 0 }) {
            let content = bytes.get(start..end).unwrap_or_default();
            match kind {
                JFIF if content.starts_with(b"JFIF\0") => header.has_jfif = true,
                ADOBE if content.starts_with(b"Adobe") && content.len() >= 12 => {
                    header.adobe = Some(start + 11);
                }
                0xc0..=0xcf
                    if !matches!(kind, 0xc4 | 0xc8 | 0xcc) && content.len() > 5 =>
                {
                    let names = (0..usize::from(content[5])).map(|i| start + 6 + 3 * i);
                    header.names = names.filter(|at| *at < end).collect();
                }
                START_OF_SCAN if !content.is_empty() => {
                    let names = (0..usize::from(content[0])).map(|i| start + 1 + 2 * i);
                    header.scanned.extend(names.filter(|at| *at < end));
                }
                END => break,
                _ => {}
            }
        }
        header
    }

    fn is_named_rgb(&self, bytes: &[u8]) -> bool {
        self.names.iter().map(|at| bytes[*at]).eq(RGB)
    }

    /// Returns whether cyan, magenta, yellow and black are stored as they are: only Adobe's programs
    /// invert them.
    fn is_plain_cmyk(&self) -> bool {
        self.names.len() == 4 && self.adobe.is_none()
    }
}

/// Returns the file with a header from which the decoder infers the color model of libjpeg.
pub(super) fn with_colors_of_libjpeg(bytes: &[u8]) -> Cow<'_, [u8]> {
    let header = Header::of(bytes);
    let transform = header.adobe.map(|at| bytes[at]);
    let mut changed = Cow::Borrowed(bytes);
    match (header.names.len(), transform) {
        (3, _) => {
            let is_rgb = !header.has_jfif
                && match transform {
                    Some(transform) => transform == 0,
                    None => header.is_named_rgb(bytes),
                };
            if is_rgb {
                return changed;
            }
            if let Some(at) = header.adobe.filter(|_| transform != Some(1)) {
                changed.to_mut()[at] = 1;
            }
            if header.is_named_rgb(bytes) {
                for at in header.names.into_iter().chain(header.scanned) {
                    let number =
                        RGB.iter().zip(1..).find(|(name, _)| **name == bytes[at]);
                    if let Some((_, number)) = number {
                        changed.to_mut()[at] = number;
                    }
                }
            }
        }
        (4, Some(1 | 3..)) => {
            if let Some(at) = header.adobe {
                changed.to_mut()[at] = 2;
            }
        }
        _ => {}
    }
    changed
}

/// Reads cyan, magenta, yellow and black that are not inverted; `None` for other files.
pub(super) fn read_plain_cmyk(
    bytes: &[u8],
    max_pixels: u64,
) -> Result<Option<Raster>, Refusal> {
    if !Header::of(bytes).is_plain_cmyk() {
        return Ok(None);
    }
    let refusal = |error: &dyn std::fmt::Display| {
        let message = format!("JPEG: {}", error.to_string().replace('\n', " "));
        Refusal { message, hint: SAVE_AGAIN }
    };
    let options = DecoderOptions::default()
        .set_strict_mode(false)
        .set_max_width(usize::MAX)
        .set_max_height(usize::MAX)
        .jpeg_set_out_colorspace(ColorSpace::CMYK);
    let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
    decoder.decode_headers().map_err(|error| refusal(&error))?;
    let (width, height) =
        decoder.dimensions().ok_or_else(|| refusal(&"there is no size"))?;
    check_pixels(width as u64, height as u64, max_pixels)?;
    let inks = decoder.decode().map_err(|error| refusal(&error))?;
    let values = color::of_cmyk(Values::U8(inks), 4);
    let values = values.ok_or_else(|| refusal(&"there are no colors"))?;
    let meaning = Meaning::Colors;
    Ok(Some(Raster { width, height, bands: 3, meaning, alpha: None, values }))
}

/// Returns the kind of the next marker, and the bytes after it.
fn next_marker(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let start = bytes.iter().position(|byte| *byte == 0xff)?;
    let fill = bytes[start..].iter().position(|byte| *byte != 0xff)?;
    let (kind, after) = bytes[start + fill..].split_first()?;
    Some((*kind, after))
}

/// Skips entropy-coded data, in which 0xff is followed by 0 or a restart marker.
fn after_entropy(bytes: &[u8]) -> &[u8] {
    let is_marker =
        |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0x00 | 0xd0..=0xd7 | 0xff);
    match bytes.windows(2).position(is_marker) {
        Some(start) => &bytes[start..],
        None => &[],
    }
}
