//! Reads TIFFs with all their bands.
//!
//! Supported are integers of 1 to 16 bits, which stay what they are; wider and signed integers,
//! and floating point, whose values are kept as `f32`; gray, colors, palettes, CMYK, YCbCr and
//! any number of bands; strips and tiles, bands interleaved or (in strips) separate, and
//! `BigTIFF`.
//!
//! The decoder of the image library gives up on many of these. It is therefore told that the
//! file is gray with that many bands, and what the bands mean is done here.

use std::io::{self, Cursor, Read, Seek, SeekFrom};

use image::metadata::Orientation;
use tiff::decoder::{Decoder, DecodingResult, Limits};
use tiff::{TiffError, TiffFormatError};

use super::raster::{AlphaKind, Meaning, Raster};
use super::tiff_directory::{Directories, Directory, Patch};
use super::{
    CONVERT, Refusal, SAVE_AGAIN, TOO_LARGE, UprightPicture, check_pixels, color, sniff,
};
use crate::input::picture::{Values, byte_of};
use crate::input::settings::{Channels, ReadOptions};

/// Numbers of tags.
mod tag {
    pub(super) const WIDTH: u16 = 256;
    pub(super) const HEIGHT: u16 = 257;
    pub(super) const BITS: u16 = 258;
    pub(super) const COMPRESSION: u16 = 259;
    pub(super) const PHOTOMETRIC: u16 = 262;
    pub(super) const ORIENTATION: u16 = 274;
    pub(super) const SAMPLES: u16 = 277;
    pub(super) const PLANAR: u16 = 284;
    pub(super) const PREDICTOR: u16 = 317;
    pub(super) const COLOR_MAP: u16 = 320;
    pub(super) const TILE_WIDTH: u16 = 322;
    pub(super) const EXTRA_SAMPLES: u16 = 338;
    pub(super) const SAMPLE_FORMAT: u16 = 339;
    pub(super) const SUBSAMPLING: u16 = 530;
    pub(super) const DNG_VERSION: u16 = 50_706;
}

/// Values of the tag of the photometric interpretation.
mod photometric {
    pub(super) const WHITE_IS_ZERO: u64 = 0;
    pub(super) const BLACK_IS_ZERO: u64 = 1;
    pub(super) const RGB: u64 = 2;
    pub(super) const PALETTE: u64 = 3;
    pub(super) const CMYK: u64 = 5;
    pub(super) const YCBCR: u64 = 6;
    pub(super) const FILTER_ARRAY: u64 = 32_803;
    pub(super) const LINEAR_RAW: u64 = 34_892;
}

const JPEG: u64 = 7;
/// Compressions of fax machines, which know the width of a page.
const FAX: &[u64] = &[2, 3, 4];

/// Reads the page that the options name.
pub(super) fn read(
    bytes: &[u8],
    options: &ReadOptions,
) -> Result<UprightPicture, Refusal> {
    let directories = Directories::of(bytes);
    let directory = match options.frame {
        None => directories.and_then(Directories::first_page),
        Some(frame) => {
            let mut pages = directories.into_iter().flatten().filter(Directory::is_page);
            pages.nth(frame.saturating_sub(1) as usize)
        }
    };
    // The first directory of a raw file may be a preview of it.
    let first = Directories::of(bytes).and_then(|mut directories| directories.next());
    if [&first, &directory].into_iter().flatten().any(is_camera_raw) {
        return Err(sniff::camera_raw());
    }
    // Errors in the structure of the file are those of the decoder.
    let patches = directory.as_ref().map(Directory::make_first).into_iter().collect();
    let mut decoder = open(bytes, patches, options)?;
    let (width, height) = decoder.dimensions().map_err(refusal)?;
    drop(decoder);
    check_pixels(width.into(), height.into(), options.max_pixels)?;
    let directory = directory.ok_or_else(damaged)?;
    let layout = SampleLayout::of(&directory)?;
    let wants_bands = matches!(options.channels, Channels::Rgba | Channels::Bands(_));
    if layout.photometric == photometric::CMYK && wants_bands && options.bands.is_none() {
        let message = "TIFF: found CMYK, expected four bands".to_owned();
        return Err(Refusal { message, hint: CONVERT });
    }
    let samples = layout.samples(bytes, &directory, options)?;
    let raster = layout.raster(samples, &directory)?;
    raster.into_upright(orientation(&directory), options)
}

