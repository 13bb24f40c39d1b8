//! Writes a model with live dropout as standard ONNX: it draws its masks itself, in any ONNX
//! Runtime.
//!
//! Each draw is replaced by integer operators that compute the masks of
//! [`random`](crate::random) bit by bit from three inputs: the sample of each image of the run
//! (-1 for the deterministic pass), a seed and image keys. The last two may be left out. Instead,
//! masks can be inputs ([`MaskSource`]). Before the file is written, it is run at every optimization
//! level and compared with the sampler.

mod assemble;
mod check;
mod conversion;
mod converted;
mod draw_location;
mod dropout;
mod embedded_sampling;
mod generator;
mod guard;
mod keys;
mod mask_inputs;
mod metadata;
mod noise;
mod unit_layout;
mod write;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use check::CheckResult;
pub use embedded_sampling::{
    EmbeddedSampling, EmbeddedSamplingOptions, export_with_embedded_sampling,
};
pub use mask_inputs::MaskSource;

use check::ConversionCheck;

use crate::error::{Error, Result};
use crate::graph::Plan;
use crate::onnx::ElementType;
use crate::random::Draws;
use crate::runtime::Runtime;
use crate::sampling::{
    Masks, ProbedModel, Sampler, SamplingOptions, Shortcut, model_input,
};
use converted::Converted;

/// Options of a conversion.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConvertOptions {
    /// Origin of the masks.
    pub masks: MaskSource,
    /// The scheme that masks are drawn by.
    pub draws: Draws,
    /// Height and width of the noise images that the result is checked with, if the model does not
    /// fix them.
    pub size: (usize, usize),
    /// Checks more: each site by itself, and all samples of two blocks.
    pub verify: bool,
    /// Replaces an existing file.
    pub overwrite: bool,
    /// Threads of ONNX Runtime.
    pub threads: usize,
}

impl Default for ConvertOptions {
    fn default() -> Self {
        Self {
            masks: MaskSource::default(),
            draws: Draws::Stratified,
            size: (224, 224),
            verify: false,
            overwrite: false,
            threads: SamplingOptions::default().threads,
        }
    }
}

/// Summary of a converted file.
#[derive(Debug, Clone)]
pub struct ConversionSummary {
    /// Names of the nodes that draw, one per tensor that is dropped from.
    pub nodes: Vec<String>,
    /// Names of the inputs that were added.
    pub inputs: Vec<String>,
    /// The masks are inputs: by choice, or because the operator set is too old to draw them.
    pub masks_are_inputs: bool,
    /// Reason why a run takes only one image; `None` if it takes any number.
    pub single_image_reason: Option<String>,
    /// File of external data that was written beside the file; `None` if there is none, or if it
    /// existed with the same content.
    pub data: Option<PathBuf>,
    /// Result of the checks.
    pub checked: CheckResult,
}

/// Converts a model and writes it to `target`. An incomplete file is never left.
///
/// # Errors
/// Fails if the model cannot be sampled, the target exists, or the result differs from the sampler.
pub fn convert(
    plan: Plan,
    runtime: &Runtime,
    options: &ConvertOptions,
    target: &Path,
) -> Result<ConversionSummary> {
    write::refuse_target(plan.model(), target, options.overwrite)?;
    refuse_without_numbers(&plan)?;
    let size = checked_size(&plan, options)?;
    let sampling = SamplingOptions {
        draws: options.draws,
        masks: Masks::Shared,
        batch_size: Some(3),
        threads: options.threads,
        disabled: Shortcut::ALL.to_vec(),
        ..SamplingOptions::default()
    };
    let mut sampler = Sampler::open(plan.unprobed(), runtime, sampling, size)?;
    let threads = options.threads;
    if mask_inputs::are_needed(sampler.plan(), options) {
        mask_inputs::check_supported(sampler.plan())?;
    }
    let mut made = make(sampler.model(), options, false, target)?;
    let (pending, entry) = &made;
    let check = ConversionCheck::new(&mut sampler, runtime, entry, size, threads);
    let mixes = !check.keeps_images_apart(pending.path())?;
    if mixes {
        made = make(sampler.model(), options, true, target)?;
    }
    let (pending, entry) = made;
    let check = ConversionCheck::new(&mut sampler, runtime, &entry, size, threads);
    let checked = check.run_all(pending.path(), options)?;
    let single_image_reason = (entry.rows == Converted::ONE).then(|| {
        let reason = sampler.batching().limited_by.clone().filter(|_| !mixes);
        reason.unwrap_or_else(|| "images of a run change each other's scores".to_owned())
    });
    let data = pending.finish(target)?;
    Ok(ConversionSummary {
        nodes: entry.sites.iter().map(|site| site.node.clone()).collect(),
        inputs: entry.inputs.all().map(str::to_owned).collect(),
        masks_are_inputs: entry.inputs.sample.is_none(),
        single_image_reason,
        data,
        checked,
    })
}

/// Fails if the output holds no numbers, which the check of the converted file needs.
fn refuse_without_numbers(plan: &Plan) -> Result<()> {
    let head = plan.heads().first();
    let outputs = plan.model().outputs();
    let output = outputs.iter().find(|output| output.name == head.output);
    let holds = match output.map(|output| output.element_type) {
        _ if head.cut_off.contains(&"ZipMap") => "maps",
        Some(ElementType::String) => "text",
        _ => return Ok(()),
    };
    let message = format!("it holds {holds}: expected numbers, which can be checked");
    Err(Error::output(head.output.clone(), message)
        .with_hint("leave out the last operators when exporting; or use `samples = 31`"))
}

/// Returns the size of the image that a conversion is checked with.
fn checked_size(plan: &Plan, options: &ConvertOptions) -> Result<(usize, usize)> {
    let input = model_input(plan)?;
    let (height, width) = options.size;
    Ok((input.height.unwrap_or(height), input.width.unwrap_or(width)))
}

/// Converts the model and writes it to a temporary folder.
fn make(
    probed: &ProbedModel,
    options: &ConvertOptions,
    single_image: bool,
    target: &Path,
) -> Result<(write::PendingFile, Converted)> {
    let (model, entry) = assemble::assemble(probed, options, single_image)?;
    let source = probed.plan().model();
    let pending = write::PendingFile::write(source, model, target, options.overwrite)?;
    Ok((pending, entry))
}
