//! Floating point and four bands, transparency, orientation and limits.

use super::*;
use crate::input::picture::Values;

fn cases() -> Vec<Value> {
    let text = fs::read_to_string(fixtures().join("bands.json")).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    json["cases"].as_array().unwrap().clone()
}

fn options_of(case: &Value) -> ReadOptions {
    let channels = case["channels"].as_str().unwrap().parse().unwrap();
    ReadOptions { channels, ..ReadOptions::default() }
}

#[test]
fn bands_and_floats_are_the_values_of_the_file() {
    let cases = cases();
    assert!(cases.len() >= 20);
    for case in cases {
        let name = case["image"].as_str().unwrap();
        let result = read_image(&fixtures().join(name), &options_of(&case));
        if let Some(expected) = case["error"].as_str() {
            let error = result.unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
            assert!(error.hint().is_some(), "{error}");
            continue;
        }
        let picture = result.unwrap().picture;
        let number = |key: &str| case[key].as_u64().unwrap() as usize;
        assert_eq!((picture.width, picture.height), (number("width"), number("height")));
        assert_eq!(picture.bands, number("bands"), "{name}");
        let bytes = match picture.values {
            Values::U8(values) if case["float"] == false => values,
            Values::F32(values) if case["float"] == true => {
                values.iter().flat_map(|value| value.to_le_bytes()).collect()
            }
            _ => panic!("{name} has another kind of values"),
        };
        let hash: [u8; 32] = Sha256::digest(&bytes).into();
        assert_eq!(hash[..], bytes_of_hex(case["sha256"].as_str().unwrap()), "{name}");
    }
}

#[test]
fn a_model_of_four_channels_gets_the_four_bands_of_png_and_webp() {
    let options = ReadOptions { channels: Channels::Rgba, ..ReadOptions::default() };
    for name in ["rgba.png", "alpha.webp"] {
        let four = read_image(&fixtures().join(name), &options).unwrap().picture;
        let three = read(&fixtures().join(name)).unwrap().picture;
        let (Values::U8(all), Values::U8(colours)) = (&four.values, &three.values) else {
            panic!("{name} is 8-bit")
        };
        assert_eq!((four.bands, all.len() / 4), (4, colours.len() / 3));
        let kept: Vec<u8> =
            all.as_chunks::<4>().0.iter().flat_map(|p| &p[..3]).copied().collect();
        assert_eq!(&kept, colours);
        assert!(all.as_chunks::<4>().0.iter().any(|pixel| pixel[3] != 255));
    }
    let error = read_image(&fixtures().join("rgb.png"), &options).unwrap_err();
    let message = "the image has 3 bands, but the model takes 4 (rgba)";
    assert!(error.to_string().ends_with(message), "{error}");
}

#[test]
fn transparent_images_are_laid_on_white_where_that_is_asked_for() {
    let options = ReadOptions { alpha: Alpha::White, ..ReadOptions::default() };
    let all = ReadOptions { channels: Channels::Rgba, ..ReadOptions::default() };
    let path = fixtures().join("rgba.png");
    let white = read_image(&path, &options).unwrap().picture;
    let four = read_image(&path, &all).unwrap().picture;
    let (Values::U8(white), Values::U8(four)) = (white.values, four.values) else {
        panic!("8-bit")
    };
    for (found, [red, green, blue, alpha]) in
        white.as_chunks::<3>().0.iter().zip(four.as_chunks::<4>().0)
    {
        for (found, value) in found.iter().zip([red, green, blue]) {
            let share = f64::from(*alpha) / 255.0;
            let expected = f64::from(*value) * share + 255.0 * (1.0 - share);
            assert!((f64::from(*found) - expected).abs() <= 0.51, "{found} {expected}");
        }
    }
    let opaque = read_image(&fixtures().join("rgb.png"), &options).unwrap();
    assert_eq!(opaque, read(&fixtures().join("rgb.png")).unwrap());
}

#[test]
fn orientation_can_be_ignored() {
    let options = ReadOptions { exif: Exif::Ignore, ..ReadOptions::default() };
    for (name, channels) in [
        ("turned.jpg", Channels::Rgb),
        ("turned.png", Channels::Rgb),
        ("float-turned.tif", Channels::Rgb),
    ] {
        let options = ReadOptions { channels, ..options };
        let as_it_lies = read_image(&fixtures().join(name), &options).unwrap().picture;
        let upright = read(&fixtures().join(name)).unwrap().picture;
        assert_eq!(
            (as_it_lies.width, as_it_lies.height),
            (upright.height, upright.width),
            "{name}"
        );
    }
}

#[test]
fn the_limit_of_pixels_can_be_set_and_is_named_where_it_is_exceeded() {
    for name in ["rgb.png", "float-rgb.tif", "rgb.tif", "gray.jpg", "lossless.webp"] {
        let picture = read(&fixtures().join(name)).unwrap().picture;
        let exactly = (picture.width * picture.height) as u64;
        let with = |max_pixels| {
            let options = ReadOptions { max_pixels, ..ReadOptions::default() };
            read_image(&fixtures().join(name), &options)
        };
        assert!(with(exactly).is_ok(), "{name}");
        let error = with(exactly - 1).unwrap_err();
        let (width, height) = (picture.width, picture.height);
        assert!(
            error.to_string().contains(&format!("{width}x{height} pixels")),
            "{error}"
        );
        assert!(error.hint().unwrap().contains("--max-pixels"), "{error}");
    }
}

#[test]
fn a_small_file_that_promises_a_huge_image_ends_early() {
    let mut png = fs::read(fixtures().join("rgb.png")).unwrap();
    png[16..24].copy_from_slice(&[0, 0, 0x36, 0, 0, 0, 0x36, 0]);
    assert!(message(&png).starts_with("PNG: "), "{}", message(&png));
    let mut tiff = fs::read(fixtures().join("float-gray.tif")).unwrap();
    for tag in [256_u16, 257] {
        let set = tiff_tag::set_tag(&mut tiff, tag, 14_000);
        assert_eq!(set, Some(()));
    }
    assert!(message(&tiff).starts_with("TIFF: "), "{}", message(&tiff));
}
