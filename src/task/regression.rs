//! Regression: one or several values per item, with the variance that the network predicts if it has
//! a head for it. Per image or per pixel it is the same computation.

use super::{
    ColumnKind, ColumnValue, ImagePrediction, Item, PredictedMeasure, PredictionColumn,
    StopTarget, Summary, Target, Task, TuningMetrics,
};
use crate::head::Role;
use crate::measure::{
    ALEATORIC_STD, CALIBRATED_STD, EPISTEMIC_STD, INTERVAL_HIGH, INTERVAL_LOW, Range,
    TOTAL_STD, Unit, VALUE, VALUE_MEASURES, end_of_interval, image_level,
};
use crate::sums::Family;

/// Name of the task.
const NAME: &str = "regression";

/// Values of each image.
pub const IMAGE_REGRESSION: Task = Task {
    name: NAME,
    summary: "values: one or several numbers per image or per pixel",
    family: Family::Values,
    roles: &[Role::Mean],
    output_axes: "[N,K]",
    item: Item::Image,
    target: Target::Value,
    measures: VALUE_MEASURES,
    optional_measures: &[CALIBRATED_STD],
    main_measures: &[VALUE, TOTAL_STD, ALEATORIC_STD, EPISTEMIC_STD],
    overview: &TOTAL_STD,
    predicted: Some(PredictedMeasure {
        measure: &VALUE,
        std: Some(&TOTAL_STD),
        threshold: None,
    }),
    prediction_columns: &[
        DETERMINISTIC_VALUE,
        DETERMINISTIC_STD,
        PredictionColumn {
            name: "interval_low",
            kind: ColumnKind::Number,
            per_channel: true,
            value: |image| ColumnValue::Number(interval_end(image, -1.0)),
        },
        PredictionColumn {
            name: "interval_high",
            kind: ColumnKind::Number,
            per_channel: true,
            value: |image| ColumnValue::Number(interval_end(image, 1.0)),
        },
    ],
    summaries: &[Summary::MEAN],
    stop_targets: &[StopTarget::Value],
    default_stop: None,
    pseudo_samples: 0,
    tuning: TuningMetrics {
        negative_log_likelihood: "negative_log_likelihood",
        quality: "rmse",
        loss: |plain, choice| choice / plain - 1.0,
        calibration: "auce",
        error_finding: "spearman.total_std",
    },
    accepts: |shape| shape.family == Family::Values && shape.is_image_level(),
};

/// Values of each pixel.
pub const PIXEL_REGRESSION: Task = Task {
    output_axes: "[N,K,H,W]",
    item: Item::Pixel,
    optional_measures: &[CALIBRATED_STD, INTERVAL_LOW, INTERVAL_HIGH],
    prediction_columns: &[DETERMINISTIC_VALUE, DETERMINISTIC_STD],
    summaries: &[
        Summary::MEAN,
        Summary { applies: is_std, ..Summary::PATCH_MAX },
        Summary { applies: is_std, ..Summary::QUANTILE_95 },
    ],
    accepts: |shape| shape.family == Family::Values && shape.sizes.len() == 4,
    ..IMAGE_REGRESSION
};

/// Mean over the items; an image has only one item if values are per image.
const DETERMINISTIC_VALUE: PredictionColumn = PredictionColumn {
    name: "deterministic_value",
    kind: ColumnKind::Number,
    per_channel: true,
    value: |image| {
        let (value, _) = image.statistics.deterministic_channel(image.channel);
        ColumnValue::Number(image_level::mean(&image.region.crop_map(value)))
    },
};

/// Root of the variance that the pass without dropout predicts: the mean over the items.
const DETERMINISTIC_STD: PredictionColumn = PredictionColumn {
    name: "deterministic_std",
    kind: ColumnKind::Number,
    per_channel: true,
    value: |image| {
        let (_, variance) = image.statistics.deterministic_channel(image.channel);
        let mut std = image.region.crop_map(variance);
        for value in &mut std.values {
            *value = value.sqrt();
        }
        ColumnValue::Number(image_level::mean(&std))
    },
};

/// Returns whether a measure is a standard deviation of the value.
fn is_std(measure: &crate::measure::Measure) -> bool {
    measure.unit == Unit::Target && matches!(measure.range, Range::Unbounded)
}

/// Returns the end of the interval of the image's value below (`-1`) or above (`1`) it.
fn interval_end(image: &ImagePrediction, side: f64) -> f32 {
    let of_image = |measure: &crate::measure::Measure| {
        let map = measure.map_of_channel(image.statistics, image.channel);
        image_level::mean(&image.region.crop_map(map))
    };
    let factor = side * image.std_factors.interval;
    end_of_interval(of_image(&VALUE), of_image(&TOTAL_STD), factor)
}
