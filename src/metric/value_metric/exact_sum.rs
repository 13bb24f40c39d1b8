//! Sums of numbers of very different size that do not depend on the order of their terms.

/// Sum of `f64` terms in integer units of 2^-`BITS`.
///
/// Each term is rounded once, to the nearest unit; all further additions are additions of
/// integers. A term of any sign may be as large as 2^(146 - `BITS`), and there may be 2⁴⁵ terms.
///
/// The integer is kept in two parts that overlap. A single `i128` would leave too few bits for the
/// squares of large values, and parts that are added without carries stay associative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ExactSum<const BITS: i32> {
    low: i128,
    high: i128,
}

/// Sum of values, errors and their squares: a unit is 8.3e-25, a term at most 2⁶⁶.
pub(super) type ValueSum = ExactSum<80>;

/// Sum of ratios of an error to a label: a unit is 3.6e-15, a term at most 2⁹⁸.
pub(super) type RatioSum = ExactSum<48>;

/// Sum of negative log-likelihoods: a unit is 2.3e-10 nats, a term at most 2¹¹⁴.
pub(super) type LikelihoodSum = ExactSum<32>;

/// Sum of areas under curves of single images: a unit is 5.4e-20, a term at most 2⁸².
pub(super) type AreaSum = ExactSum<64>;

/// Number of bits of the lower part of a term.
const LOW_BITS: u32 = 64;

/// 2⁶³, the limit of terms that the lower part takes whole.
const HALF: f64 = (1u64 << 63) as f64;

/// 2⁶⁴
const WHOLE: f64 = 2.0 * HALF;

impl<const BITS: i32> ExactSum<BITS> {
    /// Number of units in 1: 2^`BITS`, by its bits.
    const ONE: f64 =
        f64::from_bits(((f64::MAX_EXP - 1 + BITS) as u64) << (f64::MANTISSA_DIGITS - 1));

    /// Adds a finite term.
    #[inline(always)]
    pub(super) fn put(&mut self, term: f64) {
        let units = rounded(term * Self::ONE);
        if units.abs() < HALF {
            self.low += i128::from(units as i64);
        } else {
            // Both parts are exact, and the lower one lies between -2⁶³ and 2⁶³.
            let high = rounded(units / WHOLE);
            self.low += integer(units - high * WHOLE);
            self.high += integer(high);
        }
    }

    /// Adds another sum `weight` times.
    pub(super) fn add(&mut self, other: &Self, weight: u64) {
        self.low += other.low * i128::from(weight);
        self.high += other.high * i128::from(weight);
    }

    /// Returns the sum, rounded.
    pub(super) fn value(&self) -> f64 {
        let (head, tail) = self.parts();
        head + tail
    }

    /// Returns the sum as two numbers, of which the second one is the rounding error of the first.
    pub(super) fn parts(&self) -> (f64, f64) {
        // The remainder lies between -2⁶³ and 2⁶³, so a small negative sum has no upper part.
        let carry = (self.low + (1 << (LOW_BITS - 1))) >> LOW_BITS;
        let (low, high) = (self.low - (carry << LOW_BITS), self.high + carry);
        let head = high as f64;
        let rest = high - head as i128;
        let tail = ((rest << LOW_BITS) + low) as f64;
        // Divisions by powers of two are exact.
        (head * WHOLE / Self::ONE, tail / Self::ONE)
    }

    /// Returns the mean of `count` terms; `None` without terms.
    pub(super) fn mean(&self, count: u64) -> Option<f64> {
        (count > 0).then(|| self.value() / count as f64)
    }
}

/// Rounds to the nearest integer, ties to even, without a call of the mathematical library.
#[inline(always)]
fn rounded(value: f64) -> f64 {
    // 2⁵²; larger numbers are integers.
    const ANCHOR: f64 = (1u64 << (f64::MANTISSA_DIGITS - 1)) as f64;
    if value.abs() < ANCHOR {
        let anchor = ANCHOR.copysign(value);
        (value + anchor) - anchor
    } else {
        value
    }
}

/// Converts an integer; most of them fit into an `i64`, whose conversion is far faster.
#[inline(always)]
fn integer(value: f64) -> i128 {
    if value.abs() < HALF { i128::from(value as i64) } else { value as i128 }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(terms: &[f64]) -> ValueSum {
        let mut sum = ValueSum::default();
        for &term in terms {
            sum.put(term);
        }
        sum
    }

    #[test]
    fn terms_of_very_different_size_are_added_without_rounding() {
        let large = f64::powi(2.0, 66);
        assert_eq!(sum(&[large, 1.0, -large]), sum(&[1.0]));
        assert!((sum(&[large, 1e-9, -large]).value() - 1e-9).abs() < 1e-24);
        assert_eq!(sum(&[0.1, 0.2, 0.3]), sum(&[0.3, 0.1, 0.2]));
        assert!((sum(&[-0.1; 3]).value() + 0.3).abs() < 1e-15);
        assert!((sum(&[-1e-20]).value() + 1e-20).abs() < 1e-24);
    }

    #[test]
    fn each_term_is_rounded_to_the_nearest_unit() {
        let unit = f64::powi(2.0, -80);
        let mut term = unit / 8.0;
        while term < f64::powi(2.0, 66) {
            for term in [term, -term, term * 1.000_000_1] {
                let found = sum(&[term]).value();
                // The sum turns a negative zero into a positive one.
                let expected = (term / unit).round_ties_even() * unit + 0.0;
                assert_eq!(found.to_bits(), expected.to_bits(), "{term}");
            }
            term *= 1.37;
        }
        // Halves of the upper part.
        for term in [f64::powi(2.0, -17), f64::powi(2.0, -17) * 3.0, -f64::powi(2.0, -17)]
        {
            assert!((sum(&[term]).value() - term).abs() < unit);
        }
    }

    #[test]
    fn a_weight_repeats_the_terms() {
        let terms = [3.5e9, -1e-7, 7.25, 1.5e19];
        let mut weighted = sum(&[1.0]);
        weighted.add(&sum(&terms), 3);
        let repeated = [&[1.0][..], &terms, &terms, &terms].concat();
        assert_eq!(weighted, sum(&repeated));
        assert_eq!(sum(&terms).mean(0), None);
    }

    #[test]
    fn the_parts_have_twice_the_precision() {
        // 2⁶⁰ + 2⁻⁶⁰ needs 121 bits.
        let (head, tail) = sum(&[f64::powi(2.0, 60), f64::powi(2.0, -60)]).parts();
        assert!((head - f64::powi(2.0, 60)).abs() < 1e-9);
        assert!((tail / f64::powi(2.0, -60) - 1.0).abs() < 1e-9);
    }
}
