//! The table of metrics of values.

use super::formula::{
    ValueMetricInput, calibration, depth, error, rank_correlation, sparsification,
};

use ValueDirection::{
    ClosestTo, ClosestToLevel, Descriptive, HigherIsBetter, LowerIsBetter,
};
use ValueMetricFunction::{Binned, Exact};

/// Relation of a metric's value to quality.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum ValueDirection {
    /// The value grows with quality.
    HigherIsBetter,
    /// The value falls with quality.
    LowerIsBetter,
    /// This value is the best one.
    ClosestTo(f64),
    /// The level of the intervals is the best value
    /// ([`ValueEvaluationSpec::interval_level`](super::ValueEvaluationSpec::interval_level)).
    ClosestToLevel,
    /// The value explains other metrics. It has no interval.
    Descriptive,
}

/// Unit of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueUnit {
    /// Unit of the target.
    Target,
    /// None: a ratio, a share or a correlation.
    One,
    /// Nats, of a density per unit of the target.
    Nat,
}

/// Data that a metric requires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueRequires {
    /// Labels.
    Labels,
    /// Labels that are positive, and the option
    /// [`depth`](super::ValueEvaluationOptions::depth).
    Depth,
    /// Labels, and the option [`error_above`](super::ValueEvaluationOptions::error_above).
    ErrorLimit,
    /// Labels, and intervals as part of the input.
    Interval,
}

/// Values of a metric, and the endings of their keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ValueBreakdown {
    /// A single value; its key is the name.
    Whole,
    /// A value for the mean over the samples, whose key is the name, and one for the pass without
    /// dropout: `NAME.deterministic`.
    Prediction,
    /// The same as [`Self::Prediction`], but the pass without dropout has a value only if it has
    /// a variance.
    Distribution,
    /// One value per standard deviation ([`StdSource`](super::StdSource)): `NAME.STD`.
    Std,
}

/// A metric of values.
#[derive(Debug, Clone, Copy)]
pub struct ValueMetric {
    /// Name, with which its keys begin.
    pub name: &'static str,
    /// Name in tables.
    pub title: &'static str,
    /// Meaning, in one phrase.
    pub summary: &'static str,
    /// Relation of the value to quality.
    pub direction: ValueDirection,
    /// Unit of the value.
    pub unit: ValueUnit,
    /// Smallest and largest possible value.
    pub range: (f64, f64),
    /// Data that the metric requires.
    pub requires: ValueRequires,
    /// Values of the metric.
    pub breakdown: ValueBreakdown,
    pub(super) function: ValueMetricFunction,
}

impl ValueMetric {
    /// Returns the metric with this name.
    pub fn by_name(name: &str) -> Option<&'static Self> {
        VALUE_METRICS.iter().find(|metric| metric.name == name)
    }
}

/// Computation of a metric. A bound limits the error that bins cause.
#[derive(Debug, Clone, Copy)]
pub(super) enum ValueMetricFunction {
    /// Exact function of sums.
    Exact { value: fn(&ValueMetricInput) -> Option<f64> },
    /// Function of sums with a bound on its error.
    Binned {
        value: fn(&ValueMetricInput) -> Option<f64>,
        bound: fn(&ValueMetricInput) -> f64,
    },
}

