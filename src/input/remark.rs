//! Remarks about images that are read, but perhaps not as expected.

use std::fmt;

/// A remark about an image that was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remark {
    /// The file has several frames or pages, of which the first was read.
    Frames(usize),
}

impl Remark {
    /// Returns what the images of such a remark have in common: a run shows the first one in full,
    /// and in the end their number.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Frames(_) => "have several frames or pages",
        }
    }

    /// Returns a hint, if something can be done about it.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Frames(_) => None,
        }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frames(n) => write!(f, "has {n} frames or pages; the first is read"),
        }
    }
}
