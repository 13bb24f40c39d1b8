//! A decoded image.

use std::borrow::Cow;

/// Pixels of a decoded image, upright.
#[derive(Debug, Clone, PartialEq)]
pub struct Picture {
    /// Number of columns.
    pub width: usize,
    /// Number of rows.
    pub height: usize,
    /// Values per pixel: 3 (red, green, blue), 1, or as many as were selected or the model takes.
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
    /// Levels of 9 to 16 bits.
    U16 {
        /// The levels.
        values: Vec<u16>,
        /// White, the largest level that the bits of the file allow: 4095 for 12 bits.
        largest: u16,
    },
    /// Finite values, as in the file.
    F32(Vec<f32>),
}

impl Values {
    /// Returns the number of values.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(values) => values.len(),
            Self::U16 { values, .. } => values.len(),
            Self::F32(values) => values.len(),
        }
    }

    /// Returns levels of 16 bits.
    pub(super) fn shorts(values: Vec<u16>) -> Self {
        Self::U16 { values, largest: u16::MAX }
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
    /// three times. Floating-point values, and dark ones of more than 8 bits, are scaled so that the
    /// smallest becomes 0 and the largest 255.
    pub fn to_rgb8(&self) -> Cow<'_, [u8]> {
        match &self.values {
            Values::U8(values) if self.bands == 3 => Cow::Borrowed(values),
            Values::U8(values) => {
                Cow::Owned(to_three_bands(values, self.bands, |value| value))
            }
            Values::U16 { values, largest } => {
                let most = values.iter().max().copied().unwrap_or(0);
                if is_dark(most.into(), (*largest).into()) {
                    let least = values.iter().min().copied().unwrap_or(0);
                    let byte = stretch(least.into(), most.into());
                    let byte = |value: u16| byte(value.into());
                    return Cow::Owned(to_three_bands(values, self.bands, byte));
                }
                let byte = |value: u16| byte_of(value, *largest);
                Cow::Owned(to_three_bands(values, self.bands, byte))
            }
            Values::F32(values) => {
                let least = values.iter().copied().fold(f32::INFINITY, f32::min);
                let most = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
                let byte = stretch(least.into(), most.into());
                let byte = |value: f32| byte(value.into());
                Cow::Owned(to_three_bands(values, self.bands, byte))
            }
        }
    }
}

/// Returns whether the largest value is below a sixteenth of white: probably the file has fewer bits
/// than its format allows.
pub(super) fn is_dark(most: f64, white: f64) -> bool {
    most * 16.0 < white
}

/// Converts a level of more than 8 bits to 8 bits, rounded.
pub(super) fn byte_of(value: u16, largest: u16) -> u8 {
    let largest = u32::from(largest.max(1));
    ((u32::from(value) * 255 + largest / 2) / largest) as u8
}

/// Returns the function that maps a range of values to 0..255.
fn stretch(least: f64, most: f64) -> impl Fn(f64) -> u8 {
    let range = most - least;
    let scale = if range > 0.0 { 255.0 / range } else { 0.0 };
    move |value| ((value - least) * scale).round() as u8
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
