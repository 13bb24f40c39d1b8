//! Options of `predict`, `evaluate` and `tune` that describe a run of a model.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::names::{self, FIRST, List, Samples};
use super::sites::HeadArguments;
use crate::error::{Error, Result};
use crate::graph::{HeadOptions, Plan, ScoresOption, SiteOptions};
use crate::input::preprocessing::{
    BandSelection, Channels, Crop, Exif, Frames, InputRange, Interpolation, Options,
    OutputSettings, Preset, Resize, read_class_names, read_palette,
};
use crate::input::{ImageFile, Preprocessing, Source, each_frame};
use crate::onnx::Model;
use crate::pipeline::{Job, OutputOptions};
use crate::random::Draws;
use crate::sampling::{Masks, SamplingOptions, Shortcut, Stop, StopRule, model_input};
use crate::sums::Needs;
use crate::task::{ModelPrecision, Task};

/// Largest limit of pixels that can be set: sizes in bytes stay far from overflowing.
const MOST_PIXELS: u64 = 1 << 40;

const TOLERANCE: &str = "\
With auto, largest sampling error: class=CHANCE (that more samples change the class),
predictive_entropy=NATS, probability=X, label_probability=X or value=X (at 95 % confidence)
[default: class=0.01; for maps predictive_entropy=0.02; for labels label_probability=0.02; none for
values]. For a small average error, a fixed number of samples is better";

/// Options of a run of a model, except those of its dropout and of its results.
#[derive(Debug, Args)]
pub(in crate::cli) struct RunArguments {
    #[command(flatten)]
    pub(in crate::cli) sampling: SamplingArguments,
    #[command(flatten)]
    pub(in crate::cli) scores: ScoreArguments,
    #[command(flatten)]
    pub(in crate::cli) preprocessing: PreprocessingArguments,
    #[command(flatten)]
    pub(in crate::cli) machine: MachineArguments,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Sampling")]
pub(in crate::cli) struct SamplingArguments {
    /// Samples per image, best a multiple of 31, or auto (see --tolerance).
    #[arg(long, help_heading = FIRST, value_name = "N|auto", default_value = "31", value_parser = names::samples)]
    samples: Samples,
    #[arg(help = TOLERANCE, long, value_name = "WHAT=X", value_parser = names::tolerance, hide_short_help = true)]
    tolerance: Option<StopRule>,
    /// With auto, largest number of samples per image [default: 310].
    #[arg(long, value_name = "N", value_parser = names::from_1_to::<65_535, u32>, hide_short_help = true)]
    max_samples: Option<u32>,
    /// Seed of the masks; a negative number means its two's complement.
    #[arg(long, value_name = "S", default_value_t = 0, allow_negative_numbers = true, value_parser = seed, hide_short_help = true)]
    seed: u64,
    /// Scheme by which masks (which units are dropped) are drawn.
    #[arg(long, value_enum, default_value_t = DrawsName::Stratified, hide_short_help = true)]
    draws: DrawsName,
    /// Sharing of masks between images.
    #[arg(long, value_enum, default_value_t = MasksName::PerImage, hide_short_help = true)]
    masks: MasksName,
    /// Draws of the noise of logits in each pass, best a multiple of 31, for models that predict its
    /// variance [default: 31].
    #[arg(long, value_name = "K", value_parser = names::from_1_to::<65_535, u32>, hide_short_help = true)]
    logit_noise_samples: Option<u32>,
    /// Turn all dropouts off: one pass, no samples.
    #[arg(long, conflicts_with = "samples", hide_short_help = true)]
    deterministic: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Model output")]
pub(in crate::cli) struct ScoreArguments {
    #[command(flatten)]
    pub(in crate::cli) heads: HeadArguments,
    /// Kind of the scores.
    #[arg(long, value_enum, default_value_t = ScoresName::Auto, hide_short_help = true)]
    scores: ScoresName,
    #[arg(help = task_help(), long, value_name = "TASK", value_parser = task, hide_short_help = true)]
    task: Option<TaskChoice>,
    /// Names of the targets of a regression, one for each channel.
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',', hide_short_help = true)]
    targets: Vec<String>,
    #[arg(help = names::MODEL_PRECISION, long, value_name = "TAU", value_parser = names::model_precision, hide_short_help = true)]
    model_precision: Option<ModelPrecision>,
}

