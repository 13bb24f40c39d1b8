//! Planes of numbers and of class ids: what is passed between measuring and writing.

/// A plane of f32 values, row by row from the top left.
///
/// Where there is no prediction (outside a crop) the value is NaN.
#[derive(Debug, Clone, PartialEq)]
pub struct Map {
    /// Number of rows.
    pub height: usize,
    /// Number of columns.
    pub width: usize,
    /// `height * width` values.
    pub values: Vec<f32>,
}

/// A plane of class ids, row by row from the top left.
///
/// Where there is no prediction (outside a crop) the id is [`ClassMap::NONE`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassMap {
    /// Number of rows.
    pub height: usize,
    /// Number of columns.
    pub width: usize,
    /// `height * width` class ids.
    pub classes: Vec<u16>,
}

impl ClassMap {
    /// The id that stands for "no prediction here".
    pub const NONE: u16 = u16::MAX;
}
