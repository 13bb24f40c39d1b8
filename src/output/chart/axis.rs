//! Where values lie along an axis, and which of them are named.

use super::{Axis, Scale};

/// An axis with its ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Span {
    scale: Scale,
    low: f64,
    high: f64,
}

/// Steps between named values that are easy to count in.
const ROUND: [f64; 4] = [1.0, 2.0, 5.0, 10.0];
/// Most named values of a linear axis.
const MOST_TICKS: f64 = 6.0;

impl Span {
    /// The ends of an axis: what was asked for, or what holds all values.
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

    /// The share of the way from the low end to the high one, where the value can be shown.
    pub(super) fn place(&self, value: f64) -> Option<f64> {
        let share = match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Logarithmic => (value / self.low).ln() / (self.high / self.low).ln(),
        };
        (is_shown(self.scale, value) && share.is_finite()).then_some(share)
    }

    /// The low end.
    pub(super) fn low(&self) -> f64 {
        self.low
    }

    /// The values to name.
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

    /// Powers of ten, with twice and five times as much where there are few of them.
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

/// A round step that divides a length into few parts.
fn step(length: f64) -> f64 {
    let least = (length / MOST_TICKS).max(f64::MIN_POSITIVE);
    let power = 10f64.powf(least.log10().floor());
    let round = ROUND.into_iter().find(|round| round * power >= least * (1.0 - 1e-9));
    round.unwrap_or(10.0) * power
}

/// A named value in few letters.
pub(super) fn text(value: f64) -> String {
    let size = value.abs();
    if size != 0.0 && !(1e-3..1e6).contains(&size) {
        return format!("{value:e}");
    }
    // Steps are round: more digits would show that they are not exactly so.
    let text = format!("{value:.6}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
