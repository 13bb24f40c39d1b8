//! Remarks about images that are read, but perhaps not as expected.

use std::fmt;

use super::settings::Resampler;

/// A remark about an image that was read.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Remark {
    /// The file has several frames or pages, of which the first was read.
    Frames(usize),
    /// More than 8 bits were cut to 8, as the library does whose arithmetic the configuration
    /// names.
    CutTo8Bits(Resampler),
    /// The largest value is below a sixteenth of the range, so that the network sees an almost black
    /// image.
    Dark {
        /// The largest value.
        largest: f32,
        /// The value that becomes white.
        white: f32,
    },
}

impl Remark {
    /// Returns what the images of such a remark have in common: a run shows the first one in full,
    /// and in the end their number.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Frames(_) => "have several frames or pages",
            Self::CutTo8Bits(_) => "have more than 8 bits, of which 8 are kept",
            Self::Dark { .. } => "have no value above a sixteenth of the range",
        }
    }

    /// Returns a hint, if something can be done about it.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Frames(_) => None,
            Self::CutTo8Bits(_) => Some(
                "to keep all bits, write resampler = \"float\" into a TOML file and name it with \
                 `config`"
                    .to_owned(),
            ),
            Self::Dark { largest, .. } => {
                let bits = (largest + 1.0).log2().ceil().clamp(1.0, 16.0);
                let range = bits.exp2() - 1.0;
                Some(format!(
                    "give the range of the values: `input_range = 0:{range}`, or take it from each \
                     image: `input_range = 1%:99%`"
                ))
            }
        }
    }
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Frames(n) => write!(f, "has {n} frames or pages; the first is read"),
            Self::CutTo8Bits(resampler) => write!(
                f,
                "has more than 8 bits, of which 8 are kept, as the resampler {resampler} does"
            ),
            Self::Dark { largest, white } => write!(
                f,
                "has no value above {largest}, but {white} is white, so that the network sees an \
                 almost black image"
            ),
        }
    }
}