/// All metrics of values, in the order in which they are listed.
pub const VALUE_METRICS: &[ValueMetric] = &[
    // Errors
    ValueMetric {
        name: "rmse",
        title: "RMSE",
        summary: "root of the mean squared error",
        function: Exact { value: error::rmse },
        ..PREDICTION
    },
    ValueMetric {
        name: "mae",
        title: "MAE",
        summary: "mean absolute error",
        function: Exact { value: error::mae },
        ..PREDICTION
    },
    ValueMetric {
        name: "bias",
        title: "bias",
        summary: "mean of the value minus the label",
        direction: ClosestTo(0.0),
        range: ANY,
        function: Exact { value: error::bias },
        ..PREDICTION
    },
    ValueMetric {
        name: "r2",
        title: "R²",
        summary: "1 minus the mean squared error divided by the variance of the labels",
        direction: HigherIsBetter,
        unit: ValueUnit::One,
        range: (f64::NEG_INFINITY, 1.0),
        function: Exact { value: error::r2 },
        ..PREDICTION
    },
    ValueMetric {
        name: "large_error_share",
        title: "large errors",
        summary: "share of the items whose absolute error is above the limit",
        unit: ValueUnit::One,
        range: SHARE,
        requires: ValueRequires::ErrorLimit,
        function: Exact { value: error::large_share },
        ..PREDICTION
    },
    // Depth
    ValueMetric {
        name: "abs_rel",
        title: "AbsRel",
        summary: "mean of the absolute error divided by the label",
        function: Exact { value: depth::abs_rel },
        ..DEPTH
    },
    ValueMetric {
        name: "sq_rel",
        title: "SqRel",
        summary: "mean of the squared error divided by the label",
        unit: ValueUnit::Target,
        function: Exact { value: depth::sq_rel },
        ..DEPTH
    },
    ValueMetric {
        name: "rmse_log",
        title: "RMSE log",
        summary: "root of the mean squared error of the natural logarithm",
        function: Exact { value: depth::rmse_log },
        ..DEPTH
    },
    ValueMetric {
        name: "log10",
        title: "log10",
        summary: "mean absolute error of the decimal logarithm",
        function: Exact { value: depth::log10 },
        ..DEPTH
    },
    ValueMetric {
        name: "delta_1",
        title: "δ < 1.25",
        summary: "share of the items whose ratio of the larger to the smaller one of value and \
                  label is below 1.25",
        function: Exact { value: depth::delta_1 },
        ..NEAR
    },
    ValueMetric {
        name: "delta_2",
        title: "δ < 1.25²",
        summary: "the same share as delta_1 for 1.25^2",
        function: Exact { value: depth::delta_2 },
        ..NEAR
    },
    ValueMetric {
        name: "delta_3",
        title: "δ < 1.25³",
        summary: "the same share as delta_1 for 1.25^3",
        function: Exact { value: depth::delta_3 },
        ..NEAR
    },
    // Likelihood and calibration
    ValueMetric {
        name: "negative_log_likelihood",
        title: "NLL",
        summary: "mean of -ln of the density at the label, with its constant; standard deviations \
                  below the floor count as the floor",
        unit: ValueUnit::Nat,
        range: ANY,
        function: Exact { value: calibration::negative_log_likelihood },
        ..DISTRIBUTION
    },
    ValueMetric {
        name: "std_floor_share",
        title: "floored",
        summary: "share of the items whose standard deviation is below the floor",
        direction: Descriptive,
        range: SHARE,
        function: Exact { value: calibration::floored },
        ..DISTRIBUTION
    },
    ValueMetric {
        name: "crps",
        title: "CRPS",
        summary: "mean continuous ranked probability score, which equals the absolute error for a \
                  standard deviation of 0",
        unit: ValueUnit::Target,
        function: Exact { value: calibration::crps },
        ..DISTRIBUTION
    },
    ValueMetric {
        name: "sharpness",
        title: "sharpness",
        summary: "root of the mean predicted variance",
        direction: Descriptive,
        unit: ValueUnit::Target,
        function: Exact { value: calibration::sharpness },
        ..DISTRIBUTION
    },
    ValueMetric {
        name: "coverage_50",
        title: "coverage at 50 %",
        summary: "share of the labels inside of the central interval of 50 %",
        direction: ClosestTo(0.5),
        function: Exact { value: calibration::coverage_50 },
        ..COVERAGE
    },
    ValueMetric {
        name: "coverage_68",
        title: "coverage at 68 %",
        summary: "share of the labels inside of the central interval of 68 %",
        direction: ClosestTo(0.68),
        function: Exact { value: calibration::coverage_68 },
        ..COVERAGE
    },
    ValueMetric {
        name: "coverage_90",
        title: "coverage at 90 %",
        summary: "share of the labels inside of the central interval of 90 %",
        direction: ClosestTo(0.9),
        function: Exact { value: calibration::coverage_90 },
        ..COVERAGE
    },
    ValueMetric {
        name: "coverage_95",
        title: "coverage at 95 %",
        summary: "share of the labels inside of the central interval of 95 %",
        direction: ClosestTo(0.95),
        function: Exact { value: calibration::coverage_95 },
        ..COVERAGE
    },
    ValueMetric {
        name: "auce",
        title: "AUCE",
        summary: "area between the coverage of central intervals and their level, from 1 to 99 %",
        direction: LowerIsBetter,
        function: Exact { value: calibration::auce },
        ..COVERAGE
    },
    ValueMetric {
        name: "ence",
        title: "ENCE",
        summary: "mean over 15 bins of the standard deviation with equally many items of the \
                  distance between predicted and actual root mean square error, divided by the \
                  predicted one",
        function: Binned { value: calibration::ence, bound: calibration::ence_bound },
        ..DISTRIBUTION
    },
    ValueMetric {
        name: "interval_coverage",
        title: "interval coverage",
        summary: "share of the labels inside of the given intervals",
        direction: ClosestToLevel,
        range: SHARE,
        requires: ValueRequires::Interval,
        breakdown: ValueBreakdown::Whole,
        function: Exact { value: error::interval_coverage },
        ..DISTRIBUTION
    },
    ValueMetric {
        name: "interval_coverage_of_images",
        title: "interval coverage of images",
        summary: "mean over images of the share of their labels inside of the given intervals",
        direction: ClosestToLevel,
        range: SHARE,
        requires: ValueRequires::Interval,
        breakdown: ValueBreakdown::Whole,
        function: Exact { value: error::interval_coverage_of_images },
        ..DISTRIBUTION
    },
    ValueMetric {
        name: "interval_width",
        title: "interval width",
        summary: "mean width of the given intervals",
        unit: ValueUnit::Target,
        requires: ValueRequires::Interval,
        breakdown: ValueBreakdown::Whole,
        function: Exact { value: error::interval_width },
        ..DISTRIBUTION
    },
    // Finding errors
    ValueMetric {
        name: "large_error.auroc",
        title: "AUROC",
        summary: "probability that an item with an error above the limit has a larger standard \
                  deviation than another item",
        direction: HigherIsBetter,
        range: SHARE,
        requires: ValueRequires::ErrorLimit,
        function: Binned {
            value: sparsification::large_error_auroc,
            bound: sparsification::large_error_auroc_bound,
        },
        ..STD
    },
    ValueMetric {
        name: "spearman",
        title: "rank correlation",
        summary: "Spearman's rank correlation of absolute error and standard deviation",
        direction: HigherIsBetter,
        range: (-1.0, 1.0),
        function: Binned {
            value: rank_correlation::spearman,
            bound: rank_correlation::spearman_bound,
        },
        ..STD
    },
    ValueMetric {
        name: "ause_ilg",
        title: "AUSE (Ilg)",
        summary: "area between the normalized mean absolute errors left by removing the largest \
                  standard deviations and by removing the largest errors",
        function: Binned {
            value: sparsification::ause_ilg,
            bound: sparsification::ause_ilg_bound,
        },
        ..STD
    },
    ValueMetric {
        name: "ause_gustafsson",
        title: "AUSE (Gustafsson)",
        summary: "area between the normalized root mean square errors left by removing the \
                  largest standard deviations and by removing the largest errors, at 0 to 99 %",
        function: Binned {
            value: sparsification::ause_gustafsson,
            bound: sparsification::ause_gustafsson_bound,
        },
        ..STD
    },
    ValueMetric {
        name: "ause_poggi_rmse",
        title: "AUSE (Poggi), RMSE",
        summary: "mean over images of the area between the root mean square errors left by \
                  removing the largest standard deviations and by removing the largest errors, \
                  in steps of 2 %",
        unit: ValueUnit::Target,
        function: Exact { value: sparsification::ause_poggi_rmse },
        ..STD
    },
    ValueMetric {
        name: "ause_poggi_abs_rel",
        title: "AUSE (Poggi), AbsRel",
        summary: "the same area as ause_poggi_rmse for abs_rel",
        requires: ValueRequires::Depth,
        function: Exact { value: sparsification::ause_poggi_abs_rel },
        ..STD
    },
    ValueMetric {
        name: "ause_poggi_delta_1",
        title: "AUSE (Poggi), δ",
        summary: "the same area as ause_poggi_rmse for 1 minus delta_1",
        requires: ValueRequires::Depth,
        function: Exact { value: sparsification::ause_poggi_delta },
        ..STD
    },
    ValueMetric {
        name: "aurg_poggi_rmse",
        title: "AURG (Poggi), RMSE",
        summary: "mean over images of the root mean square error minus the area under that left \
                  by removing the largest standard deviations",
        direction: HigherIsBetter,
        unit: ValueUnit::Target,
        range: ANY,
        function: Exact { value: sparsification::aurg_poggi_rmse },
        ..STD
    },
    ValueMetric {
        name: "aurg_poggi_abs_rel",
        title: "AURG (Poggi), AbsRel",
        summary: "the same difference as aurg_poggi_rmse for abs_rel",
        direction: HigherIsBetter,
        range: ANY,
        requires: ValueRequires::Depth,
        function: Exact { value: sparsification::aurg_poggi_abs_rel },
        ..STD
    },
    ValueMetric {
        name: "aurg_poggi_delta_1",
        title: "AURG (Poggi), δ",
        summary: "the same difference as aurg_poggi_rmse for 1 minus delta_1",
        direction: HigherIsBetter,
        range: ANY,
        requires: ValueRequires::Depth,
        function: Exact { value: sparsification::aurg_poggi_delta },
        ..STD
    },
];

