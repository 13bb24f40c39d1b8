//! Computational cost of a model: multiply-adds of each node, without reading its weights.
//!
//! Multiply-adds follow from shapes. [`costs`] makes a copy of the model in which every weight is
//! an input and every tensor an output, and lets ONNX Runtime infer all shapes for one size of the
//! image. The copy has kilobytes for any model, opens in milliseconds and is never run. Files of
//! external data are opened only for constants of up to 4 KiB, from which shapes may be computed.
//!
//! Counted are convolutions, matrix products, recurrent networks and attention, each by the
//! formula beside its operator. All else counts 0, as usual for such figures: activations,
//! normalization, pooling, resizing and sums. A fused operator whose product has no formula
//! here is named in [`Costs::unknown`].

mod count;
mod einsum;
mod formula;
mod shape_placeholders;
mod skeleton;
mod subgraphs;
mod tensors;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use count::CostCounter;
use subgraphs::GraphWithOpsets;
use tensors::TensorInfo;

use crate::error::{Error, Result};
use crate::onnx::{Model, proto};
use crate::operator;
use crate::runtime::Runtime;

/// Multiply-adds of a model at one size of its input.
#[derive(Debug, Clone)]
pub struct Costs {
    /// Multiply-adds by the position of a node in the file's graph. A node includes its subgraphs
    /// (both branches of an `If`, every iteration of a `Loop` or `Scan`) or its function.
    pub nodes: Vec<u64>,
    /// Sizes of the input that the count is for.
    pub size: Vec<usize>,
    /// Nodes whose multiply-adds are not, or not wholly, counted: shapes that depend on values,
    /// loops without a constant number of iterations (counted as one), products without a formula.
    /// A node inside another one is named after it: `loop/conv`.
    pub unknown: Vec<String>,
    /// Sizes of each tensor of the graph and of its weights, without those that are unknown or have
    /// no axes: the runtime does not distinguish the two.
    pub shapes: HashMap<String, Vec<usize>>,
}

impl Costs {
    /// Returns the multiply-adds of all nodes.
    pub fn total(&self) -> u64 {
        self.of(0..self.nodes.len())
    }

    /// Returns the multiply-adds of some nodes, by their positions in the file's graph.
    pub fn of(&self, nodes: impl IntoIterator<Item = usize>) -> u64 {
        let costs = nodes.into_iter().filter_map(|node| self.nodes.get(node));
        costs.fold(0, |sum, &cost| sum.saturating_add(cost))
    }
}

/// Counts the multiply-adds of a model for one size of its input (the batch first, 1 for one
/// image), which may differ from the declared size. Nothing is run, and no weight is read; a model
/// that is counted at a size may still fail to run at it.
///
/// # Errors
/// Fails if the model does not have exactly one input, if the input has another number of axes, or
/// if ONNX Runtime rejects the model at this size.
pub fn costs(model: &Model, runtime: &Runtime, size: &[usize]) -> Result<Costs> {
    let image = image(model, size)?;
    let mut inputs = model.inputs().into_iter();
    let is_open = inputs.any(|input| {
        input.dimensions.is_none_or(|sizes| sizes.iter().skip(1).any(Option::is_none))
    });
    let functions = skeleton::functions(model);
    let graph = skeleton::of_graph(model, &model.graph, vec![image]);
    let opsets = model.shell.opset_import.clone();
    let mut counter = CostCounter::new(model, runtime, functions);
    let counted = counter.count(&GraphWithOpsets { graph, opsets }, "").map_err(|error| {
        if is_open && error.detail().is_some_and(|text| text.contains("nference")) {
            let sizes: Vec<String> = size.iter().map(ToString::to_string).collect();
            let sizes = sizes.join("x");
            return error.with_hint(format!(
                "the model may not take an input of {sizes}: give a size that it was trained with"
            ));
        }
        error
    })?;
    let tensors = counted.tensors.into_iter();
    let shapes = tensors.filter_map(|(name, tensor)| Some((name, tensor.sizes()?)));
    let shapes = shapes.filter(|(_, sizes)| !sizes.is_empty()).collect();
    let (nodes, unknown) = (counted.nodes, counter.into_unknown());
    Ok(Costs { nodes, size: size.to_vec(), unknown, shapes })
}

/// Declares the image input with this size.
fn image(model: &Model, size: &[usize]) -> Result<proto::ValueInfo> {
    let inputs = model.inputs();
    let ours = [operator::IMAGE_KEY, operator::SAMPLE];
    let mut fed = inputs.iter().filter(|input| !ours.contains(&input.name.as_str()));
    let (Some(image), None) = (fed.next(), fed.next()) else {
        let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
        let message = format!("it has {} inputs: expected one image", names.len());
        return Err(Error::model(model.path(), message).with_hint(format!(
            "export the model with the image as its only input; its inputs are: {}",
            names.join(", ")
        )));
    };
    if let Some(declared) = image.dimensions.as_ref().filter(|d| d.len() != size.len()) {
        let (found, given) = (declared.len(), size.len());
        let message = format!("it has {found} axes, but the size has {given}");
        return Err(Error::input(image.name.clone(), message)
            .with_hint("give a size for each axis, the batch first"));
    }
    let dimensions = size.iter().copied().map(Some).collect();
    Ok(TensorInfo { element_type: image.element_type, dimensions }.declared(&image.name))
}
