//! Whether numbers that are meant as chances are: bins of equal width with what came true in them.

use super::fixed::{Sum, add_counts, add_sums};

/// Bins of equal width over `[0, 1]`, as Guo et al. (2017) use for a figure and others for numbers.
pub const BINS: usize = 15;

/// Numbers in `[0, 1]` and what came true, by bins `(lo, hi]`; 0 is in the first bin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reliability {
    pub(super) n: Vec<u64>,
    pub(super) true_: Vec<u64>,
    pub(super) sum: Vec<Sum>,
}

/// A bin of a reliability diagram.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bin {
    /// Its lower and upper end.
    pub ends: (f64, f64),
    /// Numbers in it.
    pub n: u64,
    /// Their mean.
    pub mean: f64,
    /// The share that came true.
    pub frequency: f64,
}

impl Reliability {
    pub(super) fn new() -> Self {
        Self { n: vec![0; BINS], true_: vec![0; BINS], sum: vec![Sum::default(); BINS] }
    }

    #[inline(always)]
    pub(super) fn count(&mut self, value: f32, is_true: bool) {
        let bin = bin(value);
        self.n[bin] += 1;
        self.true_[bin] += u64::from(is_true);
        self.sum[bin].add(Sum::of(f64::from(value)));
    }

    pub(super) fn add(&mut self, other: &Self, times: u64) {
        add_counts(&mut self.n, &other.n, times);
        add_counts(&mut self.true_, &other.true_, times);
        add_sums(&mut self.sum, &other.sum, times);
    }

    /// The bins that hold a number, from low to high.
    pub fn bins(&self) -> impl Iterator<Item = Bin> {
        let ends =
            |bin: usize| (bin as f64 / BINS as f64, (bin + 1) as f64 / BINS as f64);
        (0..BINS).filter_map(move |bin| {
            let n = self.n[bin];
            let mean = self.sum[bin].mean(n)?;
            Some(Bin {
                ends: ends(bin),
                n,
                mean,
                frequency: self.true_[bin] as f64 / n as f64,
            })
        })
    }

    /// `sum_b (n_b / N) |frequency_b - mean_b|`; `None` without numbers.
    pub(super) fn expected_error(&self) -> Option<f64> {
        let all = self.n.iter().sum::<u64>();
        let error =
            |bin: Bin| bin.n as f64 / all as f64 * (bin.frequency - bin.mean).abs();
        (all > 0).then(|| self.bins().map(error).sum())
    }

    /// The largest `|frequency_b - mean_b|` of a bin that is not empty.
    pub(super) fn maximum_error(&self) -> Option<f64> {
        self.bins().map(|bin| (bin.frequency - bin.mean).abs()).max_by(f64::total_cmp)
    }
}

/// The bin of a number; ends are compared as f32, so that 0.2 lies in `(2/15, 3/15]`.
#[inline(always)]
fn bin(value: f32) -> usize {
    let guess = ((value * BINS as f32) as usize).min(BINS - 1);
    let end = |bin: usize| (bin as f64 / BINS as f64) as f32;
    if value <= end(guess) { guess.saturating_sub(1) } else { guess }
}
