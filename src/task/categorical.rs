//! The categorical task: exactly one class per item. Classification and segmentation are the same
//! computation for an image or for every pixel.

use super::{
    ColumnKind, ColumnValue, DefaultStop, ImagePrediction, Item, MainMetric, OutputShape,
    PredictionColumn, StopTarget, Summary, Target, Task,
};
use crate::head::Role;
use crate::measure::{MEASURES, MUTUAL_INFORMATION, PREDICTIVE_ENTROPY, image_level};

/// One class per image.
pub const CLASSIFICATION: Task = Task {
    name: "classification",
    summary: "one class per image",
    roles: ROLES,
    output_axes: "[N,C]",
    item: Item::Image,
    target: Target::Class,
    measures: MEASURES,
    default_maps: &[],
    overview: &PREDICTIVE_ENTROPY,
    prediction_columns: &[
        PredictionColumn { name: "class", kind: ColumnKind::Class, value: class },
        PredictionColumn {
            name: "class_name",
            kind: ColumnKind::Text,
            value: class_name,
        },
        PredictionColumn {
            name: "probability",
            kind: ColumnKind::Number,
            value: probability,
        },
        PredictionColumn {
            name: "deterministic_class",
            kind: ColumnKind::Class,
            value: deterministic_class,
        },
        DETERMINISTIC_PROBABILITY,
    ],
    summaries: &[MEAN],
    default_stop: DefaultStop { target: StopTarget::Class, tolerance: 0.01 },
    pseudo_samples: 1,
    main_metric: MainMetric { key: "accuracy", title: "accuracy" },
    accepts: is_image_level,
};

/// One class per pixel.
pub const SEGMENTATION: Task = Task {
    name: "segmentation",
    summary: "one class per pixel",
    roles: ROLES,
    output_axes: "[N,C,H,W]",
    item: Item::Pixel,
    target: Target::Class,
    measures: MEASURES,
    default_maps: &[PREDICTIVE_ENTROPY, MUTUAL_INFORMATION],
    overview: &PREDICTIVE_ENTROPY,
    prediction_columns: &[DETERMINISTIC_PROBABILITY],
    summaries: &[
        MEAN,
        Summary { suffix: "_patch_max", value: image_level::patch_max },
        Summary { suffix: "_q95", value: image_level::quantile_95 },
    ],
    default_stop: DefaultStop { target: StopTarget::PredictiveEntropy, tolerance: 0.02 },
    pseudo_samples: 0,
    main_metric: MainMetric { key: "mean_iou", title: "mean IoU" },
    accepts: |shape| shape.sizes.len() == 4,
};

const ROLES: &[Role] = &[Role::Logits, Role::Probabilities];

const MEAN: Summary = Summary { suffix: "", value: image_level::mean };

/// Mean over the items; an image has only one item in classification.
const DETERMINISTIC_PROBABILITY: PredictionColumn = PredictionColumn {
    name: "deterministic_probability",
    kind: ColumnKind::Number,
    value: |image| {
        let (_, probability) = image.statistics.deterministic();
        let probability = image.region.crop_map(probability);
        ColumnValue::Number(image_level::mean(&probability))
    },
};

fn is_image_level(shape: &OutputShape) -> bool {
    match shape.sizes {
        [_, _] => true,
        // A map that is 1 x 1 only because the image is small is still a map.
        [_, _, 1, 1] => shape.is_declared_single,
        _ => false,
    }
}

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
