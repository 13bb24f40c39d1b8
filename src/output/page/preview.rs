//! Pictures for the page: the image itself, and a small one with the heat map over it.

use std::io;

use image::codecs::jpeg::JpegEncoder;
use image::{ImageEncoder as _, RgbImage};

use crate::output::heat_map::HeatMap;
use crate::output::overlay::{self, Photo};
use crate::output::png_encoder::{self, Pixels};

/// Longer side of a small picture; smaller images are left as they are.
pub const THUMBNAIL_SIDE: usize = 320;

/// Pictures of at most this many pixels are kept without loss.
const LOSSLESS: usize = 1 << 16;
const LOSSLESS_THUMBNAIL: usize = 1 << 12;

/// Longest side that the format JPEG has.
const LONGEST_JPEG: usize = 65_535;

const QUALITY: u8 = 90;
const QUALITY_THUMBNAIL: u8 = 80;

/// Ending of the picture of an image of a size: PNG where few pixels make each of them count,
/// and where sides are too long for JPEG.
pub fn picture_ending(width: usize, height: usize) -> &'static str {
    ending(width, height, LOSSLESS)
}

/// Ending of its small picture.
pub fn thumbnail_ending(width: usize, height: usize) -> &'static str {
    let (width, height) = thumbnail_size(width, height);
    ending(width, height, LOSSLESS_THUMBNAIL)
}

fn ending(width: usize, height: usize, lossless: usize) -> &'static str {
    let long = width.max(height) > LONGEST_JPEG;
    if long || width * height <= lossless { "png" } else { "jpg" }
}

/// The picture of an image.
///
/// # Errors
/// If it is empty or not as large as it says.
pub fn picture(photo: Photo<'_>) -> io::Result<Vec<u8>> {
    let lossless = picture_ending(photo.width, photo.height) == "png";
    encode(photo.rgb, (photo.width, photo.height), lossless, QUALITY)
}

/// The small picture of an image, with a heat map over it where there is one.
///
/// # Errors
/// If it is empty, not as large as it says, or the map is of another size.
pub fn thumbnail(photo: Photo<'_>, heat: Option<&HeatMap<'_>>) -> io::Result<Vec<u8>> {
    let blended = heat.map(|heat| overlay::blend(photo, heat)).transpose()?;
    let rgb = blended.as_deref().unwrap_or(photo.rgb);
    let lossless = thumbnail_ending(photo.width, photo.height) == "png";
    let size = thumbnail_size(photo.width, photo.height);
    if size == (photo.width, photo.height) {
        return encode(rgb, size, lossless, QUALITY_THUMBNAIL);
    }
    let whole = image(photo.width, photo.height, rgb)?;
    let small = image::imageops::thumbnail(&whole, size.0 as u32, size.1 as u32);
    encode(small.as_raw(), size, lossless, QUALITY_THUMBNAIL)
}

/// The size of the small picture of an image of a size.
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
    (width, height): (usize, usize),
    lossless: bool,
    quality: u8,
) -> io::Result<Vec<u8>> {
    if lossless {
        return png_encoder::encode((width, height), &Pixels::Rgb, rgb);
    }
    let image = image(width, height, rgb)?;
    let mut bytes = Vec::new();
    JpegEncoder::new_with_quality(&mut bytes, quality)
        .write_image(&image, image.width(), image.height(), image::ColorType::Rgb8.into())
        .map_err(io::Error::other)?;
    Ok(bytes)
}

fn image(width: usize, height: usize, rgb: &[u8]) -> io::Result<RgbImage> {
    let side = |side: usize| u32::try_from(side).map_err(io::Error::other);
    let image = RgbImage::from_raw(side(width)?, side(height)?, rgb.to_vec());
    image.filter(|image| !image.is_empty()).ok_or_else(|| {
        let message = format!("{} bytes are no picture {width} x {height}", rgb.len());
        io::Error::new(io::ErrorKind::InvalidInput, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::colormap::Ramp;
    use crate::tensor::Map;

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
        let map = Map { height: 100, width: 640, values: vec![1.0; 64_000] };
        let heat = HeatMap { map: &map, bound: 1.0, ramp: Ramp::Linear };
        let small = thumbnail(photo(640, 100, &rgb), Some(&heat)).unwrap();
        let small = image::load_from_memory(&small).unwrap().to_rgb8();
        assert_eq!(small.dimensions(), (320, 50));
        let [red, _, blue] = small.get_pixel(100, 20).0;
        assert!(red > blue + 20, "the brightest colour is a pale yellow");
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
        let map = Map { height: 1, width: 2, values: vec![0.0; 2] };
        let heat = HeatMap { map: &map, bound: 1.0, ramp: Ramp::Linear };
        assert!(thumbnail(photo(1, 1, &[0; 3]), Some(&heat)).is_err());
    }
}
