//! Numbers for models that add noise, or that compare with it themselves.

use super::{BLOCK, Draws, Stream, squares32};

/// Draws a uniform number in [0, 1), rounded down to f32. It is below a ratio exactly if a dropout
/// of that ratio would drop the unit.
pub fn uniform(stream: &Stream, sample: u32, unit: u64) -> f32 {
    let (block, i) = stream.draws.block_and_bit(sample);
    let word = squares32(unit, stream.key(block));
    let (place, places) = place(stream.draws, word, i);
    // 24 bits, so that rounding to f32 never reaches 1.
    let bits = (u128::from(place) << 24) / u128::from(places);
    bits as f32 / 16_777_216.0
}

/// Returns the place of a unit's draw in a sample, and the number of places. `word` is the unit's
/// random word, and `i` the number of the sample in its block.
pub(super) fn place(draws: Draws, word: u32, i: u32) -> (u64, u64) {
    const STRATA: u64 = BLOCK as u64;
    match draws {
        Draws::Independent => (u64::from(word), 1 << 32),
        Draws::Stratified => {
            let spread = u64::from(word) * (STRATA * (STRATA - 1));
            let (map, place) = (spread >> 32, spread & 0xFFFF_FFFF);
            let (a, c) = (1 + map % (STRATA - 1), map / (STRATA - 1));
            ((((a * u64::from(i) + c) % STRATA) << 32) + place, STRATA << 32)
        }
    }
}

/// Draws a Gaussian number of mean 0 and variance 1 from two words of independent draws, in polar
/// form. Samples are independent under either scheme. Equal on all machines up to the last bits of
/// logarithm and cosine.
///
/// # References
/// Box and Muller (1958), *A Note on the Generation of Random Normal Deviates*, Annals of
/// Mathematical Statistics 29(2).
pub fn gaussian(stream: &Stream, sample: u32, unit: u64) -> f32 {
    let key = Stream { draws: Draws::Independent, ..*stream }.key(sample);
    let word = |i: u64| f64::from(squares32(unit.wrapping_mul(2).wrapping_add(i), key));
    let radius = (-2.0 * ((word(0) + 1.0) / 4_294_967_296.0).ln()).sqrt();
    let angle = std::f64::consts::TAU * word(1) / 4_294_967_296.0;
    (radius * angle.cos()) as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{dropped, threshold};

    fn stream(draws: Draws) -> Stream {
        Stream { draws, seed: 3, site: 5, image: 7, iteration: 0 }
    }

    #[test]
    fn a_uniform_number_is_below_a_ratio_if_dropout_drops() {
        for draws in Draws::ALL {
            let stream = stream(draws);
            for ratio in [0.125_f32, 0.25, 0.5] {
                let limit = threshold(ratio).unwrap();
                for unit in 0..500 {
                    for sample in [0, 1, 30, 31, 40] {
                        let below = uniform(&stream, sample, unit) < ratio;
                        assert_eq!(
                            below,
                            dropped(&stream, limit, sample, unit),
                            "{unit}"
                        );
                    }
                }
            }
        }
    }

    #[test]
    fn gaussian_numbers_have_the_moments_of_the_normal_distribution() {
        let stream = stream(Draws::Stratified);
        let n = 40_000;
        let all: Vec<f64> = (0..n)
            .map(|i| f64::from(gaussian(&stream, (i % 40) as u32, (i / 40) as u64)))
            .collect();
        let moment =
            |power| all.iter().map(|z| z.powi(power)).sum::<f64>() / f64::from(n);
        // Five standard errors each.
        assert!(moment(1).abs() < 0.025, "{}", moment(1));
        assert!((moment(2) - 1.0).abs() < 0.036, "{}", moment(2));
        assert!((moment(4) - 3.0).abs() < 0.25, "{}", moment(4));
    }
}
