//! Exponential and logarithm for loops over lanes, without tables and branches. They give the same
//! bits on every processor, unlike the functions of the platform.
//!
//! Largest errors found over their ranges, in units in the last place of the result: [`exp`]
//! 1.0, [`ln`] 0.8, [`ln_1p`] 2.4.

/// Arguments of [`exp`] up to here give 0. A little above half the logarithm of the smallest
/// normal number, so that no product of two results is subnormal: processors are slow with those,
/// and a probability of 1e-19 changes nothing.
pub(crate) const LOWEST_EXPONENT: f32 = -43.6;

/// e to the [`LOWEST_EXPONENT`], rounded up.
pub(crate) const LOWEST_PROBABILITY: f32 = 1.2e-19;

/// ln 2 in two parts: the first has few bits, so that its product with an exponent is exact.
const LN_2_HIGH: f32 = 355.0 / 512.0;
const LN_2_LOW: f32 = -2.121_944_4e-4;

/// 1.5 · 2²³: adding and subtracting it rounds to an integer, which is then in the low bits.
const ROUND: f32 = 12_582_912.0;

/// Computes e^x for `x` up to 88; 0 up to [`LOWEST_EXPONENT`].
#[inline(always)]
pub(crate) fn exp(x: f32) -> f32 {
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    let r = (x - n * LN_2_HIGH) - n * LN_2_LOW;
    // Least largest relative error on |r| <= ln 2 / 2, 3e-9.
    let mut q = 0.001_381_454;
    q = q * r + 0.008_368_745;
    q = q * r + 0.041_668_39;
    q = q * r + 0.166_665_21;
    q = q * r + 0.499_999_94;
    let mantissa = 1.0 + (r + r * r * q);
    let exponent = shifted.to_bits().wrapping_sub(ROUND.to_bits()).wrapping_add(127);
    let value = mantissa * f32::from_bits(exponent.wrapping_shl(23));
    if x > LOWEST_EXPONENT { value } else { 0.0 }
}

/// Computes ln x for finite `x`. Anything below the smallest normal number, including 0 and
/// negative numbers, gives the logarithm of that number, −87.3.
#[inline(always)]
pub(crate) fn ln(x: f32) -> f32 {
    let (mantissa, exponent) =
        split(if x > f32::MIN_POSITIVE { x } else { f32::MIN_POSITIVE });
    ln_of_parts(mantissa - 1.0, exponent)
}

/// Computes ln (1 + x) with a small relative error also near 0, for finite `x` above −1.
#[inline(always)]
pub(crate) fn ln_1p(x: f32) -> f32 {
    let (mantissa, exponent) = split(1.0 + x);
    ln_of_parts(if exponent == 0 { x } else { mantissa - 1.0 }, exponent)
}

/// Splits a positive normal number into a mantissa between √½ and √2 and an exponent of 2.
#[inline(always)]
fn split(x: f32) -> (f32, i32) {
    const SQRT_HALF: u32 = 0x3F35_04F3;
    let shifted = x.to_bits().wrapping_add(0x3F80_0000 - SQRT_HALF);
    let mantissa = f32::from_bits((shifted & 0x007F_FFFF) + SQRT_HALF);
    (mantissa, (shifted >> 23).cast_signed() - 127)
}

/// Computes ln ((1 + f) 2^exponent), by the series of 2 artanh(s) with s = f / (2 + f).
#[inline(always)]
fn ln_of_parts(f: f32, exponent: i32) -> f32 {
    let s = f / (2.0 + f);
    let z = s * s;
    let series = z * (2.0 / 3.0 + z * (2.0 / 5.0 + z * (2.0 / 7.0 + z * (2.0 / 9.0))));
    let half_square = 0.5 * f * f;
    let n = exponent as f32;
    n * LN_2_HIGH + (f - (half_square - (s * (half_square + series) + n * LN_2_LOW)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the distance from `exact` in units in the last place.
    fn ulps(value: f32, exact: f64) -> f64 {
        let nearest = (exact.abs() as f32).max(f32::MIN_POSITIVE);
        let unit = f64::from(nearest.next_up()) - f64::from(nearest);
        (f64::from(value) - exact).abs() / unit
    }

    /// Returns every `step`th f32 between two positive ones, in the order of their bits.
    fn floats(from: f32, to: f32, step: usize) -> impl Iterator<Item = f32> {
        (from.to_bits()..=to.to_bits()).step_by(step).map(f32::from_bits)
    }

    fn worst(errors: impl Iterator<Item = f64>) -> f64 {
        errors.fold(0.0, f64::max)
    }

    #[test]
    fn exp_is_within_its_error_bound() {
        let worst = worst(
            floats(1e-12, -LOWEST_EXPONENT, 997)
                .filter(|&x| -x > LOWEST_EXPONENT)
                .map(|x| ulps(exp(-x), f64::from(-x).exp())),
        );
        assert!(worst < 1.0, "{worst}");
        let below = [LOWEST_EXPONENT, -44.0, -88.0, -104.0, -1e30, f32::NEG_INFINITY];
        assert!(below.iter().all(|&x| exp(x).to_bits() == 0));
        assert_eq!(exp(0.0).to_bits(), 1.0f32.to_bits());
    }

    #[test]
    fn ln_is_within_its_error_bound() {
        let all = floats(f32::MIN_POSITIVE, f32::MAX, 3001).chain(floats(0.9, 1.1, 7));
        let worst = worst(all.map(|x| ulps(ln(x), f64::from(x).ln())));
        assert!(worst < 0.8, "{worst}");
        assert_eq!(ln(1.0).to_bits(), 0);
        assert_eq!(ln(0.0).to_bits(), ln(f32::MIN_POSITIVE).to_bits());
    }

    #[test]
    fn ln_1p_is_within_its_error_bound() {
        let positive =
            floats(1e-30, 1e6, 997).map(|x| ulps(ln_1p(x), f64::from(x).ln_1p()));
        let negative =
            floats(1e-30, 0.999, 997).map(|x| ulps(ln_1p(-x), f64::from(-x).ln_1p()));
        let worst = worst(positive.chain(negative));
        assert!(worst < 2.4, "{worst}");
        assert_eq!(ln_1p(0.0).to_bits(), 0);
    }
}
