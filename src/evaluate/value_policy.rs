//! Evaluation of a policy about values: its intervals, its factor of the variance, and its
//! decisions.

use super::prediction_folder::PredictionFolder;
use crate::error::Result;
use crate::measure::{ALEATORIC_STD, EPISTEMIC_STD, end_of_interval};
use crate::metric::{
    MetricValue, VALUE_METRICS, ValueBreakdown, ValueEvaluation, ValueEvaluationSpec,
    ValueInput, ValueSummary,
};
use crate::pipeline::TargetArrays;
use crate::policy::{Decision, ImageScore, Policy, prediction_settings};
use crate::sums::StdFactors;
use crate::tensor::Map;

/// Returns the score of an image from the values of its target.
pub(crate) fn score_of_values(score: &ImageScore, arrays: &TargetArrays) -> f32 {
    let root = |variances: &[f32]| variances.iter().map(|v| v.max(0.0).sqrt()).collect();
    let values = match score.measure {
        None => root(&arrays.deterministic_variance),
        Some(measure) if measure.name == EPISTEMIC_STD.name => {
            root(&arrays.epistemic_variance)
        }
        Some(measure) if measure.name == ALEATORIC_STD.name => {
            root(&arrays.aleatoric_variance)
        }
        Some(_) => arrays.total_std(),
    };
    let (height, width) = arrays.size;
    score.value_of_map(&Map { height, width, values })
}

/// A policy that is evaluated with the values of a folder.
#[derive(Debug)]
pub struct EvaluatedPolicy<'a> {
    policy: &'a Policy,
    factors: Vec<StdFactors>,
}

/// Numbers of images by decision.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DecisionCounts {
    /// Number of accepted images.
    pub accept: usize,
    /// Number of images that a person should look at.
    pub review: usize,
    /// Number of images unlike those of the calibration.
    pub out_of_distribution: usize,
}

/// Summaries of a target of an image by the rules of a policy.
pub(super) struct PolicySummary {
    /// With the calibrated variance, if the policy has a factor for the target.
    calibrated: Option<ValueSummary>,
    /// The summary itself, if the image is accepted.
    accepted: Option<ValueSummary>,
}

/// Sums over the images by the rules of a policy, for one target.
pub(super) struct PolicySums {
    calibrated: Option<ValueEvaluation>,
    accepted: Option<ValueEvaluation>,
}

impl<'a> EvaluatedPolicy<'a> {
    /// Prepares the evaluation of a policy.
    ///
    /// # Errors
    /// Fails if the folder was predicted with other settings than those of the policy.
    pub fn new(policy: &'a Policy, folder: &PredictionFolder) -> Result<Self> {
        policy.check(&prediction_settings(&folder.record))?;
        policy.check_targets(folder.n_classes)?;
        let level = policy.interval_level().unwrap_or(0.95);
        let mut factors = policy.std_factors(level);
        factors.resize(folder.n_classes, StdFactors::default());
        Ok(Self { policy, factors })
    }

    /// Adds the intervals of the policy to the specification of a target.
    pub(super) fn specify(
        &self,
        target: usize,
        spec: ValueEvaluationSpec,
    ) -> Result<ValueEvaluationSpec> {
        let rules = self.policy.targets.get(target);
        match rules.and_then(|rules| rules.interval.as_ref()) {
            Some(interval) => spec.with_interval(1.0 - interval.alpha),
            None => Ok(spec),
        }
    }

    /// Returns the ends of the intervals of a target.
    pub(super) fn intervals(
        &self,
        target: usize,
        arrays: &TargetArrays,
    ) -> (Vec<f32>, Vec<f32>) {
        let factor = self.factors[target].interval;
        let ends = arrays.value.iter().zip(arrays.total_std()).map(|(value, std)| {
            let end = |factor| end_of_interval(*value, std, factor);
            (end(-factor), end(factor))
        });
        ends.unzip()
    }

    /// Decides on an image.
    pub(super) fn decide(&self, arrays: &[TargetArrays]) -> Option<Decision> {
        self.policy.decide(|score| {
            let target = score.channel.and_then(|channel| arrays.get(channel));
            target.map_or(f32::NAN, |arrays| score_of_values(score, arrays))
        })
    }

    fn has_scale(&self, target: usize) -> bool {
        let rules = self.policy.targets.get(target);
        rules.is_some_and(|rules| rules.variance_scale.is_some())
    }

