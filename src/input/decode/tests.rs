//! Tests every format, and files that are not what their names claim.

mod bands;
mod zoo;

use crate::input::settings::Channels;
use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::input::picture::Values;

fn fixtures() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fixtures/preprocessing")
}

fn fixture_names() -> Vec<String> {
    let more = ["float-rgb.tif", "float-planes.tif", "pages.tif", "planes.tif"];
    let names = cases();
    let names = names.iter().map(|case| case["image"].as_str().unwrap());
    names.chain(more).map(str::to_owned).collect()
}

fn cases() -> Vec<Value> {
    let text = fs::read_to_string(fixtures().join("images.json")).unwrap();
    let json: Value = serde_json::from_str(&text).unwrap();
    json["cases"].as_array().unwrap().clone()
}

fn bytes_of_hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks_exact(2);
    digits
        .map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn decoded(bytes: &[u8]) -> Result<Picture, Refusal> {
    let decoded = decode(bytes, Path::new("a"), &ReadOptions::default());
    decoded.map(|upright| upright.picture)
}

fn read(path: &Path) -> Result<Decoded> {
    read_image(path, &ReadOptions::default())
}

fn message(bytes: &[u8]) -> String {
    match decoded(bytes) {
        Ok(picture) => format!("{}x{}", picture.width, picture.height),
        Err(refusal) => refusal.message,
    }
}

/// Returns a header that is correct except that it claims too many pixels.
fn bmp_of(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = fs::read(fixtures().join("rgb.bmp")).unwrap();
    bytes[18..22].copy_from_slice(&width.to_le_bytes());
    bytes[22..26].copy_from_slice(&height.to_le_bytes());
    bytes
}

#[test]
fn every_format_gives_the_pixels_that_pillow_gives() {
    let cases = cases();
    assert!(cases.len() >= 25);
    for case in &cases {
        let name = case["image"].as_str().unwrap();
        let read = read(&fixtures().join(name)).unwrap();
        let size = (read.picture.width as u64, read.picture.height as u64);
        let found = read.picture.to_rgb8();
        let expected_size = (&case["width"], &case["height"]);
        assert_eq!(size.0, expected_size.0.as_u64().unwrap(), "{name}");
        assert_eq!(size.1, expected_size.1.as_u64().unwrap(), "{name}");
        assert_eq!(
            read.sha256[..],
            bytes_of_hex(case["file_sha256"].as_str().unwrap()),
            "{name}"
        );
        if let Some(expected) = case["rgb"].as_str() {
            let furthest = found
                .iter()
                .zip(bytes_of_hex(expected))
                .map(|(found, expected)| found.abs_diff(expected))
                .max();
            assert!(furthest.unwrap() <= 4, "{name} is off by {furthest:?}");
        } else {
            let hash: [u8; 32] = Sha256::digest(&found).into();
            assert_eq!(
                hash[..],
                bytes_of_hex(case["sha256"].as_str().unwrap()),
                "{name}"
            );
        }
    }
}

#[test]
fn the_content_tells_the_format_and_not_the_name() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("really-a-png.jpg");
    fs::copy(fixtures().join("rgb.png"), &path).unwrap();
    assert_eq!(
        read(&path).unwrap().picture,
        read(&fixtures().join("rgb.png")).unwrap().picture
    );
}

#[test]
fn files_that_are_no_images_are_errors_with_a_way_out() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes, expected) in [
        ("empty.png", &b""[..], "the file is empty"),
        ("bytes.png", b"\0\x01", "not an image of a supported format"),
        ("zero.png", b"\0", "all its bytes are 0"),
        ("text.jpg", b"hello, I am a text\n", "not an image, but text"),
        ("moving.png", b"GIF89a\x01\0\x01\0\0\0\0;", "GIF: "),
        ("phone.jpg", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC is not supported"),
        ("scan.nii.gz", b"\x1f\x8b\x08\0", "NIfTI is not supported"),
        ("header.png", b"\x89PNG\r\n\x1a\n", "PNG: "),
        ("header.jpg", b"\xff\xd8\xff", "JPEG: the file ends before the image does"),
    ] {
        let path = folder.path().join(name);
        fs::write(&path, bytes).unwrap();
        let error = read(&path).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.to_string().contains(name), "{error}");
        assert!(error.hint().is_some(), "{error}");
    }
    assert!(matches!(read(&folder.path().join("gone.png")), Err(Error::Read { .. })));
    assert!(matches!(read(folder.path()), Err(Error::Image { .. })));
}

