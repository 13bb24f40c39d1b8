//! Hook that receives each prediction as soon as it is computed.

use crate::error::Result;
use crate::measure::{
    ALEATORIC_VALUE_VARIANCE, EPISTEMIC_VALUE_VARIANCE, Measure, VALUE,
};
use crate::metric::DeterministicPass;
use crate::record::RunRecord;
use crate::tensor::ImageShape;

/// Measures of a regression that [`TargetArrays`] contains.
pub const VALUE_ARRAYS: [&Measure; 3] =
    [&VALUE, &EPISTEMIC_VALUE_VARIANCE, &ALEATORIC_VALUE_VARIANCE];

/// Receives predictions while they are computed, from several threads.
pub trait Observer: Sync {
    /// Called before the first image with the record of the run (`run.json`) and the ids of its
    /// images.
    ///
    /// # Errors
    /// Fails if the run must not start.
    fn begin(&self, record: &RunRecord, ids: Vec<String>) -> Result<()>;

    /// Called for each predicted image.
    fn image(&self, image: &Observed<'_>);
}

/// A prediction with the values that `--keep-probabilities` writes, in f32.
#[derive(Debug)]
pub struct Observed<'a> {
    /// Id of the image.
    pub id: &'a str,
    /// Numbers of rows and columns, without padding.
    pub size: (usize, usize),
    /// Size and orientation of the image.
    pub shape: ImageShape,
    /// Mean probabilities, one plane per class.
    pub probabilities: &'a [f32],
    /// The pass without dropout.
    pub deterministic: DeterministicPass<'a>,
    /// The values of the measures of the table, in the order of
    /// [`MEASURES`](crate::measure::MEASURES).
    pub measures: Vec<&'a [f32]>,
    /// The values of a regression, one entry per target; empty if the table lacks one of
    /// [`VALUE_ARRAYS`]. Probabilities, the pass without dropout and measures are then empty.
    pub targets: Vec<TargetArrays>,
    /// The predicted labels if the task has labels. Probabilities, the pass without dropout and
    /// measures are then empty.
    pub labels: Vec<LabelArrays>,
}

/// Predicted values of a label of an image.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelArrays {
    /// Numbers of rows and columns.
    pub size: (usize, usize),
    /// Mean probability over the samples.
    pub probability: Vec<f32>,
    /// Probability in the pass without dropout.
    pub deterministic_probability: Vec<f32>,
    /// Values of the measures of the table, all but the probability, in the order of the task.
    pub scores: Vec<Vec<f32>>,
}

/// Values of a target of an image, in the unit of the target.
#[derive(Debug, Clone, PartialEq)]
pub struct TargetArrays {
    /// Numbers of rows and columns.
    pub size: (usize, usize),
    /// Mean of the value over the samples.
    pub value: Vec<f32>,
    /// Variance of the value over the samples.
    pub epistemic_variance: Vec<f32>,
    /// Mean over the samples of the variance that the network predicts.
    pub aleatoric_variance: Vec<f32>,
    /// Value of the pass without dropout.
    pub deterministic_value: Vec<f32>,
    /// Variance that this pass predicts.
    pub deterministic_variance: Vec<f32>,
}

impl TargetArrays {
    /// Returns the root of the total variance of each item, with the bits of the measure.
    pub fn total_std(&self) -> Vec<f32> {
        let variances = self.epistemic_variance.iter().zip(&self.aleatoric_variance);
        let total = variances.map(|(epistemic, aleatoric)| epistemic + aleatoric);
        total.map(|variance| variance.max(0.0).sqrt()).collect()
    }
}
