//! Metrics: predictions against labels. Do uncertainties find errors, are probabilities true?
//!
//! Items are pixels, or images in classification. Each image is counted by itself
//! ([`Labelled::tally`]) and added to an [`Evaluation`], which holds whole numbers and sums of a
//! fixed unit only: any parts of a folder, in any order, add up to the same bits, and memory does
//! not depend on the number of images. Every metric is a row of [`METRICS`] or [`RANKINGS`] and a
//! function of these counts; all items of a folder count alike, however large their image.
//!
//! Scores are put into bins of less than 0.8 % of their value (less than 6.3 % in intervals), and
//! items of one bin are tied: see [`Ranking`] for what that can change.

mod bins;
mod bootstrap;
mod fixed;
mod image;
mod ranking;
mod reliability;
mod tally;
mod values;

#[cfg(test)]
mod tests;

pub use bootstrap::{FEWEST_IMAGES, REPLICATES};
pub use image::{IGNORED, LIKELIHOOD_FLOOR, Labelled, Score};
pub use ranking::{Ranking, Selected};
pub use reliability::{BINS, Bin, Reliability};
pub use tally::{PATCHES, Tally};
pub use values::Patches;

use bootstrap::Replicates;

/// A metric of the predictions themselves.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its key in `metrics.json`.
    pub name: &'static str,
    /// What it is, in a line.
    pub summary: &'static str,
    /// Whether more is better.
    pub more_is_better: bool,
    value: fn(&Tally) -> Option<f64>,
}

/// A metric of how a score orders right and wrong items.
#[derive(Debug, Clone, Copy)]
pub struct RankingMetric {
    /// The part of its key before the score's name.
    pub name: &'static str,
    /// What it is, in a line.
    pub summary: &'static str,
    /// Whether more is better.
    pub more_is_better: bool,
    /// Whether it is of maps alone.
    pub of_maps: bool,
    value: fn(&Tally, usize) -> Option<f64>,
}

const fn metric(
    name: &'static str,
    more_is_better: bool,
    value: fn(&Tally) -> Option<f64>,
    summary: &'static str,
) -> Metric {
    Metric { name, summary, more_is_better, value }
}

/// Every metric of the predictions.
///
/// # References
/// - Guo et al. (2017), *On Calibration of Modern Neural Networks*: expected and maximum
///   calibration error.
/// - Nixon et al. (2019), *Measuring Calibration in Deep Learning*: by class, and bins of equal mass.
/// - Laves et al. (2019), *Well-calibrated Model Uncertainty with Temperature Scaling for Dropout
///   Variational Inference*: uncertainty calibration error.
/// - Brier (1950), *Verification of Forecasts Expressed in Terms of Probability*.
pub const METRICS: &[Metric] = &[
    metric("accuracy", true, values::accuracy, "share of the items whose class is right"),
    metric(
        "class_accuracy",
        true,
        values::class_accuracy,
        "mean over classes of the share of their items that is right",
    ),
    metric(
        "mean_iou",
        true,
        values::mean_iou,
        "mean over classes of intersection over union, counted over all images",
    ),
    metric(
        "negative_log_likelihood",
        false,
        values::negative_log_likelihood,
        "mean of -ln of the label's probability, in nats; at least 2^-24 counts",
    ),
    metric(
        "brier_score",
        false,
        values::brier_score,
        "mean squared distance of the probabilities from the label, summed over classes",
    ),
    metric(
        "brier_score_per_class",
        false,
        values::brier_score_per_class,
        "brier_score divided by the number of classes",
    ),
    metric(
        "expected_calibration_error",
        false,
        values::expected_calibration_error,
        "|accuracy - confidence| over 15 bins of equal width (lo, hi]",
    ),
    metric(
        "expected_calibration_error_equal_mass",
        false,
        values::equal_mass_calibration_error,
        "the same over 15 bins of equally many items",
    ),
    metric(
        "expected_calibration_error_classwise",
        false,
        values::classwise_calibration_error,
        "the same of each class's probability, mean over classes",
    ),
    metric(
        "maximum_calibration_error",
        false,
        values::maximum_calibration_error,
        "the largest |accuracy - confidence| of a bin of equal width",
    ),
    metric(
        "uncertainty_calibration_error",
        false,
        values::uncertainty_calibration_error,
        "|error rate - predictive_entropy / ln C| over 15 bins; not a proper score",
    ),
];

const fn ranking(
    name: &'static str,
    more_is_better: bool,
    value: fn(&Tally, usize) -> Option<f64>,
    summary: &'static str,
) -> RankingMetric {
    RankingMetric { name, summary, more_is_better, of_maps: false, value }
}

