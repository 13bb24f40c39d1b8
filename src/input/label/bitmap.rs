//! Reads label maps from BMP, GIF, WebP and JPEG files.

use std::io::Cursor;

use image::codecs::bmp::BmpDecoder;
use image::{DynamicImage, ImageDecoder as _, ImageError, ImageFormat, ImageReader};

use super::raster::{Pixels, Raster};
use super::{MAX_BYTES, Refusal, check_size};

pub(super) fn read(bytes: &[u8]) -> Result<Raster, Refusal> {
    match image::guess_format(bytes) {
        Ok(ImageFormat::Bmp) => bmp(bytes),
        Ok(ImageFormat::Gif) => gif(bytes),
        Ok(ImageFormat::WebP) => {
            other(bytes, ImageFormat::WebP, !is_lossless_webp(bytes))
        }
        Ok(ImageFormat::Jpeg) => other(bytes, ImageFormat::Jpeg, true),
        _ => Err(Refusal::unexpected("its format is not known")),
    }
}

/// Reads a BMP. The indices of a palette are read as gray levels, of a palette whose entry `i` is
/// gray of level `i`: the decoder returns indices of 8 bits only.
fn bmp(bytes: &[u8]) -> Result<Raster, Refusal> {
    /// Bytes before the header that gives its own size.
    const FILE_HEADER: usize = 14;
    /// Place of the number of bytes before the pixels.
    const DATA_OFFSET: usize = 10;
    const OLD_HEADER: usize = 12;
    let decoder = BmpDecoder::new(Cursor::new(bytes)).map_err(refusal)?;
    let Some(mut palette) = decoder.get_palette().map(<[_]>::to_vec) else {
        return other(bytes, ImageFormat::Bmp, false);
    };
    let mut copy = bytes.to_vec();
    let number = |at: usize| {
        let bytes = bytes.get(at..at + 4).and_then(|bytes| bytes.try_into().ok());
        bytes.map_or(0, |bytes| u32::from_le_bytes(bytes) as usize)
    };
    let (pixels, header) = (number(DATA_OFFSET), number(FILE_HEADER));
    let entry = if header == OLD_HEADER { 3 } else { 4 };
    let entries = copy.get_mut(FILE_HEADER + header..pixels).unwrap_or_default();
    let entries = entries.chunks_exact_mut(entry);
    // The decoder adds entries up to 256.
    palette.truncate(entries.len());
    for (i, color) in entries.take(palette.len()).enumerate() {
        color[..3].fill(i as u8);
    }
    let raster = other(&copy, ImageFormat::Bmp, false)?;
    let indices: Vec<u8> = match raster.pixels {
        Pixels::Colors(colors) => colors.into_iter().map(|[index, ..]| index).collect(),
        _ => return Err(Refusal::unexpected("BMP: its palette cannot be read")),
    };
    Ok(indexed((raster.width, raster.height), &indices, palette))
}

fn indexed(
    (width, height): (usize, usize),
    data: &[u8],
    palette: Vec<[u8; 3]>,
) -> Raster {
    let indices = data.iter().copied().map(u32::from).collect();
    let pixels = Pixels::of_palette(indices, palette);
    Raster { height, width, pixels, is_lossy: false }
}

fn gif(bytes: &[u8]) -> Result<Raster, Refusal> {
    let broken = |error: gif::DecodingError| Refusal::unexpected(format!("GIF: {error}"));
    let mut options = gif::DecodeOptions::new();
    options.set_color_output(gif::ColorOutput::Indexed);
    let mut decoder = options.read_info(bytes).map_err(broken)?;
    let (width, height) = (usize::from(decoder.width()), usize::from(decoder.height()));
    check_size(width, height, 1)?;
    let frame = decoder.read_next_frame().map_err(broken)?;
    let frame = frame.ok_or_else(|| Refusal::unexpected("GIF: it has no frame"))?;
    let covers = (frame.left, frame.top) == (0, 0)
        && (usize::from(frame.width), usize::from(frame.height)) == (width, height);
    if !covers {
        return Err(Refusal::unexpected(
            "GIF: its first frame does not cover the picture",
        ));
    }
    let data = frame.buffer.to_vec();
    let palette = decoder.palette().map_err(broken)?;
    let palette = palette.chunks_exact(3).map(|c| [c[0], c[1], c[2]]).collect();
    Ok(indexed((width, height), &data, palette))
}

/// Reads a picture without a palette.
fn other(bytes: &[u8], format: ImageFormat, is_lossy: bool) -> Result<Raster, Refusal> {
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = image::Limits::no_limits();
    limits.max_alloc = Some(MAX_BYTES as u64);
    reader.limits(limits);
    let decoder = reader.into_decoder().map_err(refusal)?;
    let (width, height) = decoder.dimensions();
    check_size(width as usize, height as usize, 4)?;
    let image = DynamicImage::from_decoder(decoder).map_err(refusal)?;
    let pixels = match image {
        DynamicImage::ImageLuma8(gray) => Pixels::Levels {
            levels: gray.into_raw().into_iter().map(u32::from).collect(),
            white: 255,
        },
        image => {
            Pixels::Colors(image.into_rgb8().pixels().map(|pixel| pixel.0).collect())
        }
    };
    Ok(Raster { height: height as usize, width: width as usize, pixels, is_lossy })
}

/// Returns whether a WebP has a lossless bitstream: `VP8L`, also inside an extended file.
fn is_lossless_webp(bytes: &[u8]) -> bool {
    let mut start = 12;
    while let Some(chunk) = bytes.get(start..start + 8) {
        match &chunk[..4] {
            b"VP8L" => return true,
            b"VP8 " => return false,
            _ => {}
        }
        let size = u32::from_le_bytes([chunk[4], chunk[5], chunk[6], chunk[7]]) as usize;
        start += 8 + size + size % 2;
    }
    false
}

#[expect(clippy::needless_pass_by_value, reason = "errors are mapped with it")]
fn refusal(error: ImageError) -> Refusal {
    Refusal::unexpected(error.to_string().replace('\n', " "))
}
