//! The directories of a TIFF: one for each page, preview or mask, with the places of its tags.
//!
//! EXIF has the same structure.

use std::collections::HashSet;

/// Most directories that are looked at.
const MOST_DIRECTORIES: usize = 65_536;
/// Most values of a tag that are read.
const MOST_VALUES: u64 = 1 << 18;

/// Iterator over the directories of a TIFF. A damaged file may end early or lead in a circle:
/// then the iteration ends.
pub(super) struct Directories<'a> {
    bytes: &'a [u8],
    is_little: bool,
    is_big: bool,
    next: u64,
    /// Places of the directories so far.
    seen: HashSet<u64>,
}

/// One directory: the tags of an image.
#[derive(Debug, Clone)]
pub(super) struct Directory<'a> {
    bytes: &'a [u8],
    is_little: bool,
    is_big: bool,
    /// Place in the file.
    at: u64,
    entries: Vec<Entry>,
}

/// A tag of a directory.
#[derive(Debug, Clone, Copy)]
struct Entry {
    tag: u16,
    kind: u16,
    count: u64,
    /// Place of the entry in the file.
    at: u64,
}

impl<'a> Directories<'a> {
    /// Returns the directories of a TIFF; `None` if the bytes are none.
    pub(super) fn of(bytes: &'a [u8]) -> Option<Self> {
        let is_little = match bytes.get(..2)? {
            b"II" => true,
            b"MM" => false,
            _ => return None,
        };
        let is_big = match number(bytes, is_little, 2, 2)? {
            42 => false,
            43 => true,
            _ => return None,
        };
        let (at, size) = if is_big { (8, 8) } else { (4, 4) };
        let next = number(bytes, is_little, at, size)?;
        Some(Self { bytes, is_little, is_big, next, seen: HashSet::new() })
    }

    /// Returns the first page, which may lie behind previews. If no directory is a page, it is the
    /// first one.
    pub(super) fn first_page(mut self) -> Option<Directory<'a>> {
        let first = self.next()?;
        if first.is_page() {
            return Some(first);
        }
        Some(self.find(Directory::is_page).unwrap_or(first))
    }
}

impl<'a> Iterator for Directories<'a> {
    type Item = Directory<'a>;

    fn next(&mut self) -> Option<Directory<'a>> {
        let is_end = self.next == 0 || self.seen.len() == MOST_DIRECTORIES;
        if is_end || !self.seen.insert(self.next) {
            return None;
        }
        let (head, length, wide) = if self.is_big { (8, 20, 8) } else { (2, 12, 4) };
        let read = |at, size| number(self.bytes, self.is_little, at, size);
        let count = read(self.next, head as usize)?.min(u64::from(u16::MAX));
        let first = self.next.checked_add(head)?;
        let entry = |at: u64| {
            let count = read(at + 4, wide)?;
            Some(Entry {
                tag: read(at, 2)? as u16,
                kind: read(at + 2, 2)? as u16,
                count,
                at,
            })
        };
        let entries = (0..count).map_while(|i| entry(first + i * length)).collect();
        let at = self.next;
        self.next = read(first + count * length, wide).unwrap_or(0);
        let Self { bytes, is_little, is_big, .. } = *self;
        Some(Directory { bytes, is_little, is_big, at, entries })
    }
}

impl Directory<'_> {
    /// Returns whether this is an image of its own, neither a smaller version of another one
    /// (bit 0 of its kind) nor a mask (bit 2).
    pub(super) fn is_page(&self) -> bool {
        const SUBFILE: u16 = 254;
        self.value(SUBFILE).unwrap_or(0) & 0b101 == 0
    }

    /// Returns whether there is such a tag.
    pub(super) fn has(&self, tag: u16) -> bool {
        self.entry(tag).is_some()
    }

    /// Returns the first value of a tag of unsigned integers, whatever their width.
    pub(super) fn value(&self, tag: u16) -> Option<u64> {
        self.values(tag)?.first().copied()
    }

    /// Returns the values of a tag of unsigned integers.
    pub(super) fn values(&self, tag: u16) -> Option<Vec<u64>> {
        let entry = self.entry(tag)?;
        let size = match entry.kind {
            1 | 7 => 1,
            3 => 2,
            4 | 13 => 4,
            16 | 18 => 8,
            _ => return None,
        };
        let count = entry.count.min(MOST_VALUES);
        let place = self.place(&entry, count.checked_mul(size)?)?;
        let read =
            |i| number(self.bytes, self.is_little, place + i * size, size as usize);
        (0..count).map(read).collect()
    }

    /// Returns the changes to the file that set a tag to one value; none if the directory has no
    /// such tag.
    pub(super) fn set(&self, tag: u16, value: u32) -> Vec<Patch> {
        const SHORT: u64 = 3;
        const LONG: u64 = 4;
        let Some(entry) = self.entry(tag) else { return Vec::new() };
        let wide = if self.is_big { 8 } else { 4 };
        let value_at = entry.at + 4 + wide as u64;
        let (kind, size) =
            if value > u32::from(u16::MAX) { (LONG, 4) } else { (SHORT, 2) };
        vec![
            self.patch(entry.at + 2, kind, 2),
            self.patch(entry.at + 4, 1, wide),
            self.patch(value_at, value.into(), size),
        ]
    }

    /// Returns the change to the file that makes this the first directory.
    pub(super) fn make_first(&self) -> Patch {
        let (place, size) = if self.is_big { (8, 8) } else { (4, 4) };
        self.patch(place, self.at, size)
    }

    /// Returns the change that hides a tag, by giving it a number that nobody reads.
    pub(super) fn hide(&self, tag: u16) -> Vec<Patch> {
        const PRIVATE: u64 = 65_000;
        self.entry(tag)
            .map(|entry| self.patch(entry.at, PRIVATE, 2))
            .into_iter()
            .collect()
    }

    fn patch(&self, at: u64, value: u64, size: usize) -> Patch {
        let bytes = if self.is_little {
            value.to_le_bytes()[..size].to_vec()
        } else {
            value.to_be_bytes()[8 - size..].to_vec()
        };
        Patch { at, bytes }
    }

    fn entry(&self, tag: u16) -> Option<Entry> {
        self.entries.iter().find(|entry| entry.tag == tag).copied()
    }

    /// Returns the place of values of so many bytes: within the entry if they fit.
    fn place(&self, entry: &Entry, size: u64) -> Option<u64> {
        let wide: u64 = if self.is_big { 8 } else { 4 };
        let within = entry.at + 4 + wide;
        if size <= wide {
            return Some(within);
        }
        number(self.bytes, self.is_little, within, wide as usize)
    }
}

/// A change to the bytes of a file.
#[derive(Debug, Clone)]
pub(super) struct Patch {
    /// Place of the first byte.
    pub(super) at: u64,
    /// New bytes.
    pub(super) bytes: Vec<u8>,
}

/// Returns an unsigned number of some bytes.
fn number(bytes: &[u8], is_little: bool, at: u64, size: usize) -> Option<u64> {
    let at = usize::try_from(at).ok()?;
    let bytes = bytes.get(at..at.checked_add(size)?)?;
    let digits = |sum: u64, byte: &u8| (sum << 8) | u64::from(*byte);
    Some(if is_little {
        bytes.iter().rev().fold(0, digits)
    } else {
        bytes.iter().fold(0, digits)
    })
}
