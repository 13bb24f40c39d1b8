//! Resizes 8-bit pixels as OpenCV's `cv2.resize` does, which never antialiases.
//!
//! `INTER_LINEAR` has weights with 11 fractional bits and drops bits of the sums of columns before
//! rows are summed; the result is identical to OpenCV's. `INTER_CUBIC` is computed in floating point
//! and rounded once, as builds for x86-64 do for images of at least four columns; about two values
//! in a thousand differ by one level, because sums are rounded in another order.
//!
//! Source: OpenCV `modules/imgproc/src/resize.cpp`.

use super::mix::{self, Floating};
use super::{Pixels, nearest};
use crate::input::preprocessing::interpolate::Taps;
use crate::input::settings::{Interpolation, Size};
use crate::simd::Isa;

pub(super) fn resize(
    image: &Pixels,
    size: Size,
    how: Interpolation,
) -> Result<Pixels, String> {
    match how {
        Interpolation::Nearest => Ok(nearest::pick(image, size, nearest::opencv)),
        Interpolation::Bilinear => Ok(linear(image, size)),
        Interpolation::Bicubic => Ok(cubic(image, size)),
        other => Err(format!("{other} with OpenCV's arithmetic is not supported")),
    }
}

/// Weight of 1.
const UNIT: f32 = 2048.0;

/// Returns the old position before each new one and the distance to it, in f32 as in OpenCV.
fn positions(from: usize, to: usize) -> impl Iterator<Item = (isize, f32)> {
    let scale = 1.0 / (to as f64 / from as f64);
    (0..to).map(move |i| {
        let at = ((i as f64 + 0.5) * scale - 0.5) as f32;
        (at.floor() as isize, at - at.floor())
    })
}

/// Two old positions and their weights.
#[derive(Debug, Clone, Copy)]
struct Pair {
    at: [usize; 2],
    weights: [i32; 2],
}

impl Pair {
    /// Returns a pair for each new position. Positions beyond the border have the border's value:
    /// columns there get the whole weight; rows keep both weights, because bits are dropped.
    fn all(from: usize, to: usize, whole_at_border: bool) -> Vec<Self> {
        let last = from.cast_signed() - 1;
        let pair = |(before, share): (isize, f32)| {
            let beyond = before < 0 || before >= last;
            let share = if whole_at_border && beyond { 0.0 } else { share };
            let at = [before, before + 1].map(|at| at.clamp(0, last) as usize);
            let weights = [1.0 - share, share];
            Self { at, weights: weights.map(|w| (w * UNIT).round_ties_even() as i32) }
        };
        positions(from, to).map(pair).collect()
    }
}

fn linear(image: &Pixels, size: Size) -> Pixels {
    let columns = Pair::all(image.size.width, size.width, true);
    let rows = Pair::all(image.size.height, size.height, false);
    let channels = image.channels;
    let length = size.width * channels;
    let mut values = vec![0; length * size.height];
    let isa = Isa::detect();
    // Lines of the two old rows that are needed at a time, and their positions.
    let mut lines = [vec![0; length], vec![0; length]];
    let mut held = [usize::MAX; 2];
    for (new, pair) in values.chunks_exact_mut(length.max(1)).zip(&rows) {
        if held[1] == pair.at[0] {
            held.swap(0, 1);
            lines.swap(0, 1);
        }
        for i in 0..2 {
            if held[i] != pair.at[i] {
                held[i] = pair.at[i];
                let old = &image.values[pair.at[i] * image.size.width * channels..];
                match channels {
                    1 => mix_line::<1>(old, &columns, &mut lines[i]),
                    3 => mix_line::<3>(old, &columns, &mut lines[i]),
                    _ => mix_line::<4>(old, &columns, &mut lines[i]),
                }
            }
        }
        isa.run(
            #[inline(always)]
            || mix_rows(&lines, pair.weights, new),
        );
    }
    Pixels { size, channels, values }
}

fn mix_line<const CHANNELS: usize>(old: &[u8], columns: &[Pair], new: &mut [i32]) {
    let old = old.as_chunks::<CHANNELS>().0;
    for (new, pair) in new.as_chunks_mut::<CHANNELS>().0.iter_mut().zip(columns) {
        let [before, after] = pair.at.map(|at| &old[at]);
        for (new, (before, after)) in new.iter_mut().zip(before.iter().zip(after)) {
            *new = pair.weights[0] * i32::from(*before)
                + pair.weights[1] * i32::from(*after);
        }
    }
}

#[inline(always)]
fn mix_rows(lines: &[Vec<i32>; 2], weights: [i32; 2], new: &mut [u8]) {
    let pairs = lines[0].iter().zip(&lines[1]);
    for (new, (above, below)) in new.iter_mut().zip(pairs) {
        let sum =
            ((weights[0] * (above >> 4)) >> 16) + ((weights[1] * (below >> 4)) >> 16) + 2;
        *new = (sum >> 2).clamp(0, 255) as u8;
    }
}

fn cubic(image: &Pixels, size: Size) -> Pixels {
    let floats = Pixels {
        size: image.size,
        channels: image.channels,
        values: image.values.iter().map(|&value| f32::from(value)).collect(),
    };
    let columns = cubic_taps(image.size.width, size.width);
    let narrow = mix::columns(Floating, &floats, &columns);
    let rows = cubic_taps(image.size.height, size.height);
    let mixed = mix::rows(Floating, &narrow, &rows);
    let byte = |value: &f32| value.round_ties_even().clamp(0.0, 255.0) as u8;
    Pixels {
        size,
        channels: image.channels,
        values: mixed.values.iter().map(byte).collect(),
    }
}

fn cubic_taps(from: usize, to: usize) -> Vec<Taps<f32>> {
    let last = from.cast_signed() - 1;
    positions(from, to)
        .map(|(before, share)| {
            let start = before - 1;
            let first = start.clamp(0, last);
            let mut weights =
                vec![0.0; ((start + 3).clamp(0, last) - first + 1) as usize];
            for (at, weight) in (start..).zip(cubic_weights(share)) {
                weights[(at.clamp(0, last) - first) as usize] += weight;
            }
            Taps { first: first as usize, weights }
        })
        .collect()
}

/// Returns Keys' cubic with a = -0.75 at the four neighbors; the last weight completes the sum to 1.
fn cubic_weights(share: f32) -> [f32; 4] {
    const A: f32 = -0.75;
    let (far, near) = (share + 1.0, 1.0 - share);
    let outer = ((A * far - 5.0 * A) * far + 8.0 * A) * far - 4.0 * A;
    let inner = |x: f32| ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
    let (second, third) = (inner(share), inner(near));
    [outer, second, third, 1.0 - outer - second - third]
}
