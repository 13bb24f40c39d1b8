//! `mcdrop tune`: finds places and ratios of dropout.

mod command;

use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, OnceLock};

use clap::Args;

use super::labels::LabelArguments;
use super::names::{self, List};
use super::predict::table_only;
use super::run::{Run, RunArguments};
use super::value_labels::{ValueLabelArguments, refuse};
use super::{End, terminal};
use crate::error::{Error, Result};
use crate::evaluate::{
    EvaluationEvent, GroundTruth, LabelSource, MultiLabelSource, PredictionFolder,
    StreamingEvaluation, ValueLabels,
};
use crate::graph::{self, HeadOptions, InsertionPoint, SiteOptions};
use crate::input::{Source, list_images};
use crate::metric::ValueEvaluationOptions;
use crate::onnx::{Model, find_model};
use crate::pipeline::{self, Job, Setup};
use crate::runtime::Runtime;
use crate::task::Task;
use crate::tune::{ChoiceOutcome, DropoutChoice, RATIOS, best_choice, dropout_choices};

const EXAMPLES: &str = "\
Examples:
  mcdrop tune model.onnx val --labels labels.csv
  mcdrop tune model.onnx val --labels labels/ --places head,decoder --ratios 0.05,0.1,0.2";

const MEANING: &str = "\
Evaluates every place with every ratio: negative log-likelihood (which decides), quality, error of
calibration, and how well errors are found. For classes these are accuracy (mean IoU of label maps),
expected calibration error, and the AUROC of finding wrong items by predictive entropy; for values RMSE,
the area between coverage and level of intervals (AUCE), and the rank correlation of error and total
standard deviation, each the mean over targets. If the model has live dropout, only its ratio is varied. Use images that the model was not
trained on, and report results on other ones.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{MEANING}"))]
pub(super) struct TuneArguments {
    /// An .onnx file, or the folder of an export.
    model: PathBuf,
    /// Files, folders or patterns.
    #[arg(required = true)]
    images: Vec<PathBuf>,
    /// Maps of labels or values at the images' relative paths; for images a CSV with path,label or
    /// path,value, or a folder for each class.
    #[arg(long, value_name = "FOLDER|FILE")]
    labels: PathBuf,
    /// Places to try, as for predict --insert [default: all that the model has].
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    places: Vec<String>,
    /// Ratios to try [default: 0.05,0.1,0.2,0.3,0.5].
    #[arg(long, value_name = "LIST", value_parser = names::numbers)]
    ratios: Option<List<f32>>,
    /// Largest loss of quality against the model without dropout: of accuracy or mean intersection over
    /// union, or the relative increase of the RMSE.
    #[arg(long, value_name = "FRACTION", default_value = "0.005", value_parser = names::share)]
    most_lost: f64,
    #[command(flatten)]
    label: LabelArguments,
    #[command(flatten)]
    values: ValueLabelArguments,
    #[command(flatten)]
    run: RunArguments,
}

pub(super) fn run(arguments: &TuneArguments) -> Result<End> {
    if arguments.run.sampling.is_deterministic() {
        return Err(Error::setting("deterministic", "leaves no dropout to tune")
            .with_hint("leave it out: the model without dropout is evaluated first"));
    }
    let ratios = arguments.ratios()?;
    let runtime = Runtime::find(arguments.run.machine.ort_lib.as_deref())?;
    let file = find_model(&arguments.model)?;
    let model = Model::open(&file)?;
    let scratch = tempfile::tempdir()
        .map_err(|error| Error::write(&std::env::temp_dir(), error))?;
    let run = Run {
        arguments: &arguments.run,
        model: &file,
        sites: SiteOptions::default(),
        sources: arguments.images.iter().map(|path| Source::images(path)).collect(),
        folder: scratch.path().join("out"),
        output: table_only(),
        overwrite: true,
        verbose: false,
        jsonl: false,
    };
    let heads = run.head_options(&file, &model)?;
    let places = arguments.places(&model, &heads)?;
    let choices = dropout_choices(&places, &ratios);
    let tuning = Tuning {
        arguments,
        runtime,
        model,
        run,
        labels: OnceLock::new(),
        multi_labels: OnceLock::new(),
        values: OnceLock::new(),
    };
    let most_lost = arguments.most_lost;
    let first =
        choices.first().cloned().unwrap_or(DropoutChoice { place: None, ratio: 0.1 });
    let plan = tuning.run.plan(tuning.run.model, tuning.model.clone(), &first.sites())?;
    super::predict::warn(&plan);
    let Tried { outcome: plain, task, left_out } = tuning.outcome(&first, true)?;
    if left_out > 0 {
        terminal::warning(&format!(
            "{left_out} images are left out: they have no label, or cannot be used"
        ));
        terminal::hint("`mcdrop evaluate MODEL IMAGES` names them");
    }
    terminal::line(&header(task));
    terminal::line(&row("none", None, &plain));
    let mut outcomes = Vec::new();
    for choice in &choices {
        let outcome = tuning.outcome(choice, false)?.outcome;
        terminal::line(&row(
            choice.place.as_deref().unwrap_or("its own"),
            Some(choice.ratio),
            &outcome,
        ));
        outcomes.push(outcome);
    }
    let what = task.tuning.quality;
    match best_choice(task, &plain, &outcomes, most_lost)
        .map(|place| (&choices[place], outcomes[place]))
    {
        None => {
            terminal::note(&format!(
                "every choice loses more than {most_lost} of {what}"
            ));
        }
        Some((_, of_best))
            if of_best.negative_log_likelihood >= plain.negative_log_likelihood =>
        {
            terminal::note(
                &"no choice has a smaller negative log-likelihood than the model without dropout",
            );
        }
        Some((choice, _)) => {
            terminal::note(&"smallest negative log-likelihood:");
            terminal::line(&command::predict(choice));
        }
    }
    Ok(if left_out == 0 { End::Done } else { End::SomeImagesFailed })
}

