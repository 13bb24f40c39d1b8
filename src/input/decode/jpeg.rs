//! Detects JPEG files that end early.
//!
//! The decoder fills in the missing end of a file, which would give a map of nothing. The search
//! for the end marker walks over the segments, because an embedded preview has its own end marker.

/// Returns whether the file contains the end marker of the image itself.
pub(super) fn is_complete(bytes: &[u8]) -> bool {
    const START_OF_SCAN: u8 = 0xda;
    let mut rest = bytes;
    // A segment: 0xff (any number of them), its kind, then, for most, a length with itself.
    while let Some((kind, after)) = next_marker(rest) {
        match kind {
            0xd9 => return true,
            0x01 | 0xd0..=0xd8 => rest = after,
            _ => {
                let &[high, low, ..] = after else { return false };
                let length = usize::from(u16::from_be_bytes([high, low]));
                let Some(next) = after.get(length.max(2)..) else { return false };
                rest = if kind == START_OF_SCAN { after_entropy(next) } else { next };
            }
        }
    }
    false
}

/// Returns the kind of the next marker, and the bytes after it.
fn next_marker(bytes: &[u8]) -> Option<(u8, &[u8])> {
    let start = bytes.iter().position(|byte| *byte == 0xff)?;
    let fill = bytes[start..].iter().position(|byte| *byte != 0xff)?;
    let (kind, after) = bytes[start + fill..].split_first()?;
    Some((*kind, after))
}

/// Skips entropy-coded data, in which 0xff is followed by 0 or a restart marker.
fn after_entropy(bytes: &[u8]) -> &[u8] {
    let is_marker =
        |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0x00 | 0xd0..=0xd7 | 0xff);
    match bytes.windows(2).position(is_marker) {
        Some(start) => &bytes[start..],
        None => &[],
    }
}
