//! Everything that is counted, of one image or of many.

use super::bins::Resolution;
use super::fixed::{Sum, add_counts, add_sums};
use super::ranking::Ranking;
use super::reliability::Reliability;

/// Sides of the squares of pixels for PAvPU.
pub const PATCHES: [usize; 4] = [2, 4, 8, 16];

/// Counts of a score's values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ScoreTally {
    /// Right (negative) and wrong (positive) items by the score.
    pub(super) errors: Ranking,
    /// The Brier scores of the items of each bin, summed.
    pub(super) brier: Vec<Sum>,
    /// Accurate (negative) and inaccurate (positive) patches by their mean score, for each of
    /// [`PATCHES`]; nothing for single items.
    pub(super) patches: Vec<Ranking>,
}

/// Counts and sums over labelled items: pixels, or images in classification.
///
/// Whole numbers and sums of a fixed unit, so that any two tallies of one shape add up to the same
/// tally whatever the order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tally {
    resolution: Resolution,
    pub(super) n_classes: usize,
    /// `[label][predicted]`.
    pub(super) confusion: Vec<u64>,
    /// One for each score.
    pub(super) scores: Vec<ScoreTally>,
    /// Items by their own Brier score: the order of an oracle.
    pub(super) oracle: Vec<u64>,
    pub(super) oracle_brier: Vec<Sum>,
    /// Right and wrong items by one less the confidence, and their confidence.
    pub(super) confidence: Ranking,
    pub(super) confidence_sum: Vec<Sum>,
    /// Of the predicted class's probability.
    pub(super) top: Reliability,
    /// Of each class's probability.
    pub(super) classes: Vec<Reliability>,
    /// Of the entropy over its bound, against being wrong.
    pub(super) uncertainty: Reliability,
    pub(super) negative_log_likelihood: Sum,
    pub(super) brier_sum: Sum,
}

impl Tally {
    /// Counts of nothing yet, for so many classes and scores.
    pub fn new(n_classes: usize, n_scores: usize) -> Self {
        Self::with(Resolution::Full, n_classes, n_scores)
    }

    fn with(resolution: Resolution, n_classes: usize, n_scores: usize) -> Self {
        let n_bins = resolution.n_bins();
        let score = ScoreTally {
            errors: Ranking::new(resolution),
            brier: vec![Sum::default(); n_bins],
            patches: vec![Ranking::new(resolution); PATCHES.len()],
        };
        Self {
            resolution,
            n_classes,
            confusion: vec![0; n_classes * n_classes],
            scores: vec![score; n_scores],
            oracle: vec![0; n_bins],
            oracle_brier: vec![Sum::default(); n_bins],
            confidence: Ranking::new(resolution),
            confidence_sum: vec![Sum::default(); n_bins],
            top: Reliability::new(),
            classes: vec![Reliability::new(); n_classes],
            uncertainty: Reliability::new(),
            negative_log_likelihood: Sum::default(),
            brier_sum: Sum::default(),
        }
    }

    /// Counts of nothing yet, in coarse bins.
    pub(super) fn new_coarse(n_classes: usize, n_scores: usize) -> Self {
        Self::with(Resolution::Coarse, n_classes, n_scores)
    }

    /// The same in coarse bins.
    pub(super) fn coarsened(&self) -> Self {
        let fold = |sums: &[Sum]| {
            let mut folded = vec![Sum::default(); Resolution::Coarse.n_bins()];
            for (bin, sum) in sums.iter().enumerate() {
                folded[super::bins::coarse(bin)].add(*sum);
            }
            folded
        };
        let counts = |counts: &[u64]| {
            let mut folded = vec![0; Resolution::Coarse.n_bins()];
            for (bin, count) in counts.iter().enumerate() {
                folded[super::bins::coarse(bin)] += count;
            }
            folded
        };
        let score = |score: &ScoreTally| ScoreTally {
            errors: score.errors.coarsened(),
            brier: fold(&score.brier),
            patches: score.patches.iter().map(Ranking::coarsened).collect(),
        };
        Self {
            resolution: Resolution::Coarse,
            scores: self.scores.iter().map(score).collect(),
            oracle: counts(&self.oracle),
            oracle_brier: fold(&self.oracle_brier),
            confidence: self.confidence.coarsened(),
            confidence_sum: fold(&self.confidence_sum),
            ..self.clone()
        }
    }

    /// Adds another tally of the same shape.
    ///
    /// # Panics
    /// Where the shapes differ.
    pub fn add(&mut self, other: &Self) {
        self.add_times(other, 1);
    }

    pub(super) fn add_times(&mut self, other: &Self, times: u64) {
        assert_eq!(
            (self.resolution, self.n_classes, self.scores.len()),
            (other.resolution, other.n_classes, other.scores.len())
        );
        add_counts(&mut self.confusion, &other.confusion, times);
        for (own, other) in self.scores.iter_mut().zip(&other.scores) {
            own.errors.add(&other.errors, times);
            add_sums(&mut own.brier, &other.brier, times);
            for (own, other) in own.patches.iter_mut().zip(&other.patches) {
                own.add(other, times);
            }
        }
        add_counts(&mut self.oracle, &other.oracle, times);
        add_sums(&mut self.oracle_brier, &other.oracle_brier, times);
        self.confidence.add(&other.confidence, times);
        add_sums(&mut self.confidence_sum, &other.confidence_sum, times);
        self.top.add(&other.top, times);
        for (own, other) in self.classes.iter_mut().zip(&other.classes) {
            own.add(other, times);
        }
        self.uncertainty.add(&other.uncertainty, times);
        self.negative_log_likelihood.add_times(other.negative_log_likelihood, times);
        self.brier_sum.add_times(other.brier_sum, times);
    }

    /// Number of labelled items.
    pub fn n_items(&self) -> u64 {
        self.confusion.iter().sum()
    }

    /// Number of classes.
    pub fn n_classes(&self) -> usize {
        self.n_classes
    }

    /// Right (negative) and wrong (positive) items by a score.
    pub fn errors(&self, score: usize) -> &Ranking {
        &self.scores[score].errors
    }

    /// The predicted class's probability against being right.
    pub fn reliability(&self) -> &Reliability {
        &self.top
    }
}
