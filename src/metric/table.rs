//! The table of metrics.

use super::formula::{
    MetricInput, calibration, correctness, pavpu, ranking, selective, sparsification,
};
use super::histogram::Group;

use Direction::{Descriptive, HigherIsBetter, LowerIsBetter};
use MetricFunction::{Binned, Exact};

/// Relation of a metric's value to quality.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The value grows with quality.
    HigherIsBetter,
    /// The value falls with quality.
    LowerIsBetter,
    /// The value is a count or a threshold, which explains other metrics. It has no interval.
    Descriptive,
}

/// Data that a metric requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Requires {
    /// Labels.
    Labels,
    /// Labels, and predictive entropy among the measures.
    Entropy,
    /// Labels, and pixels that form patches.
    Patches,
    /// Masks of the pixels outside the distribution.
    Masks,
    /// Images from outside the distribution, in addition to those inside.
    OutsideImages,
}

/// Values of a metric, and the endings of their keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breakdown {
    /// A single value; its key is the name.
    Whole,
    /// One value per class: `NAME.CLASS`.
    Class,
    /// One value per measure and for the pass without dropout: `NAME.SCORE`.
    Score,
    /// One value per measure and patch size: `NAME.SCORE.SIZE`.
    Patch,
    /// One value per score and aggregation: `NAME.SCORE.AGGREGATION`, or `NAME.SCORE` if images
    /// are the items.
    Image,
}

/// A metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Name, with which its keys begin.
    pub name: &'static str,
    /// Meaning, in one phrase.
    pub summary: &'static str,
    /// Relation of the value to quality.
    pub direction: Direction,
    /// Smallest and largest possible value.
    pub range: (f64, f64),
    /// Data that the metric requires.
    pub requires: Requires,
    /// Values of the metric.
    pub breakdown: Breakdown,
    /// Texts of the summary and the report, which compare the scores by this metric; `None` if
    /// only `metrics.json` lists it.
    pub headline: Option<Headline>,
    pub(super) function: MetricFunction,
}

/// Texts with which a metric of scores appears in the summary and the report.
#[derive(Debug, Clone, Copy)]
pub struct Headline {
    /// Title in the summary, completed by the name of a score.
    pub title: &'static str,
    /// Question that the metric answers, the title in the report.
    pub question: &'static str,
    /// Head of the column of values in the report.
    pub unit: &'static str,
    /// Explanation in the report.
    pub reading: &'static str,
}

impl Metric {
    /// Returns the metric with this name.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        METRICS.iter().find(|metric| metric.name == name)
    }
}

/// Computation of a metric. A bound limits the error that bins cause.
#[derive(Debug, Clone, Copy)]
pub(super) enum MetricFunction {
    /// Exact function of sums.
    Exact { value: fn(&MetricInput) -> Option<f64> },
    /// Function of sums with a bound on its error.
    Binned { value: fn(&MetricInput) -> Option<f64>, bound: fn(&MetricInput) -> f64 },
    /// Function of items in the order of a score, with a bound on its error.
    Ranked {
        items: RankedItems,
        value: fn(&[Group]) -> Option<f64>,
        bound: fn(&[Group]) -> f64,
    },
}

/// Items to rank, and the condition under which one is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum RankedItems {
    /// Labeled items, wrong if the prediction is.
    Labeled,
    /// Pixels with a mask, wrong if they are outside the distribution.
    Masked,
    /// Images, each wrong by its loss.
    ImagesByLoss,
    /// Images, wrong if their loss is above the mean.
    BadImages,
    /// Images, wrong if they are outside the distribution.
    OutsideImages,
}

impl RankedItems {
    /// Returns true if images, and not their pixels, are ranked.
    pub(super) fn are_images(self) -> bool {
        matches!(self, Self::ImagesByLoss | Self::BadImages | Self::OutsideImages)
    }
}

