//! Sampling an image: the prefix once, the suffix for every sample, sums a pixel.
//!
//! A [`Sampler`] is made once for a model. A probe with noise images finds out which axis of
//! each tensor counts rows, so that several samples can share a run; where that cannot be
//! proven, a run has one row. A batch size that the file fixes is opened where a probe proves that
//! this changes nothing; where it does, runs have that size. Row `-1` of an image is the deterministic pass.

mod axis;
mod culprit;
mod image;
mod open_batch;
mod options;
mod prefix;
mod probe;
mod rows;
mod sampler;
mod scores;
mod shortcut;
mod size;
mod stop;

pub use image::model_input;
pub use options::{Masks, SamplingOptions};
pub(crate) use probe::Crossing;
pub use rows::Rows;
pub use sampler::{Bound, Sampler};
pub use scores::ScoreLayout;
pub use shortcut::Shortcut;
pub use stop::{Steering, Stop, StopRule};
