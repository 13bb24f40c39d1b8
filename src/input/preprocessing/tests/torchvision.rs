//! Compares with torchvision: `models/preprocessing` computed the expected values.

#![allow(clippy::float_cmp, reason = "the same bits are what is promised")]

use std::fs;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::*;

fn cases(name: &str) -> Vec<Value> {
    let text = fs::read_to_string(fixtures().join(name)).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    json["cases"].as_array().unwrap().clone()
}

fn hash(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn text<T: std::str::FromStr<Err = String>>(value: &Value) -> Option<T> {
    value.as_str().map(|text| text.parse().unwrap())
}

fn numbers(value: &Value) -> Option<Vec<f32>> {
    let numbers = value.as_array()?.iter();
    Some(numbers.map(|number| number.as_f64().unwrap() as f32).collect())
}

fn options(case: &Value) -> Options {
    Options {
        resize: text(&case["resize"]),
        crop: text(&case["crop"]),
        interpolation: text(&case["interpolation"]),
        antialias: case["antialias"].as_bool(),
        channels: text(&case["channels"]),
        mean: numbers(&case["mean"]),
        std: numbers(&case["std"]),
        ..Options::default()
    }
}

#[test]
fn what_the_network_takes_is_what_torchvision_makes_of_an_image() {
    for case in cases("pipelines.json") {
        let options = options(&case["options"]);
        let channels = options.channels.map_or(3, Channels::count);
        let input = ModelInput { channels, ..RGB_ANY };
        let image = image(case["image"].as_str().unwrap());
        let made = resolve(&input, &options).unwrap().apply(&image).unwrap();
        assert_eq!(made.height as u64, case["height"].as_u64().unwrap(), "{case}");
        assert_eq!(made.width as u64, case["width"].as_u64().unwrap(), "{case}");
        for sample in case["samples"].as_array().unwrap() {
            let at = |i: usize| sample[i].as_u64().unwrap() as usize;
            let expected = sample[3].as_f64().unwrap() as f32;
            let found = made.values[(at(0) * made.height + at(1)) * made.width + at(2)];
            assert!((found - expected).abs() <= 1e-6, "{found} for {sample} in {case}");
        }
        let bytes: Vec<u8> =
            made.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        assert_eq!(hash(&bytes), case["sha256"].as_str().unwrap(), "{case}");

        let last = ModelInput { layout: Layout::Nhwc, ..input };
        let last = resolve(&last, &options).unwrap().apply(&image).unwrap();
        for (i, value) in made.values.iter().enumerate() {
            let (channel, pixel) =
                (i / (made.values.len() / channels), i % (made.values.len() / channels));
            assert_eq!(*value, last.values[pixel * channels + channel], "{case}");
        }
    }
}
