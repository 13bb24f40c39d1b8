//! `mcdrop evaluate`: compares predictions with labels, from a folder or while predicting.

mod labels;
mod table;
mod values;

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use clap::Args;

use self::values::ValueArguments;
use super::labels::{LabelArguments, print_unlabeled, tell};
use super::run::{Run, RunArguments};
use super::sites::SiteArguments;
use super::{End, predict, terminal};
use crate::error::{Error, Result};
use crate::evaluate::{
    self, EvaluationEvent, EvaluationResult, GroundTruth, PredictionFolder,
    StreamedResult, StreamingEvaluation,
};
use crate::input::Source;
use crate::metric::FEWEST_IMAGES;
use crate::output::folder::METRICS as METRICS_FILE;
use crate::output::page::PAGE;
use crate::pipeline::OutputOptions;
use crate::record::LabelsRecord;
use crate::task::Target;

const EXAMPLES: &str = "\
Examples:
  mcdrop predict model.onnx val -o out --keep-probabilities=f16
  mcdrop evaluate out --labels labels/
  mcdrop evaluate out --labels gtFine/ --match '(.*)_leftImg8bit' '$1_gtFine_labelTrainIds'
  mcdrop evaluate out --labels labels.csv  # classes of images
  mcdrop evaluate out --labels val/ --ood out-ood     # folders named by class
  mcdrop evaluate out-shapes --labels shapes.csv  # several labels
  mcdrop evaluate out-depth --labels depth --label-scale 0.00390625  # values
  mcdrop evaluate model.onnx val --labels labels/ -o out  # one pass";

