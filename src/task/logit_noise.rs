//! The categorical task with Gaussian noise of the logits, whose variance the network predicts. Each
//! sample is the mean over draws of the noise (Kendall and Gal 2017, eq. 10 to 12), and otherwise the
//! task is the same.

use super::{CLASSIFICATION, OutputShape, SEGMENTATION, Task};
use crate::head::Role;
use crate::measure::{
    LOGIT_NOISE_INFORMATION, MUTUAL_INFORMATION, NOISY_MEASURES, PREDICTIVE_ENTROPY,
};
use crate::sums::SpreadForm;

/// One class per image.
pub const NOISY_CLASSIFICATION: Task = Task {
    roles: ROLES,
    measures: NOISY_MEASURES,
    accepts: |shape| is_noisy(shape) && shape.is_image_level(),
    ..CLASSIFICATION
};

/// One class per pixel.
pub const NOISY_SEGMENTATION: Task = Task {
    roles: ROLES,
    measures: NOISY_MEASURES,
    main_measures: &[PREDICTIVE_ENTROPY, MUTUAL_INFORMATION, LOGIT_NOISE_INFORMATION],
    accepts: |shape| is_noisy(shape) && shape.sizes.len() == 4,
    ..SEGMENTATION
};

const ROLES: &[Role] = &[
    Role::Logits,
    Role::LogitSpread(SpreadForm::Variance),
    Role::LogitSpread(SpreadForm::LogVariance),
    Role::LogitSpread(SpreadForm::Std),
];

fn is_noisy(shape: &OutputShape) -> bool {
    shape.family == CLASSIFICATION.family && shape.has_logit_noise
}
