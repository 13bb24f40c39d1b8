use std::path::Path;

use half::f16;
use proptest::prelude::*;
use serde_json::Value;

use super::apply::{apply_words_in_place_with, apply_words_with};
use super::words::independent_words_with;
use super::*;
use crate::simd::Isa;

mod logit_noise;
mod statistics;

/// Reads the vectors that the Python reference wrote.
fn vectors() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/masks/vectors.json");
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

fn rows<'a>(vectors: &'a Value, name: &str) -> &'a [Value] {
    let rows = vectors[name].as_array().unwrap();
    assert!(!rows.is_empty());
    rows
}

fn hex(value: &Value) -> u64 {
    u64::from_str_radix(value.as_str().unwrap().strip_prefix("0x").unwrap(), 16).unwrap()
}

fn bytes(value: &Value) -> Vec<u8> {
    let text = value.as_str().unwrap();
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
        .collect()
}

fn decimal(value: &Value) -> u64 {
    value.as_str().unwrap().parse::<i128>().unwrap() as u64
}

fn number(value: &Value) -> u32 {
    value.as_u64().unwrap().try_into().unwrap()
}

fn ratio_threshold(row: &Value) -> u64 {
    let ratio = f32::from_bits(hex(&row["ratio_bits"]) as u32);
    assert_eq!(ratio.to_bits(), (row["ratio"].as_f64().unwrap() as f32).to_bits());
    threshold(ratio).unwrap()
}

/// Draws a mask with the kernels, in the byte format of the vectors.
fn mask_bytes(stream: &Stream, threshold: u64, sample: u32, units: usize) -> Vec<u8> {
    let (turn, bit) = stream.draws.block_and_bit(sample);
    let mut words = vec![0; units];
    match stream.draws {
        Draws::Stratified => {
            MaskTable::new(threshold).words(stream.key(turn), 0, &mut words);
        }
        Draws::Independent => {
            independent_words(threshold, stream.key(turn), 0, bit, &mut words);
        }
    }
    let mut packed = vec![0; units.div_ceil(8)];
    for (unit, word) in words.iter().enumerate() {
        packed[unit / 8] |= ((word >> bit & 1) as u8) << (unit % 8);
    }
    packed
}

#[test]
fn generator_and_keys_equal_the_reference_vectors() {
    let vectors = vectors();
    for row in rows(&vectors, "squares32") {
        let output = squares32(hex(&row["counter"]), hex(&row["key"]));
        assert_eq!(u64::from(output), hex(&row["output"]), "{row}");
    }
    for row in rows(&vectors, "site_keys") {
        assert_eq!(site_key(row["name"].as_str().unwrap()), hex(&row["key"]), "{row}");
    }
    for row in rows(&vectors, "image_keys") {
        assert_eq!(image_key(&bytes(&row["bytes"])), hex(&row["key"]), "{row}");
    }
    for row in rows(&vectors, "keys") {
        let stream = Stream {
            draws: Draws::by_name(row["draws"].as_str().unwrap()).unwrap(),
            seed: decimal(&row["seed"]),
            site: hex(&row["site"]),
            image: hex(&row["image"]),
            iteration: number(&row["iteration"]),
        };
        assert_eq!(stream.key(number(&row["turn"])), hex(&row["key"]), "{row}");
    }
    for row in rows(&vectors, "thresholds") {
        assert_eq!(ratio_threshold(row), hex(&row["threshold"]), "{row}");
    }
}

#[test]
fn masks_equal_the_reference_vectors() {
    let vectors = vectors();
    for row in rows(&vectors, "dropped") {
        let stream = Stream {
            draws: Draws::by_name(row["draws"].as_str().unwrap()).unwrap(),
            seed: decimal(&row["seed"]),
            site: site_key(row["site"].as_str().unwrap()),
            image: hex(&row["image"]),
            iteration: number(&row["iteration"]),
        };
        let (units, sample) = (number(&row["units"]) as usize, number(&row["sample"]));
        let limit = ratio_threshold(row);
        let expected = bytes(&row["dropped"]);
        assert_eq!(mask_bytes(&stream, limit, sample, units), expected, "{row}");
        for unit in 0..units {
            let bit = expected[unit / 8] >> (unit % 8) & 1 == 1;
            assert_eq!(dropped(&stream, limit, sample, unit as u64), bit, "{row}");
        }
    }
}

#[test]
fn masks_equal_those_of_a_graph_in_onnx_runtime() {
    let vectors = vectors();
    for row in rows(&vectors, "graph") {
        let stream = Stream {
            draws: Draws::Stratified,
            seed: decimal(&row["seed"]),
            site: site_key("/features/Dropout_output_0"),
            image: decimal(&row["image_key"]),
            iteration: 0,
        };
        let limit = threshold(0.3).unwrap();
        let mask = mask_bytes(&stream, limit, number(&row["sample"]), 1000);
        assert_eq!(mask, bytes(&row["dropped"]), "{row}");
    }
}

#[test]
fn ratios_outside_their_range_have_no_threshold() {
    for ratio in [1.0, 1.5, -f32::EPSILON, f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        assert_eq!(threshold(ratio), None, "{ratio}");
    }
    assert_eq!(threshold(-0.0), Some(0));
    assert_eq!(threshold(1.0f32.next_down()), Some((1 << 32) - 256));
    assert_eq!(threshold(f32::MIN_POSITIVE), Some(0));
    let unit = 2f32.powi(-32);
    assert_eq!(threshold(0.5 * unit), Some(0), "half to even");
    assert_eq!(threshold(1.5 * unit), Some(2), "half to even");
}

