//! Sums over images, from which every metric of values is computed.
//!
//! All sums are counts, exact sums, maxima, and marks combined by OR. Adding and merging are
//! therefore associative and commutative to the bit.

use super::distribution::LEVELS;
use super::exact_sum::{AreaSum, LikelihoodSum, RatioSum, ValueSum};
use super::log_bins::{LogResolution, MIXED, mark};
use crate::metric::sparse_bins::{BinContent, SparseBins};

/// Number of powers of 1.25 by which a prediction of depth may differ from the label.
pub(super) const DELTAS: usize = 3;

/// Sums of labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct LabelSums {
    /// Number of labeled items.
    pub(super) count: u64,
    /// Number of labels that are too small for metrics of depth.
    pub(super) not_depth: u64,
    /// Sum of the labels.
    pub(super) sum: ValueSum,
    /// Sum of the squared labels.
    pub(super) squares: ValueSum,
}

impl LabelSums {
    fn add(&mut self, other: &Self, weight: u64) {
        self.count += other.count * weight;
        self.not_depth += other.not_depth * weight;
        self.sum.add(&other.sum, weight);
        self.squares.add(&other.squares, weight);
    }
}

/// Sums of the errors of a prediction: value minus label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct ErrorSums {
    pub(super) signed: ValueSum,
    pub(super) absolute: ValueSum,
    pub(super) squared: ValueSum,
    /// Number of absolute errors above the limit of large errors.
    pub(super) large: u64,
}

impl ErrorSums {
    fn add(&mut self, other: &Self, weight: u64) {
        self.signed.add(&other.signed, weight);
        self.absolute.add(&other.absolute, weight);
        self.squared.add(&other.squared, weight);
        self.large += other.large * weight;
    }
}

/// Sums of the relative errors of a prediction of depth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct DepthSums {
    /// Number of predictions that are not positive, which have no logarithm.
    pub(super) no_logarithm: u64,
    /// Sum of the absolute errors divided by the label.
    pub(super) relative: RatioSum,
    /// Sum of the squared errors divided by the label.
    pub(super) relative_squares: RatioSum,
    /// Sum of the squared errors of the natural logarithm.
    pub(super) logarithm_squares: RatioSum,
    /// Sum of the absolute errors of the decimal logarithm.
    pub(super) decimal_logarithms: RatioSum,
    /// Number of items whose ratio of the larger to the smaller of prediction and label is below
    /// 1.25, 1.25² and 1.25³.
    pub(super) within: [u64; DELTAS],
}

impl DepthSums {
    fn add(&mut self, other: &Self, weight: u64) {
        self.no_logarithm += other.no_logarithm * weight;
        self.relative.add(&other.relative, weight);
        self.relative_squares.add(&other.relative_squares, weight);
        self.logarithm_squares.add(&other.logarithm_squares, weight);
        self.decimal_logarithms.add(&other.decimal_logarithms, weight);
        for (within, more) in self.within.iter_mut().zip(other.within) {
            *within += more * weight;
        }
    }
}

/// Sums of a prediction with a variance. Standard deviations below the floor count as the floor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DistributionSums {
    pub(super) likelihood: LikelihoodSum,
    pub(super) crps: ValueSum,
    pub(super) variance: ValueSum,
    /// Number of standard deviations below the floor.
    pub(super) floored: u64,
    /// Number of items by the index of the first level whose interval contains the label; the last
    /// count is that of labels outside all intervals.
    pub(super) first_level: [u64; LEVELS + 1],
}

impl Default for DistributionSums {
    fn default() -> Self {
        Self {
            likelihood: LikelihoodSum::default(),
            crps: ValueSum::default(),
            variance: ValueSum::default(),
            floored: 0,
            first_level: [0; LEVELS + 1],
        }
    }
}

impl DistributionSums {
    fn add(&mut self, other: &Self, weight: u64) {
        self.likelihood.add(&other.likelihood, weight);
        self.crps.add(&other.crps, weight);
        self.variance.add(&other.variance, weight);
        self.floored += other.floored * weight;
        for (count, more) in self.first_level.iter_mut().zip(other.first_level) {
            *count += more * weight;
        }
    }
}