/// Returns whether a page holds the data of a camera's sensor, or is a preview of them.
fn is_camera_raw(directory: &Directory<'_>) -> bool {
    let photometric = directory.value(tag::PHOTOMETRIC);
    let is_raw =
        matches!(photometric, Some(photometric::FILTER_ARRAY | photometric::LINEAR_RAW));
    is_raw || directory.has(tag::DNG_VERSION)
}

/// Returns the orientation of a page, or of the first directory of EXIF.
pub(super) fn orientation(directory: &Directory<'_>) -> Orientation {
    directory
        .value(tag::ORIENTATION)
        .and_then(|value| Orientation::from_exif(value.try_into().ok()?))
        .unwrap_or(Orientation::NoTransforms)
}

/// Arrangement and kind of the samples of a page.
#[derive(Debug)]
struct SampleLayout {
    width: usize,
    height: usize,
    bands: usize,
    bits: u64,
    photometric: u64,
    compression: u64,
    is_integer: bool,
    is_planar: bool,
    tile_width: Option<usize>,
    alpha: Option<AlphaKind>,
}

/// Samples of all bands, interleaved.
enum Samples {
    Integers { values: Vec<u16>, largest: u16 },
    Bytes(Vec<u8>),
    Floats(Vec<f32>),
}

impl SampleLayout {
    fn of(directory: &Directory<'_>) -> Result<Self, Refusal> {
        let value = |tag, default| directory.value(tag).unwrap_or(default);
        let size = |tag| directory.value(tag).and_then(|side| usize::try_from(side).ok());
        let bands = usize::try_from(value(tag::SAMPLES, 1)).map_err(|_| damaged())?;
        let bits = directory.values(tag::BITS).unwrap_or_else(|| vec![1]);
        let photometric = value(tag::PHOTOMETRIC, photometric::BLACK_IS_ZERO);
        let first = bits.first().copied().unwrap_or(1);
        if bits.iter().any(|other| *other != first) {
            let bits: Vec<String> = bits.iter().map(u64::to_string).collect();
            let message = format!(
                "TIFF: bands of {} bits; expected equal numbers",
                bits.join(", ")
            );
            return Err(Refusal { message, hint: CONVERT });
        }
        let is_planar = bands > 1 && value(tag::PLANAR, 1) == 2;
        let tile_width = size(tag::TILE_WIDTH);
        if is_planar && tile_width.is_some() {
            return Err(Refusal {
                message: "TIFF: separate bands in tiles are not supported".to_owned(),
                hint: "save the image with interleaved bands, or in strips",
            });
        }
        let compression = value(tag::COMPRESSION, 1);
        if photometric == photometric::YCBCR && compression != JPEG {
            let subsampling = directory.values(tag::SUBSAMPLING);
            if subsampling.is_none_or(|factors| factors.iter().any(|factor| *factor != 1))
            {
                let message = "TIFF: YCbCr with fewer color values is supported only in JPEG compression";
                return Err(Refusal { message: message.to_owned(), hint: CONVERT });
            }
        }
        Ok(Self {
            width: size(tag::WIDTH).ok_or_else(damaged)?,
            height: size(tag::HEIGHT).ok_or_else(damaged)?,
            bands,
            bits: first,
            photometric,
            compression,
            is_integer: value(tag::SAMPLE_FORMAT, 1) == 1,
            is_planar,
            tile_width,
            alpha: alpha(directory, photometric, bands),
        })
    }

    /// Returns whether the decoder reads samples of so many bits. Others are read as bytes.
    fn is_read_by_decoder(&self, directory: &Directory<'_>) -> bool {
        let is_type = matches!(self.bits, 8 | 16 | 32 | 64);
        // A file that leaves the number of bits out has 1.
        is_type || !directory.has(tag::BITS) || FAX.contains(&self.compression)
    }

