//! Compositing of transparent images on white.

use super::Refusal;

/// Composites pixels of red, green, blue and alpha on white.
pub(super) fn on_white(values: &[u8]) -> Vec<u8> {
    let composite = |[red, green, blue, alpha]: [u8; 4]| {
        [red, green, blue].map(|value| over_white(value, alpha))
    };
    values.as_chunks().0.iter().copied().flat_map(composite).collect()
}

/// Composites a value on white with the rounding of Pillow's `alpha_composite`.
fn over_white(value: u8, alpha: u8) -> u8 {
    const PRECISION: u32 = 7;
    let [value, alpha] = [value, alpha].map(u32::from);
    let mixed = (value * alpha + 255 * (255 - alpha) + 0x80) << PRECISION;
    ((((mixed >> 8) + mixed) >> 8) >> PRECISION) as u8
}

/// Composites floating-point pixels of red, green, blue and alpha on white, which is 1. Values
/// outside 0 to 1 are refused. `is_multiplied` is set if the colors are already multiplied by
/// alpha.
pub(super) fn floats_on_white(
    values: &[f32],
    is_multiplied: bool,
) -> Result<Vec<f32>, Refusal> {
    // Rounding in an earlier program may have left values slightly outside.
    const SLACK: f32 = 1e-3;
    let range = -SLACK..=1.0 + SLACK;
    if let Some(value) = values.iter().find(|value| !range.contains(*value)) {
        return Err(Refusal {
            message: format!(
                "holds {value} in floating point, but only values from 0 to 1 can be \
                 composited on white"
            ),
            hint: "save the image without transparency, or write alpha = \"drop\" into a \
                   TOML file and name it with `config`",
        });
    }
    let on_white = |[red, green, blue, alpha]: [f32; 4]| {
        let share = if is_multiplied { 1.0 } else { alpha };
        [red, green, blue].map(|value| value * share + (1.0 - alpha))
    };
    Ok(values.as_chunks().0.iter().copied().flat_map(on_white).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transparent_pixels_become_white() {
        let values = [0.5, 0.0, 1.0, 0.25, 0.2, 0.4, 0.6, 0.0];
        let plain = floats_on_white(&values, false).ok();
        assert_eq!(plain, Some(vec![0.875, 0.75, 1.0, 1.0, 1.0, 1.0]));
        let multiplied = floats_on_white(&[0.125, 0.0, 0.25, 0.25], true).ok();
        assert_eq!(multiplied, Some(vec![0.875, 0.75, 1.0]));
        assert_eq!(on_white(&[9, 8, 7, 255, 9, 8, 7, 0]), [9, 8, 7, 255, 255, 255]);
    }

    #[test]
    fn values_outside_0_to_1_are_refused() {
        for values in
            [[0.0, 0.0, 7.5, 1.0], [0.0, -0.5, 0.0, 1.0], [0.0, 0.0, 0.0, 255.0]]
        {
            assert!(floats_on_white(&values, false).is_err());
        }
    }
}