/// Widths of the columns of metrics: those of the longest names.
const WIDTHS: [usize; 4] = [23, 8, 26, 18];

/// Returns the line with the names of the columns.
fn header(task: &Task) -> String {
    let metrics = &task.tuning;
    let keys = [
        metrics.negative_log_likelihood,
        metrics.quality,
        metrics.calibration,
        metrics.error_finding,
    ];
    let names = keys.map(|key| metric_name(key, task).to_owned());
    format!("place       ratio  {}", columns(&names))
}

/// Returns the name of the metric in a key: its last part that is not a measure.
fn metric_name(key: &'static str, task: &Task) -> &'static str {
    key.rsplit('.').find(|part| task.measure(part).is_none()).unwrap_or(key)
}

fn row(place: &str, ratio: Option<f32>, outcome: &ChoiceOutcome) -> String {
    let ratio = ratio.map_or("-".to_owned(), |ratio| ratio.to_string());
    let number = |value: f64| format!("{value:.4}");
    let metrics = [
        number(outcome.negative_log_likelihood),
        number(outcome.quality),
        number(outcome.calibration),
        outcome.error_finding.map_or("-".to_owned(), number),
    ];
    format!("{place:<11} {ratio:>5}  {}", columns(&metrics))
}

/// Aligns the metrics of a row.
fn columns(texts: &[String; 4]) -> String {
    let padded = texts.iter().zip(WIDTHS).map(|(text, width)| format!("{text:>width$}"));
    padded.collect::<Vec<_>>().join("  ")
}

impl TuneArguments {
    fn ratios(&self) -> Result<Vec<f32>> {
        let typed = self.ratios.as_ref().map(|list| list.0.clone());
        let ratios = typed.unwrap_or_else(|| RATIOS.to_vec());
        match ratios.iter().find(|ratio| !(**ratio > 0.0 && **ratio < 1.0)) {
            None => Ok(ratios),
            Some(ratio) => Err(Error::setting(
                "ratios",
                format!("expected numbers in (0, 1), found {ratio}"),
            )
            .with_hint("a ratio is the fraction that is dropped: 0.05,0.1,0.2")),
        }
    }

    /// Returns the places to try: none if the model has live dropout.
    fn places(&self, model: &Model, heads: &HeadOptions) -> Result<Vec<String>> {
        let found = graph::inspect(model, heads, &SiteOptions::default())?;
        let is_live = found.sites.iter().any(|site| site.live);
        match (is_live, self.places.is_empty()) {
            (true, true) => return Ok(Vec::new()),
            (true, false) => {
                let message = "the model has live dropout, which would also draw masks";
                return Err(Error::setting("places", message).with_hint(
                    "leave it out: then the ratio of that dropout is varied",
                ));
            }
            (_, false) => return Ok(self.places.clone()),
            _ => {}
        }
        let is_there = |place: &InsertionPoint| {
            found.candidates.iter().any(|candidate| candidate.place == *place)
        };
        let places = InsertionPoint::ALL.into_iter().filter(is_there);
        let places: Vec<String> = places.map(|place| place.name().to_owned()).collect();
        if places.is_empty() {
            let message = "found no known place in the model";
            return Err(Error::setting("places", message).with_hint(
                "name the nodes before which to insert dropout: `places = NODE,NODE`",
            ));
        }
        Ok(places)
    }
}

/// Data that the runs of all choices share.
struct Tuning<'a> {
    arguments: &'a TuneArguments,
    runtime: Runtime,
    model: Model,
    run: Run<'a>,
    /// The labels of classes, once they are opened.
    labels: OnceLock<Arc<LabelSource>>,
    /// The labels of which any number holds, once they are opened.
    multi_labels: OnceLock<Arc<MultiLabelSource>>,
    /// The labels of values, once they are opened.
    values: OnceLock<Arc<ValueLabels>>,
}

