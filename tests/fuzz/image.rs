//! Image files made of arbitrary bytes: the decoders of all formats.

use std::path::Path;

use mcdrop::Error;
use mcdrop::input::picture::{Picture, Values};
use mcdrop::input::preprocessing::{Alpha, Channels, Exif};
use mcdrop::input::{ReadOptions, read_image};

use crate::Target;
use crate::scratch::Scratch;
use crate::seeds::files;

/// Small, so that time is spent on decoding and not on the size that a header claims.
const MOST_PIXELS: u64 = 1_000_000;

pub(crate) const TARGET: Target = Target { name: "image", seeds, words: WORDS, run };

const WORDS: &[&[u8]] = &[
    b"\xff\xd8\xff",
    b"\xff\xc0",
    b"\xff\xc2",
    b"\xff\xc4",
    b"\xff\xda",
    b"\xff\xdb",
    b"\xff\xdd",
    b"\xff\xe1",
    b"\xff\xee",
    b"\xff\xd9",
    b"Exif\0\0",
    b"Adobe",
    b"IHDR",
    b"PLTE",
    b"tRNS",
    b"IDAT",
    b"IEND",
    b"eXIf",
    b"acTL",
    b"fcTL",
    b"fdAT",
    b"iCCP",
    b"\x89PNG\r\n\x1a\n",
    b"II\x2a\0",
    b"MM\0\x2a",
    b"II\x2b\0\x08\0\0\0",
    b"MM\0\x2b\0\x08\0\0",
    b"RIFF",
    b"WEBP",
    b"VP8 ",
    b"VP8L",
    b"VP8X",
    b"ALPH",
    b"ANIM",
    b"ANMF",
    b"EXIF",
    b"BM",
    b"P1\n",
    b"P2\n",
    b"P3\n",
    b"P4\n",
    b"P5\n",
    b"P6\n",
    b"P7\nWIDTH 2\nHEIGHT 2\nDEPTH 3\nMAXVAL 255\nTUPLTYPE RGB\nENDHDR\n",
    b"65535",
];

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = files("fixtures/preprocessing", |path| {
        path.extension().is_some_and(|extension| extension != "json")
    });
    seeds.extend(files("fixtures/digits/7", |_| true).into_iter().take(2));
    seeds.push(b"P7\nWIDTH 2\nHEIGHT 1\nDEPTH 4\nMAXVAL 255\nTUPLTYPE RGB_ALPHA\nENDHDR\n12345678".to_vec());
    seeds.push(b"P3 2 1 65535 1 2 3 400 500 60000\n".to_vec());
    seeds
}

fn run(scratch: &Scratch, bytes: &[u8]) {
    let path = scratch.write("image", bytes);
    let colors = ReadOptions {
        max_pixels: MOST_PIXELS,
        exif: Exif::Apply,
        channels: Channels::Rgb,
        frame: None,
        bands: None,
        alpha: Alpha::White,
    };
    let bands =
        ReadOptions { exif: Exif::Ignore, channels: Channels::Rgba, ..colors.clone() };
    for options in [colors, bands] {
        read(&path, &options);
    }
}

fn read(path: &Path, options: &ReadOptions) {
    let decoded = match read_image(path, options) {
        Ok(decoded) => decoded,
        Err(error) => {
            let text = error.to_string();
            assert!(matches!(error, Error::Image { .. }), "{text}");
            assert!(error.hint().is_some(), "no hint: {text}");
            assert!(!text.contains('\n'), "{text}");
            assert!(!text.contains("the decoder panicked"), "a decoder panicked");
            return;
        }
    };
    let Picture { width, height, bands, values } = decoded.picture;
    let pixels = width * height;
    assert!(pixels > 0 && pixels as u64 <= MOST_PIXELS, "{width}x{height}");
    assert_eq!(values.len(), pixels * bands);
    assert!(match options.channels {
        Channels::Rgba | Channels::Bands(_) => bands == options.channels.count(),
        _ => bands == 1 || bands == 3,
    });
    if let Values::F32(values) = values {
        assert!(values.iter().all(|value| value.is_finite()));
    }
}
