//! Reads label maps from TIFF files: strips or tiles, gray of up to 32 bits, palettes and colors.

use std::io::Cursor;

use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::tags::{PhotometricInterpretation, Tag};
use tiff::{ColorType, TiffError};

use super::raster::{Pixels, Raster};
use super::{MAX_BYTES, Numbers, Refusal, VOID, check_size, packed_sample};
use crate::input::decode::{tiff_with_tag, tiff_without_previews};

pub(super) fn is_tiff(bytes: &[u8]) -> bool {
    [b"II\x2a\0", b"MM\0\x2a", b"II\x2b\0", b"MM\0\x2b"]
        .iter()
        .any(|start| bytes.starts_with(*start))
}

/// Compressions that change values: JPEG, in its old and its new form.
const LOSSY: [u16; 2] = [6, 7];

type BytesDecoder<'a> = Decoder<Cursor<&'a [u8]>>;

/// Reads the first page, which may lie behind previews.
pub(super) fn read(bytes: &[u8]) -> Result<Raster, Refusal> {
    let copy = tiff_without_previews(bytes);
    let bytes = copy.as_deref().unwrap_or(bytes);
    let mut decoder = open(bytes)?;
    let interpretation = decoder
        .find_tag_unsigned_vec::<u16>(Tag::PhotometricInterpretation)
        .map_err(refusal)?;
    let palette = PhotometricInterpretation::RGBPalette.to_u16();
    if interpretation.and_then(|values| values.first().copied()) != Some(palette) {
        return raster(&mut decoder, None);
    }
    let map = decoder.get_tag_u16_vec(Tag::ColorMap).map_err(refusal)?;
    let n = map.len() / 3;
    let part = |i: usize| (map[i] >> 8) as u8;
    let palette = (0..n).map(|i| [part(i), part(n + i), part(2 * n + i)]).collect();
    // The decoder refuses palettes; as gray levels it returns the indices.
    let gray = PhotometricInterpretation::BlackIsZero.to_u16();
    let tag = Tag::PhotometricInterpretation.to_u16();
    let copy = tiff_with_tag(bytes, tag, gray.into())
        .ok_or_else(|| Refusal::unexpected("TIFF: its palette cannot be read"))?;
    raster(&mut open(&copy)?, Some(palette))
}

/// Reads the numbers of the first page: integers or floating point, one band. `hint` is that of
/// errors.
pub(super) fn numbers(bytes: &[u8], hint: &'static str) -> Result<Numbers, Refusal> {
    let copy = tiff_without_previews(bytes);
    let bytes = copy.as_deref().unwrap_or(bytes);
    let with_hint = |refusal: Refusal| Refusal::new(refusal.message, hint);
    let mut decoder = open(bytes).map_err(with_hint)?;
    let (width, height) = decoder.dimensions().map_err(refusal).map_err(with_hint)?;
    let (width, height) = (width as usize, height as usize);
    let color = decoder.colortype().map_err(refusal).map_err(with_hint)?;
    let ColorType::Gray(bits @ 8..) = color else {
        return Err(with_hint(unexpected(color)));
    };
    check_size(width, height, usize::from(bits.div_ceil(8))).map_err(with_hint)?;
    let compression = decoder.find_tag_unsigned::<u16>(Tag::Compression);
    if matches!(compression, Ok(Some(kind)) if LOSSY.contains(&kind)) {
        return Err(Refusal::new("it is compressed with loss", hint));
    }
    let read = decoder.read_image().map_err(refusal).map_err(with_hint)?;
    let is_integer = !matches!(
        read,
        DecodingResult::F16(_) | DecodingResult::F32(_) | DecodingResult::F64(_)
    );
    let values: Vec<f64> = match read {
        DecodingResult::U8(values) => values.into_iter().map(f64::from).collect(),
        DecodingResult::U16(values) => values.into_iter().map(f64::from).collect(),
        DecodingResult::U32(values) => values.into_iter().map(f64::from).collect(),
        DecodingResult::U64(values) => values.into_iter().map(|v| v as f64).collect(),
        DecodingResult::I8(values) => values.into_iter().map(f64::from).collect(),
        DecodingResult::I16(values) => values.into_iter().map(f64::from).collect(),
        DecodingResult::I32(values) => values.into_iter().map(f64::from).collect(),
        DecodingResult::I64(values) => values.into_iter().map(|v| v as f64).collect(),
        DecodingResult::F16(values) => {
            values.into_iter().map(half::f16::to_f64).collect()
        }
        DecodingResult::F32(values) => values.into_iter().map(f64::from).collect(),
        DecodingResult::F64(values) => values,
    };
    if values.len() != width * height {
        return Err(Refusal::new("it is truncated", hint));
    }
    Ok(Numbers { height, width, values, is_integer })
}

