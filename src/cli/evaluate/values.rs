//! `mcdrop evaluate` for predicted values: options, results and messages.

use clap::Args;

use super::{EvaluateArguments, table};
use crate::cli::labels::tell;
use crate::cli::value_labels::{ValueLabelArguments, refuse};
use crate::cli::{End, names, terminal};
use crate::error::{Error, Result};
use crate::evaluate::{
    self, DecisionCounts, EvaluatedPolicy, EvaluationEvent, PredictionFolder,
    ValueEvaluationResult, ValueLabels,
};
use crate::metric::{FEWEST_IMAGES, ValueEvaluationOptions};
use crate::output::folder::METRICS as METRICS_FILE;
use crate::policy::Policy;
use crate::task::Target;

#[derive(Debug, Args)]
pub(super) struct ValueArguments {
    #[command(flatten)]
    labels: ValueLabelArguments,
    /// Also evaluate how well errors above E are found.
    #[arg(long, value_name = "E", value_parser = names::positive, hide_short_help = true)]
    error_above: Option<f64>,
    /// Also compute metrics of depth, which must be positive.
    #[arg(long, hide_short_help = true)]
    depth: bool,
}

impl ValueArguments {
    /// Refuses these options if something else is evaluated: `predicted`.
    pub(super) fn refuse_typed(&self, predicted: &str) -> Result<()> {
        let others =
            [("--error-above", self.error_above.is_some()), ("--depth", self.depth)];
        for options in [&self.labels.typed()[..], &others[..]] {
            refuse(
                options,
                &format!("applies to values, but {predicted} were predicted"),
            )?;
        }
        Ok(())
    }

    /// Opens the labels of predicted values, and returns the options of their evaluation.
    pub(super) fn open(
        &self,
        folder: &PredictionFolder,
        arguments: &EvaluateArguments,
    ) -> Result<(ValueLabels, ValueEvaluationOptions)> {
        folder.require(Target::Value)?;
        let of_classes = [
            ("--ood", arguments.ood.is_some()),
            ("--ood-masks", arguments.ood_masks.is_some()),
        ];
        if arguments.policy.is_some() && !arguments.images.is_empty() {
            let message = "applies to a folder of predicted values, not to a model";
            return Err(Error::setting("--policy", message).with_hint(
                "predict with `keep_probabilities` first, and evaluate that folder",
            ));
        }
        let of_maps = arguments.label.of_class_maps();
        for options in [&of_classes[..], &of_maps[..]] {
            refuse(options, "applies to classes, but values were predicted")?;
        }
        let Some(path) = arguments.labels.as_deref() else {
            return Err(Error::setting("labels", "is missing").with_hint(
                "name a folder of maps of values, or a CSV with path and value",
            ));
        };
        let labels = ValueLabels::open(
            path,
            folder,
            self.labels.options(arguments.label.rename()?)?,
        )?;
        for note in labels.notes() {
            terminal::note(note);
        }
        Ok((labels, self.options()))
    }

    fn options(&self) -> ValueEvaluationOptions {
        ValueEvaluationOptions {
            depth: self.depth,
            error_above: self.error_above,
            ..ValueEvaluationOptions::default()
        }
    }
}

/// Evaluates a folder of predicted values.
pub(super) fn run(
    folder: &PredictionFolder,
    arguments: &EvaluateArguments,
) -> Result<End> {
    let (labels, options) = arguments.values.open(folder, arguments)?;
    let threads = arguments.run.machine.threads();
    let policy = arguments.policy.as_deref().map(Policy::read).transpose()?;
    let policy = policy.as_ref().map(|policy| EvaluatedPolicy::new(policy, folder));
    let policy = policy.transpose()?;
    let result = evaluate::evaluate_values(
        folder,
        &labels,
        &options,
        policy.as_ref(),
        threads,
        &mut |event: EvaluationEvent<'_>| tell(&event),
    )?;
    report(folder, &result, arguments)
}

/// Writes and prints the results.
pub(super) fn report(
    folder: &PredictionFolder,
    result: &ValueEvaluationResult,
    arguments: &EvaluateArguments,
) -> Result<End> {
    let labels = arguments.recorded_labels(folder.path());
    let labels = labels.map(|mut record| {
        arguments.values.labels.add_to(&mut record.options);
        record
    });
    evaluate::write_values(folder, result, labels)?;
    let target = folder.record.output.target.as_ref();
    let unit = target.map_or("", |target| &target.unit);
    terminal::line(&table::value_table(result, unit));
    let (n_images, items) = (result.n_images(), result.n_items());
    if n_images < FEWEST_IMAGES {
        terminal::note(&format!(
            "intervals need at least {FEWEST_IMAGES} images with labels: found {n_images}"
        ));
    }
    terminal::note(&format!(
        "{n_images} images, {items} labeled items: {}",
        folder.path().join(METRICS_FILE).display()
    ));
    let DecisionCounts { accept, review, out_of_distribution } = result.decisions;
    if result.decisions.total() > 0 {
        terminal::note(&format!(
            "decisions: {accept} accept, {review} review, {out_of_distribution} out_of_distribution"
        ));
    }
    let plural = if folder.task.has_maps() { "pixels" } else { "images" };
    for target in &result.targets {
        let counted = target.evaluation.n_items();
        let line = target.left_out.describe_items(counted, plural, "do not count");
        let line = line.unwrap_or_else(|| format!("all {plural} count"));
        let name = target.prefix.trim_end_matches('.');
        let separator = if name.is_empty() { "" } else { ": " };
        terminal::note(&format!("{name}{separator}{line}"));
    }
    if result.n_integer > 0 && !arguments.values.labels.has_scale() {
        let n = result.n_integer;
        terminal::note(&format!(
            "the label maps of {n} images contain integers, which are taken as values; \
             --label-scale converts them"
        ));
    }
    let all_counted = result.missing == 0 && result.failed == 0;
    Ok(if all_counted { End::Done } else { End::SomeImagesFailed })
}