const SHARE: (f64, f64) = (0.0, 1.0);
const POSITIVE: (f64, f64) = (0.0, f64::INFINITY);
const ANY: (f64, f64) = (f64::NEG_INFINITY, f64::INFINITY);

/// Defaults of all rows; the constants below change them for one kind of metric.
const PREDICTION: ValueMetric = ValueMetric {
    name: "",
    title: "",
    summary: "",
    direction: LowerIsBetter,
    unit: ValueUnit::Target,
    range: POSITIVE,
    requires: ValueRequires::Labels,
    breakdown: ValueBreakdown::Prediction,
    function: Exact { value: error::mae },
};
const DEPTH: ValueMetric =
    ValueMetric { unit: ValueUnit::One, requires: ValueRequires::Depth, ..PREDICTION };
const NEAR: ValueMetric =
    ValueMetric { direction: HigherIsBetter, range: SHARE, ..DEPTH };
const DISTRIBUTION: ValueMetric = ValueMetric {
    unit: ValueUnit::One,
    breakdown: ValueBreakdown::Distribution,
    ..PREDICTION
};
const COVERAGE: ValueMetric = ValueMetric { range: SHARE, ..DISTRIBUTION };
const STD: ValueMetric =
    ValueMetric { unit: ValueUnit::One, breakdown: ValueBreakdown::Std, ..PREDICTION };
