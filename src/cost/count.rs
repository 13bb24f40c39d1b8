//! Multiply-adds of the nodes of a graph without weights, and of their subgraphs and functions.

use std::collections::{BTreeSet, HashSet};

use prost::Message as _;

use super::formula::multiply_adds;
use super::subgraphs::{GraphWithOpsets, InnerGraph, Iterations, OuterGraph};
use super::tensors::{TensorInfo, TensorInfos};
use crate::error::Result;
use crate::onnx::{Model, proto, untyped};
use crate::operator;
use crate::runtime::{Optimization, Runtime, Session, SessionOptions};

/// Most subgraphs and calls of functions that are opened; exports have few.
const MOST_INSIDE: usize = 500;
/// Deepest nesting of subgraphs and calls that is opened.
const DEEPEST: usize = 12;

/// Multiply-adds of a graph.
pub(super) struct GraphCosts {
    /// By the position of a node.
    pub(super) nodes: Vec<u64>,
    pub(super) tensors: TensorInfos,
}

/// Counts graphs of one model.
pub(super) struct CostCounter<'a> {
    model: &'a Model,
    runtime: &'a Runtime,
    functions: Vec<proto::Function>,
    /// Number of subgraphs and calls that may still be opened.
    left: usize,
    depth: usize,
    unknown: BTreeSet<String>,
}

impl<'a> CostCounter<'a> {
    pub(super) fn new(
        model: &'a Model,
        runtime: &'a Runtime,
        functions: Vec<proto::Function>,
    ) -> Self {
        let unknown = BTreeSet::new();
        Self { model, runtime, functions, left: MOST_INSIDE, depth: 0, unknown }
    }

    /// Returns the nodes that could not be counted, sorted.
    pub(super) fn into_unknown(self) -> Vec<String> {
        self.unknown.into_iter().collect()
    }

    /// Opens a graph and counts its nodes; `within` is the prefix of the names of nodes that cannot
    /// be counted.
    pub(super) fn count(
        &mut self,
        part: &GraphWithOpsets,
        within: &str,
    ) -> Result<GraphCosts> {
        let tensors = self.tensors(part)?;
        let shapes = |name: &str| tensors.get(name)?.sizes();
        let mut nodes = Vec::with_capacity(part.graph.node.len());
        for node in &part.graph.node {
            let label = format!("{within}{}", node.label());
            let outer = OuterGraph { model: self.model, part, tensors: &tensors };
            let mut inner = outer.subgraphs(node);
            let call = outer.function(&self.functions, node);
            let is_call = call.is_some();
            inner.extend(
                call.map(|part| InnerGraph { part, iterations: Iterations::Known(1) }),
            );
            let mut cost = match multiply_adds(node, &shapes) {
                // The name of a function does not tell what it computes.
                _ if is_call => 0,
                Some(cost) => cost,
                None => {
                    self.unknown.insert(label.clone());
                    0
                }
            };
            for inner in inner {
                cost = cost.saturating_add(self.inner_cost(&inner, &label));
            }
            nodes.push(cost);
        }
        Ok(GraphCosts { nodes, tensors })
    }

    /// Counts a subgraph or function in all its iterations.
    fn inner_cost(&mut self, inner: &InnerGraph, label: &str) -> u64 {
        if self.left == 0 || self.depth == DEEPEST {
            self.unknown.insert(label.to_owned());
            return 0;
        }
        self.left -= 1;
        self.depth += 1;
        let counted = self.count(&inner.part, &format!("{label}/"));
        self.depth -= 1;
        let Ok(counted) = counted else {
            self.unknown.insert(label.to_owned());
            return 0;
        };
        let once = counted.nodes.iter().fold(0, |sum: u64, &n| sum.saturating_add(n));
        match inner.iterations {
            Iterations::Known(iterations) => once.saturating_mul(iterations),
            Iterations::Unknown => {
                if once > 0 {
                    self.unknown.insert(label.to_owned());
                }
                once
            }
        }
    }

    /// Returns the types and sizes of all tensors of a graph, as ONNX Runtime infers them.
    fn tensors(&self, part: &GraphWithOpsets) -> Result<TensorInfos> {
        let mut tensors = TensorInfos::new();
        for tensor in &part.graph.initializer {
            let name = tensor.name.clone().unwrap_or_default();
            tensors.insert(name, TensorInfo::of_file(tensor));
        }
        for value in &part.graph.input {
            let name = value.name.clone().unwrap_or_default();
            tensors
                .extend(TensorInfo::of_declaration(value).map(|tensor| (name, tensor)));
        }
        let mut once = HashSet::new();
        let outputs = part.graph.node.iter().flat_map(|node| &node.output);
        let outputs: Vec<&String> =
            outputs.filter(|name| !name.is_empty() && once.insert(*name)).collect();
        if outputs.is_empty() {
            return Ok(tensors);
        }
        let model = self.without_weights(part, &outputs).encode_to_vec();
        let options = SessionOptions {
            optimization: Optimization::Basic,
            ..SessionOptions::default()
        };
        let session =
            Session::open(self.runtime, "model without its weights", &model, &options)?;
        for output in session.outputs() {
            let tensor = TensorInfo {
                element_type: output.element_type,
                dimensions: output.dimensions,
            };
            tensors.insert(output.name, tensor);
        }
        Ok(tensors)
    }

    fn without_weights(
        &self,
        part: &GraphWithOpsets,
        outputs: &[&String],
    ) -> proto::Model {
        let graph = proto::Graph {
            output: outputs.iter().map(|name| untyped(name)).collect(),
            ..part.graph.clone()
        };
        let ours =
            |set: &&proto::OperatorSetId| set.domain.as_deref() == Some(operator::DOMAIN);
        // Before IR version 4 every initializer had to be an input.
        let ir_version = self.model.shell.ir_version.map(|version| version.max(4));
        proto::Model {
            ir_version,
            opset_import: part.opsets.iter().filter(|set| !ours(set)).cloned().collect(),
            graph: Some(graph),
            functions: self.functions.clone(),
            ..proto::Model::default()
        }
    }
}
