//! Rules by which an image has enough samples.
//!
//! After each block of 31 samples, the error that is due to their finite number is estimated
//! ([`StopTarget`]). Sampling ends when it is within the tolerance. Repeated tests would find small
//! errors by chance, so each test is stricter than a single one would be:
//!
//! - By the spread of the samples: the asymptotic confidence sequence of Waudby-Smith et al., a
//!   bound that holds at all tests at once. It assumes independent samples, which overstates the
//!   error of stratified draws and is therefore safe for them.
//! - By the spread of the means of blocks, from the second block on: Student's t, with the error
//!   probability divided evenly among the tests. Blocks are independent even if the samples within
//!   them are not, but few of them tell little: this bound becomes the smaller one at about five.
//!
//! Each bound gets half of the error probability, and the smaller one counts. Both are exact only
//! for normally distributed means. Means of 31 samples are nearly normal, unless few samples differ
//! from all others: an event that has not occurred yet does not show in the spread. The pixels of a
//! map compensate for each other. For a single score, errors are therefore estimated with one more
//! pseudo-sample in which all classes are equally likely; without it, 7 % of the digits missed a
//! tolerance of 0.05 nat instead of the promised 5 %. So a single score takes many samples for a
//! small error: about 3 divided by the error for a probability.
//!
//! # References
//! - I. Waudby-Smith, D. Arbour, R. Sinha, E. H. Kennedy, A. Ramdas (2024), *Time-uniform central
//!   limit theory and asymptotic confidence sequences*, Annals of Statistics 52(6): the bound, and
//!   the choice of its parameter.

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::error::{Error, Result};
use crate::random;
use crate::sums::{ImageSums, SamplingError, Sums, VarianceSource};
use crate::task::{DefaultStop, Item, StopTarget, Task};

/// Rule by which sampling ends.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Stop {
    /// `class=0.01` in classification; `predictive_entropy=0.02` for maps.
    ByTask,
    /// This rule.
    Rule(StopRule),
}

impl Stop {
    /// Returns the rule for a task.
    ///
    /// # Errors
    /// Fails if the task has no such target, or no rule that is usual.
    pub(super) fn rule(self, task: &Task) -> Result<StopRule> {
        let names = || {
            let names: Vec<_> = task.stop_targets.iter().map(|one| one.name()).collect();
            names.join(", ")
        };
        match (self, task.default_stop) {
            (Self::Rule(rule), _) if task.stop_targets.contains(&rule.target) => Ok(rule),
            (Self::Rule(rule), _) => {
                let message = format!("`task = {task}` has no {}", rule.target.name());
                let hint = match task.stop_targets {
                    [target] => format!("use `tolerance = {}=X`", target.name()),
                    _ => format!("give one of {}", names()),
                };
                Err(Error::setting("tolerance", message).with_hint(hint))
            }
            (Self::ByTask, Some(DefaultStop { target, tolerance })) => {
                Ok(StopRule { target, tolerance })
            }
            (Self::ByTask, None) => {
                let message = format!("`task = {task}` has no usual tolerance");
                Err(Error::setting("tolerance", message).with_hint(format!(
                    "give the largest error in the target's unit: `tolerance = {}=0.1`",
                    names()
                )))
            }
        }
    }
}

/// Rule by which sampling ends before the last sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StopRule {
    /// Quantity whose error must be small.
    pub target: StopTarget,
    /// Largest error of the target ([`StopTarget`]): in the open interval (0, 1) for a class,
    /// positive for others.
    pub tolerance: f64,
}

/// Samples of a block.
const BLOCK: u32 = random::BLOCK as u32;

/// Probability that the error is larger than the tolerance, for targets that are not probabilities.
const SIGNIFICANCE: f64 = 0.05;

impl StopRule {
    /// # Errors
    /// Fails if the tolerance is out of range.
    pub fn check(&self) -> Result<()> {
        let most = if self.target == StopTarget::Class { 1.0 } else { f64::INFINITY };
        if self.tolerance > 0.0 && self.tolerance < most {
            return Ok(());
        }
        let name = self.target.name();
        let expected = match self.target {
            StopTarget::Class => {
                "a probability or fraction between 0 and 1, such as class=0.01"
            }
            StopTarget::PredictiveEntropy => {
                "an error in nats above 0, such as predictive_entropy=0.01"
            }
            StopTarget::Probability => "an error above 0, such as probability=0.01",
            StopTarget::LabelProbability => {
                "an error above 0, such as label_probability=0.01"
            }
            StopTarget::Value => {
                "an error in the target's unit above 0, such as value=0.01"
            }
        };
        let message = format!("{name}={} is not a tolerance", self.tolerance);
        Err(Error::setting("tolerance", message).with_hint(format!("give {expected}")))
    }
}

