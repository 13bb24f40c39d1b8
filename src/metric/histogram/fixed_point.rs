//! Sums that do not depend on the order of their terms: integers in units of 2⁻³⁶.
//!
//! Each term is rounded once, to the nearest unit, ties to even, so the error of a mean is at most
//! half a unit, 7.3e-12, for any number of terms. All further additions are integer additions:
//! any partition of the images, merged in any order, gives the same sum to the bit.

/// The number 1, in units.
pub(in crate::metric) const ONE: u64 = 1 << UNIT_BITS;

const UNIT_BITS: u32 = 36;

/// The power of two at which the last bit of an f64 is one unit.
const ANCHOR: f64 = (1u64 << (f64::MANTISSA_DIGITS - 1 - UNIT_BITS)) as f64;

/// Converts a number from 0 to 2¹⁵ to units.
///
/// Adding the anchor rounds to whole units, which are then the lower bits. Unlike a conversion
/// from float to integer, this vectorizes.
#[inline(always)]
pub(in crate::metric) fn units(value: f64) -> u64 {
    (value + ANCHOR).to_bits() - ANCHOR.to_bits()
}

/// Converts a sum in units to a number.
pub(in crate::metric) fn number(sum: u128) -> f64 {
    sum as f64 / ONE as f64
}

/// Converts the absolute value of a signed sum in units to a number.
pub(in crate::metric) fn size(sum: i128) -> f64 {
    number(sum.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_term_is_off_by_at_most_half_a_unit() {
        for i in 0..10_000 {
            // Up to 100, beyond all that is summed.
            let value = f64::from(i) * 0.009_234_567_891 + f64::from(i).sqrt() * 1e-9;
            assert!((number(units(value).into()) - value).abs() <= 0.5f64.powi(37));
        }
        assert_eq!(units(1.0), ONE);
        assert_eq!(units(0.0), 0);
        assert_eq!(units(32_767.0), 32_767 * ONE);
        assert!((size(-i128::from(ONE)) - 1.0).abs() < 1e-15);
    }
}
