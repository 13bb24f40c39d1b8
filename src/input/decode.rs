//! Reads an image file: its hash and its pixels.
//!
//! The content determines the format, not the name. EXIF orientation is applied unless it is to be
//! ignored, alpha is dropped or composited on white, and gray and palettes become RGB. Values keep
//! their bits. A model of other than three channels or one gets all bands of the file, and any model
//! those that are selected. CMYK is converted by the plain formula, without a color profile.
//! Floating-point values and integers of more than 16 bits or with a sign are the values
//! themselves; to composite them on white, which is 1, they have to lie in 0..1.
//!
//! Of several frames or pages the first is read. A file that ends early is an error, even if a
//! decoder would fill in the rest. JPEG decoders may differ by a few levels, and by more at
//! saturated edges, because they enlarge the color planes in different ways; other formats decode
//! to the same values everywhere.

mod alpha;
mod color;
mod declared_size;
pub(super) mod frames;
mod ico;
mod jpeg;
mod orient;
mod png;
mod raster;
mod sniff;
#[cfg(test)]
mod tests;
mod tiff;
mod tiff_directory;

use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Cursor, Read};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits};
use sha2::{Digest, Sha256};

pub(super) use declared_size::declared_bytes;
pub(super) use sniff::{is_other_format, quoted};

use self::raster::Raster;
use self::tiff_directory::{Directories, Directory, Patch};
use super::picture::Picture;
use super::remark::Remark;
use super::settings::ReadOptions;
use crate::error::{Error, Result};
use crate::random::digest_key;

/// Largest file that is read.
const MAX_BYTES: u64 = 2 << 30;

/// Number of bytes at the beginning of a file from which it is mostly known whether it is animated.
const FRAMES_HEAD: u64 = 1 << 16;

/// Pixels and hash of an image file.
#[derive(Debug, Clone, PartialEq)]
pub struct Decoded {
    /// Pixels, upright.
    pub picture: Picture,
    /// SHA-256 of the file's bytes.
    pub sha256: [u8; 32],
    /// Number of the frame or page that was read, counted from 1.
    pub frame: u32,
    /// Remarks about the file.
    pub remarks: Vec<Remark>,
    /// The EXIF orientation (2 to 8) that was applied; `None` if the pixels were upright.
    pub orientation: Option<u8>,
}

impl Decoded {
    /// Returns the key of the image's masks: that of the file's bytes for its first frame, and
    /// another one for each further frame (docs/masks.md).
    pub fn mask_key(&self) -> u64 {
        if self.frame <= 1 {
            return digest_key(&self.sha256);
        }
        let hash = Sha256::new().chain_update(self.sha256);
        digest_key(&hash.chain_update(self.frame.to_le_bytes()).finalize().into())
    }
}

/// Returns the number of frames or pages of a file; 1 if it cannot be read. Files that can have
/// only one by their beginning, such as most photos, are not read further.
pub(super) fn frames_of(path: &Path) -> u32 {
    let start = read_at_most(path, FRAMES_HEAD);
    if !start.is_ok_and(|bytes| frames::may_be_several(&bytes)) {
        return 1;
    }
    let count = read_bytes(path).map_or(1, |bytes| frames::count(&bytes));
    u32::try_from(count).unwrap_or(u32::MAX)
}

/// Reads an image file: reads its bytes once, hashes and decodes them.
///
/// # Errors
///
/// Fails with [`Error::Read`] if the file cannot be read, and with [`Error::Image`] if it is not an
/// image of a supported format, is damaged or incomplete, has too many pixels, contains values that
/// are not finite, or has other bands than the model takes.
pub fn read_image(path: &Path, options: &ReadOptions) -> Result<Decoded> {
    let bytes = read_bytes(path)?;
    let sha256 = Sha256::digest(&bytes).into();
    let UprightPicture { picture, orientation } =
        decode(&bytes, path, options).map_err(|refusal| refusal.into_error(path))?;
    let count = if options.frame.is_none() { frames::count(&bytes) } else { 1 };
    let remarks = if count > 1 { vec![Remark::Frames(count)] } else { Vec::new() };
    let orientation =
        (orientation != Orientation::NoTransforms).then(|| orientation.to_exif());
    let frame = options.frame.unwrap_or(1);
    Ok(Decoded { picture, sha256, frame, remarks, orientation })
}

/// Decodes the content of the file at `path`, which is not read.
#[cfg(feature = "report")]
pub(crate) fn decode_content(
    content: &[u8],
    path: &Path,
    options: &ReadOptions,
) -> Result<Picture> {
    let decoded = decode(content, path, options);
    decoded.map(|upright| upright.picture).map_err(|refusal| refusal.into_error(path))
}

