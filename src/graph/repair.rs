//! Conversion of batch normalization from training form to inference form.

use crate::onnx::{Model, proto};

/// Makes every `BatchNormalization` use its running statistics, in subgraphs and functions too;
/// returns the names of the nodes that did not.
pub(super) fn batch_norm(model: &mut Model) -> Vec<String> {
    let opset = model.opset();
    let mut repaired = Vec::new();
    in_nodes(&mut model.graph.node, opset, &mut repaired);
    for function in &mut model.shell.functions {
        in_nodes(&mut function.node, opset, &mut repaired);
    }
    repaired
}

fn in_nodes(nodes: &mut [proto::Node], opset: i64, repaired: &mut Vec<String>) {
    for node in nodes {
        if is_training(node, opset) {
            repaired.push(node.label().to_owned());
            node.attribute.retain(|a| a.name.as_deref() != Some("training_mode"));
            // The other outputs update the statistics, which only training reads.
            node.output.truncate(1);
        }
        for graph in node.subgraphs_mut() {
            in_nodes(&mut graph.node, opset, repaired);
        }
    }
}

/// Returns true if a node normalizes by the statistics of its batch: with `training_mode` from
/// operator set 14 on, with more than one output before.
pub(super) fn is_training(node: &proto::Node, opset: i64) -> bool {
    let outputs = node.output.iter().filter(|name| !name.is_empty()).count();
    node.is("BatchNormalization")
        && (node.int("training_mode") == Some(1) || (opset < 14 && outputs > 1))
}

/// Returns true if a node of a function does so in some call, if calls set the mode.
pub(super) fn may_train(node: &proto::Node, opset: i64) -> bool {
    let mode = node.attribute("training_mode");
    let is_set_by_calls = mode.is_some_and(|a| a.ref_attr_name.is_some());
    is_training(node, opset) || (is_set_by_calls && node.is("BatchNormalization"))
}
