//! Sums that are the same in any order: whole numbers of a small unit.

/// The unit, 2⁻⁴⁰: sums of 2⁸⁷ ones fit, and rounding moves a mean by less than 5e-13.
const UNIT: f64 = 1.0 / (1u64 << 40) as f64;

/// A sum of numbers that are not negative.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sum(u128);

impl Sum {
    /// A number, rounded to the unit.
    #[inline(always)]
    pub(super) fn of(value: f64) -> Self {
        Self((value / UNIT).round() as u128)
    }

    #[inline(always)]
    pub(super) fn add(&mut self, other: Self) {
        self.0 += other.0;
    }

    /// Adds a sum so many times.
    pub(super) fn add_times(&mut self, other: Self, times: u64) {
        self.0 += other.0 * u128::from(times);
    }

    /// The sum as a number.
    pub(super) fn value(self) -> f64 {
        self.0 as f64 * UNIT
    }

    /// The mean of so many numbers; `None` of none.
    pub(super) fn mean(self, n: u64) -> Option<f64> {
        (n > 0).then(|| self.value() / n as f64)
    }
}

/// Adds counts so many times.
pub(super) fn add_counts(to: &mut [u64], from: &[u64], times: u64) {
    for (to, from) in to.iter_mut().zip(from) {
        *to += from * times;
    }
}

/// Adds sums so many times.
pub(super) fn add_sums(to: &mut [Sum], from: &[Sum], times: u64) {
    for (to, from) in to.iter_mut().zip(from) {
        to.add_times(*from, times);
    }
}
