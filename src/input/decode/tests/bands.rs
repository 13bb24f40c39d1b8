//! Tests floating point and four bands, transparency, orientation and limits.

use super::*;
use crate::input::picture::Values;
use crate::input::settings::{Alpha, Channels, Exif};

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
            Values::U8(values) if case["bits"] == 8 => values,
            Values::U16 { values, largest: 65_535 } if case["bits"] == 16 => {
                values.iter().flat_map(|value| value.to_le_bytes()).collect()
            }
            Values::F32(values) if case["bits"] == 32 => {
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
        let (Values::U8(all), Values::U8(colors)) = (&four.values, &three.values) else {
            panic!("{name} is 8-bit")
        };
        assert_eq!((four.bands, all.len() / 4), (4, colors.len() / 3));
        let kept: Vec<u8> =
            all.as_chunks::<4>().0.iter().flat_map(|p| &p[..3]).copied().collect();
        assert_eq!(&kept, colors);
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

/// Returns a TIFF of red, green, blue and alpha in floating point; `kind` is that of the alpha
/// band.
fn float_with_alpha(kind: u16, values: &[f32]) -> Vec<u8> {
    let data: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    let width = (values.len() / 4) as u32;
    let tags: [(u16, u32); 11] = [
        (256, width),
        (257, 1),
        (258, 32),
        (259, 1),
        (262, 2),
        (273, 8),
        (277, 4),
        (278, 1),
        (279, data.len() as u32),
        (338, u32::from(kind)),
        (339, 3),
    ];
    let mut bytes = b"II\x2a\0".to_vec();
    bytes.extend((8 + data.len() as u32).to_le_bytes());
    bytes.extend(data);
    let lists = bytes.len() as u32 + 2 + 12 * tags.len() as u32 + 4;
    bytes.extend((tags.len() as u16).to_le_bytes());
    for (tag, value) in tags {
        let is_list = tag == 258 || tag == 339;
        bytes.extend(tag.to_le_bytes());
        let is_wide = matches!(tag, 273 | 279);
        bytes.extend((if is_wide { 4_u16 } else { 3 }).to_le_bytes());
        bytes.extend((if is_list { 4_u32 } else { 1 }).to_le_bytes());
        let place = if tag == 339 { lists + 8 } else { lists };
        bytes.extend((if is_list { place } else { value }).to_le_bytes());
    }
    bytes.extend([0; 4]);
    bytes.extend([32_u16, 32, 32, 32, 3, 3, 3, 3].iter().flat_map(|n| n.to_le_bytes()));
    bytes
}

#[test]
fn floats_with_alpha_are_laid_on_white_or_refused() {
    let white = ReadOptions { alpha: Alpha::White, ..ReadOptions::default() };
    let read = |kind, values: &[f32], options: &ReadOptions| {
        let picture = decode(&float_with_alpha(kind, values), Path::new("a"), options);
        let picture = picture.map(|upright| upright.picture);
        picture.map(|picture| (picture.bands, picture.values)).map_err(|r| r.message)
    };
    let values = [0.5, 0.0, 1.0, 0.25, 0.1, 0.2, 0.3, 1.0];
    let of = |values: &[f32]| Ok((3, Values::F32(values.to_vec())));
    let [associated, unassociated] = [1, 2];
    let dropped = ReadOptions::default();
    assert_eq!(
        read(unassociated, &values, &dropped),
        of(&[0.5, 0.0, 1.0, 0.1, 0.2, 0.3])
    );
    assert_eq!(
        read(unassociated, &values, &white),
        of(&[0.875, 0.75, 1.0, 0.1, 0.2, 0.3])
    );
    assert_eq!(
        read(associated, &[0.125, 0.0, 0.25, 0.25], &white),
        of(&[0.875, 0.75, 1.0])
    );
    assert_eq!(
        read(unassociated, &[700.0, 0.0, 0.0, 1.0], &white).unwrap_err(),
        "holds 700 in floating point, but only values from 0 to 1 can be composited on white"
    );
    let unspecified = 0;
    assert_eq!(
        read(unspecified, &[700.0, 0.0, 0.0, 0.5], &white),
        of(&[700.0, 0.0, 0.0])
    );
}

#[test]
fn orientation_can_be_ignored() {
    let options = ReadOptions { exif: Exif::Ignore, ..ReadOptions::default() };
    for (name, channels) in [
        ("turned.jpg", Channels::Rgb),
        ("turned.png", Channels::Rgb),
        ("float-turned.tif", Channels::Rgb),
    ] {
        let options = ReadOptions { channels, ..options.clone() };
        let as_it_lies = read_image(&fixtures().join(name), &options).unwrap();
        let upright = read(&fixtures().join(name)).unwrap();
        assert_eq!(as_it_lies.orientation, None, "{name}");
        assert!(matches!(upright.orientation, Some(5..=8)), "{name}");
        assert_eq!(
            (as_it_lies.picture.width, as_it_lies.picture.height),
            (upright.picture.height, upright.picture.width),
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
        assert!(error.hint().unwrap().contains("`max_pixels`"), "{error}");
    }
}

#[test]
fn a_small_file_that_promises_a_huge_image_ends_early() {
    let mut png = fs::read(fixtures().join("rgb.png")).unwrap();
    png[16..24].copy_from_slice(&[0, 0, 0x36, 0, 0, 0, 0x36, 0]);
    assert!(message(&png).starts_with("PNG: "), "{}", message(&png));
    let mut tiff = fs::read(fixtures().join("float-gray.tif")).unwrap();
    for tag in [256_u16, 257] {
        let directory = Directories::of(&tiff).unwrap().next().unwrap();
        for patch in directory.set(tag, 14_000) {
            let at = patch.at as usize;
            tiff[at..at + patch.bytes.len()].copy_from_slice(&patch.bytes);
        }
    }
    assert!(message(&tiff).starts_with("TIFF: "), "{}", message(&tiff));
}
