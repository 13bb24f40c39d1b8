//! `NumPy`'s `.npy` files. Every version is read; version 1.0 is written, little-endian, in C order.
//!
//! # References
//!
//! `NumPy` documentation, `numpy.lib.format`, "Format Version 1.0".

use std::fmt::Write as _;
use std::io;

use half::f16;
use half::slice::HalfFloatSliceExt;
use serde_json::Value;

use crate::python_literal;

/// Alignment of the data in the file.
const ALIGNMENT: usize = 64;

/// Number of values read at once.
const CHUNK: usize = 1 << 15;

/// Encodes an array of f32 of the given shape.
///
/// # Errors
///
/// Fails if the shape does not have that number of values.
pub fn encode_f32(shape: &[usize], values: &[f32]) -> io::Result<Vec<u8>> {
    let mut bytes = start("<f4", shape, values.len(), size_of::<f32>())?;
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    Ok(bytes)
}

/// Encodes an array of the given shape as f16, rounded to nearest.
///
/// # Errors
///
/// Fails if the shape does not have that number of values.
pub fn encode_f16(shape: &[usize], values: &[f32]) -> io::Result<Vec<u8>> {
    let mut bytes = start("<f2", shape, values.len(), size_of::<f16>())?;
    let mut rounded = [f16::ZERO; 1024];
    for chunk in values.chunks(rounded.len()) {
        let rounded = &mut rounded[..chunk.len()];
        rounded.convert_from_f32_slice(chunk);
        bytes.extend(rounded.iter().flat_map(|value| value.to_le_bytes()));
    }
    Ok(bytes)
}

/// An array in the bytes of a file.
#[derive(Debug)]
pub struct NpyArray<'a> {
    /// Type of the numbers in `NumPy`'s notation: `<f4`, `|u1`.
    pub kind: String,
    /// Sizes of the axes.
    pub shape: Vec<usize>,
    /// True if the first index varies fastest.
    pub fortran_order: bool,
    data: &'a [u8],
}

/// Contents of a header.
struct NpyHeader {
    kind: String,
    shape: Vec<usize>,
    fortran_order: bool,
    /// Number of bytes of the data; `None` if it overflows.
    bytes: Option<usize>,
}

/// Reads the header of an array and finds its data.
///
/// # Errors
///
/// Fails if the header is invalid, or the data do not have the size that it states.
pub fn open(bytes: &[u8]) -> io::Result<NpyArray<'_>> {
    let mut data = bytes;
    let head = read_header(&mut data, bytes.len() as u64)?;
    let NpyHeader { kind, shape, fortran_order, .. } = head;
    Ok(NpyArray { kind, shape, fortran_order, data })
}

/// Reads the header of a file with `length` bytes; the data follow.
fn read_header(file: &mut impl io::Read, length: u64) -> io::Result<NpyHeader> {
    let mut start = [0; 12];
    file.read_exact(&mut start[..10])?;
    let (text_length, begun) = match (&start[..6], start[6]) {
        (b"\x93NUMPY", 1) => (u32::from(u16::from_le_bytes([start[8], start[9]])), 10),
        (b"\x93NUMPY", 2 | 3) => {
            file.read_exact(&mut start[10..])?;
            (u32::from_le_bytes([start[8], start[9], start[10], start[11]]), 12)
        }
        _ => return Err(invalid("not a NumPy file")),
    };
    let data_at = u64::from(text_length) + begun;
    let Some(found) = length.checked_sub(data_at) else {
        return Err(invalid("truncated within the header"));
    };
    let mut text = vec![0; text_length as usize];
    file.read_exact(&mut text)?;
    let head = parse(&text)?;
    if head.bytes.map(|bytes| bytes as u64) != Some(found) {
        let NpyHeader { kind, shape, .. } = head;
        let message =
            format!("{found} bytes do not fit an array of {kind} with shape {shape:?}");
        return Err(invalid(&message));
    }
    Ok(head)
}

fn parse(text: &[u8]) -> io::Result<NpyHeader> {
    let text = str::from_utf8(text).map_err(|error| invalid(&error.to_string()))?;
    let header = python_literal::parse(text).map_err(|error| invalid(&error))?;
    let kind =
        header["descr"].as_str().ok_or_else(|| invalid("no single type of numbers"))?;
    let fortran_order =
        header["fortran_order"].as_bool().ok_or_else(|| invalid("no fortran_order"))?;
    let shape: Option<Vec<usize>> = header["shape"]
        .as_array()
        .and_then(|sizes| sizes.iter().map(axis_size).collect());
    let shape = shape.ok_or_else(|| invalid("no shape"))?;
    let item = kind.get(2..).and_then(|size| size.parse().ok()).unwrap_or(1);
    let bytes = shape.iter().try_fold(item, |n: usize, side| n.checked_mul(*side));
    Ok(NpyHeader { kind: kind.to_owned(), shape, fortran_order, bytes })
}

