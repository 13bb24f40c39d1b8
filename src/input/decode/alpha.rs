//! Compositing of transparent images on white.
//!
//! Pixels have `bands` values: `colors` colors, alpha, and bands that are dropped. `is_multiplied` is
//! set if the colors are already multiplied by alpha.

use super::Refusal;

/// Composites 8-bit pixels.
pub(super) fn bytes_on_white(
    values: &[u8],
    colors: usize,
    bands: usize,
    is_multiplied: bool,
) -> Vec<u8> {
    let pixels = values.chunks_exact(bands);
    pixels
        .flat_map(|pixel| {
            let alpha = pixel[colors];
            pixel[..colors].iter().map(move |&value| {
                if is_multiplied {
                    value.saturating_add(u8::MAX - alpha)
                } else {
                    byte_over_white(value, alpha)
                }
            })
        })
        .collect()
}

/// Composites a value on white with the rounding of Pillow's `alpha_composite`.
fn byte_over_white(value: u8, alpha: u8) -> u8 {
    const PRECISION: u32 = 7;
    let [value, alpha] = [value, alpha].map(u32::from);
    let mixed = (value * alpha + 255 * (255 - alpha) + 0x80) << PRECISION;
    ((((mixed >> 8) + mixed) >> 8) >> PRECISION) as u8
}

/// Composites pixels of up to 16 bits; `largest` is white, and opaque.
pub(super) fn shorts_on_white(
    values: &[u16],
    colors: usize,
    bands: usize,
    largest: u16,
    is_multiplied: bool,
) -> Vec<u16> {
    let white = u64::from(largest);
    let mix = |value: u16, alpha: u16| {
        if is_multiplied {
            return value.saturating_add(largest - alpha.min(largest)).min(largest);
        }
        let alpha = u64::from(alpha.min(largest));
        let mixed = u64::from(value) * alpha + white * (white - alpha);
        ((mixed + white / 2) / white) as u16
    };
    let pixels = values.chunks_exact(bands);
    pixels
        .flat_map(|pixel| pixel[..colors].iter().map(|value| mix(*value, pixel[colors])))
        .collect()
}

/// Composites floating-point pixels on white, which is 1. Values outside 0 to 1 are refused.
pub(super) fn floats_on_white(
    values: &[f32],
    colors: usize,
    bands: usize,
    is_multiplied: bool,
) -> Result<Vec<f32>, Refusal> {
    // Rounding in an earlier program may have left values slightly outside.
    const SLACK: f32 = 1e-3;
    let range = -SLACK..=1.0 + SLACK;
    let pixels = || values.chunks_exact(bands).map(|pixel| &pixel[..=colors]);
    if let Some(value) = pixels().flatten().find(|value| !range.contains(*value)) {
        return Err(Refusal {
            message: format!(
                "holds {value} in floating point, but only values from 0 to 1 can be \
                 composited on white"
            ),
            hint: "save the image without transparency, or write alpha = \"drop\" into a \
                   TOML file and name it with `config`",
        });
    }
    let on_white = |pixel: &[f32]| {
        let alpha = pixel[colors];
        let share = if is_multiplied { 1.0 } else { alpha };
        let mixed =
            pixel[..colors].iter().map(move |value| value * share + (1.0 - alpha));
        mixed.collect::<Vec<_>>()
    };
    Ok(pixels().flat_map(on_white).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transparent_pixels_become_white() {
        let values = [0.5, 0.0, 1.0, 0.25, 0.2, 0.4, 0.6, 0.0];
        let plain = floats_on_white(&values, 3, 4, false).ok();
        assert_eq!(plain, Some(vec![0.875, 0.75, 1.0, 1.0, 1.0, 1.0]));
        let multiplied = floats_on_white(&[0.125, 0.0, 0.25, 0.25], 3, 4, true).ok();
        assert_eq!(multiplied, Some(vec![0.875, 0.75, 1.0]));
        let bytes = [9, 8, 7, 255, 9, 8, 7, 0];
        assert_eq!(bytes_on_white(&bytes, 3, 4, false), [9, 8, 7, 255, 255, 255]);
        assert_eq!(bytes_on_white(&[9, 255, 0, 9, 0, 0], 1, 3, false), [9, 255]);
        let shorts = [900, 4095, 900, 0, 0, 2048];
        assert_eq!(shorts_on_white(&shorts, 1, 2, 4095, false), [900, 4095, 2047]);
    }

    #[test]
    fn colors_that_are_multiplied_by_alpha_are_not_multiplied_again() {
        let bytes = bytes_on_white(&[64, 0, 127, 127, 9, 0, 0, 255], 3, 4, true);
        assert_eq!(bytes, [192, 128, 255, 9, 0, 0]);
        assert_eq!(shorts_on_white(&[900, 2048], 1, 2, 4095, true), [2947]);
    }

    #[test]
    fn values_outside_0_to_1_are_refused() {
        for values in
            [[0.0, 0.0, 7.5, 1.0], [0.0, -0.5, 0.0, 1.0], [0.0, 0.0, 0.0, 255.0]]
        {
            assert!(floats_on_white(&values, 3, 4, false).is_err());
        }
    }
}
