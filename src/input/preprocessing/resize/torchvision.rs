//! Resizes 8-bit pixels as torchvision's `resize` does with `uint8` tensors, bit for bit.
//!
//! With antialiasing this is a convolution whose filter widens with the reduction; without it the
//! filter keeps its size. Columns are resized first, then rows, with 8 bits in between. Weights are
//! 16-bit integers with as many fractional bits as fit. `nearest` takes the pixel at
//! `floor(i * scale)` as torchvision's `NEAREST` does, not the one under the center as in Pillow.
//!
//! References: torchvision `transforms.v2.functional.resize`; the arithmetic comes from
//! Pillow-SIMD.

use fast_image_resize::images::{Image, ImageRef};
use fast_image_resize::{FilterType, PixelType, ResizeAlg, ResizeOptions, Resizer};

use super::mix::{self, Fixed};
use super::{Pixels, nearest};
use crate::input::preprocessing::interpolate::{self, Kernel, Taps};
use crate::input::settings::{Interpolation, Size};

pub(super) fn resize(
    image: Pixels,
    size: Size,
    how: Interpolation,
    antialias: bool,
) -> Result<Pixels, String> {
    match how {
        Interpolation::Nearest => Ok(nearest::pick(&image, size, nearest::torchvision)),
        Interpolation::NearestExact => {
            Ok(nearest::pick(&image, size, nearest::torchvision_exact))
        }
        Interpolation::Bilinear if antialias => {
            convolve(image, size, FilterType::Bilinear, interpolate::LINEAR)
        }
        Interpolation::Bicubic if antialias => {
            convolve(image, size, FilterType::CatmullRom, interpolate::CATMULL_ROM)
        }
        Interpolation::Lanczos if antialias => {
            convolve(image, size, FilterType::Lanczos3, interpolate::LANCZOS)
        }
        Interpolation::Bilinear => Ok(sparse(&image, size, interpolate::LINEAR)),
        Interpolation::Bicubic => Ok(sparse(&image, size, interpolate::CUBIC)),
        other => Err(format!("torchvision does not have the interpolation {other}")),
    }
}

/// Reduction from which on the resizing library keeps one bit less of its weights than torchvision.
const EXTREME: usize = 64;

/// Resizes columns, then rows. One call for both axes would resize rows first, and the order matters
/// because overshoots are clipped in between.
fn convolve(
    image: Pixels,
    size: Size,
    filter: FilterType,
    kernel: Kernel,
) -> Result<Pixels, String> {
    let narrow = Size { width: size.width, height: image.size.height };
    let narrow = if image.size.width / size.width >= EXTREME {
        reduce_width(&image, size.width, kernel)
    } else {
        convolve_axis(image, narrow, filter)?
    };
    if narrow.size.height / size.height >= EXTREME {
        let (bits, taps) =
            weights(interpolate::growing_reach(narrow.size.height, size.height, kernel));
        Ok(mix::rows(Fixed(bits), &narrow, &taps))
    } else {
        convolve_axis(narrow, size, filter)
    }
}

/// Changes the width to `to` with antialiasing.
pub(super) fn reduce_width(image: &Pixels, to: usize, kernel: Kernel) -> Pixels {
    let exact = interpolate::growing_reach(image.size.width, to, kernel);
    let (bits, taps) = weights(exact);
    mix::columns(Fixed(bits), image, &taps)
}

fn convolve_axis(
    image: Pixels,
    size: Size,
    filter: FilterType,
) -> Result<Pixels, String> {
    if image.size == size {
        return Ok(image);
    }
    let kind = match image.channels {
        1 => PixelType::U8,
        3 => PixelType::U8x3,
        _ => PixelType::U8x4,
    };
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

/// Resizes without antialiasing. Both directions are summed even if the length stays, which changes
/// no value.
fn sparse(image: &Pixels, size: Size, kernel: Kernel) -> Pixels {
    let taps = |from, to| {
        weights(interpolate::fixed_reach(from, interpolate::centers(from, to), kernel))
    };
    let (bits, columns) = taps(image.size.width, size.width);
    let narrow = mix::columns(Fixed(bits), image, &columns);
    let (bits, rows) = taps(image.size.height, size.height);
    mix::rows(Fixed(bits), &narrow, &rows)
}

/// Returns the number of fractional bits with which the largest weight fits 16 bits, and the weights.
fn weights(exact: impl Iterator<Item = Taps<f64>>) -> (u32, Vec<Taps<i32>>) {
    let exact: Vec<_> = exact.collect();
    let largest =
        exact.iter().flat_map(|taps| &taps.weights).copied().fold(0.0, f64::max);
    let bits = (0..22)
        .find(|bits| largest * f64::from(1_u32 << (bits + 1)) + 0.5 >= 32_768.0)
        .unwrap_or(22);
    (bits, mix::fixed_taps(exact.into_iter(), bits))
}
