//! Memory that an image takes when it is decoded, by what its file declares.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read as _, Seek};
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

/// Returns the bytes that the first frame of a file takes when it is decoded; `None` if the file does
/// not declare its size, or not reliably. Pixels are not read.
pub(crate) fn declared_bytes(path: &Path) -> Option<u64> {
    // A decoder may panic on a damaged header, which decoding reports as an error of this image.
    catch_unwind(AssertUnwindSafe(|| declared_bytes_unguarded(path))).ok().flatten()
}

fn declared_bytes_unguarded(path: &Path) -> Option<u64> {
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
            assert_eq!(declared_bytes(&path(name)), Some(30 * 20 * 3 * 4), "{name}");
        }
        image.to_rgb8().save(path("a.jpg")).unwrap();
        assert_eq!(declared_bytes(&path("a.jpg")), Some(30 * 20 * 3 * 4));
        // A JPEG whose header is longer than what is read first.
        let jpeg = std::fs::read(path("a.jpg")).unwrap();
        let mut long = jpeg[..2].to_vec();
        while long.len() as u64 <= JPEG_HEAD {
            long.extend(b"\xff\xfe\xff\xff");
            long.resize(long.len() + 0xffff - 2, 0);
        }
        long.extend(&jpeg[2..]);
        std::fs::write(path("long.jpg"), long).unwrap();
        assert_eq!(declared_bytes(&path("long.jpg")), Some(30 * 20 * 3 * 4));
        // A WebP of 28 bytes that declares 16383 x 12207 pixels.
        let mut webp = b"RIFF\x14\0\0\0WEBPVP8L\x08\0\0\0\x2f".to_vec();
        let size = (16_383_u32 - 1) | ((12_207 - 1) << 14);
        webp.extend(size.to_le_bytes());
        webp.extend([0x88, 0x88, 0x08]);
        std::fs::write(path("a.webp"), webp).unwrap();
        assert!(declared_bytes(&path("a.webp")).is_none_or(|bytes| bytes > 1 << 29));
        std::fs::write(path("b.png"), "text").unwrap();
        assert_eq!(declared_bytes(&path("b.png")), None);
        assert_eq!(declared_bytes(scratch.path()), None);
    }
}