/// Items of a bin.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct ErrorBin {
    /// Number of items.
    pub(super) count: u64,
    /// Number of items with a large error.
    pub(super) large: u64,
    /// Sum of the absolute errors.
    pub(super) absolute: ValueSum,
    /// Sum of the squared errors.
    pub(super) squared: ValueSum,
    /// Sum of the variances by which the items are sorted, at least the square of the floor; not
    /// used if they are sorted by the error.
    pub(super) variance: ValueSum,
    /// Largest absolute error, rounded up.
    pub(super) largest: f32,
    /// Marks of the sorted values ([`super::log_bins::mark`]).
    pub(super) marks: u32,
}

/// An item to add to a bin.
#[derive(Debug, Clone, Copy)]
pub(super) struct BinItem {
    /// Value minus label.
    pub(super) error: f64,
    /// True if the error is large.
    pub(super) is_large: bool,
    /// Variance by which the items are sorted.
    pub(super) variance: f64,
    /// Value by which the items are sorted.
    pub(super) key: f32,
}

impl ErrorBin {
    /// Adds an item.
    #[inline]
    pub(super) fn put(&mut self, item: &BinItem) {
        let size = item.error.abs();
        self.count += 1;
        self.large += u64::from(item.is_large);
        self.absolute.put(size);
        self.squared.put(size * size);
        self.variance.put(item.variance);
        self.largest = self.largest.max(rounded_up(size));
        self.marks |= mark(item.key);
    }
}

/// Returns the smallest f32 that is not below a positive number.
fn rounded_up(value: f64) -> f32 {
    let rounded = value as f32;
    if f64::from(rounded) < value { rounded.next_up() } else { rounded }
}

impl BinContent for ErrorBin {
    fn add(&mut self, other: &Self, weight: u64) {
        self.count += other.count * weight;
        self.large += other.large * weight;
        self.absolute.add(&other.absolute, weight);
        self.squared.add(&other.squared, weight);
        self.variance.add(&other.variance, weight);
        self.largest = self.largest.max(other.largest);
        self.marks |= other.marks;
    }
}

/// Areas under the sparsification curves of single images, for one kind of error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct SparsificationAreas {
    /// Area of the order by the standard deviation minus that of the best order.
    pub(super) excess: AreaSum,
    /// Error of all items minus the area of the order by the standard deviation.
    pub(super) gain: AreaSum,
}

impl SparsificationAreas {
    fn add(&mut self, other: &Self, weight: u64) {
        self.excess.add(&other.excess, weight);
        self.gain.add(&other.gain, weight);
    }
}

/// Kinds of error of the sparsification curves of single images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ImageError {
    /// Root of the mean squared error.
    Rmse,
    /// Mean of the absolute error divided by the label.
    AbsRel,
    /// Share of the items whose ratio of prediction and label is at least 1.25.
    Delta,
}

impl ImageError {
    /// All kinds, in the order of [`StdSums::areas`]; only the first one needs no depth.
    pub(super) const ALL: [Self; 3] = [Self::Rmse, Self::AbsRel, Self::Delta];
}

/// Sums over items in the order of a standard deviation.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct StdSums {
    /// Items by standard deviation.
    pub(super) bins: SparseBins<ErrorBin>,
    /// Number of items by the pair of the bin of the standard deviation and that of the absolute
    /// error ([`pair`]).
    pub(super) pairs: SparseBins<u64>,
    /// Number of images with at least two labeled items.
    pub(super) n_images: u64,
    /// Areas of these images, by the kind of error.
    pub(super) areas: [SparsificationAreas; 3],
}

/// Returns the index of a pair of bins, whose indices are below 2¹⁶.
pub(super) fn pair(std: u32, error: u32) -> u32 {
    std << 16 | error
}

/// Returns the bins of a pair.
pub(super) fn unpair(index: u32) -> (u32, u32) {
    (index >> 16, index & 0xffff)
}

impl StdSums {
    fn add(&mut self, other: &Self, weight: u64) {
        self.bins.add(&other.bins, weight);
        self.pairs.add(&other.pairs, weight);
        self.n_images += other.n_images * weight;
        for (areas, more) in self.areas.iter_mut().zip(&other.areas) {
            areas.add(more, weight);
        }
    }