#[test]
fn images_that_would_exhaust_memory_are_refused_before_they_are_decoded() {
    assert_eq!(message(&bmp_of(19, 13)), "19x13");
    assert!(message(&bmp_of(20_000, 20_000)).starts_with("20000x20000 pixels; expected"));
    for (width, height) in [(0, 0), (0, 7), (0x7fff_ffff, 0x7fff_ffff), (1, 0x8000_0000)]
    {
        assert!(decoded(&bmp_of(width, height)).is_err());
    }
    for header in ["P6 60000 60000 255\n", "P5 4294967295 4294967295 65535\n", "P4 0 9\n"]
    {
        assert!(decoded(header.as_bytes()).is_err(), "{header}");
    }
    let mut png = fs::read(fixtures().join("rgb16.png")).unwrap();
    png[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    assert!(decoded(&png).is_err());
}

#[test]
fn a_file_cut_short_is_an_error_or_was_complete_already() {
    // If numbers are written in digits, a missing last digit cannot be detected.
    for name in fixture_names().into_iter().filter(|name| name != "hundred.pgm") {
        let bytes = fs::read(fixtures().join(&name)).unwrap();
        let whole = decoded(&bytes).ok();
        let step = (bytes.len() / 400).max(1);
        for length in (0..bytes.len()).step_by(step) {
            if let Ok(image) = decoded(&bytes[..length]) {
                assert!(Some(&image) == whole.as_ref(), "{name} cut to {length} bytes");
            }
        }
    }
}

/// Returns a PNG of one pixel with a palette of these bytes.
fn png_with_palette(palette: &[u8]) -> Vec<u8> {
    let mut pixels =
        flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    io::Write::write_all(&mut pixels, &[0, 0]).unwrap();
    let pixels = pixels.finish().unwrap();
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    for (kind, content) in [
        (b"IHDR", [0, 0, 0, 1, 0, 0, 0, 1, 8, 3, 0, 0, 0].as_slice()),
        (b"PLTE", palette),
        (b"IDAT", &pixels),
        (b"IEND", &[]),
    ] {
        let checked = [kind.as_slice(), content].concat();
        let mut sum = flate2::Crc::new();
        sum.update(&checked);
        bytes.extend((content.len() as u32).to_be_bytes());
        bytes.extend(checked);
        bytes.extend(sum.sum().to_be_bytes());
    }
    bytes
}

#[test]
fn a_palette_of_png_that_ends_within_a_color_is_named() {
    let Values::U8(pixel) = decoded(&png_with_palette(&[7, 8, 9])).ok().unwrap().values
    else {
        panic!("8-bit values");
    };
    assert_eq!(pixel, [7, 8, 9]);
    assert_eq!(
        message(&png_with_palette(&[7, 8, 9, 10])),
        "PNG: the palette has 4 bytes; expected three for each color"
    );
}

/// A JPEG of 8 x 8 pixels whose components all have the level 160, with the segments and names
/// given.
fn jpeg_of(segments: &[&[u8]], names: &[u8]) -> Vec<u8> {
    let mut bytes = b"\xff\xd8".to_vec();
    let mut add = |kind: u8, content: &[u8]| {
        bytes.extend([0xff, kind]);
        bytes.extend((content.len() as u16 + 2).to_be_bytes());
        bytes.extend(content);
    };
    for segment in segments {
        add(segment[0], &segment[1..]);
    }
    add(0xdb, &[&[0][..], &[1; 64]].concat());
    let mut frame = vec![8, 0, 8, 0, 8, names.len() as u8];
    for name in names {
        frame.extend([*name, 0x11, 0]);
    }
    add(0xc0, &frame);
    // One code each: the difference 256 (category 9), and the end of the block.
    let mut counts = [0; 16];
    counts[0] = 1;
    add(0xc4, &[&[0x00][..], &counts, &[9]].concat());
    add(0xc4, &[&[0x10][..], &counts, &[0]].concat());
    let mut scan = vec![names.len() as u8];
    for name in names {
        scan.extend([*name, 0]);
    }
    scan.extend([0, 63, 0]);
    add(0xda, &scan);
    // 0, then 100000000, then 0 for each component; 1s fill the last byte.
    let bits: String = "01000000000".repeat(names.len());
    let filled = format!("{bits:1<width$}", width = bits.len().next_multiple_of(8));
    let data = filled
        .as_bytes()
        .chunks(8)
        .map(|byte| u8::from_str_radix(str::from_utf8(byte).unwrap(), 2).unwrap());
    bytes.extend(data);
    bytes.extend([0xff, 0xd9]);
    bytes
}

#[test]
fn the_color_model_of_a_jpeg_is_the_one_that_libjpeg_infers() {
    let jfif = b"\xe0JFIF\0\x01\x01\0\0\x01\0\x01\0\0";
    let adobe =
        |transform: u8| [b"\xeeAdobe\0\x64\0\0\0\0".as_slice(), &[transform]].concat();
    let first = |segments: &[&[u8]], names: &[u8]| {
        let picture = decoded(&jpeg_of(segments, names)).unwrap();
        let Values::U8(values) = picture.values else { panic!("8-bit values") };
        [values[0], values[1], values[2]]
    };
    let (as_they_are, converted) = ([160; 3], [205, 126, 217]);
    assert_eq!(first(&[], &[1, 2, 3]), converted);
    assert_eq!(first(&[], b"RGB"), as_they_are);
    assert_eq!(first(&[], &[0, 1, 2]), converted);
    assert_eq!(first(&[jfif], b"RGB"), converted);
    assert_eq!(first(&[&adobe(0)], &[1, 2, 3]), as_they_are);
    assert_eq!(first(&[&adobe(1)], b"RGB"), converted);
    assert_eq!(first(&[&adobe(7)], &[1, 2, 3]), converted);
    assert_eq!(first(&[jfif, &adobe(0)], &[1, 2, 3]), converted);
    // Inks are inverted: 160 of 255 is white, and black leaves as much of it.
    let inverted = (160 * 160 / 255) as u8;
    assert_eq!(first(&[], &[1, 2, 3, 4]), [inverted; 3]);
    assert_eq!(first(&[&adobe(0)], &[1, 2, 3, 4]), [inverted; 3]);
    let ycck = first(&[&adobe(2)], &[1, 2, 3, 4]);
    assert_eq!(first(&[&adobe(9)], &[1, 2, 3, 4]), ycck);
    assert_ne!(ycck, [inverted; 3]);
}

#[test]
fn an_embedded_preview_does_not_make_a_jpeg_complete() {
    let bytes = fs::read(fixtures().join("progressive.jpg")).unwrap();
    let preview = fs::read(fixtures().join("gray.jpg")).unwrap();
    let mut with_preview = vec![0xff, 0xd8, 0xff, 0xe5];
    with_preview.extend(u16::try_from(preview.len() + 2).unwrap().to_be_bytes());
    with_preview.extend(preview);
    with_preview.extend(&bytes[2..]);
    assert!(jpeg::Markers::read(&with_preview).is_complete);
    let cut = &with_preview[..with_preview.len() - 2];
    assert!(!jpeg::Markers::read(cut).is_complete);
    with_preview.extend(b"something after the end");
    assert_eq!(message(&with_preview), "37x23");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn changed_bytes_never_panic(
        name in prop::sample::select(fixture_names()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12),
    ) {
        let mut bytes = fs::read(fixtures().join(name)).unwrap();
        for (at, value) in changes {
            // Most errors are in the headers.
            let at = at.index(bytes.len()) % 200.min(bytes.len());
            bytes[at] = value;
        }
        let _ = decoded(&bytes);
        let four = ReadOptions { channels: Channels::Rgba, ..ReadOptions::default() };
        let _ = decode(&bytes, Path::new("a"), &four);
    }

    #[test]
    fn bytes_after_a_magic_number_never_panic(
        magic in prop::sample::select(vec![
            &b"\xff\xd8\xff"[..], b"\x89PNG\r\n\x1a\n", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08", b"BM",
            b"RIFF\x24\0\0\0WEBPVP8 ", b"RIFF\x24\0\0\0WEBPVP8L", b"RIFF\x24\0\0\0WEBPVP8X", b"P1", b"P5 9 9", b"P6 ",
            b"P7\n",
        ]),
        rest in prop::collection::vec(any::<u8>(), 0..300),
    ) {
        let _ = decoded(&[magic, &rest].concat());
    }
}
