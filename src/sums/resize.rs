//! Bilinear resizing of logits and values, block by block, without storing the resized map.
//!
//! Without antialiasing and clamped at the edges, like bilinear `interpolate` in `PyTorch` and
//! a linear `Resize` in ONNX.

use super::elementary::ln;
use super::softmax::LOWEST_SCORE;
use super::{Family, Invalid, OutputKind, PassOutput, Reason};
use crate::simd::Isa;

/// Numbers between the lines of two channels, so that the lines of many channels do not share
/// lines of the processor's cache.
const GAP: usize = 16;

/// Logits or values on their way to another size: they have the new width and the old height. So each line is
/// interpolated once, and not again for every new line next to it.
#[derive(Debug)]
pub(super) struct Resized {
    /// Line by line, within a line channel by channel, `stride` apart.
    lines: Vec<f32>,
    stride: usize,
    n_channels: usize,
    width: usize,
    rows: Vec<Tap>,
}

/// The two neighbors that a row or column is between.
#[derive(Debug, Clone, Copy)]
struct Tap {
    low: usize,
    high: usize,
    /// Weight of `high`; that of `low` is the rest.
    weight: f32,
}

impl Resized {
    /// Prepares scores for a height and width.
    ///
    /// Probabilities become their logarithms, which the softmax after the interpolation
    /// inverts; a probability of 0 counts as e^−87.3.
    ///
    /// # Errors
    /// Fails if a score is NaN or +∞, or if no class is possible at a pixel.
    pub(super) fn new(
        scores: &PassOutput,
        to: [usize; 2],
        isa: Isa,
    ) -> Result<Self, Invalid> {
        check(scores)?;
        let PassOutput { values, n_channels, height, width, kind, .. } = *scores;
        let (rows, columns) = (
            taps(height, to[0], scores.coordinates),
            taps(width, to[1], scores.coordinates),
        );
        let stride = to[1] + GAP;
        let mut lines = vec![0.0; height * n_channels * stride];
        let mut line = vec![0.0; width];
        for (i, row) in values.chunks_exact(width).enumerate() {
            let (channel, y) = (i / height, i % height);
            line.copy_from_slice(row);
            isa.run(
                #[inline(always)]
                || to_logits(&mut line, kind, n_channels),
            );
            let wide = &mut lines[(y * n_channels + channel) * stride..][..to[1]];
            for (wide, tap) in wide.iter_mut().zip(&columns) {
                *wide = (1.0 - tap.weight) * line[tap.low] + tap.weight * line[tap.high];
            }
        }
        Ok(Self { lines, stride, n_channels, width: to[1], rows })
    }

    pub(super) fn n_channels(&self) -> usize {
        self.n_channels
    }

    /// Returns all pixels, channel by channel.
    pub(super) fn all(&self) -> Vec<f32> {
        let n_pixels = self.rows.len() * self.width;
        let mut all = vec![0.0; self.n_channels * n_pixels];
        let mut pixel = vec![[0.0]; self.n_channels];
        for i in 0..n_pixels {
            self.load(i, &mut pixel);
            for (channel, [value]) in all.chunks_exact_mut(n_pixels).zip(&pixel) {
                channel[i] = *value;
            }
        }
        all
    }

    /// Loads resized pixels from `first_pixel` on, a row per channel.
    #[inline(always)]
    pub(super) fn load<const W: usize>(&self, first_pixel: usize, rows: &mut [[f32; W]]) {
        let (y, x) = (first_pixel / self.width, first_pixel % self.width);
        if x + W <= self.width {
            let (upper, lower) = self.around(self.rows[y], x);
            for ((out, upper), lower) in rows.iter_mut().zip(upper).zip(lower) {
                mix(out, self.rows[y].weight, &upper[..W], &lower[..W]);
            }
            return;
        }
        let mut lane = 0;
        while lane < W {
            let (y, x) =
                ((first_pixel + lane) / self.width, (first_pixel + lane) % self.width);
            let n = (W - lane).min(self.width - x);
            let (upper, lower) = self.around(self.rows[y], x);
            for ((out, upper), lower) in rows.iter_mut().zip(upper).zip(lower) {
                let out = &mut out[lane..lane + n];
                mix(out, self.rows[y].weight, &upper[..n], &lower[..n]);
            }
            lane += n;
        }
    }

