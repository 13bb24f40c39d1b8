//! Subgraphs of control flow and bodies of functions, as separate graphs.

use std::collections::{HashMap, HashSet};

use super::tensors::{TensorInfo, TensorInfos};
use crate::onnx::{ElementType, GraphIndex, Model, captured_names, int_values, proto};

/// A graph whose inputs are typed, and the operator sets that it uses.
pub(super) struct GraphWithOpsets {
    pub(super) graph: proto::Graph,
    pub(super) opsets: Vec<proto::OperatorSetId>,
}

/// Number of runs of a subgraph.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Iterations {
    Known(u64),
    /// Unknown; counted as one run.
    Unknown,
}

/// A graph inside a node, and its number of runs.
pub(super) struct InnerGraph {
    pub(super) part: GraphWithOpsets,
    pub(super) iterations: Iterations,
}

/// The graph around a node, whose tensors a subgraph may read.
pub(super) struct OuterGraph<'a> {
    pub(super) model: &'a Model,
    pub(super) part: &'a GraphWithOpsets,
    pub(super) tensors: &'a TensorInfos,
}

/// Iteration limit of loops that run until a condition is false.
const ENDLESS: i64 = i32::MAX as i64;

impl OuterGraph<'_> {
    /// Returns the subgraphs of a node. Loop-carried tensors have the sizes of their initial values.
    pub(super) fn subgraphs(&self, node: &proto::Node) -> Vec<InnerGraph> {
        let captured = captured_names(node);
        let operator = node.op();
        let each = node.subgraphs().map(|subgraph| {
            let (input, iterations) = match operator {
                "If" => (Vec::new(), Iterations::Known(1)),
                "Loop" => self.of_loop(node, subgraph),
                "Scan" => self.of_scan(node, subgraph),
                _ => (Vec::new(), Iterations::Unknown),
            };
            let graph = self.graph(subgraph, input, captured.iter().copied());
            InnerGraph {
                part: GraphWithOpsets { graph, opsets: self.part.opsets.clone() },
                iterations,
            }
        });
        each.collect()
    }

    /// Returns a subgraph with typed inputs and with the tensors that it reads from outside.
    fn graph<'n>(
        &self,
        subgraph: &proto::Graph,
        input: Vec<proto::ValueInfo>,
        captured: impl Iterator<Item = &'n str>,
    ) -> proto::Graph {
        let mut own: HashSet<&str> = HashSet::new();
        own.extend(subgraph.input.iter().filter_map(|value| value.name.as_deref()));
        own.extend(
            subgraph.initializer.iter().filter_map(|tensor| tensor.name.as_deref()),
        );
        own.extend(
            subgraph.node.iter().flat_map(|node| node.output.iter().map(String::as_str)),
        );
        let mut graph = proto::Graph {
            name: Some("subgraph".to_owned()),
            initializer: subgraph.initializer.clone(),
            sparse_initializer: subgraph.sparse_initializer.clone(),
            input,
            ..proto::Graph::default()
        };
        let index = GraphIndex::new(&self.part.graph);
        for name in captured.filter(|name| !own.contains(name)) {
            self.bring(&index, name, name, &mut graph);
        }
        graph.node.extend(subgraph.node.iter().cloned());
        graph
    }

    /// Adds an outside tensor to an inner graph: with its content if it is a constant.
    fn bring(
        &self,
        index: &GraphIndex,
        outside: &str,
        inside: &str,
        graph: &mut proto::Graph,
    ) {
        let is_constant =
            |node: &&proto::Node| node.is("Constant") && node.output.len() == 1;
        if let Some(tensor) = index.initializers.get(outside) {
            let name = Some(inside.to_owned());
            graph.initializer.push(proto::Tensor { name, ..(*tensor).clone() });
        } else if let Some(constant) = index.producer(outside).filter(is_constant) {
            let output = vec![inside.to_owned()];
            graph.node.push(proto::Node { output, ..constant.clone() });
        } else if let Some(tensor) = self.tensors.get(outside) {
            graph.input.push(tensor.declared(inside));
        }
    }

    fn of_loop(
        &self,
        node: &proto::Node,
        subgraph: &proto::Graph,
    ) -> (Vec<proto::ValueInfo>, Iterations) {
        let scalar = |element_type| TensorInfo { element_type, dimensions: Vec::new() };
        let started =
            node.input.iter().skip(2).map(|name| self.tensors.get(name).cloned());
        let given = [Some(scalar(ElementType::I64)), Some(scalar(ElementType::Bool))]
            .into_iter()
            .chain(started);
        let index = GraphIndex::new(&self.part.graph);
        let most = node.input_name(0);
        let most = most.and_then(|name| int_values(self.model, &index, name));
        let iterations = match most.as_deref() {
            Some(&[most]) if most < ENDLESS => {
                Iterations::Known(most.max(0).cast_unsigned())
            }
            _ => Iterations::Unknown,
        };
        (typed(subgraph, given), iterations)
    }

    /// Since operator set 9: the inputs are the carried tensors, then those that are scanned along
    /// an axis, the first unless `scan_input_axes` is set.
    fn of_scan(
        &self,
        node: &proto::Node,
        subgraph: &proto::Graph,
    ) -> (Vec<proto::ValueInfo>, Iterations) {
        let scanned = node.int("num_scan_inputs").unwrap_or(0);
        let scanned = usize::try_from(scanned).unwrap_or(usize::MAX);
        let first = node.input.len().saturating_sub(scanned);
        let axes = node.ints("scan_input_axes").unwrap_or_default();
        let mut iterations = Iterations::Unknown;
        let mut given = Vec::new();
        for (i, name) in node.input.iter().enumerate() {
            let mut tensor = self.tensors.get(name).cloned();
            if let (Some(number), Some(tensor)) = (i.checked_sub(first), &mut tensor) {
                let axis = axes.get(number).copied().unwrap_or(0);
                let from = if axis < 0 { tensor.dimensions.len() as i64 } else { 0 };
                let axis = usize::try_from(axis.saturating_add(from)).ok();
                if let Some(axis) = axis.filter(|&axis| axis < tensor.dimensions.len())
                    && let Some(length) = tensor.dimensions.remove(axis)
                {
                    iterations = Iterations::Known(length as u64);
                }
            }
            given.push(tensor);
        }
        (typed(subgraph, given.into_iter()), iterations)
    }

    /// Returns the function that a node calls, with the call's inputs and attributes.
    pub(super) fn function(
        &self,
        functions: &[proto::Function],
        node: &proto::Node,
    ) -> Option<GraphWithOpsets> {
        let same = |a: &Option<String>, b: &Option<String>| {
            a.as_deref().unwrap_or_default() == b.as_deref().unwrap_or_default()
        };
        let called = |function: &&proto::Function| {
            same(&function.name, &node.op_type)
                && same(&function.domain, &node.domain)
                && same(&function.overload, &node.overload)
        };
        let function = functions.iter().find(called)?;
        let mut attributes: HashMap<&str, &proto::Attribute> = HashMap::new();
        for attribute in function.attribute_proto.iter().chain(&node.attribute) {
            attributes.insert(attribute.name.as_deref().unwrap_or_default(), attribute);
        }
        let mut graph =
            proto::Graph { name: Some("function".to_owned()), ..proto::Graph::default() };
        let index = GraphIndex::new(&self.part.graph);
        let mut missing: HashSet<&str> = HashSet::new();
        for (i, formal) in function.input.iter().enumerate() {
            match node.input_name(i) {
                Some(actual) => self.bring(&index, actual, formal, &mut graph),
                None => _ = missing.insert(formal),
            }
        }
        let mut nodes = function.node.clone();
        fill(&mut nodes, &attributes, &missing);
        graph.node.extend(nodes);
        Some(GraphWithOpsets { graph, opsets: function.opset_import.clone() })
    }
}

