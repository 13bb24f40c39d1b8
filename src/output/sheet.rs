//! Drawings on paper: pictures, rectangles and text at positions in millimeters, as SVG, PNG or PDF.
//!
//! Text stays text in SVG and PDF, which contain the font; letters that it lacks become `?`, except
//! in SVG, where the viewer has other fonts.

mod pdf;
mod picture;
mod png;
mod svg;

#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;

pub use super::overlay::Direction;
pub use picture::{PictureRegion, RgbPicture};

use super::overlay::Font;

/// Number of millimeters in a typographic point.
pub const POINT: f64 = 25.4 / 72.0;

/// Number of millimeters in an inch.
pub const INCH: f64 = 25.4;

/// Largest number of pixels of a sheet as PNG.
const MOST_PIXELS: f64 = 2e8;

/// A rectangle in millimeters from the top left corner of the sheet.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Area {
    /// Distance from the left edge.
    pub left: f64,
    /// Distance from the upper edge.
    pub top: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

/// The point of a line of text that lies at its position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Anchor {
    /// The beginning.
    Start,
    /// The middle.
    Middle,
    /// The end.
    End,
}

/// A line of text.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// The letters.
    pub content: String,
    /// Position of the anchor from the left edge.
    pub x: f64,
    /// Position of the anchor on the baseline from the upper edge.
    pub y: f64,
    /// Size in millimeters per em.
    pub size: f64,
    /// The point that lies at the position.
    pub anchor: Anchor,
    /// Direction in which the line runs.
    pub direction: Direction,
    /// Red, green and blue.
    pub color: [u8; 3],
}

/// A part of a sheet.
#[derive(Debug, Clone, PartialEq)]
pub enum Element {
    /// A picture that fills a rectangle.
    Picture {
        /// The rectangle.
        area: Area,
        /// The picture.
        picture: RgbPicture,
        /// Description for people who cannot see it.
        description: String,
    },
    /// A rectangle of one color.
    Fill {
        /// The rectangle.
        area: Area,
        /// Red, green and blue.
        color: [u8; 3],
    },
    /// A line of text.
    Text(Text),
}

/// A drawing on white paper.
#[derive(Debug, Clone, PartialEq)]
pub struct Sheet {
    /// Width in millimeters.
    pub width: f64,
    /// Height in millimeters.
    pub height: f64,
    /// Title.
    pub title: String,
    /// Description for people who cannot see it.
    pub description: String,
    /// Parts, each drawn over those before it.
    pub elements: Vec<Element>,
}

/// A file format of sheets.
#[derive(Debug, Clone, Copy)]
pub struct SheetFormat {
    /// Ending of its files, without the dot.
    pub extension: &'static str,
    /// Encodes a sheet with this number of dots per inch.
    pub encode: fn(&Sheet, dpi: f64) -> io::Result<Vec<u8>>,
}

/// All formats.
pub const SHEET_FORMATS: &[SheetFormat] = &[
    SheetFormat { extension: "png", encode: png::encode },
    SheetFormat { extension: "svg", encode: |sheet, _| svg::encode(sheet) },
    SheetFormat { extension: "pdf", encode: |sheet, _| pdf::encode(sheet) },
];

impl SheetFormat {
    /// Returns the format of a file by the ending of its name.
    pub fn of_file(file: &Path) -> Option<&'static Self> {
        let ending = file.extension()?.to_str()?;
        SHEET_FORMATS.iter().find(|format| format.extension.eq_ignore_ascii_case(ending))
    }
}

/// Returns the width in millimeters of a line of text of a size in millimeters per em.
///
/// # Errors
///
/// Fails if the font cannot be read, which does not happen.
pub fn text_width(text: &str, size: f64) -> io::Result<f64> {
    // Large enough that rounding of f32 does not count.
    let font = Font::of_size(1000.0)?;
    Ok(f64::from(font.width(&printable(&font, text))) / 1000.0 * size)
}

/// Replaces letters that the font lacks.
fn printable(font: &Font, text: &str) -> String {
    text.chars().map(|letter| if font.has(letter) { letter } else { '?' }).collect()
}
