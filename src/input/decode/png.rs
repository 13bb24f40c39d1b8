//! Whether a PNG file's palette is one.
//!
//! The decoder (`png` 0.18.1) panics where a palette ends within a color, so that is looked at
//! first.

/// Bytes before the first chunk.
const SIGNATURE: usize = 8;
/// Bytes of a chunk beside its content: length, kind, checksum.
const AROUND: usize = 12;

/// The number of bytes of a palette that are not three for each color, if there is such a one.
pub(super) fn torn_palette(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes.get(SIGNATURE..)?;
    loop {
        let (length, after) = rest.split_first_chunk()?;
        let length = u32::from_be_bytes(*length) as usize;
        if after.starts_with(b"PLTE") && !length.is_multiple_of(3) {
            return Some(length);
        }
        rest = rest.get(length.checked_add(AROUND)?..)?;
    }
}
