//! Evaluation of predicted values: one evaluation for each target.

use super::evaluator::{EvaluationEvent, UncountedImages, for_each_image, none_compared};
use super::labels::{LabelValues, LeftOut, ValueLabels};
use super::prediction_folder::{PredictedImage, PredictionFolder};
use crate::error::{Error, Result};
use crate::metric::{
    DeterministicValues, MetricValue, ValueEvaluation, ValueEvaluationOptions,
    ValueEvaluationSpec, ValueInput, ValueSummary,
};
use crate::pipeline::{TargetArrays, VALUE_ARRAYS};
use crate::task::Target;

/// Results of an evaluation of values.
#[derive(Debug)]
pub struct ValueEvaluationResult {
    /// Results of each target.
    pub targets: Vec<TargetResult>,
    /// Number of images without a label.
    pub missing: usize,
    /// Number of images whose label or prediction cannot be used.
    pub failed: usize,
    /// Number of images whose label file contains integers.
    pub n_integer: usize,
}

/// Results of one target.
#[derive(Debug)]
pub struct TargetResult {
    /// Beginning of the keys of its metrics: empty for the only target, otherwise `NAME.`.
    pub prefix: String,
    /// Sums over all images.
    pub evaluation: ValueEvaluation,
    /// Every metric that the images allow.
    pub metrics: Vec<MetricValue>,
    /// Items of the evaluated images that do not count.
    pub left_out: LeftOut,
}

impl ValueEvaluationResult {
    /// Returns the value of the metric with this key, with the prefix of its target, if it is
    /// defined.
    pub fn value(&self, key: &str) -> Option<f64> {
        self.targets.iter().find_map(|target| {
            let key = key.strip_prefix(&target.prefix)?;
            target.metrics.iter().find(|metric| metric.key == key)?.value
        })
    }

    /// Returns the number of images with labels.
    pub fn n_images(&self) -> usize {
        let of_target = self.targets.iter().map(|target| target.evaluation.n_images());
        of_target.max().unwrap_or(0)
    }

    /// Returns the number of items that count, of all targets together.
    pub fn n_items(&self) -> u64 {
        self.targets.iter().map(|target| target.evaluation.n_items()).sum()
    }
}

/// Summaries of an image, or the reason why there are none.
pub(super) enum ValueOutcome {
    Done { targets: Vec<(ValueSummary, LeftOut)>, is_integer: bool },
    Missing(String),
}

/// Adds up the summaries of images.
pub(super) struct ValueEvaluator {
    targets: Vec<(ValueEvaluation, LeftOut)>,
    uncounted: UncountedImages,
    n_integer: usize,
}

impl ValueEvaluator {
    pub(super) fn new(specs: &[ValueEvaluationSpec]) -> Self {
        let new = |spec: &ValueEvaluationSpec| {
            (ValueEvaluation::new(spec.clone()), LeftOut::default())
        };
        let targets = specs.iter().map(new).collect();
        Self { targets, uncounted: UncountedImages::default(), n_integer: 0 }
    }

