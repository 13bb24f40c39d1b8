//! Colors of heat maps: 255 levels of matplotlib's `magma`, where dark means certain.

mod magma;

use magma::MAGMA;

/// Highest level, which is the bound.
pub const HIGHEST_LEVEL: u8 = 254;

/// Level of pixels without a value (NaN).
pub const NO_LEVEL: u8 = 255;

/// Mapping of levels to colors. The level of a value does not depend on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Ramp {
    /// Linear.
    #[default]
    Linear,
    /// Square root, for values that are far below their bound: a hundredth of the bound gets the
    /// color of a tenth.
    SquareRoot,
}

/// Returns the level of a value on a scale from 0 to `bound`: `round(254 * value / bound)` with halves
/// away from zero. Values outside the scale are clamped; NaN gives [`NO_LEVEL`].
#[inline]
pub fn level(value: f32, bound: f32) -> u8 {
    let scaled = f32::from(HIGHEST_LEVEL) * value / bound;
    let scaled = scaled.clamp(0.0, f32::from(HIGHEST_LEVEL));
    // Below 256 the fraction of an f32 is exact, so this is f32::round, without its call.
    let whole = scaled as u8;
    let rounded = whole + u8::from(scaled - f32::from(whole) >= 0.5);
    if value.is_nan() { NO_LEVEL } else { rounded }
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
pub fn palette(ramp: Ramp) -> [[u8; 3]; 256] {
    let highest = f32::from(HIGHEST_LEVEL);
    let shown = |level: u8| match ramp {
        Ramp::Linear => level,
        Ramp::SquareRoot => ((f32::from(level) / highest).sqrt() * highest).round() as u8,
    };
    std::array::from_fn(|level| match level as u8 {
        NO_LEVEL => color(NO_LEVEL),
        level => color(shown(level)),
    })
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
    fn a_square_root_ramp_shows_a_hundredth_as_a_tenth() {
        let (linear, root) = (palette(Ramp::Linear), palette(Ramp::SquareRoot));
        assert_eq!(root[3], linear[28]); // sqrt(3 / 254) * 254 = 27.6
        for level in [0, 254, 255] {
            assert_eq!(root[level], linear[level]);
        }
    }

    #[test]
    fn the_ends_of_magma_are_the_published_colors() {
        assert_eq!(color(0), [0, 0, 3]);
        assert_eq!(color(HIGHEST_LEVEL), [251, 252, 191]);
        assert_eq!(palette(Ramp::Linear)[255], [0, 0, 0]);
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