const MEANING: &str = "\
Writes metrics.json (every metric under a flat key, with a 95 % interval over images) and
curves/*.csv, .svg and .png into OUT. The score \"deterministic\" is for comparison: 1 minus the
probability of the pass without dropout, evaluated on the class of that pass. In label maps of
another size, the label nearest to each pixel of the prediction counts. Every metric weights all
items of the folder equally.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{MEANING}"))]
pub(super) struct EvaluateArguments {
    /// Folder written by mcdrop predict --keep-probabilities, or a model to run on IMAGES.
    #[arg(value_name = "OUT|MODEL")]
    subject: PathBuf,
    /// Images for the model: files, folders or patterns.
    #[arg(value_name = "IMAGES", requires = "output")]
    images: Vec<PathBuf>,
    /// Folder of maps with the images' relative paths, CSV with path and label, value or a column per
    /// label, or folder with one folder per class.
    #[arg(long, value_name = "FOLDER|FILE", required_unless_present = "ood_masks")]
    labels: Option<PathBuf>,
    /// Policy of mcdrop calibrate: thresholds of labels, or intervals and decisions about values, which are
    /// evaluated as well.
    #[arg(long, value_name = "POLICY", hide_short_help = true)]
    policy: Option<PathBuf>,
    /// Predictions of out-of-distribution images, which scores should detect.
    #[arg(long, value_name = "OUT", conflicts_with = "images")]
    ood: Option<PathBuf>,
    /// Maps of the out-of-distribution pixels of each image, named like label maps.
    #[arg(long, value_name = "FOLDER")]
    ood_masks: Option<PathBuf>,
    /// Id of out-of-distribution pixels in these maps; 0 is in distribution, other ids are ignored.
    #[arg(long, value_name = "N", default_value_t = 1, requires = "ood_masks", hide_short_help = true, value_parser = clap::value_parser!(u16).range(1..))]
    ood_index: u16,
    /// Do not record the path of the labels in metrics.json, so that OUT can be passed on.
    #[arg(long, hide_short_help = true)]
    private: bool,
    /// With a model: folder for predictions.csv, run.json and the metrics.
    #[arg(short, long, value_name = "FOLDER", requires = "images")]
    output: Option<PathBuf>,
    /// Replace the results of an earlier run.
    #[arg(long, requires = "images", hide_short_help = true)]
    overwrite: bool,
    /// Print decisions, and the source of each setting.
    #[arg(short, long, requires = "images", hide_short_help = true)]
    verbose: bool,
    #[command(flatten)]
    label: LabelArguments,
    #[command(flatten)]
    values: ValueArguments,
    #[command(flatten)]
    run: RunArguments,
    #[command(flatten)]
    sites: SiteArguments,
}

pub(super) fn run(arguments: &EvaluateArguments) -> Result<End> {
    if arguments.images.is_empty() { run_folder(arguments) } else { run_model(arguments) }
}

fn run_folder(arguments: &EvaluateArguments) -> Result<End> {
    if arguments.subject.extension().is_some_and(|ending| ending == "onnx") {
        let message = format!("{} is a model", arguments.subject.display());
        return Err(Error::setting("OUT", message).with_hint(
            "add the images: mcdrop evaluate MODEL IMAGES --labels LABELS -o OUT",
        ));
    }
    let folder = PredictionFolder::open_any(&arguments.subject)?;
    for warning in &folder.record.model.warnings {
        terminal::warning(warning);
    }
    match folder.task.target {
        Target::Class => {}
        Target::Labels => return labels::run(&folder, arguments),
        Target::Value => return values::run(&folder, arguments),
    }
    let truth = arguments.truth(&folder)?;
    let ood = arguments.ood.as_deref().map(PredictionFolder::open).transpose()?;
    let threads = arguments.run.machine.threads();
    let result =
        evaluate::evaluate(&folder, &truth, ood.as_ref(), threads, &mut |event| {
            tell(&event);
        })?;
    report(&folder, &result, arguments)
}

/// Predicts and evaluates in one pass.
fn run_model(arguments: &EvaluateArguments) -> Result<End> {
    let Some(output) = &arguments.output else {
        return Err(Error::setting("output", "is missing")
            .with_hint("name a folder for the results"));
    };
    let run = Run {
        arguments: &arguments.run,
        model: &arguments.subject,
        sites: arguments.sites.options(),
        sources: arguments.images.iter().map(|path| Source::images(path)).collect(),
        folder: output.clone(),
        output: OutputOptions { private: arguments.private, ..predict::table_only() },
        overwrite: arguments.overwrite,
        verbose: arguments.verbose,
        jsonl: false,
    };
    let open_truth = |folder: &PredictionFolder| arguments.truth(folder);
    // Printed at the end, not across the progress bar.
    let told = Mutex::new(Vec::new());
    let keep = |event: &EvaluationEvent<'_>| {
        if let (Some(line), Ok(mut told)) = (super::labels::line(event), told.lock()) {
            told.push(line);
        }
    };
    let open_labels = |folder: &PredictionFolder| {
        let (labels, thresholds) = arguments.multi_labels(folder)?;
        Ok((Arc::new(labels), thresholds))
    };
    let open_values = |folder: &PredictionFolder| {
        let (labels, options) = arguments.values.open(folder, arguments)?;
        Ok((Arc::new(labels), options))
    };
    let live = StreamingEvaluation::new(output, &open_truth, &keep)
        .with_labels(&open_labels)
        .with_values(&open_values);
    let (end, summary) = predict::run_observed(&run, Some(&live))?;
    if summary.stopped {
        return Ok(end);
    }
    let (folder, result) = live.finish(summary.failed)?;
    for (warning, hint) in told.into_inner().unwrap_or_default() {
        terminal::warning_with_hint(&warning, hint.as_deref());
    }
    let counted_end = match result {
        StreamedResult::Classes(result) => report(&folder, &result, arguments)?,
        StreamedResult::Labels(result) => labels::report(&folder, &result, arguments)?,
        StreamedResult::Values(result) => values::report(&folder, &result, arguments)?,
    };
    Ok(if end == End::Done { counted_end } else { end })
}

impl EvaluateArguments {
    fn truth(&self, folder: &PredictionFolder) -> Result<GroundTruth> {
        self.values.refuse_typed("classes")?;
        self.refuse_policy()?;
        let labels = self.labels.as_deref();
        let threads = self.run.machine.threads();
        let masks = self.ood_masks.as_deref();
        Ok(GroundTruth {
            labels: labels
                .map(|labels| self.label.open(labels, folder, threads).map(Arc::new))
                .transpose()?,
            masks: masks
                .map(|masks| {
                    self.label.open_masks(masks, self.ood_index, folder, threads)
                })
                .transpose()?,
        })
    }

    /// Refuses a policy about classes, whose decisions are already in the table.
    fn refuse_policy(&self) -> Result<()> {
        if self.policy.is_none() {
            return Ok(());
        }
        let message = "applies to labels and values, but classes were predicted";
        Err(Error::setting("--policy", message).with_hint("leave it out"))
    }

    /// Returns the labels and their options for metrics.json.
    fn recorded_labels(&self, out: &Path) -> Option<LabelsRecord> {
        let labels = self.labels.as_deref().filter(|_| !self.private);
        self.label.record(labels, out)
    }
}

fn report(
    folder: &PredictionFolder,
    result: &EvaluationResult,
    arguments: &EvaluateArguments,
) -> Result<End> {
    evaluate::write(folder, result, arguments.recorded_labels(folder.path()))?;
    terminal::line(&table::table(result));
    let items = result.evaluation.n_items();
    let n_images = result.evaluation.n_images().0;
    if n_images < FEWEST_IMAGES {
        terminal::note(&format!(
            "intervals need at least {FEWEST_IMAGES} images with labels: found {n_images}"
        ));
    }
    terminal::note(&format!(
        "{n_images} images, {items} labeled items: {}",
        folder.path().join(METRICS_FILE).display()
    ));
    if folder.task.has_maps() && arguments.labels.is_some() {
        print_unlabeled(&result.left_out, items);
    }
    let of_masks = "are neither in nor out of distribution in the masks";
    if let Some(line) = result.mask_left_out.describe(result.n_mask_pixels, of_masks) {
        terminal::note(&line);
    }
    if folder.path().join(PAGE).exists() {
        let folder = folder.path().display();
        terminal::note(&format!("`mcdrop report {folder}` shows this on its page"));
    }
    let all_counted = result.missing == 0 && result.failed == 0;
    Ok(if all_counted { End::Done } else { End::SomeImagesFailed })
}
