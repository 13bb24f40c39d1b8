//! Memory that an image takes when it is decoded, by what its file declares.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read, Seek};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use image::{ImageDecoder as _, ImageFormat, ImageReader};
use tiff::decoder::Decoder;
use tiff::tags::Tag;

use super::format_of;

/// Number of bytes from which the format is known.
const HEAD: u64 = 64;

/// Number of bytes at the beginning of a JPEG that nearly always contain its whole header.
const JPEG_HEAD: u64 = 1 << 18;

/// Bytes per sample of an image that is in work: values are kept as f32.
const BYTES_PER_SAMPLE: u64 = 4;

/// Returns the bytes that a frame of a file takes when it is decoded, the first one if none is
/// given; `None` if the file does not declare its size, or not reliably. Pixels are not read.
pub(in crate::input) fn declared_bytes(path: &Path, frame: Option<u32>) -> Option<u64> {
    // A decoder may panic on a damaged header, which decoding reports as an error of this image.
    catch_unwind(AssertUnwindSafe(|| declared_bytes_unguarded(path, frame)))
        .ok()
        .flatten()
}

fn declared_bytes_unguarded(path: &Path, frame: Option<u32>) -> Option<u64> {
    if !path.metadata().ok()?.is_file() {
        return None;
    }
    let mut file = File::open(path).ok()?;
    let mut head = Vec::new();
    file.by_ref().take(HEAD).read_to_end(&mut head).ok()?;
    file.rewind().ok()?;
    match format_of(&head, path)? {
        // It may contain a PNG of another size.
        ImageFormat::Ico => None,
        ImageFormat::Tiff => {
            let mut decoder = Decoder::new(BufReader::new(file)).ok()?;
            go_to_page(&mut decoder, frame.unwrap_or(1))?;
            let (width, height) = decoder.dimensions().ok()?;
            let samples = decoder.find_tag_unsigned::<u32>(Tag::SamplesPerPixel);
            Some(bytes(width, height, samples.ok()?.unwrap_or(1).into()))
        }
        format @ ImageFormat::Jpeg => {
            // The decoder reads all bytes that it is given, not only the header.
            let mut head = Vec::new();
            file.by_ref().take(JPEG_HEAD).read_to_end(&mut head).ok()?;
            by_decoder(Cursor::new(head), format).or_else(|| {
                file.rewind().ok()?;
                by_decoder(BufReader::new(file), format)
            })
        }
        format => by_decoder(BufReader::new(file), format),
    }
}

/// Goes to a page, counted from 1, as decoding does. `None` if there is no such page, even if
/// decoding then takes the first directory.
fn go_to_page<R: Read + Seek>(decoder: &mut Decoder<R>, number: u32) -> Option<()> {
    /// Kinds of directories that are not pages: previews and masks.
    const NOT_PAGES: u32 = 0b101;
    let mut pages = 0;
    loop {
        let kind = decoder.find_tag_unsigned::<u32>(Tag::NewSubfileType).ok()?;
        pages += u32::from(kind.unwrap_or(0) & NOT_PAGES == 0);
        if pages >= number {
            return Some(());
        }
        decoder.next_image().ok()?;
    }
}

fn by_decoder(reader: impl BufRead + Seek, format: ImageFormat) -> Option<u64> {
    let decoder = ImageReader::with_format(reader, format).into_decoder().ok()?;
    let (width, height) = decoder.dimensions();
    let channels = decoder.color_type().channel_count();
    Some(bytes(width, height, channels.into()))
}

fn bytes(width: u32, height: u32, samples: u64) -> u64 {
    let pixels = u64::from(width) * u64::from(height);
    pixels.saturating_mul(samples.max(1)).saturating_mul(BYTES_PER_SAMPLE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_memory_of_an_image_is_known_before_it_is_decoded() {
        let scratch = tempfile::tempdir().unwrap();
        let path = |name: &str| scratch.path().join(name);
        let image = image::DynamicImage::new_rgb16(30, 20);
        for name in ["a.png", "a.tif"] {
            image.save(path(name)).unwrap();
            assert_eq!(
                declared_bytes(&path(name), None),
                Some(30 * 20 * 3 * 4),
                "{name}"
            );
        }
        image.to_rgb8().save(path("a.jpg")).unwrap();
        assert_eq!(declared_bytes(&path("a.jpg"), None), Some(30 * 20 * 3 * 4));
        // A JPEG whose header is longer than what is read first.
        let jpeg = std::fs::read(path("a.jpg")).unwrap();
        let mut long = jpeg[..2].to_vec();
        while long.len() as u64 <= JPEG_HEAD {
            long.extend(b"\xff\xfe\xff\xff");
            long.resize(long.len() + 0xffff - 2, 0);
        }
        long.extend(&jpeg[2..]);
        std::fs::write(path("long.jpg"), long).unwrap();
        assert_eq!(declared_bytes(&path("long.jpg"), None), Some(30 * 20 * 3 * 4));
        // A WebP of 28 bytes that declares 16383 x 12207 pixels.
        let mut webp = b"RIFF\x14\0\0\0WEBPVP8L\x08\0\0\0\x2f".to_vec();
        let size = (16_383_u32 - 1) | ((12_207 - 1) << 14);
        webp.extend(size.to_le_bytes());
        webp.extend([0x88, 0x88, 0x08]);
        std::fs::write(path("a.webp"), webp).unwrap();
        assert!(
            declared_bytes(&path("a.webp"), None).is_none_or(|bytes| bytes > 1 << 29)
        );
        std::fs::write(path("b.png"), "text").unwrap();
        assert_eq!(declared_bytes(&path("b.png"), None), None);
        assert_eq!(declared_bytes(scratch.path(), None), None);
        // A TIFF of pages of different sizes, the first of which is a preview.
        std::fs::write(path("pages.tif"), pages(&[(1, 2, 3), (0, 4, 5), (0, 600, 700)]))
            .unwrap();
        for (frame, expected) in [
            (None, Some(4 * 5)),
            (Some(1), Some(4 * 5)),
            (Some(2), Some(600 * 700)),
            (Some(3), None),
        ] {
            let bytes = declared_bytes(&path("pages.tif"), frame);
            assert_eq!(bytes, expected.map(|pixels| pixels * 4), "{frame:?}");
        }
        std::fs::write(path("preview.tif"), pages(&[(1, 9, 9)])).unwrap();
        assert_eq!(declared_bytes(&path("preview.tif"), None), None);
    }

    /// Returns a TIFF of gray pages without pixels, of which kind, width and height are given.
    fn pages(pages: &[(u32, u32, u32)]) -> Vec<u8> {
        let mut bytes = b"II*\0\x08\0\0\0".to_vec();
        for (i, &(kind, width, height)) in pages.iter().enumerate() {
            let tags = [
                (254, kind),
                (256, width),
                (257, height),
                (258, 8),
                (262, 1),
                (273, 8),
                (279, 1),
            ];
            bytes.extend((tags.len() as u16).to_le_bytes());
            for (tag, value) in tags {
                bytes.extend([tag, 4_u16].iter().flat_map(|number| number.to_le_bytes()));
                bytes.extend([1, value].iter().flat_map(|number| number.to_le_bytes()));
            }
            let next = if i + 1 == pages.len() { 0 } else { bytes.len() as u32 + 4 };
            bytes.extend(next.to_le_bytes());
        }
        bytes
    }
}
