//! Pictures of the page: the image, and a thumbnail with the heat map over it.

use std::borrow::Cow;
use std::io;

use image::codecs::jpeg::JpegEncoder;
use image::{ExtendedColorType, ImageBuffer, ImageEncoder as _, Rgb};

use crate::output::heat_map::{HeatMap, Scale};
use crate::output::overlay::{self, Photo};
use crate::output::png_encoder::{self, Pixels};
use crate::output::resample::{self, Placement};
use crate::tensor::Map;

/// Longer side of a thumbnail; smaller images keep their size.
pub const THUMBNAIL_SIDE: usize = 320;

/// Largest number of pixels of a picture that is stored without loss.
const LOSSLESS: usize = 1 << 16;
const LOSSLESS_THUMBNAIL: usize = 1 << 12;

/// Longest side of a JPEG.
const LONGEST_JPEG: usize = 65_535;

const QUALITY: u8 = 90;
const QUALITY_THUMBNAIL: u8 = 80;

/// Returns the ending of the picture of an image: PNG for small images, and for images with a side
/// that is too long for JPEG.
pub fn picture_ending(width: usize, height: usize) -> &'static str {
    ending(width, height, LOSSLESS)
}

/// Returns the ending of its thumbnail.
pub fn thumbnail_ending(width: usize, height: usize) -> &'static str {
    let (width, height) = thumbnail_size(width, height);
    ending(width, height, LOSSLESS_THUMBNAIL)
}

fn ending(width: usize, height: usize, lossless: usize) -> &'static str {
    let long = width.max(height) > LONGEST_JPEG;
    if long || width * height <= lossless { "png" } else { "jpg" }
}

/// Encodes the picture of an image.
///
/// # Errors
/// Fails if it is empty or does not have the stated size.
pub fn picture(photo: Photo<'_>) -> io::Result<Vec<u8>> {
    let lossless = picture_ending(photo.width, photo.height) == "png";
    encode(photo.rgb, (photo.width, photo.height), lossless, QUALITY)
}

/// A heat map of a thumbnail.
#[derive(Debug, Clone, Copy)]
pub struct Heat<'a> {
    /// Values, of any size.
    pub map: &'a Map,
    /// Placement of the pixels of the whole picture.
    pub placement: Placement,
    /// Its scale.
    pub scale: Scale,
}

/// Encodes the thumbnail of an image, with a heat map over it if there is one.
///
/// # Errors
/// Fails if it is empty or does not have the stated size.
pub fn thumbnail(photo: Photo<'_>, heat: Option<&Heat<'_>>) -> io::Result<Vec<u8>> {
    let (width, height) = thumbnail_size(photo.width, photo.height);
    let small = shrunk(photo, (width, height))?;
    let blended = heat.map(|heat| {
        let shrinks =
            (photo.width as f64 / width as f64, photo.height as f64 / height as f64);
        let placement = heat.placement.of_smaller(shrinks);
        let map = &resample::values(heat.map, &placement, height, width);
        let heat = HeatMap { map, scale: heat.scale };
        overlay::blend(Photo { height, width, rgb: &small }, &heat)
    });
    let blended = blended.transpose()?;
    let rgb = blended.as_deref().unwrap_or(&small);
    let lossless = thumbnail_ending(photo.width, photo.height) == "png";
    encode(rgb, (width, height), lossless, QUALITY_THUMBNAIL)
}

fn shrunk(
    photo: Photo<'_>,
    (width, height): (usize, usize),
) -> io::Result<Cow<'_, [u8]>> {
    if (width, height) == (photo.width, photo.height) {
        return Ok(Cow::Borrowed(photo.rgb));
    }
    let size = sides(photo.rgb, (photo.width, photo.height))?;
    let whole = ImageBuffer::<Rgb<u8>, &[u8]>::from_raw(size.0, size.1, photo.rgb);
    let whole =
        whole.ok_or_else(|| no_picture(photo.rgb, (photo.width, photo.height)))?;
    let small = image::imageops::thumbnail(&whole, width as u32, height as u32);
    Ok(Cow::Owned(small.into_raw()))
}

