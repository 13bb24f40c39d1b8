//! Bilinear resizing of logits, block by block, so that a resized map of logits never exists.
//!
//! Without antialiasing, clamped at the edges: what bilinear `interpolate` does in `PyTorch`, and
//! a linear `Resize` in ONNX.

use super::elementary::ln;
use super::softmax::LOWEST_SCORE;
use super::{LANES, NotFinite, ScoreKind, Scores};
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
    /// The columns again, [`GROUP`] at a time; empty where they lie too far apart.
    groups: Vec<Group>,
}

/// Columns that are interpolated at once: as many as a full block has lanes.
const GROUP: usize = LANES;

/// Neighbouring columns as a product: what each takes of the logits from `first` on. Most
/// weights are 0, and still this is several times as fast as to pick two logits for each column.
#[derive(Debug)]
struct Group {
    first: usize,
    weights: Vec<[f32; GROUP]>,
}

impl Group {
    /// Most logits that a group lies between; with more, picking two for each column is faster.
    const MOST: usize = 20;

    fn of(columns: &[Tap]) -> Self {
        let first = columns[0].low;
        let last = columns.iter().map(|tap| tap.high).max().unwrap_or(first);
        let mut weights = vec![[0.0; GROUP]; last + 1 - first];
        for (lane, tap) in columns.iter().enumerate() {
            weights[tap.low - first][lane] = 1.0 - tap.weight;
            weights[tap.high - first][lane] += tap.weight;
        }
        Self { first, weights }
    }

    fn all(columns: &[Tap]) -> Vec<Self> {
        let (groups, _) = columns.as_chunks::<GROUP>();
        let groups: Vec<Self> = groups.iter().map(|group| Self::of(group)).collect();
        if groups.iter().all(|group| group.weights.len() <= Self::MOST) {
            groups
        } else {
            Vec::new()
        }
    }
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
        let Scores { values, n_channels, height, width, kind, ref coordinates } = *scores;
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
        let (rows, columns) =
            (taps(height, to[0], *coordinates), taps(width, to[1], *coordinates));
        let groups = Group::all(&columns);
        Ok(Self { logits, stride, n_channels, rows, columns, groups })
    }

    pub(super) fn n_channels(&self) -> usize {
        self.n_channels
    }

    /// All pixels, channel by channel.
    pub(super) fn all(&self) -> Vec<f32> {
        let n_pixels = self.rows.len() * self.columns.len();
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

    /// Loads the pixels from `first_pixel` on, of the size resized to, a row a channel.
    #[inline(always)]
    pub(super) fn load<const W: usize>(&self, first_pixel: usize, rows: &mut [[f32; W]]) {
        let mut lane = 0;
        while lane < W {
            let y = (first_pixel + lane) / self.columns.len();
            let x = (first_pixel + lane) % self.columns.len();
            if W == GROUP
                && lane == 0
                && x.is_multiple_of(GROUP)
                && x + W <= self.columns.len()
                && let Some(group) = self.groups.get(x / GROUP)
            {
                return self.load_group(self.rows[y], group, rows);
            }
            let columns = &self.columns[x..(x + W - lane).min(self.columns.len())];
            // The columns that lie between one span of columns of the logits.
            let first = columns[0].low;
            let n = columns.iter().take_while(|tap| tap.high < first + SPAN).count();
            self.load_part(self.rows[y], (first, &columns[..n]), rows, lane);
            lane += n;
        }
    }

    /// Interpolates the columns of a group of one line.
    #[inline(always)]
    fn load_group<const W: usize>(&self, row: Tap, group: &Group, out: &mut [[f32; W]]) {
        let (upper, lower) = self.lines(row, group.first);
        let mut mixed = [0.0; SPAN];
        for ((out, upper), lower) in out.iter_mut().zip(upper).zip(lower) {
            mix(&mut mixed, row, (&upper[..group.weights.len()], lower));
            out.fill(0.0);
            for (weights, &value) in group.weights.iter().zip(&mixed) {
                for (sum, weight) in out.iter_mut().zip(weights) {
                    *sum += weight * value;
                }
            }
        }
    }

    /// The two lines of every channel that a row lies between, from a column on.
    #[inline(always)]
    fn lines(
        &self,
        row: Tap,
        first: usize,
    ) -> (std::slice::Chunks<'_, f32>, std::slice::Chunks<'_, f32>) {
        let line = |y: usize| {
            self.logits[y * self.n_channels * self.stride + first..].chunks(self.stride)
        };
        (line(row.low), line(row.high))
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
        let (upper, lower) = self.lines(row, first);
        let mut mixed = [0.0; SPAN];
        for ((out, upper), lower) in out.iter_mut().zip(upper).zip(lower) {
            mix(&mut mixed, row, (&upper[..length], lower));
            for (out, tap) in out[lane..].iter_mut().zip(columns) {
                let (left, right) =
                    (mixed[(tap.low - first) % SPAN], mixed[(tap.high - first) % SPAN]);
                *out = (1.0 - tap.weight) * left + tap.weight * right;
            }
        }
    }
}

/// Interpolates between two lines.
#[inline(always)]
fn mix(mixed: &mut [f32; SPAN], row: Tap, (upper, lower): (&[f32], &[f32])) {
    for ((mixed, above), below) in mixed.iter_mut().zip(upper).zip(lower) {
        *mixed = (1.0 - row.weight) * above + row.weight * below;
    }
}

#[inline(always)]
fn replace(values: &mut [f32], by: impl Fn(f32) -> f32) {
    for value in values {
        *value = by(*value);
    }
}

/// Which place of the scores a pixel of the size resized to takes, along an axis of `from` scores
/// and `to` pixels: the coordinate transformations of ONNX's `Resize`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Coordinates {
    /// Centres of pixels: `(i + 1/2) from / to - 1/2`.
    #[default]
    HalfPixel,
    /// As half pixels, but the first place where there is one pixel.
    PytorchHalfPixel,
    /// First on first, last on last: `i (from - 1) / (to - 1)`.
    AlignCorners,
    /// First on first: `i from / to`.
    Asymmetric,
}

impl Coordinates {
    fn place(self, i: usize, from: usize, to: usize) -> f64 {
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
        let place = coordinates.place(i, from, to).max(0.0);
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