    /// Decodes the samples, with all bands of a pixel together.
    fn samples(
        &self,
        bytes: &[u8],
        directory: &Directory<'_>,
        options: &ReadOptions,
    ) -> Result<Samples, Refusal> {
        let mut patches =
            directory.set(tag::PHOTOMETRIC, photometric::BLACK_IS_ZERO as u32);
        patches.push(directory.make_first());
        if !self.is_read_by_decoder(directory) {
            return self.packed(bytes, directory, patches, options);
        }
        // What the decoder takes for gray has no bands that it could drop.
        patches.extend(directory.hide(tag::EXTRA_SAMPLES));
        let mut decoder = open(bytes, patches, options)?;
        let mut buffer = DecodingResult::U8(Vec::new());
        decoder.read_image_to_buffer(&mut buffer).map_err(refusal)?;
        let samples = match buffer {
            // Pages of fax machines have eight pixels in a byte.
            DecodingResult::U8(values) if self.bits < 8 => {
                self.unpacked(&values, self.width)?
            }
            DecodingResult::U8(values) => Samples::Bytes(self.interleaved(values)?),
            DecodingResult::U16(values) => {
                Samples::Integers { values: self.interleaved(values)?, largest: u16::MAX }
            }
            DecodingResult::F32(values) => Samples::Floats(self.interleaved(values)?),
            DecodingResult::F16(values) => self.floats(values, f32::from)?,
            DecodingResult::F64(values) => self.floats(values, |value| value as f32)?,
            DecodingResult::I8(values) => self.floats(values, f32::from)?,
            DecodingResult::I16(values) => self.floats(values, f32::from)?,
            DecodingResult::I32(values) => self.floats(values, |value| value as f32)?,
            DecodingResult::I64(values) => self.floats(values, |value| value as f32)?,
            DecodingResult::U32(values) => self.floats(values, |value| value as f32)?,
            DecodingResult::U64(values) => self.floats(values, |value| value as f32)?,
        };
        Ok(samples)
    }

    fn floats<T: Copy>(
        &self,
        values: Vec<T>,
        float: impl Fn(T) -> f32,
    ) -> Result<Samples, Refusal> {
        let values = self.interleaved(values)?;
        Ok(Samples::Floats(values.into_iter().map(float).collect()))
    }

    /// Interleaves separate planes. Fails if the number of values is not the one that the file
    /// declares.
    fn interleaved<T: Copy>(&self, values: Vec<T>) -> Result<Vec<T>, Refusal> {
        let pixels = self.width * self.height;
        if values.len() != pixels * self.bands {
            return Err(damaged());
        }
        if !self.is_planar {
            return Ok(values);
        }
        let of_pixel =
            |pixel: usize| (0..self.bands).map(move |band| band * pixels + pixel);
        Ok((0..pixels).flat_map(of_pixel).map(|at| values[at]).collect())
    }

    /// Decodes samples whose number of bits is not that of a type: the decoder is told that the rows
    /// are bytes.
    fn packed(
        &self,
        bytes: &[u8],
        directory: &Directory<'_>,
        mut patches: Vec<Patch>,
        options: &ReadOptions,
    ) -> Result<Samples, Refusal> {
        let is_predicted = directory.value(tag::PREDICTOR).unwrap_or(1) != 1;
        if self.bits > 16 || !self.is_integer || self.is_planar || is_predicted {
            let message =
                format!("TIFF: samples of {} bits are not supported", self.bits);
            return Err(Refusal { message, hint: CONVERT });
        }
        let row_bytes =
            |width: usize| (width * self.bands * self.bits as usize).div_ceil(8);
        let set = |tag, value: usize| {
            let value = u32::try_from(value).map_err(|_| damaged())?;
            Ok::<_, Refusal>(directory.set(tag, value))
        };
        patches.extend(set(tag::BITS, 8)?);
        patches.extend(set(tag::SAMPLES, 1)?);
        for hidden in [tag::EXTRA_SAMPLES, tag::SAMPLE_FORMAT] {
            patches.extend(directory.hide(hidden));
        }
        let width = if let Some(tile) = self.tile_width {
            patches.extend(set(tag::TILE_WIDTH, row_bytes(tile))?);
            self.width.div_ceil(tile.max(1)) * row_bytes(tile)
        } else {
            row_bytes(self.width)
        };
        patches.extend(set(tag::WIDTH, width)?);
        let mut decoder = open(bytes, patches, options)?;
        match decoder.read_image().map_err(refusal)? {
            DecodingResult::U8(values) => {
                self.unpacked(&values, self.tile_width.unwrap_or(self.width))
            }
            _ => Err(damaged()),
        }
    }

