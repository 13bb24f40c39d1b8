//! Predicts a folder of images and writes a folder of results.
//!
//! Reader threads decode a few images ahead. The model runs on one image after the other. Writer
//! threads compute and write maps, and rows are appended in the order of the images. Every queue is
//! bounded, so memory does not grow with the number of images. An image that fails gets a row with
//! the error.

mod apply_policy;
mod check;
mod collect;
mod images;
mod job;
mod memory_budget;
mod observe;
mod open;
#[cfg(feature = "report")]
mod page_files;
mod record;
mod resume;
mod run;
mod scales;
mod write;

pub use job::{Event, Job, OutputOptions, Summary};
pub use observe::{LabelArrays, Observed, Observer, TargetArrays, VALUE_ARRAYS};
pub use run::{predict, predict_observed};

pub use crate::record::{MapScale, MapSize, Precision};

use crate::graph::Plan;
use crate::input::Preprocessing;

/// Model and preprocessing of a run.
#[derive(Debug)]
pub struct Setup {
    /// The model with its sites and its cut.
    pub plan: Plan,
    /// Preprocessing of the images.
    pub preprocessing: Preprocessing,
}
