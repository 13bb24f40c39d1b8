//! The self-contained uncertainty model, built, run against the sampler and written.

use std::path::Path;

use super::check::{stood_in, tolerance};
use super::uncertainty::{self, UncertaintyOptions};
use super::{ConvertOptions, checked_size, light, write};
use crate::error::{Error, Result};
use crate::graph::Plan;
use crate::input::{Geometry, NetworkInput};
use crate::measure::VARIATION_RATIO;
use crate::runtime::{Runtime, Session, SessionOptions, Value};
use crate::sampling::{Masks, Sampler, SamplingOptions, Shortcut};
use crate::sums::Needs;

/// What was written.
#[derive(Debug, Clone)]
pub struct Uncertain {
    /// Names of the outputs: mean probabilities, then the measures.
    pub outputs: Vec<String>,
    /// Samples that run together; the others follow in a loop.
    pub together: usize,
    /// The largest difference between an output and what the sampler gives for noise, those of
    /// `variation_ratio` aside where two classes tie.
    pub difference: f32,
    /// Pixels (or images) where the samples' votes differ: classes that tie in a sample.
    pub ties: usize,
}

/// Differences up to this are rounding.
const TOLERANCE: f32 = 1e-5;

/// Builds the model, compares it with the sampler and writes it, whole or not at all.
///
/// # Errors
/// If the model cannot be sampled, the target is there already, or the result does not give what
/// the sampler gives.
pub fn uncertain(
    plan: Plan,
    runtime: &Runtime,
    (options, built_in): (&ConvertOptions, &UncertaintyOptions),
    target: &Path,
) -> Result<Uncertain> {
    write::refuse_target(plan.model(), target, options.overwrite)?;
    let size = checked_size(&plan, options)?;
    let sampling = SamplingOptions {
        samples: built_in.samples,
        seed: built_in.seed,
        draws: options.draws,
        masks: Masks::Shared,
        batch_size: built_in.together,
        memory: built_in.memory,
        threads: options.threads,
        disabled: Shortcut::ALL.to_vec(),
        needs: Needs { moments: true, entropy: true, votes: true },
        ..SamplingOptions::default()
    };
    let plan = light(plan, options);
    let mut sampler = Sampler::open(plan, runtime, sampling, size)?;
    let (model, together) =
        uncertainty::assemble(sampler.model(), options.draws, built_in)?;
    let part =
        write::Part::write(sampler.plan().model(), &model, (target, options.overwrite))?;
    let (difference, ties) =
        compare(&mut sampler, runtime, (part.path(), size), built_in)?;
    // Of models in half precision or integers, what the conversion allows them.
    let coarse = Some(tolerance(sampler.plan().model())).filter(|most| *most > 1e-3);
    if difference > coarse.unwrap_or(TOLERANCE) {
        let message = format!("the built model is {difference} away from the sampler");
        return Err(Error::runtime("checking the model", message).with_hint(
            "this is a fault of the conversion: please report the model's structure",
        ));
    }
    part.finish(target)?;
    let mut outputs = vec!["probabilities".to_owned()];
    outputs.extend(built_in.measures.iter().map(|measure| measure.name.to_owned()));
    Ok(Uncertain { outputs, together, difference, ties })
}

/// The largest difference of an output for an image of noise, and how many votes differ.
fn compare(
    sampler: &mut Sampler,
    runtime: &Runtime,
    (file, (height, width)): (&Path, (usize, usize)),
    built_in: &UncertaintyOptions,
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
    let bytes = match stood_in(sampler, file)? {
        Some(bytes) => bytes,
        None => std::fs::read(file).map_err(|source| Error::read(file, source))?,
    };
    let mut session = Session::open(runtime, "uncertainty model", &bytes, &options)?;
    let name = sampler.plan().image().name.clone();
    let outputs = session.run(&[(name.as_str(), &image)])?;
    let mut difference = far(&outputs[0], &statistics.mean())?;
    let mut ties = 0;
    for (measure, output) in built_in.measures.iter().zip(&outputs[1..]) {
        let expected = measure.map(&statistics);
        if measure.name == VARIATION_RATIO.name {
            let found = output.to_f32()?;
            let vote = 1.0 / built_in.samples as f32;
            let off = found.iter().zip(&expected.values);
            ties += off.filter(|(a, b)| (*a - *b).abs() > 0.5 * vote).count();
        } else {
            difference = difference.max(far(output, &expected.values)?);
        }
    }
    Ok((difference, ties))
}

fn external(sampler: &Sampler, file: &Path) -> Option<std::path::PathBuf> {
    let has_data = !sampler.plan().model().external.is_empty();
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
    has_data.then(|| folder.unwrap_or(Path::new(".")).to_owned())
}

fn far(found: &Value, expected: &[f32]) -> Result<f32> {
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
        .fold(0.0, |far, d| if d.is_nan() { f32::INFINITY } else { far.max(d) }))
}

#[cfg(test)]
mod tests;
