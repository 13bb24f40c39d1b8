//! The factor of the variance that suits the labels.

use super::standardized_errors::ErrorCounts;
use crate::policy::{ScaleMethod, VarianceScale, gaussian_factor};

/// Smallest and largest factor of the standard deviation that is searched for good coverage.
const RANGE: (f64, f64) = (1e-4, 1e4);

/// Number of steps of the bisection, which reduce the logarithm of the range below 1e-11.
const STEPS: usize = 42;

/// Number of levels of intervals: 0.01, 0.02, .., 0.99.
const LEVELS: usize = 99;

/// Result of the search for a factor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum VarianceFit {
    /// A factor was found.
    Found(VarianceScale),
    /// No factor improves the criterion on held-out images.
    NoBetter,
    /// There are too few labeled items or images.
    TooFew,
    /// No labeled item has a variance.
    NoVariance,
}

/// Sums over the labeled items with a variance.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct ErrorMoments {
    /// Number of items.
    pub(super) n_items: u64,
    /// Sum of the squared standardized errors.
    pub(super) squares: f64,
    /// Sum of the logarithms of the standard deviations.
    pub(super) log_stds: f64,
}

impl ErrorMoments {
    pub(super) fn add(&mut self, other: &Self) {
        self.n_items += other.n_items;
        self.squares += other.squares;
        self.log_stds += other.log_stds;
    }

    /// Returns the factor of the variance with the largest likelihood: the mean of the squared
    /// standardized errors.
    fn best_factor(&self) -> f64 {
        self.squares / self.n_items as f64
    }

    /// Returns the sum of the Gaussian negative log-likelihoods with a factor of the variance, in
    /// nats.
    fn loss(&self, factor: f64) -> f64 {
        let n = self.n_items as f64;
        let constant = 0.5 * std::f64::consts::TAU.ln();
        n * (constant + 0.5 * factor.ln()) + self.log_stds + 0.5 * self.squares / factor
    }
}

/// Finds the factor with the largest Gaussian likelihood. The gain is measured on each half of the
/// images with the factor of the other half.
pub(super) fn fit_likelihood(halves: &[ErrorMoments; 2]) -> VarianceFit {
    let mut all = halves[0];
    all.add(&halves[1]);
    if all.n_items == 0 {
        return VarianceFit::NoVariance;
    }
    if halves.iter().any(|half| half.n_items < 2) {
        return VarianceFit::TooFew;
    }
    let n = all.n_items as f64;
    let [first, second] = halves;
    let before = all.loss(1.0) / n;
    let after = (first.loss(second.best_factor()) + second.loss(first.best_factor())) / n;
    found(ScaleMethod::Likelihood, all.best_factor(), before, after)
}

/// Finds the factor for which the area between coverage and level of central Gaussian intervals is
/// 0. The gain is measured on each half of the images with the factor of the other half.
pub(super) fn fit_coverage(halves: &[ErrorCounts; 2]) -> VarianceFit {
    let [first, second] = halves.each_ref().map(|half| CoverageCurve {
        bins: half.cumulative(),
        half_widths: std::array::from_fn(|index| gaussian_factor(level(index))),
    });
    let n = first.n_items() + second.n_items();
    if n == 0 {
        return VarianceFit::NoVariance;
    }
    if first.n_items() < 2 || second.n_items() < 2 {
        return VarianceFit::TooFew;
    }
    let area = |factors: [f64; 2]| {
        let gap = |index: usize| {
            let inside =
                first.inside(index, factors[0]) + second.inside(index, factors[1]);
            (inside as f64 / n as f64 - level(index)).abs()
        };
        (0..LEVELS).map(gap).sum::<f64>() / LEVELS as f64
    };
    let signed_area = |factor: f64| {
        let inside = |index| first.inside(index, factor) + second.inside(index, factor);
        let gap = |index| inside(index) as f64 / n as f64 - level(index);
        (0..LEVELS).map(gap).sum()
    };
    let after = area([second.best_factor(), first.best_factor()]);
    let factor = root(signed_area);
    found(ScaleMethod::Coverage, factor * factor, area([1.0, 1.0]), after)
}

fn found(method: ScaleMethod, value: f64, before: f64, after: f64) -> VarianceFit {
    let is_possible = value.is_finite() && value > 0.0;
    if is_possible && after < before {
        VarianceFit::Found(VarianceScale { method, value, before, after })
    } else {
        VarianceFit::NoBetter
    }
}

/// Standardized errors in ascending order, compared with central Gaussian intervals.
struct CoverageCurve {
    /// Standardized error of each bin, and the number of items up to and in the bin.
    bins: Vec<(f64, u64)>,
    /// Half of the width of the interval of each level, in standard deviations.
    half_widths: [f64; LEVELS],
}

impl CoverageCurve {
    fn n_items(&self) -> u64 {
        self.bins.last().map_or(0, |(_, n)| *n)
    }

    /// Returns the number of items inside of the intervals of a level, if standard deviations have a
    /// factor.
    fn inside(&self, index: usize, factor: f64) -> u64 {
        let half_width = factor * self.half_widths[index];
        let end = self.bins.partition_point(|(error, _)| *error <= half_width);
        end.checked_sub(1).map_or(0, |last| self.bins[last].1)
    }

    fn best_factor(&self) -> f64 {
        let n = self.n_items() as f64;
        let gap = |index, factor| self.inside(index, factor) as f64 / n - level(index);
        root(|factor| (0..LEVELS).map(|index| gap(index, factor)).sum())
    }
}

fn level(index: usize) -> f64 {
    (index + 1) as f64 / (LEVELS + 1) as f64
}

/// Returns the factor in the range at which a growing function changes its sign, by bisection.
fn root(area: impl Fn(f64) -> f64) -> f64 {
    let (mut low, mut high) = (RANGE.0.ln(), RANGE.1.ln());
    for _ in 0..STEPS {
        let middle = f64::midpoint(low, high);
        if area(middle.exp()) < 0.0 { low = middle } else { high = middle }
    }
    f64::midpoint(low, high).exp()
}

#[cfg(test)]
mod tests;