/// Every metric of a score. Sparsification by depth metrics (Poggi et al. 2020) is about
/// regression and so is not here.
///
/// # References
/// - [`Ranking`]'s functions.
/// - Ilg et al. (2018), *Uncertainty Estimates and Multi-Hypotheses Networks for Optical Flow*:
///   sparsification, here with being wrong as the error.
/// - Gustafsson et al. (2020), *Evaluating Scalable Bayesian Deep Learning Methods for Robust
///   Computer Vision*: with the Brier score.
pub const RANKINGS: &[RankingMetric] = &[
    ranking(
        "misclassification.auroc",
        true,
        |tally, score| tally.errors(score).auroc(),
        "chance that a wrong item has a larger score than a right one; 0.5 is no use",
    ),
    ranking(
        "misclassification.aupr_error",
        true,
        |tally, score| tally.errors(score).average_precision(),
        "average precision of finding wrong items by large scores",
    ),
    ranking(
        "misclassification.aupr_success",
        true,
        |tally, score| tally.errors(score).average_precision_of_negative(),
        "average precision of finding right items by small scores",
    ),
    ranking(
        "misclassification.fpr95",
        false,
        |tally, score| tally.errors(score).false_positive_rate_95(),
        "share of the right items among the scores that hold 95 % of the wrong ones",
    ),
    ranking(
        "aurc",
        false,
        |tally, score| tally.errors(score).area_under_risk_coverage(),
        "area under the risk-coverage curve",
    ),
    ranking(
        "excess_aurc",
        false,
        |tally, score| tally.errors(score).excess_area_under_risk_coverage(),
        "aurc less that of the best order",
    ),
    ranking(
        "augrc",
        false,
        |tally, score| tally.errors(score).area_under_generalised_risk_coverage(),
        "area under the generalised risk: failures that go unnoticed",
    ),
    ranking(
        "ause_brier",
        false,
        values::ause_brier,
        "area between the sparsification curves of the score and of an oracle, Brier score",
    ),
    ranking(
        "ause_mean",
        false,
        values::ause_mean,
        "the same with being wrong as the error",
    ),
    RankingMetric {
        of_maps: true,
        ..ranking(
            "pavpu",
            true,
            |tally, score| values::mean_pavpu(&tally.scores[score].patches[PAVPU]),
            "share of the 4 x 4 patches that are accurate and certain or inaccurate and \
             uncertain, mean over thresholds",
        )
    },
];

/// The size of the patches of the metric, among [`PATCHES`].
const PAVPU: usize = 1;

/// A metric's value, with the interval of other images like these.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Value {
    /// The value over all images.
    pub value: f64,
    /// Its 95 % interval by the bootstrap over images; `None` for fewer than [`FEWEST_IMAGES`].
    pub interval: Option<(f64, f64)>,
}

/// Everything that is counted over images, with what intervals need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evaluation {
    tally: Tally,
    replicates: Replicates,
    n_images: u64,
}

impl Evaluation {
    /// Counts of nothing yet, for so many classes and scores.
    pub fn new(n_classes: usize, n_scores: usize) -> Self {
        Self {
            tally: Tally::new(n_classes, n_scores),
            replicates: Replicates::new(n_classes, n_scores),
            n_images: 0,
        }
    }

    /// Adds an image; one without a labelled item counts for nothing.
    ///
    /// # Panics
    /// Where the tally has another shape.
    pub fn add(&mut self, id: &str, image: &Tally) {
        if image.n_items() == 0 {
            return;
        }
        self.tally.add(image);
        self.replicates.add(id, image);
        self.n_images += 1;
    }

    /// Adds what was counted over other images.
    ///
    /// # Panics
    /// Where the shapes differ.
    pub fn merge(&mut self, other: &Self) {
        self.tally.add(&other.tally);
        self.replicates.merge(&other.replicates);
        self.n_images += other.n_images;
    }

    /// The counts over all images.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Images with a labelled item.
    pub fn n_images(&self) -> u64 {
        self.n_images
    }

    /// A metric; `None` where it has no value, such as AUROC where nothing is wrong.
    pub fn metric(&self, metric: &Metric) -> Option<Value> {
        self.value(metric.value)
    }

    /// A metric of a score.
    pub fn ranking(&self, metric: &RankingMetric, score: usize) -> Option<Value> {
        self.value(|tally| (metric.value)(tally, score))
    }

    /// Intersection over union of a class.
    pub fn iou(&self, class: usize) -> Option<Value> {
        self.value(|tally| values::iou(tally, class))
    }

    /// Patches by accuracy and certainty at every threshold of a score that parts them, for a
    /// size among [`PATCHES`].
    pub fn patches(&self, score: usize, size: usize) -> Vec<(f64, Patches)> {
        values::patches(&self.tally.scores[score].patches[size])
    }

    /// By how much a metric of a score is larger than that of another, with the interval over the
    /// same replicates: if 0 is in it, the images cannot tell them apart.
    pub fn difference(
        &self,
        metric: &RankingMetric,
        score: usize,
        other: usize,
    ) -> Option<Value> {
        self.value(|tally| {
            Some((metric.value)(tally, score)? - (metric.value)(tally, other)?)
        })
    }

    fn value(&self, metric: impl Fn(&Tally) -> Option<f64>) -> Option<Value> {
        let value = metric(&self.tally)?;
        let has_interval = self.n_images >= FEWEST_IMAGES;
        let interval = if has_interval { self.replicates.interval(metric) } else { None };
        Some(Value { value, interval })
    }
}
