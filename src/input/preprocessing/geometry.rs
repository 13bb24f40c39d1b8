//! Correspondence of image pixels and network pixels.

use std::ops::Range;

use super::sizes;
use crate::input::settings::{Crop, Resize, Size};
use crate::input::settings::{CropRule, Pad, PadSide};

/// Correspondence of image pixels and network pixels.
///
/// The image of `image_width` x `image_height` pixels is resized to `resized_width` x
/// `resized_height`. A crop of `cropped_width` x `cropped_height` is taken from that, with black
/// beyond the image, and padding is added around it: the crop begins at (`padding_left`,
/// `padding_top`) of the network's `width` x `height`.
///
/// `left` and `top` are the position of the network's first pixel in the resized image. They are
/// negative if something was added before the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Geometry {
    /// Width of the image.
    pub image_width: usize,
    /// Height of the image.
    pub image_height: usize,
    /// Width after resizing.
    pub resized_width: usize,
    /// Height after resizing.
    pub resized_height: usize,
    /// First column of the network's input, in columns of the resized image.
    pub left: isize,
    /// First row of the network's input, in rows of the resized image.
    pub top: isize,
    /// Width of the network's input.
    pub width: usize,
    /// Height of the network's input.
    pub height: usize,
    /// Number of columns of padding before the crop.
    pub padding_left: usize,
    /// Number of rows of padding above the crop.
    pub padding_top: usize,
    /// Width of the crop.
    pub cropped_width: usize,
    /// Height of the crop.
    pub cropped_height: usize,
}

/// Spatial steps of preprocessing.
#[derive(Debug, Clone, Copy)]
pub(super) struct Steps {
    pub(super) resize: Resize,
    pub(super) crop: Crop,
    pub(super) crop_rule: CropRule,
    pub(super) pad: Pad,
    pub(super) pad_side: PadSide,
}

impl Geometry {
    /// Returns the geometry of an image that the network sees pixel for pixel.
    pub fn of_whole(width: usize, height: usize) -> Self {
        Self {
            image_width: width,
            image_height: height,
            resized_width: width,
            resized_height: height,
            left: 0,
            top: 0,
            width,
            height,
            padding_left: 0,
            padding_top: 0,
            cropped_width: width,
            cropped_height: height,
        }
    }

    /// Returns the geometry of an image. The error is the size after the crop, if it is larger than
    /// the size to pad to.
    pub(super) fn new(image: Size, steps: &Steps) -> Result<Self, Size> {
        let resized = sizes::resized(image, steps.resize);
        let cropped = match steps.crop {
            Crop::None => resized,
            Crop::Center(cropped) => cropped,
        };
        let offset = |image, crop| crop_offset(image, crop, steps.crop_rule);
        let seen = padded_size(cropped, steps.pad);
        let lacking = seen.width.checked_sub(cropped.width);
        let (lacking_width, lacking_height) =
            lacking.zip(seen.height.checked_sub(cropped.height)).ok_or(cropped)?;
        let before = |lacking: usize| match steps.pad_side {
            PadSide::End => 0,
            PadSide::Center => lacking / 2,
        };
        let (padding_left, padding_top) = (before(lacking_width), before(lacking_height));
        Ok(Self {
            image_width: image.width,
            image_height: image.height,
            resized_width: resized.width,
            resized_height: resized.height,
            left: offset(resized.width, cropped.width) - padding_left.cast_signed(),
            top: offset(resized.height, cropped.height) - padding_top.cast_signed(),
            width: seen.width,
            height: seen.height,
            padding_left,
            padding_top,
            cropped_width: cropped.width,
            cropped_height: cropped.height,
        })
    }

    pub(super) fn resized(&self) -> Size {
        Size { width: self.resized_width, height: self.resized_height }
    }

    pub(super) fn seen(&self) -> Size {
        Size { width: self.width, height: self.height }
    }

    /// Returns the rows and columns of the network's input that show the image, without black around
    /// a crop and without padding. Neither is empty.
    pub fn valid(&self) -> (Range<usize>, Range<usize>) {
        let along = |first: isize, padding: usize, cropped: usize, resized: usize| {
            let start = padding.max((-first).max(0).cast_unsigned());
            let end = (padding + cropped)
                .min((resized.cast_signed() - first).max(0).cast_unsigned());
            start..end
        };
        (
            along(self.top, self.padding_top, self.cropped_height, self.resized_height),
            along(self.left, self.padding_left, self.cropped_width, self.resized_width),
        )
    }

    /// Converts a position in the image to a position in the network's input. Integers are centers
    /// of pixels in both: (0, 0) is the center of the first pixel, (-0.5, -0.5) its corner.
    ///
    /// The result lies more than half a pixel outside [`Self::valid`] if the network did not see the
    /// position.
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

    /// Returns whether the network sees the whole image.
    pub fn covers_all(&self) -> bool {
        let (rows, columns) = self.valid();
        (columns.len(), rows.len()) == (self.resized_width, self.resized_height)
    }
}

fn padded_size(cropped: Size, pad: Pad) -> Size {
    match pad {
        Pad::None => cropped,
        Pad::To(size) => size,
        Pad::Multiple(multiple) => {
            let side = |side: usize| side.next_multiple_of(multiple.max(1));
            Size { width: side(cropped.width), height: side(cropped.height) }
        }
    }
}

/// Returns the first column or row of a center crop; negative if the image is smaller.
///
/// Sources: torchvision `center_crop`; transformers `TorchvisionBackend.center_crop` (also of
/// version 4's fast processors) and, for [`CropRule::HuggingFace4`], `image_transforms.center_crop`.
fn crop_offset(image: usize, crop: usize, rule: CropRule) -> isize {
    if crop > image {
        let lacking = crop - image;
        return -(match rule {
            CropRule::Torchvision | CropRule::HuggingFace => lacking / 2,
            CropRule::HuggingFace4 => lacking.div_ceil(2),
        })
        .cast_signed();
    }
    let surplus = image - crop;
    let half = surplus / 2;
    let up = rule == CropRule::Torchvision && surplus % 2 == 1 && half % 2 == 1;
    (half + usize::from(up)).cast_signed()
}

#[cfg(test)]
mod tests;
