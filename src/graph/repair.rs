//! Batch normalization in training form brought back to inference form.

use crate::onnx::{Model, proto};

/// Makes every `BatchNormalization` use its running statistics; the names of those that did not,
/// in bodies and functions too.
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
            // What is left are updates of the statistics, which nothing but training reads.
            node.output.truncate(1);
        }
        for attribute in &mut node.attribute {
            let bodies = attribute.subgraphs_mut();
            bodies.for_each(|body| in_nodes(&mut body.node, opset, repaired));
        }
    }
}

/// Whether a node normalizes by the batch that it sees: with `training_mode` from operator set 14
/// on, with more than one output before.
pub(super) fn is_training(node: &proto::Node, opset: i64) -> bool {
    let outputs = node.output.iter().filter(|name| !name.is_empty()).count();
    node.is("BatchNormalization")
        && (node.int("training_mode") == Some(1) || (opset < 14 && outputs > 1))
}

/// Whether a node of a function may do so in one of its calls, which say the mode.
pub(super) fn may_train(node: &proto::Node, opset: i64) -> bool {
    let mode = node.attribute("training_mode");
    let is_said_by_calls = mode.is_some_and(|a| a.ref_attr_name.is_some());
    is_training(node, opset) || (is_said_by_calls && node.is("BatchNormalization"))
}
