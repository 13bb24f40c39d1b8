//! Detects JPEG files that end early, and the color model that libjpeg gives a file.
//!
//! The decoder fills in the missing end of a file, which would give a map of nothing. The search
//! for the end marker walks over the segments, because an embedded preview has its own end marker.
//!
//! libjpeg takes the color model from a JFIF segment, else from an Adobe segment, else from the
//! names of the components. The decoder weighs them in another order, so that their bytes are
//! changed before it sees them. Cyan, magenta, yellow and black are taken to be inverted, as Adobe's
//! programs, Pillow and OpenCV do, with or without an Adobe segment.

use std::borrow::Cow;

const START_OF_SCAN: u8 = 0xda;
const END: u8 = 0xd9;
const JFIF: u8 = 0xe0;
const ADOBE: u8 = 0xee;
const FRAME_OF_JPEG_LS: u8 = 0xf7;

/// Names of the components of red, green and blue.
const RGB: [u8; 3] = *b"RGB";

/// A segment of a file.
#[derive(Debug, Clone, Copy)]
struct Segment {
    kind: u8,
    /// Places of the content, behind the length.
    start: usize,
    end: usize,
}

/// Iterator over the segments of a file, until it ends.
struct Segments<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Iterator for Segments<'_> {
    type Item = Segment;

    fn next(&mut self) -> Option<Segment> {
        // A segment: 0xff (any number of them), its kind, then, for most, a length with itself.
        let (kind, after) = next_marker(self.bytes.get(self.at..)?)?;
        let start = self.bytes.len() - after.len();
        if matches!(kind, END | 0x01 | 0xd0..=0xd8) {
            self.at = start;
            return Some(Segment { kind, start, end: start });
        }
        let &[high, low, ..] = after else { return None };
        let length = usize::from(u16::from_be_bytes([high, low])).max(2);
        let next = after.get(length..)?;
        let rest = if kind == START_OF_SCAN { after_entropy(next) } else { next };
        self.at = self.bytes.len() - rest.len();
        Some(Segment { kind, start: start + 2, end: start + length })
    }
}

/// Properties of a file that follow from its markers, and the places of the bytes that determine
/// its color model.
#[derive(Debug, Default)]
pub(super) struct Markers {
    /// Set if the file contains the end marker of the image itself.
    pub(super) is_complete: bool,
    /// Set if the file is a JPEG-LS, which begins like a JPEG.
    pub(super) is_jpeg_ls: bool,
    has_jfif: bool,
    /// Place of the transform of an Adobe segment.
    adobe: Option<usize>,
    /// Places of the names of the components.
    names: Vec<usize>,
    /// Places of their names in scans.
    scanned: Vec<usize>,
}

impl Markers {
    /// Walks once over the file, up to the end marker.
    pub(super) fn read(bytes: &[u8]) -> Self {
        let mut markers = Self::default();
        for Segment { kind, start, end } in (Segments { bytes, at: 0 }) {
            let content = bytes.get(start..end).unwrap_or_default();
            match kind {
                JFIF if content.starts_with(b"JFIF\0") => markers.has_jfif = true,
                ADOBE if content.starts_with(b"Adobe") && content.len() >= 12 => {
                    markers.adobe = Some(start + 11);
                }
                0xc0..=0xcf
                    if !matches!(kind, 0xc4 | 0xc8 | 0xcc) && content.len() > 5 =>
                {
                    let names = (0..usize::from(content[5])).map(|i| start + 6 + 3 * i);
                    markers.names = names.filter(|at| *at < end).collect();
                }
                START_OF_SCAN if !content.is_empty() => {
                    let names = (0..usize::from(content[0])).map(|i| start + 1 + 2 * i);
                    markers.scanned.extend(names.filter(|at| *at < end));
                }
                FRAME_OF_JPEG_LS if markers.names.is_empty() => markers.is_jpeg_ls = true,
                END => {
                    markers.is_complete = true;
                    break;
                }
                _ => {}
            }
        }
        markers
    }

    /// Returns the file with a header from which the decoder infers the color model of libjpeg.
    pub(super) fn with_colors_of_libjpeg(self, bytes: &[u8]) -> Cow<'_, [u8]> {
        let transform = self.adobe.map(|at| bytes[at]);
        let mut changed = Cow::Borrowed(bytes);
        match (self.names.len(), transform) {
            (3, _) => {
                let is_rgb = !self.has_jfif
                    && match transform {
                        Some(transform) => transform == 0,
                        None => self.is_named_rgb(bytes),
                    };
                if is_rgb {
                    return changed;
                }
                if let Some(at) = self.adobe.filter(|_| transform != Some(1)) {
                    changed.to_mut()[at] = 1;
                }
                if self.is_named_rgb(bytes) {
                    for at in self.names.into_iter().chain(self.scanned) {
                        let number =
                            RGB.iter().zip(1..).find(|(name, _)| **name == bytes[at]);
                        if let Some((_, number)) = number {
                            changed.to_mut()[at] = number;
                        }
                    }
                }
            }
            (4, Some(1 | 3..)) => {
                if let Some(at) = self.adobe {
                    changed.to_mut()[at] = 2;
                }
            }
            _ => {}
        }
        changed
    }

    fn is_named_rgb(&self, bytes: &[u8]) -> bool {
        self.names.iter().map(|at| bytes[*at]).eq(RGB)
    }
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
