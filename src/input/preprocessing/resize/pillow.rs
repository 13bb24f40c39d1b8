//! Resizes 8-bit pixels as Pillow does, bit for bit.
//!
//! Weights have 22 fractional bits. One direction is resized after the other, with 8 bits in between,
//! so that the order changes a few values by one level. A direction that keeps its length is not
//! changed. Source: Pillow `Resample.c`; the order was observed in Pillow 13.

use super::mix::{self, Fixed};
use super::{Pixels, nearest};
use crate::input::preprocessing::interpolate::{self, Kernel};
use crate::input::settings::{Interpolation, Size};

/// Fractional bits of a weight: 32 bits less 8 bits of value and 2 spare bits.
const BITS: u32 = 22;

pub(super) fn resize(image: Pixels, size: Size, how: Interpolation) -> Pixels {
    let Some(kernel) = kernel(how) else {
        return nearest::pick(&image, size, nearest::pillow);
    };
    if rows_first(image.size, size) {
        columns(rows(image, size.height, kernel), size.width, kernel)
    } else {
        rows(columns(image, size.width, kernel), size.height, kernel)
    }
}

/// Returns whether the height shrinks more than twice as much as the width.
fn rows_first(from: Size, to: Size) -> bool {
    let shrinks = |from: usize, to: usize| from.cast_signed() - to.cast_signed();
    let height = shrinks(from.height, to.height);
    height > 0 && height > 2 * shrinks(from.width, to.width)
}

fn columns(image: Pixels, to: usize, kernel: Kernel) -> Pixels {
    let from = image.size.width;
    if from == to {
        return image;
    }
    let taps = mix::fixed_taps(interpolate::growing_reach(from, to, kernel), BITS);
    mix::columns(Fixed(BITS), &image, &taps)
}

fn rows(image: Pixels, to: usize, kernel: Kernel) -> Pixels {
    let from = image.size.height;
    if from == to {
        return image;
    }
    let taps = mix::fixed_taps(interpolate::growing_reach(from, to, kernel), BITS);
    mix::rows(Fixed(BITS), &image, &taps)
}

/// Returns the kernel of an interpolation with antialiasing; `None` for the nearest pixel.
pub(super) fn kernel(how: Interpolation) -> Option<Kernel> {
    match how {
        Interpolation::Nearest | Interpolation::NearestExact => None,
        Interpolation::Bilinear => Some(interpolate::LINEAR),
        Interpolation::Bicubic => Some(interpolate::CATMULL_ROM),
        Interpolation::Lanczos => Some(interpolate::LANCZOS),
        Interpolation::Box => Some(interpolate::BOX),
        Interpolation::Hamming => Some(interpolate::HAMMING),
    }
}
