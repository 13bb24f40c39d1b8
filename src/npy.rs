//! `NumPy`'s `.npy` files: every version is read, version 1.0 written, little-endian, C order.
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

/// The data begins at a multiple of this.
const ALIGNMENT: usize = 64;

/// Values that are read at once.
const PIECE: usize = 1 << 15;

/// Encodes an array of f32 of the given shape.
///
/// # Errors
///
/// When the shape does not hold that number of values.
pub fn encode_f32(shape: &[usize], values: &[f32]) -> io::Result<Vec<u8>> {
    let mut bytes = start("<f4", shape, values.len(), size_of::<f32>())?;
    bytes.extend(values.iter().flat_map(|value| value.to_le_bytes()));
    Ok(bytes)
}

/// Encodes an array of the given shape as f16, rounded to nearest.
///
/// # Errors
///
/// When the shape does not hold that number of values.
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

/// An array as it lies in a file.
#[derive(Debug)]
pub struct NpyArray<'a> {
    /// The type of its numbers, as `NumPy` writes it: `<f4`, `|u1`.
    pub kind: String,
    /// Its sides.
    pub shape: Vec<usize>,
    /// Whether the first index runs fastest.
    pub fortran_order: bool,
    data: &'a [u8],
}

/// What a header says.
struct NpyHeader {
    kind: String,
    shape: Vec<usize>,
    fortran_order: bool,
    /// Bytes of the data; none where they cannot be counted.
    bytes: Option<usize>,
}

/// Reads the header of an array and finds its data.
///
/// # Errors
///
/// When the header is none, or the data are not as many as it says.
pub fn open(bytes: &[u8]) -> io::Result<NpyArray<'_>> {
    let mut data = bytes;
    let head = head(&mut data, bytes.len() as u64)?;
    let NpyHeader { kind, shape, fortran_order, .. } = head;
    Ok(NpyArray { kind, shape, fortran_order, data })
}

/// Reads a header from a file of a length in bytes; its data come next.
fn head(file: &mut impl io::Read, length: u64) -> io::Result<NpyHeader> {
    let mut start = [0; 12];
    file.read_exact(&mut start[..10])?;
    let (text_length, begun) = match (&start[..6], start[6]) {
        (b"\x93NUMPY", 1) => (u32::from(u16::from_le_bytes([start[8], start[9]])), 10),
        (b"\x93NUMPY", 2 | 3) => {
            file.read_exact(&mut start[10..])?;
            (u32::from_le_bytes([start[8], start[9], start[10], start[11]]), 12)
        }
        _ => return Err(invalid("no header of NumPy")),
    };
    let data_at = u64::from(text_length) + begun;
    let Some(found) = length.checked_sub(data_at) else {
        return Err(invalid("it ends within its header"));
    };
    let mut text = vec![0; text_length as usize];
    file.read_exact(&mut text)?;
    let head = parse(&text)?;
    if head.bytes.map(|bytes| bytes as u64) != Some(found) {
        let NpyHeader { kind, shape, .. } = head;
        let message = format!("{found} bytes are no array {kind} of shape {shape:?}");
        return Err(invalid(&message));
    }
    Ok(head)
}

fn parse(text: &[u8]) -> io::Result<NpyHeader> {
    let text = str::from_utf8(text).map_err(|error| invalid(&error.to_string()))?;
    let header = python_literal::parse(text).map_err(|error| invalid(&error))?;
    let kind =
        header["descr"].as_str().ok_or_else(|| invalid("numbers of no one type"))?;
    let fortran_order =
        header["fortran_order"].as_bool().ok_or_else(|| invalid("no fortran_order"))?;
    let side = |side: &Value| side.as_u64().and_then(|side| usize::try_from(side).ok());
    let shape: Option<Vec<usize>> =
        header["shape"].as_array().and_then(|sides| sides.iter().map(side).collect());
    let shape = shape.ok_or_else(|| invalid("no shape"))?;
    let item = kind.get(2..).and_then(|size| size.parse().ok()).unwrap_or(1);
    let bytes = shape.iter().try_fold(item, |n: usize, side| n.checked_mul(*side));
    Ok(NpyHeader { kind: kind.to_owned(), shape, fortran_order, bytes })
}

impl<'a> NpyArray<'a> {
    /// Its numbers, where they are integers or truth values of at most 64 bits, and none where
    /// one is beyond i64.
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

    fn items<const N: usize>(&self) -> impl Iterator<Item = [u8; N]> + use<'a, N> {
        self.data.as_chunks().0.iter().copied()
    }
}

/// Reads an array of f32 or f16 in C order: its shape and its values, as f32.
///
/// # Errors
///
/// When it is no such array, or cut short.
pub fn decode(bytes: &[u8]) -> io::Result<(Vec<usize>, Vec<f32>)> {
    read(bytes, bytes.len() as u64)
}

/// [`decode`] from a file of a length in bytes, piece by piece: a large array is in memory once.
///
/// # Errors
///
/// When it is no such array, cut short, or cannot be read.
pub fn read(mut file: impl io::Read, length: u64) -> io::Result<(Vec<usize>, Vec<f32>)> {
    let head = head(&mut file, length)?;
    if head.fortran_order && head.shape.len() > 1 {
        return Err(invalid("an array in Fortran order"));
    }
    let item = match head.kind.as_str() {
        "<f4" => size_of::<f32>(),
        "<f2" => size_of::<f16>(),
        kind => return Err(invalid(&format!("an array of {kind}, expected <f4 or <f2"))),
    };
    let mut values = vec![0.0; head.shape.iter().product()];
    let mut bytes = vec![0; PIECE * item];
    for piece in values.chunks_mut(PIECE) {
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

/// The bytes before the data, with room for the data behind them.
fn start(kind: &str, shape: &[usize], n: usize, item: usize) -> io::Result<Vec<u8>> {
    let invalid = |message| io::Error::new(io::ErrorKind::InvalidInput, message);
    let held = shape.iter().try_fold(1_usize, |product, side| product.checked_mul(*side));
    if held != Some(n) {
        return Err(invalid(format!(
            "{n} values do not fill an array of shape {shape:?}"
        )));
    }
    let mut sides = String::new();
    for side in shape {
        let _ = write!(sides, "{side}, ");
    }
    // One side keeps its comma, or Python would read a number in brackets.
    let sides =
        if shape.len() == 1 { sides.trim_end() } else { sides.trim_end_matches(", ") };
    let text =
        format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({sides}), }}");
    let preamble = 10;
    let data_at = (preamble + text.len() + 1).next_multiple_of(ALIGNMENT);
    let Ok(header_length) = u16::try_from(data_at - preamble) else {
        return Err(invalid(format!("a shape of {} sides is too long", shape.len())));
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

    /// The header's text and the data, after checking what `NumPy` asks of the preamble.
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
