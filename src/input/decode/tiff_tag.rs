//! Replaces a tag in the bytes of a TIFF.

/// Replaces the value of a 16-bit tag of the first page. `None` if the page has no such tag.
pub(super) fn set_tag(bytes: &mut [u8], tag: u16, value: u16) -> Option<()> {
    let little = bytes.get(..2)? == b"II";
    let number = |bytes: &[u8]| {
        let digits = |sum: u64, byte: &u8| (sum << 8) | u64::from(*byte);
        if little {
            bytes.iter().rev().fold(0, digits)
        } else {
            bytes.iter().fold(0, digits)
        }
    };
    let at = |start: u64, length: usize| {
        let start = usize::try_from(start).ok()?;
        Some(start..start.checked_add(length)?)
    };
    let read = |bytes: &[u8], start: u64, length: usize| {
        Some(number(bytes.get(at(start, length)?)?))
    };
    let big = read(bytes, 2, 2)? == 43;
    let (place, wide, entry) = if big { (8, 8, 20) } else { (4, 4, 12) };
    let directory = read(bytes, place, wide)?;
    let head = if big { 8 } else { 2 };
    let count = read(bytes, directory, head)?;
    let first = directory.checked_add(head as u64)?;
    for i in 0..count.min(u64::from(u16::MAX)) {
        let start = first.checked_add(i * entry)?;
        if read(bytes, start, 2)? == u64::from(tag) {
            let place = at(start.checked_add(4 + wide as u64)?, 2)?;
            let new = if little { value.to_le_bytes() } else { value.to_be_bytes() };
            bytes.get_mut(place)?.copy_from_slice(&new);
            return Some(());
        }
    }
    None
}
