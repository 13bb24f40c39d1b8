//! Scores in bins whose width grows with the score.
//!
//! A bin holds the numbers that share their exponent and the first seven bits behind it: 128 bins
//! an octave, so that its ends differ by less than 0.8 %. Bins of f32 numbers in their order
//! need no search and no scale.

/// Bins an octave in full resolution.
const OCTAVE: usize = 128;
/// Scores below 2 to this lie together in bin 0.
const LOWEST: i32 = -32;
/// Scores from 2 to this on lie together in the last bin.
const HIGHEST: i32 = 4;
/// How many bins become one for the bootstrap.
const COARSE: usize = 8;

/// How fine bins are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resolution {
    /// Ends of a bin differ by less than 0.8 %.
    Full,
    /// By less than 6.3 %.
    Coarse,
}

impl Resolution {
    /// The number of bins.
    pub(super) const fn n_bins(self) -> usize {
        let octaves = (HIGHEST - LOWEST) as usize;
        match self {
            Self::Full => octaves * OCTAVE + 1,
            Self::Coarse => (octaves * OCTAVE).div_ceil(COARSE) + 1,
        }
    }
}

/// The bin of a score in full resolution; negative ones count as 0.
#[inline(always)]
pub(super) fn bin(score: f32) -> usize {
    const FIRST: i32 = (127 + LOWEST) << 7;
    let score = if score > 0.0 { score } else { 0.0 };
    let key = (score.to_bits() >> 16).cast_signed() - FIRST + 1;
    key.clamp(0, Resolution::Full.n_bins() as i32 - 1) as usize
}

/// The coarse bin that a bin of full resolution is in.
pub(super) fn coarse(bin: usize) -> usize {
    (bin + COARSE - 1) / COARSE
}

/// The lowest score of a bin of full resolution.
pub(super) fn low_end(bin: usize) -> f32 {
    match bin {
        0 => 0.0,
        bin => f32::from_bits((((127 + LOWEST) as u32) << 23) + ((bin as u32 - 1) << 16)),
    }
}
