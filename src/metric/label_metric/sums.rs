//! Sums over images, from which every metric of labels is computed.
//!
//! All sums are counts, integer sums, and marks combined by OR. Adding and merging are therefore
//! associative and commutative to the bit.

use super::spec::LabelEvaluationSpec;
use crate::metric::histogram::{Bin, Group, Resolution, is_mixed};
use crate::metric::sparse_bins::{BinContent, SparseBins};
use crate::metric::sums::{BINS, ReliabilityBin};

/// Numbers of items of a bin by outcome, and the marks of their scores.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Outcomes {
    /// Items without the label, or with a right decision.
    pub(super) negative: u64,
    /// Items with the label, or with a wrong decision.
    pub(super) positive: u64,
    /// Marks of the scores, combined by OR.
    pub(super) marks: u32,
}

impl BinContent for Outcomes {
    fn add(&mut self, other: &Self, weight: u64) {
        self.negative += other.negative * weight;
        self.positive += other.positive * weight;
        self.marks |= other.marks;
    }
}

/// Items by score.
pub(super) type ScoreBins = SparseBins<Outcomes>;

/// Converts the histogram of an image.
pub(super) fn score_bins(bins: &[Bin]) -> ScoreBins {
    let mut sparse = ScoreBins::default();
    for bin in bins {
        *sparse.last(bin.index) = Outcomes {
            negative: bin.right.into(),
            positive: bin.wrong.into(),
            marks: bin.marks,
        };
    }
    sparse
}

fn coarsened(bins: &ScoreBins) -> ScoreBins {
    let coarse = Resolution::COARSE;
    bins.coarsened(|bin| coarse.of_finer(bin as usize, Resolution::FINE) as u32)
}

fn group(outcomes: &Outcomes) -> Group {
    Group {
        right: outcomes.negative as f64,
        wrong: outcomes.positive as f64,
        is_mixed: is_mixed(outcomes.marks),
    }
}

/// Returns the bins in ascending order of the score.
pub(super) fn groups(bins: &ScoreBins) -> Vec<Group> {
    bins.iter().map(|(_, outcomes)| group(outcomes)).collect()
}

/// Items by probability.
///
/// Probabilities from 1/2 on are in the bins of their distance from 1, which is exact: bins are
/// narrow at both ends, where most probabilities are.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct ProbabilityBins {
    /// Items by probability, below 1/2.
    pub(super) low: ScoreBins,
    /// Items by 1 minus the probability, of the others.
    pub(super) high: ScoreBins,
}

impl ProbabilityBins {
    fn add(&mut self, other: &Self, weight: u64) {
        self.low.add(&other.low, weight);
        self.high.add(&other.high, weight);
    }

    /// Returns the bins in ascending order of the probability.
    pub(super) fn groups(&self) -> Vec<Group> {
        let mut groups = groups(&self.low);
        groups.extend(self.high.iter().rev().map(|(_, outcomes)| group(outcomes)));
        groups
    }
}

/// Sums over the items of a label that do not depend on an order of the items.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct LabelTally {
    /// Number of items.
    pub(super) count: u64,
    /// Number of items with the label.
    pub(super) positives: u64,
    /// Number of items that are decided to have the label.
    pub(super) decided: u64,
    /// Number of items with both.
    pub(super) hits: u64,
    /// Number of items whose truth has a probability below the floor.
    pub(super) floored: u64,
    /// Sum of negative log-likelihoods, in units.
    pub(super) log_loss: u128,
    /// Sum of squared errors of the probability, in units.
    pub(super) brier: u128,
    /// Bins of the probability; hits are items with the label.
    pub(super) reliability: [ReliabilityBin; BINS],
}

impl LabelTally {
    fn add(&mut self, other: &Self, weight: u64) {
        self.count += other.count * weight;
        self.positives += other.positives * weight;
        self.decided += other.decided * weight;
        self.hits += other.hits * weight;
        self.floored += other.floored * weight;
        self.log_loss += other.log_loss * u128::from(weight);
        self.brier += other.brier * u128::from(weight);
        for (bin, more) in self.reliability.iter_mut().zip(&other.reliability) {
            bin.add(more, weight);
        }
    }
}

/// Sums of a label for one prediction.
#[derive(Debug, Clone, PartialEq, Default)]
pub(super) struct LabelPredictionSums {
    pub(super) tally: LabelTally,
    pub(super) probabilities: ProbabilityBins,
}

