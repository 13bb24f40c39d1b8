//! From files to what a network takes: which images there are, their pixels, and those pixels
//! resized, cropped and normalized.
//!
//! ```text
//! files, folders, patterns, lists -> images (ids and paths) -> decode (a picture)
//!                                                           -> preprocessing (f32)
//! ```
//!
//! Everything here is a pure function of the files read and the settings given, on whichever
//! thread it is called. Nothing is run or looked up that an image, a configuration or a class
//! list names: data is only read. Only this module and `output` name the `image` crate.

pub mod decode;
mod digest;
pub mod images;
pub mod label;
pub mod picture;
pub mod preprocessing;
pub mod settings;

pub use decode::{Decoded, picture_of, read_image};
pub use digest::{hexadecimal, sha256_of};
pub use images::{ImageFile, Listing, Source, list_images};
pub use picture::{Picture, Values};
pub use preprocessing::{Geometry, NetworkInput, Preprocessing};
pub use settings::ReadOptions;

/// Most pixels that an image may have, before and after resizing, unless said otherwise. More
/// is taken for a mistake or for a file made to exhaust memory.
pub const MAX_PIXELS: u64 = 200_000_000;
