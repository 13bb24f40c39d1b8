//! Reads ids from PNG files.

use std::collections::HashMap;
use std::io::Cursor;

use png::{BitDepth, ColorType, Decoder, Limits, Transformations};

use super::{Ids, Refusal};

const EXPECTED: &str =
    "expected a PNG with class ids (palette or gray, 8 or 16 bits) or an .npy";
const COLORS: &str =
    "give the colors of the classes: `label_colors = cityscapes`, or a file";
/// Limit of decoded bytes. A larger map belongs to an image that is too large for prediction.
const MAX_BYTES: usize = 1 << 31;

pub(super) fn read(bytes: &[u8], colors: &HashMap<[u8; 3], u16>) -> Result<Ids, Refusal> {
    let limits = Limits { bytes: MAX_BYTES };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(Transformations::IDENTITY);
    let broken = |error: png::DecodingError| (error.to_string().to_lowercase(), EXPECTED);
    let mut reader = decoder.read_info().map_err(broken)?;
    let size = reader.output_buffer_size().filter(|size| *size <= MAX_BYTES);
    let size = size.ok_or_else(|| ("it is too large".to_owned(), EXPECTED))?;
    let mut data = vec![0; size];
    let frame = reader.next_frame(&mut data).map_err(broken)?;
    let (height, width) = (frame.height as usize, frame.width as usize);
    let rows = data.chunks_exact(frame.line_size).take(height);
    let values = match (frame.color_type, frame.bit_depth) {
        (ColorType::Indexed | ColorType::Grayscale, depth) => {
            rows.flat_map(|row| levels(row, depth, width)).collect()
        }
        (ColorType::GrayscaleAlpha, BitDepth::Eight) => rows
            .flat_map(|row| row.chunks_exact(2).map(|pixel| u32::from(pixel[0])))
            .collect(),
        (ColorType::Rgb, BitDepth::Eight) => classes_of_colors(rows, 3, colors)?,
        (ColorType::Rgba, BitDepth::Eight) => classes_of_colors(rows, 4, colors)?,
        (kind, depth) => {
            return Err((
                format!("it has {kind:?} pixels of {depth:?} bits").to_lowercase(),
                EXPECTED,
            ));
        }
    };
    Ok(Ids { height, width, values })
}

/// Returns the samples of a row, which may share bytes.
fn levels(row: &[u8], depth: BitDepth, width: usize) -> impl Iterator<Item = u32> {
    (0..width).map(move |x| match depth {
        BitDepth::Sixteen => u32::from(row[2 * x]) << 8 | u32::from(row[2 * x + 1]),
        BitDepth::Eight => u32::from(row[x]),
        depth => {
            let bits = depth as usize;
            let shift = 8 - bits - (x * bits) % 8;
            u32::from(row[x * bits / 8]) >> shift & ((1 << bits) - 1)
        }
    })
}

fn classes_of_colors<'a>(
    rows: impl Iterator<Item = &'a [u8]>,
    bytes: usize,
    colors: &HashMap<[u8; 3], u16>,
) -> Result<Vec<u32>, Refusal> {
    if colors.is_empty() {
        return Err(("its pixels are colors, not class ids".to_owned(), COLORS));
    }
    let class = |pixel: &[u8]| {
        let color = [pixel[0], pixel[1], pixel[2]];
        colors.get(&color).map(|class| u32::from(*class)).ok_or_else(|| {
            let [red, green, blue] = color;
            (
                format!("#{red:02x}{green:02x}{blue:02x} is not the color of a class"),
                COLORS,
            )
        })
    };
    rows.flat_map(|row| row.chunks_exact(bytes)).map(class).collect()
}
