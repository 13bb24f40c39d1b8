//! Sampling an image: the prefix once, the suffix for every sample, sums a pixel.
//!
//! A [`Sampler`] is made once for a model. A probe with noise images finds out which axis of
//! each tensor counts rows, so that several samples can share a run; where that cannot be
//! proven, a run has one row. Row `-1` of an image is the deterministic pass.

mod axis;
mod image;
mod options;
mod probe;
mod sampler;
mod scores;

pub use image::model_input;
pub use options::{Masks, SamplingOptions};
pub use sampler::Sampler;
pub use scores::ScoreLayout;

/// What the probe found out about a model, beside its scores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rows {
    /// Rows of a run of the suffix.
    pub per_run: usize,
    /// Why it is not more, where the model is the reason.
    pub reason: Option<String>,
}