fn axis_size(size: &Value) -> Option<usize> {
    size.as_u64().and_then(|size| usize::try_from(size).ok())
}

impl<'a> NpyArray<'a> {
    /// Returns the numbers if they are integers or booleans of at most 64 bits; `None` if one of
    /// them does not fit an i64.
    #[must_use]
    pub fn integers(&self) -> Option<Vec<i64>> {
        macro_rules! read {
            ($kind:ty, $from:ident) => {
                self.items().map(|item| <$kind>::$from(item).try_into().ok()).collect()
            };
        }
        match self.kind.as_str() {
            "|b1" | "|u1" => read!(u8, from_le_bytes),
            "|i1" => read!(i8, from_le_bytes),
            "<u2" => read!(u16, from_le_bytes),
            "<i2" => read!(i16, from_le_bytes),
            "<u4" => read!(u32, from_le_bytes),
            "<i4" => read!(i32, from_le_bytes),
            "<u8" => read!(u64, from_le_bytes),
            "<i8" => read!(i64, from_le_bytes),
            ">u2" => read!(u16, from_be_bytes),
            ">i2" => read!(i16, from_be_bytes),
            ">u4" => read!(u32, from_be_bytes),
            ">i4" => read!(i32, from_be_bytes),
            ">i8" => read!(i64, from_be_bytes),
            _ => None,
        }
    }

    /// Returns the numbers if they are of floating point with 16, 32 or 64 bits.
    #[must_use]
    pub fn floats(&self) -> Option<Vec<f64>> {
        Some(match self.kind.as_str() {
            "<f2" => self.items().map(|item| f16::from_le_bytes(item).to_f64()).collect(),
            ">f2" => self.items().map(|item| f16::from_be_bytes(item).to_f64()).collect(),
            "<f4" => self.items().map(|item| f32::from_le_bytes(item).into()).collect(),
            ">f4" => self.items().map(|item| f32::from_be_bytes(item).into()).collect(),
            "<f8" => self.items().map(f64::from_le_bytes).collect(),
            ">f8" => self.items().map(f64::from_be_bytes).collect(),
            _ => return None,
        })
    }

    fn items<const N: usize>(&self) -> impl Iterator<Item = [u8; N]> + use<'a, N> {
        self.data.as_chunks().0.iter().copied()
    }
}

/// Reads an array of f32 or f16 in C order; returns its shape and its values as f32.
///
/// # Errors
///
/// Fails if it is not such an array, or truncated.
pub fn decode(bytes: &[u8]) -> io::Result<(Vec<usize>, Vec<f32>)> {
    read(bytes, bytes.len() as u64)
}

/// Reads an array as [`decode`] does, from a file with `length` bytes, in chunks: a large array is in
/// memory only once.
///
/// # Errors
///
/// Fails if it is not such an array, is truncated, or cannot be read.
pub fn read(mut file: impl io::Read, length: u64) -> io::Result<(Vec<usize>, Vec<f32>)> {
    let head = read_header(&mut file, length)?;
    if head.fortran_order && head.shape.len() > 1 {
        return Err(invalid("an array in Fortran order"));
    }
    let item = match head.kind.as_str() {
        "<f4" => size_of::<f32>(),
        "<f2" => size_of::<f16>(),
        kind => return Err(invalid(&format!("an array of {kind}: expected <f4 or <f2"))),
    };
    let mut values = vec![0.0; head.shape.iter().product()];
    let mut bytes = vec![0; CHUNK * item];
    for piece in values.chunks_mut(CHUNK) {
        let bytes = &mut bytes[..piece.len() * item];
        file.read_exact(bytes)?;
        if item == size_of::<f16>() {
            let items = bytes.as_chunks().0.iter().copied();
            let halves: Vec<f16> = items.map(f16::from_le_bytes).collect();
            halves.convert_to_f32_slice(piece);
        } else {
            for (value, item) in piece.iter_mut().zip(bytes.as_chunks().0) {
                *value = f32::from_le_bytes(*item);
            }
        }
    }
    Ok((head.shape, values))
}

fn invalid(message: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message)
}

