//! Resizes floating-point values without rounding to 8 bits.
//!
//! Bilinear and bicubic agree with torchvision's `resize` of `float32` tensors to 1e-6 with
//! antialiasing and to 5e-6 without, as far as torch's own code paths agree. Positions and weights
//! are computed in f32 like in torch; in f64 they differ by 1e-4 for large images. Lanczos, box and
//! Hamming are the filters of Pillow.
//!
//! Source: PyTorch `aten/src/ATen/native/cpu/UpSampleKernel.cpp`.

use super::Pixels;
use super::mix::{self, Floating};
use crate::input::preprocessing::interpolate::{Kernel, Taps};
use crate::input::settings::Size;

/// Resizes with a kernel. A direction that keeps its length is not changed.
pub(super) fn resize(image: Pixels<f32>, size: Size, how: Reach) -> Pixels<f32> {
    let narrow = if image.size.width == size.width {
        image
    } else {
        mix::columns(Floating, &image, &how.taps(image.size.width, size.width))
    };
    if narrow.size.height == size.height {
        narrow
    } else {
        mix::rows(Floating, &narrow, &how.taps(narrow.size.height, size.height))
    }
}

/// A kernel whose reach grows with the reduction or is fixed.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reach {
    /// Growing reach, with antialiasing.
    Growing(Kernel),
    /// Fixed reach, without antialiasing.
    Fixed(Kernel),
}

impl Reach {
    fn taps(self, from: usize, to: usize) -> Vec<Taps<f32>> {
        let scale = from as f32 / to as f32;
        match self {
            Self::Growing(kernel) => {
                (0..to).map(|i| growing(i, from, scale, kernel)).collect()
            }
            Self::Fixed(kernel) => {
                (0..to).map(|i| fixed(i, from, scale, kernel)).collect()
            }
        }
    }
}

fn fixed(i: usize, from: usize, scale: f32, kernel: Kernel) -> Taps<f32> {
    let at = i as f32 + 0.5;
    // torch's linear code rounds the product; its cubic code does not.
    let center =
        if kernel.reach > 1.0 { scale.mul_add(at, -0.5) } else { scale * at - 0.5 };
    let (before, share) = (center.floor(), center - center.floor());
    let (reach, last) = (kernel.reach as isize, from.cast_signed() - 1);
    let start = before as isize + 1 - reach;
    let first = start.clamp(0, last);
    let length = ((start + 2 * reach - 1).clamp(0, last) - first + 1) as usize;
    let mut weights = vec![0.0; length];
    for offset in 0..2 * reach {
        let steps = (offset + 1 - reach) as f32;
        // Distances on both sides are computed from the fraction, as in torch.
        let distance =
            if steps <= 0.0 { share - steps } else { (1.0 - share) + (steps - 1.0) };
        let at = (start + offset).clamp(0, last) - first;
        weights[at as usize] += (kernel.single)(distance);
    }
    Taps { first: first as usize, weights }
}

fn growing(i: usize, from: usize, scale: f32, kernel: Kernel) -> Taps<f32> {
    let widening = scale.max(1.0);
    let reach = kernel.reach as f32 * widening;
    let center = (f64::from(scale) * (i as f64 + 0.5)) as f32;
    let first = (f64::from(center - reach) + 0.5).max(0.0) as usize;
    let end = ((f64::from(center + reach) + 0.5) as usize).min(from);
    let inverse = 1.0 / widening;
    let weight = |at: usize| {
        let distance = (f64::from(at as f32 - center) + 0.5) * f64::from(inverse);
        (kernel.single)(distance as f32)
    };
    let mut weights: Vec<f32> = (first..end).map(weight).collect();
    let sum: f32 = weights.iter().sum();
    for weight in &mut weights {
        *weight /= sum;
    }
    Taps { first, weights }
}
