//! The temperature with the largest likelihood of the labels.

use rayon::prelude::*;

use crate::metric::LIKELIHOOD_FLOOR;
use crate::policy::Temperature;

/// Range of the search; a temperature at an end is refused.
const RANGE: (f64, f64) = (0.05, 20.0);

/// Smallest ratio of a temperature to an end of the range.
const MARGIN: f64 = 1.02;

/// Number of steps of the golden-section search, which reduce the range by a factor of more than
/// 10⁶.
const STEPS: usize = 36;

/// Logarithms of the mean probabilities of labeled items.
#[derive(Debug, Clone)]
pub struct LogProbabilities {
    n_classes: usize,
    /// C values per item.
    values: Vec<f32>,
    /// True class of each item, and the half of the images to which its image belongs.
    labels: Vec<(u32, bool)>,
}

/// Result of the search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TemperatureFit {
    /// A temperature was found.
    Found(Temperature),
    /// No temperature increases the likelihood of labels on held-out images.
    NoBetter,
    /// The best temperature is at an end of the range, for instance because all predictions are
    /// right or labels belong to other images.
    AtTheEnd(f64),
    /// There are too few labeled items or images.
    TooFew,
}

impl LogProbabilities {
    /// Creates an empty list of items with `n_classes` classes.
    pub fn new(n_classes: usize) -> Self {
        Self { n_classes, values: Vec::new(), labels: Vec::new() }
    }

    /// Adds an item: its mean probabilities, its class, and the half of its image.
    pub fn push(&mut self, item: impl Iterator<Item = f32>, label: u32, half: bool) {
        let logs = item.map(|p| f64::from(p).max(LIKELIHOOD_FLOOR).ln() as f32);
        self.values.extend(logs);
        self.labels.push((label, half));
    }

    /// Moves the items of another list to this one.
    pub fn append(&mut self, other: &mut Self) {
        self.values.append(&mut other.values);
        self.labels.append(&mut other.labels);
    }

    /// Finds the temperature with the smallest mean negative log-likelihood, which is convex in
    /// the inverse temperature, by a golden-section search over its logarithm. The gain is
    /// measured on each half of the images with the temperature of the other half.
    pub fn fit(&self) -> TemperatureFit {
        let sizes = [false, true].map(|half| self.count_in(|h| h == half));
        if sizes.iter().any(|n| *n < 2) {
            return TemperatureFit::TooFew;
        }
        let all = self.best(|_| true);
        if all < RANGE.0 * MARGIN || all > RANGE.1 / MARGIN {
            return TemperatureFit::AtTheEnd(all);
        }
        let before = self.mean_loss(1.0, |_| true);
        let [first, second] = [false, true].map(|half| {
            let other = self.best(move |h| h != half);
            self.mean_loss(other, move |h| h == half)
                * self.count_in(|h| h == half) as f64
        });
        let after = (first + second) / self.labels.len() as f64;
        if after >= before {
            return TemperatureFit::NoBetter;
        }
        TemperatureFit::Found(Temperature {
            value: all,
            negative_log_likelihood_before: before,
            negative_log_likelihood_after: after,
        })
    }

    fn count_in(&self, is_in: impl Fn(bool) -> bool) -> usize {
        self.labels.iter().filter(|(_, half)| is_in(*half)).count()
    }

    /// Returns the temperature with the smallest loss on the items of some halves.
    fn best(&self, is_in: impl Fn(bool) -> bool + Sync + Copy) -> f64 {
        let ratio = (5_f64.sqrt() - 1.0) / 2.0;
        let (mut low, mut high) = (RANGE.0.ln(), RANGE.1.ln());
        let loss = |at: f64| self.mean_loss(at.exp(), is_in);
        let (mut a, mut b) = (high - ratio * (high - low), low + ratio * (high - low));
        let (mut of_a, mut of_b) = (loss(a), loss(b));
        for _ in 0..STEPS {
            if of_a < of_b {
                (high, b, of_b) = (b, a, of_a);
                a = high - ratio * (high - low);
                of_a = loss(a);
            } else {
                (low, a, of_a) = (a, b, of_b);
                b = low + ratio * (high - low);
                of_b = loss(b);
            }
        }
        f64::midpoint(low, high).exp()
    }

    /// Returns the mean negative log-likelihood, in nats, on the items of some halves.
    fn mean_loss(&self, temperature: f64, is_in: impl Fn(bool) -> bool + Sync) -> f64 {
        // Chunks have a fixed size, so that the sum does not depend on the number of threads.
        let pieces = self.values.par_chunks(self.n_classes * 4096);
        let sums: Vec<(f64, usize)> = pieces
            .zip(self.labels.par_chunks(4096))
            .map(|(values, labels)| {
                let items = values.chunks_exact(self.n_classes).zip(labels);
                let inside = items.filter(|(_, (_, half))| is_in(*half));
                inside.fold((0.0, 0), |(sum, n), (item, (label, _))| {
                    (sum + item_loss(item, *label, temperature), n + 1)
                })
            })
            .collect();
        let (sum, n) =
            sums.iter().fold((0.0, 0), |(sum, n), part| (sum + part.0, n + part.1));
        sum / n as f64
    }
}

/// Returns the negative log-likelihood of an item with these log-probabilities at a temperature.
fn item_loss(item: &[f32], label: u32, temperature: f64) -> f64 {
    let scaled = |value: f32| f64::from(value) / temperature;
    let largest = item.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f64 = item.iter().map(|v| (scaled(*v) - scaled(largest)).exp()).sum();
    sum.ln() + scaled(largest) - scaled(item[label as usize])
}

#[cfg(test)]
mod tests;
