//! Colors of heat maps: 255 levels of matplotlib's `magma`, where dark means certain.

mod magma;

use magma::MAGMA;

/// Highest level, which is the bound.
pub const HIGHEST_LEVEL: u8 = 254;

/// Level of pixels without a value (NaN).
pub const NO_LEVEL: u8 = 255;

/// Returns the level of a value on a scale from 0 to `bound`: `round(254 * value / bound)` with halves
/// away from zero. Values outside the scale are clamped; NaN gives [`NO_LEVEL`].
#[inline]
pub fn level(value: f32, bound: f32) -> u8 {
    rounded(f32::from(HIGHEST_LEVEL) * value / bound)
}

/// Returns the level of a value on a square-root scale from 0 to `bound`: `round(254 * sqrt(value /
/// bound))`, like [`level`].
#[inline]
pub fn square_root_level(value: f32, bound: f32) -> u8 {
    // Zero takes the place of negative values, and NaN stays.
    let fraction = value / bound;
    let fraction = if fraction < 0.0 { 0.0 } else { fraction };
    rounded(f32::from(HIGHEST_LEVEL) * fraction.sqrt())
}

/// Rounds and clamps a number to a level.
#[inline]
fn rounded(scaled: f32) -> u8 {
    let is_none = scaled.is_nan();
    let scaled = scaled.clamp(0.0, f32::from(HIGHEST_LEVEL));
    // Below 256 the fraction of an f32 is exact, so this is f32::round, without its call.
    let whole = scaled as u8;
    let rounded = whole + u8::from(scaled - f32::from(whole) >= 0.5);
    if is_none { NO_LEVEL } else { rounded }
}

/// Returns the color of a level; black for [`NO_LEVEL`].
pub const fn color(level: u8) -> [u8; 3] {
    if level == NO_LEVEL {
        return [0; 3];
    }
    // Spreads 255 levels over 256 colors, including both ends.
    MAGMA[(level as usize * 255 + 127) / 254]
}

/// Returns the colors of all levels, indexed by level.
pub fn palette() -> [[u8; 3]; 256] {
    std::array::from_fn(|level| color(level as u8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scale_ends_at_zero_and_at_the_bound() {
        let bound = 8.0_f32.ln();
        assert_eq!(level(0.0, bound), 0);
        assert_eq!(level(-0.0, bound), 0);
        assert_eq!(level(bound, bound), 254);
        assert_eq!(level(bound / 2.0, bound), 127);
    }

    #[test]
    fn values_outside_the_scale_take_its_ends() {
        assert_eq!(level(-1.0, 2.0), 0);
        assert_eq!(level(f32::NEG_INFINITY, 2.0), 0);
        assert_eq!(level(2.1, 2.0), 254);
        assert_eq!(level(f32::INFINITY, 2.0), 254);
        assert_eq!(level(f32::NAN, 2.0), NO_LEVEL);
    }

    #[test]
    fn a_level_is_the_rounded_value() {
        for step in 0..=100_000 {
            let value = step as f32 / 100_000.0;
            let expected = (254.0 * value).round() as u8;
            assert_eq!(level(value, 1.0), expected, "{value}");
        }
        assert_eq!(level(0.5, 254.0), 1);
        assert_eq!(level(0.499_999_97, 254.0), 0);
        assert_eq!(level(253.5, 254.0), 254);
    }

    #[test]
    fn a_hundredth_has_the_square_root_level_of_a_tenth() {
        for (value, tenth) in [(0.0, 0.0), (0.01, 0.1), (0.25, 0.5), (1.0, 1.0)] {
            assert_eq!(square_root_level(value * 7.0, 7.0), level(tenth, 1.0), "{value}");
        }
        assert_eq!(square_root_level(-1.0, 2.0), 0);
        assert_eq!(square_root_level(f32::INFINITY, 2.0), HIGHEST_LEVEL);
        assert_eq!(square_root_level(f32::NAN, 2.0), NO_LEVEL);
    }

    #[test]
    fn the_ends_of_magma_are_the_published_colors() {
        assert_eq!(color(0), [0, 0, 3]);
        assert_eq!(color(HIGHEST_LEVEL), [251, 252, 191]);
        assert_eq!(palette()[255], [0, 0, 0]);
    }

    #[test]
    fn brightness_grows_with_the_level() {
        let brightness = |level: u8| {
            let [r, g, b] = color(level).map(f64::from);
            0.2126 * r + 0.7152 * g + 0.0722 * b
        };
        for next in 1..=HIGHEST_LEVEL {
            assert!(brightness(next) > brightness(next - 1) - 0.5, "{next}");
        }
        assert!(brightness(HIGHEST_LEVEL) > 240.0);
    }
}