/// The rule for images of one model.
#[derive(Debug, Clone)]
pub(super) struct StoppingTest {
    rule: StopRule,
    task: &'static Task,
    n_classes: usize,
    /// Most tests of an image: one less than its blocks.
    most: u32,
}

impl StoppingTest {
    pub(super) fn new(
        rule: StopRule,
        samples: u32,
        n_classes: usize,
        task: &'static Task,
    ) -> Self {
        let most = samples.div_ceil(BLOCK).saturating_sub(1);
        Self { rule, task, n_classes, most }
    }

    /// Ends a block, in parallel on the current thread pool of rayon. Returns true if the samples
    /// so far are enough.
    pub(super) fn should_stop(&self, reduction: &mut ImageSums) -> bool {
        reduction.end_group();
        let reduction = &*reduction;
        let tolerance = self.rule.tolerance;
        let pseudo_samples = self.task.pseudo_samples;
        let largest = |error: &dyn Fn(VarianceSource) -> SamplingError| {
            let bound = |(source, margin)| {
                let error = error(source);
                margin * error.noise + error.bias
            };
            self.margins(reduction.n_groups(), SIGNIFICANCE)
                .map(bound)
                .min_by(f64::total_cmp)
        };
        let error = match self.rule.target {
            StopTarget::PredictiveEntropy => {
                largest(&|source| reduction.entropy_error(source, pseudo_samples))
            }
            StopTarget::Probability => {
                largest(&|source| reduction.probability_error(source, pseudo_samples))
            }
            StopTarget::LabelProbability | StopTarget::Value => {
                largest(&|source| reduction.mean_error(source))
            }
            StopTarget::Class => {
                // Of the image, the tolerance is a chance; of pixels, a fraction of them.
                let (chance, most) = match self.task.item {
                    Item::Image => (tolerance, 0.0),
                    Item::Pixel => (SIGNIFICANCE, tolerance),
                };
                // Any class but one may be the right one.
                let each = chance / (self.n_classes - 1).max(1) as f64;
                let margins: Vec<_> = self.margins(reduction.n_groups(), each).collect();
                let undecided = reduction.undecided(&margins);
                return undecided <= most;
            }
        };
        error.is_some_and(|error| error <= tolerance)
    }

    /// Returns bounds of the error of a mean after this number of blocks, in standard errors. Over
    /// all tests, the error exceeds them with probability at most `significance`.
    fn margins(
        &self,
        n_blocks: u32,
        significance: f64,
    ) -> impl Iterator<Item = (VarianceSource, f64)> {
        let half = significance / 2.0;
        let by_samples = anytime_margin(n_blocks * BLOCK, half);
        let by_blocks = || {
            let looks = f64::from(self.most.saturating_sub(1));
            (VarianceSource::BlockMeans, student_margin(n_blocks, half / looks))
        };
        let by_blocks = (n_blocks > 1).then(by_blocks);
        [(VarianceSource::Samples, by_samples)].into_iter().chain(by_blocks)
    }
}

/// Returns the bound of the error of the mean of `n` independent samples, in standard errors. The
/// error exceeds it at some `n` with probability at most `significance` (two-sided). The bound is
/// narrowest at one block.
///
/// `sqrt(2 (n r + 1) / (n r) ln(sqrt(n r + 1) / a))` with `r` the square of the paper's ρ.
fn anytime_margin(n: u32, significance: f64) -> f64 {
    let surprise = -2.0 * significance.ln();
    let r = (surprise + surprise.ln_1p()) / f64::from(BLOCK);
    let scaled = f64::from(n) * r;
    (2.0 * (scaled + 1.0) / scaled * ((scaled + 1.0).sqrt() / significance).ln()).sqrt()
}

/// Returns the bound of the error of the mean of `n` normally distributed numbers, in standard
/// errors. The error exceeds it with probability at most `significance` (two-sided).
fn student_margin(n: u32, significance: f64) -> f64 {
    let quantile = |student: StudentsT| student.inverse_cdf(1.0 - significance / 2.0);
    StudentsT::new(0.0, 1.0, f64::from(n) - 1.0).map_or(f64::INFINITY, quantile)
}

#[cfg(test)]
mod tests;