#[derive(Debug, Args)]
#[command(
    next_help_heading = "Preprocessing (default: MODEL.toml and other libraries' files beside the model)"
)]
pub(in crate::cli) struct PreprocessingArguments {
    /// Configuration that overrides those beside the model: TOML, or JSON of another library.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    config: Option<PathBuf>,
    /// Pixel scale: imagenet, unit (0..1), raw (0..255); with sizes:
    /// torchvision-classification, torchvision-segmentation.
    #[arg(
        long,
        value_name = "NAME", help_heading = FIRST)]
    preset: Option<Preset>,
    #[arg(help = "WIDTHxHEIGHT, short:SIDE, none, or another rule of the sidecar", long, value_name = "SIZE", help_heading = FIRST)]
    resize: Option<Resize>,
    /// Crop to this size around the center.
    #[arg(long, value_name = "WxH", hide_short_help = true)]
    crop: Option<Crop>,
    /// Interpolation when resizing.
    #[arg(long, value_name = "nearest|bilinear|bicubic", hide_short_help = true)]
    interpolation: Option<Interpolation>,
    /// Antialias when an image becomes smaller.
    #[arg(long, value_name = "yes|no", value_parser = yes_or_no, hide_short_help = true)]
    antialias: Option<bool>,
    /// Pad sides to a multiple of N; maps are cropped back.
    #[arg(long, value_name = "N", value_parser = names::from_1_to::<4096, u32>, help_heading = FIRST)]
    pad_to_multiple: Option<u32>,
    /// Treatment of EXIF orientation [default: apply].
    #[arg(long, value_name = "apply|ignore", hide_short_help = true)]
    exif: Option<Exif>,
    /// Frames or pages of a file that are read: the first, or each as an image (scan.tif#3)
    /// [default: first].
    #[arg(long, value_name = "first|all", hide_short_help = true)]
    frames: Option<Frames>,
    /// Largest number of pixels of an image, before and after resizing [default: 200000000].
    #[arg(long, value_name = "N", value_parser = names::from_1_to::<MOST_PIXELS, u64>, hide_short_help = true)]
    max_pixels: Option<u64>,
    /// Mean to subtract from values in 0..1: one number, or one per channel.
    #[arg(long, value_name = "M,M,M", value_parser = names::numbers, allow_hyphen_values = true, hide_short_help = true)]
    mean: Option<List<f32>>,
    /// Standard deviation to divide by, in the same form.
    #[arg(long, value_name = "S,S,S", value_parser = names::numbers, allow_hyphen_values = true, hide_short_help = true)]
    std: Option<List<f32>>,
    /// Order of the channels.
    #[arg(long, value_name = "rgb|bgr|gray|rgba|bands:N", hide_short_help = true)]
    channels: Option<Channels>,
    /// Bands of the images that become channels, counted from 1 [default: all, or the colors].
    #[arg(long, value_name = "N,N,N", hide_short_help = true)]
    bands: Option<BandSelection>,
    /// Pixel values that become 0 and 1 before mean and std, or percentiles of each image
    /// (1%:99%) [default: by the bits of the file].
    #[arg(
        long,
        value_name = "LOW:HIGH",
        allow_hyphen_values = true,
        hide_short_help = true
    )]
    input_range: Option<InputRange>,
    /// Names of the classes: one per line, or JSON.
    #[arg(long, value_name = "FILE", help_heading = FIRST)]
    classes: Option<PathBuf>,
    /// Colors of the classes: cityscapes, camvid, voc, ade20k, or a file of them [default: by
    /// the names of the classes].
    #[arg(long, value_name = "NAME|FILE", hide_short_help = true)]
    palette: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Machine")]
pub(in crate::cli) struct MachineArguments {
    /// Number of samples that run together [default: as many as fit --memory].
    #[arg(long, value_name = "N", value_parser = names::from_1_to::<4096, u32>, hide_short_help = true)]
    batch_size: Option<u32>,
    /// Threads for the model, reading and writing [default: one per core].
    #[arg(long, value_name = "N", value_parser = names::from_1_to::<1024, u32>, hide_short_help = true)]
    threads: Option<u32>,
    /// Memory for the samples that run together, as estimated; small amounts stay in the caches.
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = names::memory, hide_short_help = true)]
    memory: usize,
    /// Optimizations to turn off, for comparison: split-concatenations, resize-in-reduction,
    /// expand-in-place.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = shortcut, hide_short_help = true)]
    disable: Vec<Shortcut>,
    /// ONNX Runtime's library, or the folder that contains it.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(in crate::cli) ort_lib: Option<PathBuf>,
}

