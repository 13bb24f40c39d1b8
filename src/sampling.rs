//! Sampling: the prefix runs once per image, the suffix once per sample, and sums keep what is needed.
//!
//! Speed is described in [`guide::speed`](crate::guide::speed).

mod batching;
mod culprit;
mod image;
mod open_batch;
mod options;
mod prefix;
mod probe;
mod probe_tensor;
mod sampler;
mod scores;
mod shortcut;
mod size;
mod stop;

pub use batching::Batching;
pub use image::model_input;
pub use options::{Masks, SamplingOptions};
pub(crate) use probe::CutLayout;
pub use sampler::{LowerBoundTime, Sampler};
pub use scores::ScoreLayout;
pub use shortcut::Shortcut;
pub use stop::{Stop, StopRule, StopTarget};
