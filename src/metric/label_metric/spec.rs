//! Specification of an evaluation of labels.

use crate::error::{Error, Result};
use crate::metric::spec::{
    DETERMINISTIC, MAX_REPLICATES, ScoreSpec, check_scores, repeated,
};

/// Name of the mean over the labels for which a metric is defined.
pub const MACRO: &str = "macro";

/// Name of the metric of all labels together.
pub const MICRO: &str = "micro";

/// A label, and the probability from which on it is taken to hold.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelSpec {
    /// Name of the label, with which the keys of its metrics begin.
    pub name: String,
    /// Smallest probability of items that have the label; default: 0.5.
    pub threshold: f32,
}

impl LabelSpec {
    /// Creates a label with the threshold 0.5.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), threshold: 0.5 }
    }
}

/// Specification of an evaluation of labels. Only evaluations with equal specifications can be
/// merged.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelEvaluationSpec {
    labels: Vec<LabelSpec>,
    scores: Vec<ScoreSpec>,
    has_deterministic: bool,
    replicates: usize,
}

impl LabelEvaluationSpec {
    /// Specifies an evaluation of labels and of measures of their uncertainty, with a number of
    /// bootstrap replicates; with 0 there are no intervals.
    ///
    /// # Errors
    /// Fails if there is no label, a name occurs twice or is that of an average, a threshold is
    /// outside of \[0, 1\], the bound of a score is outside of (0, 16), or there are more than
    /// 10,000 replicates.
    pub fn new(
        labels: Vec<LabelSpec>,
        scores: Vec<ScoreSpec>,
        replicates: usize,
    ) -> Result<Self> {
        check_labels(&labels)?;
        check_scores(&scores)?;
        if replicates > MAX_REPLICATES {
            let message = format!("{replicates}: expected at most {MAX_REPLICATES}");
            return Err(Error::setting("replicates", message)
                .with_hint("200 replicates are enough for 95 % intervals"));
        }
        Ok(Self { labels, scores, has_deterministic: false, replicates })
    }

    /// Adds the pass without dropout, which every image must then have.
    #[must_use]
    pub fn with_deterministic(mut self) -> Self {
        self.has_deterministic = true;
        self
    }

    /// Returns the labels.
    pub fn labels(&self) -> &[LabelSpec] {
        &self.labels
    }

    /// Returns the measures.
    pub fn scores(&self) -> &[ScoreSpec] {
        &self.scores
    }

    /// Returns the number of bootstrap replicates.
    pub fn replicates(&self) -> usize {
        self.replicates
    }

    /// Returns true if every image has the pass without dropout.
    pub fn has_deterministic(&self) -> bool {
        self.has_deterministic
    }

    /// Returns the names of all scores that are ranked: the measures, then `deterministic` if there
    /// is a pass without dropout.
    pub fn ranked(&self) -> Vec<&str> {
        let names = self.scores.iter().map(|score| score.name.as_str());
        names.chain(self.has_deterministic.then_some(DETERMINISTIC)).collect()
    }

    /// Returns the number of predictions: the mean over the samples, and the pass without dropout.
    pub(super) fn n_predictions(&self) -> usize {
        1 + usize::from(self.has_deterministic)
    }
}

/// Returns the scores of the pass without dropout: the probability of the opposite of the more
/// probable of both, that the label holds and that it does not.
pub fn deterministic_label_scores(probabilities: &[f32]) -> Vec<f32> {
    probabilities.iter().map(|p| p.min(1.0 - p).max(0.0)).collect()
}

fn check_labels(labels: &[LabelSpec]) -> Result<()> {
    if labels.is_empty() {
        return Err(Error::setting("classes", "there are no labels")
            .with_hint("name every label of the model, one per line"));
    }
    let names = labels.iter().map(|label| label.name.as_str());
    if let Some(name) = repeated(names.chain([MACRO, MICRO])) {
        let message = if [MACRO, MICRO].contains(&name) {
            format!("a label has the name \"{name}\", which is that of an average")
        } else {
            format!("two labels have the name \"{name}\"")
        };
        return Err(
            Error::setting("classes", message).with_hint("give each label its own name")
        );
    }
    match labels.iter().find(|label| !(0.0..=1.0).contains(&label.threshold)) {
        Some(LabelSpec { name, threshold }) => {
            let message =
                format!("{name}: expected a threshold from 0 to 1, found {threshold}");
            Err(Error::setting("thresholds", message)
                .with_hint("0.5 is the threshold without a policy"))
        }
        None => Ok(()),
    }
}
