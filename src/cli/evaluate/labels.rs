//! `mcdrop evaluate` for labels of which any number holds: options, results and messages.

use std::path::Path;

use super::{EvaluateArguments, table};
use crate::cli::labels::tell;
use crate::cli::{End, terminal};
use crate::error::{Error, Result};
use crate::evaluate::{
    self, EvaluationEvent, LabelEvaluationResult, MultiLabelSource, PredictionFolder,
};
use crate::metric::FEWEST_IMAGES;
use crate::output::folder::METRICS as METRICS_FILE;
use crate::policy::{Policy, prediction_settings};

impl EvaluateArguments {
    /// Opens the truth of predicted labels, and returns the thresholds of the policy.
    pub(super) fn multi_labels(
        &self,
        folder: &PredictionFolder,
    ) -> Result<(MultiLabelSource, Option<Vec<f32>>)> {
        self.values.refuse_typed("labels")?;
        let of_classes =
            [("--ood", self.ood.is_some()), ("--ood-masks", self.ood_masks.is_some())];
        if let Some((option, _)) = of_classes.into_iter().find(|(_, is_typed)| *is_typed)
        {
            let message = "applies to classes, but labels were predicted";
            return Err(Error::setting(option, message).with_hint("leave it out"));
        }
        let Some(path) = self.labels.as_deref() else {
            return Err(Error::setting("labels", "is missing").with_hint(
                "name a CSV with path and a column for each label, or a folder of masks",
            ));
        };
        let threads = self.run.machine.threads();
        let source = self.label.open_multi_labels(path, folder, threads)?;
        let policy = self.policy.as_deref();
        let thresholds = policy.map(|policy| thresholds(policy, folder)).transpose()?;
        Ok((source, thresholds.flatten()))
    }
}

/// Returns the thresholds of a policy for the labels of a folder; `None` if it has none.
fn thresholds(policy: &Path, folder: &PredictionFolder) -> Result<Option<Vec<f32>>> {
    let path = policy;
    let policy = Policy::read(path)?;
    policy.check(&prediction_settings(&folder.record))?;
    let Some(labels) = &policy.labels else {
        let message = format!("{} has no thresholds of labels", path.display());
        return Err(Error::setting("policy", message)
            .with_hint("calibrate with labels, or leave `policy` out"));
    };
    labels.of(&folder.label_names()).map(Some)
}

/// Evaluates a folder of predicted labels.
pub(super) fn run(
    folder: &PredictionFolder,
    arguments: &EvaluateArguments,
) -> Result<End> {
    let (source, thresholds) = arguments.multi_labels(folder)?;
    let threads = arguments.run.machine.threads();
    let on_event = &mut |event: EvaluationEvent<'_>| tell(&event);
    let thresholds = thresholds.as_deref();
    let result =
        evaluate::evaluate_labels(folder, &source, thresholds, threads, on_event)?;
    report(folder, &result, arguments)
}

/// Writes and prints the results.
pub(super) fn report(
    folder: &PredictionFolder,
    result: &LabelEvaluationResult,
    arguments: &EvaluateArguments,
) -> Result<End> {
    let labels = arguments.recorded_labels(folder.path());
    evaluate::write_labels(folder, result, labels)?;
    terminal::line(&table::label_table(result));
    let evaluation = &result.evaluation;
    let n_images = evaluation.n_images();
    if n_images < FEWEST_IMAGES {
        terminal::note(&format!(
            "intervals need at least {FEWEST_IMAGES} images with labels: found {n_images}"
        ));
    }
    let without = evaluation.without_both();
    if !without.is_empty() {
        let names = without.join(", ");
        terminal::note(&format!(
            "labels without AUROC and AUPR, because they hold for none or for all: {names}"
        ));
    }
    let items: u64 = evaluation.n_items().iter().sum();
    terminal::note(&format!(
        "{n_images} images, {items} decisions about labels: {}",
        folder.path().join(METRICS_FILE).display()
    ));
    let labels = evaluation.spec().labels().iter().zip(evaluation.n_items());
    for ((label, n_items), left_out) in labels.zip(&result.left_out) {
        let plural = folder.task.item.plural();
        if let Some(line) = left_out.describe_items(n_items, plural, "do not count") {
            terminal::note(&format!("{}: {line}", label.name));
        }
    }
    let all_counted = result.missing == 0 && result.failed == 0;
    Ok(if all_counted { End::Done } else { End::SomeImagesFailed })
}
