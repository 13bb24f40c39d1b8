//! Maps of values as TIFF files with 32-bit floating-point samples.
//!
//! # References
//!
//! - Adobe (1992), *TIFF*, revision 6.0: strips, sample formats.
//! - Adobe (2002), *Adobe Photoshop TIFF Technical Notes*: Deflate (compression 8).
//! - Adobe (2005), *TIFF Technical Note 3*: the floating-point predictor (predictor 3).

use std::io::{self, Write as _};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::encoder::TiffEncoder;
use tiff::tags::Tag;

use crate::input::MAX_PIXELS;
use crate::tensor::Map;

/// Number of bytes of a strip before compression, unless one row has more.
const STRIP_BYTES: usize = 256 << 10;

/// Number of bytes of a value.
const VALUE_BYTES: usize = size_of::<f32>();

/// Encodes a map as a TIFF file with one page. Every value is preserved bit for bit, including NaN
/// ("none").
///
/// The file has the byte order of the machine (`II` and 42 if little-endian). The strips precede the
/// only directory, which has exactly these tags:
///
/// | tag | value |
/// |---|---|
/// | 256, 257 | width and height, `LONG` |
/// | 258 | 32 bits per sample |
/// | 259 | 8: each strip is a zlib stream |
/// | 262 | 1: 0 is black |
/// | 273, 279 | offsets and lengths of the strips, `LONG` |
/// | 277 | one sample per pixel |
/// | 278 | rows per strip: as many as fit into 256 KiB, at least one |
/// | 317 | 3: each row of a strip contains the highest bytes of all values, then the next ones down to the lowest, each byte as its difference from the previous one |
/// | 339 | 3: IEEE floating point |
///
/// # Errors
///
/// Fails if the map is empty, does not have the stated size, or is larger than a TIFF file can be
/// (4 GiB).
pub fn encode(map: &Map) -> io::Result<Vec<u8>> {
    let n = map.width.checked_mul(map.height);
    if n.is_none_or(|n| n == 0 || n != map.values.len()) {
        let message = format!(
            "{} values are not a map of {} x {}",
            map.values.len(),
            map.width,
            map.height
        );
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let rows = (STRIP_BYTES / (VALUE_BYTES * map.width)).clamp(1, map.height);
    let mut bytes = io::Cursor::new(Vec::new());
    write(map, rows, &mut bytes).map_err(io::Error::other)?;
    Ok(bytes.into_inner())
}

/// Reads a TIFF file with one 32-bit floating-point value per pixel, as [`encode`] writes it.
///
/// # Errors
///
/// Fails if the file has another format, is truncated, or has more than 200 million pixels.
pub fn decode(bytes: &[u8]) -> io::Result<Map> {
    let mut limits = Limits::default();
    limits.decoding_buffer_size = VALUE_BYTES * MAX_PIXELS as usize;
    limits.intermediate_buffer_size = VALUE_BYTES * MAX_PIXELS as usize;
    let invalid = |error| io::Error::new(io::ErrorKind::InvalidData, error);
    let decoder = Decoder::new(io::Cursor::new(bytes)).map_err(invalid)?;
    let mut decoder = decoder.with_limits(limits);
    let (width, height) = decoder.dimensions().map_err(invalid)?;
    let (width, height) = (width as usize, height as usize);
    match decoder.read_image().map_err(invalid)? {
        DecodingResult::F32(values) if values.len() == width * height => {
            Ok(Map { height, width, values })
        }
        _ => {
            let message = "expected one 32-bit floating-point value per pixel";
            Err(io::Error::new(io::ErrorKind::InvalidData, message))
        }
    }
}

fn write(
    map: &Map,
    rows: usize,
    bytes: &mut io::Cursor<Vec<u8>>,
) -> tiff::TiffResult<()> {
    let side = |n: usize| u32::try_from(n).map_err(tiff::TiffError::from);
    let mut file = TiffEncoder::new(bytes)?;
    let mut page = file.image_directory()?;
    let (mut offsets, mut lengths) = (Vec::new(), Vec::new());
    for values in map.values.chunks(rows * map.width) {
        let strip = strip(values, map.width)?;
        offsets.push(u32::try_from(page.write_data(&strip[..])?)?);
        lengths.push(side(strip.len())?);
    }
    page.write_tag(Tag::ImageWidth, side(map.width)?)?;
    page.write_tag(Tag::ImageLength, side(map.height)?)?;
    page.write_tag(Tag::BitsPerSample, 32_u16)?;
    page.write_tag(Tag::Compression, 8_u16)?; // Deflate
    page.write_tag(Tag::PhotometricInterpretation, 1_u16)?; // 0 is black
    page.write_tag(Tag::StripOffsets, &offsets[..])?;
    page.write_tag(Tag::SamplesPerPixel, 1_u16)?;
    page.write_tag(Tag::RowsPerStrip, side(rows)?)?;
    page.write_tag(Tag::StripByteCounts, &lengths[..])?;
    page.write_tag(Tag::Predictor, 3_u16)?; // floating point
    page.write_tag(Tag::SampleFormat, 3_u16)?; // IEEE floating point
    page.finish()
}

/// Rows of values after the predictor and compression.
fn strip(values: &[f32], width: usize) -> io::Result<Vec<u8>> {
    let mut line = vec![0; VALUE_BYTES * width];
    let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
    for row in values.chunks(width) {
        predict(row, &mut line);
        encoder.write_all(&line)?;
    }
    encoder.finish()
}

/// Applies the predictor to a row: the highest bytes of all values, then the next ones down to the
/// lowest, each byte as its difference from the previous one.
fn predict(row: &[f32], line: &mut [u8]) {
    for (x, value) in row.iter().enumerate() {
        for (plane, byte) in value.to_be_bytes().into_iter().enumerate() {
            line[plane * row.len() + x] = byte;
        }
    }
    let mut before = 0;
    for byte in line {
        let difference = byte.wrapping_sub(before);
        before = *byte;
        *byte = difference;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tiff::decoder::{Decoder, DecodingResult, Limits};

    use super::*;

    /// Size and the bits of the values, as the `tiff` crate reads them.
    fn decode(bytes: &[u8]) -> ((u32, u32), Vec<u32>) {
        let decoder = Decoder::new(io::Cursor::new(bytes)).unwrap();
        let mut decoder = decoder.with_limits(Limits::unlimited());
        let DecodingResult::F32(values) = decoder.read_image().unwrap() else {
            panic!("not f32")
        };
        (decoder.dimensions().unwrap(), values.iter().map(|v| v.to_bits()).collect())
    }

    #[test]
    fn values_come_back_bit_for_bit() {
        let values = vec![0.0, -0.0, 1.5, f32::NAN, f32::INFINITY, f32::from_bits(1)];
        let expected: Vec<u32> = values.iter().map(|value| value.to_bits()).collect();
        let bytes = encode(&Map { height: 2, width: 3, values }).unwrap();
        assert_eq!(decode(&bytes), ((3, 2), expected));
    }

    #[test]
    fn the_file_says_what_it_holds() {
        let map = Map { height: 300, width: 1000, values: vec![0.25; 300_000] };
        let bytes = encode(&map).unwrap();
        let mut decoder = Decoder::new(io::Cursor::new(&bytes)).unwrap();
        let mut tag = |tag| decoder.get_tag_u32(tag).unwrap();
        assert_eq!(tag(Tag::BitsPerSample), 32);
        assert_eq!(tag(Tag::SampleFormat), 3);
        assert_eq!(tag(Tag::Compression), 8);
        assert_eq!(tag(Tag::Predictor), 3);
        assert_eq!(tag(Tag::SamplesPerPixel), 1);
        assert_eq!(tag(Tag::RowsPerStrip), 65);
        assert_eq!(decoder.get_tag_u32_vec(Tag::StripOffsets).unwrap().len(), 5);
        assert_eq!(decode(&bytes).1, vec![0.25_f32.to_bits(); 300_000]);
        assert!(bytes.len() < 12_000, "{}", bytes.len());
    }

    #[test]
    fn a_map_that_is_not_as_large_as_it_says_is_refused() {
        for (height, width, n) in [(0, 3, 0), (3, 0, 0), (2, 3, 5), (usize::MAX, 2, 3)] {
            let map = Map { height, width, values: vec![0.0; n] };
            let error = encode(&map).unwrap_err();
            assert!(error.to_string().contains("are not a map of"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_map_comes_back_bit_for_bit(
            (height, width, bits) in (1_usize..40, 1_usize..40).prop_flat_map(|(h, w)| {
                (Just(h), Just(w), prop::collection::vec(any::<u32>(), h * w))
            }),
            long in any::<bool>(),
        ) {
            // Wide rows also, so that there are several strips.
            let repeats = if long { 2000 } else { 1 };
            let bits: Vec<u32> =
                bits.iter().flat_map(|b| std::iter::repeat_n(*b, repeats)).collect();
            let values = bits.iter().map(|bits| f32::from_bits(*bits)).collect();
            let width = width * repeats;
            let bytes = encode(&Map { height, width, values }).unwrap();
            prop_assert_eq!(decode(&bytes), ((width as u32, height as u32), bits));
        }
    }
}
