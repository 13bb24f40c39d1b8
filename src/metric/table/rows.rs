//! Every metric.

use super::{Breakdown, Direction, Metric, MetricFunction, RankedItems, Requires};
use crate::metric::{
    calibration, correctness, pavpu, ranking, selective, sparsification,
};

use Direction::{Descriptive, HigherIsBetter, LowerIsBetter};
use MetricFunction::{Binned, Exact};

/// Every metric, in the order in which they are listed.
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
        summary: "items that have the class as label and prediction, by those that have it as \
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
                  it; of use only where entropy should be the error rate",
        requires: Requires::Entropy,
        function: Exact { value: calibration::uncertainty },
        ..WHOLE
    },
    // Finding errors
    Metric {
        name: "misclassification.auroc",
        summary: "probability that a wrong item has a higher score than a right one",
        direction: HigherIsBetter,
        function: AUROC.of(RankedItems::Labeled),
        ..SCORE
    },
    Metric {
        name: "misclassification.aupr_error",
        summary: "average precision of finding wrong items by a high score; the error rate is \
                  what chance gives",
        direction: HigherIsBetter,
        function: AUPR.of(RankedItems::Labeled),
        ..SCORE
    },
    Metric {
        name: "misclassification.aupr_success",
        summary: "average precision of finding right items by a low score; the accuracy is what \
                  chance gives",
        direction: HigherIsBetter,
        function: AUPR_SUCCESS.of(RankedItems::Labeled),
        ..SCORE
    },
    Metric {
        name: "misclassification.fpr95",
        summary: "share of right items that are flagged when 95 % of the wrong ones are",
        function: FPR95.of(RankedItems::Labeled),
        ..SCORE
    },
    Metric {
        name: "aurc",
        summary: "area under the error rate of the most certain items over their share of all",
        function: AURC.of(RankedItems::Labeled),
        ..SCORE
    },
    Metric {
        name: "excess_aurc",
        summary: "aurc less what the best order would have with as many errors",
        // The best order is taken without steps, so a few items can do a little better.
        range: (-1.0, 1.0),
        function: RankedFunction(selective::excess_aurc, selective::aurc_bound)
            .of(RankedItems::Labeled),
        ..SCORE
    },
    Metric {
        name: "augrc",
        summary: "mean share of all items that are answered and wrong, over all coverages",
        function: RankedFunction(selective::augrc, selective::augrc_bound)
            .of(RankedItems::Labeled),
        ..SCORE
    },
    Metric {
        name: "ause_mean",
        summary: "area between the normalized error rates left by removing the most uncertain \
                  and by removing the wrong first",
        range: (f64::NEG_INFINITY, f64::INFINITY),
        function: RankedFunction(selective::ause_mean, selective::ause_mean_bound)
            .of(RankedItems::Labeled),
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
        function: AURC.of(RankedItems::ImagesByLoss),
        ..IMAGE
    },
    Metric {
        name: "image.auroc",
        summary: "probability that an image with more than the mean share of wrong items has a \
                  higher score than another",
        direction: HigherIsBetter,
        function: AUROC.of(RankedItems::BadImages),
        ..IMAGE
    },
    // Outside the distribution
    Metric {
        name: "ood.auroc",
        summary: "probability that an image from outside the distribution has a higher score \
                  than one from inside",
        direction: HigherIsBetter,
        function: AUROC.of(RankedItems::OutsideImages),
        ..OUTSIDE
    },
    Metric {
        name: "ood.aupr",
        summary: "average precision of finding images from outside the distribution by a high \
                  score; their share of all images is what chance gives",
        direction: HigherIsBetter,
        function: AUPR.of(RankedItems::OutsideImages),
        ..OUTSIDE
    },
    Metric {
        name: "ood.fpr95",
        summary: "share of images from inside the distribution that are flagged when 95 % of \
                  those from outside are",
        function: FPR95.of(RankedItems::OutsideImages),
        ..OUTSIDE
    },
    Metric {
        name: "ood_pixel.auroc",
        summary: "probability that a pixel outside the distribution has a higher score than one \
                  inside",
        direction: HigherIsBetter,
        function: AUROC.of(RankedItems::Masked),
        ..MASKED
    },
    Metric {
        name: "ood_pixel.aupr",
        summary: "average precision of finding pixels outside the distribution by a high score",
        direction: HigherIsBetter,
        function: AUPR.of(RankedItems::Masked),
        ..MASKED
    },
    Metric {
        name: "ood_pixel.fpr95",
        summary: "share of pixels inside the distribution that are flagged when 95 % of those \
                  outside are",
        function: FPR95.of(RankedItems::Masked),
        ..MASKED
    },
];

/// What most rows share; the constants below say how others differ.
const WHOLE: Metric = Metric {
    name: "",
    summary: "",
    direction: LowerIsBetter,
    range: (0.0, 1.0),
    requires: Requires::Labels,
    breakdown: Breakdown::Whole,
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

/// A function of ranked items with its bound.
struct RankedFunction(fn(&[super::Group]) -> Option<f64>, fn(&[super::Group]) -> f64);

impl RankedFunction {
    /// The function of some kind of items.
    const fn of(self, of: RankedItems) -> MetricFunction {
        MetricFunction::Ranked { of, value: self.0, bound: self.1 }
    }
}

const AUROC: RankedFunction = RankedFunction(ranking::auroc, ranking::auroc_bound);
const AUPR: RankedFunction =
    RankedFunction(ranking::aupr_error, ranking::aupr_error_bound);
const AUPR_SUCCESS: RankedFunction =
    RankedFunction(ranking::aupr_success, ranking::aupr_success_bound);
const FPR95: RankedFunction = RankedFunction(ranking::fpr95, ranking::fpr95_bound);
const AURC: RankedFunction = RankedFunction(selective::aurc, selective::aurc_bound);
