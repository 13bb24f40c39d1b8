#![doc = include_str!("docs/speed.md")]

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
