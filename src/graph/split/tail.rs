//! The operators that were cut off behind the heads.

use std::collections::HashSet;

use super::{Plan, TypedTensor, typed};
use crate::graph::reach::Reach;
use crate::head::HeadTensor;
use crate::onnx::proto;

impl Plan {
    /// Returns the model from the tensor of a head to its output; `None` if they are the same.
    pub(crate) fn tail(
        &self,
        head: &HeadTensor,
        scores: &TypedTensor,
    ) -> Option<Vec<u8>> {
        if !head.is_cut_off() {
            return None;
        }
        let reach = Reach::new(&self.model.graph);
        let before: HashSet<usize> = reach.needed([head.tensor.as_str()]);
        let mut behind: Vec<usize> =
            reach.needed([head.output.as_str()]).difference(&before).copied().collect();
        behind.sort_unstable();
        let nodes: Vec<proto::Node> =
            behind.into_iter().map(|i| self.model.graph.node[i].clone()).collect();
        let input = TypedTensor { name: head.tensor.clone(), ..scores.clone() };
        let graph = self.graph("tail", nodes, vec![typed(&input)], &[&head.output]);
        Some(self.finish(graph))
    }
}
