//! Operators and tensors that only rewritten graphs may contain.

use crate::error::{Error, Result};
use crate::onnx::{Model, proto};
use crate::operator::{DOMAIN, IMAGE_KEY, SAMPLE};

/// Fails if a file already contains operators or tensors of mcdrop: its nodes would be taken for
/// stochastic nodes that were put in place.
pub(super) fn refuse(model: &Model) -> Result<()> {
    in_nodes(&model.graph.node)?;
    model.shell.functions.iter().try_for_each(|function| in_nodes(&function.node))
}

fn in_nodes(nodes: &[proto::Node]) -> Result<()> {
    for node in nodes {
        let is_ours = node.domain.as_deref() == Some(DOMAIN);
        let mut names = node.input.iter().chain(&node.output);
        let tensor = names.find(|name| [IMAGE_KEY, SAMPLE].contains(&name.as_str()));
        let what = match (is_ours, tensor) {
            (true, _) => format!("an operator of the domain \"{DOMAIN}\""),
            (false, Some(name)) => format!("the tensor \"{name}\""),
            (false, None) => {
                node.subgraphs().try_for_each(|body| in_nodes(&body.node))?;
                continue;
            }
        };
        let message =
            format!("it has {what}, which mcdrop keeps for graphs that it makes itself");
        return Err(Error::node(node.label(), message)
            .with_hint("give the file that was exported, not one that mcdrop runs"));
    }
    Ok(())
}
