//! Bins of scores, defined by the upper bits of the f32.
//!
//! The bits of a positive f32, read as an integer, grow with its value, so the upper bits index
//! bins that are narrow near zero and wide far from it: every octave from 2⁻³⁶ to 2⁴ is cut into
//! equally wide parts. Scores of pixels spread over many octaves (most mutual information is
//! below a thousandth of its bound); bins of equal width would put nearly all pixels into the
//! first one. One bin holds exact zeros, another one the values between zero and 2⁻³⁶.
//!
//! A bin contains its lower edge but not its upper edge.

/// Base-2 logarithm of the number of finest bins per octave.
const FINE_BITS: u32 = 11;

/// Number of lower bits of a value that do not affect its finest bin.
const REST_BITS: u32 = f32::MANTISSA_DIGITS - 1 - FINE_BITS;

/// Exponent of the lower edge of the first octave, 2⁻³⁶.
const LOWEST_EXPONENT: i32 = -36;

/// Exponent of the upper edge of the last octave, 2⁴.
const END_EXPONENT: i32 = 4;

/// Upper bits of the first value of the first octave.
const FIRST: u32 = ((f32::MAX_EXP - 1 + LOWEST_EXPONENT) as u32) << FINE_BITS;

/// Number of bins before the octaves: exact zeros, and values below the first octave.
const SPECIAL: usize = 2;

/// Upper limit of scores, excluded: smaller scores have a bin.
pub(in crate::metric) const LIMIT: f32 = 16.0;

/// Number of bins per octave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::metric) struct Resolution {
    /// Base-2 logarithm of the number of finest bins in one bin.
    shift: u32,
}

impl Resolution {
    /// 2048 bins per octave: the edges of a bin differ by at most 1/2048.
    pub(in crate::metric) const FINE: Self = Self { shift: 0 };
    /// 256 bins per octave, for means over patches.
    pub(in crate::metric) const PATCH: Self = Self { shift: 3 };
    /// 32 bins per octave, for the replicates of the bootstrap.
    pub(in crate::metric) const COARSE: Self = Self { shift: 6 };
    /// 8 bins per octave, for patches in the replicates.
    pub(in crate::metric) const COARSE_PATCH: Self = Self { shift: 8 };

    /// Returns the number of bins.
    pub(in crate::metric) fn n_bins(self) -> usize {
        let octaves = (END_EXPONENT - LOWEST_EXPONENT) as usize;
        SPECIAL + ((octaves << FINE_BITS) >> self.shift)
    }

    /// Returns the bin of a value from 0 to [`LIMIT`].
    #[inline(always)]
    pub(in crate::metric) fn bin(self, value: f32) -> usize {
        // The sum turns a negative zero into a positive one.
        let bits = (value + 0.0).to_bits();
        let upper = bits >> REST_BITS;
        if upper >= FIRST {
            ((upper - FIRST) >> self.shift) as usize + SPECIAL
        } else {
            usize::from(bits != 0)
        }
    }

    /// Returns the bin that contains a bin of a finer resolution.
    pub(in crate::metric) fn of_finer(self, bin: usize, finer: Self) -> usize {
        match bin.checked_sub(SPECIAL) {
            Some(bin) => SPECIAL + (bin >> (self.shift - finer.shift)),
            None => bin,
        }
    }

    /// Returns the smallest value of a bin; [`LIMIT`] for the bin after the last one.
    pub(in crate::metric) fn lower_edge(self, bin: usize) -> f32 {
        match bin {
            0 => 0.0,
            1 => f32::from_bits(1),
            _ => {
                let fine = ((bin - SPECIAL) as u32) << self.shift;
                f32::from_bits((FIRST + fine) << REST_BITS)
            }
        }
    }

    /// Returns the largest difference between two values of a bin.
    pub(in crate::metric) fn width(self, bin: usize) -> f64 {
        if bin == 0 {
            0.0
        } else {
            f64::from(self.lower_edge(bin + 1)) - f64::from(self.lower_edge(bin))
        }
    }
}

/// Returns the mark of a value in its finest bin: one bit for each lower bit that is set, and
/// another bit for each lower bit that is not set.
///
/// Marks of several values are combined by OR, in any order; [`is_mixed`] then tells whether the
/// values differed.
#[inline(always)]
pub(in crate::metric) fn mark(value: f32) -> u32 {
    let bits = (value + 0.0).to_bits();
    let lower = bits & ((1 << REST_BITS) - 1);
    let is_small = bits != 0 && bits >> REST_BITS < FIRST;
    let mark = lower | (!lower << REST_BITS);
    // Below the first octave the upper bits may differ too: such values always count as different.
    if is_small { u32::MAX } else { mark & ((1 << (2 * REST_BITS)) - 1) }
}

/// Returns true if the combined marks come from more than one value.
pub(in crate::metric) fn is_mixed(marks: u32) -> bool {
    marks & (marks >> REST_BITS) & ((1 << REST_BITS) - 1) != 0
}

#[cfg(test)]
mod tests;