    /// Unpacks rows of bits; `run` is the number of pixels after which bits begin on a new byte.
    fn unpacked(&self, values: &[u8], run: usize) -> Result<Samples, Refusal> {
        let bits = self.bits as usize;
        let row_bytes = (run * self.bands * bits).div_ceil(8);
        let length = row_bytes * self.width.div_ceil(run.max(1));
        if length == 0 || values.len() < length * self.height {
            return Err(damaged());
        }
        let mut unpacked = Vec::with_capacity(self.width * self.height * self.bands);
        for row in values.chunks_exact(length).take(self.height) {
            let samples = row.chunks_exact(row_bytes).flat_map(|run_of_row| {
                (0..run * self.bands).map(|i| bits_at(run_of_row, i * bits, bits))
            });
            unpacked.extend(samples.take(self.width * self.bands));
        }
        let largest = ((1_u32 << bits) - 1) as u16;
        Ok(Samples::Integers { values: unpacked, largest })
    }

    /// Gives the samples their meaning.
    fn raster(
        &self,
        samples: Samples,
        directory: &Directory<'_>,
    ) -> Result<Raster, Refusal> {
        let values = match samples {
            // A palette has indices, all others levels, which below 8 bits are scaled to 8.
            Samples::Integers { values, largest }
                if self.photometric == photometric::PALETTE =>
            {
                return self.of_palette(&values, largest, directory);
            }
            Samples::Bytes(values) if self.photometric == photometric::PALETTE => {
                let indices: Vec<u16> = values.into_iter().map(u16::from).collect();
                return self.of_palette(&indices, 255, directory);
            }
            Samples::Integers { values, largest } if largest < 255 => {
                let scaled = values.into_iter().map(|value| byte_of(value, largest));
                Values::U8(scaled.collect())
            }
            Samples::Integers { values, largest } => Values::U16 { values, largest },
            Samples::Bytes(values) => Values::U8(values),
            Samples::Floats(values) => Values::F32(values),
        };
        let (meaning, bands, values) = match self.photometric {
            photometric::WHITE_IS_ZERO => {
                (self.gray(), self.bands, color::inverted(values, self.bands))
            }
            photometric::BLACK_IS_ZERO => (self.gray(), self.bands, values),
            photometric::RGB if self.bands >= 3 => (Meaning::Colors, self.bands, values),
            photometric::CMYK if self.bands >= 4 => {
                let values = color::of_cmyk(values, self.bands);
                (Meaning::Colors, 3, values.ok_or_else(|| self.unsupported())?)
            }
            photometric::YCBCR if self.bands == 3 => {
                let values = color::of_ycbcr(values);
                (Meaning::Colors, 3, values.ok_or_else(|| self.unsupported())?)
            }
            _ => return Err(self.unsupported()),
        };
        let (width, height) = (self.width, self.height);
        let alpha = self.alpha.filter(|_| bands == self.bands);
        Ok(Raster { width, height, bands, meaning, alpha, values })
    }

    fn gray(&self) -> Meaning {
        let is_gray = self.bands == 1 || self.alpha.is_some();
        if is_gray { Meaning::Gray } else { Meaning::Unknown }
    }

    fn of_palette(
        &self,
        indices: &[u16],
        largest: u16,
        directory: &Directory<'_>,
    ) -> Result<Raster, Refusal> {
        let map = directory.values(tag::COLOR_MAP).unwrap_or_default();
        let n = usize::from(largest) + 1;
        if map.len() < 3 * n || self.bands != 1 {
            let message = "TIFF: the palette is incomplete".to_owned();
            return Err(Refusal { message, hint: SAVE_AGAIN });
        }
        // Colors have 16 bits; some programs wrote 8, as libtiff notices, too.
        let shift = if map.iter().all(|value| *value < 256) { 0 } else { 8 };
        let color = |index: &u16| {
            [0, 1, 2].map(|band| (map[band * n + usize::from(*index)] >> shift) as u8)
        };
        let values = Values::U8(indices.iter().flat_map(color).collect());
        let (width, height) = (self.width, self.height);
        Ok(Raster {
            width,
            height,
            bands: 3,
            meaning: Meaning::Colors,
            alpha: None,
            values,
        })
    }