/// Sums of a label, or of all labels together.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct LabelSums {
    /// Number of images with a known item.
    pub(super) n_images: u64,
    /// Sums of the mean over the samples, and of the pass without dropout.
    pub(super) predictions: Vec<LabelPredictionSums>,
    /// Right and wrong decisions by each ranked score.
    pub(super) scores: Vec<ScoreBins>,
}

impl LabelSums {
    pub(super) fn new(spec: &LabelEvaluationSpec) -> Self {
        Self {
            n_images: 0,
            predictions: vec![LabelPredictionSums::default(); spec.n_predictions()],
            scores: vec![ScoreBins::default(); spec.ranked().len()],
        }
    }

    pub(super) fn add(&mut self, other: &Self, weight: u64) {
        self.n_images += other.n_images * weight;
        for (sums, more) in self.predictions.iter_mut().zip(&other.predictions) {
            sums.tally.add(&more.tally, weight);
            sums.probabilities.add(&more.probabilities, weight);
        }
        for (bins, more) in self.scores.iter_mut().zip(&other.scores) {
            bins.add(more, weight);
        }
    }

    fn coarsened(&self) -> Self {
        let prediction = |sums: &LabelPredictionSums| LabelPredictionSums {
            tally: sums.tally,
            probabilities: ProbabilityBins {
                low: coarsened(&sums.probabilities.low),
                high: coarsened(&sums.probabilities.high),
            },
        };
        Self {
            n_images: self.n_images,
            predictions: self.predictions.iter().map(prediction).collect(),
            scores: self.scores.iter().map(coarsened).collect(),
        }
    }

    fn bytes(&self) -> usize {
        let of_probabilities = self.predictions.iter().map(|sums| &sums.probabilities);
        let of_probabilities = of_probabilities.flat_map(|bins| [&bins.low, &bins.high]);
        let bins = self.scores.iter().chain(of_probabilities);
        bins.map(SparseBins::bytes).sum::<usize>()
            + size_of_val(self.predictions.as_slice())
    }
}

/// Sums over images and items that need all labels, for one prediction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct WholeTally {
    /// Number of images with a known truth of any label.
    pub(super) n_images: u64,
    /// Sum over images of the share of their true labels that are missed, in units; 0 without a
    /// true label.
    pub(super) missed: u128,
    /// Number of items of which all labels are known.
    pub(super) complete: u64,
    /// Number of those for which all decisions are right.
    pub(super) exact: u64,
}

impl WholeTally {
    fn add(&mut self, other: &Self, weight: u64) {
        self.n_images += other.n_images * weight;
        self.missed += other.missed * u128::from(weight);
        self.complete += other.complete * weight;
        self.exact += other.exact * weight;
    }
}

/// Sums of all labels, each on its own.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MultiLabelSums {
    /// Sums of each label.
    pub(super) labels: Vec<LabelSums>,
    /// Sums of each prediction that need all labels.
    pub(super) whole: Vec<WholeTally>,
}

impl MultiLabelSums {
    pub(super) fn new(spec: &LabelEvaluationSpec) -> Self {
        Self {
            labels: vec![LabelSums::new(spec); spec.labels().len()],
            whole: vec![WholeTally::default(); spec.n_predictions()],
        }
    }

    /// Adds other sums `weight` times, which must not be 0.
    pub(super) fn add(&mut self, other: &Self, weight: u64) {
        for (sums, more) in self.labels.iter_mut().zip(&other.labels) {
            sums.add(more, weight);
        }
        for (sums, more) in self.whole.iter_mut().zip(&other.whole) {
            sums.add(more, weight);
        }
    }

    /// Returns the same sums with the coarser bins of the bootstrap.
    pub(super) fn coarsened(&self) -> Self {
        let labels = self.labels.iter().map(LabelSums::coarsened).collect();
        Self { labels, whole: self.whole.clone() }
    }

    /// Returns the sums of all labels together.
    pub(super) fn together(&self, spec: &LabelEvaluationSpec) -> LabelSums {
        let mut together = LabelSums::new(spec);
        for sums in &self.labels {
            together.add(sums, 1);
        }
        together.n_images = self.whole.first().map_or(0, |whole| whole.n_images);
        together
    }

    /// Returns the size in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.labels.iter().map(LabelSums::bytes).sum::<usize>()
            + size_of_val(self.whole.as_slice())
    }
}
