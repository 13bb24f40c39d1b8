//! Where the pixels of an image end up in the network's input.

use super::settings::{Crop, Resize, Size};

/// How image pixels and network pixels correspond.
///
/// The image of `image_width` x `image_height` pixels was resized to `resized_width` x
/// `resized_height`; of that, the part of `width` x `height` whose first pixel is at (`left`,
/// `top`) went to the network. A negative `left` or `top`, or a part that reaches beyond the
/// far side, was filled with zeros (black).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Columns of the image.
    pub image_width: usize,
    /// Rows of the image.
    pub image_height: usize,
    /// Columns after resizing.
    pub resized_width: usize,
    /// Rows after resizing.
    pub resized_height: usize,
    /// First column, in the resized image, of what the network saw.
    pub left: isize,
    /// First row, in the resized image, of what the network saw.
    pub top: isize,
    /// Columns of the network's input.
    pub width: usize,
    /// Rows of the network's input.
    pub height: usize,
}

impl Geometry {
    pub(super) fn new(image: Size, resize: Resize, crop: Crop) -> Self {
        let resized = resized_size(image, resize);
        let (left, top, seen) = match crop {
            Crop::None => (0, 0, resized),
            Crop::Centre(seen) => (
                centre_offset(resized.width, seen.width),
                centre_offset(resized.height, seen.height),
                seen,
            ),
        };
        Self {
            image_width: image.width,
            image_height: image.height,
            resized_width: resized.width,
            resized_height: resized.height,
            left,
            top,
            width: seen.width,
            height: seen.height,
        }
    }

    pub(super) fn resized(&self) -> Size {
        Size { width: self.resized_width, height: self.resized_height }
    }

    pub(super) fn seen(&self) -> Size {
        Size { width: self.width, height: self.height }
    }

    /// The place in the network's input of a place in the image. Whole numbers are centres of
    /// pixels on both sides: (0, 0) is the centre of the first pixel, (-0.5, -0.5) its corner.
    ///
    /// The result lies outside `-0.5 .. width - 0.5` (rows alike) where the network did not
    /// see that place.
    pub fn to_network(&self, x: f32, y: f32) -> (f32, f32) {
        let along = |at: f32, image: usize, resized: usize, first: isize| {
            let scale = resized as f64 / image as f64;
            ((f64::from(at) + 0.5) * scale - 0.5 - first as f64) as f32
        };
        (
            along(x, self.image_width, self.resized_width, self.left),
            along(y, self.image_height, self.resized_height, self.top),
        )
    }

    /// Whether the network saw all of the image.
    pub fn covers_all(&self) -> bool {
        let covers = |first: isize, seen: usize, resized: usize| {
            first <= 0 && first + seen.cast_signed() >= resized.cast_signed()
        };
        covers(self.left, self.width, self.resized_width)
            && covers(self.top, self.height, self.resized_height)
    }
}

/// torchvision's rule: with one side given, the longer side is rounded down.
fn resized_size(image: Size, resize: Resize) -> Size {
    match resize {
        Resize::None
        | Resize::ShortAtMost { .. }
        | Resize::Long(_)
        | Resize::Fit(_)
        | Resize::Within(_)
        | Resize::Bounds { .. }
        | Resize::Cover(_)
        | Resize::Near { .. } => image,
        Resize::Exact(size) => size,
        Resize::Short(side) if image.width <= image.height => {
            Size { width: side, height: side * image.height / image.width }
        }
        Resize::Short(side) => {
            Size { width: side * image.width / image.height, height: side }
        }
    }
}

/// torchvision's rule: half of the difference, halves rounded to even; where the image is the
/// smaller one, half of what is missing, rounded down, is added before it.
fn centre_offset(image: usize, crop: usize) -> isize {
    if crop > image {
        return -((crop - image) / 2).cast_signed();
    }
    let surplus = image - crop;
    let half = surplus / 2;
    let up = usize::from(surplus % 2 == 1 && half % 2 == 1);
    (half + up).cast_signed()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_longer_side_is_rounded_down() {
        let size = |width, height| Size { width, height };
        let short = |image| resized_size(image, Resize::Short(256));
        assert_eq!(short(size(640, 427)), size(383, 256));
        assert_eq!(short(size(427, 640)), size(256, 383));
        assert_eq!(short(size(1, 1)), size(256, 256));
        assert_eq!(short(size(1, 7)), size(256, 1792));
    }

    #[test]
    fn centre_crops_round_half_to_even() {
        // Python: int(round(d / 2.0)) for d = 33, 35, and (crop - image) // 2 when padding.
        assert_eq!(centre_offset(257, 224), 16);
        assert_eq!(centre_offset(259, 224), 18);
        assert_eq!(centre_offset(224, 224), 0);
        assert_eq!(centre_offset(221, 224), -1);
        assert_eq!(centre_offset(1, 224), -111);
    }

    #[test]
    fn corners_map_to_corners() {
        let image = Size { width: 100, height: 50 };
        let resize = Resize::Exact(Size { width: 10, height: 20 });
        let whole = Geometry::new(image, resize, Crop::None);
        assert_eq!(whole.to_network(-0.5, -0.5), (-0.5, -0.5));
        assert_eq!(whole.to_network(99.5, 49.5), (9.5, 19.5));
        assert!(whole.covers_all());
        let crop = Crop::Centre(Size { width: 6, height: 24 });
        let part = Geometry::new(image, resize, crop);
        assert_eq!(part.to_network(-0.5, -0.5), (-2.5, 1.5));
        assert!(!part.covers_all());
    }

    proptest! {
        #[test]
        fn the_middle_of_the_image_stays_in_the_middle(
            width in 1_usize..3000, height in 1_usize..3000, side in 1_usize..600,
            crop_width in 1_usize..600, crop_height in 1_usize..600,
        ) {
            let crop = Crop::Centre(Size { width: crop_width, height: crop_height });
            let geometry =
                Geometry::new(Size { width, height }, Resize::Short(side), crop);
            prop_assert!(geometry.resized_width.min(geometry.resized_height) == side);
            let (x, y) = geometry
                .to_network((width as f32 - 1.0) / 2.0, (height as f32 - 1.0) / 2.0);
            prop_assert!((x - (crop_width as f32 - 1.0) / 2.0).abs() <= 0.51);
            prop_assert!((y - (crop_height as f32 - 1.0) / 2.0).abs() <= 0.51);
        }
    }
}
