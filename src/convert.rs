//! A model with live dropout as standard ONNX: it draws its masks itself, in any ONNX Runtime.
//!
//! Each draw is put in place by integer operators that compute the masks of
//! [`random`](crate::random) bit by bit from three inputs: the sample of each image of the run
//! (-1 for the deterministic pass), a seed and image keys, of which the last two may be left
//! out. What is written is run first, at every optimization level, and compared with what the
//! sampler makes of the file.

mod assemble;
mod builder;
mod check;
mod dropout;
mod generator;
mod given;
mod keys;
mod layout;
mod masks;
mod measures;
mod noise;
mod place;
mod says;
mod self_contained;
mod uncertainty;
mod write;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use check::Checked;
pub use self_contained::{Uncertain, uncertain};
pub use uncertainty::UncertaintyOptions;

use check::Check;

use crate::error::Result;
use crate::graph::{Converted, Plan};
use crate::random::Draws;
use crate::runtime::Runtime;
use crate::sampling::{
    Masks, ProbedModel, Sampler, SamplingOptions, Shortcut, model_input,
};

/// How a model is converted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConvertOptions {
    /// How the samples of a unit go together.
    pub draws: Draws,
    /// Height and width of the noise images that the result is checked with, where the model
    /// leaves them open.
    pub size: (usize, usize),
    /// Whether more is checked: each site by itself, all samples of two blocks, and with the
    /// file's own weights also where those take 256 MB or more in files of external data.
    pub verify: bool,
    /// Whether a file that is there is replaced.
    pub overwrite: bool,
    /// Threads of ONNX Runtime.
    pub threads: usize,
}

impl Default for ConvertOptions {
    fn default() -> Self {
        Self {
            draws: Draws::Stratified,
            size: (224, 224),
            verify: false,
            overwrite: false,
            threads: SamplingOptions::default().threads,
        }
    }
}

/// What was written.
#[derive(Debug, Clone)]
pub struct Conversion {
    /// Names of the nodes that draw, one for each tensor that is dropped from.
    pub nodes: Vec<String>,
    /// Names of the inputs that were added.
    pub inputs: Vec<String>,
    /// Whether the masks are inputs, since the operator set is too old to draw them.
    pub masks_are_given: bool,
    /// Why a run takes one image; `None` where it takes any number.
    pub one_image: Option<String>,
    /// Files of external data that were put beside the file.
    pub data: Vec<PathBuf>,
    /// What the checks found.
    pub checked: Checked,
}

/// Converts a model and writes it to `target`, whole or not at all.
///
/// # Errors
/// If the model cannot be sampled, the target is there already, or the result does not give what
/// the sampler gives.
pub fn convert(
    plan: Plan,
    runtime: &Runtime,
    options: &ConvertOptions,
    target: &Path,
) -> Result<Conversion> {
    write::refuse_target(plan.model(), target, options.overwrite)?;
    let size = checked_size(&plan, options)?;
    let sampling = SamplingOptions {
        draws: options.draws,
        masks: Masks::Shared,
        batch_size: Some(3),
        threads: options.threads,
        disabled: Shortcut::ALL.to_vec(),
        ..SamplingOptions::default()
    };
    let plan = light(plan.unprobed(), options);
    let mut sampler = Sampler::open(plan, runtime, sampling, size)?;
    let threads = options.threads;
    if sampler.plan().model().opset() < assemble::FIRST_OPSET {
        given::refuse(sampler.plan())?;
    }
    let mut made = make(sampler.model(), options, false, target)?;
    let (part, entry) = &made;
    let check = Check::new(&mut sampler, runtime, entry, (size, threads));
    let mixes = !check.keeps_images_apart(part.path())?;
    if mixes {
        made = make(sampler.model(), options, true, target)?;
    }
    let (part, entry) = made;
    let check = Check::new(&mut sampler, runtime, &entry, (size, threads));
    let checked = check.run_all(part.path(), options)?;
    let one_image = (entry.rows == Converted::ONE).then(|| {
        let reason = sampler.batching().limited_by.clone().filter(|_| !mixes);
        reason.unwrap_or_else(|| "images of a run change each other's scores".to_owned())
    });
    let data = part.finish(target)?;
    Ok(Conversion {
        nodes: entry.sites.iter().map(|site| site.node.clone()).collect(),
        inputs: entry.inputs.all().map(str::to_owned).collect(),
        masks_are_given: entry.inputs.sample.is_none(),
        one_image,
        data,
        checked,
    })
}

/// External data of so many bytes are not read, unless all is verified.
const LARGE_DATA: u64 = 256 << 20;

/// A weight of a model with large data that is not read has so many bytes.
const LARGE_WEIGHT: u64 = 1 << 20;

/// The plan as it is checked: where the data beside the file are large, with weights that stand
/// in for them, since masks do not depend on weights.
fn light(plan: Plan, options: &ConvertOptions) -> Plan {
    if options.verify || plan.model().external.bytes() < LARGE_DATA {
        return plan;
    }
    plan.without_large_weights(LARGE_WEIGHT)
}

/// The size of the image that a conversion is checked with.
fn checked_size(plan: &Plan, options: &ConvertOptions) -> Result<(usize, usize)> {
    let input = model_input(plan)?;
    let (height, width) = options.size;
    Ok((input.height.unwrap_or(height), input.width.unwrap_or(width)))
}

/// Converts and writes under a name that does not last.
fn make(
    probed: &ProbedModel,
    options: &ConvertOptions,
    one: bool,
    target: &Path,
) -> Result<(write::Part, Converted)> {
    let (model, entry) = assemble::assemble(probed, options.draws, one);
    let source = probed.plan().model();
    let part = write::Part::write(source, &model, (target, options.overwrite))?;
    Ok((part, entry))
}
