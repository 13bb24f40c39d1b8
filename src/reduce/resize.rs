//! Bilinear resizing of logits, block by block, so that a resized map of logits never exists.
//!
//! Half-pixel centres, clamped at the edges, without antialiasing: what bilinear `interpolate`
//! without `align_corners` does in `PyTorch`, and a linear `half_pixel` `Resize` in ONNX.

use super::elementary::ln;
use super::softmax::LOWEST_SCORE;
use super::{NotFinite, ScoreKind, Scores};
use crate::simd::Isa;

/// Numbers between the rows of two channels, so that those of many channels do not fall on the
/// same lines of the processor's cache.
const GAP: usize = 16;

/// Columns that are interpolated between rows at a time.
const SPAN: usize = 128;

/// Logits with the way to another size.
#[derive(Debug)]
pub(super) struct Resized {
    /// Row by row, within a row channel by channel, `stride` apart.
    logits: Vec<f32>,
    stride: usize,
    n_channels: usize,
    rows: Vec<Tap>,
    columns: Vec<Tap>,
}

/// The two neighbours that a row or column lies between.
#[derive(Debug, Clone, Copy)]
struct Tap {
    low: usize,
    high: usize,
    /// Weight of `high`; that of `low` is the rest.
    weight: f32,
}

impl Resized {
    /// Scores as logits that can be interpolated, with the way to a height and width.
    ///
    /// Probabilities become their logarithms, which the softmax after the interpolation takes
    /// back; a probability of 0 counts as e^−87.3.
    ///
    /// # Errors
    /// Where a score is NaN or +∞, or no class is possible at a pixel.
    pub(super) fn new(
        scores: &Scores,
        to: [usize; 2],
        isa: Isa,
    ) -> Result<Self, NotFinite> {
        check(scores)?;
        let Scores { values, n_channels, height, width, kind } = *scores;
        let stride = width + GAP;
        let mut logits = vec![0.0; height * n_channels * stride];
        for (i, row) in values.chunks_exact(width).enumerate() {
            let (channel, y) = (i / height, i % height);
            logits[(y * n_channels + channel) * stride..][..width].copy_from_slice(row);
        }
        isa.run(
            #[inline(always)]
            || match (kind, n_channels) {
                (ScoreKind::Logits, _) => replace(&mut logits, |x| x.max(LOWEST_SCORE)),
                (ScoreKind::Probabilities, 1) => {
                    replace(&mut logits, |x| ln(x) - ln(1.0 - x));
                }
                (ScoreKind::Probabilities, _) => replace(&mut logits, ln),
            },
        );
        let (rows, columns) = (taps(height, to[0]), taps(width, to[1]));
        Ok(Self { logits, stride, n_channels, rows, columns })
    }

    pub(super) fn n_channels(&self) -> usize {
        self.n_channels
    }

    /// Loads the pixels from `first_pixel` on, of the size resized to, a row a channel.
    #[inline(always)]
    pub(super) fn load<const W: usize>(&self, first_pixel: usize, rows: &mut [[f32; W]]) {
        let mut lane = 0;
        while lane < W {
            let y = (first_pixel + lane) / self.columns.len();
            let x = (first_pixel + lane) % self.columns.len();
            let columns = &self.columns[x..(x + W - lane).min(self.columns.len())];
            // The columns that lie between one span of columns of the logits.
            let first = columns[0].low;
            let n = columns.iter().take_while(|tap| tap.high < first + SPAN).count();
            self.load_part(self.rows[y], (first, &columns[..n]), rows, lane);
            lane += n;
        }
    }

    /// Interpolates a part of a line: between two rows first, then between their columns.
    #[inline(always)]
    fn load_part<const W: usize>(
        &self,
        row: Tap,
        (first, columns): (usize, &[Tap]),
        out: &mut [[f32; W]],
        lane: usize,
    ) {
        let length = columns.last().map_or(0, |tap| tap.high + 1 - first);
        let upper = self.logits[row.low * self.n_channels * self.stride + first..]
            .chunks(self.stride);
        let lower = self.logits[row.high * self.n_channels * self.stride + first..]
            .chunks(self.stride);
        let mut mixed = [0.0; SPAN];
        for ((out, upper), lower) in out.iter_mut().zip(upper).zip(lower) {
            for ((mixed, above), below) in
                mixed.iter_mut().zip(&upper[..length]).zip(lower)
            {
                *mixed = (1.0 - row.weight) * above + row.weight * below;
            }
            for (out, tap) in out[lane..].iter_mut().zip(columns) {
                let (left, right) =
                    (mixed[(tap.low - first) % SPAN], mixed[(tap.high - first) % SPAN]);
                *out = (1.0 - tap.weight) * left + tap.weight * right;
            }
        }
    }
}

#[inline(always)]
fn replace(values: &mut [f32], by: impl Fn(f32) -> f32) {
    for value in values {
        *value = by(*value);
    }
}

fn taps(from: usize, to: usize) -> Vec<Tap> {
    let scale = from as f64 / to as f64;
    let tap = |i: usize| {
        let place = ((i as f64 + 0.5) * scale - 0.5).max(0.0);
        let low = (place as usize).min(from - 1);
        let high = (low + 1).min(from - 1);
        let weight = if low == high { 0.0 } else { (place - low as f64) as f32 };
        Tap { low, high, weight }
    };
    (0..to).map(tap).collect()
}

fn check(scores: &Scores) -> Result<(), NotFinite> {
    let n_pixels = scores.height * scores.width;
    let lowest = match scores.kind {
        ScoreKind::Logits => f32::NEG_INFINITY,
        ScoreKind::Probabilities => 0.0,
    };
    let mut is_possible = vec![scores.n_channels == 1; n_pixels];
    for channel in scores.values.chunks_exact(n_pixels) {
        for (is_possible, &score) in is_possible.iter_mut().zip(channel) {
            *is_possible |= score > lowest;
        }
    }
    let at = |i: usize| NotFinite { pixel: i % n_pixels, class: i / n_pixels };
    let infinite = (0..scores.values.len())
        .filter(|&i| scores.values[i].is_nan() || scores.values[i] == f32::INFINITY)
        .map(at);
    let impossible = (0..n_pixels).filter(|&pixel| !is_possible[pixel]).map(at);
    infinite.chain(impossible).min().map_or(Ok(()), Err)
}
