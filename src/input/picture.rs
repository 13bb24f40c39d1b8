//! A decoded image.

use std::borrow::Cow;

/// Pixels of a decoded image, upright.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// Number of columns.
    pub width: usize,
    /// Number of rows.
    pub height: usize,
    /// Values per pixel: 3 (red, green, blue), 4 (as in the file), or 1.
    pub bands: usize,
    /// `height * width * bands` values, row by row from the top left, with the values of a pixel
    /// together.
    pub values: Values,
}

/// The values of a picture.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// Levels from 0 to 255.
    U8(Vec<u8>),
    /// Finite values, as in the file.
    F32(Vec<f32>),
}

impl Values {
    /// Returns the number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(values) => values.len(),
            Self::F32(values) => values.len(),
        }
    }

    /// Returns `true` if there are no values.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Picture {
    /// Creates a picture of red, green and blue in 8 bits.
    pub fn rgb(width: usize, height: usize, values: Vec<u8>) -> Self {
        Self { width, height, bands: 3, values: Values::U8(values) }
    }

    /// Returns red, green and blue in 8 bits for display: the first three bands, or a single band
    /// three times. Floating-point values are scaled so that the smallest becomes 0 and the largest
    /// 255.
    pub fn to_rgb8(&self) -> Cow<'_, [u8]> {
        match &self.values {
            Values::U8(values) if self.bands == 3 => Cow::Borrowed(values),
            Values::U8(values) => {
                Cow::Owned(to_three_bands(values, self.bands, |value| value))
            }
            Values::F32(values) => {
                let least = values.iter().copied().fold(f32::INFINITY, f32::min);
                let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let range = f64::from(most) - f64::from(least);
                let scale = if range > 0.0 { 255.0 / range } else { 0.0 };
                let byte = |value: f32| {
                    ((f64::from(value) - f64::from(least)) * scale).round() as u8
                };
                Cow::Owned(to_three_bands(values, self.bands, byte))
            }
        }
    }
}

fn to_three_bands<T: Copy>(
    values: &[T],
    bands: usize,
    byte: impl Fn(T) -> u8,
) -> Vec<u8> {
    let pixels = values.chunks_exact(bands.max(1));
    let three = |pixel: &[T]| match *pixel {
        [red, green, blue, ..] => [red, green, blue].map(&byte),
        _ => [byte(pixel[0]); 3],
    };
    pixels.flat_map(three).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn floats_are_shown_from_their_least_to_their_largest() {
        let values = Values::F32(vec![-2.0, 0.0, 8.0]);
        let picture = Picture { width: 3, height: 1, bands: 1, values };
        assert_eq!(*picture.to_rgb8(), [0, 0, 0, 51, 51, 51, 255, 255, 255]);
        let values = Values::F32(vec![7.5; 4]);
        let flat = Picture { width: 1, height: 1, bands: 4, values };
        assert_eq!(*flat.to_rgb8(), [0; 3]);
        let extreme = Values::F32(vec![f32::MIN, f32::MAX, 0.0]);
        let picture = Picture { width: 1, height: 1, bands: 3, values: extreme };
        assert_eq!(*picture.to_rgb8(), [0, 255, 128]);
    }

    #[test]
    fn of_four_bands_the_first_three_are_shown() {
        let values = Values::U8(vec![1, 2, 3, 4, 5, 6, 7, 8]);
        let picture = Picture { width: 2, height: 1, bands: 4, values };
        assert_eq!(*picture.to_rgb8(), [1, 2, 3, 5, 6, 7]);
    }
}
