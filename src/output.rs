//! The files of a run: class maps, heat maps, overlays, arrays and the table of rows.
//!
//! Encoders turn planes of numbers into the bytes of a file and do not open files. They return
//! `io::Result`, because they do not know the path. Only [`folder::OutputFolder`] creates files,
//! completely or not at all; [`table::Table`] appends rows. This module does not know the meaning of
//! the numbers: each map comes with its bound, and each class map with its number of classes.

pub mod chart;
pub mod class_map;
pub mod colormap;
mod confined;
pub mod float_tiff;
pub mod folder;
pub mod format;
pub mod gray_png;
pub mod heat_map;
pub mod overlay;
pub mod page;
mod png_decoder;
mod png_encoder;
pub mod resample;
#[cfg(feature = "report")]
pub mod sheet;
pub mod table;