    /// Returns the two lines of every channel that a row is between, from a column on.
    #[inline(always)]
    fn around(
        &self,
        row: Tap,
        x: usize,
    ) -> (std::slice::Chunks<'_, f32>, std::slice::Chunks<'_, f32>) {
        let line = |y: usize| {
            self.lines[y * self.n_channels * self.stride + x..].chunks(self.stride)
        };
        (line(row.low), line(row.high))
    }
}

/// Interpolates between two lines.
#[inline(always)]
fn mix(out: &mut [f32], weight: f32, upper: &[f32], lower: &[f32]) {
    for ((out, above), below) in out.iter_mut().zip(upper).zip(lower) {
        *out = (1.0 - weight) * above + weight * below;
    }
}

/// Converts scores to numbers that can be interpolated ([`OutputKind::resized`]).
#[inline(always)]
fn to_logits(line: &mut [f32], kind: OutputKind, n_channels: usize) {
    match (kind, n_channels) {
        (OutputKind::Logits, _) => replace(line, |x| x.max(LOWEST_SCORE)),
        (OutputKind::Probabilities, 1) | (OutputKind::LabelProbabilities, _) => {
            replace(line, |x| ln(x) - ln(1.0 - x));
        }
        (OutputKind::Probabilities, _) => replace(line, ln),
        (OutputKind::LabelLogits, _) => {
            replace(line, |x| x.clamp(LOWEST_SCORE, -LOWEST_SCORE));
        }
        (OutputKind::Values, _) => {}
    }
}

#[inline(always)]
fn replace(values: &mut [f32], by: impl Fn(f32) -> f32) {
    for value in values {
        *value = by(*value);
    }
}

/// Coordinate transformation of ONNX's `Resize`: the position among `from` scores that pixel `i` of
/// `to` pixels takes along an axis.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Coordinates {
    /// Centers of pixels: `(i + 1/2) from / to - 1/2`.
    #[default]
    HalfPixel,
    /// As `HalfPixel`, but the first score if there is only one pixel.
    PytorchHalfPixel,
    /// First on first, last on last: `i (from - 1) / (to - 1)`.
    AlignCorners,
    /// First on first: `i from / to`.
    Asymmetric,
}

impl Coordinates {
    fn position(self, i: usize, from: usize, to: usize) -> f64 {
        let (i, scale) = (i as f64, from as f64 / to as f64);
        match self {
            Self::PytorchHalfPixel | Self::AlignCorners if to == 1 => 0.0,
            Self::HalfPixel | Self::PytorchHalfPixel => (i + 0.5) * scale - 0.5,
            Self::AlignCorners => i * (from as f64 - 1.0) / (to as f64 - 1.0),
            Self::Asymmetric => i * scale,
        }
    }
}

fn taps(from: usize, to: usize, coordinates: Coordinates) -> Vec<Tap> {
    let tap = |i: usize| {
        let position = coordinates.position(i, from, to).max(0.0);
        let low = (position as usize).min(from - 1);
        let high = (low + 1).min(from - 1);
        let weight = if low == high { 0.0 } else { (position - low as f64) as f32 };
        Tap { low, high, weight }
    };
    (0..to).map(tap).collect()
}

fn check(scores: &PassOutput) -> Result<(), Invalid> {
    let n_pixels = scores.height * scores.width;
    let at = |i: usize| Invalid {
        pixel: i % n_pixels,
        channel: i / n_pixels,
        reason: Reason::NotFinite,
    };
    if scores.kind.family() != Family::Classes {
        let is_bad = |value: &f32| match scores.kind {
            OutputKind::LabelLogits => value.is_nan(),
            _ => !value.is_finite(),
        };
        let bad = (0..scores.values.len()).filter(|&i| is_bad(&scores.values[i]));
        return bad.map(at).min().map_or(Ok(()), Err);
    }
    let lowest = match scores.kind {
        OutputKind::Logits => f32::NEG_INFINITY,
        _ => 0.0,
    };
    let mut is_possible = vec![scores.n_channels == 1; n_pixels];
    for channel in scores.values.chunks_exact(n_pixels) {
        for (is_possible, &score) in is_possible.iter_mut().zip(channel) {
            *is_possible |= score > lowest;
        }
    }
    let infinite = (0..scores.values.len())
        .filter(|&i| scores.values[i].is_nan() || scores.values[i] == f32::INFINITY)
        .map(at);
    let impossible = (0..n_pixels).filter(|&pixel| !is_possible[pixel]).map(at);
    infinite.chain(impossible).min().map_or(Ok(()), Err)
}