fn open(bytes: &[u8]) -> Result<BytesDecoder<'_>, Refusal> {
    let mut limits = Limits::default();
    limits.ifd_value_size = bytes.len();
    limits.intermediate_buffer_size = bytes.len();
    limits.decoding_buffer_size = MAX_BYTES;
    let decoder = Decoder::new(Cursor::new(bytes)).map_err(refusal)?;
    Ok(decoder.with_limits(limits))
}

fn raster(
    decoder: &mut BytesDecoder<'_>,
    palette: Option<Vec<[u8; 3]>>,
) -> Result<Raster, Refusal> {
    let (width, height) = decoder.dimensions().map_err(refusal)?;
    let (width, height) = (width as usize, height as usize);
    let color = decoder.colortype().map_err(refusal)?;
    check_size(width, height, usize::from(color.bit_depth().div_ceil(8)))?;
    let values = decoder.read_image().map_err(refusal)?;
    let pixels = match (color, palette) {
        (ColorType::Gray(bits), palette) => {
            let levels = levels(values, bits, width)?;
            match palette {
                None => Pixels::Levels {
                    levels,
                    white: 1_u32.checked_shl(bits.into()).map_or(u32::MAX, |n| n - 1),
                },
                Some(palette) => Pixels::of_palette(levels, palette),
            }
        }
        (ColorType::RGB(8) | ColorType::RGBA(8), _) => match values {
            DecodingResult::U8(values) => Pixels::Colors(
                values
                    .chunks_exact(usize::from(color.num_samples()))
                    .map(|pixel| [pixel[0], pixel[1], pixel[2]])
                    .collect(),
            ),
            _ => return Err(unexpected(color)),
        },
        _ => return Err(unexpected(color)),
    };
    let compression = decoder.find_tag_unsigned::<u16>(Tag::Compression);
    let is_lossy = matches!(compression, Ok(Some(kind)) if LOSSY.contains(&kind));
    Ok(Raster { height, width, pixels, is_lossy })
}

fn unexpected(color: ColorType) -> Refusal {
    let message = match color {
        ColorType::Multiband { bit_depth, num_samples } => {
            format!("TIFF: it has {num_samples} bands of {bit_depth} bits")
        }
        other => format!("TIFF: its pixels are of type {other:?}"),
    };
    Refusal::unexpected(message)
}

fn levels(values: DecodingResult, bits: u8, width: usize) -> Result<Vec<u32>, Refusal> {
    let id = |value: i64| {
        let id = u32::try_from(value).ok().filter(|id| *id != VOID);
        id.ok_or_else(|| Refusal::unexpected(format!("TIFF: it holds {value}")))
    };
    match values {
        DecodingResult::U8(rows) if bits < 8 => {
            let bits = usize::from(bits);
            let rows = rows.chunks_exact((width * bits).div_ceil(8).max(1));
            let samples =
                rows.flat_map(|row| (0..width).map(move |x| packed_sample(row, x, bits)));
            Ok(samples.collect())
        }
        DecodingResult::U8(values) => Ok(values.into_iter().map(u32::from).collect()),
        DecodingResult::U16(values) => Ok(values.into_iter().map(u32::from).collect()),
        DecodingResult::U32(values) => values.into_iter().map(|v| id(v.into())).collect(),
        DecodingResult::I8(values) => values.into_iter().map(|v| id(v.into())).collect(),
        DecodingResult::I16(values) => values.into_iter().map(|v| id(v.into())).collect(),
        DecodingResult::I32(values) => values.into_iter().map(|v| id(v.into())).collect(),
        DecodingResult::F32(values) => whole(values.into_iter().map(f64::from)),
        DecodingResult::F64(values) => whole(values.into_iter()),
        _ => Err(Refusal::unexpected(format!("TIFF: its pixels have {bits} bits"))),
    }
}

/// Converts floating-point numbers that are whole, as GIS software writes ids.
fn whole(values: impl Iterator<Item = f64>) -> Result<Vec<u32>, Refusal> {
    let id = |value: f64| {
        let is_id = value.fract() == 0.0 && (0.0..f64::from(VOID)).contains(&value);
        is_id
            .then_some(value as u32)
            .ok_or_else(|| Refusal::unexpected(format!("TIFF: it holds {value}")))
    };
    values.map(id).collect()
}

#[expect(clippy::needless_pass_by_value, reason = "errors are mapped with it")]
fn refusal(error: TiffError) -> Refusal {
    Refusal::unexpected(format!("TIFF: {}", error.to_string().replace('\n', " ")))
}
