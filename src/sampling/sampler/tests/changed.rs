//! Committed models with nodes put in, for faults that no exporter writes.

use super::*;
use crate::onnx::proto;

/// A node with its operator and name (the tensor it writes), and what it reads.
pub(super) fn node(operator: &str, output: &str, inputs: &[&str]) -> proto::Node {
    proto::Node {
        op_type: Some(operator.to_owned()),
        name: Some(output.to_owned()),
        input: inputs.iter().map(ToString::to_string).collect(),
        output: vec![output.to_owned()],
        ..proto::Node::default()
    }
}

/// The same node with an attribute of integers.
pub(super) fn with_ints(mut node: proto::Node, name: &str, ints: &[i64]) -> proto::Node {
    node.attribute.push(proto::Attribute::ints(name, ints));
    node
}

/// A constant of f32.
pub(super) fn constant(name: &str, value: f32) -> proto::Tensor {
    proto::Tensor {
        name: Some(name.to_owned()),
        data_type: Some(1),
        float_data: vec![value],
        ..proto::Tensor::default()
    }
}

/// A trap with nodes put in behind the tensor `after`; the last node's output takes its place
/// for those that read it. The scores are logits, whatever a probe would say.
pub(super) fn changed(
    name: &str,
    after: &str,
    nodes: Vec<proto::Node>,
    constants: Vec<proto::Tensor>,
) -> Plan {
    let mut model =
        Model::open(&fixture(&format!("fixtures/traps/{name}.onnx"))).unwrap();
    let graph = &mut model.graph;
    let last = nodes.last().unwrap().output[0].clone();
    let writes = |node: &proto::Node| node.output.iter().any(|output| output == after);
    let place = graph.node.iter().position(writes).unwrap() + 1;
    let readers = graph.node[place..].iter_mut().flat_map(|node| &mut node.input);
    readers.filter(|input| *input == after).for_each(|input| input.clone_from(&last));
    graph.node.splice(place..place, nodes);
    graph.initializer.extend(constants);
    Plan::new(model, None, ScoresOption::Logits).unwrap()
}
