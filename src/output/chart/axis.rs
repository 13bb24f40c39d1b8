//! Positions of values along an axis, and the labels of the axis.

use super::{Axis, Scale};

/// An axis with both ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    scale: Scale,
    low: f64,
    high: f64,
}

/// Round steps between labels, times a power of ten.
const ROUND: [f64; 4] = [1.0, 2.0, 5.0, 10.0];
/// Largest number of labels of a linear axis.
const MOST_TICKS: f64 = 6.0;

impl Span {
    /// Returns the axis with the given ends, or with ends that contain all values.
    pub(super) fn new(axis: &Axis, values: impl Iterator<Item = f64>) -> Self {
        let scale = axis.scale;
        let shown = values.filter(|&value| is_shown(scale, value));
        let (low, high) = axis.range.unwrap_or_else(|| {
            shown.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| {
                (low.min(value), high.max(value))
            })
        });
        match scale {
            _ if low > high => Self { scale, low: 1.0, high: 10.0 },
            Scale::Logarithmic if axis.range.is_none() => {
                Self { scale, low: low / 1.2, high: high * 1.2 }
            }
            Scale::Linear if axis.range.is_none() => {
                let step = step(high - low.min(0.0));
                let low = (low.min(0.0) / step).floor() * step;
                Self { scale, low, high: ((high / step).ceil() * step).max(low + step) }
            }
            _ => Self { scale, low, high },
        }
    }

    /// Returns the position of a value from 0 (low end) to 1 (high end), if it can be shown.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        let share = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Logarithmic => (value / self.low).ln() / (self.high / self.low).ln(),
        };
        (is_shown(self.scale, value) && share.is_finite()).then_some(share)
    }

    /// Returns the low end.
    pub(super) fn low(&self) -> f64 {
        self.low
    }

    /// Returns the values with labels.
    pub(super) fn ticks(&self) -> Vec<f64> {
        match self.scale {
            Scale::Linear => {
                let step = step(self.high - self.low);
                let first = (self.low / step - 1e-9).ceil() as i64;
                let last = (self.high / step + 1e-9).floor() as i64;
                (first..=last).map(|n| n as f64 * step).collect()
            }
            Scale::Logarithmic => self.decades(),
        }
    }

    /// Returns powers of ten; if they are few, also twice and five times each.
    fn decades(&self) -> Vec<f64> {
        let (first, last) =
            (self.low.log10().floor() as i32, self.high.log10().ceil() as i32);
        let within = |value: &f64| (self.low..=self.high).contains(value);
        let of = |factors: &[f64]| -> Vec<f64> {
            let decade = |n| factors.iter().map(move |factor| factor * 10f64.powi(n));
            (first..=last).flat_map(decade).filter(within).collect()
        };
        let tens = of(&[1.0]);
        if tens.len() > 2 { tens } else { of(&[1.0, 2.0, 5.0]) }
    }
}

fn is_shown(scale: Scale, value: f64) -> bool {
    value.is_finite() && (scale == Scale::Linear || value > 0.0)
}

/// Returns a round step that divides a length into a few parts.
fn step(length: f64) -> f64 {
    let least = (length / MOST_TICKS).max(f64::MIN_POSITIVE);
    let power = 10f64.powf(least.log10().floor());
    let round = ROUND.into_iter().find(|round| round * power >= least * (1.0 - 1e-9));
    round.unwrap_or(10.0) * power
}

/// Formats a label briefly.
pub(super) fn text(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e6).contains(&size) {
        return format!("{value:e}");
    }
    // Steps are round; more digits would show rounding errors.
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