/// All metrics, in the order in which they are listed.
pub const METRICS: &[Metric] = &[
    // Right and wrong
    Metric {
        name: "accuracy",
        summary: "share of items whose predicted class is the label",
        direction: HigherIsBetter,
        function: Exact { value: correctness::accuracy },
        ..WHOLE
    },
    Metric {
        name: "class_accuracy",
        summary: "mean over the classes that occur of the share of their items that are right",
        direction: HigherIsBetter,
        function: Exact { value: correctness::class_accuracy },
        ..WHOLE
    },
    Metric {
        name: "mean_iou",
        summary: "mean of iou over the classes that are a label or a prediction somewhere",
        direction: HigherIsBetter,
        function: Exact { value: correctness::mean_iou },
        ..WHOLE
    },
    Metric {
        name: "iou",
        summary: "items with the class as label and prediction, divided by those with it as \
                  either",
        direction: HigherIsBetter,
        breakdown: Breakdown::Class,
        function: Exact { value: correctness::iou },
        ..WHOLE
    },
    // Likelihood and calibration
    Metric {
        name: "negative_log_likelihood",
        summary: "mean of -ln of the true class's probability, in nats; less than 2^-24 counts \
                  as 2^-24",
        range: (0.0, f64::INFINITY),
        function: Exact { value: correctness::negative_log_likelihood },
        ..WHOLE
    },
    Metric {
        name: "likelihood_floor_share",
        summary: "share of items whose true class has a probability below 2^-24",
        function: Exact { value: correctness::floored },
        ..WHOLE
    },
    Metric {
        name: "brier_score",
        summary: "mean over items of the squared distance of the probabilities from the label, \
                  summed over classes",
        range: (0.0, 2.0),
        function: Exact { value: correctness::brier_score },
        ..WHOLE
    },
    Metric {
        name: "brier_score_per_class",
        summary: "brier_score divided by the number of classes",
        function: Exact { value: correctness::brier_score_per_class },
        ..WHOLE
    },
    Metric {
        name: "expected_calibration_error",
        summary: "mean distance of accuracy and confidence over 15 equally wide bins of \
                  confidence",
        function: Exact { value: calibration::expected },
        ..WHOLE
    },
    Metric {
        name: "expected_calibration_error_equal_mass",
        summary: "mean distance of accuracy and confidence over 15 bins with equally many items",
        function: Binned {
            value: calibration::equal_mass,
            bound: calibration::equal_mass_bound,
        },
        ..WHOLE
    },
    Metric {
        name: "expected_calibration_error_classwise",
        summary: "mean over classes of the distance of a class's frequency and probability over \
                  15 equally wide bins of it",
        function: Exact { value: calibration::classwise },
        ..WHOLE
    },
    Metric {
        name: "maximum_calibration_error",
        summary: "largest distance of accuracy and confidence in a bin, however few its items",
        function: Exact { value: calibration::maximum },
        ..WHOLE
    },
    Metric {
        name: "uncertainty_calibration_error",
        summary: "mean distance of error rate and normalized predictive entropy over 15 bins of \
                  it; useful only if entropy should equal the error rate",
        requires: Requires::Entropy,
        function: Exact { value: calibration::uncertainty },
        ..WHOLE
    },
    // Finding errors
    Metric {
        name: "misclassification.auroc",
        summary: "probability that a wrong item has a higher score than a right one",
        direction: HigherIsBetter,
        headline: Some(FINDING_ERRORS),
        function: AUROC.over(RankedItems::Labeled),
        ..SCORE
    },
    Metric {
        name: "misclassification.aupr_error",
        summary: "average precision of finding wrong items by a high score; chance gives the \
                  error rate",
        direction: HigherIsBetter,
        function: AUPR.over(RankedItems::Labeled),
        ..SCORE
    },
    Metric {
        name: "misclassification.aupr_success",
        summary: "average precision of finding right items by a low score; chance gives the \
                  accuracy",
        direction: HigherIsBetter,
        function: AUPR_SUCCESS.over(RankedItems::Labeled),
        ..SCORE
    },
    Metric {
        name: "misclassification.fpr95",
        summary: "share of right items that are flagged when 95 % of the wrong ones are",
        function: FPR95.over(RankedItems::Labeled),
        ..SCORE
    },
    Metric {
        name: "aurc",
        summary: "area under the error rate of the most certain items over their share of all",
        function: AURC.over(RankedItems::Labeled),
        ..SCORE
    },
    Metric {
        name: "excess_aurc",
        summary: "aurc minus that of the best order with as many errors",
        // The best order is that of infinitely many items, so few items can do slightly better.
        range: (-1.0, 1.0),
        function: RankedFunction(selective::excess_aurc, selective::aurc_bound)
            .over(RankedItems::Labeled),
        ..SCORE
    },
    Metric {
        name: "augrc",
        summary: "mean share of all items that are answered and wrong, over all coverages",
        headline: Some(UNNOTICED_ERRORS),
        function: RankedFunction(selective::augrc, selective::augrc_bound)
            .over(RankedItems::Labeled),
        ..SCORE
    },
    Metric {
        name: "ause_mean",
        summary: "area between the normalized error rates left by removing the most uncertain \
                  and by removing the wrong first",
        range: (f64::NEG_INFINITY, f64::INFINITY),
        function: RankedFunction(selective::ause_mean, selective::ause_mean_bound)
            .over(RankedItems::Labeled),
        ..SCORE
    },
    Metric {
        name: "ause_brier",
        summary: "area between the normalized Brier scores left by removing the most uncertain \
                  and by removing the worst, at 0 to 99 %",
        range: (0.0, f64::INFINITY),
        function: Binned {
            value: sparsification::ause_brier,
            bound: sparsification::ause_brier_bound,
        },
        ..SCORE
    },
    // Patches
    Metric {
        name: "pavpu",
        summary: "share of patches that are accurate and certain or inaccurate and uncertain, \
                  at the mean uncertainty",
        direction: HigherIsBetter,
        function: Binned { value: pavpu::pavpu, bound: pavpu::pavpu_bound },
        ..PATCH
    },
    Metric {
        name: "pavpu_area",
        summary: "mean of pavpu over thresholds from the least to the most uncertain patch",
        direction: HigherIsBetter,
        function: Exact { value: pavpu::area },
        ..PATCH
    },
    Metric {
        name: "pavpu_accurate_given_certain",
        summary: "share of certain patches that are accurate, at the mean uncertainty",
        direction: HigherIsBetter,
        function: Binned {
            value: pavpu::accurate_given_certain,
            bound: pavpu::accurate_given_certain_bound,
        },
        ..PATCH
    },
    Metric {
        name: "pavpu_uncertain_given_inaccurate",
        summary: "share of inaccurate patches that are uncertain, at the mean uncertainty",
        direction: HigherIsBetter,
        function: Binned {
            value: pavpu::uncertain_given_inaccurate,
            bound: pavpu::uncertain_given_inaccurate_bound,
        },
        ..PATCH
    },
    Metric {
        name: "pavpu_accurate_certain",
        summary: "accurate and certain patches",
        function: Binned { value: pavpu::accurate_certain, bound: pavpu::accurate_bound },
        ..COUNT
    },
    Metric {
        name: "pavpu_accurate_uncertain",
        summary: "accurate and uncertain patches",
        function: Binned {
            value: pavpu::accurate_uncertain,
            bound: pavpu::accurate_bound,
        },
        ..COUNT
    },
    Metric {
        name: "pavpu_inaccurate_certain",
        summary: "inaccurate and certain patches: errors without a warning",
        function: Binned {
            value: pavpu::inaccurate_certain,
            bound: pavpu::inaccurate_bound,
        },
        ..COUNT
    },
    Metric {
        name: "pavpu_inaccurate_uncertain",
        summary: "inaccurate and uncertain patches",
        function: Binned {
            value: pavpu::inaccurate_uncertain,
            bound: pavpu::inaccurate_bound,
        },
        ..COUNT
    },
    Metric {
        name: "pavpu_threshold",
        summary: "mean uncertainty of a patch, at which patches are counted",
        function: Exact { value: pavpu::threshold },
        ..COUNT
    },
    // Images
    Metric {
        name: "image.aurc",
        summary: "area under the mean share of wrong items of the most certain images over \
                  their share of all",
        function: AURC.over(RankedItems::ImagesByLoss),
        ..IMAGE
    },
    Metric {
        name: "image.auroc",
        summary: "probability that an image with more than the mean share of wrong items has a \
                  higher score than another",
        direction: HigherIsBetter,
        function: AUROC.over(RankedItems::BadImages),
        ..IMAGE
    },
    // Outside the distribution
    Metric {
        name: "ood.auroc",
        summary: "probability that an image from outside the distribution has a higher score \
                  than one from inside",
        direction: HigherIsBetter,
        headline: Some(OUTSIDE_IMAGES),
        function: AUROC.over(RankedItems::OutsideImages),
        ..OUTSIDE
    },
    Metric {
        name: "ood.aupr",
        summary: "average precision of finding images from outside the distribution by a high \
                  score; chance gives their share of all images",
        direction: HigherIsBetter,
        function: AUPR.over(RankedItems::OutsideImages),
        ..OUTSIDE
    },
    Metric {
        name: "ood.fpr95",
        summary: "share of images from inside the distribution that are flagged when 95 % of \
                  those from outside are",
        function: FPR95.over(RankedItems::OutsideImages),
        ..OUTSIDE
    },
    Metric {
        name: "ood_pixel.auroc",
        summary: "probability that a pixel outside the distribution has a higher score than one \
                  inside",
        direction: HigherIsBetter,
        headline: Some(OUTSIDE_PIXELS),
        function: AUROC.over(RankedItems::Masked),
        ..MASKED
    },
    Metric {
        name: "ood_pixel.aupr",
        summary: "average precision of finding pixels outside the distribution by a high score",
        direction: HigherIsBetter,
        function: AUPR.over(RankedItems::Masked),
        ..MASKED
    },
    Metric {
        name: "ood_pixel.fpr95",
        summary: "share of pixels inside the distribution that are flagged when 95 % of those \
                  outside are",
        function: FPR95.over(RankedItems::Masked),
        ..MASKED
    },
];