/// Result of a run.
struct Tried {
    outcome: ChoiceOutcome,
    /// Task of the model.
    task: &'static Task,
    /// Number of images that are left out.
    left_out: usize,
}

impl Tuning<'_> {
    /// Evaluates a choice, or the model without dropout.
    fn outcome(&self, choice: &DropoutChoice, plain: bool) -> Result<Tried> {
        let plan = self.run.plan(self.run.model, self.model.clone(), &choice.sites())?;
        let preprocessing = self.run.preprocessing(self.run.model, &plan)?;
        let listing = list_images(&self.run.sources, None)?;
        let mut job = self.run.job(listing.images, &plan, &preprocessing)?;
        job.sampling.deterministic |= plain;
        self.evaluated(Setup { plan, preprocessing }, &job)
    }

    /// Opens the labels, which are those of every choice, at the first one.
    fn labels(&self, folder: &PredictionFolder) -> Result<Arc<LabelSource>> {
        if let Some(labels) = self.labels.get() {
            return Ok(Arc::clone(labels));
        }
        let TuneArguments { label, labels, run, values, .. } = self.arguments;
        refuse(&values.typed(), "applies to values, but classes were predicted")?;
        let labels = Arc::new(label.open(labels, folder, run.machine.threads())?);
        Ok(Arc::clone(self.labels.get_or_init(|| labels)))
    }

    /// Opens the labels of which any number holds, as [`Self::labels`] does.
    fn multi_labels(&self, folder: &PredictionFolder) -> Result<Arc<MultiLabelSource>> {
        if let Some(labels) = self.multi_labels.get() {
            return Ok(Arc::clone(labels));
        }
        let TuneArguments { label, values, labels, run, .. } = self.arguments;
        refuse(&values.typed(), "applies to values, but labels were predicted")?;
        let threads = run.machine.threads();
        let labels = Arc::new(label.open_multi_labels(labels, folder, threads)?);
        Ok(Arc::clone(self.multi_labels.get_or_init(|| labels)))
    }

    /// Opens the labels of values, as [`Self::labels`] does.
    fn values(&self, folder: &PredictionFolder) -> Result<Arc<ValueLabels>> {
        if let Some(labels) = self.values.get() {
            return Ok(Arc::clone(labels));
        }
        let TuneArguments { label, values, labels, .. } = self.arguments;
        refuse(&label.of_class_maps(), "applies to classes, but values were predicted")?;
        let options = values.options(label.rename()?)?;
        let labels = Arc::new(ValueLabels::open(labels, folder, options)?);
        for note in labels.notes() {
            terminal::note(note);
        }
        Ok(Arc::clone(self.values.get_or_init(|| labels)))
    }

    fn evaluated(&self, setup: Setup, job: &Job) -> Result<Tried> {
        let open_truth = |folder: &PredictionFolder| {
            let labels = Some(self.labels(folder)?);
            Ok(GroundTruth { labels, masks: None })
        };
        let ignore = |_: &EvaluationEvent<'_>| {};
        let open_labels =
            |folder: &PredictionFolder| Ok((self.multi_labels(folder)?, None));
        let open_values = |folder: &PredictionFolder| {
            Ok((self.values(folder)?, ValueEvaluationOptions::default()))
        };
        let live = StreamingEvaluation::new(Path::new(&job.folder), &open_truth, &ignore)
            .with_labels(&open_labels)
            .with_values(&open_values);
        let never = AtomicBool::new(false);
        let ignore = &mut |_: pipeline::Event<'_>| {};
        let summary = pipeline::predict_observed(
            setup,
            &self.runtime,
            job,
            &never,
            ignore,
            Some(&live),
        )?;
        let (folder, result) = live.finish(summary.failed)?;
        let outcome = ChoiceOutcome::new(&result, folder.task).ok_or_else(|| {
            Error::setting("labels", "no item has a label")
                .with_hint("check the options of the labels: some mean \"no label\"")
        })?;
        let left_out = result.left_out() + summary.failed;
        Ok(Tried { outcome, task: folder.task, left_out })
    }
}