    fn coarsened(&self) -> Self {
        let coarse = |bin| LogResolution::COARSE_PAIR.of_finer(bin, LogResolution::PAIR);
        // Several pairs of equal coarse bins are apart in the fine order.
        let mut pairs: Vec<(u32, u64)> = self
            .pairs
            .iter()
            .map(|(index, count)| {
                let (std, error) = unpair(index);
                (pair(coarse(std), coarse(error)), *count)
            })
            .collect();
        pairs.sort_unstable();
        let mut coarse_pairs = SparseBins::default();
        for (index, count) in pairs {
            *coarse_pairs.last(index) += count;
        }
        Self {
            bins: coarsened_bins(&self.bins),
            pairs: coarse_pairs,
            n_images: self.n_images,
            areas: self.areas,
        }
    }
}

fn coarsened_bins(bins: &SparseBins<ErrorBin>) -> SparseBins<ErrorBin> {
    let coarse = |bin| LogResolution::COARSE.of_finer(bin, LogResolution::FINE);
    let mut bins = bins.coarsened(coarse);
    // Marks of several fine bins cannot be combined.
    bins.for_each(|bin| bin.marks = MIXED);
    bins
}

/// Sums of a prediction: the mean over the samples, or the pass without dropout.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct PredictionSums {
    pub(super) errors: ErrorSums,
    pub(super) depth: DepthSums,
    /// Sums of the predicted distribution; zero without a variance.
    pub(super) distribution: DistributionSums,
    /// Items by absolute error; empty without a variance.
    pub(super) by_error: SparseBins<ErrorBin>,
}

impl PredictionSums {
    fn add(&mut self, other: &Self, weight: u64) {
        self.errors.add(&other.errors, weight);
        self.depth.add(&other.depth, weight);
        self.distribution.add(&other.distribution, weight);
        self.by_error.add(&other.by_error, weight);
    }

    fn coarsened(&self) -> Self {
        Self { by_error: coarsened_bins(&self.by_error), ..self.clone() }
    }
}

/// Sums of the intervals of the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct IntervalSums {
    /// Number of labels inside of their interval.
    pub(super) covered: u64,
    pub(super) width: ValueSum,
    /// Sum over images of the share of such labels.
    pub(super) shares: AreaSum,
    /// Number of images with labels.
    pub(super) n_images: u64,
}

impl IntervalSums {
    fn add(&mut self, other: &Self, weight: u64) {
        self.covered += other.covered * weight;
        self.width.add(&other.width, weight);
        self.shares.add(&other.shares, weight);
        self.n_images += other.n_images * weight;
    }
}

/// Sums over one image or several ones.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ValueSums {
    pub(super) labels: LabelSums,
    /// The mean over the samples, and the pass without dropout if there is one.
    pub(super) predictions: Vec<PredictionSums>,
    /// One entry per standard deviation of the specification.
    pub(super) stds: Vec<StdSums>,
    pub(super) interval: IntervalSums,
}

impl ValueSums {
    /// Creates sums of no images.
    pub(super) fn new(n_predictions: usize, n_stds: usize) -> Self {
        Self {
            labels: LabelSums::default(),
            predictions: vec![PredictionSums::default(); n_predictions],
            stds: vec![StdSums::default(); n_stds],
            interval: IntervalSums::default(),
        }
    }

    /// Adds other sums of the same specification and resolution `weight` times, which must not be
    /// 0.
    pub(super) fn add(&mut self, other: &Self, weight: u64) {
        self.labels.add(&other.labels, weight);
        for (prediction, more) in self.predictions.iter_mut().zip(&other.predictions) {
            prediction.add(more, weight);
        }
        for (std, more) in self.stds.iter_mut().zip(&other.stds) {
            std.add(more, weight);
        }
        self.interval.add(&other.interval, weight);
    }

    /// Returns the same sums with the coarser bins of the bootstrap.
    pub(super) fn coarsened(&self) -> Self {
        Self {
            labels: self.labels,
            predictions: self.predictions.iter().map(PredictionSums::coarsened).collect(),
            stds: self.stds.iter().map(StdSums::coarsened).collect(),
            interval: self.interval,
        }
    }

    /// Returns the size in bytes.
    pub(super) fn bytes(&self) -> usize {
        let stds = self.stds.iter().map(|std| std.bins.bytes() + std.pairs.bytes());
        let errors =
            self.predictions.iter().map(|prediction| prediction.by_error.bytes());
        size_of_val(self.predictions.as_slice())
            + size_of_val(self.stds.as_slice())
            + stds.chain(errors).sum::<usize>()
    }
}
