//! Compares with the libraries themselves: `models/preprocessing` computed the expected values.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::*;
use crate::input::picture::Values;
use crate::input::preprocessing::{Channels, bands};
use crate::input::{ReadOptions, read_image};

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/preprocessing")
}

fn cases(name: &str) -> Vec<Value> {
    let text = fs::read_to_string(fixtures().join(name)).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    json["cases"].as_array().unwrap().clone()
}

fn pixels(name: &str, channels: Channels) -> Pixels {
    let read = read_image(&fixtures().join(name), &ReadOptions::default()).unwrap();
    let Values::U8(values) = &read.picture.values else { panic!("{name} is 8-bit") };
    bands::select(values, &read.picture, channels, bands::luma).unwrap()
}

fn of_case(case: &Value) -> (Pixels, Size, Method) {
    let text = |key: &str| case[key].as_str().unwrap();
    let method = Method {
        resampler: case["resampler"].as_str().unwrap_or("torchvision").parse().unwrap(),
        interpolation: text("interpolation").parse().unwrap(),
        antialias: case["antialias"].as_bool().unwrap(),
    };
    let image = pixels(text("image"), text("channels").parse().unwrap());
    (image, text("size").parse().unwrap(), method)
}

fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn bytes_of(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks_exact(2);
    digits
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn resized_pixels_are_those_of_their_library_bit_for_bit() {
    let mut seen = [0; 3];
    for case in cases("resize.json") {
        let Some(expected) = case["sha256"].as_str() else { continue };
        let (image, size, method) = of_case(&case);
        assert_eq!(method.check(), Ok(()), "{case}");
        let resized = method.resize(image, size).unwrap();
        assert_eq!(hexadecimal(&Sha256::digest(&resized.values)), expected, "{case}");
        seen[match method.resampler {
            Resampler::Torchvision => 0,
            Resampler::Pillow => 1,
            _ => 2,
        }] += 1;
    }
    assert!(seen[0] >= 100 && seen[1] >= 100 && seen[2] >= 40, "{seen:?}");
}

#[test]
fn bicubic_pixels_of_opencv_are_within_one_level_and_nearly_all_equal() {
    let (mut all, mut off) = (0, 0);
    for case in cases("resize.json") {
        let Some(expected) = case["pixels"].as_str().map(bytes_of) else { continue };
        let (image, size, method) = of_case(&case);
        let wide = image.size.width >= 4;
        let resized = method.resize(image, size).unwrap();
        assert_eq!(resized.values.len(), expected.len(), "{case}");
        for (found, expected) in resized.values.iter().zip(&expected) {
            assert!(found.abs_diff(*expected) <= 1, "{case}");
            // OpenCV has another code path for narrower images.
            if wide {
                off += usize::from(found != expected);
                all += 1;
            }
        }
    }
    assert!(all > 20_000 && off * 400 <= all, "{off} of {all} differ");
}

#[test]
fn resized_floats_are_those_of_torchvision_to_millionths() {
    let cases = cases("floats.json");
    assert!(cases.len() >= 80);
    for case in cases {
        let (image, size, method) = of_case(&case);
        let resized = Method { resampler: Resampler::Float, ..method }
            .resize_floats(image.map(|value| f32::from(value) * (1.0 / 255.0)), size);
        for sample in case["samples"].as_array().unwrap() {
            let found = resized.values[sample[0].as_u64().unwrap() as usize];
            let expected = sample[1].as_f64().unwrap();
            let off = (f64::from(found) - expected).abs();
            let near = if method.antialias { 1e-6 } else { 5e-6 };
            assert!(off <= near, "{found} for {sample}, off by {off:.1e}: {case}");
        }
    }
}

#[test]
fn the_two_convolutions_of_torchvision_give_the_same_pixels() {
    let strip = pixels("strip.png", Channels::Rgb);
    for (interpolation, kernel) in [
        (Interpolation::Bilinear, interpolate::LINEAR),
        (Interpolation::Bicubic, interpolate::CATMULL_ROM),
        (Interpolation::Lanczos, interpolate::LANCZOS),
    ] {
        for width in (23..=2000).step_by(61) {
            let size = Size { width, ..strip.size };
            let expected = torchvision::reduce_width(&strip, width, kernel);
            let method = Method {
                resampler: Resampler::Torchvision,
                interpolation,
                antialias: true,
            };
            let found = method.resize(strip.clone(), size).unwrap();
            assert!(found == expected, "{interpolation} to {size}");
        }
    }
}

/// Computes a value from its definition, in f64 from all pixels, without rounding.
fn naive(image: &Pixels, size: Size, kernel: Kernel, antialias: bool) -> Vec<f64> {
    let weight = |i: usize, at: usize, from: usize, to: usize| {
        let scale = from as f64 / to as f64;
        let center = (i as f64 + 0.5) * scale - 0.5;
        if antialias {
            let widening = scale.max(1.0);
            (kernel.weight)((at as f64 - center) / widening)
        } else {
            let beyond = match at {
                _ if from == 1 => -9_isize..10,
                0 => -9..1,
                at if at == from - 1 => at.cast_signed()..at.cast_signed() + 10,
                at => at.cast_signed()..at.cast_signed() + 1,
            };
            beyond.map(|at| (kernel.weight)(at as f64 - center)).sum()
        }
    };
    let line = |i: usize, from: usize, to: usize| -> Vec<f64> {
        let all: Vec<f64> = (0..from).map(|at| weight(i, at, from, to)).collect();
        let sum: f64 = all.iter().sum();
        all.into_iter().map(|weight| weight / sum).collect()
    };
    let mut values = Vec::new();
    for y in 0..size.height {
        let down = line(y, image.size.height, size.height);
        for x in 0..size.width {
            let across = line(x, image.size.width, size.width);
            for channel in 0..image.channels {
                let mut sum = 0.0;
                for (row, down) in down.iter().enumerate() {
                    for (column, across) in across.iter().enumerate() {
                        let at = (row * image.size.width + column) * image.channels;
                        sum += down * across * f64::from(image.values[at + channel]);
                    }
                }
                values.push(sum);
            }
        }
    }
    values
}

fn any_image() -> impl Strategy<Value = Pixels> {
    let size = (1_usize..14, 1_usize..14);
    let channels = prop::sample::select(vec![1_usize, 3, 4]);
    (size, channels).prop_flat_map(|((width, height), channels)| {
        prop::collection::vec(any::<u8>(), width * height * channels).prop_map(
            move |values| Pixels { size: Size { width, height }, channels, values },
        )
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_kernel_follows_its_definition(
        image in any_image(),
        (width, height) in (1_usize..20, 1_usize..20),
        (resampler, interpolation, antialias) in prop::sample::select(vec![
            (Resampler::Torchvision, Interpolation::Bilinear, true),
            (Resampler::Torchvision, Interpolation::Bilinear, false),
            (Resampler::Pillow, Interpolation::Bilinear, true),
            (Resampler::Pillow, Interpolation::Hamming, true),
            (Resampler::Opencv, Interpolation::Bilinear, false),
            (Resampler::Opencv, Interpolation::Bicubic, false),
        ]),
    ) {
        let size = Size { width, height };
        let method = Method { resampler, interpolation, antialias };
        let kernel = match interpolation {
            Interpolation::Bicubic => interpolate::CUBIC,
            other => pillow::kernel(other).unwrap(),
        };
        let expected = naive(&image, size, kernel, antialias);
        let floats = method.resize_floats(image.clone().map(f32::from), size);
        let bytes = method.resize(image, size).unwrap();
        for ((expected, float), byte) in expected.iter().zip(floats.values).zip(bytes.values) {
            prop_assert!((f64::from(float) - expected).abs() < 1e-2, "{} for {}", float, expected);
            // Rounded after each of two passes.
            let off = (f64::from(byte) - expected.clamp(0.0, 255.0)).abs();
            prop_assert!(off <= 1.3, "{} for {}", byte, expected);
        }
    }
}

/// Prints the time of each arithmetic for a photo of 1920 x 1280 pixels.
#[test]
#[ignore = "prints times: run with --ignored --nocapture"]
#[expect(clippy::print_stdout, reason = "prints the measured times")]
fn photos_are_resized_with_every_arithmetic() {
    let size = Size { width: 1920, height: 1280 };
    let values = (0..size.width * size.height * 3).map(|i| (i * 7919 % 251) as u8);
    let image = Pixels { size, channels: 3, values: values.collect() };
    let floats = image.clone().map(f32::from);
    let to = Size { width: 512, height: 341 };
    let (resamplers, interpolations) =
        (Resampler::NAMES, ["bilinear", "bicubic", "lanczos"]);
    for resampler in resamplers {
        for interpolation in interpolations {
            for antialias in [true, false] {
                let method = Method {
                    resampler: resampler.parse().unwrap(),
                    interpolation: interpolation.parse().unwrap(),
                    antialias,
                };
                let fixed = Method::antialias_of(method.resampler, method.interpolation);
                if method.check().is_err()
                    || fixed.is_some_and(|fixed| fixed != antialias)
                {
                    continue;
                }
                let mut least = f64::INFINITY;
                for _ in 0..7 {
                    let (image, floats) = (image.clone(), floats.clone());
                    let start = std::time::Instant::now();
                    if method.resampler == Resampler::Float {
                        std::hint::black_box(method.resize_floats(floats, to));
                    } else {
                        std::hint::black_box(method.resize(image, to).unwrap());
                    }
                    least = least.min(start.elapsed().as_secs_f64() * 1e3);
                }
                println!(
                    "{resampler} {interpolation} antialias={antialias}: {least:.1} ms"
                );
            }
        }
    }
}
