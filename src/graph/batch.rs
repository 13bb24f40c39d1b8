//! A fixed batch size made open: what an exporter has baked into a graph, taken out again.
//!
//! An example of one image leaves its batch of 1 in the targets of `Reshape`, the shapes of
//! `Expand`, the sizes of `Resize` and in constants that are joined with what was computed.
//! [`Plan::with_open_batch`] follows the image's first axis through the graph and lets each of
//! these count the images of a run. Where the axis goes is read from the sizes of a run, and
//! where these allow several ways it is guessed: the result is a candidate, which real runs
//! must prove equal to the file.

mod axes;
mod edit;
mod follow;
mod place;

use std::collections::HashMap;

use follow::Follower;

use super::split::{Plan, SuffixKind, draw};
use crate::onnx::proto;

pub(crate) use place::Preference;

/// The sizes of tensors in a run, by name.
pub(crate) type Shapes = HashMap<String, Vec<usize>>;

/// A plan with an open batch.
#[derive(Debug)]
pub(crate) struct Candidate {
    pub(crate) plan: Plan,
    /// Whether another preference may lead to another candidate.
    pub(crate) is_guessed: bool,
}

impl Plan {
    /// The whole model without randomness, its outputs the sizes of tensors; the tensors' names
    /// in that order.
    pub(crate) fn measuring(&self) -> (Vec<u8>, Vec<String>) {
        let all = self.needed_nodes().map(|i| &self.model().graph.node[i]);
        let mut nodes: Vec<proto::Node> = all.cloned().collect();
        draw::finish(&mut nodes, self.active(), SuffixKind::Probe);
        let written = nodes.iter().filter(|node| is_numeric(node.op()));
        let tensors: Vec<String> = written
            .flat_map(|node| &node.output)
            .filter(|name| !name.is_empty())
            .cloned()
            .collect();
        let sizes: Vec<String> =
            (0..tensors.len()).map(|i| format!("mcdrop::sizes::{i}")).collect();
        let each = tensors.iter().zip(&sizes);
        nodes.extend(
            each.map(|(tensor, sizes)| super::apply::node("Shape", &[tensor], sizes)),
        );
        let outputs: Vec<&str> = sizes.iter().map(String::as_str).collect();
        (self.whole("measuring", nodes, &outputs), tensors)
    }

    /// The plan with its batch open, from the sizes of a run of `batch` images; or why it cannot
    /// be opened.
    pub(crate) fn with_open_batch(
        &self,
        shapes: &Shapes,
        batch: usize,
        preference: Preference,
    ) -> Result<Candidate, String> {
        let mut nodes: Vec<usize> = self.needed_nodes().collect();
        nodes.sort_unstable();
        let mut follower = Follower::new(self, shapes, batch, preference);
        for node in nodes {
            follower.follow(node)?;
        }
        for tensor in self.heads().tensors() {
            follower.check_output(tensor)?;
        }
        let (edits, is_guessed) = follower.finish();
        let mut model = self.model().clone();
        edits.apply(&mut model.graph);
        let graph = &mut model.graph;
        graph.value_info.clear();
        for value in graph.input.iter_mut().chain(&mut graph.output) {
            open_first_axis(value, batch);
        }
        let mut image = self.image().clone();
        if let Some(first) = image.dimensions.as_mut().and_then(|sizes| sizes.first_mut())
        {
            *first = None;
        }
        let plan = self.with_model(model, image).map_err(|error| error.to_string())?;
        Ok(Candidate { plan, is_guessed })
    }
}

/// Whether an operator writes tensors of numbers, not sequences, optionals or strings.
fn is_numeric(operator: &str) -> bool {
    let other = ["Sequence", "Optional", "String", "Split"];
    operator == "Split" || !other.iter().any(|prefix| operator.starts_with(prefix))
}

fn open_first_axis(value: &mut proto::ValueInfo, batch: usize) {
    let kind = value.r#type.as_mut().and_then(|kind| kind.value.as_mut());
    let Some(proto::TypeValue::Tensor(tensor)) = kind else { return };
    let shape = tensor.shape.as_mut();
    if let Some(first) = shape.and_then(|shape| shape.dim.first_mut())
        && first.value == Some(proto::DimensionValue::Value(batch as i64))
    {
        first.value = None;
    }
}
