//! Counts the frames or pages of a file from its structure, without decoding them, and reads a frame
//! of an animation.

use std::io::Cursor;

use image::codecs::gif::GifDecoder;
use image::codecs::png::PngDecoder;
use image::codecs::webp::WebPDecoder;
use image::error::{LimitError, LimitErrorKind};
use image::{
    AnimationDecoder as _, DynamicImage, ImageDecoder as _, ImageError, ImageFormat,
    ImageResult, Limits,
};

use super::tiff_directory::{Directories, Directory};

/// Bytes of a PNG before its first chunk, and of a chunk besides its content.
const PNG_SIGNATURE: usize = 8;
const PNG_CHUNK: usize = 12;

/// Returns the number of frames of a GIF, PNG or WebP, or of pages of a TIFF; 1 for other files
/// and for those whose structure cannot be followed.
pub(in crate::input) fn count(bytes: &[u8]) -> usize {
    let counted = if bytes.starts_with(b"GIF8") {
        of_gif(bytes)
    } else if bytes.starts_with(b"\x89PNG") {
        of_png(bytes)
    } else if bytes.starts_with(b"RIFF") {
        of_webp(bytes)
    } else {
        Directories::of(bytes).map(|pages| pages.filter(Directory::is_page).count())
    };
    counted.unwrap_or(1).max(1)
}

/// Returns whether a file that begins so may have several frames or pages.
pub(super) fn may_be_several(start: &[u8]) -> bool {
    const ANIMATED: u8 = 2;
    if start.starts_with(b"\x89PNG") {
        return of_png(start).is_none_or(|frames| frames > 1);
    }
    if start.starts_with(b"RIFF") {
        // Only an extended file has flags.
        let flags = start.get(12..).and_then(|rest| rest.strip_prefix(b"VP8X"));
        let flags = flags.and_then(|rest| rest.get(4));
        return flags.is_some_and(|flags| flags & ANIMATED != 0);
    }
    start.starts_with(b"GIF8") || Directories::of(start).is_some()
}

/// Reads a frame of an animation, counted from 1, as it is shown.
pub(super) fn read(
    format: ImageFormat,
    bytes: &[u8],
    number: u32,
    limits: Limits,
) -> ImageResult<DynamicImage> {
    let input = Cursor::new(bytes);
    let frames = match format {
        ImageFormat::Gif => {
            let mut decoder = GifDecoder::new(input)?;
            decoder.set_limits(limits)?;
            decoder.into_frames()
        }
        ImageFormat::WebP => {
            let mut decoder = WebPDecoder::new(input)?;
            decoder.set_limits(limits)?;
            decoder.into_frames()
        }
        _ => PngDecoder::with_limits(input, limits)?.apng()?.into_frames(),
    };
    let missing =
        || ImageError::Limits(LimitError::from_kind(LimitErrorKind::DimensionError));
    let mut frames = frames.skip(number.saturating_sub(1) as usize);
    let frame = frames.next().ok_or_else(missing)??;
    Ok(frame.into_buffer().into())
}

/// Returns the frames that are there: a file that ends early has fewer.
fn of_gif(bytes: &[u8]) -> Option<usize> {
    let table = |flags: u8| if flags & 0x80 == 0 { 0 } else { 3 << ((flags & 7) + 1) };
    let mut at = 13 + table(*bytes.get(10)?);
    let mut frames = 0;
    loop {
        let blocks = match bytes.get(at) {
            Some(0x21) => at + 2,
            Some(0x2c) => {
                let Some(&flags) = bytes.get(at + 9) else { return Some(frames) };
                frames += 1;
                // The descriptor, its colors, and the size of codes.
                at + 10 + table(flags) + 1
            }
            _ => return Some(frames),
        };
        at = blocks;
        while let Some(&length) = bytes.get(at).filter(|length| **length > 0) {
            at += 1 + usize::from(length);
        }
        at += 1;
    }
}

