//! Color scales and their bars.

use super::{LABEL_SIZE, NOTHING, width_of};
use crate::error::Result;
use crate::measure::{Measure, Range};
use crate::output::colormap::{self, HIGHEST_LEVEL};
use crate::output::heat_map::{Scale, Spacing};
use crate::output::sheet::RgbPicture;

/// One of this many values may lie beyond each end of a scale that is chosen from what is shown.
const MOST_BEYOND: usize = 1000;

/// The same for errors, a few of which are usually much larger than all others.
const MOST_LARGE_ERRORS: usize = 50;

/// Largest number of round steps of a bar.
const MOST_STEPS: f64 = 5.0;

/// Mapping of values to colors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ColorScale {
    pub(super) scale: Scale,
}

/// A number below a color bar.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Tick {
    /// Position from 0 to 1.
    pub(super) place: f64,
    pub(super) label: String,
}

impl ColorScale {
    /// Returns the scale of a measure with these ends.
    pub(super) fn new(measure: &Measure, scale: Scale) -> Self {
        let is_root = measure.sqrt_scale && scale.low == 0.0;
        Self { scale: scale.with_spacing(Spacing::of(is_root)) }
    }

    /// Returns a linear scale for nearly all of these errors.
    pub(super) fn of_errors(values: Vec<f32>) -> Self {
        Self { scale: covering(values, true, MOST_LARGE_ERRORS) }
    }

    /// Returns a scale for nearly all of these values of a measure.
    pub(super) fn of_shown(measure: &Measure, values: Vec<f32>) -> Self {
        let starts_at_zero = !matches!(measure.range, Range::Any);
        Self::new(measure, covering(values, starts_at_zero, MOST_BEYOND))
    }

    /// Returns the position of a value from 0 to 1, clamped.
    fn place(self, value: f64) -> f64 {
        let Scale { low, high, spacing } = self.scale;
        let (low, high) = (f64::from(low), f64::from(high));
        spacing.position(((value - low) / (high - low)).clamp(0.0, 1.0))
    }

    /// Returns the color of a value.
    pub(super) fn color(self, value: f32) -> [u8; 3] {
        if value.is_nan() {
            return NOTHING;
        }
        let level = self.place(f64::from(value)) * f64::from(HIGHEST_LEVEL);
        colormap::color(level.round() as u8)
    }

    /// Returns all colors from left to right.
    pub(super) fn bar() -> RgbPicture {
        let rgb: Vec<u8> = (0..=HIGHEST_LEVEL).flat_map(colormap::color).collect();
        RgbPicture { width: usize::from(HIGHEST_LEVEL) + 1, height: 1, rgb }
    }

    /// Returns the numbers below a bar of a width in millimeters: both ends, and round values between
    /// them with room around each.
    pub(super) fn ticks(self, width: f64) -> Result<Vec<Tick>> {
        let (low, high) = (f64::from(self.scale.low), f64::from(self.scale.high));
        let mut ticks: Vec<(f64, f64, Tick)> = Vec::new();
        let between = match self.scale.spacing {
            Spacing::SquareRoot => round_values(high),
            Spacing::Linear => {
                let widest = width_of(&short(low), LABEL_SIZE)?
                    .max(width_of(&short(high), LABEL_SIZE)?);
                steps(low, high, (width / (widest + LABEL_SIZE)).clamp(1.0, MOST_STEPS))
            }
        };
        for value in [low, high].into_iter().chain(between) {
            let (place, label) = (self.place(value), short(value));
            let label_width = width_of(&label, LABEL_SIZE)?;
            // Labels at the ends are moved inwards.
            let half = label_width / 2.0;
            let middle =
                (place * width).clamp(half.min(width - half), (width - half).max(half));
            let is_free = ticks.iter().all(|(other, other_half, _)| {
                (middle - other).abs() >= half + other_half + LABEL_SIZE / 2.0
            });
            if is_free {
                ticks.push((middle, half, Tick { place, label }));
            }
        }
        ticks.sort_by(|one, other| one.0.total_cmp(&other.0));
        Ok(ticks.into_iter().map(|(_, _, tick)| tick).collect())
    }
}

/// Returns the multiples of a round step between two ends, at most about `n`.
fn steps(low: f64, high: f64, n: f64) -> Vec<f64> {
    let least = (high - low) / n;
    let power = 10_f64.powf(least.log10().floor());
    let round = [1.0, 2.0, 5.0].map(|factor| factor * power);
    let step = round.into_iter().find(|step| *step >= least).unwrap_or(10.0 * power);
    let (first, last) = ((low / step).ceil() as i64, (high / step).floor() as i64);
    (first..=last).map(|n| n as f64 * step).collect()
}

