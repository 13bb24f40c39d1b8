//! Files that the page of a folder (`report.html`) loads: pictures, and values of maps.
//!
//! A page that is opened from disk can neither fetch a file nor read the pixels of a picture.
//! Therefore values are scripts, one per image, which are loaded when they are shown (`data`).
//! Pictures are copies, so that the folder can be moved and shared ([`preview`]).

#[cfg(feature = "report")]
pub mod data;
mod page_folder;
pub mod preview;

pub use page_folder::{PageFolder, Pictures};

/// Name of the page.
pub const PAGE: &str = "report.html";

/// Folder of the files that the page loads.
pub const FOLDER: &str = "report";

/// Folder of the files of the other run in a comparison.
pub const OTHER: &str = "report/compare";

/// Values of maps: `report/data/<path>.js`.
pub const DATA: &str = "data";

/// Pictures as they were decoded, upright: PNG for small ones, else JPEG.
pub const PICTURES: &str = "images";

/// Thumbnails with the heat map over them.
pub const THUMBNAILS: &str = "thumbnails";

/// Labels, if they were given.
pub const LABELS: &str = "labels";

/// Endings of the files that the page loads.
pub const ENDINGS: &[&str] = &["js", "png", "jpg"];
