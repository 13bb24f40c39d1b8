//! What can be typed after `mcdrop predict`, and what it means.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::results::ResultArguments;
use crate::cli::names::{self, List, Samples};
use crate::cli::sites::SiteArguments;
use crate::error::{Error, Result};
use crate::graph::ScoresOption;
use crate::input::preprocessing::{
    Channels, Crop, Exif, Interpolation, Options, Preset, Resize,
};
use crate::input::{ImageFile, Preprocessing, Source};
use crate::pipeline::Job;
use crate::random::Draws;
use crate::sampling::{Masks, SamplingOptions, Shortcut, Stop, StopRule};
use crate::sums::Needs;
use crate::task::Task;

/// Largest limit of pixels that can be set: sizes in bytes stay far from overflowing.
const MOST_PIXELS: u64 = 1 << 40;

const EXAMPLES: &str = "\
Examples:
  mcdrop predict model.onnx images -o out --preset imagenet
  mcdrop predict optimum-folder/ photos -o out
  mcdrop predict unet.onnx scans -o out --preset unit --pad-to-multiple 32
  find . -name '*.png' | mcdrop predict model.onnx - -o out --jsonl
A run that was stopped goes on with the same command.
All options, formats and measures: mcdrop help predict";

const MEANING: &str = "\
What the maps mean: predictive_entropy is how unsure the model is in all, mutual_information how
much its samples disagree. Neither proves that a prediction is right; predictions.csv has the plain
softmax (deterministic_probability) beside them, to compare.

Exit codes: 0 all done, 1 failed, 2 wrong usage, 3 finished but some images failed (each named in
predictions.csv), 130 or 143 stopped by a signal.";

const TOLERANCE: &str = "\
When auto has enough: class=CHANCE (of another class with more samples), predictive_entropy=NATS or
probability=X (errors at 95 %) [default: class=0.01; for maps predictive_entropy=0.02]. It pays for
classes; for a small error on average, a fixed number does better";

