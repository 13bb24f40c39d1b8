//! Limit on the size of a model after inlining: a few functions that call each other twice make
//! any number of nodes.

use prost::Message as _;

use super::each_node;
use crate::error::{Error, Result};
use crate::onnx::proto;

/// Most nodes of a model; no network has as many.
pub(super) const MOST_NODES: usize = 1_000_000;
/// Most bytes of added nodes, beside those of the functions themselves.
const MOST_BYTES: usize = 256 << 20;

pub(super) struct InlineBudget {
    nodes: usize,
    bytes: usize,
}

impl InlineBudget {
    pub(super) fn of(functions: &[proto::Function]) -> Self {
        let own = functions.iter().map(prost::Message::encoded_len).sum::<usize>();
        Self { nodes: MOST_NODES, bytes: MOST_BYTES.saturating_add(2 * own) }
    }

    /// Charges the least that copying a function costs: each call visits its lists.
    pub(super) fn enter(
        &mut self,
        call: &proto::Node,
        function: &proto::Function,
    ) -> Result<()> {
        self.take(call, 0, function.encoded_len())
    }

    /// Charges a node and the nodes in its subgraphs.
    pub(super) fn charge(
        &mut self,
        call: &proto::Node,
        node: &proto::Node,
    ) -> Result<()> {
        let mut count = 0;
        each_node(std::slice::from_ref(node), &mut |_| count += 1);
        self.take(call, count, node.encoded_len())
    }

    fn take(&mut self, call: &proto::Node, nodes: usize, bytes: usize) -> Result<()> {
        let left = self.nodes.checked_sub(nodes).zip(self.bytes.checked_sub(bytes));
        (self.nodes, self.bytes) = left.ok_or_else(|| too_many(call))?;
        Ok(())
    }
}

pub(super) fn too_many(call: &proto::Node) -> Error {
    let message = format!(
        "with the functions that it calls the model has more than {MOST_NODES} nodes, or {} MiB \
         of them",
        MOST_BYTES >> 20
    );
    Error::node(call.label(), message)
        .with_hint("export the model without functions around its dropout")
}
