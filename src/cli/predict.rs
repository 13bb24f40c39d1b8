//! `mcdrop predict`: runs what was typed and says how it goes.

mod arguments;
mod jsonl;

use std::collections::HashSet;

pub(super) use arguments::PredictArguments;

use self::jsonl::Lines;
use super::progress::Progress;
use super::{End, terminal};
use crate::error::Result;
use crate::input::preprocessing::{MODEL_INPUT, Setting};
use crate::input::{Preprocessing, list_images};
use crate::onnx::{Model, find_model};
use crate::pipeline::{self, Event, Job, Setup};
use crate::reduce::ScoreKind;
use crate::rewrite::{Plan, Scores};
use crate::runtime::Runtime;
use crate::sampling::{Sampler, model_input};

pub(super) fn run(arguments: &PredictArguments) -> Result<End> {
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
    let plan = Plan::new(model, output_name, arguments.scores.option())?;
    let input = model_input(&plan)?;
    let mut options = arguments.preprocessing_options();
    options.metadata = plan.model().metadata();
    let preprocessing = Preprocessing::resolve(&file, &input, &options)?;
    for inert in plan.inert() {
        terminal::warning(&format!("this dropout stays off: {inert}"));
    }
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
    let images = list_images(&arguments.images, Some(&arguments.output))?;
    let job = arguments.job(images, &preprocessing);
    predict(arguments, Setup { plan, preprocessing }, &runtime, &job)
}

fn predict(
    arguments: &PredictArguments,
    setup: Setup,
    runtime: &Runtime,
    job: &Job,
) -> Result<End> {
    let mut progress = Progress::new(job.images.len());
    let mut hints = HashSet::new();
    let mut lines = None;
    let result = pipeline::predict(setup, runtime, job, &mut |event| match event {
        Event::Started(sampler) => {
            let asked = sampler.options().batch_size;
            let rows = sampler.rows();
            if let (Some(_), Some(reason)) = (asked, &rows.reason) {
                let message = format!("--batch-size is not used: {reason}");
                progress.aside(|| terminal::warning(&message));
            }
            if arguments.verbose {
                progress.aside(|| describe_sampler(sampler));
            }
            if arguments.jsonl() {
                lines = Some(Lines::new(&job.output, sampler.scores().is_map()));
            }
        }
        Event::Done { id, fields } => {
            progress.step();
            say_row(&progress, lines.as_mut(), id, fields, true);
        }
        Event::Failed { id, message, hint, fields } => {
            progress.step();
            say_row(&progress, lines.as_mut(), id, fields, false);
            progress.aside(|| {
                terminal::warning(&message);
                // The same way out for a thousand images is said once.
                if let Some(hint) = hint.filter(|hint| hints.insert((*hint).to_owned())) {
                    terminal::hint(hint);
                }
            });
        }
    });
    progress.finish();
    let summary = result?;
    let total = summary.done + summary.failed;
    let failed = if summary.failed > 0 {
        format!(", {} failed", summary.failed)
    } else {
        String::new()
    };
    let seconds = summary.time.as_secs_f64();
    let folder = job.folder.display();
    let images = if total == 1 { "image" } else { "images" };
    terminal::note(&format!(
        "{total} {images} in {seconds:.1} s ({:.1} images/s){failed}: {folder}/predictions.csv",
        total as f64 / seconds.max(1e-9)
    ));
    Ok(if summary.failed > 0 { End::SomeImagesFailed } else { End::Done })
}

/// Says a row on standard output, where that was asked for.
fn say_row(
    progress: &Progress,
    lines: Option<&mut Lines<'_>>,
    id: &str,
    fields: &[String],
    done: bool,
) {
    let Some(lines) = lines else { return };
    progress.aside(|| {
        if let Err(error) = lines.row(id, fields, done) {
            terminal::warning(&format!(
                "no more rows are written to standard output: {error}"
            ));
        }
    });
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
    let head = plan.head();
    match head.squashed_by.filter(|_| head.is_cut_off()) {
        Some(operator) => {
            note(format!(
                "scores: what the last {operator} of output \"{}\" reads",
                head.output
            ));
        }
        None => note(format!("scores: output \"{}\"", head.output)),
    }
    for (i, site) in plan.sites().iter().enumerate() {
        note(format!(
            "site {i}: node \"{}\", ratio {}, tensor \"{}\"",
            site.node, site.ratio, site.tensor
        ));
    }
    let (prefix, suffix) = plan.node_counts();
    note(format!("{prefix} nodes run once an image, {suffix} for every sample"));
    for setting in preprocessing.settings() {
        note(format!("{} = {} ({})", setting.key, setting.value, setting.origin));
    }
}

fn describe_sampler(sampler: &Sampler) {
    let (scores, head) = (sampler.scores(), sampler.plan().head());
    let kind = match scores.kind() {
        ScoreKind::Logits => "logits",
        ScoreKind::Probabilities => "probabilities",
    };
    let how = if head.scores == Scores::ToBeProbed {
        "by a probe"
    } else {
        "by the graph or --scores"
    };
    let task = if scores.is_map() { "segmentation" } else { "classification" };
    let n = scores.n_classes();
    terminal::note(&format!("{task} of {n} classes; the scores are {kind} ({how})"));
    let rows = sampler.rows();
    let reason =
        rows.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let n = rows.per_run;
    terminal::note(&format!("{n} {} a run{reason}", if n == 1 { "row" } else { "rows" }));
}
