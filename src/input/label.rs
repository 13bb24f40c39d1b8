//! Reads label maps for evaluation: the id of each pixel, from pictures and arrays.
//!
//! The ids are the indices of a picture with a palette, the levels of a gray picture (8, 16 or 32
//! bits), or the levels of a picture whose color channels are equal. Other colors, and any picture
//! if the colors of the classes are given, are converted by the color of each class. An `.npy`
//! contains ids of any integer type, with the shape `H × W` or one more axis of length 1.

mod array;
mod bitmap;
mod png;
mod raster;
#[cfg(test)]
mod tests;
mod tiff;
mod values;

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::decode::{frames, read_bytes};
use crate::error::{Error, Result};

pub use self::values::{LabelConversion, ValueMap, read_value_map};

/// Extensions of label maps, in the order of the search.
pub const LABEL_ENDINGS: [&str; 9] =
    ["png", "npy", "tif", "tiff", "bmp", "gif", "webp", "jpg", "jpeg"];

/// The id of pixels whose color means "no label".
pub const VOID: u32 = u32::MAX;

/// The id of each color: a class, or [`VOID`].
pub type LabelColors = HashMap<[u8; 3], u32>;

/// The ids of a label map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelMap {
    /// Number of rows.
    pub height: usize,
    /// Number of columns.
    pub width: usize,
    /// `height * width` ids, by row.
    pub ids: Vec<u32>,
    /// True if the file was compressed with loss, which changes ids at edges.
    pub is_lossy: bool,
}

/// Reads a label map: a PNG, TIFF, BMP, GIF, WebP, JPEG or `.npy` file. The content determines
/// the format, not the name. Given the colors of the classes, the color of each pixel counts.
///
/// # Errors
/// Fails if the file cannot be read, has another format, or contains something that is not an id
/// or not the color of a class.
pub fn read_label_map(path: &Path, colors: Option<&LabelColors>) -> Result<LabelMap> {
    let bytes = read_bytes(path)?;
    // A panic of a decoder is an error of this file only.
    let parsed = catch_unwind(AssertUnwindSafe(|| parse(&bytes, colors)))
        .unwrap_or_else(|_| Err(Refusal::unexpected("the decoder panicked")));
    parsed.map_err(|refusal| {
        Error::image(path, format!("not a label map: {}", refusal.message))
            .with_hint(refusal.hint)
    })
}

fn parse(bytes: &[u8], colors: Option<&LabelColors>) -> Result<LabelMap, Refusal> {
    if bytes.starts_with(b"\x93NUMPY") {
        return match colors {
            None => array::read(bytes),
            Some(_) => Err(Refusal::new(
                "an array contains ids, not colors",
                "leave out `label_colors`, or save the label map as a picture",
            )),
        };
    }
    let frames = frames::count(bytes);
    if frames > 1 {
        return Err(Refusal::new(
            format!("it has {frames} pages or frames; expected one"),
            "write one label map, with the class of each pixel, into each file",
        ));
    }
    let raster = if bytes.starts_with(b"\x89PNG") {
        png::read(bytes)
    } else if tiff::is_tiff(bytes) {
        tiff::read(bytes)
    } else {
        bitmap::read(bytes)
    }?;
    raster.ids(colors)
}

const EXPECTED: &str = "expected a picture (PNG, TIFF, BMP, GIF, WebP) with class ids as palette \
                        indices or gray levels, or an .npy of integers";
/// Limit of decoded bytes. A larger map belongs to an image that is too large for prediction.
const MAX_BYTES: usize = 1 << 31;

/// The reason why a file is not a label map, and a hint.
#[derive(Debug)]
struct Refusal {
    message: String,
    hint: &'static str,
}

impl Refusal {
    fn new(message: impl Into<String>, hint: &'static str) -> Self {
        Self { message: message.into(), hint }
    }

    /// Creates a refusal with the hint about the expected formats.
    fn unexpected(message: impl Into<String>) -> Self {
        Self::new(message, EXPECTED)
    }
}

/// The numbers of a file, by plane and row.
struct Numbers {
    height: usize,
    width: usize,
    values: Vec<f64>,
    is_integer: bool,
}

/// Checks the size of a picture before its pixels are decoded; `bytes` is the size of a pixel.
fn check_size(width: usize, height: usize, bytes: usize) -> Result<(), Refusal> {
    let size = width.checked_mul(height).and_then(|pixels| pixels.checked_mul(bytes));
    match size {
        Some(size) if size <= MAX_BYTES && size > 0 => Ok(()),
        _ => Err(Refusal::unexpected(format!(
            "it has {width} x {height} pixels; expected at least one and at most 2 GiB"
        ))),
    }
}

/// Returns sample `x` of a row whose samples have fewer than 8 bits, the first in the highest.
fn packed_sample(row: &[u8], x: usize, bits: usize) -> u32 {
    let shift = 8 - bits - (x * bits) % 8;
    u32::from(row[x * bits / 8]) >> shift & ((1 << bits) - 1)
}
