//! Rotates pixels upright.

use image::metadata::Orientation;

/// Applies an EXIF orientation to pixels of `bands` values. Returns them with the new width and
/// height.
pub(super) fn orient<T: Copy>(
    values: Vec<T>,
    (width, height): (usize, usize),
    bands: usize,
    orientation: Orientation,
) -> (Vec<T>, (usize, usize)) {
    use Orientation as To;
    if orientation == To::NoTransforms {
        return (values, (width, height));
    }
    let across = matches!(
        orientation,
        To::Rotate90 | To::Rotate270 | To::Rotate90FlipH | To::Rotate270FlipH
    );
    let (new_width, new_height) = if across { (height, width) } else { (width, height) };
    let (right, bottom) = (width - 1, height - 1);
    let old = |x: usize, y: usize| match orientation {
        To::NoTransforms => (x, y),
        To::FlipHorizontal => (right - x, y),
        To::FlipVertical => (x, bottom - y),
        To::Rotate180 => (right - x, bottom - y),
        To::Rotate90 => (y, bottom - x),
        To::Rotate270 => (right - y, x),
        To::Rotate90FlipH => (y, x),
        To::Rotate270FlipH => (right - y, bottom - x),
    };
    let mut turned = Vec::with_capacity(values.len());
    for y in 0..new_height {
        for x in 0..new_width {
            let (old_x, old_y) = old(x, y);
            let at = (old_y * width + old_x) * bands;
            turned.extend_from_slice(&values[at..at + bands]);
        }
    }
    (turned, (new_width, new_height))
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, RgbImage};

    use super::*;

    #[test]
    fn every_orientation_is_the_one_of_the_image_library() {
        let values: Vec<u8> = (0..5 * 3 * 3).collect();
        for exif in 1..=8 {
            let orientation = Orientation::from_exif(exif).unwrap();
            let image = RgbImage::from_raw(5, 3, values.clone()).unwrap();
            let mut expected = DynamicImage::ImageRgb8(image);
            expected.apply_orientation(orientation);
            let (turned, size) = orient(values.clone(), (5, 3), 3, orientation);
            assert_eq!(size, (expected.width() as usize, expected.height() as usize));
            assert_eq!(turned, expected.into_bytes(), "{exif}");
        }
    }
}
