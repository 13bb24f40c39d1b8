//! Conversion of other color models to red, green and blue.

use crate::input::picture::Values;

/// Inverts gray levels that count from white: the first of `bands`. The others, such as alpha, stay
/// as they are.
pub(super) fn inverted(values: Values, bands: usize) -> Values {
    let step = bands.max(1);
    match values {
        Values::U8(mut values) => {
            for value in values.iter_mut().step_by(step) {
                *value = !*value;
            }
            Values::U8(values)
        }
        Values::U16 { mut values, largest } => {
            for value in values.iter_mut().step_by(step) {
                *value = largest.saturating_sub(*value);
            }
            Values::U16 { values, largest }
        }
        Values::F32(mut values) => {
            for value in values.iter_mut().step_by(step) {
                *value = 1.0 - *value;
            }
            Values::F32(values)
        }
    }
}

/// Converts cyan, magenta, yellow and black, the first of `bands`, by the plain formula. `None` in
/// floating point.
pub(super) fn of_cmyk(values: Values, bands: usize) -> Option<Values> {
    // In single precision and rounded down, as the image library does it.
    let mix = |ink: f32, black: f32, white: f32| (white - ink) * (1.0 - black / white);
    match values {
        Values::U8(values) => {
            let pixels = values.chunks_exact(bands);
            let colors = pixels.flat_map(|pixel| {
                let black = f32::from(pixel[3]);
                [0, 1, 2].map(|i| mix(f32::from(pixel[i]), black, 255.0) as u8)
            });
            Some(Values::U8(colors.collect()))
        }
        Values::U16 { values, largest } => {
            let white = f32::from(largest);
            let pixels = values.chunks_exact(bands);
            let colors = pixels.flat_map(|pixel| {
                let black = f32::from(pixel[3]);
                [0, 1, 2].map(|i| mix(f32::from(pixel[i]), black, white) as u16)
            });
            Some(Values::U16 { values: colors.collect(), largest })
        }
        Values::F32(_) => None,
    }
}

/// Converts luma and two color differences of 8 bits with the integers of libjpeg. `None` for
/// other values.
pub(super) fn of_ycbcr(values: Values) -> Option<Values> {
    let Values::U8(values) = values else { return None };
    let colors = values.as_chunks().0.iter().flat_map(|&[luma, blue, red]| {
        let [luma, blue, red] =
            [i32::from(luma), i32::from(blue) - 128, i32::from(red) - 128];
        [
            luma + ((91_881 * red + 32_768) >> 16),
            luma + ((-22_554 * blue - 46_802 * red + 32_768) >> 16),
            luma + ((116_130 * blue + 32_768) >> 16),
        ]
        .map(|value| value.clamp(0, 255) as u8)
    });
    Some(Values::U8(colors.collect()))
}
