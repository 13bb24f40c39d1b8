//! Resizes pixels with the arithmetic of a library, so that the same file gives the same numbers.
//!
//! | arithmetic | pixels | agreement |
//! |---|---|---|
//! | [`torchvision`] | `uint8` tensors | bit for bit |
//! | [`pillow`] | 8-bit images | bit for bit |
//! | [`opencv`] | 8-bit arrays | bit for bit; cubic to one level in few values |
//! | [`float`] | `float32` tensors | to 1e-6 (5e-6 without antialiasing) |

mod float;
mod mix;
mod nearest;
mod opencv;
mod pillow;
mod torchvision;

use super::interpolate::{self, Kernel};
use crate::input::settings::Resampler;
use crate::input::settings::{Interpolation, Size};

/// A raster with the channels of the model, red first, while it is resized: `channels` values per
/// pixel, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pixels<T = u8> {
    /// Width and height.
    pub(super) size: Size,
    /// Values per pixel.
    pub(super) channels: usize,
    /// `size.height * size.width * channels` values.
    pub(super) values: Vec<T>,
}

impl<T> Pixels<T> {
    /// Converts each value.
    pub(super) fn map<V>(self, value: impl Fn(T) -> V) -> Pixels<V> {
        let values = self.values.into_iter().map(value).collect();
        Pixels { size: self.size, channels: self.channels, values }
    }
}

/// Arithmetic of a resize.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Method {
    /// Library.
    pub(super) resampler: Resampler,
    /// Filter.
    pub(super) interpolation: Interpolation,
    /// Set if the filter widens with the reduction.
    pub(super) antialias: bool,
}

impl Method {
    /// Returns whether the library always antialiases (`Some(true)`) or never does; `None` if it is an
    /// option.
    pub(super) fn antialias_of(
        resampler: Resampler,
        interpolation: Interpolation,
    ) -> Option<bool> {
        match (resampler, interpolation) {
            (_, Interpolation::Nearest | Interpolation::NearestExact)
            | (Resampler::Opencv, _) => Some(false),
            (Resampler::Pillow, _)
            | (_, Interpolation::Lanczos | Interpolation::Box | Interpolation::Hamming) => {
                Some(true)
            }
            _ => None,
        }
    }

    /// Returns whether the library's arithmetic is for images of 8 bits only.
    pub(super) fn is_of_8_bits(self) -> bool {
        matches!(self.resampler, Resampler::Pillow | Resampler::Opencv)
    }

    /// Checks that the library has the interpolation. The error is a sentence with a hint.
    pub(super) fn check(self) -> Result<(), (String, &'static str)> {
        use Interpolation::{Box, Hamming, Lanczos, NearestExact};
        let Self { resampler, interpolation, .. } = self;
        match (resampler, interpolation) {
            (Resampler::Torchvision | Resampler::Float, Box | Hamming) => Err((
                format!("torchvision has no interpolation \"{interpolation}\""),
                "take bilinear, bicubic or lanczos, or the resampler pillow, which has it",
            )),
            (Resampler::Opencv, NearestExact | Lanczos | Box | Hamming) => Err((
                format!("{interpolation} with the resampler opencv is not supported"),
                "take nearest, bilinear or bicubic, or the resampler pillow, which has it",
            )),
            _ => Ok(()),
        }
    }

    /// Resizes 8-bit pixels to `size`; keeps every pixel if the size is the same.
    ///
    /// The error is a sentence; it does not occur after [`Self::check`]. [`Resampler::Float`] is for
    /// [`Self::resize_floats`] and is treated as torchvision here.
    pub(super) fn resize(self, image: Pixels, size: Size) -> Result<Pixels, String> {
        let Self { resampler, interpolation, antialias } = self;
        if image.size == size {
            return Ok(image);
        }
        if !matches!(image.channels, 1 | 3 | 4) {
            return self.resize_bands(&image, size);
        }
        match resampler {
            Resampler::Torchvision | Resampler::Float => {
                torchvision::resize(image, size, interpolation, antialias)
            }
            Resampler::Pillow => Ok(pillow::resize(image, size, interpolation)),
            Resampler::Opencv => opencv::resize(&image, size, interpolation),
        }
    }

    /// Resizes band by band: the libraries have types for 1, 3 and 4.
    fn resize_bands(self, image: &Pixels, size: Size) -> Result<Pixels, String> {
        let channels = image.channels;
        let mut values = vec![0; size.width * size.height * channels];
        for band in 0..channels {
            let plane = image.values.iter().skip(band).step_by(channels).copied();
            let plane = Pixels { size: image.size, channels: 1, values: plane.collect() };
            let resized = self.resize(plane, size)?;
            let places = values.iter_mut().skip(band).step_by(channels);
            places.zip(resized.values).for_each(|(place, value)| *place = value);
        }
        Ok(Pixels { size, channels, values })
    }

    /// Resizes floating-point pixels to `size`. The library determines the nearest pixel and whether
    /// the filter antialiases.
    pub(super) fn resize_floats(self, image: Pixels<f32>, size: Size) -> Pixels<f32> {
        if image.size == size {
            return image;
        }
        match self.reach() {
            Some(reach) => float::resize(image, size, reach),
            None => nearest::pick(&image, size, self.nearest()),
        }
    }

    fn reach(self) -> Option<float::Reach> {
        let kernel: Kernel = match (self.interpolation, self.antialias) {
            (Interpolation::Bicubic, false) => interpolate::CUBIC,
            (other, _) => pillow::kernel(other)?,
        };
        Some(if self.antialias {
            float::Reach::Growing(kernel)
        } else {
            float::Reach::Fixed(kernel)
        })
    }

    fn nearest(self) -> fn(usize, usize) -> Vec<usize> {
        let exact = self.interpolation == Interpolation::NearestExact;
        match self.resampler {
            Resampler::Pillow => nearest::pillow,
            Resampler::Opencv => nearest::opencv,
            Resampler::Torchvision | Resampler::Float if exact => {
                nearest::torchvision_exact
            }
            Resampler::Torchvision | Resampler::Float => nearest::torchvision,
        }
    }
}

#[cfg(test)]
mod tests;
