//! Bins of absolute errors and standard deviations, defined by the upper bits of the f32.
//!
//! Every octave from 2⁻⁴⁰ to 2³⁴ is cut into equally wide bins, so their relative width does not
//! depend on the unit of the target. One bin holds exact zeros, another one the values between
//! zero and 2⁻⁴⁰. A bin contains its lower edge but not its upper edge.

/// Exponent of the lower edge of the first octave.
const LOWEST_EXPONENT: i32 = -40;

/// Number of bits of the fraction of an f32.
const FRACTION_BITS: u32 = f32::MANTISSA_DIGITS - 1;

/// Biased exponent of the first octave.
const FIRST: u32 = (f32::MAX_EXP - 1 + LOWEST_EXPONENT) as u32;

/// Number of bins before the octaves.
const SPECIAL: u32 = 2;

/// Number of bins per octave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LogResolution {
    /// Base-2 logarithm of the number of bins.
    bits: u32,
}

impl LogResolution {
    /// 1024 bins per octave: the edges of a bin differ by at most 1/1024.
    pub(super) const FINE: Self = Self { bits: 10 };
    /// 16 bins per octave, for the replicates of the bootstrap.
    pub(super) const COARSE: Self = Self { bits: 4 };
    /// 32 bins per octave, for pairs of a standard deviation and an error.
    pub(super) const PAIR: Self = Self { bits: 5 };
    /// 4 bins per octave, for pairs in the replicates.
    pub(super) const COARSE_PAIR: Self = Self { bits: 2 };

    /// Returns the bin of a value that is finite and not negative.
    #[inline(always)]
    pub(super) fn bin(self, value: f32) -> u32 {
        let bits = value.abs().to_bits();
        let upper = bits >> (FRACTION_BITS - self.bits);
        match upper.checked_sub(FIRST << self.bits) {
            Some(bin) => bin + SPECIAL,
            None => u32::from(bits != 0),
        }
    }

    /// Returns the bin that contains a bin of a finer resolution.
    pub(super) fn of_finer(self, bin: u32, finer: Self) -> u32 {
        match bin.checked_sub(SPECIAL) {
            Some(bin) => SPECIAL + (bin >> (finer.bits - self.bits)),
            None => bin,
        }
    }

    /// Returns the smallest value of a bin.
    pub(super) fn lower_edge(self, bin: u32) -> f64 {
        match bin.checked_sub(SPECIAL) {
            Some(bin) => {
                let upper = (FIRST << self.bits) + bin;
                f64::from(f32::from_bits(upper << (FRACTION_BITS - self.bits)))
            }
            None => 0.0,
        }
    }

    /// Returns the smallest value of the next bin; 0 for the bin of zeros.
    pub(super) fn upper_edge(self, bin: u32) -> f64 {
        if bin == 0 { 0.0 } else { self.lower_edge(bin + 1) }
    }
}

/// Number of lower bits of a value that do not affect its finest bin.
const REST_BITS: u32 = FRACTION_BITS - LogResolution::FINE.bits;

/// Returns the mark of a value in its finest bin: one bit for each lower bit that is set, and
/// another bit for each lower bit that is not set.
///
/// Marks of several values are combined by OR, in any order; [`is_mixed`] then returns true if the
/// values differed.
#[inline(always)]
pub(super) fn mark(value: f32) -> u32 {
    let bits = value.abs().to_bits();
    // The upper bits of the values below the first octave differ too.
    if bits != 0 && bits >> FRACTION_BITS < FIRST {
        return MIXED;
    }
    let lower = bits & ((1 << REST_BITS) - 1);
    (lower | (!lower << REST_BITS)) & MIXED
}

/// Mark of a bin that contains several values.
pub(super) const MIXED: u32 = (1 << (2 * REST_BITS)) - 1;

/// Returns true if the combined marks come from more than one value.
pub(super) fn is_mixed(marks: u32) -> bool {
    marks & (marks >> REST_BITS) & ((1 << REST_BITS) - 1) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_between_the_edges_of_its_bin() {
        for resolution in [LogResolution::FINE, LogResolution::PAIR] {
            let mut value = 1e-14_f32;
            while value < 1.6e10 {
                let bin = resolution.bin(value);
                let (low, high) =
                    (resolution.lower_edge(bin), resolution.upper_edge(bin));
                let value64 = f64::from(value);
                assert!(low <= value64 && value64 < high, "{value} in bin {bin}");
                if value > 1e-12 {
                    let width = 1.0 / f64::from(1 << resolution.bits);
                    assert!((high - low) / low <= width * (1.0 + 1e-9));
                }
                value *= 1.01;
            }
        }
        assert_eq!(LogResolution::FINE.bin(0.0), 0);
        assert_eq!(LogResolution::FINE.bin(-0.0), 0);
        assert_eq!(LogResolution::FINE.bin(1e-40), 1);
    }

    #[test]
    fn a_coarse_bin_contains_the_fine_bins_of_its_values() {
        let (fine, coarse) = (LogResolution::FINE, LogResolution::COARSE_PAIR);
        for value in [0.0, 1e-30, 1e-9, 0.37, 1.0, 5.5e8] {
            assert_eq!(coarse.of_finer(fine.bin(value), fine), coarse.bin(value));
        }
    }

    #[test]
    fn marks_show_whether_values_differ() {
        let one = 1.0_f32;
        assert!(!is_mixed(mark(one) | mark(one)));
        assert!(is_mixed(mark(one) | mark(one.next_up())));
        assert!(!is_mixed(mark(0.0) | mark(-0.0)));
        assert!(is_mixed(mark(1e-30)));
    }
}
