//! Sums that do not depend on the order of their terms: integers in units of 2⁻³⁶.
//!
//! A term is rounded to the nearest unit once, ties to even, so a mean of terms is off by at most
//! half a unit, 7.3e-12, whatever their number. From there on everything is added as integers:
//! any partition of the images, merged in any order, gives the same sum to the bit.

/// The number 1 in units of a sum.
pub(super) const ONE: u64 = 1 << UNIT_BITS;

const UNIT_BITS: u32 = 36;

/// A power of two at which the last bit of an f64 is a unit.
const ANCHOR: f64 = (1u64 << (f64::MANTISSA_DIGITS - 1 - UNIT_BITS)) as f64;

/// A number from 0 to 2¹⁵ in units.
///
/// The sum with the anchor rounds to whole units, which are then the lower bits: unlike the
/// conversion of a float to an integer it is done for several numbers at once.
#[inline(always)]
pub(super) fn units(value: f64) -> u64 {
    (value + ANCHOR).to_bits() - ANCHOR.to_bits()
}

/// A sum in units as a number.
pub(super) fn number(sum: u128) -> f64 {
    sum as f64 / ONE as f64
}

/// The size of a signed sum in units as a number.
pub(super) fn size(sum: i128) -> f64 {
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
