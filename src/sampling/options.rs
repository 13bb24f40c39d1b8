//! Options of sampling.

use super::shortcut::Shortcut;
use super::stop::Stop;
use crate::error::{Error, Result};
use crate::random::{BLOCK, Draws};
use crate::sums::{ImageSums, Needs, TargetUnit};
use crate::task::Task;

/// Sharing of masks between images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Masks {
    /// Each image has its own masks, derived from the bytes of its file.
    #[default]
    PerImage,
    /// All images share the masks of image key 0.
    Shared,
}

impl Masks {
    /// Returns the name in settings and messages.
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
    /// Number of samples, or their maximum if `stop` is set. Default: 31, a block.
    pub samples: u32,
    /// Rule by which sampling ends early. Default: none.
    pub stop: Option<Stop>,
    /// Seed of the masks. Default: 0.
    pub seed: u64,
    /// Joint distribution of the samples of a unit. Default: stratified.
    pub draws: Draws,
    /// Sharing of masks between images. Default: each has its own.
    pub masks: Masks,
    /// Runs one pass with all sites off, and no samples. Default: `false`.
    pub deterministic: bool,
    /// Number of samples of an image that run together. Default: as many as fit `memory`, at most
    /// [`Self::MOST_ROWS`].
    pub batch_size: Option<usize>,
    /// Memory in bytes for the samples that run together, estimated from the tensors at the cut, at
    /// the sites and at the output. Default: 64 MiB, because runs are fastest if their tensors fit
    /// the processor's caches.
    pub memory: usize,
    /// Number of threads of ONNX Runtime and of the sums. Default: one per core.
    pub threads: usize,
    /// Task of the model. Default: determined by the shape of the output.
    pub task: Option<&'static Task>,
    /// Unit of the targets of a regression. Default: the network's values as they are.
    pub target: TargetUnit,
    /// Number of draws of the noise of logits in each pass, best a multiple of 31, for models that
    /// predict its variance. Default: 31.
    pub logit_noise_samples: Option<u32>,
    /// Sums that are kept: those that the measures need, and the moments for `stop`. Default: all.
    pub needs: Needs,
    /// Optimizations that are not used. Default: none.
    pub disabled: Vec<Shortcut>,
}

impl SamplingOptions {
    /// Largest default of [`Self::batch_size`]: a block and the deterministic pass.
    pub const MOST_ROWS: usize = 32;

    /// Largest number of draws of the noise of logits.
    pub const MOST_DRAWS: u32 = 65_535;

    /// Checks the options.
    ///
    /// # Errors
    /// Fails if the number of samples or the tolerance is out of range.
    pub(super) fn check(&self) -> Result<()> {
        let most = ImageSums::MAX_SAMPLES;
        if !(1..=most).contains(&(self.samples as usize)) {
            let message = format!("{} is not between 1 and {most}", self.samples);
            return Err(Error::setting("samples", message)
                .with_hint("31, the default, is one stratified block"));
        }
        let draws = self.logit_noise_draws();
        if !(1..=Self::MOST_DRAWS).contains(&draws) {
            let message = format!("{draws} is not between 1 and {}", Self::MOST_DRAWS);
            return Err(Error::setting("logit_noise_samples", message)
                .with_hint("31, the default, is one stratified block"));
        }
        match self.stop {
            Some(Stop::Rule(rule)) => rule.check(),
            _ => Ok(()),
        }
    }

    /// Returns the number of draws of the noise of logits in each pass.
    pub fn logit_noise_draws(&self) -> u32 {
        self.logit_noise_samples.unwrap_or(BLOCK as u32)
    }

    /// Returns whether an optimization is used.
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
            target: TargetUnit::default(),
            logit_noise_samples: None,
            needs: Needs::ALL,
            disabled: Vec::new(),
        }
    }
}
