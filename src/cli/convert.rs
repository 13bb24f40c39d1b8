//! `mcdrop convert`: writes a model that draws its masks itself, or takes them as inputs.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::names::{self, List};
use super::sites::ModelArguments;
use super::{End, terminal};
use crate::convert::{
    self, ConversionSummary, ConvertOptions, EmbeddedSamplingOptions, MaskSource,
};
use crate::error::{Error, Result};
use crate::graph::{Plan, ScoresOption};
use crate::measure::Measure;
use crate::onnx::{Model, find_model};
use crate::random::Draws;
use crate::runtime::Runtime;
use crate::task::ModelPrecision;

const EXAMPLES: &str = "\
Examples:
  mcdrop convert model.onnx -o live.onnx
  mcdrop convert model.onnx -o live.onnx --ratio 0.2 --verify
  mcdrop convert plain.onnx -o live.onnx --insert head --ratio 0.1
  mcdrop convert model.onnx -o uncertain.onnx --samples 31
  mcdrop convert model.onnx -o masks.onnx --masks inputs";

const MEANING: &str = "\
The file is standard ONNX. It has a new input sample (int64, one for each image of the run, or one for
all; -1 is the pass without dropout), and two optional ones, 0 by default: seed (int64), and image_key
(int64, one for each image, or one for all). For T samples, run an image with samples 0 to T - 1. The
masks are those of `mcdrop predict --masks shared`, bit by bit. In a runtime that computes 64-bit
integers in another way, such as OpenVINO, all outputs are NaN.

With `--masks inputs` the file draws nothing, which OpenVINO can run as well. It has one new input for
each dropout: mask/NODE (uint8), 1 for a unit that is kept, 0 for one that is dropped, 2 for the pass
without dropout. Kept units are multiplied by 1 / (1 - ratio) in the file.

For each dropout the file has a node mcdrop/NODE, which no optimizer of ONNX Runtime removes; the entry
\"mcdrop\" of its metadata lists all of them as JSON, with unit, ratio, and the name and shape of a mask
that is an input. mcdrop itself refuses such files: give it the original model.";

const MEASURES: &str = "\
Measures that become outputs [default: predictive_entropy and mutual_information of classes and labels; \
total_std, aleatoric_std and epistemic_std of values]";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{MEANING}"))]
pub(super) struct ConvertArguments {
    /// An .onnx file with dropout, or the folder of an export.
    model: PathBuf,
    /// File to write.
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Write a model that draws T samples itself; its outputs are mean probabilities or values, and
    /// measures.
    #[arg(long, value_name = "T", value_parser = names::from_1_to::<65_535, u32>)]
    samples: Option<u32>,
    #[arg(help = MEASURES, long, value_name = "LIST", requires = "samples", value_parser = names::measures)]
    measures: Option<List<&'static Measure>>,
    #[arg(help = names::MODEL_PRECISION, long, value_name = "TAU", requires = "samples", value_parser = names::model_precision, hide_short_help = true)]
    model_precision: Option<ModelPrecision>,
    /// Draws of the noise of logits in each sample, for models that predict its variance [default: 31].
    #[arg(long, value_name = "K", requires = "samples", value_parser = names::from_1_to::<65_535, u32>, hide_short_help = true)]
    logit_noise_samples: Option<u32>,
    /// Seed of these samples.
    #[arg(
        long,
        value_name = "S",
        requires = "samples",
        default_value_t = 0,
        allow_negative_numbers = true
    )]
    seed: i64,
    /// Memory for the samples that run together, as estimated; other samples follow in a loop.
    #[arg(long, value_name = "SIZE", requires = "samples", default_value = "64M", value_parser = names::memory, hide_short_help = true)]
    memory: usize,
    /// Replace an existing file.
    #[arg(long)]
    overwrite: bool,
    /// Check more: each dropout by itself, and all samples of two blocks.
    #[arg(long)]
    verify: bool,
    /// Print decisions.
    #[arg(short, long)]
    verbose: bool,
    /// Origin of the masks (which units are dropped).
    #[arg(long, value_enum, default_value_t = MaskSourceName::Drawn)]
    masks: MaskSourceName,
    /// Scheme by which the file draws masks [default: stratified].
    #[arg(long, value_enum)]
    draws: Option<DrawsName>,
    #[command(flatten)]
    given: ModelArguments,
}

