//! Transparent images laid on white.

use super::Refusal;

/// Red, green and blue of pixels with alpha.
pub(super) fn laid_on_white(values: &[u8]) -> Vec<u8> {
    let on_white = |[red, green, blue, alpha]: [u8; 4]| {
        [red, green, blue].map(|value| over_white(value, alpha))
    };
    values.as_chunks().0.iter().copied().flat_map(on_white).collect()
}

/// A value laid on white, with the rounding of Pillow's `alpha_composite`.
fn over_white(value: u8, alpha: u8) -> u8 {
    const PRECISION: u32 = 7;
    let [value, alpha] = [value, alpha].map(u32::from);
    let mixed = (value * alpha + 255 * (255 - alpha) + 0x80) << PRECISION;
    ((((mixed >> 8) + mixed) >> 8) >> PRECISION) as u8
}

/// Red, green and blue of pixels with alpha, all in floating point, where white is 1: values
/// beyond 0 to 1 have no white and are refused. `is_multiplied` says that the colors are
/// multiplied by alpha already.
pub(super) fn floats_on_white(
    values: &[f32],
    is_multiplied: bool,
) -> Result<Vec<f32>, Refusal> {
    // Rounding on the way may have left values a bit outside.
    const SLACK: f32 = 1e-3;
    let range = -SLACK..=1.0 + SLACK;
    if let Some(value) = values.iter().find(|value| !range.contains(*value)) {
        return Err(Refusal {
            message: format!(
                "holds {value} in floating point, but transparency laid on white is for \
                 values from 0 to 1"
            ),
            hint: "save the image without transparency, or say alpha = \"drop\" in a \
                   TOML file that --config names",
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
    fn what_shows_through_is_white() {
        let values = [0.5, 0.0, 1.0, 0.25, 0.2, 0.4, 0.6, 0.0];
        let plain = floats_on_white(&values, false).ok();
        assert_eq!(plain, Some(vec![0.875, 0.75, 1.0, 1.0, 1.0, 1.0]));
        let multiplied = floats_on_white(&[0.125, 0.0, 0.25, 0.25], true).ok();
        assert_eq!(multiplied, Some(vec![0.875, 0.75, 1.0]));
        assert_eq!(laid_on_white(&[9, 8, 7, 255, 9, 8, 7, 0]), [9, 8, 7, 255, 255, 255]);
    }

    #[test]
    fn values_that_have_no_white_are_refused() {
        for values in
            [[0.0, 0.0, 7.5, 1.0], [0.0, -0.5, 0.0, 1.0], [0.0, 0.0, 0.0, 255.0]]
        {
            assert!(floats_on_white(&values, false).is_err());
        }
    }
}