impl RunArguments {
    fn preprocessing_options(&self) -> Result<Options> {
        let typed = &self.preprocessing;
        let list =
            |numbers: &Option<List<f32>>| numbers.as_ref().map(|list| list.0.clone());
        Ok(Options {
            config: typed.config.clone(),
            preset: typed.preset,
            resize: typed.resize,
            crop: typed.crop,
            interpolation: typed.interpolation,
            antialias: typed.antialias,
            pad_to_multiple: typed.pad_to_multiple.map(|multiple| multiple as usize),
            exif: typed.exif,
            frames: typed.frames,
            max_pixels: typed.max_pixels,
            mean: list(&typed.mean),
            std: list(&typed.std),
            channels: typed.channels,
            bands: typed.bands.clone(),
            input_range: typed.input_range,
            classes: typed.classes.as_deref().map(read_class_names).transpose()?,
            palette: typed.palette.as_deref().map(read_palette).transpose()?,
            task: self.scores.task.and_then(|choice| choice.0),
            targets: Some(self.scores.targets.clone()).filter(|names| !names.is_empty()),
            ..Options::default()
        })
    }
}

impl SamplingArguments {
    /// Returns whether all dropouts are off.
    pub(in crate::cli) fn is_deterministic(&self) -> bool {
        self.deterministic
    }
}

impl MachineArguments {
    /// Returns the number of threads.
    pub(in crate::cli) fn threads(&self) -> usize {
        self.threads.map_or_else(|| SamplingOptions::default().threads, |n| n as usize)
    }
}

