//! `mcdrop predict`: samples a model on images and reports the progress.

mod jsonl;
mod most_uncertain;
mod progress_reporter;
mod results;

pub(super) use results::table_only;

use std::collections::BTreeSet;
use std::path::PathBuf;

use clap::{Args, Command, Id};

use self::progress_reporter::ProgressReporter;
use self::results::ResultArguments;
use super::run::{Run, RunArguments};
use super::settings::to_options;
use super::signals::Signals;
use super::sites::SiteArguments;
use super::{End, report, terminal};
use crate::error::Result;
use crate::graph::{Plan, Site};
use crate::input::preprocessing::{MODEL_INPUT, Setting};
use crate::input::{Listing, Preprocessing, Source, list_images};
use crate::onnx::{Model, find_model};
use crate::pipeline::{self, Event, Job, Observer, Setup, Summary};
use crate::report::Options;
use crate::runtime::Runtime;

const EXAMPLES: &str = "\
Examples:
  mcdrop predict model.onnx images -o out --preset imagenet
  mcdrop predict optimum-folder/ photos -o out
  mcdrop predict unet.onnx scans -o out --preset unit --pad-to-multiple 32
  find . -name '*.png' | mcdrop predict model.onnx - -o out --jsonl
The same command continues a run that was stopped.
All options, formats and measures: mcdrop help predict";

const MEANING: &str = "\
What the maps mean: predictive_entropy is the total uncertainty of the prediction,
mutual_information the disagreement between the samples. Neither proves that a prediction is right.
For comparison, predictions.csv also contains the plain softmax (deterministic_probability).

Exit codes: 0 success, 1 failure, 2 wrong usage, 3 finished but some images failed (predictions.csv
has their errors), 130 or 143 stopped by a signal.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{MEANING}"))]
pub(super) struct PredictArguments {
    /// An .onnx file with live dropout, or the folder of an export.
    model: PathBuf,
    /// Files, folders, patterns ('a/**/*.jpg'), - for a list on stdin.
    #[arg(required_unless_present = "manifest")]
    images: Vec<PathBuf>,
    /// List of images: one path per line, or separated by NUL, or CSV with a column "path";
    /// relative to the working directory.
    #[arg(long, value_name = "FILE", conflicts_with = "images", hide_short_help = true)]
    manifest: Option<PathBuf>,
    /// Folder for maps, predictions.csv and run.json.
    #[arg(short, long, value_name = "FOLDER")]
    output: PathBuf,
    /// Replace the results of an earlier run.
    #[arg(long)]
    overwrite: bool,
    /// Print decisions, and the source of each setting.
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    run: RunArguments,
    #[command(flatten)]
    sites: SiteArguments,
    #[command(flatten)]
    results: ResultArguments,
}

/// Returns the names of the options that describe a run of a model.
pub(super) fn options_of_a_run() -> BTreeSet<Id> {
    let options = RunArguments::augment_args(Command::new(""));
    let options = SiteArguments::augment_args(options);
    options.get_arguments().map(|argument| argument.get_id().clone()).collect()
}

pub(super) fn run(arguments: &PredictArguments) -> Result<End> {
    let run = Run {
        arguments: &arguments.run,
        model: &arguments.model,
        sites: arguments.sites.options(),
        sources: match &arguments.manifest {
            Some(list) => vec![Source::list(list)],
            None => arguments.images.iter().map(|path| Source::images(path)).collect(),
        },
        folder: arguments.output.clone(),
        output: arguments.results.output()?,
        overwrite: arguments.overwrite,
        verbose: arguments.verbose,
        jsonl: arguments.results.jsonl,
    };
    run_observed(&run, None).map(|(end, _)| end)
}

/// Predicts; `observer` receives every prediction.
pub(super) fn run_observed(
    run: &Run<'_>,
    observer: Option<&dyn Observer>,
) -> Result<(End, Summary)> {
    let runtime = Runtime::find(run.arguments.machine.ort_lib.as_deref())?;
    let file = find_model(run.model)?;
    let model = Model::open(&file)?;
    if model.unknown_bytes() > 0 {
        let bytes = model.unknown_bytes();
        terminal::warning(&format!(
            "{bytes} bytes of the model belong to fields newer than IR 14 and are ignored"
        ));
    }
    let plan = run.plan(&file, model, &run.sites)?;
    let preprocessing = run.preprocessing(&file, &plan)?;
    warn(&plan);
    let stretched = |s: &&Setting| s.key == "resize" && s.origin == MODEL_INPUT;
    if let Some(size) = preprocessing.settings().iter().find(stretched) {
        terminal::note(&format!(
            "images are stretched to {}, the model's size",
            size.value
        ));
    }
    if run.verbose {
        describe(&runtime, &plan, &preprocessing);
    }
    let listing = list_images(&run.sources, Some(&run.folder))?;
    warn_of_listing(&listing);
    let job = run.job(listing.images, &plan, &preprocessing)?;
    let setup = Setup { plan, preprocessing };
    let (end, summary) = predict(run, setup, &runtime, &job, observer)?;
    if job.output.report {
        let threads = job.sampling.threads;
        report::write(&job.folder, &Options { threads, ..Options::default() })?;
    }
    let all_found = listing.unreadable.is_empty();
    let end = if end == End::Done && !all_found { End::SomeImagesFailed } else { end };
    Ok((end, summary))
}

