//! The sums of a strip of pixels, and adding a pass to them.

use super::resize::Resized;
use super::softmax::Block;
use super::{Family, Invalid, LANES, Needs, OutputKind, SpreadForm, TargetUnit};

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

/// What is read of a pass.
pub(super) struct PassSource<'a> {
    pub(super) scores: OutputSource<'a>,
    /// The head of the variance, and its form.
    pub(super) spread: Option<(OutputSource<'a>, SpreadForm)>,
    /// The information of logit noise, if there is any.
    pub(super) information: Option<OutputSource<'a>>,
    /// The unit of each target; empty if the network's values are in their units.
    pub(super) units: &'a [TargetUnit],
}

/// Values of a head in a pass.
pub(super) enum OutputSource<'a> {
    /// An output of the size of the sums.
    Same { values: &'a [f32], n_pixels: usize, kind: OutputKind },
    /// Values of another size, and their meaning once they are resized.
    Resized(Resized, OutputKind),
}

/// Sums of consecutive pixels.
///
/// Sums with a value per class are stored block by block, within a block class by class, within a
/// class lane by lane: a block that starts at pixel `o` of the strip starts at `o * n_classes`.
#[derive(Debug, Clone)]
pub(super) struct Strip {
    pub(super) first_pixel: usize,
    pub(super) n_pixels: usize,
    /// Number of classes, labels or targets.
    pub(super) n_classes: usize,
    pub(super) family: Family,
    pub(super) mean: Vec<f32>,
    /// Sums of squared deviations from the mean; empty if not needed.
    pub(super) deviations: Vec<f32>,
    /// Means of what each pass leaves open: one per pixel for classes, else one per channel. Empty
    /// if not needed.
    pub(super) within: Vec<f32>,
    /// Votes; empty if not needed.
    pub(super) votes: Vec<u16>,
    /// Means of the information of logit noise; empty if not needed.
    pub(super) information: Vec<f32>,
    /// The mean when the last group of samples ended; empty until a group ends.
    pub(super) mean_before: Vec<f32>,
    /// Sums of squared deviations of the groups' means; empty until a group ends.
    pub(super) group_deviations: Vec<f32>,
    /// Class and probability without dropout. Empty until there was a deterministic pass, and for
    /// other families.
    pub(super) deterministic: Vec<(u16, f32)>,
    /// Values without dropout, stored like the mean. Empty until there was a deterministic pass, and
    /// for classes.
    pub(super) deterministic_values: Vec<f32>,
    /// What that pass leaves open, stored alike.
    pub(super) deterministic_within: Vec<f32>,
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
        (family, n_classes): (Family, usize),
        needs: Needs,
    ) -> Self {
        let size = n_pixels * n_classes;
        let within = n_pixels * family.within_per_pixel(n_classes);
        let sized = |is_needed: bool, size: usize| if is_needed { size } else { 0 };
        Self {
            first_pixel,
            n_pixels,
            n_classes,
            family,
            mean: vec![0.0; size],
            deviations: vec![0.0; sized(needs.moments, size)],
            within: vec![0.0; sized(needs.within, within)],
            votes: vec![0; sized(needs.votes && family == Family::Classes, size)],
            information: vec![
                0.0;
                sized(needs.noise && family == Family::Classes, n_pixels)
            ],
            mean_before: Vec::new(),
            group_deviations: Vec::new(),
            deterministic: Vec::new(),
            deterministic_values: Vec::new(),
            deterministic_within: Vec::new(),
        }
    }

    /// Adds passes in their order.
    #[inline(always)]
    pub(super) fn take(
        &mut self,
        passes: &[(PassSource, PassKind)],
    ) -> Result<(), Invalid> {
        let rows = self.n_classes * if self.family == Family::Classes { 1 } else { 2 };
        let mut scratch = vec![0.0; rows * LANES.min(self.n_pixels)];
        for (source, pass) in passes {
            if matches!(pass, PassKind::Deterministic) {
                self.start_deterministic();
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
        source: &PassSource,
        pass: PassKind,
        scratch: &mut [f32],
    ) -> Result<(), Invalid> {
        if self.family == Family::Classes {
            self.take_classes::<W>(offset, source, pass, scratch)
        } else {
            self.take_channels::<W>(offset, source, pass, scratch)
        }
    }

    fn start_deterministic(&mut self) {
        if self.family == Family::Classes {
            self.deterministic.resize(self.n_pixels, (0, 0.0));
        } else {
            self.deterministic_values.resize(self.mean.len(), 0.0);
            self.deterministic_within.resize(self.mean.len(), 0.0);
        }
    }

    #[inline(always)]
    fn take_classes<const W: usize>(
        &mut self,
        offset: usize,
        source: &PassSource,
        pass: PassKind,
        scratch: &mut [f32],
    ) -> Result<(), Invalid> {
        let (rows, _) = scratch.as_chunks_mut::<W>();
        let rows = &mut rows[..self.n_classes];
        let first = self.first_pixel + offset;
        let kind = source.scores.load(first, rows);
        let mut block = Block::new(rows);
        if let Some(bad) = block.find_largest(kind) {
            return Err(Invalid { pixel: first + bad.pixel, ..bad });
        }
        let entropy = match kind {
            OutputKind::Logits => block.normalize_logits(),
            _ => block.normalize_probabilities(!self.within.is_empty()),
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
                if let Some(information) = &source.information {
                    self.add_information::<W>(offset, information, weight);
                }
            }
        }
        Ok(())
    }

    #[inline(always)]
    fn add_information<const W: usize>(
        &mut self,
        offset: usize,
        source: &OutputSource,
        weight: f32,
    ) {
        let mut row = [[0.0; W]];
        source.load(self.first_pixel + offset, &mut row);
        // No sum is kept if it is not needed.
        for (mean, value) in self.information.iter_mut().skip(offset).zip(row[0]) {
            *mean += (value - *mean) * weight;
        }
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
        if !self.within.is_empty() {
            for (mean, value) in self.within[offset..].iter_mut().zip(entropy) {
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

impl OutputSource<'_> {
    /// Loads `W` pixels, a row per channel, and returns the meaning of the values. One channel of
    /// two rows becomes two classes.
    #[inline(always)]
    pub(super) fn load<const W: usize>(
        &self,
        first_pixel: usize,
        rows: &mut [[f32; W]],
    ) -> OutputKind {
        let n_channels = match self {
            Self::Same { values, n_pixels, .. } => values.len() / n_pixels,
            Self::Resized(resized, _) => resized.n_channels(),
        };
        let is_pair = n_channels == 1 && rows.len() == 2;
        let loaded = if is_pair { &mut rows[1..] } else { &mut rows[..] };
        let kind = match self {
            Self::Same { values, n_pixels, kind } => {
                for (channel, row) in values.chunks_exact(*n_pixels).zip(loaded) {
                    row.copy_from_slice(&channel[first_pixel..first_pixel + W]);
                }
                *kind
            }
            Self::Resized(resized, kind) => {
                resized.load(first_pixel, loaded);
                *kind
            }
        };
        if is_pair && let [first, second] = rows {
            for lane in 0..W {
                first[lane] = match kind {
                    OutputKind::Logits => 0.0,
                    _ => 1.0 - second[lane],
                };
            }
        }
        kind
    }
}