/// Defaults of all rows; the constants below change them for one kind of metric.
const WHOLE: Metric = Metric {
    name: "",
    summary: "",
    direction: LowerIsBetter,
    range: (0.0, 1.0),
    requires: Requires::Labels,
    breakdown: Breakdown::Whole,
    headline: None,
    function: Exact { value: correctness::accuracy },
};
const SCORE: Metric = Metric { breakdown: Breakdown::Score, ..WHOLE };
const MASKED: Metric = Metric { requires: Requires::Masks, ..SCORE };
const IMAGE: Metric = Metric { breakdown: Breakdown::Image, ..WHOLE };
const OUTSIDE: Metric = Metric { requires: Requires::OutsideImages, ..IMAGE };
const PATCH: Metric =
    Metric { breakdown: Breakdown::Patch, requires: Requires::Patches, ..WHOLE };
const COUNT: Metric =
    Metric { direction: Descriptive, range: (0.0, f64::INFINITY), ..PATCH };

const FINDING_ERRORS: Headline = Headline {
    title: "finding wrong items: AUROC by",
    question: "Do the measures find what is wrong?",
    unit: "AUROC",
    reading: "The probability that something wrong has a higher value than something right: 0.5 \
              is useless, 1 is perfect. If the interval in the last column contains 0, these \
              images show no difference from the plain softmax.",
};

