//! Labels of which any number may hold together. Per image or per pixel it is the same computation.

use super::{
    ColumnKind, ColumnValue, Item, PredictedMeasure, PredictionColumn, StopTarget,
    Summary, Target, Task, TuningMetrics,
};
use crate::head::Role;
use crate::measure::{
    LABEL_MEASURES, LABEL_MUTUAL_INFORMATION, LABEL_PREDICTIVE_ENTROPY,
    LABEL_PROBABILITY, image_level,
};
use crate::sums::Family;

/// Labels of each image.
pub const IMAGE_LABELS: Task = Task {
    name: "multilabel",
    summary: "labels of which any number holds, per image or per pixel",
    family: Family::Labels,
    roles: &[Role::LabelLogits, Role::LabelProbabilities],
    output_axes: "[N,C]",
    item: Item::Image,
    target: Target::Labels,
    measures: LABEL_MEASURES,
    optional_measures: &[],
    main_measures: &[
        LABEL_PROBABILITY,
        LABEL_PREDICTIVE_ENTROPY,
        LABEL_MUTUAL_INFORMATION,
    ],
    overview: &LABEL_PREDICTIVE_ENTROPY,
    predicted: Some(PredictedMeasure {
        measure: &LABEL_PROBABILITY,
        std: None,
        threshold: Some(THRESHOLD),
    }),
    prediction_columns: &[LABELS, DETERMINISTIC_PROBABILITY],
    summaries: &[Summary::MEAN],
    stop_targets: &[StopTarget::LabelProbability],
    default_stop: Some(super::DefaultStop {
        target: StopTarget::LabelProbability,
        tolerance: 0.02,
    }),
    pseudo_samples: 0,
    tuning: TuningMetrics {
        negative_log_likelihood: "macro.negative_log_likelihood",
        quality: "macro.auroc",
        loss: |plain, choice| plain - choice,
        calibration: "macro.expected_calibration_error",
        error_finding: "micro.misclassification.auroc.predictive_entropy",
    },
    accepts: |shape| shape.family == Family::Labels && shape.is_image_level(),
};

/// Labels of each pixel.
pub const PIXEL_LABELS: Task = Task {
    output_axes: "[N,C,H,W]",
    item: Item::Pixel,
    prediction_columns: &[DETERMINISTIC_PROBABILITY],
    summaries: &[Summary::MEAN, Summary::PATCH_MAX, Summary::QUANTILE_95],
    accepts: |shape| shape.family == Family::Labels && shape.sizes.len() == 4,
    ..IMAGE_LABELS
};

/// Probability from which on a label is predicted.
pub const THRESHOLD: f32 = 0.5;

/// Names of the predicted labels, separated by semicolons; their numbers if they have no names.
const LABELS: PredictionColumn = PredictionColumn {
    name: "labels",
    kind: ColumnKind::Text,
    per_channel: false,
    value: |image| {
        let mut names = Vec::new();
        for label in 0..image.statistics.n_classes() {
            let map = LABEL_PROBABILITY.map_of_channel(image.statistics, label);
            let threshold = image.label_thresholds.get(label).unwrap_or(&THRESHOLD);
            if map.values.first().is_some_and(|probability| probability >= threshold) {
                let name = image.class_names.get(label).cloned();
                names.push(name.unwrap_or_else(|| label.to_string()));
            }
        }
        ColumnValue::Text(names.join("; "))
    },
};

/// Mean over the items; an image has only one item if labels are per image.
const DETERMINISTIC_PROBABILITY: PredictionColumn = PredictionColumn {
    name: "deterministic_probability",
    kind: ColumnKind::Number,
    per_channel: true,
    value: |image| {
        let (probability, _) = image.statistics.deterministic_channel(image.channel);
        ColumnValue::Number(image_level::mean(&image.region.crop_map(probability)))
    },
};