    fn unsupported(&self) -> Refusal {
        let name = match self.photometric {
            4 => "a mask of transparency".to_owned(),
            photometric::CMYK => {
                format!("CMYK of {} bands and {} bits", self.bands, self.bits)
            }
            photometric::YCBCR => {
                format!("YCbCr of {} bands and {} bits", self.bands, self.bits)
            }
            8..=10 => "CIE L*a*b*".to_owned(),
            other => {
                format!("{} bands of photometric interpretation {other}", self.bands)
            }
        };
        Refusal { message: format!("TIFF: {name} is not supported"), hint: CONVERT }
    }
}

/// Returns the kind of alpha of the band behind the colors.
fn alpha(directory: &Directory<'_>, photometric: u64, bands: usize) -> Option<AlphaKind> {
    let colors = match photometric {
        photometric::RGB | photometric::YCBCR => 3,
        _ => 1,
    };
    if bands <= colors {
        return None;
    }
    match directory.value(tag::EXTRA_SAMPLES) {
        Some(1) => Some(AlphaKind::Multiplied),
        Some(2) => Some(AlphaKind::Straight),
        // Four bands of colors without a word about the fourth have alpha.
        None if photometric == photometric::RGB && bands == 4 => {
            Some(AlphaKind::Straight)
        }
        _ => None,
    }
}

/// Returns the number that `bits` bits (up to 16) hold, of which the first is bit `start`.
fn bits_at(bytes: &[u8], start: usize, bits: usize) -> u16 {
    let at = start / 8;
    let window = (0..3).fold(0_u32, |sum, i| {
        (sum << 8) | u32::from(bytes.get(at + i).copied().unwrap_or(0))
    });
    let shift = 24 - bits - start % 8;
    ((window >> shift) & ((1 << bits) - 1)) as u16
}

/// The bytes of a file, some of them changed.
struct Patched<'a> {
    bytes: Cursor<&'a [u8]>,
    patches: Vec<Patch>,
}

impl Read for Patched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let start = self.bytes.position();
        let n = self.bytes.read(buffer)?;
        for patch in &self.patches {
            for (at, byte) in (patch.at..).zip(&patch.bytes) {
                let place = at.checked_sub(start).and_then(|at| usize::try_from(at).ok());
                if let Some(place) = place.filter(|place| *place < n) {
                    buffer[place] = *byte;
                }
            }
        }
        Ok(n)
    }
}

impl Seek for Patched<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}

/// Opens a decoder with limits on memory: as much as the file for what its bytes contain, and 32
/// bytes per pixel for values.
fn open<'a>(
    bytes: &'a [u8],
    patches: Vec<Patch>,
    options: &ReadOptions,
) -> Result<Decoder<Patched<'a>>, Refusal> {
    let mut limits = Limits::default();
    limits.ifd_value_size = bytes.len();
    limits.intermediate_buffer_size = bytes.len();
    let max_bytes = options.max_pixels.saturating_mul(32);
    limits.decoding_buffer_size = usize::try_from(max_bytes).unwrap_or(usize::MAX);
    let decoder = Decoder::new(Patched { bytes: Cursor::new(bytes), patches });
    Ok(decoder.map_err(refusal)?.with_limits(limits))
}

fn damaged() -> Refusal {
    let message = "TIFF: the file contains other values than it declares".to_owned();
    Refusal { message, hint: SAVE_AGAIN }
}

fn refusal(error: TiffError) -> Refusal {
    let hint = match &error {
        TiffError::UnsupportedError(_) => CONVERT,
        TiffError::LimitsExceeded => TOO_LARGE,
        _ => SAVE_AGAIN,
    };
    let message = match error {
        TiffError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
            "TIFF: the file ends before the image does".to_owned()
        }
        TiffError::FormatError(TiffFormatError::InvalidDimensions(width, height)) => {
            format!("TIFF: {width}x{height} pixels; expected at least one")
        }
        error => format!("TIFF: {}", error.to_string().replace('\n', " ")),
    };
    Refusal { message, hint }
}
