//! The categorical task: exactly one class per item. Classification and segmentation are the same
//! computation for an image or for every pixel.

use super::{
    ColumnKind, ColumnValue, DefaultStop, ImagePrediction, Item, OutputShape,
    PredictionColumn, StopTarget, Summary, Target, Task, TuningMetrics,
};
use crate::head::Role;
use crate::measure::{MEASURES, MUTUAL_INFORMATION, PREDICTIVE_ENTROPY, image_level};
use crate::sums::Family;

/// One class per image.
pub const CLASSIFICATION: Task = Task {
    name: "classification",
    summary: "one class per image",
    family: Family::Classes,
    roles: ROLES,
    output_axes: "[N,C]",
    item: Item::Image,
    target: Target::Class,
    measures: MEASURES,
    optional_measures: &[],
    main_measures: &[PREDICTIVE_ENTROPY, MUTUAL_INFORMATION],
    overview: &PREDICTIVE_ENTROPY,
    predicted: None,
    prediction_columns: &[
        PredictionColumn {
            name: "class",
            kind: ColumnKind::Class,
            per_channel: false,
            value: class,
        },
        PredictionColumn {
            name: "class_name",
            kind: ColumnKind::Text,
            per_channel: false,
            value: class_name,
        },
        PredictionColumn {
            name: "probability",
            kind: ColumnKind::Number,
            per_channel: false,
            value: probability,
        },
        PredictionColumn {
            name: "deterministic_class",
            kind: ColumnKind::Class,
            per_channel: false,
            value: deterministic_class,
        },
        DETERMINISTIC_PROBABILITY,
    ],
    summaries: &[Summary::MEAN],
    stop_targets: STOP_TARGETS,
    default_stop: Some(DefaultStop { target: StopTarget::Class, tolerance: 0.01 }),
    pseudo_samples: 1,
    tuning: TuningMetrics { quality: "accuracy", ..TUNING },
    accepts: |shape| is_of_classes(shape) && shape.is_image_level(),
};

/// Metrics of both; those of quality are shares.
const TUNING: TuningMetrics = TuningMetrics {
    negative_log_likelihood: "negative_log_likelihood",
    quality: "accuracy",
    loss: |plain, choice| plain - choice,
    calibration: "expected_calibration_error",
    error_finding: "misclassification.auroc.predictive_entropy",
};

/// One class per pixel.
pub const SEGMENTATION: Task = Task {
    name: "segmentation",
    summary: "one class per pixel",
    family: Family::Classes,
    roles: ROLES,
    output_axes: "[N,C,H,W]",
    item: Item::Pixel,
    target: Target::Class,
    measures: MEASURES,
    optional_measures: &[],
    main_measures: &[PREDICTIVE_ENTROPY, MUTUAL_INFORMATION],
    overview: &PREDICTIVE_ENTROPY,
    predicted: None,
    prediction_columns: &[DETERMINISTIC_PROBABILITY],
    summaries: &[Summary::MEAN, Summary::PATCH_MAX, Summary::QUANTILE_95],
    stop_targets: STOP_TARGETS,
    default_stop: Some(DefaultStop {
        target: StopTarget::PredictiveEntropy,
        tolerance: 0.02,
    }),
    pseudo_samples: 0,
    tuning: TuningMetrics { quality: "mean_iou", ..TUNING },
    accepts: |shape| is_of_classes(shape) && shape.sizes.len() == 4,
};

fn is_of_classes(shape: &OutputShape) -> bool {
    shape.family == Family::Classes && !shape.has_logit_noise
}

const ROLES: &[Role] = &[Role::Logits, Role::Probabilities];

const STOP_TARGETS: &[StopTarget] =
    &[StopTarget::Class, StopTarget::PredictiveEntropy, StopTarget::Probability];

/// Mean over the items; an image has only one item in classification.
const DETERMINISTIC_PROBABILITY: PredictionColumn = PredictionColumn {
    name: "deterministic_probability",
    kind: ColumnKind::Number,
    per_channel: false,
    value: |image| {
        let (_, probability) = image.statistics.deterministic();
        let probability = image.region.crop_map(probability);
        ColumnValue::Number(image_level::mean(&probability))
    },
};

fn predicted_class(image: &ImagePrediction) -> u16 {
    image.statistics.prediction().classes[0]
}

fn class(image: &ImagePrediction) -> ColumnValue {
    ColumnValue::Class(predicted_class(image))
}

fn class_name(image: &ImagePrediction) -> ColumnValue {
    let class = usize::from(predicted_class(image));
    ColumnValue::Text(image.class_names.get(class).cloned().unwrap_or_default())
}

fn probability(image: &ImagePrediction) -> ColumnValue {
    ColumnValue::Number(image.statistics.probability().values[0])
}

fn deterministic_class(image: &ImagePrediction) -> ColumnValue {
    ColumnValue::Class(image.statistics.deterministic().0.classes[0])
}