/// Shown among the options used most, not under its group's heading.
pub(super) const FIRST: Option<&str> = None;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{MEANING}"))]
pub(in crate::cli) struct PredictArguments {
    /// An .onnx file with live dropout, or the folder of an export.
    pub(in crate::cli) model: PathBuf,
    /// Files, folders, patterns ('a/**/*.jpg'), - for a list on stdin.
    #[arg(required_unless_present = "manifest")]
    images: Vec<PathBuf>,
    /// A list of images instead: a path a line, or NUL-separated, or CSV with a column "path";
    /// relative to the working directory.
    #[arg(long, value_name = "FILE", conflicts_with = "images", hide_short_help = true)]
    manifest: Option<PathBuf>,
    /// Folder for maps, predictions.csv and run.json.
    #[arg(short, long, value_name = "FOLDER")]
    pub(in crate::cli) output: PathBuf,
    /// Replace the results of an earlier run there.
    #[arg(long)]
    pub(in crate::cli) overwrite: bool,
    /// Say what was decided, and where settings came from.
    #[arg(short, long)]
    pub(in crate::cli) verbose: bool,
    #[command(flatten)]
    pub(in crate::cli) sampling: SamplingArguments,
    #[command(flatten)]
    pub(in crate::cli) sites: SiteArguments,
    #[command(flatten)]
    pub(in crate::cli) scores: ScoreArguments,
    #[command(flatten)]
    pub(in crate::cli) preprocessing: PreprocessingArguments,
    #[command(flatten)]
    pub(in crate::cli) results: ResultArguments,
    #[command(flatten)]
    pub(in crate::cli) machine: MachineArguments,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Sampling")]
pub(in crate::cli) struct SamplingArguments {
    /// Passes an image, best a multiple of 31; auto: as many as the tolerance asks for.
    #[arg(long, help_heading = FIRST, value_name = "N|auto", default_value = "31", value_parser = names::samples)]
    samples: Samples,
    #[arg(help = TOLERANCE, long, value_name = "WHAT=X", value_parser = names::tolerance, hide_short_help = true)]
    tolerance: Option<StopRule>,
    /// Most passes an image, of auto [default: 310].
    #[arg(long, value_name = "N", value_parser = names::from_1_to::<65_535, u32>, hide_short_help = true)]
    max_samples: Option<u32>,
    /// Seed of the masks; a negative one is its two's complement.
    #[arg(long, value_name = "S", default_value_t = 0, allow_negative_numbers = true, value_parser = seed, hide_short_help = true)]
    seed: u64,
    /// How the samples of a unit go together.
    #[arg(long, value_enum, default_value_t = DrawsName::Stratified, hide_short_help = true)]
    draws: DrawsName,
    /// Whether each image has masks of its own.
    #[arg(long, value_enum, default_value_t = MasksName::PerImage, hide_short_help = true)]
    masks: MasksName,
    /// All dropouts off: one pass, no samples.
    #[arg(long, conflicts_with = "samples", hide_short_help = true)]
    deterministic: bool,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Model output")]
pub(in crate::cli) struct ScoreArguments {
    /// The output that holds the class scores.
    #[arg(long, value_name = "NAME", help_heading = FIRST)]
    pub(in crate::cli) output_name: Option<String>,
    /// What the scores are.
    #[arg(long, value_enum, default_value_t = ScoresName::Auto, hide_short_help = true)]
    scores: ScoresName,
    /// What the output is about [default: by its rank].
    #[arg(long, value_name = "classification|segmentation|auto", value_parser = task, hide_short_help = true)]
    task: Option<TaskChoice>,
}

#[derive(Debug, Args)]
#[command(
    next_help_heading = "Preprocessing (default: MODEL.toml and other libraries' files beside the model)"
)]
pub(in crate::cli) struct PreprocessingArguments {
    /// A configuration on top of those beside the model: TOML, or the JSON of another library.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    config: Option<PathBuf>,
    /// Value range: imagenet, unit (0..1), raw (0..255); or all of
    /// torchvision-classification, torchvision-segmentation.
    #[arg(
        long,
        value_name = "NAME", help_heading = FIRST)]
    preset: Option<Preset>,
    #[arg(help = "WIDTHxHEIGHT, short:SIDE, none, or another rule of the sidecar", long, value_name = "SIZE", help_heading = FIRST)]
    resize: Option<Resize>,
    /// Part of the middle that the network sees.
    #[arg(long, value_name = "WxH", hide_short_help = true)]
    crop: Option<Crop>,
    /// How pixels are found when resizing.
    #[arg(long, value_name = "nearest|bilinear|bicubic", hide_short_help = true)]
    interpolation: Option<Interpolation>,
    /// Whether shrinking averages over the pixels that it leaves out.
    #[arg(long, value_name = "yes|no", value_parser = yes_or_no, hide_short_help = true)]
    antialias: Option<bool>,
    /// Pad sides to a multiple of N; maps are cropped back.
    #[arg(long, value_name = "N", value_parser = names::from_1_to::<4096, u32>, help_heading = FIRST)]
    pad_to_multiple: Option<u32>,
    /// Whether images are turned as their EXIF orientation says [default: apply].
    #[arg(long, value_name = "apply|ignore", hide_short_help = true)]
    exif: Option<Exif>,
    /// Most pixels of an image, before and after resizing [default: 200000000].
    #[arg(long, value_name = "N", value_parser = names::from_1_to::<MOST_PIXELS, u64>, hide_short_help = true)]
    max_pixels: Option<u64>,
    /// Mean to subtract, of values in 0..1: one number, or one a channel.
    #[arg(long, value_name = "M,M,M", value_parser = names::numbers, allow_hyphen_values = true, hide_short_help = true)]
    mean: Option<List<f32>>,
    /// Standard deviation to divide by.
    #[arg(long, value_name = "S,S,S", value_parser = names::numbers, allow_hyphen_values = true, hide_short_help = true)]
    std: Option<List<f32>>,
    /// Order of the channels.
    #[arg(long, value_name = "rgb|bgr|gray|rgba", hide_short_help = true)]
    channels: Option<Channels>,
    /// Names of the classes: a line each, or JSON.
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
    /// Rows (samples of an image) in a run of the sampled part [default: by --memory].
    #[arg(long, value_name = "N", value_parser = names::from_1_to::<4096, u32>, hide_short_help = true)]
    batch_size: Option<u32>,
    /// Threads for the model, reading and writing [default: one a core].
    #[arg(long, value_name = "N", value_parser = names::from_1_to::<1024, u32>, hide_short_help = true)]
    threads: Option<u32>,
    /// What the rows of a run may take, as estimated; small runs stay in the caches.
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = names::memory, hide_short_help = true)]
    memory: usize,
    /// Ways to do less work that are not taken, to compare: split-concatenations,
    /// resize-in-reduction, expand-in-place.
    #[arg(long, value_name = "LIST", value_delimiter = ',', value_parser = shortcut, hide_short_help = true)]
    disable: Vec<Shortcut>,
    /// The ONNX Runtime library, or a folder that holds it.
    #[arg(long, value_name = "FILE", hide_short_help = true)]
    pub(in crate::cli) ort_lib: Option<PathBuf>,
}