/// Returns the frames that the animation of a PNG declares; 1 if the pixels come first, and `None`
/// if the file ends before.
fn of_png(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes.get(PNG_SIGNATURE..)?;
    loop {
        let (length, after) = rest.split_first_chunk()?;
        let length = u32::from_be_bytes(*length) as usize;
        if let Some(content) = after.strip_prefix(b"acTL") {
            return Some(u32::from_be_bytes(*content.first_chunk()?) as usize);
        }
        if after.starts_with(b"IDAT") {
            return Some(1);
        }
        rest = rest.get(length.checked_add(PNG_CHUNK)?..)?;
    }
}

fn of_webp(bytes: &[u8]) -> Option<usize> {
    let mut rest = bytes.get(12..)?;
    let mut frames = 0;
    while let Some((name, after)) = rest.split_first_chunk::<4>() {
        frames += usize::from(name == b"ANMF");
        let Some((length, after)) = after.split_first_chunk() else { break };
        let length = u32::from_le_bytes(*length) as usize;
        let Some(next) = after.get(length.checked_next_multiple_of(2)?..) else { break };
        rest = next;
    }
    Some(frames)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A TIFF of directories that hold only the kind of their image.
    fn tiff(subfiles: &[u8], is_circle: bool) -> Vec<u8> {
        let mut bytes = b"II*\0\x08\0\0\0".to_vec();
        for (i, subfile) in subfiles.iter().enumerate() {
            bytes.extend([1, 0, 254, 0, 4, 0, 1, 0, 0, 0, *subfile, 0, 0, 0]);
            let is_last = i + 1 == subfiles.len();
            let next = bytes.len() as u32 + 4;
            let next = if is_last { 8 * u32::from(is_circle) } else { next };
            bytes.extend(next.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn previews_and_masks_of_a_tiff_are_not_pages() {
        assert_eq!(count(&tiff(&[0], false)), 1);
        assert_eq!(count(&tiff(&[0, 0, 2], false)), 3);
        assert_eq!(count(&tiff(&[0, 1, 1, 4], false)), 1);
        assert_eq!(count(&tiff(&[0, 0], true)), 2);
    }

    #[test]
    fn the_beginning_tells_which_files_may_have_several_frames() {
        let chunk = |name: &[u8; 4], content: &[u8]| {
            let length = (content.len() as u32).to_be_bytes();
            [&length, &name[..], content, &[0; 4]].concat()
        };
        let png =
            |chunks: &[Vec<u8>]| [&b"\x89PNG\r\n\x1a\n"[..], &chunks.concat()].concat();
        let text = chunk(b"tEXt", b"IDAT acTL");
        let animated = chunk(b"acTL", &[0, 0, 0, 3, 0, 0, 0, 0]);
        let pixels = chunk(b"IDAT", &[]);
        let webp =
            |flags| [&b"RIFF\0\0\0\0WEBPVP8X\x0a\0\0\0"[..], &[flags, 0, 0, 0]].concat();
        for (start, expected) in [
            (png(&[text.clone(), pixels.clone(), animated.clone()]), false),
            (png(&[text.clone(), animated, pixels]), true),
            // The metadata are longer than what was read.
            (png(&[text]), true),
            (webp(0x10), false),
            (webp(0x12), true),
            (b"RIFF\0\0\0\0WEBPVP8 ".to_vec(), false),
            (b"\xff\xd8\xff\xe0".to_vec(), false),
            (b"GIF89a".to_vec(), true),
            (tiff(&[0], false), true),
            (Vec::new(), false),
        ] {
            assert_eq!(may_be_several(&start), expected, "{start:?}");
        }
    }

    #[test]
    fn frames_of_a_gif_that_ends_early_are_those_that_are_there() {
        let header = b"GIF89a\x01\0\x01\0\0\0\0";
        let frame = b"\x2c\0\0\0\0\x01\0\x01\0\0\x02\x02\x44\x01\0";
        let pause = b"\x21\xf9\x04\0\x0a\0\0\0";
        let gif = [header.as_slice(), pause, frame, pause, frame, b";"].concat();
        assert_eq!(count(&gif), 2);
        assert_eq!(count(&gif[..gif.len() - 18]), 1);
        assert_eq!(count(header), 1);
    }
}