/// Returns the pixels of a decoded image, as [`read_image`] does for a file.
///
/// # Errors
///
/// Fails if the image has other bands than the model takes or values that are not finite.
pub fn picture_of(image: DynamicImage, options: &ReadOptions) -> Result<Picture> {
    let picture = Raster::of_image(image).and_then(|raster| raster.into_picture(options));
    picture.map_err(|refusal| {
        Error::setting("image", refusal.message).with_hint(refusal.hint)
    })
}

/// Reason why bytes are not a usable image, with a hint.
///
/// [`sniff::hint_for`] replaces the names in braces in the hint.
#[derive(Debug)]
struct Refusal {
    message: String,
    hint: &'static str,
}

impl Refusal {
    /// Returns the error about the file at `path`.
    fn into_error(self, path: &Path) -> Error {
        Error::image(path, self.message).with_hint(sniff::hint_for(self.hint, path))
    }
}

/// A decoded image that was turned upright.
#[derive(Debug)]
struct UprightPicture {
    picture: Picture,
    /// The EXIF orientation that was applied.
    orientation: Orientation,
}

const FORMATS: &str = "JPEG, PNG, TIFF, GIF, BMP, WebP, PNM (PBM, PGM, PPM, PAM), TGA, QOI, ICO, Radiance HDR \
                       and farbfeld are read; convert the image to one of them";
const SAVE_AGAIN: &str = "the file is damaged or incomplete: copy it again from its source, \
                          or open it in an image program and save it again";
const CONVERT: &str = "convert the image to 8-bit or 16-bit gray or RGB, in a TIFF with LZW or Deflate \
                       compression";
const TOO_LARGE: &str =
    "cut the image into parts, make it smaller, or raise `max_pixels`";
const FILE_TOO_LARGE: &str = "cut the image into parts or make it smaller first";

pub(super) fn read_bytes(path: &Path) -> Result<Vec<u8>> {
    let bytes = read_at_most(path, MAX_BYTES + 1)?;
    if bytes.len() as u64 > MAX_BYTES {
        let message = format!("is larger than {} GiB", MAX_BYTES >> 30);
        return Err(Error::image(path, message).with_hint(FILE_TOO_LARGE));
    }
    Ok(bytes)
}

/// Reads the beginning of a file, up to a number of bytes.
fn read_at_most(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let read = || {
        let mut bytes = Vec::new();
        File::open(path)?.take(limit).read_to_end(&mut bytes)?;
        Ok::<_, io::Error>(bytes)
    };
    // Opening a pipe would wait for a writer.
    let metadata = path.metadata().map_err(|error| Error::read(path, error))?;
    if !metadata.is_file() {
        return Err(Error::image(path, "is not a file").with_hint(FORMATS));
    }
    read().map_err(|error| Error::read(path, error))
}

/// Decodes an image. A panic of a decoder becomes an error of this image only.
fn decode(
    bytes: &[u8],
    path: &Path,
    options: &ReadOptions,
) -> Result<UprightPicture, Refusal> {
    catch_unwind(AssertUnwindSafe(|| decode_unguarded(bytes, path, options)))
        .unwrap_or_else(|_| {
            let message = "the decoder panicked".to_owned();
            Err(Refusal { message, hint: SAVE_AGAIN })
        })
}