fn shortcut(name: &str) -> Result<Shortcut, String> {
    let names = || Shortcut::ALL.map(Shortcut::name).join(", ");
    Shortcut::by_name(name).ok_or_else(|| {
        format!("unknown optimization \"{name}\": expected one of {}", names())
    })
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DrawsName {
    /// In blocks of 31 samples, which drop each unit the expected number of times.
    Stratified,
    /// Independent of each other.
    Independent,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum MasksName {
    /// Each image has its own masks, which depend on the bytes of its file.
    PerImage,
    /// All images share their masks.
    Shared,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ScoresName {
    /// Found by the last operator, else by a probe.
    Auto,
    /// Scores before the softmax.
    Logits,
    /// Non-negative scores that sum to 1.
    Probabilities,
}

fn yes_or_no(text: &str) -> Result<bool, String> {
    match text {
        "yes" => Ok(true),
        "no" => Ok(false),
        other => Err(format!("expected yes or no, found \"{other}\"")),
    }
}

fn seed(text: &str) -> Result<u64, String> {
    let wrong = || format!("expected a whole number of 64 bits, found \"{text}\"");
    let signed = || text.parse::<i64>().map(i64::cast_unsigned);
    text.parse::<u64>().or_else(|_| signed()).map_err(|_| wrong())
}

fn task_help() -> String {
    let names = Task::names().join(", ");
    format!(
        "Meaning of the outputs: {names} or auto [default: by their shape and operators]"
    )
}

/// A task, or `auto`, which wins over a sidecar's.
#[derive(Debug, Clone, Copy)]
struct TaskChoice(Option<&'static Task>);

fn task(text: &str) -> Result<TaskChoice, String> {
    if text == "auto" {
        return Ok(TaskChoice(None));
    }
    let named = text.parse().map(|task| TaskChoice(Some(task)));
    named.map_err(|message: String| format!("{message}, auto"))
}

impl ScoreArguments {
    /// Returns the kind of scores that was chosen.
    pub(in crate::cli) fn option(&self) -> ScoresOption {
        match self.scores {
            ScoresName::Auto => ScoresOption::Auto,
            ScoresName::Logits => ScoresOption::Logits,
            ScoresName::Probabilities => ScoresOption::Probabilities,
        }
    }
}

/// A run of a model on images, as in `predict`, `evaluate` and `tune`.
pub(in crate::cli) struct Run<'a> {
    pub(in crate::cli) arguments: &'a RunArguments,
    pub(in crate::cli) model: &'a Path,
    pub(in crate::cli) sites: SiteOptions,
    pub(in crate::cli) sources: Vec<Source>,
    pub(in crate::cli) folder: PathBuf,
    pub(in crate::cli) output: OutputOptions,
    /// Replace earlier results in the folder.
    pub(in crate::cli) overwrite: bool,
    /// Print where settings come from.
    pub(in crate::cli) verbose: bool,
    /// Print rows as lines of JSON.
    pub(in crate::cli) jsonl: bool,
}

impl Run<'_> {
    /// Finds the sites of a model and cuts it there.
    pub(in crate::cli) fn plan(
        &self,
        file: &Path,
        model: Model,
        sites: &SiteOptions,
    ) -> Result<Plan> {
        let RunArguments { sampling, .. } = self.arguments;
        let may_be_empty = sampling.deterministic;
        let sites = SiteOptions { may_be_empty, ..sites.clone() };
        let heads = self.head_options(file, &model)?;
        Plan::with_sites(model, &heads, &sites)
    }

    /// Returns which outputs of a model are read, by options and configuration files.
    pub(in crate::cli) fn head_options(
        &self,
        file: &Path,
        model: &Model,
    ) -> Result<HeadOptions> {
        let scores = &self.arguments.scores;
        let mut options = self.arguments.preprocessing_options()?;
        options.metadata = model.metadata();
        let mut settings = OutputSettings::resolve(file, &options)?;
        if let Some(choice) = scores.task {
            settings.task = choice.0;
        }
        Ok(scores.heads.options(scores.option(), &settings))
    }

    /// Resolves the preprocessing of a model that was read from `file`.
    pub(in crate::cli) fn preprocessing(
        &self,
        file: &Path,
        plan: &Plan,
    ) -> Result<Preprocessing> {
        let mut options = self.arguments.preprocessing_options()?;
        options.metadata = plan.model().metadata();
        Preprocessing::resolve(file, &model_input(plan)?, &options)
    }

    /// Returns the job for the pipeline.
    ///
    /// # Errors
    /// Fails if options contradict each other.
    pub(in crate::cli) fn job(
        &self,
        images: Vec<ImageFile>,
        plan: &Plan,
        preprocessing: &Preprocessing,
    ) -> Result<Job> {
        let RunArguments { sampling, scores, machine, .. } = self.arguments;
        let images = match preprocessing.frames() {
            Frames::First => images,
            Frames::All => each_frame(images)?,
        };
        let (samples, stop) = sampling.samples()?;
        let needs = if stop.is_some() { STOP_NEEDS } else { Needs::MEAN };
        let sampling = SamplingOptions {
            samples,
            stop,
            seed: sampling.seed,
            draws: match sampling.draws {
                DrawsName::Stratified => Draws::Stratified,
                DrawsName::Independent => Draws::Independent,
            },
            masks: match sampling.masks {
                MasksName::PerImage => Masks::PerImage,
                MasksName::Shared => Masks::Shared,
            },
            logit_noise_samples: sampling.logit_noise_samples,
            deterministic: sampling.deterministic,
            batch_size: machine.batch_size.map(|n| n as usize),
            memory: machine.memory,
            threads: machine.threads(),
            task: scores.task.map_or(preprocessing.task, |choice| choice.0),
            target: preprocessing.target.conversion(scores.model_precision),
            needs: self.output.needs(plan.heads().family()).union(needs),
            disabled: machine.disable.clone(),
        };
        Ok(Job {
            images,
            folder: self.folder.clone(),
            overwrite: self.overwrite,
            sampling,
            output: self.output.clone(),
        })
    }
}

/// Sums that a stopping rule needs.
const STOP_NEEDS: Needs = Needs { moments: true, ..Needs::MEAN };

/// Default of `--max-samples`: ten blocks.
const DEFAULT_MOST: u32 = 310;

impl SamplingArguments {
    /// Returns the number of samples (the largest number, if a rule stops them) and the rule.
    fn samples(&self) -> Result<(u32, Option<Stop>)> {
        match self.samples {
            Samples::Auto => {
                let stop = self.tolerance.map_or(Stop::ByTask, Stop::Rule);
                Ok((self.max_samples.unwrap_or(DEFAULT_MOST), Some(stop)))
            }
            Samples::Fixed(samples) => {
                let unused = [
                    ("tolerance", self.tolerance.is_some()),
                    ("max_samples", self.max_samples.is_some()),
                ];
                match unused.into_iter().find(|(_, typed)| *typed) {
                    None => Ok((samples, None)),
                    Some((option, _)) => {
                        let message = format!("has no effect with {samples} samples");
                        Err(Error::setting(option, message)
                            .with_hint("use it with `samples = auto`"))
                    }
                }
            }
        }
    }
}
