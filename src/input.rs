//! Images: lists files, decodes them, and converts their pixels into the input of a network.
//!
//! ```text
//! files, folders, patterns, lists -> images (ids and paths) -> decode (a picture)
//!                                                           -> preprocessing (f32)
//! ```
//!
//! Results depend only on the files and settings, not on the thread. Images, configurations and
//! class lists are only read: nothing that they name is run or looked up. Only this module and
//! `output` use the `image` crate.
//!
//! Two types hold a raster: [`Picture`] is a decoded file, and `Pixels` is the picture with the
//! channels of the model while it is resized.

pub mod decode;
mod digest;
pub mod images;
pub mod label;
pub mod picture;
pub mod preprocessing;
mod remark;
pub mod settings;

#[cfg(feature = "report")]
pub(crate) use decode::decode_content;
pub use decode::{Decoded, picture_of, read_image};
pub use digest::{hexadecimal, sha256_of};
pub(crate) use images::split_frame;
pub use images::{ImageFile, Listing, Source, each_frame, list_images};
pub use picture::{Picture, Values};
pub use preprocessing::{Geometry, NetworkInput, Preprocessing};
pub use remark::Remark;
pub use settings::ReadOptions;

/// Default limit of the pixels of an image, before and after resizing. A larger image is probably
/// a mistake, or a file made to exhaust memory.
pub const MAX_PIXELS: u64 = 200_000_000;