#[derive(Debug, Clone, Copy, PartialEq, ValueEnum)]
enum MaskSourceName {
    /// The file draws them, which needs operator set 11: below, they are inputs.
    Drawn,
    /// They are inputs of the file.
    Inputs,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum DrawsName {
    /// In blocks of 31 samples, which drop each unit the expected number of times.
    Stratified,
    /// Independent of each other.
    Independent,
}

pub(super) fn run(arguments: &ConvertArguments) -> Result<End> {
    let masks = match arguments.masks {
        MaskSourceName::Drawn => MaskSource::Drawn,
        MaskSourceName::Inputs => MaskSource::Inputs,
    };
    if masks == MaskSource::Inputs && arguments.draws.is_some() {
        let message = "a file whose masks are inputs draws none";
        return Err(Error::setting("draws", message)
            .with_hint("leave it out or use `masks = drawn`"));
    }
    let runtime = Runtime::find(arguments.given.ort_lib.as_deref())?;
    let file = find_model(&arguments.model)?;
    let model = Model::open(&file)?;
    if model.unknown_bytes() > 0 {
        terminal::warning(&format!(
            "{} bytes of the model belong to fields newer than IR 14 and are left out",
            model.unknown_bytes()
        ));
    }
    let settings = ModelArguments::output_settings(&file, &model);
    let heads = arguments.given.heads.options(ScoresOption::Auto, &settings);
    let sites = arguments.given.sites.options();
    let plan = Plan::with_sites(model, &heads, &sites)?;
    super::predict::warn(&plan);
    let defaults = ConvertOptions::default();
    let options = ConvertOptions {
        masks,
        draws: match arguments.draws {
            None | Some(DrawsName::Stratified) => Draws::Stratified,
            Some(DrawsName::Independent) => Draws::Independent,
        },
        size: arguments
            .given
            .size
            .map_or(defaults.size, |(width, height)| (height, width)),
        verify: arguments.verify,
        overwrite: arguments.overwrite,
        ..defaults
    };
    if let Some(samples) = arguments.samples {
        let sampling = EmbeddedSamplingOptions {
            conversion: options,
            samples,
            seed: arguments.seed.cast_unsigned(),
            measures: arguments.measures.as_ref().map(|list| list.0.clone()),
            task: settings.task,
            target: settings.target.conversion(arguments.model_precision),
            logit_noise_samples: arguments.logit_noise_samples,
            samples_per_run: None,
            memory: arguments.memory,
        };
        return embed_sampling(arguments, plan, &runtime, &sampling);
    }
    let made = convert::convert(plan, &runtime, &options, &arguments.output)?;
    report(arguments, &made);
    Ok(End::Done)
}

/// Exports a model with embedded sampling.
fn embed_sampling(
    arguments: &ConvertArguments,
    plan: Plan,
    runtime: &Runtime,
    options: &EmbeddedSamplingOptions,
) -> Result<End> {
    let output = &arguments.output;
    let samples = options.samples;
    let made = convert::export_with_embedded_sampling(plan, runtime, options, output)?;
    if arguments.verbose || arguments.verify {
        terminal::note(&format!(
            "for a noise image, the outputs differ from predict by at most {:.1e}; {} votes differ at ties",
            made.difference, made.ties
        ));
    }
    let way = match samples as usize / made.samples_per_run {
        1 => "all in one run".to_owned(),
        trips => format!("{} per run, {trips} runs in a loop", made.samples_per_run),
    };
    terminal::note(&format!(
        "{}: {samples} samples ({way}), outputs {}",
        arguments.output.display(),
        made.outputs.join(", ")
    ));
    Ok(End::Done)
}

fn report(arguments: &ConvertArguments, made: &ConversionSummary) {
    if let Some(reason) = &made.single_image_reason {
        terminal::warning(&format!("it takes only one image per run: {reason}"));
    }
    if made.masks_are_inputs && arguments.masks == MaskSourceName::Drawn {
        terminal::warning(&"operator sets below 11 cannot draw masks: they are inputs");
        terminal::hint("for masks drawn in the file, export with opset_version=17");
    }
    let checked = made.checked;
    if arguments.verbose || arguments.verify {
        for node in &made.nodes {
            terminal::note(&format!("node {node}"));
        }
        if let Some(path) = &made.data {
            terminal::note(&format!("data {}", path.display()));
        }
        terminal::note(&format!(
            "{} passes at {} optimization levels differ from the sampler's by at most {:.1e} of \
             the largest value{}",
            checked.passes,
            checked.levels,
            checked.difference,
            match checked.single_sites {
                0 => String::new(),
                n => format!("; each of {n} sites changes the output by itself"),
            }
        ));
    }
    terminal::note(&format!(
        "{}: {} live, inputs {}",
        arguments.output.display(),
        match made.nodes.len() {
            1 => "1 dropout".to_owned(),
            n => format!("{n} dropouts"),
        },
        made.inputs.join(", ")
    ));
}
