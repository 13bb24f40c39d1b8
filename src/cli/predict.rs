//! `mcdrop predict`: runs what was typed and says how it goes.

mod arguments;
mod jsonl;
mod results;
mod teller;

pub(super) use arguments::{
    MachineArguments, PredictArguments, PreprocessingArguments, SamplingArguments,
    ScoreArguments,
};

use std::collections::BTreeSet;

use clap::{Args as _, Command, Id};

use self::teller::Teller;
use super::signals::Signals;
use super::sites::SiteArguments;
use super::{End, report, terminal};
use crate::error::Result;
use crate::graph::{Plan, Site};
use crate::input::preprocessing::{MODEL_INPUT, Setting};
use crate::input::{Listing, Preprocessing, list_images};
use crate::measure::MUTUAL_INFORMATION;
use crate::onnx::{Model, find_model};
use crate::pipeline::{self, Event, Job, Observer, Setup, Summary};
use crate::report::Options;
use crate::runtime::Runtime;
use crate::sampling::model_input;

/// The names of options that say how a model runs.
pub(super) fn options_of_a_run() -> BTreeSet<Id> {
    let all = Command::new("");
    let all = SamplingArguments::augment_args(all);
    let all = ScoreArguments::augment_args(SiteArguments::augment_args(all));
    let all = MachineArguments::augment_args(PreprocessingArguments::augment_args(all));
    all.get_arguments().map(|argument| argument.get_id().clone()).collect()
}

pub(super) fn run(arguments: &PredictArguments) -> Result<End> {
    run_observed(arguments, None).map(|(end, _)| end)
}

/// Runs with somebody who looks at every prediction.
pub(super) fn run_observed(
    arguments: &PredictArguments,
    observer: Option<&dyn Observer>,
) -> Result<(End, Summary)> {
    let runtime = Runtime::find(arguments.machine.ort_lib.as_deref())?;
    let file = find_model(&arguments.model)?;
    let model = Model::open(&file)?;
    if model.unknown_bytes() > 0 {
        let bytes = model.unknown_bytes();
        terminal::warning(&format!(
            "{bytes} bytes of the model belong to fields newer than IR 14 and are ignored"
        ));
    }
    let output_name = arguments.scores.output_name.as_deref();
    let sites = arguments.sites.options();
    let plan = Plan::with_sites(model, output_name, arguments.scores.option(), &sites)?;
    let input = model_input(&plan)?;
    let mut options = arguments.preprocessing_options();
    options.metadata = plan.model().metadata();
    let preprocessing = Preprocessing::resolve(&file, &input, &options)?;
    warn(&plan);
    let stretched = |s: &&Setting| s.key == "resize" && s.origin == MODEL_INPUT;
    if let Some(size) = preprocessing.settings().iter().find(stretched) {
        terminal::note(&format!(
            "images are stretched to {}, the model's size",
            size.value
        ));
    }
    if arguments.verbose {
        describe(&runtime, &plan, &preprocessing);
    }
    let listing = list_images(&arguments.sources(), Some(&arguments.output))?;
    warn_of_listing(&listing);
    let job = arguments.job(listing.images, &preprocessing)?;
    let mut shown = job.output.measures.iter().chain(&job.output.maps);
    if job.sampling.stop.is_some()
        && shown.any(|measure| measure.name == MUTUAL_INFORMATION.name)
    {
        terminal::note(&format!(
            "{} is about 1/T too small, and T differs between images here",
            MUTUAL_INFORMATION.name
        ));
    }
    let setup = Setup { plan, preprocessing };
    let (end, summary) = predict(arguments, setup, &runtime, &job, observer)?;
    if job.output.report {
        let threads = job.sampling.threads;
        report::write(&job.folder, &Options { threads, ..Options::default() })?;
    }
    let all_found = listing.unreadable.is_empty();
    let end = if end == End::Done && !all_found { End::SomeImagesFailed } else { end };
    Ok((end, summary))
}

/// Says what of the file was not taken as it is.
pub(super) fn warn(plan: &Plan) {
    let survey = plan.survey();
    let others =
        |n: usize| if n > 1 { format!(" and {} more", n - 1) } else { String::new() };
    if let Some(first) = plan.inert().first() {
        terminal::warning(&format!(
            "this dropout stays off: {first}{}",
            others(plan.inert().len())
        ));
        terminal::hint(
            "wake it with --only PATTERN or --ratio NODE=P; `mcdrop inspect` lists all",
        );
    }
    let woken: Vec<&Site> = plan.sites().iter().filter(|site| !site.live).collect();
    if let Some(first) = woken.first() {
        terminal::note(&format!(
            "no dropout of the file is live: woken are node \"{}\" ({}){}",
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

/// Says what was not found, and what was found twice.
fn warn_of_listing(listing: &Listing) {
    for error in &listing.unreadable {
        terminal::warning(&format!("images in this folder are missing: {error}"));
    }
    let counted = |n: usize, one: &str, several: &str| match n {
        0 => {}
        1 => terminal::note(&format!("1 {one}")),
        n => terminal::note(&format!("{n} {several}")),
    };
    counted(
        listing.broken_links,
        "link in a circle or to nothing is left out",
        "links in a circle or to nothing are left out",
    );
    counted(
        listing.repeated,
        "image was named again and is taken once",
        "images were named again and are taken once",
    );
}

fn predict(
    arguments: &PredictArguments,
    setup: Setup,
    runtime: &Runtime,
    job: &Job,
    observer: Option<&dyn Observer>,
) -> Result<(End, Summary)> {
    let signals = Signals::new();
    let mut teller = Teller::new(arguments, job);
    let tell = &mut |event: Event<'_>| {
        if let Event::Started { .. } = event {
            // Before, there is nothing to finish, and a signal ends the process as usual.
            signals.listen();
        }
        teller.tell(&event);
    };
    let stop = signals.stop();
    let result = pipeline::predict_observed(setup, runtime, job, stop, tell, observer);
    teller.finish();
    let summary = result?;
    teller.sum_up(&summary);
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
                "scores: what the last {operators} of output \"{}\" reads",
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
    note(format!("{prefix} nodes run once an image, {suffix} for every sample"));
    for setting in preprocessing.settings() {
        note(format!("{} = {} ({})", setting.key, setting.value, setting.origin));
    }
}
