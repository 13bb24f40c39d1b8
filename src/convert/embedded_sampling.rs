//! Models with embedded sampling: an image in, mean probabilities or values and measures out.

mod assemble;
mod logit_noise;
mod pass_tensors;
mod variance_nodes;

use std::path::Path;

use super::check::tolerance;
use super::{ConvertOptions, MaskSource, checked_size, write};
use crate::error::{Error, Result};
use crate::graph::Plan;
use crate::input::{Geometry, NetworkInput};
use crate::measure::{Measure, Unit};
use crate::runtime::{Runtime, Session, SessionOptions, Value};
use crate::sampling::{Masks, Sampler, SamplingOptions, Shortcut};
use crate::sums::{Family, Needs, Statistics, TargetUnit};
use crate::task::Task;

/// Options of a model with embedded sampling.
#[derive(Debug, Clone)]
pub struct EmbeddedSamplingOptions {
    /// Options of the conversion.
    pub conversion: ConvertOptions,
    /// Number of samples.
    pub samples: u32,
    /// Seed of the masks.
    pub seed: u64,
    /// Measures that become outputs. Empty: all; default: [`Task::main_measures`](crate::task::Task).
    pub measures: Option<Vec<&'static Measure>>,
    /// The task, if it is known; otherwise the model decides.
    pub task: Option<&'static Task>,
    /// Unit of the targets of a regression.
    pub target: TargetUnit,
    /// Number of draws of the noise of logits in each sample, for models that predict its variance.
    pub logit_noise_samples: Option<u32>,
    /// Largest number of samples per run. Default: as many as fit `memory`.
    pub samples_per_run: Option<usize>,
    /// Estimated memory in bytes that the samples of one run may take.
    pub memory: usize,
}

impl Default for EmbeddedSamplingOptions {
    fn default() -> Self {
        let sampling = SamplingOptions::default();
        Self {
            conversion: ConvertOptions::default(),
            samples: sampling.samples,
            seed: sampling.seed,
            measures: None,
            task: None,
            target: TargetUnit::default(),
            logit_noise_samples: None,
            samples_per_run: None,
            memory: sampling.memory,
        }
    }
}

/// Summary of a model with embedded sampling.
#[derive(Debug, Clone)]
pub struct EmbeddedSampling {
    /// Names of the outputs: mean probabilities or values, then the measures.
    pub outputs: Vec<String>,
    /// Number of samples that run together; the others follow in a loop.
    pub samples_per_run: usize,
    /// Largest difference between an output and the sampler's result for noise, without that of
    /// measures of votes. Values and their standard deviations are compared with the largest value.
    pub difference: f32,
    /// Number of items whose votes differ, because classes tie in a sample.
    pub ties: usize,
}

/// Differences up to this are rounding; of values, relative to the largest.
const TOLERANCE: f32 = 1e-5;

/// Builds the model, compares it with the sampler and writes it. An incomplete file is never left.
///
/// # Errors
/// Fails if the model cannot be sampled, the target exists, or the result differs from the sampler.
pub fn export_with_embedded_sampling(
    plan: Plan,
    runtime: &Runtime,
    options: &EmbeddedSamplingOptions,
    target: &Path,
) -> Result<EmbeddedSampling> {
    let conversion = &options.conversion;
    if conversion.masks == MaskSource::Inputs {
        let message = "a model with embedded sampling draws its masks itself";
        return Err(Error::setting("masks", message)
            .with_hint("leave out `samples` or use `masks = drawn`"));
    }
    write::refuse_target(plan.model(), target, conversion.overwrite)?;
    let size = checked_size(&plan, conversion)?;
    let sampling = SamplingOptions {
        samples: options.samples,
        seed: options.seed,
        draws: conversion.draws,
        masks: Masks::Shared,
        batch_size: options.samples_per_run,
        memory: options.memory,
        threads: conversion.threads,
        disabled: Shortcut::ALL.to_vec(),
        needs: Needs::ALL,
        task: options.task,
        target: options.target,
        logit_noise_samples: options.logit_noise_samples,
        ..SamplingOptions::default()
    };
    let mut sampler = Sampler::open(plan, runtime, sampling, size)?;
    let task = sampler.output_layout().task();
    if options.logit_noise_samples.is_some() && !task.has_logit_noise() {
        let message = "the model does not predict the variance of its logits";
        return Err(Error::setting("logit_noise_samples", message).with_hint(
            "leave `logit_noise_samples` out, or name that output: \
             `head = logit_log_variance=OUTPUT`",
        ));
    }
    let mut measures = match &options.measures {
        None => task.main_measures.iter().collect(),
        Some(chosen) if chosen.is_empty() => task.measures.iter().collect(),
        Some(chosen) => task.own_measures("measures", chosen)?,
    };
    measures.retain(|measure| measure.name != task.mean_output());
    let unknown = measures.iter().find(|measure| measure.onnx.is_none());
    if let Some(measure) = unknown {
        let message = format!("{} cannot be computed inside of a model", measure.name);
        return Err(Error::setting("measures", message).with_hint("leave it out"));
    }
    let (model, samples_per_run) =
        assemble::assemble(sampler.model(), options, &measures)?;
    let source = sampler.plan().model();
    let pending = write::PendingFile::write(source, model, target, conversion.overwrite)?;
    let (difference, ties) =
        compare(&mut sampler, runtime, pending.path(), size, &measures)?;
    // Models in half precision or integers have the tolerance of a conversion.
    let coarse = Some(tolerance(sampler.plan().model())).filter(|most| *most > 1e-3);
    if difference > coarse.unwrap_or(TOLERANCE) {
        let message = format!("the built model is {difference} away from the sampler");
        return Err(Error::runtime("checking the model", message).with_hint(
            "this is a fault of the conversion: please report the model's structure",
        ));
    }
    pending.finish(target)?;
    let mut outputs = vec![task.mean_output().to_owned()];
    outputs.extend(measures.iter().map(|measure| measure.name.to_owned()));
    Ok(EmbeddedSampling { outputs, samples_per_run, difference, ties })
}

