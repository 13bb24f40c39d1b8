//! Reads label maps from PNG files.

use std::io::Cursor;

use png::{BitDepth, ColorType, Decoder, Limits, Transformations};

use super::raster::{Pixels, Raster};
use super::{MAX_BYTES, Refusal};

pub(super) fn read(bytes: &[u8]) -> Result<Raster, Refusal> {
    let limits = Limits { bytes: MAX_BYTES };
    let mut decoder = Decoder::new_with_limits(Cursor::new(bytes), limits);
    decoder.set_transformations(Transformations::IDENTITY);
    let broken = |error: png::DecodingError| {
        Refusal::unexpected(format!("PNG: {}", error.to_string().to_lowercase()))
    };
    let mut reader = decoder.read_info().map_err(broken)?;
    let size = reader.output_buffer_size().filter(|size| *size <= MAX_BYTES);
    let size = size.ok_or_else(|| Refusal::unexpected("it is too large"))?;
    let mut data = vec![0; size];
    let frame = reader.next_frame(&mut data).map_err(broken)?;
    let palette = palette(reader.info());
    let (height, width) = (frame.height as usize, frame.width as usize);
    let rows = data.chunks_exact(frame.line_size).take(height);
    let pixels = match (frame.color_type, frame.bit_depth) {
        (ColorType::Indexed, depth) => {
            let indices = rows.flat_map(|row| levels(row, depth, width)).collect();
            Pixels::Indices { indices, palette }
        }
        (ColorType::Grayscale, depth) => Pixels::Levels {
            levels: rows.flat_map(|row| levels(row, depth, width)).collect(),
            white: (1 << depth as u32) - 1,
        },
        (ColorType::GrayscaleAlpha, BitDepth::Eight) => Pixels::Levels {
            levels: rows
                .flat_map(|row| row.chunks_exact(2).map(|pixel| u32::from(pixel[0])))
                .collect(),
            white: 255,
        },
        (ColorType::Rgb, BitDepth::Eight) => Pixels::Colors(colors(rows, 3)),
        (ColorType::Rgba, BitDepth::Eight) => Pixels::Colors(colors(rows, 4)),
        (kind, depth) => {
            let message = format!("it has {kind:?} pixels of {} bits", depth as u32);
            return Err(Refusal::unexpected(message.to_lowercase()));
        }
    };
    Ok(Raster { height, width, pixels, is_lossy: false })
}

fn palette(info: &png::Info<'_>) -> Vec<[u8; 3]> {
    let bytes = info.palette.as_deref().unwrap_or_default();
    bytes.chunks_exact(3).map(|color| [color[0], color[1], color[2]]).collect()
}

/// Returns the samples of a row, which may share bytes.
fn levels(row: &[u8], depth: BitDepth, width: usize) -> impl Iterator<Item = u32> {
    (0..width).map(move |x| match depth {
        BitDepth::Sixteen => u32::from(row[2 * x]) << 8 | u32::from(row[2 * x + 1]),
        BitDepth::Eight => u32::from(row[x]),
        depth => super::packed_sample(row, x, depth as usize),
    })
}

fn colors<'a>(rows: impl Iterator<Item = &'a [u8]>, bytes: usize) -> Vec<[u8; 3]> {
    rows.flat_map(|row| row.chunks_exact(bytes))
        .map(|pixel| [pixel[0], pixel[1], pixel[2]])
        .collect()
}