/// Returns the size of the thumbnail of an image.
fn thumbnail_size(width: usize, height: usize) -> (usize, usize) {
    let longer = width.max(height);
    if longer <= THUMBNAIL_SIDE {
        return (width, height);
    }
    let share = THUMBNAIL_SIDE as f64 / longer as f64;
    let side = |side: usize| ((side as f64 * share).round() as usize).max(1);
    (side(width), side(height))
}

fn encode(
    rgb: &[u8],
    size: (usize, usize),
    lossless: bool,
    quality: u8,
) -> io::Result<Vec<u8>> {
    if lossless {
        return png_encoder::encode(size, &Pixels::Rgb, rgb);
    }
    let (width, height) = sides(rgb, size)?;
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality)
        .write_image(rgb, width, height, ExtendedColorType::Rgb8)
        .map_err(io::Error::other)?;
    Ok(bytes)
}

/// Returns the sides of a picture. Fails if it does not have the stated size.
fn sides(rgb: &[u8], (width, height): (usize, usize)) -> io::Result<(u32, u32)> {
    let fits = !rgb.is_empty() && rgb.len() == 3 * width * height;
    let both = u32::try_from(width).ok().zip(u32::try_from(height).ok());
    both.filter(|_| fits).ok_or_else(|| no_picture(rgb, (width, height)))
}

fn no_picture(rgb: &[u8], (width, height): (usize, usize)) -> io::Error {
    let message = format!("{} bytes are not a picture of {width} x {height}", rgb.len());
    io::Error::new(io::ErrorKind::InvalidInput, message)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn photo(width: usize, height: usize, rgb: &[u8]) -> Photo<'_> {
        Photo { height, width, rgb }
    }

    #[test]
    fn small_pictures_keep_every_pixel_and_large_ones_become_jpeg() {
        let rgb: Vec<u8> = (0..8 * 8 * 3).map(|i| (i % 251) as u8).collect();
        let bytes = picture(photo(8, 8, &rgb)).unwrap();
        assert_eq!(picture_ending(8, 8), "png");
        assert_eq!(*image::load_from_memory(&bytes).unwrap().to_rgb8().as_raw(), rgb);
        let rgb = vec![90; 400 * 300 * 3];
        let bytes = picture(photo(400, 300, &rgb)).unwrap();
        assert_eq!(picture_ending(400, 300), "jpg");
        assert!(bytes.starts_with(&[0xff, 0xd8]));
        let shown = image::load_from_memory(&bytes).unwrap().to_rgb8();
        assert_eq!(shown.dimensions(), (400, 300));
        assert!(shown.as_raw().iter().all(|value| value.abs_diff(90) < 3));
        assert_eq!(picture_ending(70_000, 9), "png");
    }

    #[test]
    fn thumbnails_fit_their_side_and_show_the_heat() {
        let rgb = vec![200; 640 * 100 * 3];
        // The network saw a quarter as much, and was unsure of the right half.
        let values =
            (0..50 * 320).map(|i| if i % 320 < 160 { 0.0 } else { 1.0 }).collect();
        let map = Map { height: 50, width: 320, values };
        let placement = Placement { scale_x: 0.5, scale_y: 0.5, left: 0.0, top: 0.0 };
        let heat = Heat { map: &map, placement, scale: Scale::up_to(1.0) };
        let small = thumbnail(photo(640, 100, &rgb), Some(&heat)).unwrap();
        let small = image::load_from_memory(&small).unwrap().to_rgb8();
        assert_eq!(small.dimensions(), (320, 50));
        let [red, _, blue] = small.get_pixel(220, 20).0;
        assert!(red > blue + 20, "the brightest color is a pale yellow");
        assert!(small.get_pixel(100, 20).0.iter().all(|v| v.abs_diff(200) < 3));
        let plain = thumbnail(photo(640, 100, &rgb), None).unwrap();
        let plain = image::load_from_memory(&plain).unwrap().to_rgb8();
        assert!(plain.get_pixel(100, 20).0.iter().all(|v| v.abs_diff(200) < 3));
        let (wide, thin) = (thumbnail_size(100_000, 3), thumbnail_size(3, 100_000));
        assert_eq!((wide, thin), ((320, 1), (1, 320)));
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        assert!(picture(photo(0, 3, &[])).is_err());
        assert!(picture(photo(400, 300, &[0; 7])).is_err());
        assert!(thumbnail(photo(400, 300, &[0; 7]), None).is_err());
    }
}