    pub(super) fn add(
        &mut self,
        id: &str,
        outcome: Result<ValueOutcome>,
        on_event: &mut dyn FnMut(EvaluationEvent<'_>),
    ) {
        let added = outcome.and_then(|outcome| match outcome {
            ValueOutcome::Missing(wanted) => Ok(Some(wanted)),
            ValueOutcome::Done { targets, is_integer } => {
                for ((sums, all), (summary, left_out)) in
                    self.targets.iter_mut().zip(targets)
                {
                    sums.add(summary)?;
                    all.add(&left_out);
                }
                self.n_integer += usize::from(is_integer);
                Ok(None)
            }
        });
        self.uncounted.add(id, added, on_event);
    }

    /// Computes the metrics.
    ///
    /// # Errors
    /// Fails if no image was added, or no item counts.
    pub(super) fn finish(self) -> Result<ValueEvaluationResult> {
        let Self { targets, uncounted, n_integer } = self;
        let UncountedImages { missing, failed } = uncounted;
        if targets.iter().all(|(evaluation, _)| evaluation.n_images() == 0) {
            return Err(none_compared(missing, failed));
        }
        if targets.iter().all(|(evaluation, _)| evaluation.n_items() == 0) {
            return Err(nothing_counts(&targets));
        }
        let is_only = targets.len() == 1;
        let result = |(evaluation, left_out): (ValueEvaluation, LeftOut)| {
            let name = evaluation.spec().target();
            let prefix = if is_only { String::new() } else { format!("{name}.") };
            let metrics = evaluation.metrics();
            TargetResult { prefix, evaluation, metrics, left_out }
        };
        let targets = targets.into_iter().map(result).collect();
        Ok(ValueEvaluationResult { targets, missing, failed, n_integer })
    }
}

/// Evaluates the values of all images of a folder that have labels, each target on its own;
/// `on_event` receives an event for each image, in no particular order.
///
/// # Errors
/// Fails if the folder predicts no values, an option is out of range, or no image has labels.
pub fn evaluate_values(
    folder: &PredictionFolder,
    labels: &ValueLabels,
    options: &ValueEvaluationOptions,
    threads: usize,
    on_event: &mut dyn FnMut(EvaluationEvent<'_>),
) -> Result<ValueEvaluationResult> {
    folder.require(Target::Value)?;
    let specs = value_specs(folder, options)?;
    let mut evaluator = ValueEvaluator::new(&specs);
    for_each_image(
        folder,
        threads,
        &|id| {
            let kept = folder.kept_values(id)?;
            let size = kept.first().map_or((1, 1), |target| target.size);
            summarize_values(&kept, labels, &folder.predicted_image(id, size), &specs)
        },
        &mut |id, outcome| evaluator.add(id, outcome, on_event),
    );
    evaluator.finish()
}

/// Returns the specification of each target.
pub(super) fn value_specs(
    folder: &PredictionFolder,
    options: &ValueEvaluationOptions,
) -> Result<Vec<ValueEvaluationSpec>> {
    for measure in VALUE_ARRAYS {
        if !folder.measures.iter().any(|kept| kept.name == measure.name) {
            let message = format!("{} was not kept", measure.name);
            return Err(Error::setting("measures", message)
                .with_hint("predict again, with all measures"));
        }
    }
    let target = folder.record.output.target.as_ref();
    let has_variance = target.is_some_and(|target| target.has_variance);
    let of_target = |name: String| {
        let spec = ValueEvaluationSpec::new(name, options.clone())?;
        Ok(if has_variance {
            spec.with_aleatoric_variance().with_deterministic_variance()
        } else {
            spec.with_deterministic()
        })
    };
    folder.targets().into_iter().map(of_target).collect()
}

/// Returns the error if no item has a label that counts.
fn nothing_counts(targets: &[(ValueEvaluation, LeftOut)]) -> Error {
    let mut all = LeftOut::default();
    for (_, left_out) in targets {
        all.add(left_out);
    }
    let reasons: Vec<String> = all.iter().map(|(reason, _)| reason.to_string()).collect();
    let message = format!("no label counts: they are {}", reasons.join(", "));
    Error::setting("labels", message).with_hint(
        "set `label_scale` so that labels are in the unit of the target, or `valid_range`",
    )
}

/// Summarizes the targets of an image.
pub(super) fn summarize_values(
    arrays: &[TargetArrays],
    labels: &ValueLabels,
    image: &PredictedImage<'_>,
    specs: &[ValueEvaluationSpec],
) -> Result<ValueOutcome> {
    let (values, left_out, is_integer) = match labels.labels(image)? {
        LabelValues::Missing(wanted) => return Ok(ValueOutcome::Missing(wanted)),
        LabelValues::Values { targets, left_out, is_integer } => {
            (targets, left_out, is_integer)
        }
    };
    let mut targets = Vec::with_capacity(specs.len());
    for (((arrays, labels), left_out), spec) in
        arrays.iter().zip(&values).zip(left_out).zip(specs)
    {
        let input = input(image.id, arrays, labels, spec);
        targets.push((ValueSummary::new(&input, spec)?, left_out));
    }
    Ok(ValueOutcome::Done { targets, is_integer })
}

fn input<'a>(
    id: &'a str,
    arrays: &'a TargetArrays,
    labels: &'a [f32],
    spec: &ValueEvaluationSpec,
) -> ValueInput<'a> {
    let has_variance = spec.has_aleatoric_variance();
    ValueInput {
        id,
        height: arrays.size.0,
        width: arrays.size.1,
        labels,
        value: &arrays.value,
        epistemic_variance: &arrays.epistemic_variance,
        aleatoric_variance: has_variance.then_some(&arrays.aleatoric_variance[..]),
        deterministic: Some(DeterministicValues {
            value: &arrays.deterministic_value,
            variance: has_variance.then_some(&arrays.deterministic_variance[..]),
        }),
        interval: None,
    }
}
