//! What a run leaves behind: class maps, heat maps, overlays, arrays and the table of rows.
//!
//! Encoders turn planes of numbers into the bytes of a file and open nothing; they say
//! `io::Result`, because they do not know which file it is for. [`folder::OutputFolder`] is
//! the one place that creates files, whole or not at all; [`table::Table`] appends the rows.
//! What the numbers mean is not known here: a map comes with its bound, a class map with its
//! number of classes.

pub mod chart;
pub mod class_map;
pub mod colormap;
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
pub mod table;
