//! Evaluation of predicted values: one evaluation for each target.

use super::evaluator::{EvaluationEvent, UncountedImages, for_each_image, none_compared};
use super::labels::{LabelValues, LeftOut, ValueLabels};
use super::prediction_folder::{PredictedImage, PredictionFolder};
use super::value_policy::{DecisionCounts, EvaluatedPolicy, PolicySummary, PolicySums};
use crate::error::{Error, Result};
use crate::head::{HeadChoice, Role};
use crate::metric::{
    DeterministicValues, ErrorDistribution, MetricValue, ValueEvaluation,
    ValueEvaluationOptions, ValueEvaluationSpec, ValueInput, ValueInterval, ValueSummary,
};
use crate::pipeline::{TargetArrays, VALUE_ARRAYS};
use crate::policy::Decision;
use crate::sums::SpreadForm;
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
    /// Numbers of images by the decision of the policy; all 0 without one that decides.
    pub decisions: DecisionCounts,
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
    /// Metrics of a policy, each list with the beginning of its keys behind that of the target:
    /// `calibrated.`, `accepted.`.
    pub of_policy: Vec<(&'static str, Vec<MetricValue>)>,
    /// Items of the evaluated images that do not count.
    pub left_out: LeftOut,
}

impl ValueEvaluationResult {
    /// Returns the value of the metric with this key, with the prefix of its target, if it is
    /// defined.
    pub fn value(&self, key: &str) -> Option<f64> {
        self.targets.iter().find_map(|target| {
            let key = key.strip_prefix(&target.prefix)?;
            let find = |metrics: &[MetricValue], key: &str| {
                metrics.iter().find(|metric| metric.key == key)?.value
            };
            let mut of_policy = target
                .of_policy
                .iter()
                .filter_map(|(prefix, metrics)| find(metrics, key.strip_prefix(prefix)?));
            find(&target.metrics, key).or_else(|| of_policy.next())
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
    Done { targets: Vec<TargetSummary>, is_integer: bool, decision: Option<Decision> },
    Missing(String),
}

/// Summary of a target of an image.
pub(super) struct TargetSummary {
    plain: ValueSummary,
    of_policy: Option<PolicySummary>,
    left_out: LeftOut,
}

/// What is computed for the images of a folder.
pub(super) struct ValuePlan<'a> {
    /// Specification of each target.
    specs: Vec<ValueEvaluationSpec>,
    policy: Option<&'a EvaluatedPolicy<'a>>,
}

/// Sums of a target over images.
struct TargetSums {
    evaluation: ValueEvaluation,
    of_policy: Option<PolicySums>,
    left_out: LeftOut,
}

/// Adds up the summaries of images.
pub(super) struct ValueEvaluator {
    targets: Vec<TargetSums>,
    uncounted: UncountedImages,
    n_integer: usize,
    decisions: DecisionCounts,
}

impl ValueEvaluator {
    pub(super) fn new(plan: &ValuePlan<'_>) -> Self {
        let new = |(target, spec): (usize, &ValueEvaluationSpec)| TargetSums {
            evaluation: ValueEvaluation::new(spec.clone()),
            of_policy: plan.policy.map(|policy| policy.sums(target, spec)),
            left_out: LeftOut::default(),
        };
        let targets = plan.specs.iter().enumerate().map(new).collect();
        let (uncounted, decisions) = Default::default();
        Self { targets, uncounted, n_integer: 0, decisions }
    }

    pub(super) fn add(
        &mut self,
        id: &str,
        outcome: Result<ValueOutcome>,
        on_event: &mut dyn FnMut(EvaluationEvent<'_>),
    ) {
        let added = outcome.and_then(|outcome| match outcome {
            ValueOutcome::Missing(wanted) => Ok(Some(wanted)),
            ValueOutcome::Done { targets, is_integer, decision } => {
                for (sums, summary) in self.targets.iter_mut().zip(targets) {
                    sums.evaluation.add(summary.plain)?;
                    sums.left_out.add(&summary.left_out);
                    if let (Some(sums), Some(summary)) =
                        (&mut sums.of_policy, summary.of_policy)
                    {
                        sums.add(summary)?;
                    }
                }
                self.n_integer += usize::from(is_integer);
                self.decisions.count(decision);
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
        let Self { targets, uncounted, n_integer, decisions } = self;
        let UncountedImages { missing, failed } = uncounted;
        if targets.iter().all(|target| target.evaluation.n_images() == 0) {
            return Err(none_compared(missing, failed));
        }
        if targets.iter().all(|target| target.evaluation.n_items() == 0) {
            let mut all = LeftOut::default();
            for target in &targets {
                all.add(&target.left_out);
            }
            return Err(nothing_counts(&all));
        }
        let is_only = targets.len() == 1;
        let result = |TargetSums { evaluation, of_policy, left_out }| {
            let name = evaluation.spec().target();
            let prefix = if is_only { String::new() } else { format!("{name}.") };
            let metrics = evaluation.metrics();
            let of_policy = of_policy.as_ref().map(PolicySums::metrics);
            let of_policy = of_policy.unwrap_or_default();
            TargetResult { prefix, evaluation, metrics, of_policy, left_out }
        };
        let targets = targets.into_iter().map(result).collect();
        Ok(ValueEvaluationResult { targets, missing, failed, n_integer, decisions })
    }
}

/// Evaluates the values of all images of a folder that have labels, each target on its own, and the
/// rules of a policy; `on_event` receives an event for each image, in no particular order.
///
/// # Errors
/// Fails if the folder predicts no values, an option is out of range, or no image has labels.
pub fn evaluate_values(
    folder: &PredictionFolder,
    labels: &ValueLabels,
    options: &ValueEvaluationOptions,
    policy: Option<&EvaluatedPolicy<'_>>,
    threads: usize,
    on_event: &mut dyn FnMut(EvaluationEvent<'_>),
) -> Result<ValueEvaluationResult> {
    folder.require(Target::Value)?;
    let plan = ValuePlan::new(folder, options, policy)?;
    let mut evaluator = ValueEvaluator::new(&plan);
    for_each_image(
        folder,
        threads,
        &|id| {
            let kept = folder.kept_values(id)?;
            let size = kept.first().map_or((1, 1), |target| target.size);
            summarize_values(&kept, labels, &folder.predicted_image(id, size), &plan)
        },
        &mut |id, outcome| evaluator.add(id, outcome, on_event),
    );
    evaluator.finish()
}

impl<'a> ValuePlan<'a> {
    /// Specifies each target.
    pub(super) fn new(
        folder: &PredictionFolder,
        options: &ValueEvaluationOptions,
        policy: Option<&'a EvaluatedPolicy<'a>>,
    ) -> Result<Self> {
        let mut specs = value_specs(folder, options)?;
        if let Some(policy) = policy {
            let with_intervals = specs.into_iter().enumerate();
            let with_intervals =
                with_intervals.map(|(target, spec)| policy.specify(target, spec));
            specs = with_intervals.collect::<Result<_>>()?;
        }
        Ok(Self { specs, policy })
    }
}

/// Fails if the folder lacks an array that [`PredictionFolder::kept_values`] reads.
pub(crate) fn require_value_arrays(folder: &PredictionFolder) -> Result<()> {
    for measure in VALUE_ARRAYS {
        if !folder.measures.iter().any(|kept| kept.name == measure.name) {
            let message = format!("{} was not kept", measure.name);
            return Err(Error::setting("measures", message)
                .with_hint("predict again, with all measures"));
        }
    }
    Ok(())
}

/// Returns the specification of each target.
fn value_specs(
    folder: &PredictionFolder,
    options: &ValueEvaluationOptions,
) -> Result<Vec<ValueEvaluationSpec>> {
    require_value_arrays(folder)?;
    let target = folder.record.output.target.as_ref();
    let has_variance = target.is_some_and(|target| target.has_variance);
    let distribution = error_distribution(folder);
    let options = ValueEvaluationOptions { distribution, ..options.clone() };
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

/// Returns the distribution that the heads of a run predict.
pub(crate) fn error_distribution(folder: &PredictionFolder) -> ErrorDistribution {
    let heads = folder.record.model.heads.iter();
    let mut roles = heads.filter_map(|head| head.parse::<HeadChoice>().ok());
    let is_laplace = roles.any(|head| {
        let scale = [SpreadForm::LaplaceScale, SpreadForm::LogLaplaceScale];
        scale.map(Role::Spread).contains(&head.role)
    });
    if is_laplace { ErrorDistribution::Laplace } else { ErrorDistribution::Gaussian }
}

/// Returns the error if no item has a label that counts.
pub(crate) fn nothing_counts(left_out: &LeftOut) -> Error {
    let reasons: Vec<String> =
        left_out.iter().map(|(reason, _)| reason.to_string()).collect();
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
    plan: &ValuePlan<'_>,
) -> Result<ValueOutcome> {
    let (values, left_out, is_integer) = match labels.labels(image)? {
        LabelValues::Missing(wanted) => return Ok(ValueOutcome::Missing(wanted)),
        LabelValues::Values { targets, left_out, is_integer } => {
            (targets, left_out, is_integer)
        }
    };
    let decision = plan.policy.and_then(|policy| policy.decide(arrays));
    let mut targets = Vec::with_capacity(plan.specs.len());
    let labeled = arrays.iter().zip(&values).zip(left_out).zip(&plan.specs);
    for (target, (((arrays, labels), left_out), spec)) in labeled.enumerate() {
        let of_policy = plan.policy.filter(|_| spec.interval_level().is_some());
        let intervals = of_policy.map(|policy| policy.intervals(target, arrays));
        let interval = intervals.as_ref().map(|(low, high)| ValueInterval { low, high });
        let input = ValueInput { interval, ..input(image.id, arrays, labels, spec) };
        let plain = ValueSummary::new(&input, spec)?;
        let of_policy = plan
            .policy
            .map(|policy| policy.summarize(target, &input, spec, &plain, decision))
            .transpose()?;
        targets.push(TargetSummary { plain, of_policy, left_out });
    }
    Ok(ValueOutcome::Done { targets, is_integer, decision })
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