/// Returns the largest difference of an output for an image of noise, and the number of items whose
/// votes differ.
fn compare(
    sampler: &mut Sampler,
    runtime: &Runtime,
    file: &Path,
    (height, width): (usize, usize),
    measures: &[&'static Measure],
) -> Result<(f32, usize)> {
    let image = sampler.model().noise(3, (height, width))?;
    let input = NetworkInput {
        values: sampler.model().noise_values(3, (height, width)),
        height,
        width,
        geometry: Geometry::of_whole(width, height),
    };
    let statistics = sampler.sample(input, 0)?;
    let options = SessionOptions {
        threads: sampler.options().threads,
        external: external(sampler, file),
        ..SessionOptions::default()
    };
    let bytes = std::fs::read(file).map_err(|source| Error::read(file, source))?;
    let mut session = Session::open(runtime, "uncertainty model", &bytes, &options)?;
    let name = sampler.plan().image().name.clone();
    let outputs = session.run(&[(name.as_str(), &image)])?;
    let mean = statistics.mean();
    let mut difference = largest_difference(&outputs[0], &mean)?;
    // Rounding is relative to the values, and so are their standard deviations.
    let largest = mean.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    let of_values = statistics.family() == Family::Values && largest > 0.0;
    let largest = if of_values { largest } else { 1.0 };
    difference /= largest;
    let mut ties = 0;
    for (measure, output) in measures.iter().zip(&outputs[1..]) {
        let expected = expected(measure, &statistics);
        if measure.needs.votes {
            let found = output.to_f32()?;
            let vote = 1.0 / statistics.n_samples() as f32;
            let off = found.iter().zip(&expected);
            ties += off.filter(|(a, b)| (*a - *b).abs() > 0.5 * vote).count();
        } else {
            let scale = match measure.unit {
                Unit::SquaredTarget => largest * largest,
                Unit::Target | Unit::Nat | Unit::One => largest,
            };
            let of_measure = largest_difference(output, &expected)? / scale;
            difference = difference.max(of_measure);
        }
    }
    Ok((difference, ties))
}

/// Returns the values of a measure in the order of its output: of the classes, or of each label or
/// target.
fn expected(measure: &'static Measure, statistics: &Statistics) -> Vec<f32> {
    if statistics.family() == Family::Classes {
        return measure.map(statistics).values;
    }
    let channels = 0..statistics.n_classes();
    channels.flat_map(|c| measure.map_of_channel(statistics, c).values).collect()
}

/// Returns the folder of external data, if the model has any.
fn external(sampler: &Sampler, file: &Path) -> Option<std::path::PathBuf> {
    let has_data = !sampler.plan().model().external.is_empty();
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    has_data.then(|| folder.unwrap_or(Path::new(".")).to_owned())
}

/// Returns the largest difference of a value.
fn largest_difference(found: &Value, expected: &[f32]) -> Result<f32> {
    let found = found.to_f32()?;
    if found.len() != expected.len() {
        let message =
            format!("{} values, where {} are expected", found.len(), expected.len());
        return Err(Error::runtime("checking the model", message).with_hint(
            "this is a fault of the conversion: please report the model's structure",
        ));
    }
    let differences = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    Ok(differences
        .fold(0.0, |largest, d| if d.is_nan() { f32::INFINITY } else { largest.max(d) }))
}

#[cfg(test)]
mod tests;