impl SamplingArguments {
    /// Whether all dropouts are off.
    pub(in crate::cli) fn is_deterministic(&self) -> bool {
        self.deterministic
    }
}

impl MachineArguments {
    /// How many threads work.
    pub(in crate::cli) fn threads(&self) -> usize {
        self.threads.map_or_else(|| SamplingOptions::default().threads, |n| n as usize)
    }
}

fn shortcut(name: &str) -> Result<Shortcut, String> {
    let names = || Shortcut::ALL.map(Shortcut::name).join(", ");
    Shortcut::by_name(name).ok_or_else(|| {
        format!("\"{name}\" is no way to save work; there are {}", names())
    })
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
    /// What the scores are, as far as it was said.
    pub(in crate::cli) fn option(&self) -> ScoresOption {
        match self.scores {
            ScoresName::Auto => ScoresOption::Auto,
            ScoresName::Logits => ScoresOption::Logits,
            ScoresName::Probabilities => ScoresOption::Probabilities,
        }
    }
}

impl PredictArguments {
    /// A run that writes no maps: the model, images and folder; whether results are replaced and
    /// decisions told; and the groups of options.
    pub(in crate::cli) fn without_maps(
        (model, images, output): (PathBuf, Vec<PathBuf>, PathBuf),
        (overwrite, verbose): (bool, bool),
        (sampling, sites, scores): (SamplingArguments, SiteArguments, ScoreArguments),
        (preprocessing, machine): (PreprocessingArguments, MachineArguments),
    ) -> Self {
        Self {
            model,
            images,
            manifest: None,
            output,
            overwrite,
            verbose,
            sampling,
            sites,
            scores,
            preprocessing,
            results: ResultArguments::table_alone(),
            machine,
        }
    }

    /// Where images are named.
    pub(in crate::cli) fn sources(&self) -> Vec<Source> {
        match &self.manifest {
            Some(list) => vec![Source::list(list)],
            None => self.images.iter().map(|path| Source::images(path)).collect(),
        }
    }

    pub(in crate::cli) fn preprocessing_options(&self) -> Options {
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
            pad_to_multiple: typed.pad_to_multiple.map(|multiple| multiple as usize),
            exif: typed.exif,
            max_pixels: typed.max_pixels,
            mean: list(&typed.mean),
            std: list(&typed.std),
            channels: typed.channels,
            classes: typed.classes.clone(),
            palette: typed.palette.clone(),
            task: self.task(),
            ..Options::default()
        }
    }

    /// Whether rows go to standard output as well.
    pub(super) fn jsonl(&self) -> bool {
        self.results.jsonl()
    }

    fn task(&self) -> Option<&'static Task> {
        self.scores.task.and_then(|choice| choice.0)
    }

    /// # Errors
    /// If values of options do not go together.
    pub(in crate::cli) fn job(
        &self,
        images: Vec<ImageFile>,
        preprocessing: &Preprocessing,
    ) -> Result<Job> {
        let output = self.results.output()?;
        let typed = &self.sampling;
        let (samples, stop) = typed.samples()?;
        let needs = if stop.is_some() { STOP_NEEDS } else { Needs::MEAN };
        let sampling = SamplingOptions {
            samples,
            stop,
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
            threads: self.machine.threads(),
            task: self.scores.task.map_or(preprocessing.task, |choice| choice.0),
            needs: output.needs().union(needs),
            disabled: self.machine.disable.clone(),
        };
        Ok(Job {
            images,
            folder: self.output.clone(),
            overwrite: self.overwrite,
            sampling,
            output,
        })
    }
}

/// The sums that a look at an image needs.
const STOP_NEEDS: Needs = Needs { moments: true, ..Needs::MEAN };

/// Most samples of an image when nothing else is said: ten blocks.
const DEFAULT_MOST: u32 = 310;

impl SamplingArguments {
    /// The number of samples, the most where a rule ends them, and that rule.
    fn samples(&self) -> Result<(u32, Option<Stop>)> {
        match self.samples {
            Samples::Auto => {
                let stop = self.tolerance.map_or(Stop::ByTask, Stop::Rule);
                Ok((self.max_samples.unwrap_or(DEFAULT_MOST), Some(stop)))
            }
            Samples::Fixed(samples) => {
                let unused = [
                    ("--tolerance", self.tolerance.is_some()),
                    ("--max-samples", self.max_samples.is_some()),
                ];
                match unused.into_iter().find(|(_, typed)| *typed) {
                    None => Ok((samples, None)),
                    Some((option, _)) => {
                        let message = format!("means nothing with {samples} samples");
                        Err(Error::setting(option, message)
                            .with_hint("it is for --samples auto"))
                    }
                }
            }
        }
    }
}
