//! `mcdrop evaluate` for predicted values: options, results and messages.

use clap::Args;

use super::{EvaluateArguments, table};
use crate::cli::labels::tell;
use crate::cli::{End, names, terminal};
use crate::error::{Error, Result};
use crate::evaluate::{
    self, EvaluationEvent, PredictionFolder, ValueEvaluationResult, ValueLabelOptions,
    ValueLabels,
};
use crate::input::label::LabelConversion;
use crate::metric::{FEWEST_IMAGES, ValueEvaluationOptions};
use crate::output::folder::METRICS as METRICS_FILE;
use crate::record::LabelsRecord;
use crate::task::{Target, ValueRange};

#[derive(Debug, Args)]
#[command(next_help_heading = "Labels of values")]
pub(super) struct ValueArguments {
    /// Value of the number 1 in label files [default: 1].
    #[arg(long, value_name = "S", value_parser = names::positive)]
    label_scale: Option<f64>,
    /// Summand behind that factor, in the unit of the target [default: 0].
    #[arg(long, value_name = "X", allow_hyphen_values = true, hide_short_help = true)]
    label_offset: Option<f64>,
    /// Range of the labels that count [default: that of the sidecar].
    #[arg(long, value_name = "LOW:HIGH", value_parser = names::value_range, allow_hyphen_values = true, hide_short_help = true)]
    valid_range: Option<ValueRange>,
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
        let options = [
            ("--label-scale", self.label_scale.is_some()),
            ("--label-offset", self.label_offset.is_some()),
            ("--valid-range", self.valid_range.is_some()),
            ("--error-above", self.error_above.is_some()),
            ("--depth", self.depth),
        ];
        refuse(&options, &format!("applies to values, but {predicted} were predicted"))
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
        arguments.refuse_policy("values")?;
        let of_maps = arguments.label.of_class_maps();
        for options in [&of_classes[..], &of_maps[..]] {
            refuse(options, "applies to classes, but values were predicted")?;
        }
        let Some(path) = arguments.labels.as_deref() else {
            return Err(Error::setting("labels", "is missing").with_hint(
                "name a folder of maps of values, or a CSV with path and value",
            ));
        };
        let labels = ValueLabels::open(path, folder, self.labels(arguments)?)?;
        for note in labels.notes() {
            terminal::note(note);
        }
        Ok((labels, self.options()))
    }

    fn labels(&self, arguments: &EvaluateArguments) -> Result<ValueLabelOptions> {
        let unchanged = LabelConversion::default();
        let offset = self.label_offset.unwrap_or(unchanged.offset);
        if !offset.is_finite() {
            let message = format!("{offset}: expected a finite number");
            return Err(Error::setting("--label-offset", message)
                .with_hint("give a number in the unit of the target"));
        }
        let scale = self.label_scale.unwrap_or(unchanged.scale);
        Ok(ValueLabelOptions {
            rename: arguments.label.rename()?,
            conversion: LabelConversion { scale, offset },
            valid: self.valid_range,
        })
    }

    fn options(&self) -> ValueEvaluationOptions {
        ValueEvaluationOptions {
            depth: self.depth,
            error_above: self.error_above,
            ..ValueEvaluationOptions::default()
        }
    }

    /// Adds these options to the record of the labels.
    fn add_to(&self, record: LabelsRecord) -> LabelsRecord {
        let LabelsRecord { path, mut options } = record;
        options.label_scale = self.label_scale;
        options.label_offset = self.label_offset;
        options.valid_range = self.valid_range.map(|range| range.to_string());
        LabelsRecord { path, options }
    }
}

fn refuse(options: &[(&str, bool)], message: &str) -> Result<()> {
    match options.iter().find(|(_, is_typed)| *is_typed) {
        Some((option, _)) => {
            Err(Error::setting(*option, message).with_hint("leave it out"))
        }
        None => Ok(()),
    }
}

/// Evaluates a folder of predicted values.
pub(super) fn run(
    folder: &PredictionFolder,
    arguments: &EvaluateArguments,
) -> Result<End> {
    let (labels, options) = arguments.values.open(folder, arguments)?;
    let threads = arguments.run.machine.threads();
    let on_event = &mut |event: EvaluationEvent<'_>| tell(&event);
    let result = evaluate::evaluate_values(folder, &labels, &options, threads, on_event)?;
    report(folder, &result, arguments)
}

/// Writes and prints the results.
pub(super) fn report(
    folder: &PredictionFolder,
    result: &ValueEvaluationResult,
    arguments: &EvaluateArguments,
) -> Result<End> {
    let labels = arguments.recorded_labels(folder.path());
    let labels = labels.map(|record| arguments.values.add_to(record));
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
    let plural = if folder.task.has_maps() { "pixels" } else { "images" };
    for target in &result.targets {
        let counted = target.evaluation.n_items();
        let line = target.left_out.describe_items(counted, plural, "do not count");
        let line = line.unwrap_or_else(|| format!("all {plural} count"));
        let name = target.prefix.trim_end_matches('.');
        let separator = if name.is_empty() { "" } else { ": " };
        terminal::note(&format!("{name}{separator}{line}"));
    }
    if result.n_integer > 0 && arguments.values.label_scale.is_none() {
        let n = result.n_integer;
        terminal::note(&format!(
            "the label maps of {n} images contain integers, which are taken as values; \
             --label-scale converts them"
        ));
    }
    let all_counted = result.missing == 0 && result.failed == 0;
    Ok(if all_counted { End::Done } else { End::SomeImagesFailed })
}
