//! `mcdrop inspect`: shows the sites of a model and the cost of sampling it.

mod json;
mod text;

use std::path::PathBuf;

use clap::Args;

use super::sites::ModelArguments;
use super::{End, terminal};
use crate::cost::{Costs, costs};
use crate::error::Result;
use crate::graph::{self, Inspection};
use crate::onnx::{Model, find_model};
use crate::runtime::Runtime;
use crate::sampling::model_input;

const EXAMPLES: &str = "\
Examples:
  mcdrop inspect model.onnx
  mcdrop inspect model.onnx --json
  mcdrop inspect model.onnx --insert head --ratio 0.2
  mcdrop inspect segmenter.onnx --size 1024x512";

const MEANING: &str = "\
A site is a place where randomness enters, usually a dropout.
Verdicts, the first that applies: suspect (see the warnings), live (a site is active), inert (all
sites are inactive), none (there are no sites).
Kinds: dropout, alpha_dropout, stochastic_depth, drop_block, weight_dropout, noise.
Units: element, channel, row. Places: head, linear, attention, residual, decoder.
Warnings: frozen_mask, frozen_weight, merged_passes, class_ids, stripped_quantized.

--json prints one object: model, opset, producer, output, heads, size, multiply_adds, verdict,
sites: [{id, node, module, kind, ratio, unit, live, reproducible, reason, tensor, reaches_output,
used}], batch_norm_training: [node], candidates: [{node, place, share, tensor}], suffix_share
(fraction of the multiply-adds that every sample repeats), warnings: [{kind, node, evidence}], refused
(reason why the model cannot be sampled, or null). Unknown values are null.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{MEANING}"))]
pub(super) struct InspectArguments {
    /// An .onnx file, or the folder of an export.
    model: PathBuf,
    /// Print one JSON object, for scripts.
    #[arg(long)]
    json: bool,
    /// List all sites and candidates.
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    given: ModelArguments,
}

/// Costs, and the input size that they are computed for.
pub(super) struct Cost {
    /// Multiply-adds of the file's nodes.
    file: Costs,
    /// Fraction of the multiply-adds that each sample repeats, of those of all nodes that run.
    suffix_share: Option<f64>,
}

pub(super) fn run(arguments: &InspectArguments) -> Result<End> {
    let file = find_model(&arguments.model)?;
    let model = Model::open(&file)?;
    let options = arguments.given.sites.options();
    let heads = arguments.given.head_options(&file, &model);
    let mut found = graph::inspect(&model, &heads, &options)?;
    let usable = found.plan.as_ref().map_or(Ok(()), |plan| model_input(plan).map(|_| ()));
    if let Err(error) = usable {
        found.plan = Err(error);
    }
    // A choice that matches no site is a usage error, not a property of the file.
    let was_chosen = !options.is_default() || arguments.given.heads.is_given();
    if matches!(&found.plan, Err(error) if error.is_setting()) && was_chosen {
        return found.plan.map(|_| End::Done);
    }
    let cost = cost(arguments, &model, &found);
    if arguments.json {
        terminal::line(&json::report(&model, &found, cost.as_ref().ok()));
    } else {
        text::report(&model, &found, cost.as_ref(), arguments.verbose);
    }
    Ok(End::Done)
}

fn cost(arguments: &InspectArguments, model: &Model, found: &Inspection) -> Result<Cost> {
    let runtime = Runtime::find(arguments.given.ort_lib.as_deref())?;
    let size = input_size(arguments, model, found);
    let file = costs(model, &runtime, &size)?;
    let suffix_share = match &found.plan {
        Err(_) => None,
        Ok(plan) => {
            let run = costs(plan.model(), &runtime, &size)?;
            let (all, repeated) =
                (run.of(plan.needed_nodes()), run.of(plan.suffix_nodes()));
            (all > 0).then(|| repeated as f64 / all as f64)
        }
    };
    Ok(Cost { file, suffix_share })
}

/// Returns the input shape of one image, of the size that the file fixes or that the options set.
fn input_size(
    arguments: &InspectArguments,
    model: &Model,
    found: &Inspection,
) -> Vec<usize> {
    let (width, height) = arguments.given.size.unwrap_or((224, 224));
    let inputs = model.inputs();
    let declared = inputs.first().and_then(|input| input.dimensions.clone());
    let declared = declared.unwrap_or_default();
    let known = found.plan.as_ref().ok().and_then(|plan| model_input(plan).ok());
    if let Some(input) = known {
        let (height, width) =
            (input.height.unwrap_or(height), input.width.unwrap_or(width));
        return input.sizes(1, height, width);
    }
    let otherwise = [1, 3, height, width];
    let sizes = declared.iter().enumerate();
    sizes
        .map(|(i, size)| size.unwrap_or(otherwise.get(i).copied().unwrap_or(1)))
        .collect()
}
