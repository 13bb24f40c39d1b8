//! Gaussian noise of logits, a function of the seed, the image, the pass, the draw and the unit.

use super::noise::place;
use super::{BLOCK, Draws, KEY_START, absorb, halves, squares32};

/// Number of strata of a block.
const STRATA: f64 = BLOCK as f64;

/// Number of places in a stratum.
const STRATUM: f64 = 4_294_967_296.0;

/// Random stream of the noise of one pass of an image: everything that keys are derived from except
/// the draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoiseStream {
    /// The scheme of the draws of a pass.
    pub draws: Draws,
    /// The seed; a negative one is its two's complement.
    pub seed: u64,
    /// The key of the image ([`image_key`](super::image_key)); 0 if all images share their masks.
    pub image: u64,
    /// The sample, from 0; `None` for the pass without dropout.
    pub sample: Option<u32>,
}

impl NoiseStream {
    /// Derives the key of a block of stratified draws, or of one of independent draws
    /// ([`Draws::block_and_bit`]).
    pub fn key(&self, block: u32) -> u64 {
        let [seed_low, seed_high] = halves(self.seed);
        let [image_low, image_high] = halves(self.image);
        [
            self.draws.noise_tag(),
            seed_low,
            seed_high,
            image_low,
            image_high,
            self.sample.unwrap_or(u32::MAX),
            block,
        ]
        .into_iter()
        .fold(KEY_START, absorb)
    }
}

/// Draws a Gaussian number of mean 0 and variance 1: the definition, word by word. A unit is an
/// element of the tensor of logits, without the batch axis.
///
/// The kernels, `StratifiedNoise` and `independent_noise`, give the same bits, faster.
pub fn logit_noise(stream: &NoiseStream, draw: u32, unit: u64) -> f32 {
    let (block, i) = stream.draws.block_and_bit(draw);
    let word = squares32(unit, stream.key(block));
    let (place, places) = place(stream.draws, word, i);
    let places = places as f64;
    normal_quantile(place as f64 + (0.5 - 0.5 * places), places, 1.0 / places)
}

/// Stratified noise of `W` consecutive units, draw by draw.
///
/// Only the first and the last of the strata reach into the tails of the distribution, and a unit
/// visits each once per block: both values are computed beforehand.
pub(crate) struct StratifiedNoise<const W: usize> {
    /// Place inside the stratum, counted from the middle of all strata.
    offset: [f64; W],
    stratum: [i32; W],
    step: [i32; W],
    lowest: [f32; W],
    highest: [f32; W],
}

impl<const W: usize> StratifiedNoise<W> {
    /// Starts a block with the noise of its first draw.
    #[inline(always)]
    pub(crate) fn new(key: u64, first_unit: u64) -> Self {
        const MAPS: u64 = BLOCK as u64 * (BLOCK as u64 - 1);
        let mut noise = Self {
            offset: [0.0; W],
            stratum: [0; W],
            step: [0; W],
            lowest: [0.0; W],
            highest: [0.0; W],
        };
        for lane in 0..W {
            let random = squares32(first_unit.wrapping_add(lane as u64), key);
            let spread = u64::from(random) * MAPS;
            let (map, place) = ((spread >> 32) as u32, spread as u32);
            noise.offset[lane] = f64::from(place) + (0.5 - 0.5 * STRATA * STRATUM);
            noise.step[lane] = 1 + (map % (BLOCK as u32 - 1)).cast_signed();
            noise.stratum[lane] = (map / (BLOCK as u32 - 1)).cast_signed();
        }
        for lane in 0..W {
            noise.lowest[lane] = normal_quantile(
                noise.offset[lane],
                STRATA * STRATUM,
                1.0 / (STRATA * STRATUM),
            );
        }
        for lane in 0..W {
            noise.highest[lane] = normal_quantile(
                noise.offset[lane] + (STRATA - 1.0) * STRATUM,
                STRATA * STRATUM,
                1.0 / (STRATA * STRATUM),
            );
        }
        noise
    }

    /// Returns the noise of the next draw of the block.
    #[inline(always)]
    pub(crate) fn next(&mut self) -> [f32; W] {
        const LAST: i32 = BLOCK as i32 - 1;
        let mut noise = [0.0; W];
        // Several loops, because compilers do not vectorize them as one.
        for ((noise, &stratum), &offset) in
            noise.iter_mut().zip(&self.stratum).zip(&self.offset)
        {
            let from_center = f64::from(stratum) * STRATUM + offset;
            *noise = central(from_center * (1.0 / (STRATA * STRATUM))) as f32;
        }
        for lane in 0..W {
            let stratum = self.stratum[lane];
            let (lowest, highest) = (self.lowest[lane], self.highest[lane]);
            let value = if stratum == 0 { lowest } else { noise[lane] };
            noise[lane] = if stratum == LAST { highest } else { value };
        }
        for (stratum, step) in self.stratum.iter_mut().zip(&self.step) {
            let next = *stratum + step;
            *stratum = if next > LAST { next - LAST - 1 } else { next };
        }
        noise
    }
}

