//! `mcdrop predict`: from what was typed to a job.

use std::collections::HashSet;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::names::{self, List, Maps};
use super::progress::Progress;
use super::{End, terminal};
use crate::error::Result;
use crate::input::preprocessing::{
    Channels, Crop, Interpolation, MODEL_INPUT, Options, Preset, Resize, Setting, Task,
};
use crate::input::{Preprocessing, list_images};
use crate::measure::Measure;
use crate::onnx::Model;
use crate::output::format::Format;
use crate::pipeline::{self, Event, Job, OutputOptions, Precision, Setup};
use crate::random::Draws;
use crate::reduce::ScoreKind;
use crate::rewrite::{Plan, Scores, ScoresOption};
use crate::runtime::Runtime;
use crate::sampling::{Masks, Sampler, SamplingOptions, model_input};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  mcdrop predict model.onnx images -o out --preset imagenet
  mcdrop predict model.onnx photo.jpg -o out --samples 62 --seed 7
  mcdrop predict model.onnx images -o out --maps none --measures predictive_entropy

What the maps mean: predictive_entropy is how unsure the model is in all, mutual_information how
much its samples disagree. Neither proves that a prediction is right; predictions.csv has the plain
softmax (deterministic_probability) beside them, to compare.")]
pub(super) struct PredictArguments {
    /// The model: an .onnx file with live dropout.
    model: PathBuf,
    /// An image, or a folder of them (with its sub-folders).
    images: PathBuf,
    /// The folder for maps, predictions.csv and run.json.
    #[arg(short, long, value_name = "FOLDER")]
    output: PathBuf,
    /// Replace the results of an earlier run in that folder.
    #[arg(long)]
    overwrite: bool,
    /// Say what was found, decided and used, and where each setting came from.
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    sampling: SamplingArguments,
    #[command(flatten)]
    scores: ScoreArguments,
    #[command(flatten)]
    preprocessing: PreprocessingArguments,
    #[command(flatten)]
    results: ResultArguments,
    #[command(flatten)]
    machine: MachineArguments,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Sampling")]
struct SamplingArguments {
    /// Stochastic passes an image; multiples of 31 make full stratified blocks.
    #[arg(long, value_name = "N", default_value_t = 31, value_parser = clap::value_parser!(u32).range(1..=65_535))]
    samples: u32,
    /// Seed of the masks; a negative one is its two's complement.
    #[arg(long, value_name = "S", default_value_t = 0, allow_negative_numbers = true, value_parser = seed)]
    seed: u64,
    /// How the samples of a unit go together.
    #[arg(long, value_enum, default_value_t = DrawsName::Stratified)]
    draws: DrawsName,
    /// Whether each image has masks of its own.
    #[arg(long, value_enum, default_value_t = MasksName::PerImage)]
    masks: MasksName,
    /// All dropouts off: one pass, no samples.
    #[arg(long, conflicts_with = "samples")]
    deterministic: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Model output")]
struct ScoreArguments {
    /// The graph output that holds the class scores.
    #[arg(long, value_name = "NAME")]
    output_name: Option<String>,
    /// What the scores are.
    #[arg(long, value_enum, default_value_t = ScoresName::Auto)]
    scores: ScoresName,
    /// What the output is about [default: by its rank].
    #[arg(long, value_name = "classification|segmentation|auto", value_parser = task)]
    task: Option<List<Task>>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Preprocessing (default: MODEL.toml beside the model)")]
struct PreprocessingArguments {
    /// A configuration on top of the one beside the model.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Mean and standard deviation by name.
    #[arg(long, value_name = "imagenet|unit|raw")]
    preset: Option<Preset>,
    /// Size before the crop.
    #[arg(long, value_name = "none|WxH|short:N")]
    resize: Option<Resize>,
    /// Part of the middle that the network sees.
    #[arg(long, value_name = "WxH")]
    crop: Option<Crop>,
    /// How pixels are found when resizing.
    #[arg(long, value_name = "nearest|bilinear|bicubic")]
    interpolation: Option<Interpolation>,
    /// Whether shrinking averages over the pixels that it leaves out.
    #[arg(long, value_name = "yes|no", value_parser = yes_or_no)]
    antialias: Option<bool>,
    /// Mean to subtract, of values in 0..1: one number, or one a channel.
    #[arg(long, value_name = "M,M,M", value_parser = names::numbers, allow_hyphen_values = true)]
    mean: Option<List<f32>>,
    /// Standard deviation to divide by.
    #[arg(long, value_name = "S,S,S", value_parser = names::numbers, allow_hyphen_values = true)]
    std: Option<List<f32>>,
    /// Order of the channels.
    #[arg(long, value_name = "rgb|bgr|gray")]
    channels: Option<Channels>,
    /// Names of the classes: a line each, or JSON.
    #[arg(long, value_name = "FILE")]
    classes: Option<PathBuf>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Results")]
struct ResultArguments {
    /// Measures in predictions.csv.
    #[arg(long, value_name = "LIST", default_value = "all", value_parser = names::measures)]
    measures: List<&'static Measure>,
    /// Maps to write: prediction, overlay, and measures by name.
    #[arg(
        long,
        value_name = "LIST|none",
        default_value = "prediction,predictive_entropy,mutual_information,overlay",
        value_parser = names::maps
    )]
    maps: Maps,
    /// Formats of the measures' maps: png, npy.
    #[arg(long, value_name = "LIST", default_value = "png", value_parser = names::formats)]
    formats: List<&'static Format>,
    /// Keep mean probabilities and measures as .npy, for evaluation.
    #[arg(long, value_name = "f32|f16", num_args = 0..=1, require_equals = true, default_missing_value = "f32")]
    keep_probabilities: Option<PrecisionName>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Machine")]
struct MachineArguments {
    /// Rows (samples of an image) in a run of the sampled part [default: by --memory].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=4096))]
    batch_size: Option<u32>,
    /// Threads for the model, reading and writing [default: one a core].
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1024))]
    threads: Option<u32>,
    /// What the rows of a run may take, as estimated; small runs stay in the caches.
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = names::memory)]
    memory: usize,
    /// The ONNX Runtime library, or a folder that holds it.
    #[arg(long, value_name = "FILE")]
    ort_lib: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DrawsName {
    /// In blocks of 31, each unit dropped its due number of times.
    Stratified,
    /// Each sample for itself.
    Independent,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum MasksName {
    /// From the bytes of the image's file.
    PerImage,
    /// The same for all images.
    Shared,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ScoresName {
    /// By the last operator, else by a probe.
    Auto,
    /// Before the softmax.
    Logits,
    /// Non-negative, summing to 1.
    Probabilities,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PrecisionName {
    F32,
    F16,
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        other => Err(format!("\"{other}\" is neither yes nor no")),
    }
}

fn seed(text: &str) -> Result<u64, String> {
    let wrong = || format!("\"{text}\" is not a whole number of 64 bits");
    let signed = || text.parse::<i64>().map(i64::cast_unsigned);
    text.parse::<u64>().or_else(|_| signed()).map_err(|_| wrong())
}

fn task(text: &str) -> Result<List<Task>, String> {
    if text == "auto" {
        Ok(List(Vec::new()))
    } else {
        text.parse().map(|task| List(vec![task]))
    }
}

pub(super) fn run(arguments: &PredictArguments) -> Result<End> {
    let runtime = Runtime::find(arguments.machine.ort_lib.as_deref())?;
    let model = Model::open(&arguments.model)?;
    if model.unknown_bytes() > 0 {
        let bytes = model.unknown_bytes();
        terminal::warning(&format!(
            "{bytes} bytes of the model belong to fields newer than IR 14 and are ignored"
        ));
    }
    let scores = match arguments.scores.scores {
        ScoresName::Auto => ScoresOption::Auto,
        ScoresName::Logits => ScoresOption::Logits,
        ScoresName::Probabilities => ScoresOption::Probabilities,
    };
    let plan = Plan::new(model, arguments.scores.output_name.as_deref(), scores)?;
    let input = model_input(&plan)?;
    let preprocessing = Preprocessing::resolve(
        &arguments.model,
        &input,
        &arguments.preprocessing_options(),
    )?;
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
    predict(arguments, Setup { plan, input, preprocessing }, &runtime, &job)
}

fn predict(
    arguments: &PredictArguments,
    setup: Setup,
    runtime: &Runtime,
    job: &Job,
) -> Result<End> {
    let mut progress = Progress::new(job.images.len());
    let mut hints = HashSet::new();
    let result = pipeline::predict(setup, runtime, job, &mut |event| match event {
        Event::Started(sampler) => {
            if arguments.verbose {
                progress.aside(|| describe_sampler(sampler));
            }
        }
        Event::Done { .. } => progress.step(),
        Event::Failed { message, hint, .. } => {
            progress.step();
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

impl PredictArguments {
    fn preprocessing_options(&self) -> Options {
        let typed = &self.preprocessing;
        let list =
            |numbers: &Option<List<f32>>| numbers.as_ref().map(|list| list.0.clone());
        Options {
            config: typed.config.clone(),
            preset: typed.preset,
            resize: typed.resize,
            crop: typed.crop,
            interpolation: typed.interpolation,
            antialias: typed.antialias,
            mean: list(&typed.mean),
            std: list(&typed.std),
            channels: typed.channels,
            classes: typed.classes.clone(),
            task: self.task(),
        }
    }

    fn task(&self) -> Option<Task> {
        self.scores.task.as_ref().and_then(|list| list.0.first().copied())
    }

    fn job(
        &self,
        images: Vec<crate::input::ImageFile>,
        preprocessing: &Preprocessing,
    ) -> Job {
        let results = &self.results;
        let output = OutputOptions {
            measures: results.measures.0.clone(),
            maps: results.maps.measures.clone(),
            prediction: results.maps.prediction,
            overlay: results.maps.overlay,
            formats: results.formats.0.clone(),
            keep_probabilities: results.keep_probabilities.map(
                |precision| match precision {
                    PrecisionName::F32 => Precision::F32,
                    PrecisionName::F16 => Precision::F16,
                },
            ),
        };
        let typed = &self.sampling;
        let defaults = SamplingOptions::default();
        let sampling = SamplingOptions {
            samples: typed.samples,
            seed: typed.seed,
            draws: match typed.draws {
                DrawsName::Stratified => Draws::Stratified,
                DrawsName::Independent => Draws::Independent,
            },
            masks: match typed.masks {
                MasksName::PerImage => Masks::PerImage,
                MasksName::Shared => Masks::Shared,
            },
            deterministic: typed.deterministic,
            batch_size: self.machine.batch_size.map(|n| n as usize),
            memory: self.machine.memory,
            threads: self.machine.threads.map_or(defaults.threads, |n| n as usize),
            task: preprocessing.task,
            needs: output.needs(),
        };
        Job {
            images,
            folder: self.output.clone(),
            overwrite: self.overwrite,
            sampling,
            output,
        }
    }
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