fn decode_unguarded(
    bytes: &[u8],
    path: &Path,
    options: &ReadOptions,
) -> Result<UprightPicture, Refusal> {
    if bytes.is_empty() {
        return Err(Refusal {
            message: "the file is empty".to_owned(),
            hint: SAVE_AGAIN,
        });
    }
    sniff::check(bytes, path)?;
    let bytes = ico::png_within(bytes).unwrap_or(bytes);
    let format = format_of(bytes, path).ok_or_else(|| sniff::refusal(bytes, path))?;
    let mut changed = Cow::Borrowed(bytes);
    if format == ImageFormat::Jpeg {
        let markers = jpeg::Markers::read(bytes);
        if markers.is_jpeg_ls {
            return Err(sniff::jpeg_ls());
        }
        if !markers.is_complete {
            let message = "JPEG: the file ends before the image does".to_owned();
            return Err(Refusal { message, hint: SAVE_AGAIN });
        }
        changed = markers.with_colors_of_libjpeg(bytes);
    }
    if format == ImageFormat::Png
        && let Some(length) = png::incomplete_palette(bytes)
    {
        let message =
            format!("PNG: the palette has {length} bytes; expected three for each color");
        return Err(Refusal { message, hint: SAVE_AGAIN });
    }
    if format == ImageFormat::Tiff {
        return tiff::read(bytes, options);
    }
    let mut reader = ImageReader::with_format(Cursor::new(&*changed), format);
    // An image of the largest size with 16 bits and four channels, and as much working memory.
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(options.max_pixels.saturating_mul(16));
    reader.limits(limits.clone());
    let refusal = |error: ImageError| refusal(format, &error);
    let mut decoder = reader.into_decoder().map_err(refusal)?;
    let (width, height) = decoder.dimensions();
    check_pixels(width.into(), height.into(), options.max_pixels)?;
    let orientation = orientation(decoder.exif_metadata().ok().flatten());
    let image = match options.frame {
        Some(frame @ 2..) => {
            drop(decoder);
            frames::read(format, &changed, frame, limits).map_err(refusal)?
        }
        _ => DynamicImage::from_decoder(decoder).map_err(refusal)?,
    };
    Raster::of_image(image)?.into_upright(orientation, options)
}

/// Returns a copy of a TIFF in which a tag of the first directory has another value; `None` if the
/// directory has no such tag.
pub(super) fn tiff_with_tag(bytes: &[u8], tag: u16, value: u32) -> Option<Vec<u8>> {
    let patches = Directories::of(bytes)?.next()?.set(tag, value);
    if patches.is_empty() {
        return None;
    }
    patched(bytes, &patches)
}

/// Returns a copy of a TIFF that begins with its first page; `None` if it does already, or has no
/// page.
pub(super) fn tiff_without_previews(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut directories = Directories::of(bytes)?;
    if directories.next()?.is_page() {
        return None;
    }
    let page = directories.find(Directory::is_page)?;
    patched(bytes, &[page.make_first()])
}

fn patched(bytes: &[u8], patches: &[Patch]) -> Option<Vec<u8>> {
    let mut copy = bytes.to_vec();
    for patch in patches {
        let at = usize::try_from(patch.at).ok()?;
        copy.get_mut(at..at + patch.bytes.len())?.copy_from_slice(&patch.bytes);
    }
    Some(copy)
}

/// Returns the orientation of EXIF. Nothing else of EXIF is used, so EXIF that cannot be read is
/// ignored.
fn orientation(exif: Option<Vec<u8>>) -> Orientation {
    let exif = exif.unwrap_or_default();
    let directory = Directories::of(&exif).and_then(|mut directories| directories.next());
    directory.map_or(Orientation::NoTransforms, |first| tiff::orientation(&first))
}

/// Returns the format by the content. TGA has no mark at the beginning, so that the name or the
/// mark at the end decides.
fn format_of(bytes: &[u8], path: &Path) -> Option<ImageFormat> {
    // The image library reads BigTIFF, and Radiance files with a shorter mark, without detecting
    // them.
    if bytes.starts_with(b"II\x2b\0") || bytes.starts_with(b"MM\0\x2b") {
        return Some(ImageFormat::Tiff);
    }
    if bytes.starts_with(b"#?RGBE\n") {
        return Some(ImageFormat::Hdr);
    }
    if let Ok(format) = image::guess_format(bytes) {
        return format.reading_enabled().then_some(format);
    }
    let is_named_tga =
        path.extension().is_some_and(|end| end.eq_ignore_ascii_case("tga"));
    let is_tga = is_named_tga || bytes.ends_with(b"TRUEVISION-XFILE.\0");
    is_tga.then_some(ImageFormat::Tga)
}

/// Refuses an image before its pixels are decoded.
fn check_pixels(width: u64, height: u64, max_pixels: u64) -> Result<(), Refusal> {
    let pixels = width * height;
    if pixels > 0 && pixels <= max_pixels {
        return Ok(());
    }
    let message = format!(
        "{width}x{height} pixels; expected at least one and at most {max_pixels}"
    );
    Err(Refusal { message, hint: TOO_LARGE })
}

fn refusal(format: ImageFormat, error: &ImageError) -> Refusal {
    let name = format!("{format:?}").to_uppercase();
    let hint = match error {
        ImageError::Unsupported(_) => CONVERT,
        ImageError::Limits(_) => TOO_LARGE,
        _ => SAVE_AGAIN,
    };
    let message = match error {
        ImageError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            format!("{name}: the file ends before the image does")
        }
        error => format!("{name}: {}", error.to_string().replace('\n', " ")),
    };
    Refusal { message, hint }
}