fn any_ratio() -> impl Strategy<Value = f32> {
    prop_oneof![
        0.0f32..1.0,
        (0u8..31).prop_map(|k| f32::from(k) / 31.0),
        Just(0.0),
        Just(1.0f32.next_down()),
        Just(1e-9),
    ]
}

fn any_stream() -> impl Strategy<Value = Stream> {
    (0..2usize, any::<u64>(), any::<u64>(), any::<u64>(), any::<u32>()).prop_map(
        |(draws, seed, site, image, iteration)| Stream {
            draws: Draws::ALL[draws],
            seed,
            site,
            image,
            iteration,
        },
    )
}

proptest! {
    #[test]
    fn words_equal_the_definition_on_every_isa(
        stream in any_stream(),
        ratio in any_ratio(),
        turn in any::<u32>().prop_map(|turn| turn % (u32::MAX / 31)),
        first_unit in prop_oneof![0u64..5000, Just(u64::MAX - 7)],
        units in 1usize..150,
    ) {
        let limit = threshold(ratio).unwrap();
        let key = stream.key(turn);
        for isa in Isa::supported() {
            let mut words = vec![0; units];
            let first_sample = match stream.draws {
                Draws::Stratified => {
                    MaskTable::with_isa(limit, isa).words(key, first_unit, &mut words);
                    turn * BLOCK as u32
                }
                Draws::Independent => {
                    independent_words_with(isa, limit, [key, first_unit], 0, &mut words);
                    turn
                }
            };
            let samples = if stream.draws == Draws::Stratified { BLOCK as u32 } else { 1 };
            for (unit, word) in words.iter().enumerate() {
                prop_assert_eq!(word >> samples, 0);
                let unit = first_unit.wrapping_add(unit as u64);
                for bit in [0, 1, 11, 29, 30, u32::from(units as u8) % 31] {
                    if bit < samples {
                        let expected = dropped(&stream, limit, first_sample + bit, unit);
                        prop_assert_eq!(word >> bit & 1 == 1, expected);
                    }
                }
            }
        }
    }

    #[test]
    fn a_dropped_value_is_zero_and_a_kept_one_scaled_on_every_isa(
        words in prop::collection::vec(any::<u32>(), 0..200),
        bit in 0u32..31,
        scale in 1.0f32..20.0,
        special in 0usize..200,
    ) {
        let mut x: Vec<f32> = words.iter().map(|&word| (word as f32).sin()).collect();
        for (i, value) in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, -0.0].iter().enumerate() {
            if let Some(x) = x.get_mut(special + i) {
                *x = *value;
            }
        }
        let is_dropped = |i: usize| words[i] >> bit & 1 == 1;
        let expected: Vec<u32> = (0..x.len())
            .map(|i| if is_dropped(i) { 0 } else { (x[i] * scale).to_bits() })
            .collect();
        for isa in Isa::supported() {
            let mut y = vec![7.0; x.len()];
            apply_words_with(isa, &words, bit, Applied::scaled(scale), &x, &mut y);
            prop_assert_eq!(y.iter().map(|y| y.to_bits()).collect::<Vec<_>>(), &expected[..]);
            y.copy_from_slice(&x);
            apply_words_in_place_with(isa, &words, bit, Applied::scaled(scale), &mut y);
            prop_assert_eq!(y.iter().map(|y| y.to_bits()).collect::<Vec<_>>(), &expected[..]);
        }
        let x16: Vec<f16> = x.iter().map(|&x| f16::from_f32(x)).collect();
        let mut y16 = vec![f16::ONE; x.len()];
        apply_words_f16(&words, bit, Applied::scaled(scale), &x16, &mut y16);
        for (i, y) in y16.iter().enumerate() {
            let kept = f16::from_f32(f32::from(x16[i]) * scale);
            if is_dropped(i) {
                prop_assert_eq!(y.to_bits(), 0);
            } else {
                prop_assert!(y.to_bits() == kept.to_bits() || y.is_nan() && kept.is_nan());
            }
        }
    }
}

#[test]
fn independent_words_keep_other_bits() {
    let mut words = vec![0b0110_1001; 100];
    independent_words(1 << 31, 12345, 0, 3, &mut words);
    assert!(words.iter().all(|word| word & !8 == 0b0110_0001));
    assert!(
        words.iter().any(|word| word & 8 == 0) && words.iter().any(|word| word & 8 != 0)
    );
}

#[test]
fn alpha_dropout_replaces_scales_and_shifts_on_every_isa() {
    let applied = Applied { scale: 0.86, shift: 0.45, dropped: -1.06 };
    let words: Vec<u32> = (0..100).map(|i| u32::from(i % 3 == 0) << 4).collect();
    let x: Vec<f32> = (0..100).map(|i| i as f32 - 50.0).collect();
    for isa in Isa::supported() {
        let mut y = vec![0.0; 100];
        apply_words_with(isa, &words, 4, applied, &x, &mut y);
        for i in 0..100 {
            let expected = if i % 3 == 0 { -1.06 } else { x[i] * 0.86 + 0.45 };
            assert_eq!(y[i].to_bits(), f32::to_bits(expected), "{i}");
        }
    }
    let mut all = x.clone();
    apply_to_all(false, applied, &mut all);
    assert_eq!(all[7].to_bits(), f32::to_bits(x[7] * 0.86 + 0.45));
    apply_to_all(true, applied, &mut all);
    assert!(all.iter().all(|value| value.to_bits() == (-1.06_f32).to_bits()));
}
