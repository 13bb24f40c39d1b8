//! Label maps at the size of predictions: orientation, aspect and resizing.

use image::metadata::Orientation;

use crate::tensor::ImageShape;

/// The ids or values of a label map.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LabelPlane<T> {
    /// Number of rows.
    pub(super) height: usize,
    /// Number of columns.
    pub(super) width: usize,
    /// `height * width` numbers, by row.
    pub(super) values: Vec<T>,
}

/// Rotates a label map upright if it has the sides of the stored image.
///
/// # Errors
/// Fails with a message and a hint if the map has neither the aspect of the image nor that of the
/// stored pixels.
pub(super) fn upright<T: Copy>(
    map: LabelPlane<T>,
    shape: Option<ImageShape>,
) -> Result<LabelPlane<T>, (String, &'static str)> {
    let Some(shape) = shape else { return Ok(map) };
    if same_aspect((map.width, map.height), (shape.width, shape.height)) {
        return Ok(map);
    }
    let is_stored = same_aspect((map.height, map.width), (shape.width, shape.height));
    let orientation = shape.orientation.and_then(Orientation::from_exif);
    match orientation.filter(|orientation| is_stored && swaps_sides(*orientation)) {
        Some(orientation) => Ok(oriented(&map, orientation)),
        None => Err((
            format!(
                "has {} x {} pixels, and the image {} x {}: the sides are in another proportion",
                map.width, map.height, shape.width, shape.height
            ),
            if is_stored {
                "rotate the label map as the image is shown"
            } else {
                "make label maps of the whole image, without a crop or a border"
            },
        )),
    }
}

/// Returns whether an image was turned in a way that the sides of its label map cannot show.
pub(super) fn is_ambiguous(shape: ImageShape) -> bool {
    let orientation = shape.orientation.and_then(Orientation::from_exif);
    orientation.is_some_and(|orientation| {
        orientation != Orientation::NoTransforms
            && (!swaps_sides(orientation)
                || same_aspect((shape.height, shape.width), (shape.width, shape.height)))
    })
}

/// Returns whether two sizes (width, height) have the same aspect, up to rounding of the sides of
/// the first by one pixel.
fn same_aspect((width, height): (usize, usize), of: (usize, usize)) -> bool {
    let (low, high) = ((width - 1) * of.1, (width + 1) * of.1);
    low <= (height + 1) * of.0 && high >= (height - 1) * of.0
}

fn swaps_sides(orientation: Orientation) -> bool {
    matches!(
        orientation,
        Orientation::Rotate90
            | Orientation::Rotate270
            | Orientation::Rotate90FlipH
            | Orientation::Rotate270FlipH
    )
}

/// Applies an orientation that swaps the sides.
fn oriented<T: Copy>(map: &LabelPlane<T>, orientation: Orientation) -> LabelPlane<T> {
    let (right, bottom) = (map.width - 1, map.height - 1);
    let (height, width) = (map.width, map.height);
    let mut values = Vec::with_capacity(map.values.len());
    for y in 0..height {
        for x in 0..width {
            let (old_x, old_y) = match orientation {
                Orientation::Rotate90 => (y, bottom - x),
                Orientation::Rotate270 => (right - y, x),
                Orientation::Rotate270FlipH => (right - y, bottom - x),
                _ => (y, x),
            };
            values.push(map.values[old_y * map.width + old_x]);
        }
    }
    LabelPlane { height, width, values }
}

/// Resizes a map to (rows, columns): each pixel takes the number of the pixel that contains its
/// center.
pub(super) fn nearest<T: Copy>(
    map: LabelPlane<T>,
    (height, width): (usize, usize),
) -> Vec<T> {
    if (map.height, map.width) == (height, width) {
        return map.values;
    }
    let columns: Vec<usize> =
        (0..width).map(|x| source_index(x, width, map.width)).collect();
    let mut values = Vec::with_capacity(height * width);
    for y in 0..height {
        let row = source_index(y, height, map.height);
        let row = &map.values[row * map.width..][..map.width];
        values.extend(columns.iter().map(|&x| row[x]));
    }
    values
}

/// Returns the index, among `from`, of the pixel that contains the center of pixel `i` of `n`.
fn source_index(i: usize, n: usize, from: usize) -> usize {
    (2 * i + 1) * from / (2 * n)
}

#[cfg(test)]
mod tests {
    use image::{DynamicImage, GrayImage};

    use super::*;

    fn map(height: usize, width: usize) -> LabelPlane<u32> {
        let values = (0..(height * width) as u32).collect();
        LabelPlane { height, width, values }
    }

    #[test]
    fn a_map_of_another_size_is_read_at_the_centers_of_the_pixels() {
        assert_eq!(nearest(map(2, 2), (2, 2)), [0, 1, 2, 3]);
        assert_eq!(nearest(map(4, 6), (2, 3)), [7, 9, 11, 19, 21, 23]);
        assert_eq!(nearest(map(1, 2), (2, 5)), [0, 0, 1, 1, 1, 0, 0, 1, 1, 1]);
        assert_eq!(nearest(map(3, 3), (1, 1)), [4]);
    }

    #[test]
    fn a_map_with_the_stored_sides_is_rotated_as_the_image_library_does() {
        for exif in 1..=8 {
            let orientation = Orientation::from_exif(exif).unwrap();
            let stored = GrayImage::from_raw(5, 3, (0..15).collect()).unwrap();
            let mut shown = DynamicImage::ImageLuma8(stored);
            shown.apply_orientation(orientation);
            let shape = ImageShape {
                height: shown.height() as usize,
                width: shown.width() as usize,
                orientation: Some(exif),
            };
            let rotated = upright(map(3, 5), Some(shape)).unwrap();
            assert_eq!((rotated.height, rotated.width), (shape.height, shape.width));
            if swaps_sides(orientation) {
                let expected: Vec<u32> =
                    shown.into_bytes().into_iter().map(u32::from).collect();
                assert_eq!(rotated.values, expected, "orientation {exif}");
            }
        }
    }

    #[test]
    fn another_aspect_is_an_error_with_both_sizes_except_for_rounding() {
        let shape = |width, height| Some(ImageShape { height, width, orientation: None });
        for (width, height) in [(640, 480), (320, 240), (64, 48), (213, 160), (27, 20)] {
            assert!(upright(map(height, width), shape(640, 480)).is_ok(), "{width}");
        }
        for (width, height) in [(480, 640), (640, 640), (512, 480)] {
            let (message, _) = upright(map(height, width), shape(640, 480)).unwrap_err();
            assert!(message.contains(&format!("{width} x {height}")), "{message}");
            assert!(message.contains("640 x 480"), "{message}");
        }
        assert!(upright(map(3, 9), None).is_ok(), "nothing is known about the image");
    }
}
