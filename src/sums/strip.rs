//! The sums of a strip of pixels, and adding a pass to them.

use super::resize::Resized;
use super::softmax::Block;
use super::{LANES, Needs, NotFinite, ScoreKind};

/// Pixels of a strip, the unit of work of a thread. A multiple of [`LANES`].
pub(super) const STRIP: usize = 8 * LANES;

/// Lanes of the blocks that hold the rest of a strip behind its full blocks.
const SMALL: usize = 8;

/// Purpose of a pass.
#[derive(Debug, Clone, Copy)]
pub(super) enum PassKind {
    /// Keeps the class and its probability without dropout.
    Deterministic,
    /// Adds a sample; `weight` is 1 / (number of samples including it).
    Sample { weight: f32 },
}

/// Scores of a pass.
pub(super) enum ScoreSource<'a> {
    /// Scores of the size of the sums.
    Same { values: &'a [f32], n_pixels: usize, kind: ScoreKind },
    /// Logits of another size.
    Resized(Resized),
}

/// Sums of consecutive pixels.
///
/// Sums with a value per class are stored block by block, within a block class by class, within a
/// class lane by lane: a block that starts at pixel `o` of the strip starts at `o * n_classes`.
#[derive(Debug, Clone)]
pub(super) struct Strip {
    pub(super) first_pixel: usize,
    pub(super) n_pixels: usize,
    pub(super) n_classes: usize,
    pub(super) mean: Vec<f32>,
    /// Sums of squared deviations from the mean; empty if not needed.
    pub(super) deviations: Vec<f32>,
    /// Mean entropies; empty if not needed.
    pub(super) entropy: Vec<f32>,
    /// Votes; empty if not needed.
    pub(super) votes: Vec<u16>,
    /// The mean when the last group of samples ended; empty until a group ends.
    pub(super) mean_before: Vec<f32>,
    /// Sums of squared deviations of the groups' means; empty until a group ends.
    pub(super) group_deviations: Vec<f32>,
    /// Empty until there was a deterministic pass.
    pub(super) deterministic: Vec<(u16, f32)>,
}

/// The first pixel and the number of lanes of each block of a strip.
pub(super) fn blocks(n_pixels: usize) -> impl Iterator<Item = (usize, usize)> {
    let full = n_pixels - n_pixels % LANES;
    let small = n_pixels - n_pixels % SMALL;
    let of = |range: std::ops::Range<usize>, lanes| {
        range.step_by(lanes).map(move |o| (o, lanes))
    };
    of(0..full, LANES).chain(of(full..small, SMALL)).chain(of(small..n_pixels, 1))
}

impl Strip {
    pub(super) fn new(
        first_pixel: usize,
        n_pixels: usize,
        n_classes: usize,
        needs: Needs,
    ) -> Self {
        let size = n_pixels * n_classes;
        let sized = |is_needed: bool, size: usize| if is_needed { size } else { 0 };
        Self {
            first_pixel,
            n_pixels,
            n_classes,
            mean: vec![0.0; size],
            deviations: vec![0.0; sized(needs.moments, size)],
            entropy: vec![0.0; sized(needs.entropy, n_pixels)],
            votes: vec![0; sized(needs.votes, size)],
            mean_before: Vec::new(),
            group_deviations: Vec::new(),
            deterministic: Vec::new(),
        }
    }