/// Returns the bytes before the data, with capacity for the data.
fn start(kind: &str, shape: &[usize], n: usize, item: usize) -> io::Result<Vec<u8>> {
    let capacity =
        shape.iter().try_fold(1_usize, |product, side| product.checked_mul(*side));
    if capacity != Some(n) {
        let message = format!("{n} values do not fill an array of shape {shape:?}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let mut sides = String::new();
    for side in shape {
        let _ = write!(sides, "{side}, ");
    }
    // A single axis keeps its comma; without it, Python reads a number in parentheses.
    let sides =
        if shape.len() == 1 { sides.trim_end() } else { sides.trim_end_matches(", ") };
    let text =
        format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({sides}), }}");
    let preamble = 10;
    let data_at = (preamble + text.len() + 1).next_multiple_of(ALIGNMENT);
    let Ok(header_length) = u16::try_from(data_at - preamble) else {
        let message = format!("a shape of {} axes is too long", shape.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    };
    let mut bytes = Vec::with_capacity(data_at + n * item);
    bytes.extend_from_slice(b"\x93NUMPY\x01\x00");
    bytes.extend_from_slice(&header_length.to_le_bytes());
    bytes.extend_from_slice(text.as_bytes());
    bytes.resize(data_at - 1, b' ');
    bytes.push(b'\n');
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the text of the header and the data, after checking the preamble.
    fn parse(bytes: &[u8]) -> (&str, &[u8]) {
        assert_eq!(&bytes[..8], b"\x93NUMPY\x01\x00");
        let length = usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
        assert_eq!((10 + length) % 64, 0);
        let header = str::from_utf8(&bytes[10..10 + length]).unwrap();
        assert!(header.ends_with('\n'));
        (header.trim_end(), &bytes[10 + length..])
    }

    #[test]
    fn a_plane_reads_back_bit_for_bit() {
        let values = [0.0, -0.0, 1.5, f32::NAN, f32::INFINITY, f32::MIN_POSITIVE];
        let bytes = encode_f32(&[2, 3], &values).unwrap();
        let (header, data) = parse(&bytes);
        assert_eq!(header, "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }");
        let read: Vec<u32> =
            data.as_chunks().0.iter().map(|b| u32::from_le_bytes(*b)).collect();
        assert_eq!(read, values.map(f32::to_bits));
        assert_eq!(data.len(), 24);
    }

    #[test]
    fn arrays_that_were_written_are_read_and_torn_ones_are_not() {
        let values: Vec<f32> = (0..24).map(|i| i as f32 / 8.0).collect();
        let shape = [2, 3, 4];
        for bytes in [encode_f32(&shape, &values), encode_f16(&shape, &values)] {
            let bytes = bytes.unwrap();
            assert_eq!(decode(&bytes).unwrap(), (shape.to_vec(), values.clone()));
            for end in [0, 5, 70, bytes.len() - 1] {
                assert!(decode(&bytes[..end]).is_err());
            }
        }
        // Far more values than there are bytes, or than a number can count.
        for side in ["99999999999", "9999999999999999999"] {
            let mut bytes = encode_f32(&[1, 1], &[0.5]).unwrap();
            let shape = format!("({side}, {side}), }}");
            let at = 10 + parse(&bytes).0.find("(1, 1)").unwrap();
            bytes[at..at + shape.len()].copy_from_slice(shape.as_bytes());
            assert!(decode(&bytes).is_err(), "{side}");
        }
    }

    #[test]
    fn halves_are_rounded_to_nearest() {
        let values: Vec<f32> = (0..3000).map(|i| i as f32 / 2999.0).collect();
        let bytes = encode_f16(&[3, 10, 100], &values).unwrap();
        let (header, data) = parse(&bytes);
        assert_eq!(
            header,
            "{'descr': '<f2', 'fortran_order': False, 'shape': (3, 10, 100), }"
        );
        let read = data.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b));
        assert!(read.eq(values.iter().map(|value| f16::from_f32(*value))));
    }

    #[test]
    fn shapes_are_written_as_python_writes_tuples() {
        let header = |shape: &[usize], n: usize| {
            let bytes = encode_f32(shape, &vec![0.0; n]).unwrap();
            parse(&bytes).0.to_owned()
        };
        assert!(header(&[], 1).contains("'shape': (), }"));
        assert!(header(&[3], 3).contains("'shape': (3,), }"));
        assert!(header(&[0, 4], 0).contains("'shape': (0, 4), }"));
        assert!(header(&[2, 1, 5], 10).contains("'shape': (2, 1, 5), }"));
    }

    #[test]
    fn the_data_is_aligned_for_every_length_of_header() {
        for sides in 0..40 {
            let bytes = encode_f32(&vec![1; sides], &[7.0]).unwrap();
            assert_eq!(parse(&bytes).1, 7.0_f32.to_le_bytes());
        }
    }

    #[test]
    fn a_shape_that_does_not_hold_the_values_is_refused() {
        assert!(encode_f32(&[2, 3], &[0.0; 5]).is_err());
        assert!(encode_f16(&[usize::MAX, 3], &[0.0; 5]).is_err());
        assert!(encode_f32(&vec![1; 30_000], &[0.0]).is_err());
    }
}