const UNNOTICED_ERRORS: Headline = Headline {
    title: "failures that go unnoticed: AUGRC by",
    question: "How much goes wrong unnoticed?",
    unit: "AUGRC",
    reading: "The share of all items that are answered and wrong if the least certain are \
              refused, averaged over the share refused. Small is good; refusing at random gives \
              half of the error rate.",
};

const OUTSIDE_IMAGES: Headline = Headline {
    title: "finding images of the other kind: AUROC by",
    question: "Are images of another kind told apart?",
    unit: "AUROC",
    reading: "The probability that an image of another kind has a higher value than one of these: \
              0.5 is useless, 1 is perfect.",
};

const OUTSIDE_PIXELS: Headline = Headline {
    title: "finding pixels of another kind: AUROC by",
    question: "Are pixels of another kind told apart?",
    unit: "AUROC",
    reading: "The probability that a pixel of another kind has a higher value than another pixel: \
              0.5 is useless, 1 is perfect.",
};

/// A function of ranked items and the bound on its error.
struct RankedFunction(fn(&[Group]) -> Option<f64>, fn(&[Group]) -> f64);

impl RankedFunction {
    /// Applies the function to one kind of items.
    const fn over(self, items: RankedItems) -> MetricFunction {
        MetricFunction::Ranked { items, value: self.0, bound: self.1 }
    }
}

const AUROC: RankedFunction = RankedFunction(ranking::auroc, ranking::auroc_bound);
const AUPR: RankedFunction =
    RankedFunction(ranking::aupr_error, ranking::aupr_error_bound);
const AUPR_SUCCESS: RankedFunction =
    RankedFunction(ranking::aupr_success, ranking::aupr_success_bound);
const FPR95: RankedFunction = RankedFunction(ranking::fpr95, ranking::fpr95_bound);
const AURC: RankedFunction = RankedFunction(selective::aurc, selective::aurc_bound);
