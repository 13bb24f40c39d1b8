//! From a folder of images to a folder of maps: reading ahead, sampling, writing behind.
//!
//! Images are decoded on threads of their own, a few ahead; the model runs on one image after
//! the other; maps are computed and written on further threads; rows are appended in the order
//! of the images. Every queue is bounded, so memory does not grow with the folder. An image
//! that fails gets a row that says why.

mod apply_policy;
mod check;
mod collect;
mod images;
mod job;
mod observe;
mod open;
mod page_files;
mod record;
mod resume;
mod run;
mod write;

pub use job::{Event, Job, OutputOptions, Summary};
pub use observe::{Observed, Observer};
pub use run::{predict, predict_observed};

pub use crate::record::{MapSize, Precision};

use crate::graph::Plan;
use crate::input::Preprocessing;

/// What is settled before the first image is read.
#[derive(Debug)]
pub struct Setup {
    /// The model, its sites found and its cut made.
    pub plan: Plan,
    /// How images become its input.
    pub preprocessing: Preprocessing,
}
