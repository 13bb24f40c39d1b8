//! The operators that were cut off behind the heads.

use std::collections::HashSet;

use super::{Plan, TypedTensor, typed};
use crate::graph::reach::Reach;
use crate::head::{CHANNELS_TO_LAST, HeadTensor, transpose};
use crate::onnx::proto;

impl Plan {
    /// Returns the model from the tensor of a head to its output; `None` if they are the same.
    pub(crate) fn tail(
        &self,
        head: &HeadTensor,
        scores: &TypedTensor,
    ) -> Option<Vec<u8>> {
        if head.tensor == head.output {
            return None;
        }
        let reach = Reach::new(&self.model.graph);
        let start = head.channels_last.as_deref().unwrap_or(&head.tensor);
        let before: HashSet<usize> = reach.needed([start]);
        let mut behind: Vec<usize> =
            reach.needed([head.output.as_str()]).difference(&before).copied().collect();
        behind.sort_unstable();
        let mut nodes: Vec<proto::Node> =
            behind.into_iter().map(|i| self.model.graph.node[i].clone()).collect();
        if let Some(channels_last) = &head.channels_last {
            nodes.insert(0, transpose(&head.tensor, channels_last, CHANNELS_TO_LAST));
        }
        let input = TypedTensor { name: head.tensor.clone(), ..scores.clone() };
        let graph = self.graph("tail", nodes, vec![typed(&input)], &[&head.output]);
        Some(self.finish(graph))
    }
}