/// Prints the roles of outputs if they were guessed from their names.
fn note_guess(plan: &Plan) {
    let Some(heads) = plan.heads().guessed() else { return };
    let heads: Vec<String> = heads.iter().map(|head| format!("--head {head}")).collect();
    terminal::note(&format!("by the names of the outputs: {}", heads.join(" ")));
}

/// Largest number of signs of a suspicious file that are printed.
const MOST_SUSPICIONS: usize = 3;

/// Warns about a suspicious file, inert dropouts, activated ones, and batch normalization in
/// training form.
pub(super) fn warn(plan: &Plan) {
    note_guess(plan);
    let survey = plan.survey();
    for warning in survey.warnings.iter().take(MOST_SUSPICIONS) {
        terminal::warning(&warning.message());
    }
    if survey.warnings.len() > MOST_SUSPICIONS {
        let more = survey.warnings.len() - MOST_SUSPICIONS;
        terminal::warning(&format!("{more} more signs of a suspicious file"));
        terminal::hint("`mcdrop inspect` lists all");
    }
    let others =
        |n: usize| if n > 1 { format!(" and {} more", n - 1) } else { String::new() };
    if let Some(first) = plan.inert().first() {
        terminal::warning(&format!(
            "this dropout stays off: {first}{}",
            others(plan.inert().len())
        ));
        terminal::hint(
            "activate it with --only PATTERN or --ratio NODE=P; `mcdrop inspect` lists all",
        );
    }
    let woken: Vec<&Site> = plan.sites().iter().filter(|site| !site.live).collect();
    if let Some(first) = woken.first() {
        terminal::note(&format!(
            "no dropout of the file is live: activated node \"{}\" ({}){}",
            first.node,
            first.reason.as_deref().unwrap_or_default(),
            others(woken.len())
        ));
    }
    if let Some(first) = survey.batch_norm_training.first() {
        terminal::warning(&format!(
            "batch normalization in training form uses its running statistics now, which may \
             hold the export's dummy batch: node \"{first}\"{}",
            others(survey.batch_norm_training.len())
        ));
    }
}

/// Warns about images that are missing, and about repeated ones.
fn warn_of_listing(listing: &Listing) {
    for error in &listing.unreadable {
        terminal::warning(&format!("a folder cannot be read: {error}"));
    }
    let counted = |n: usize, one: &str, several: &str| match n {
        0 => {}
        1 => terminal::note(&format!("1 {one}")),
        n => terminal::note(&format!("{n} {several}")),
    };
    counted(
        listing.broken_links,
        "broken or circular link is left out",
        "broken or circular links are left out",
    );
    counted(
        listing.repeated,
        "image was listed more than once",
        "images were listed more than once",
    );
}

fn predict(
    run: &Run<'_>,
    setup: Setup,
    runtime: &Runtime,
    job: &Job,
    observer: Option<&dyn Observer>,
) -> Result<(End, Summary)> {
    let signals = Signals::new();
    let mut reporter = ProgressReporter::new(run, job);
    let on_event = &mut |event: Event<'_>| {
        if let Event::Started { .. } = event {
            // Until here, no file is being written, and a signal ends the process as usual.
            signals.listen();
        }
        reporter.on_event(&event);
    };
    let stop = signals.stop();
    let result =
        pipeline::predict_observed(setup, runtime, job, stop, on_event, observer);
    reporter.finish();
    let summary = result?;
    reporter.sum_up(&summary, observer.is_some());
    let end = if summary.stopped {
        End::Stopped(signals.code())
    } else if summary.failed > 0 {
        End::SomeImagesFailed
    } else {
        End::Done
    };
    Ok((end, summary))
}

fn describe(runtime: &Runtime, plan: &Plan, preprocessing: &Preprocessing) {
    let note = |text: String| terminal::note(&text);
    note(format!("onnxruntime {} from {}", runtime.version(), runtime.path().display()));
    note(format!(
        "model {}, opset {}, written by {}",
        plan.model().path().display(),
        plan.model().opset(),
        plan.model().producer()
    ));
    let head = plan.heads().first();
    match &head.cut_off[..] {
        [_, ..] => {
            let operators = head.cut_off.join(" and ");
            note(format!(
                "scores: the input of the last {operators} before output \"{}\"",
                head.output
            ));
        }
        [] => note(format!("scores: output \"{}\"", head.output)),
    }
    for (i, site) in plan.sites().iter().enumerate() {
        note(format!(
            "site {i}: node \"{}\", {}, {}, tensor \"{}\"",
            site.node,
            site.kind.name(),
            site.ratio.map_or("no ratio".to_owned(), |ratio| format!("ratio {ratio}")),
            site.tensor
        ));
    }
    let (prefix, suffix) = plan.node_counts();
    note(format!("{prefix} nodes run once per image, {suffix} once per sample"));
    for setting in preprocessing.settings() {
        let origin = to_options(&setting.origin);
        note(format!("{} = {} ({origin})", setting.key, setting.value));
    }
}