    pub(super) fn sums(&self, target: usize, spec: &ValueEvaluationSpec) -> PolicySums {
        let new = |is_there: bool| is_there.then(|| ValueEvaluation::new(spec.clone()));
        PolicySums {
            calibrated: new(self.has_scale(target)),
            accepted: new(self.policy.accept.is_some()),
        }
    }

    /// Summarizes a target of an image, whose summary without the policy is `plain`.
    pub(super) fn summarize(
        &self,
        target: usize,
        input: &ValueInput<'_>,
        spec: &ValueEvaluationSpec,
        plain: &ValueSummary,
        decision: Option<Decision>,
    ) -> Result<PolicySummary> {
        let is_accepted = decision == Some(Decision::Accept);
        let accepted = is_accepted.then(|| plain.clone());
        if !self.has_scale(target) {
            return Ok(PolicySummary { calibrated: None, accepted });
        }
        let scale = self.factors[target].calibrated.powi(2);
        let scaled = |variances: &[f32]| -> Vec<f32> {
            variances.iter().map(|v| (f64::from(*v) * scale) as f32).collect()
        };
        let epistemic = scaled(input.epistemic_variance);
        let aleatoric = input.aleatoric_variance.map(scaled);
        let input = ValueInput {
            epistemic_variance: &epistemic,
            aleatoric_variance: aleatoric.as_deref(),
            ..*input
        };
        let calibrated = Some(ValueSummary::new(&input, spec)?);
        Ok(PolicySummary { calibrated, accepted })
    }
}

impl PolicySums {
    pub(super) fn add(&mut self, summary: PolicySummary) -> Result<()> {
        let pairs = [
            (&mut self.calibrated, summary.calibrated),
            (&mut self.accepted, summary.accepted),
        ];
        for (sums, summary) in pairs {
            if let (Some(sums), Some(summary)) = (sums, summary) {
                sums.add(summary)?;
            }
        }
        Ok(())
    }

    /// Returns the metrics with the keys of the policy: those of the distribution with the calibrated
    /// variance (`calibrated.crps`), and the errors of the accepted images (`accepted.rmse`).
    pub(super) fn metrics(&self) -> Vec<(&'static str, Vec<MetricValue>)> {
        let of = |sums: &Option<ValueEvaluation>, breakdowns: &[ValueBreakdown]| {
            let is_shown = |value: &MetricValue| {
                let row = VALUE_METRICS.iter().find(|metric| metric.name == value.metric);
                let is_of = row.is_some_and(|row| breakdowns.contains(&row.breakdown));
                // The pass without dropout has no calibrated variance.
                is_of && value.key == value.metric
            };
            let metrics = sums.as_ref().map(ValueEvaluation::metrics);
            metrics.map(|all| all.into_iter().filter(is_shown).collect::<Vec<_>>())
        };
        let calibrated = of(&self.calibrated, &[ValueBreakdown::Distribution]);
        let accepted =
            of(&self.accepted, &[ValueBreakdown::Prediction, ValueBreakdown::Whole]);
        let named = [(CALIBRATED, calibrated), (ACCEPTED, accepted)];
        named.into_iter().filter_map(|(name, of)| Some((name, of?))).collect()
    }
}

/// Beginning of the keys of metrics with the calibrated variance.
const CALIBRATED: &str = "calibrated.";

/// Beginning of the keys of metrics of the accepted images.
const ACCEPTED: &str = "accepted.";

impl DecisionCounts {
    pub(super) fn count(&mut self, decision: Option<Decision>) {
        match decision {
            Some(Decision::Accept) => self.accept += 1,
            Some(Decision::Review) => self.review += 1,
            Some(Decision::OutOfDistribution) => self.out_of_distribution += 1,
            None => {}
        }
    }

    /// Returns the share of the images with each decision; none without images.
    pub(super) fn shares(&self) -> impl Iterator<Item = (&'static str, f64)> + use<> {
        let total = self.total();
        let of = [
            (Decision::Accept, self.accept),
            (Decision::Review, self.review),
            (Decision::OutOfDistribution, self.out_of_distribution),
        ];
        let counted = of.into_iter().filter(move |_| total > 0);
        counted.map(move |(decision, n)| (decision.name(), n as f64 / total as f64))
    }

    /// Returns the number of images.
    pub fn total(&self) -> usize {
        self.accept + self.review + self.out_of_distribution
    }
}
