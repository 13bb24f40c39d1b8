//! Finds the image within an icon.

/// Bytes before the entries, and of an entry.
const HEAD: usize = 6;
const ENTRY: usize = 16;

/// Returns the PNG of an icon whose largest image is one; the image library reads only PNGs with
/// transparency there.
pub(super) fn png_within(bytes: &[u8]) -> Option<&[u8]> {
    let entries = bytes.strip_prefix(b"\0\0\x01\0")?.get(2..)?;
    let count = usize::from(u16::from_le_bytes([bytes[HEAD - 2], bytes[HEAD - 1]]));
    let area = |entry: &&[u8]| {
        // A side of 256 is written as 0.
        let side = |byte: u8| if byte == 0 { 256 } else { u32::from(byte) };
        (side(entry[0]) * side(entry[1]), u16::from_le_bytes([entry[6], entry[7]]))
    };
    let largest = entries.chunks_exact(ENTRY).take(count).max_by_key(area)?;
    let number = |at: usize| {
        let bytes = [largest[at], largest[at + 1], largest[at + 2], largest[at + 3]];
        usize::try_from(u32::from_le_bytes(bytes)).ok()
    };
    let (size, start) = (number(8)?, number(12)?);
    let image = bytes.get(start..start.checked_add(size)?)?;
    image.starts_with(b"\x89PNG\r\n\x1a\n").then_some(image)
}
