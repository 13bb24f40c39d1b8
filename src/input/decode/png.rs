//! Detects PNG palettes whose length is not a multiple of three.
//!
//! The decoder (`png` 0.18.1) panics on them.

/// Bytes before the first chunk.
const SIGNATURE: usize = 8;
/// Bytes of a chunk besides its content: length, kind, checksum.
const AROUND: usize = 12;

/// Returns the length in bytes of a palette if it is not a multiple of three.
pub(super) fn incomplete_palette(bytes: &[u8]) -> Option<usize> {
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
