//! What follows the scores: the operators that were cut off.

use super::{Plan, TypedTensor, typed};
use crate::onnx::{GraphIndex, proto};

impl Plan {
    /// The model from the scores to the output that was chosen; `None` where they are one.
    pub(crate) fn tail(&self, scores: &TypedTensor) -> Option<Vec<u8>> {
        let index = GraphIndex::new(&self.model.graph);
        let mut nodes: Vec<proto::Node> = Vec::new();
        let mut name = self.head.output.as_str();
        // The chain is short, and none is longer than the graph.
        while name != self.head.tensor && nodes.len() < self.model.graph.node.len() {
            let node = index.producer(name)?;
            nodes.push(node.clone());
            name = node.input.first()?;
        }
        if nodes.is_empty() {
            return None;
        }
        nodes.reverse();
        let input = TypedTensor { name: self.head.tensor.clone(), ..scores.clone() };
        let graph = self.graph("tail", nodes, vec![typed(&input)], &[&self.head.output]);
        Some(self.finish(graph))
    }
}
