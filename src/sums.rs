//! Sums over samples, a few numbers a pixel: what the measures are computed from.
//!
//! A [`Reduction`] takes the scores of one sample after the other ([`Reduction::add`]) and keeps
//! sums only, so its memory does not depend on the number of samples. [`Reduction::finish`] turns
//! them into [`Statistics`].
//!
//! For each sample and pixel: bring the scores to the network's input size (bilinear, as logits),
//! subtract the largest, exponentiate, normalize, and update
//!
//! | sum | size a pixel | kept for |
//! |---|---|---|
//! | mean of the probability | C | everything |
//! | sum of squared deviations from that mean | C | [`Needs::moments`] |
//! | mean of the entropy | 1 | [`Needs::entropy`] |
//! | votes: how often the class was the likeliest | C | [`Needs::votes`] |
//!
//! # Order and bits
//! Lanes are pixels, in blocks of 64 with the classes of a block together (`[block][class][64]`);
//! the rest of a map goes in blocks of 8 and of 1. No operation crosses lanes and samples are
//! added in the order they come, so results do not depend on threads, on how samples were batched
//! or on the instruction set.
//!
//! # Accuracy
//! Everything is f32. Means are running means (`m += (p - m) / t`) and deviations are Welford's,
//! so that equal samples give their own value as the mean and a variance of exactly 0. Where one
//! class is nearly certain, its distance from 1 is a sum over the other classes and never a
//! difference: entropies and distances keep their relative accuracy far below 1e-7. Against sums
//! in f64, over random scores, the largest errors of means, mean entropies and variances are
//! 2e-7 at 31 samples, 5e-7 at 310 and 2e-6 at 4,000: far below what sampling itself leaves
//! uncertain (about a hundredth at 4,000), so f64 or compensated sums would double the memory for
//! digits that mean nothing. Sums over classes have a relative error of up to about 1e-8 a class
//! (1e-5 at a thousand). A probability below 1.2e-19 counts as 0.
//!
//! # References
//! - B. P. Welford (1962), *Note on a Method for Calculating Corrected Sums of Squares and
//!   Products*, Technometrics 4(3).

mod elementary;
mod entropy;
mod resize;
mod softmax;
mod spread;
mod statistics;
mod strip;
mod tile;

#[cfg(test)]
mod tests;

use rayon::prelude::*;

use crate::simd::Isa;
use resize::Resized;
use strip::{Pass, STRIP, Source, Strip};

pub use resize::Coordinates;
pub use spread::{SamplingError, Spread};
pub use statistics::Statistics;
pub use tile::{Tile, Top};

/// Most lanes in a [`Tile`].
pub const LANES: usize = 64;

/// Which sums are kept beside the mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Needs {
    /// The squared deviations from the mean.
    pub moments: bool,
    /// The mean entropy.
    pub entropy: bool,
    /// The votes for each class.
    pub votes: bool,
}

impl Needs {
    /// Nothing but the mean.
    pub const MEAN: Self = Self { moments: false, entropy: false, votes: false };

    /// Every sum.
    pub const ALL: Self = Self { moments: true, entropy: true, votes: true };

    /// What either needs.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self {
            moments: self.moments || other.moments,
            entropy: self.entropy || other.entropy,
            votes: self.votes || other.votes,
        }
    }

    /// Whether these sums are enough where `other` is needed.
    pub fn covers(self, other: Self) -> bool {
        self.union(other) == self
    }
}

/// What the numbers that a network puts out are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScoreKind {
    /// Any numbers, to go through a softmax; −∞ is a class that cannot be.
    Logits,
    /// Probabilities; negative ones count as 0, and they are divided by their sum.
    Probabilities,
}

/// The scores of one sample of one image, class by class, row by row.
///
/// One channel stands for two classes: logits `[0, z]`, or probabilities `[1 - s, s]`.
#[derive(Debug, Clone, Copy)]
pub struct Scores<'a> {
    /// `n_channels * height * width` numbers.
    pub values: &'a [f32],
    /// Number of channels.
    pub n_channels: usize,
    /// Number of rows; 1 in classification.
    pub height: usize,
    /// Number of columns; 1 in classification.
    pub width: usize,
    /// What the numbers are.
    pub kind: ScoreKind,
    /// How they are brought to the size of the sums, where that is another.
    pub coordinates: Coordinates,
}

/// A score that is no number, or a pixel in which no class is possible.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
#[error(
    "the score of class {class} at pixel {pixel} is NaN or infinite, or no class is possible there"
)]
pub struct NotFinite {
    /// Where, row by row in the scores as they were given.
    pub pixel: usize,
    /// Which class; 0 where no class is possible.
    pub class: usize,
}

