//! The categorical task: exactly one class per item. Classification and segmentation are the same
//! computation for an image or for every pixel.

use super::{
    ColumnKind, ColumnValue, DefaultStop, ImagePrediction, Item, MainMetric, OutputShape,
    PredictionColumn, StopTarget, Summary, Target, Task,
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
    default_maps: &[],
    overview: &PREDICTIVE_ENTROPY,
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
    main_metric: MainMetric { key: "accuracy", title: "accuracy" },
    accepts: |shape| is_of_classes(shape) && shape.is_image_level(),
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
    default_maps: &[PREDICTIVE_ENTROPY, MUTUAL_INFORMATION],
    overview: &PREDICTIVE_ENTROPY,
    prediction_columns: &[DETERMINISTIC_PROBABILITY],
    summaries: &[Summary::MEAN, Summary::PATCH_MAX, Summary::QUANTILE_95],
    stop_targets: STOP_TARGETS,
    default_stop: Some(DefaultStop {
        target: StopTarget::PredictiveEntropy,
        tolerance: 0.02,
    }),
    pseudo_samples: 0,
    main_metric: MainMetric { key: "mean_iou", title: "mean IoU" },
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