    /// Adds passes in their order.
    #[inline(always)]
    pub(super) fn take(
        &mut self,
        passes: &[(ScoreSource, PassKind)],
    ) -> Result<(), NotFinite> {
        let mut scratch = vec![0.0; self.n_classes * LANES.min(self.n_pixels)];
        for (source, pass) in passes {
            if matches!(pass, PassKind::Deterministic) {
                self.deterministic.resize(self.n_pixels, (0, 0.0));
            }
            for (offset, lanes) in blocks(self.n_pixels) {
                match lanes {
                    LANES => {
                        self.take_block::<LANES>(offset, source, *pass, &mut scratch)?;
                    }
                    SMALL => {
                        self.take_block::<SMALL>(offset, source, *pass, &mut scratch)?;
                    }
                    _ => self.take_block::<1>(offset, source, *pass, &mut scratch)?,
                }
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn take_block<const W: usize>(
        &mut self,
        offset: usize,
        source: &ScoreSource,
        pass: PassKind,
        scratch: &mut [f32],
    ) -> Result<(), NotFinite> {
        let (rows, _) = scratch.as_chunks_mut::<W>();
        let rows = &mut rows[..self.n_classes];
        let first = self.first_pixel + offset;
        let kind = source.load(first, rows);
        let mut block = Block::new(rows);
        if let Some(bad) = block.find_largest(kind) {
            return Err(NotFinite { pixel: first + bad.pixel, class: bad.class });
        }
        let entropy = match kind {
            ScoreKind::Logits => block.normalize_logits(),
            ScoreKind::Probabilities => {
                block.normalize_probabilities(!self.entropy.is_empty())
            }
        };
        match pass {
            PassKind::Deterministic => {
                for lane in 0..W {
                    let class = block.class[lane];
                    let probability =
                        block.rows[class as usize][lane] * block.inverse[lane];
                    self.deterministic[offset + lane] = (class as u16, probability);
                }
            }
            PassKind::Sample { weight } => {
                self.add_block(offset, &block, &entropy, weight);
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn add_block<const W: usize>(
        &mut self,
        offset: usize,
        block: &Block<W>,
        entropy: &[f32; W],
        weight: f32,
    ) {
        let start = offset * self.n_classes;
        let (means, _) = self.mean[start..].as_chunks_mut::<W>();
        if self.deviations.is_empty() {
            for (mean, row) in means.iter_mut().zip(&*block.rows) {
                for lane in 0..W {
                    let p = row[lane] * block.inverse[lane];
                    mean[lane] += (p - mean[lane]) * weight;
                }
            }
        } else {
            let (deviations, _) = self.deviations[start..].as_chunks_mut::<W>();
            let sums = means.iter_mut().zip(deviations);
            for ((mean, deviation), row) in sums.zip(&*block.rows) {
                for lane in 0..W {
                    let p = row[lane] * block.inverse[lane];
                    let before = p - mean[lane];
                    mean[lane] += before * weight;
                    deviation[lane] += before * (p - mean[lane]);
                }
            }
        }
        if !self.entropy.is_empty() {
            for (mean, value) in self.entropy[offset..].iter_mut().zip(entropy) {
                *mean += (value - *mean) * weight;
            }
        }
        if !self.votes.is_empty() {
            for lane in 0..W {
                let vote = &mut self.votes[start + block.class[lane] as usize * W + lane];
                *vote = vote.saturating_add(1);
            }
        }
    }
}

impl ScoreSource<'_> {
    /// Loads the scores of `W` pixels, a row per class, and returns their meaning. One channel
    /// becomes two classes.
    #[inline(always)]
    fn load<const W: usize>(
        &self,
        first_pixel: usize,
        rows: &mut [[f32; W]],
    ) -> ScoreKind {
        let is_pair = match self {
            Self::Same { values, n_pixels, .. } => values.len() == *n_pixels,
            Self::Resized(resized) => resized.n_channels() == 1,
        };
        let loaded = if is_pair { &mut rows[1..] } else { &mut rows[..] };
        let kind = match self {
            Self::Same { values, n_pixels, kind } => {
                for (channel, row) in values.chunks_exact(*n_pixels).zip(loaded) {
                    row.copy_from_slice(&channel[first_pixel..first_pixel + W]);
                }
                *kind
            }
            Self::Resized(resized) => {
                resized.load(first_pixel, loaded);
                ScoreKind::Logits
            }
        };
        if is_pair && let [first, second] = rows {
            for lane in 0..W {
                first[lane] = match kind {
                    ScoreKind::Logits => 0.0,
                    ScoreKind::Probabilities => 1.0 - second[lane],
                };
            }
        }
        kind
    }
}
