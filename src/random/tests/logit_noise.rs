//! Noise of logits, compared with the Python reference and with its definition.

use statrs::distribution::{ContinuousCDF, Normal};

use super::*;
use crate::random::logit_noise::normal_quantile;

fn draws(row: &Value) -> Draws {
    Draws::by_name(row["draws"].as_str().unwrap()).unwrap()
}

fn stream_of(row: &Value) -> NoiseStream {
    NoiseStream {
        draws: draws(row),
        seed: decimal(&row["seed"]),
        image: hex(&row["image"]),
        sample: (!row["sample"].is_null()).then(|| number(&row["sample"])),
    }
}

#[test]
fn keys_and_quantiles_of_noise_equal_the_reference_vectors() {
    let vectors = vectors();
    for row in rows(&vectors, "noise_keys") {
        let key = stream_of(row).key(number(&row["turn"]));
        assert_eq!(key, hex(&row["key"]), "{row}");
    }
    for row in rows(&vectors, "quantiles") {
        let places = match draws(row) {
            Draws::Stratified => 31.0 * 4_294_967_296.0,
            Draws::Independent => 4_294_967_296.0,
        };
        let from_center = row["place"].as_u64().unwrap() as f64 + 0.5 - 0.5 * places;
        let value = normal_quantile(from_center, places, 1.0 / places);
        assert_eq!(u64::from(value.to_bits()), hex(&row["bits"]), "{row}");
    }
}

#[test]
fn noise_equals_the_reference_vectors() {
    let vectors = vectors();
    for row in rows(&vectors, "noise") {
        let (stream, draw) = (stream_of(row), number(&row["draw"]));
        let text = row["bits"].as_str().unwrap();
        assert_eq!(text.len(), 8 * number(&row["units"]) as usize);
        for unit in 0..text.len() / 8 {
            let expected = &text[8 * unit..8 * unit + 8];
            let value = logit_noise(&stream, draw, unit as u64);
            assert_eq!(format!("{:08x}", value.to_bits()), expected, "{unit} of {row}");
        }
    }
}

/// Returns the noise of the draws from the first of a block on, by the kernels.
fn by_kernel<const W: usize>(
    isa: Isa,
    stream: &NoiseStream,
    first_draw: u32,
    first_unit: u64,
) -> Vec<[f32; W]> {
    let (block, _) = stream.draws.block_and_bit(first_draw);
    let key = stream.key(block);
    isa.run(
        #[inline(always)]
        || match stream.draws {
            Draws::Stratified => {
                let mut noise = StratifiedNoise::<W>::new(key, first_unit);
                (0..BLOCK).map(|_| noise.next()).collect()
            }
            Draws::Independent => vec![independent_noise::<W>(key, first_unit)],
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn kernels_of_noise_equal_the_definition_on_every_isa(
        scheme in 0..2usize,
        seed in any::<u64>(),
        image in any::<u64>(),
        sample in prop_oneof![Just(None), any::<u32>().prop_map(Some)],
        block in 0u32..1000,
        first_unit in prop_oneof![0u64..5000, Just(u64::MAX - 7)],
    ) {
        let stream = NoiseStream { draws: Draws::ALL[scheme], seed, image, sample };
        let first_draw = block * stream.draws.samples_per_key();
        for isa in Isa::supported() {
            let wide = by_kernel::<64>(isa, &stream, first_draw, first_unit);
            let narrow = by_kernel::<8>(isa, &stream, first_draw, first_unit);
            for (i, draw) in (first_draw..).take(wide.len()).enumerate() {
                for lane in 0..64 {
                    let unit = first_unit.wrapping_add(lane as u64);
                    let expected = logit_noise(&stream, draw, unit).to_bits();
                    prop_assert_eq!(wide[i][lane].to_bits(), expected);
                    if lane < 8 {
                        prop_assert_eq!(narrow[i][lane].to_bits(), expected);
                    }
                }
            }
        }
    }
}

#[test]
fn the_draws_of_a_block_visit_every_stratum_of_the_normal_distribution() {
    let stream =
        NoiseStream { draws: Draws::Stratified, seed: 3, image: 5, sample: Some(7) };
    for unit in 0..50 {
        let mut noise: Vec<f32> =
            (0..BLOCK as u32).map(|draw| logit_noise(&stream, draw, unit)).collect();
        noise.sort_by(f32::total_cmp);
        let quantile = |i: usize| Normal::standard().inverse_cdf(i as f64 / 31.0);
        for (i, value) in noise.into_iter().map(f64::from).enumerate() {
            assert!(i == 0 || value >= quantile(i) - 1e-6, "{unit}: {value}");
            assert!(i == 30 || value <= quantile(i + 1) + 1e-6, "{unit}: {value}");
        }
    }
}
