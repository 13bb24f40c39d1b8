//! Resizes 8-bit pixels with weights of its own: without antialiasing, and with it where the
//! reduction is extreme.
//!
//! Columns first, then rows, 8 bits in between; weights are 16-bit integers with as many
//! fractional bits as fit. This is torchvision's arithmetic for `uint8` tensors. Without
//! antialiasing each value is a mixture of the two (linear) or four (cubic) nearest in each
//! direction, however much smaller the result is, and beyond the border the border's value
//! counts (`INTER_LINEAR` of cv2 is the same up to rounding). With it the reach grows with
//! the reduction, and what lies beyond the border does not count.

use super::resize::Pixels;
use super::settings::Size;

/// An interpolation: how far it reaches, and the weight of a neighbour by its distance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kernel {
    reach: usize,
    weight: fn(f64) -> f64,
}

/// Weights falling linearly.
pub(super) const LINEAR: Kernel = Kernel { reach: 1, weight: linear };

/// Keys' cubic with a = -0.75, torchvision's choice without antialiasing.
pub(super) const CUBIC: Kernel = Kernel { reach: 2, weight: |x| cubic(-0.75, x) };

/// Keys' cubic with a = -0.5 (Catmull-Rom), torchvision's and Pillow's choice with antialiasing.
pub(super) const CATMULL_ROM: Kernel = Kernel { reach: 2, weight: |x| cubic(-0.5, x) };

fn linear(distance: f64) -> f64 {
    (1.0 - distance.abs()).max(0.0)
}

fn cubic(a: f64, distance: f64) -> f64 {
    let x = distance.abs();
    if x < 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * a
    } else {
        0.0
    }
}

/// Resizes to `size` without antialiasing.
pub(super) fn resize(image: &Pixels, size: Size, kernel: Kernel) -> Pixels {
    let columns = Weights::fixed_reach(image.size.width, size.width, kernel);
    let rows = Weights::fixed_reach(image.size.height, size.height, kernel);
    rows.mix_rows(&columns.mix_columns(image))
}

/// Brings the width to `to` with antialiasing.
pub(super) fn reduce_width(image: &Pixels, to: usize, kernel: Kernel) -> Pixels {
    Weights::growing_reach(image.size.width, to, kernel).mix_columns(image)
}

/// Brings the height to `to` with antialiasing.
pub(super) fn reduce_height(image: &Pixels, to: usize, kernel: Kernel) -> Pixels {
    Weights::growing_reach(image.size.height, to, kernel).mix_rows(image)
}

/// Integer weights of the old positions that each new position along one axis mixes.
struct Weights {
    /// Fractional bits of a weight.
    precision: u32,
    /// For each new position the first old one and the weights from there on.
    taps: Vec<(usize, Vec<i32>)>,
}

impl Weights {
    fn fixed_reach(from: usize, to: usize, kernel: Kernel) -> Self {
        let scale = from as f64 / to as f64;
        let reach = kernel.reach.cast_signed();
        let last = from.cast_signed() - 1;
        Self::rounded((0..to).map(|i| {
            let centre = scale * (i as f64 + 0.5) - 0.5;
            let first = centre.floor() as isize + 1 - reach;
            let end = first + 2 * reach;
            let start = first.clamp(0, last);
            let mut weights = vec![0.0; ((end - 1).clamp(0, last) - start + 1) as usize];
            for at in first..end {
                weights[(at.clamp(0, last) - start) as usize] +=
                    (kernel.weight)(at as f64 - centre);
            }
            (start as usize, weights)
        }))
    }

    fn growing_reach(from: usize, to: usize, kernel: Kernel) -> Self {
        let scale = from as f64 / to as f64;
        let widening = scale.max(1.0);
        let reach = kernel.reach as f64 * widening;
        Self::rounded((0..to).map(|i| {
            let centre = scale * (i as f64 + 0.5);
            let start = (centre - reach + 0.5).max(0.0) as usize;
            let end = ((centre + reach + 0.5) as usize).min(from);
            let mut weights: Vec<f64> = (start..end)
                .map(|at| (kernel.weight)((at as f64 - centre + 0.5) / widening))
                .collect();
            let sum: f64 = weights.iter().sum();
            for weight in &mut weights {
                *weight /= sum;
            }
            (start, weights)
        }))
    }

    fn rounded(exact: impl Iterator<Item = (usize, Vec<f64>)>) -> Self {
        let exact: Vec<_> = exact.collect();
        let largest =
            exact.iter().flat_map(|(_, weights)| weights).copied().fold(0.0, f64::max);
        let precision = (0..22)
            .find(|bits| largest * f64::from(1_u32 << (bits + 1)) + 0.5 >= 32_768.0)
            .unwrap_or(22);
        let unit = f64::from(1_u32 << precision);
        let integer = |weight: f64| (weight * unit).round() as i32;
        let taps = exact
            .into_iter()
            .map(|(start, weights)| (start, weights.into_iter().map(integer).collect()))
            .collect();
        Self { precision, taps }
    }

    fn mix_columns(&self, image: &Pixels) -> Pixels {
        let channels = image.channels;
        let size = Size { width: self.taps.len(), height: image.size.height };
        let mut values = Vec::with_capacity(size.width * size.height * channels);
        for row in image.values.chunks_exact(image.size.width * channels) {
            for (start, weights) in &self.taps {
                for channel in 0..channels {
                    let old = row[start * channels + channel..].iter().step_by(channels);
                    values.push(self.mixture(weights, old));
                }
            }
        }
        Pixels { size, channels, values }
    }

    fn mix_rows(&self, image: &Pixels) -> Pixels {
        let length = image.size.width * image.channels;
        let size = Size { width: image.size.width, height: self.taps.len() };
        let mut values = Vec::with_capacity(length * size.height);
        for (start, weights) in &self.taps {
            for i in 0..length {
                let old = image.values[start * length + i..].iter().step_by(length);
                values.push(self.mixture(weights, old));
            }
        }
        Pixels { size, channels: image.channels, values }
    }

    fn mixture<'a>(&self, weights: &[i32], old: impl Iterator<Item = &'a u8>) -> u8 {
        let half = 1 << (self.precision - 1);
        let sum: i32 =
            weights.iter().zip(old).map(|(weight, old)| weight * i32::from(*old)).sum();
        ((sum + half) >> self.precision).clamp(0, 255) as u8
    }
}
