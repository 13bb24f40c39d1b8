//! What a user can choose about sampling.

use super::shortcut::Shortcut;
use super::stop::Stop;
use crate::error::{Error, Result};
use crate::random::Draws;
use crate::sums::{CategoricalSums, Needs};
use crate::task::Task;

/// Sharing of masks between images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Masks {
    /// Each image has masks of its own, from the bytes of its file.
    #[default]
    PerImage,
    /// All images have the masks of image key 0.
    Shared,
}

impl Masks {
    /// The name to type and to show.
    pub fn name(self) -> &'static str {
        match self {
            Self::PerImage => "per-image",
            Self::Shared => "shared",
        }
    }
}

/// Options of sampling.
#[derive(Debug, Clone)]
pub struct SamplingOptions {
    /// Number of stochastic passes, or their maximum if `stop` is set. Default: 31, a block.
    pub samples: u32,
    /// When an image has enough of them. Default: never.
    pub stop: Option<Stop>,
    /// Seed of the masks. Default: 0.
    pub seed: u64,
    /// Joint distribution of the samples of a unit. Default: stratified.
    pub draws: Draws,
    /// Sharing of masks between images. Default: each has its own.
    pub masks: Masks,
    /// All sites off: one pass, no sample. Default: off.
    pub deterministic: bool,
    /// Rows of a run of the suffix. Default: what fits `memory`, at most [`Self::MOST_ROWS`].
    pub batch_size: Option<usize>,
    /// Bytes that the rows of one run may take, as estimated from the tensors at the cut, the
    /// sites and the output. Default: 64 MiB, since runs are fastest while their tensors fit
    /// the processor's caches; more rows pay only if a row is small.
    pub memory: usize,
    /// Threads of ONNX Runtime and of the reduction. Default: one a core.
    pub threads: usize,
    /// Classification or segmentation. Default: by the rank of the output.
    pub task: Option<&'static Task>,
    /// The sums that the measures need, and `stop`, which needs the moments. Default: all.
    pub needs: Needs,
    /// Ways to do less work that are not taken. Default: none.
    pub disabled: Vec<Shortcut>,
}

impl SamplingOptions {
    /// Rows of a run if neither the user nor the memory asks for fewer: a block and the
    /// deterministic pass.
    pub const MOST_ROWS: usize = 32;

    /// # Errors
    /// If the number of samples or the tolerance is out of range.
    pub(super) fn check(&self) -> Result<()> {
        let most = CategoricalSums::MAX_SAMPLES;
        if !(1..=most).contains(&(self.samples as usize)) {
            let message = format!("{} is not between 1 and {most}", self.samples);
            return Err(Error::setting("samples", message)
                .with_hint("31, the default, is one stratified block"));
        }
        match self.stop {
            Some(Stop::Rule(rule)) => rule.check(),
            _ => Ok(()),
        }
    }

    /// Returns whether a shortcut is taken.
    pub fn uses(&self, shortcut: Shortcut) -> bool {
        !self.disabled.contains(&shortcut)
    }
}

impl Default for SamplingOptions {
    fn default() -> Self {
        Self {
            samples: 31,
            stop: None,
            seed: 0,
            draws: Draws::Stratified,
            masks: Masks::PerImage,
            deterministic: false,
            batch_size: None,
            memory: 64 << 20,
            threads: std::thread::available_parallelism()
                .map_or(1, std::num::NonZero::get),
            task: None,
            needs: Needs { moments: true, entropy: true, votes: true },
            disabled: Vec::new(),
        }
    }
}
