//! Sums over the passes of an image: a few numbers per pixel, from which the measures are computed.
//!
//! [`Sums`] is the trait of sums: add passes, end a group of passes, merge, read tiles. [`ImageSums`]
//! are those of all tasks. They take the outputs of one sample after the other and keep sums only, so
//! their memory does not depend on the number of samples; [`ImageSums::finish`] turns them into
//! [`Statistics`]. What is summed depends on the [`Family`] of the channels.
//!
//! # Classes
//! For each sample and pixel, the scores are brought to the network's input size (bilinear, as
//! logits), the largest is subtracted, they are exponentiated and normalized, and these sums are
//! updated:
//!
//! | sum | numbers per pixel | kept for |
//! |---|---|---|
//! | mean of the probability | C | everything |
//! | sum of squared deviations from that mean | C | [`Needs::moments`] |
//! | mean of the entropy | 1 | [`Needs::within`] |
//! | votes: number of samples in which the class was the most probable | C | [`Needs::votes`] |
//! | mean of the information of logit noise | 1 | [`Needs::noise`] |
//!
//! If logits have noise ([`LogitNoise`]), each sample first becomes the mean over draws of the softmax,
//! at the size of the network's output. From there on it is like an output of probabilities. The
//! information at each pixel, the entropy of that mean minus the mean entropy of the draws, is brought
//! to the network's input size like a value.
//!
//! # Labels and values
//! Each channel is summed by itself, after the outputs are brought to the network's input size:
//! labels as logits, values and their variances as the network writes them.
//!
//! | sum | labels | values | kept for |
//! |---|---|---|---|
//! | mean | of the probability | of the value in the target's unit | everything |
//! | sum of squared deviations from it | 1 per channel | 1 per channel | [`Needs::moments`] |
//! | mean of what a sample leaves open | its entropy | the variance that it predicts | [`Needs::within`] |
//!
//! # Order and bits
//! Lanes are pixels, in blocks of 64 with the classes of a block together (`[block][class][64]`);
//! the rest of a map is stored in blocks of 8 and of 1. No operation crosses lanes, and samples are
//! added in their order. So results do not depend on threads, on the batch size or on the
//! instruction set.
//!
//! # Accuracy
//! Everything is f32. Means are running means (`m += (p - m) / t`) and deviations are Welford's,
//! so that equal samples give their own value as the mean and a variance of exactly 0. If one
//! class is nearly certain, its distance from 1 is a sum over the other classes and never a
//! difference: entropies and distances keep their relative accuracy far below 1e-7. Against sums
//! in f64, over random scores, the largest errors of means, mean entropies and variances are
//! 2e-7 at 31 samples, 5e-7 at 310 and 2e-6 at 4,000: far below the sampling error, which is
//! about a hundredth at 4,000. f64 or compensated sums would double the memory for
//! meaningless digits. Sums over classes have a relative error of up to about 1e-8 per class
//! (1e-5 at a thousand). A probability below 1.2e-19 counts as 0.
//!
//! # Merging
//! [`Sums::merge`] combines sums of different passes (Chan et al.), with one rounding to f32 per
//! number. Any partition of the passes, merged in any way, agrees with the sums of all passes to
//! 1e-6: means, mean entropies, and variances, which are the deviations over the number of samples.
//! Votes and counts are exact. Equal samples still have their own value as the mean and a
//! variance of exactly 0.
//!
//! Floating-point addition is not associative, so merged sums differ from those of an unmerged run
//! in their last bits, and depend on the order in which they are merged. [`BlockSums`] fix that
//! order: sums of whole blocks of samples are merged as in a binary tree over the blocks' numbers.
//! Any partition of the blocks, merged in any order, gives exactly the same bits, with the memory
//! of at most two sums per level of the tree.
//!
//! # References
//! - B. P. Welford (1962), *Note on a Method for Calculating Corrected Sums of Squares and
//!   Products*, Technometrics 4(3).
//! - T. F. Chan, G. H. Golub, R. J. `LeVeque` (1983), *Algorithms for Computing the Sample Variance*,
//!   The American Statistician 37(3).

mod block_sums;
mod channelwise;
mod elementary;
mod frame;
mod image_sums;
mod logit_noise;
mod resize;
mod softmax;
mod standard_error;
mod statistics;
mod strip;
mod tile;

#[cfg(test)]
mod tests;

pub use block_sums::BlockSums;
pub(crate) use channelwise::binary_entropy;
pub use frame::{
    Family, Invalid, OutputKind, PassOutput, Reason, Spread, SpreadForm, StdFactors,
    TargetUnit,
};
pub use image_sums::ImageSums;
pub use logit_noise::LogitNoise;
pub use resize::Coordinates;
pub use standard_error::{SamplingError, VarianceSource};
pub use statistics::Statistics;
pub use tile::{Tile, Top};

/// Largest number of lanes of a [`Tile`].
pub const LANES: usize = 64;

/// Sums over the passes of one image.
pub trait Sums: Sized {
    /// Outputs of one pass.
    type Frame<'a>: Sync;
    /// Sums of one block of pixels, as measures read them.
    type Tile<'a>
    where
        Self: 'a;

    /// Keeps the result of the pass without dropout.
    ///
    /// # Errors
    /// Fails if a value is not valid. The sums must not be used afterwards.
    fn set_deterministic(&mut self, frame: &Self::Frame<'_>) -> Result<(), Invalid>;

    /// Adds passes in their order, in parallel over the pixels on the current thread pool of
    /// rayon. How the passes are spread over several calls does not change the sums.
    ///
    /// # Errors
    /// Fails if a value is not valid, with the first pixel that has one in any pass. The sums must
    /// not be used afterwards.
    fn add(&mut self, frames: &[Self::Frame<'_>]) -> Result<(), Invalid>;

    /// Ends a group: the passes since the last group ended, or since the first one. All groups must
    /// have the same number of passes. From the first call on, variances between groups are kept.
    fn end_group(&mut self);

    /// Adds the sums of other passes of the same image. If either has groups, the open group of
    /// each is ended.
    ///
    /// # Panics
    /// Panics if the sums differ in their sizes, or in the sums that they keep.
    fn merge(&mut self, other: Self);

    /// Number of samples that were added.
    fn n_samples(&self) -> u32;

    /// Number of groups that have ended.
    fn n_groups(&self) -> u32;

    /// The sums of all pixels, block by block, each with its first pixel.
    fn tiles(&self) -> impl Iterator<Item = (usize, Self::Tile<'_>)>;
}

/// Sums that are kept in addition to the mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each sum is kept or not")]
pub struct Needs {
    /// The squared deviations from the mean.
    pub moments: bool,
    /// The mean of what each pass leaves open by itself: its entropy, or the variance that its
    /// head of the variance predicts.
    pub within: bool,
    /// The votes for each class.
    pub votes: bool,
    /// The mean of the information of logit noise; 0 if logits have none.
    pub noise: bool,
}

impl Needs {
    /// Only the mean.
    pub const MEAN: Self =
        Self { moments: false, within: false, votes: false, noise: false };

    /// Every sum.
    pub const ALL: Self = Self { moments: true, within: true, votes: true, noise: true };

    /// Returns the sums that are in either.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self {
            moments: self.moments || other.moments,
            within: self.within || other.within,
            votes: self.votes || other.votes,
            noise: self.noise || other.noise,
        }
    }

    /// Returns whether these sums include all of `other`.
    pub fn covers(self, other: Self) -> bool {
        self.union(other) == self
    }
}