/// The sums over the samples of one image.
#[derive(Debug, Clone)]
pub struct Reduction {
    n_channels: usize,
    height: usize,
    width: usize,
    needs: Needs,
    isa: Isa,
    n_samples: u32,
    n_blocks: u32,
    strips: Vec<Strip>,
}

impl Reduction {
    /// Most samples that votes are counted for.
    pub const MAX_SAMPLES: usize = u16::MAX as usize;

    /// Sums of nothing yet, for scores of `n_channels` channels and maps of `height` by `width`:
    /// the network's input size, 1 by 1 in classification.
    pub fn new(
        n_channels: usize,
        height: usize,
        width: usize,
        needs: Needs,
        isa: Isa,
    ) -> Self {
        let (n_pixels, n_classes) = (height * width, n_channels.max(2));
        let strips = (0..n_pixels)
            .step_by(STRIP)
            .map(|first| Strip::new(first, STRIP.min(n_pixels - first), n_classes, needs))
            .collect();
        Self { n_channels, height, width, needs, isa, n_samples: 0, n_blocks: 0, strips }
    }

    /// Keeps the likeliest class and its probability of a pass without dropout.
    ///
    /// # Errors
    /// Where a score is NaN or +∞, or all of a pixel are −∞. The reduction is then spoilt.
    ///
    /// # Panics
    /// Where the scores have other channels than the reduction, or not as many values as they say.
    pub fn set_deterministic(&mut self, scores: &Scores) -> Result<(), NotFinite> {
        self.take(&[(scores, Pass::Deterministic)])
    }

    /// Adds a sample, in parallel over the pixels on the current thread pool of rayon.
    ///
    /// # Errors
    /// Where a score is NaN or +∞, or all of a pixel are −∞. The reduction is then spoilt.
    ///
    /// # Panics
    /// Where the scores have other channels than the reduction, or not as many values as they say.
    pub fn add(&mut self, scores: &Scores) -> Result<(), NotFinite> {
        self.add_all(std::slice::from_ref(scores))
    }

    /// Adds samples in their order: the same sums as by [`Reduction::add`] for each, but each
    /// strip of pixels takes all of them while its sums are in the processor's cache.
    ///
    /// # Errors
    /// As for [`Reduction::add`]; the pixel is the first that any sample is bad at.
    ///
    /// # Panics
    /// As for [`Reduction::add`].
    pub fn add_all(&mut self, samples: &[Scores]) -> Result<(), NotFinite> {
        let before = self.n_samples;
        self.n_samples += samples.len() as u32;
        let weights = (before + 1..).map(|n| (1.0 / f64::from(n)) as f32);
        let passes: Vec<_> =
            samples.iter().zip(weights.map(|weight| Pass::Sample { weight })).collect();
        self.take(&passes)
    }

    /// Scores at another size (height, width), channel by channel: logits as they go into the
    /// softmax.
    ///
    /// # Errors
    /// As for [`Reduction::add`].
    pub fn resized(
        scores: &Scores,
        (height, width): (usize, usize),
    ) -> Result<Vec<f32>, NotFinite> {
        Ok(Resized::new(scores, [height, width], Isa::detect())?.all())
    }

    /// The statistics of the samples so far.
    pub fn finish(self) -> Statistics {
        Statistics::new(self)
    }

    fn take(&mut self, passes: &[(&Scores, Pass)]) -> Result<(), NotFinite> {
        let sources = passes
            .par_iter()
            .map(|&(scores, pass)| Ok((self.source(scores)?, pass)))
            .collect::<Result<Vec<_>, _>>()?;
        let isa = self.isa;
        let run = |strip: &mut Strip| {
            isa.run(
                #[inline(always)]
                || strip.take(&sources),
            )
        };
        match &mut self.strips[..] {
            [strip] => run(strip),
            strips => match strips.par_iter_mut().filter_map(|s| run(s).err()).min() {
                Some(error) => Err(error),
                None => Ok(()),
            },
        }
    }

    fn source<'a>(&self, scores: &Scores<'a>) -> Result<Source<'a>, NotFinite> {
        let Scores { values, n_channels, height, width, kind, .. } = *scores;
        assert_eq!(n_channels, self.n_channels, "number of channels");
        assert_eq!(values.len(), n_channels * height * width, "number of scores");
        if (height, width) == (self.height, self.width) {
            return Ok(Source::Same { values, n_pixels: height * width, kind });
        }
        Ok(Source::Resized(Resized::new(scores, [self.height, self.width], self.isa)?))
    }
}
