//! What a model costs: multiply-adds of each node, without reading its weights.
//!
//! Multiply-adds follow from shapes alone. [`costs`] makes a copy of the model in which every
//! weight is an input that is known by its type only, makes each tensor an output, and lets
//! ONNX Runtime infer all shapes at an image's size: the copy has kilobytes whatever the model
//! has, opens in milliseconds and is never run. Files of external data are opened only for
//! constants of up to 4 KiB, out of which shapes may be computed.
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

use count::{CostCounter, GraphWithOpsets};
use tensors::TensorInfo;

use crate::error::{Error, Result};
use crate::onnx::{Model, proto};
use crate::operator;
use crate::runtime::Runtime;

/// Multiply-adds of a model at one size of its input.
#[derive(Debug, Clone)]
pub struct Costs {
    /// Multiply-adds by the position of a node in the file's graph. What a node's bodies (`If`,
    /// `Loop`, `Scan`) or function cost is the node's own: of both branches of an `If`, of every
    /// turn of a loop.
    pub nodes: Vec<u64>,
    /// The input's sizes that were assumed.
    pub size: Vec<usize>,
    /// Nodes whose multiply-adds are not, or not wholly, counted: shapes that depend on values,
    /// loops without a constant number of turns (counted as one), products without a formula.
    /// A node inside another one is named after it: `loop/conv`.
    pub unknown: Vec<String>,
    /// The sizes of each tensor of the graph, weights too. Left out are those that could not be
    /// known and those without axes, which the runtime does not tell apart.
    pub shapes: HashMap<String, Vec<usize>>,
}

impl Costs {
    /// Multiply-adds of all nodes.
    pub fn total(&self) -> u64 {
        self.of(0..self.nodes.len())
    }

    /// Multiply-adds of some nodes, by their positions in the file's graph.
    pub fn of(&self, nodes: impl IntoIterator<Item = usize>) -> u64 {
        let costs = nodes.into_iter().filter_map(|node| self.nodes.get(node));
        costs.fold(0, |sum, &cost| sum.saturating_add(cost))
    }
}

/// Counts a model's multiply-adds where its input has this size (the batch first, 1 for one
/// image), whatever size the file declares. Nothing is run, and no weight is read. That a model
/// is counted at a size does not mean that it runs at it: only what shapes contradict is found.
///
/// # Errors
/// If the model has not one input, the input has another number of axes, or ONNX Runtime refuses
/// the model at this size.
pub fn costs(model: &Model, runtime: &Runtime, size: &[usize]) -> Result<Costs> {
    let image = image(model, size)?;
    let functions = skeleton::functions(model);
    let graph = skeleton::of_graph(model, &model.graph, vec![image]);
    let opsets = model.shell.opset_import.clone();
    let mut counter = CostCounter::new(model, runtime, functions);
    let counted = counter.count(&GraphWithOpsets { graph, opsets }, "").map_err(|error| {
        if error.detail().is_some_and(|text| text.contains("nference")) {
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

/// The one input that must be fed, with this size.
fn image(model: &Model, size: &[usize]) -> Result<proto::ValueInfo> {
    let inputs = model.inputs();
    let ours = [operator::IMAGE_KEY, operator::SAMPLE];
    let mut fed = inputs.iter().filter(|input| !ours.contains(&input.name.as_str()));
    let (Some(image), None) = (fed.next(), fed.next()) else {
        let names: Vec<&str> = inputs.iter().map(|input| input.name.as_str()).collect();
        let message =
            format!("it has {} inputs, where one image is expected", names.len());
        return Err(Error::model(model.path(), message).with_hint(format!(
            "export the model with the image as its only input; its inputs are: {}",
            names.join(", ")
        )));
    };
    if let Some(declared) = image.dimensions.as_ref().filter(|d| d.len() != size.len()) {
        let (found, given) = (declared.len(), size.len());
        let message = format!("it has {found} axes, where a size of {given} was given");
        return Err(Error::input(image.name.clone(), message)
            .with_hint("give a size for each axis, the batch first"));
    }
    let dimensions = size.iter().copied().map(Some).collect();
    Ok(TensorInfo { element_type: image.element_type, dimensions }.declared(&image.name))
}