/// Returns the independent noise of `W` consecutive units in the draw that `key` is for.
#[inline(always)]
pub(crate) fn independent_noise<const W: usize>(key: u64, first_unit: u64) -> [f32; W] {
    let mut noise = [0.0; W];
    for (lane, noise) in noise.iter_mut().enumerate() {
        let random = squares32(first_unit.wrapping_add(lane as u64), key);
        let from_center = f64::from(random) + (0.5 - 0.5 * STRATUM);
        *noise = normal_quantile(from_center, STRATUM, 1.0 / STRATUM);
    }
    noise
}

/// Computes the quantile of the standard normal distribution at the center of a place, rounded to f32.
/// `from_center` is the distance of that point from the middle of all `places`, and `share` is 1 /
/// `places`.
///
/// # References
/// P. J. Acklam (2003), *An algorithm for computing the inverse normal cumulative distribution
/// function*: the two rational functions.
#[inline(always)]
pub(super) fn normal_quantile(from_center: f64, places: f64, share: f64) -> f32 {
    let from_end = (0.5 * places - from_center.abs()) * share;
    let tail = tail(from_end);
    let tail = if from_center < 0.0 { tail } else { -tail };
    let value = if from_end < TAIL { tail } else { central(from_center * share) };
    value as f32
}

/// Probability of each of the tails, which have a rational function of their own.
pub(crate) const TAIL: f64 = 0.024_25;

/// Coefficients of a rational function: those above and below the bar, each from the highest power.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rational<const M: usize, const N: usize> {
    pub(crate) above: [f64; M],
    pub(crate) below: [f64; N],
}

/// Quantile over q = p - 1/2 as a function of q², outside of the tails.
pub(crate) const CENTRAL: Rational<6, 6> = Rational {
    above: [
        -3.969_683_028_665_376e1,
        2.209_460_984_245_205e2,
        -2.759_285_104_469_687e2,
        1.383_577_518_672_69e2,
        -3.066_479_806_614_716e1,
        2.506_628_277_459_239,
    ],
    below: [
        -5.447_609_879_822_406e1,
        1.615_858_368_580_409e2,
        -1.556_989_798_598_866e2,
        6.680_131_188_771_972e1,
        -1.328_068_155_288_572e1,
        1.0,
    ],
};

/// Quantile as a function of sqrt(-2 ln p), in the lower tail.
pub(crate) const TAILS: Rational<6, 5> = Rational {
    above: [
        -7.784_894_002_430_293e-3,
        -3.223_964_580_411_365e-1,
        -2.400_758_277_161_838,
        -2.549_732_539_343_734,
        4.374_664_141_464_968,
        2.938_163_982_698_783,
    ],
    below: [
        7.784_695_709_041_462e-3,
        3.224_671_290_700_398e-1,
        2.445_134_137_142_996,
        3.754_408_661_907_416,
        1.0,
    ],
};

/// Evaluates a polynomial by Horner's rule.
#[inline(always)]
fn polynomial<const N: usize>(coefficients: &[f64; N], x: f64) -> f64 {
    let mut sum = coefficients[0];
    for coefficient in &coefficients[1..] {
        sum = sum * x + coefficient;
    }
    sum
}

/// Computes the quantile at a probability of 1/2 + q outside of the tails.
#[inline(always)]
fn central(q: f64) -> f64 {
    let r = q * q;
    polynomial(&CENTRAL.above, r) * q / polynomial(&CENTRAL.below, r)
}

/// Computes the quantile at a probability in the lower tail, a negative number.
#[inline(always)]
fn tail(probability: f64) -> f64 {
    let t = (-2.0 * ln(probability)).sqrt();
    polynomial(&TAILS.above, t) / polynomial(&TAILS.below, t)
}

/// Computes the natural logarithm of a positive normal number by a series, so that all machines give
/// the same bits.
#[inline(always)]
fn ln(x: f64) -> f64 {
    const ROOT_HALF: u64 = std::f64::consts::FRAC_1_SQRT_2.to_bits();
    const ONE: u64 = 1.0_f64.to_bits();
    // The mantissa m is at least √½ and below √2.
    let shifted = x.to_bits().wrapping_add(ONE - ROOT_HALF);
    let m = f64::from_bits((shifted & 0x000F_FFFF_FFFF_FFFF) + ROOT_HALF);
    let exponent = f64::from((shifted >> 52) as i32 - 1023);
    let f = (m - 1.0) / (m + 1.0);
    let g = f * f;
    let mut series = 1.0 / 15.0;
    series = series * g + 1.0 / 13.0;
    series = series * g + 1.0 / 11.0;
    series = series * g + 1.0 / 9.0;
    series = series * g + 1.0 / 7.0;
    series = series * g + 1.0 / 5.0;
    series = series * g + 1.0 / 3.0;
    series = series * g + 1.0;
    exponent * std::f64::consts::LN_2 + 2.0 * f * series
}
