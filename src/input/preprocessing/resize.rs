//! Resizes 8-bit pixels as torchvision's `resize` does with `uint8` tensors, bit for bit.
//!
//! With antialiasing this is a convolution whose filter widens with the reduction, columns
//! first, then rows, 8 bits in between. Without it the filter keeps its size
//! ([`super::interpolate`]). `nearest` takes the pixel at `floor(i * scale)`, torchvision's
//! `NEAREST` (not Pillow's, which takes the one under the centre).
//!
//! References: torchvision `transforms.v2.functional.resize`; the arithmetic (16-bit weights,
//! rounding after each pass) comes from Pillow-SIMD.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::interpolate::{self, Kernel};
use super::settings::{Interpolation, Size};

/// 8-bit pixels, `channels` values a pixel, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pixels {
    /// Columns and rows.
    pub(super) size: Size,
    /// Values a pixel: 3 or 1.
    pub(super) channels: usize,
    /// `size.height * size.width * channels` values.
    pub(super) values: Vec<u8>,
}

/// Resizes to `size`; no pixel changes where the size is the same.
///
/// The error is a sentence of the resizing library; it does not arise for the sizes and
/// channels that this module is given.
pub(super) fn resize(
    image: Pixels,
    size: Size,
    interpolation: Interpolation,
    antialias: bool,
) -> Result<Pixels, String> {
    if image.size == size {
        return Ok(image);
    }
    match interpolation {
        Interpolation::Nearest => Ok(nearest(&image, size)),
        Interpolation::Bilinear if antialias => {
            convolve(image, size, FilterType::Bilinear, interpolate::LINEAR)
        }
        Interpolation::Bicubic if antialias => {
            convolve(image, size, FilterType::CatmullRom, interpolate::CATMULL_ROM)
        }
        Interpolation::Bilinear => {
            Ok(interpolate::resize(&image, size, interpolate::LINEAR))
        }
        Interpolation::NearestExact
        | Interpolation::Lanczos
        | Interpolation::Box
        | Interpolation::Hamming => Err(format!("{interpolation} is not supported")),
        Interpolation::Bicubic => {
            Ok(interpolate::resize(&image, size, interpolate::CUBIC))
        }
    }
}

/// From this reduction on the resizing library keeps a bit less of its weights than torchvision.
const EXTREME: usize = 64;

/// One call for both axes would do the rows first: overshoots are clipped between the passes,
/// so the order shows.
fn convolve(
    image: Pixels,
    size: Size,
    filter: FilterType,
    kernel: Kernel,
) -> Result<Pixels, String> {
    let narrow = Size { width: size.width, height: image.size.height };
    let narrow = if image.size.width / size.width >= EXTREME {
        interpolate::reduce_width(&image, size.width, kernel)
    } else {
        convolve_axis(image, narrow, filter)?
    };
    if narrow.size.height / size.height >= EXTREME {
        Ok(interpolate::reduce_height(&narrow, size.height, kernel))
    } else {
        convolve_axis(narrow, size, filter)
    }
}

fn convolve_axis(
    image: Pixels,
    size: Size,
    filter: FilterType,
) -> Result<Pixels, String> {
    if image.size == size {
        return Ok(image);
    }
    let kind = if image.channels == 1 { PixelType::U8 } else { PixelType::U8x3 };
    let (width, height) = (image.size.width as u32, image.size.height as u32);
    let source = ImageRef::new(width, height, &image.values, kind)
        .map_err(|error| error.to_string())?;
    let mut target = Image::new(size.width as u32, size.height as u32, kind);
    let options =
        ResizeOptions::new().resize_alg(ResizeAlg::Convolution(filter)).use_alpha(false);
    Resizer::new()
        .resize(&source, &mut target, &options)
        .map_err(|error| error.to_string())?;
    Ok(Pixels { size, channels: image.channels, values: target.into_vec() })
}

fn nearest(image: &Pixels, size: Size) -> Pixels {
    let columns = nearest_indices(image.size.width, size.width);
    let rows = nearest_indices(image.size.height, size.height);
    let channels = image.channels;
    let mut values = Vec::with_capacity(size.width * size.height * channels);
    for row in rows {
        let start = row * image.size.width * channels;
        for &column in &columns {
            let at = start + column * channels;
            values.extend_from_slice(&image.values[at..at + channels]);
        }
    }
    Pixels { size, channels, values }
}

/// In f32, as torchvision computes them: with large sizes f64 gives other indices.
fn nearest_indices(from: usize, to: usize) -> Vec<usize> {
    let scale = from as f32 / to as f32;
    (0..to).map(|i| ((i as f32 * scale) as usize).min(from - 1)).collect()
}
