//! Sampling: the prefix runs once per image, the suffix once per sample, and sums keep what is needed.
//!
//! Speed is described in [`guide::speed`](crate::guide::speed).

mod batch_axes;
mod batching;
mod deferred_resize;
mod engine;
mod image;
mod lower_bound;
mod not_finite;
mod open_batch;
mod options;
mod output_layout;
mod probe;
mod probe_tensor;
mod sampler;
mod shortcut;
mod size;
mod stop;

pub use batching::Batching;
pub(crate) use engine::CutLayout;
pub use image::model_input;
pub use lower_bound::LowerBoundTime;
pub use options::{Masks, SamplingOptions};
pub use output_layout::OutputLayout;
pub(crate) use output_layout::{HeadChannels, NoiseLayout};
pub use probe::ProbedModel;
pub use sampler::Sampler;
pub use shortcut::Shortcut;
pub use stop::{Stop, StopRule};
