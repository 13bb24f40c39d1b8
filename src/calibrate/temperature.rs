//! The temperature that makes labels likeliest.

use rayon::prelude::*;

use crate::metric::LIKELIHOOD_FLOOR;
use crate::policy::Temperature;

/// Temperatures that are looked at; one at an end is refused.
const RANGE: (f64, f64) = (0.05, 20.0);

/// How far from an end, as a factor, a temperature must stay.
const MARGIN: f64 = 1.02;

/// Steps of the golden section: the range shrinks below 1e-6 of itself.
const STEPS: usize = 36;

/// Logarithms of the mean probabilities of labeled items.
#[derive(Debug, Clone)]
pub struct LogProbabilities {
    n_classes: usize,
    /// Item by item, C values each.
    values: Vec<f32>,
    /// The true class of each item, and which half of the images its image is in.
    labels: Vec<(u32, bool)>,
}

/// What became of the search.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum TemperatureFit {
    /// A temperature was found.
    Found(Temperature),
    /// None makes the labels of images likelier that it was not found on.
    NoBetter,
    /// The best one lies at an end of the range, as where all predictions are right or labels
    /// belong to other images.
    AtTheEnd(f64),
    /// There are too few labeled items or images to tell.
    TooFew,
}

impl LogProbabilities {
    /// None yet, of C classes.
    pub fn new(n_classes: usize) -> Self {
        Self { n_classes, values: Vec::new(), labels: Vec::new() }
    }

    /// Adds an item: its mean probabilities, its class, and which half its image is in.
    pub fn push(&mut self, item: impl Iterator<Item = f32>, label: u32, half: bool) {
        let log = |p: f32| f64::from(p).max(LIKELIHOOD_FLOOR).ln() as f32;
        self.values.extend(item.map(log));
        self.labels.push((label, half));
    }

    /// Adds the items of another.
    pub fn append(&mut self, other: &mut Self) {
        self.values.append(&mut other.values);
        self.labels.append(&mut other.labels);
    }

    /// Looks for the temperature with the smallest mean negative log-likelihood, which is convex
    /// in one over the temperature, so a golden section over its logarithm finds it. What it
    /// gains is measured on one half of the images with the temperature of the other.
    pub fn fit(&self) -> TemperatureFit {
        let sizes = [false, true].map(|half| self.of_halves(|h| h == half));
        if sizes.iter().any(|n| *n < 2) {
            return TemperatureFit::TooFew;
        }
        let all = self.best(|_| true);
        if all < RANGE.0 * MARGIN || all > RANGE.1 / MARGIN {
            return TemperatureFit::AtTheEnd(all);
        }
        let before = self.mean_loss(1.0, |_| true);
        let of_half = |half: bool| {
            let other = self.best(move |h| h != half);
            self.mean_loss(other, move |h| h == half)
                * self.of_halves(|h| h == half) as f64
        };
        let after = (of_half(false) + of_half(true)) / self.labels.len() as f64;
        if after >= before {
            return TemperatureFit::NoBetter;
        }
        TemperatureFit::Found(Temperature {
            value: all,
            negative_log_likelihood_before: before,
            negative_log_likelihood_after: after,
        })
    }

    fn of_halves(&self, is_in: impl Fn(bool) -> bool) -> usize {
        self.labels.iter().filter(|(_, half)| is_in(*half)).count()
    }

    /// The temperature of the smallest loss on some of the items.
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

    /// The mean negative log-likelihood of some of the items, in nats.
    fn mean_loss(&self, temperature: f64, is_in: impl Fn(bool) -> bool + Sync) -> f64 {
        let of_item = |item: &[f32], label: u32| {
            let scaled = |value: f32| f64::from(value) / temperature;
            let largest = item.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let sum: f64 =
                item.iter().map(|v| (scaled(*v) - scaled(largest)).exp()).sum();
            sum.ln() + scaled(largest) - scaled(item[label as usize])
        };
        // Pieces of a fixed size, so that the sum does not depend on the threads.
        let pieces = self.values.par_chunks(self.n_classes * 4096);
        let sums: Vec<(f64, usize)> = pieces
            .zip(self.labels.par_chunks(4096))
            .map(|(values, labels)| {
                let items = values.chunks_exact(self.n_classes).zip(labels);
                let inside = items.filter(|(_, (_, half))| is_in(*half));
                inside.fold((0.0, 0), |(sum, n), (item, (label, _))| {
                    (sum + of_item(item, *label), n + 1)
                })
            })
            .collect();
        let (sum, n) =
            sums.iter().fold((0.0, 0), |(sum, n), part| (sum + part.0, n + part.1));
        sum / n as f64
    }
}

#[cfg(test)]
mod tests;