fn typed(
    subgraph: &proto::Graph,
    given: impl Iterator<Item = Option<TensorInfo>>,
) -> Vec<proto::ValueInfo> {
    let pairs = subgraph.input.iter().zip(given);
    let typed = pairs.filter_map(|(value, tensor)| {
        Some(tensor?.declared(value.name.as_deref().unwrap_or_default()))
    });
    typed.collect()
}

/// Replaces references to the attributes of a call by their values, and clears the names of inputs
/// that the call leaves out.
fn fill(
    nodes: &mut [proto::Node],
    attributes: &HashMap<&str, &proto::Attribute>,
    missing: &HashSet<&str>,
) {
    for node in nodes {
        for name in node.input.iter_mut().filter(|name| missing.contains(name.as_str())) {
            name.clear();
        }
        node.attribute.retain_mut(|attribute| {
            let Some(refers) = attribute.ref_attr_name.take() else { return true };
            let Some(&given) = attributes.get(refers.as_str()) else { return false };
            let name = attribute.name.take();
            *attribute = proto::Attribute { name, ..given.clone() };
            true
        });
        for attribute in &mut node.attribute {
            let subgraphs = attribute.subgraphs_mut();
            subgraphs.for_each(|subgraph| fill(&mut subgraph.node, attributes, missing));
        }
    }
}
