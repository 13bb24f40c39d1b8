//! Weighted sums of columns, then of rows: integers for 8-bit pixels, or floating point.

use super::Pixels;
use crate::input::preprocessing::interpolate::Taps;
use crate::input::settings::Size;
use crate::simd::Isa;

/// Arithmetic of weighted sums.
pub(super) trait Arithmetic: Copy {
    /// Value of a pixel.
    type Value: Copy + Default;
    /// Weight of a value.
    type Weight: Copy;
    /// Sum of weighted values.
    type Sum: Copy;

    /// Returns the empty sum.
    fn start(self) -> Self::Sum;
    /// Adds a value to a sum.
    fn add(self, sum: Self::Sum, weight: Self::Weight, value: Self::Value) -> Self::Sum;
    /// Converts a sum to a value.
    fn finish(self, sum: Self::Sum) -> Self::Value;
}

/// Integer weights with this number of fractional bits, and 8-bit values. Sums are rounded half up.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fixed(pub(super) u32);

impl Arithmetic for Fixed {
    type Value = u8;
    type Weight = i32;
    type Sum = i32;

    #[inline(always)]
    fn start(self) -> i32 {
        1 << (self.0 - 1)
    }

    #[inline(always)]
    fn add(self, sum: i32, weight: i32, value: u8) -> i32 {
        sum.wrapping_add(weight.wrapping_mul(i32::from(value)))
    }

    #[inline(always)]
    fn finish(self, sum: i32) -> u8 {
        (sum >> self.0).clamp(0, 255) as u8
    }
}

/// Weights and values in f32.
#[derive(Debug, Clone, Copy)]
pub(super) struct Floating;

impl Arithmetic for Floating {
    type Value = f32;
    type Weight = f32;
    type Sum = f32;

    #[inline(always)]
    fn start(self) -> f32 {
        0.0
    }

    #[inline(always)]
    fn add(self, sum: f32, weight: f32, value: f32) -> f32 {
        sum + weight * value
    }

    #[inline(always)]
    fn finish(self, sum: f32) -> f32 {
        sum
    }
}

/// Rounds exact weights to integers, halves away from zero.
pub(super) fn fixed_taps(
    exact: impl Iterator<Item = Taps<f64>>,
    bits: u32,
) -> Vec<Taps<i32>> {
    let unit = f64::from(1_u32 << bits);
    exact.map(|taps| taps.map(|weight| (weight * unit).round() as i32)).collect()
}

/// Changes the width to the number of taps.
pub(super) fn columns<A: Arithmetic>(
    arithmetic: A,
    image: &Pixels<A::Value>,
    taps: &[Taps<A::Weight>],
) -> Pixels<A::Value> {
    let channels = image.channels;
    let size = Size { width: taps.len(), height: image.size.height };
    let mut values = vec![A::Value::default(); size.width * size.height * channels];
    let lines = || image.values.chunks_exact(image.size.width * channels);
    let new = values.chunks_exact_mut((size.width * channels).max(1));
    for (new, old) in new.zip(lines()) {
        match channels {
            1 => line::<A, 1>(arithmetic, old, taps, new),
            3 => line::<A, 3>(arithmetic, old, taps, new),
            _ => line::<A, 4>(arithmetic, old, taps, new),
        }
    }
    Pixels { size, channels, values }
}

fn line<A: Arithmetic, const CHANNELS: usize>(
    arithmetic: A,
    old: &[A::Value],
    taps: &[Taps<A::Weight>],
    new: &mut [A::Value],
) {
    let old = old.as_chunks::<CHANNELS>().0;
    for (new, taps) in new.as_chunks_mut::<CHANNELS>().0.iter_mut().zip(taps) {
        let mut sums = [arithmetic.start(); CHANNELS];
        let pixels = &old[taps.first..][..taps.weights.len()];
        for (pixel, weight) in pixels.iter().zip(&taps.weights) {
            for (sum, value) in sums.iter_mut().zip(pixel) {
                *sum = arithmetic.add(*sum, *weight, *value);
            }
        }
        *new = sums.map(|sum| arithmetic.finish(sum));
    }
}

/// Changes the height to the number of taps.
pub(super) fn rows<A: Arithmetic>(
    arithmetic: A,
    image: &Pixels<A::Value>,
    taps: &[Taps<A::Weight>],
) -> Pixels<A::Value> {
    let length = image.size.width * image.channels;
    let size = Size { width: image.size.width, height: taps.len() };
    let mut values = vec![A::Value::default(); length * size.height];
    let isa = Isa::detect();
    for (new, taps) in values.chunks_exact_mut(length.max(1)).zip(taps) {
        let old = &image.values[taps.first * length..];
        isa.run(
            #[inline(always)]
            || row(arithmetic, old, &taps.weights, new),
        );
    }
    Pixels { size, channels: image.channels, values }
}

/// Number of values of a row that are summed together, so that the sums stay in registers.
const LANES: usize = 64;

#[inline(always)]
fn row<A: Arithmetic>(
    arithmetic: A,
    old: &[A::Value],
    weights: &[A::Weight],
    new: &mut [A::Value],
) {
    let length = new.len();
    let (blocks, rest) = new.as_chunks_mut::<LANES>();
    let whole = blocks.len() * LANES;
    for (i, block) in blocks.iter_mut().enumerate() {
        let mut sums = [arithmetic.start(); LANES];
        for (line, weight) in old.chunks_exact(length).zip(weights) {
            for (sum, value) in sums.iter_mut().zip(&line[i * LANES..][..LANES]) {
                *sum = arithmetic.add(*sum, *weight, *value);
            }
        }
        for (new, sum) in block.iter_mut().zip(sums) {
            *new = arithmetic.finish(sum);
        }
    }
    for (i, new) in rest.iter_mut().enumerate() {
        let values = old[whole + i..].iter().step_by(length);
        let sum = weights
            .iter()
            .zip(values)
            .fold(arithmetic.start(), |sum, (w, v)| arithmetic.add(sum, *w, *v));
        *new = arithmetic.finish(sum);
    }
}
