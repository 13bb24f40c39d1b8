//! Reads label maps from BMP, GIF, WebP and JPEG files.

use std::io::Cursor;

use image::codecs::bmp::BmpDecoder;
use image::{DynamicImage, ImageDecoder as _, ImageError, ImageFormat, ImageReader};

use super::raster::{Pixels, Raster, black_and_white};
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

fn bmp(bytes: &[u8]) -> Result<Raster, Refusal> {
    let mut decoder = BmpDecoder::new(Cursor::new(bytes)).map_err(refusal)?;
    let Some(palette) = decoder.get_palette().map(<[_]>::to_vec) else {
        return other(bytes, ImageFormat::Bmp, false);
    };
    decoder.set_indexed_color(true);
    let (width, height) = decoder.dimensions();
    let (width, height) = (width as usize, height as usize);
    check_size(width, height, 1)?;
    let mut data = vec![0; width * height];
    decoder.read_image(&mut data).map_err(refusal)?;
    Ok(indexed((width, height), &data, palette))
}

fn indexed(
    (width, height): (usize, usize),
    data: &[u8],
    palette: Vec<[u8; 3]>,
) -> Raster {
    let mut indices: Vec<u32> = data.iter().copied().map(u32::from).collect();
    black_and_white(&mut indices, &palette);
    let pixels = Pixels::Indices { indices, palette };
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
