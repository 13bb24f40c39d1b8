//! Bins of scores, by the bits of the f32.
//!
//! The bits of a positive f32, read as an integer, grow with its value, so the upper bits number
//! bins that are narrow near zero and wide far from it: every octave from 2⁻³⁶ to 2⁴ is cut into
//! equally wide parts. Scores of pixels spread over many octaves (most mutual information is
//! within a thousandth of its bound), where bins of one width would put nearly all pixels into
//! the first. Exact zeros have a bin of their own, and so has what lies between zero and 2⁻³⁶.
//!
//! A bin holds its lower edge and not its upper one.

/// Parts of an octave in the finest bins, as a power of two.
const FINE_BITS: u32 = 11;

/// Bits of a value that say nothing about its finest bin.
const REST_BITS: u32 = f32::MANTISSA_DIGITS - 1 - FINE_BITS;

/// The first octave starts at 2 to the power of this.
const LOWEST_EXPONENT: i32 = -36;

/// The last octave ends at 2 to the power of this.
const END_EXPONENT: i32 = 4;

/// The upper bits of the first value of the first octave.
const FIRST: u32 = ((f32::MAX_EXP - 1 + LOWEST_EXPONENT) as u32) << FINE_BITS;

/// Bins before those of the octaves: zero, and less than the first octave.
const SPECIAL: usize = 2;

/// Scores are less than this, so that every one has a bin.
pub(super) const LIMIT: f32 = 16.0;

/// How finely octaves are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Resolution {
    /// Each bin is this power of two of the finest ones.
    shift: u32,
}

impl Resolution {
    /// 2048 parts an octave: a bin's edges differ by at most 1/2048.
    pub(super) const FINE: Self = Self { shift: 0 };
    /// 256 parts an octave, for means of patches.
    pub(super) const PATCH: Self = Self { shift: 3 };
    /// 32 parts an octave, for the replicates of the bootstrap.
    pub(super) const COARSE: Self = Self { shift: 6 };
    /// 8 parts an octave, for patches in the replicates.
    pub(super) const COARSE_PATCH: Self = Self { shift: 8 };

    /// Number of bins.
    pub(super) fn n_bins(self) -> usize {
        let octaves = (END_EXPONENT - LOWEST_EXPONENT) as usize;
        SPECIAL + ((octaves << FINE_BITS) >> self.shift)
    }

    /// The bin of a value from 0 to [`LIMIT`].
    #[inline(always)]
    pub(super) fn bin(self, value: f32) -> usize {
        // The sum makes a plain zero of a negative one.
        let bits = (value + 0.0).to_bits();
        let upper = bits >> REST_BITS;
        if upper >= FIRST {
            ((upper - FIRST) >> self.shift) as usize + SPECIAL
        } else {
            usize::from(bits != 0)
        }
    }

    /// The bin in which a bin of a finer resolution lies.
    pub(super) fn of_finer(self, bin: usize, finer: Self) -> usize {
        match bin.checked_sub(SPECIAL) {
            Some(bin) => SPECIAL + (bin >> (self.shift - finer.shift)),
            None => bin,
        }
    }

    /// The smallest value of a bin; of one past the last, [`LIMIT`].
    pub(super) fn lower_edge(self, bin: usize) -> f32 {
        match bin {
            0 => 0.0,
            1 => f32::from_bits(1),
            _ => {
                let fine = ((bin - SPECIAL) as u32) << self.shift;
                f32::from_bits((FIRST + fine) << REST_BITS)
            }
        }
    }

    /// How far apart two values of a bin can be.
    pub(super) fn width(self, bin: usize) -> f64 {
        if bin == 0 {
            0.0
        } else {
            f64::from(self.lower_edge(bin + 1)) - f64::from(self.lower_edge(bin))
        }
    }
}

/// The mark that a value leaves in its finest bin: a bit for each of the lower bits that it has
/// set, and one for each that it has not.
///
/// The marks of several values are combined by OR, in any order; [`is_mixed`] says whether the
/// values differed.
#[inline(always)]
pub(super) fn mark(value: f32) -> u32 {
    let bits = (value + 0.0).to_bits();
    let lower = bits & ((1 << REST_BITS) - 1);
    let is_small = bits != 0 && bits >> REST_BITS < FIRST;
    let mark = lower | (!lower << REST_BITS);
    // Below the first octave the upper bits differ too: taken as different without a look.
    if is_small { u32::MAX } else { mark & ((1 << (2 * REST_BITS)) - 1) }
}

/// Whether marks come from more than one value.
pub(super) fn is_mixed(marks: u32) -> bool {
    marks & (marks >> REST_BITS) & ((1 << REST_BITS) - 1) != 0
}

#[cfg(test)]
mod tests;