/// Returns 1, 2 and 5 times powers of ten up to a high end, the largest first.
fn round_values(high: f64) -> Vec<f64> {
    let powers = (0..4).map(|power| 10_f64.powf(high.log10().floor() - f64::from(power)));
    let values = powers.flat_map(|power| [5.0, 2.0, 1.0].map(|factor| factor * power));
    values.filter(|value| *value < high).collect()
}

/// Returns a scale for nearly all values, with round ends.
fn covering(mut values: Vec<f32>, starts_at_zero: bool, most_beyond: usize) -> Scale {
    let Some(last) = values.len().checked_sub(1) else { return Scale::up_to(1.0) };
    let mut at = |rank: usize| *values.select_nth_unstable_by(rank, f32::total_cmp).1;
    let beyond = last / most_beyond;
    let low = if starts_at_zero { 0.0 } else { f64::from(at(beyond)) };
    let length = f64::from(at(last - beyond)) - low;
    if length <= 0.0 {
        return Scale::new(low as f32, (low + 1.0) as f32);
    }
    let step = 10_f64.powf(length.log10().floor() - 1.0);
    Scale::new(
        ((low / step).floor() * step) as f32,
        (((low + length) / step).ceil() * step) as f32,
    )
}

/// Formats a value with three significant digits and without trailing zeros.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    if size == 0.0 {
        return "0".to_owned();
    }
    if !(1e-4..1e6).contains(&size) {
        return format!("{value:.1e}");
    }
    let digits = (2.0 - size.log10().floor()).max(0.0) as usize;
    let text = format!("{value:.digits$}");
    if !text.contains('.') {
        return text;
    }
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::{MUTUAL_INFORMATION, PREDICTIVE_ENTROPY, TOTAL_STD, VALUE};

    fn labels(scale: ColorScale, width: f64) -> Vec<String> {
        scale.ticks(width).unwrap().into_iter().map(|tick| tick.label).collect()
    }

    #[test]
    fn bars_have_both_ends_and_round_numbers_between() {
        let bound = Scale::up_to(8.0_f32.ln());
        let entropy = ColorScale::new(&PREDICTIVE_ENTROPY, bound);
        assert_eq!(labels(entropy, 34.0), ["0", "0.5", "1", "1.5", "2.08"]);
        let information = ColorScale::new(&MUTUAL_INFORMATION, bound);
        assert_eq!(labels(information, 34.0), ["0", "0.05", "0.2", "0.5", "1", "2.08"]);
        let values = ColorScale::new(&VALUE, Scale::new(-20.0, 45.0));
        assert_eq!(labels(values, 34.0), ["-20", "0", "20", "45"]);
        assert_eq!(labels(values, 8.0), ["-20", "45"]);
    }

    #[test]
    fn numbers_lie_where_their_color_is() {
        let scale = ColorScale::new(&MUTUAL_INFORMATION, Scale::up_to(2.0));
        let bar = ColorScale::bar();
        for tick in scale.ticks(60.0).unwrap() {
            let value: f32 = tick.label.parse().unwrap();
            let at = (tick.place * f64::from(HIGHEST_LEVEL)).round() as usize;
            assert_eq!(scale.color(value), bar.rgb[3 * at..][..3], "{}", tick.label);
        }
        assert_eq!(scale.color(f32::NAN), NOTHING);
    }

    #[test]
    fn scales_of_what_is_shown_leave_out_rare_values_and_end_round() {
        let mut values: Vec<f32> = (0..4000).map(|i| i as f32 / 1000.0 + 0.37).collect();
        values.extend([90.0; 2]);
        let scale = ColorScale::of_shown(&TOTAL_STD, values.clone()).scale;
        assert_eq!((scale.low, scale.high), (0.0, 4.4));
        let scale = ColorScale::of_shown(&VALUE, values).scale;
        assert_eq!((scale.low, scale.high), (0.3, 4.4));
        let same = ColorScale::of_shown(&VALUE, vec![3.0; 5]).scale;
        assert_eq!((same.low, same.high), (3.0, 4.0));
        assert_eq!(
            ColorScale::of_errors(Vec::new()).scale.high.to_bits(),
            1.0_f32.to_bits()
        );
    }

    #[test]
    fn numbers_are_short() {
        let known = [(0.0, "0"), (2.0794, "2.08"), (-16.25, "-16.2"), (1234.5, "1234")];
        for (value, text) in known.into_iter().chain([(2.5e-7, "2.5e-7"), (0.05, "0.05")])
        {
            assert_eq!(short(value), text);
        }
    }
}
