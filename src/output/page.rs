//! Files behind the page of a folder (`report.html`): its pictures, and values that it can read.
//!
//! A page that was opened from disk may neither fetch a file nor read the pixels of a picture.
//! Values come to it as scripts, one an image, loaded when they are looked at ([`data`]). The
//! pictures are copies, so that the folder can be moved and passed on ([`preview`]).

pub mod data;
mod page_folder;
pub mod preview;

pub use page_folder::{PageFolder, Pictures};

/// The page itself.
pub const PAGE: &str = "report.html";

/// The folder of everything behind it.
pub const FOLDER: &str = "report";

/// The same of a run that is compared with.
pub const OTHER: &str = "report/compare";

/// Values of maps: `report/data/<path>.js`.
pub const DATA: &str = "data";

/// Pictures as they were decoded, upright: PNG for small ones, else JPEG.
pub const PICTURES: &str = "images";

/// Small pictures with the heat map over them.
pub const THUMBNAILS: &str = "thumbnails";

/// Labels, where some were given.
pub const LABELS: &str = "labels";

/// Endings of files behind the page.
pub const ENDINGS: &[&str] = &["js", "png", "jpg"];
