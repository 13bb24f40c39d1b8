//! `NumPy`'s `.npy` files, version 1.0: little-endian, C order.
//!
//! # References
//!
//! `NumPy` documentation, `numpy.lib.format`, "Format Version 1.0".

use std::fmt::Write as _;
use std::io;

use half::f16;
use half::slice::HalfFloatSliceExt;
use npyz::{DType, NpyFile, Order, TypeChar};

/// The data begins at a multiple of this.
const ALIGNMENT: usize = 64;

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

/// Reads an array of f32 or f16: its shape and its values, as f32.
///
/// # Errors
///
/// When it is no such array, or cut short.
pub fn decode(bytes: &[u8]) -> io::Result<(Vec<usize>, Vec<f32>)> {
    let invalid = |message: String| io::Error::new(io::ErrorKind::InvalidData, message);
    let file = NpyFile::new(bytes)?;
    let side = |side: &u64| usize::try_from(*side).map_err(|e| invalid(e.to_string()));
    let shape = file.shape().iter().map(side).collect::<io::Result<Vec<_>>>()?;
    let kind = match file.dtype() {
        DType::Plain(kind) if file.order() == Order::C => kind,
        other => return Err(invalid(format!("an array of {}", other.descr()))),
    };
    let values = match (kind.type_char(), kind.size_field()) {
        (TypeChar::Float, 4) => file.into_vec::<f32>()?,
        (TypeChar::Float, 2) => {
            let halves = file.into_vec::<f16>()?;
            let mut values = vec![0.0; halves.len()];
            halves.convert_to_f32_slice(&mut values);
            values
        }
        _ => {
            return Err(invalid("an array of other numbers than f32 and f16".to_owned()));
        }
    };
    Ok((shape, values))
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
