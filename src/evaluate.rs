//! A prediction folder against labels: every item counted, metrics and curves written.
//!
//! Images are read and summarised on several threads and added up on one, in whatever order they
//! come, which does not change the sums ([`metric`](crate::metric)). Little is kept of an image
//! but its part of them.

mod curves;
mod folder;
mod labels;
mod report;
mod stream;

pub use folder::Folder;
pub use labels::{Labels, Rename};
pub use report::write;
pub use stream::{Counted, Event, evaluate};
