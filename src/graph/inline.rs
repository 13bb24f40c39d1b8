//! Inlining of the functions that a model file defines.
//!
//! All calls of a function share its nodes, but a dropout inside is a different site in each
//! call. Therefore the calls of functions that contain a wanted node are replaced by the
//! function's nodes, the outermost call first; other calls stay. Inlined tensors are named after
//! the call: `call/tensor`, `outer/inner/tensor`.

mod budget;
mod copy;
mod imports;
mod library;
mod names;

use std::collections::BTreeSet;

use budget::InlineBudget;
use copy::InlinedCall;
use library::FunctionLibrary;
use names::TakenNames;

use crate::error::{Error, Result};
use crate::onnx::{Model, proto};

/// Deepest nesting of calls; real files stay below.
const DEEPEST_CALL: usize = 128;
/// Deepest nesting of subgraphs; deeper ones could not be decoded again.
const DEEPEST_SUBGRAPH: usize = 32;

/// Inlines every call of a function that contains a node for which `is_wanted` is true, in subgraphs
/// and through other functions too. A model without such a call is not changed.
///
/// # Errors
/// Fails if a function calls itself, uses another operator set than the model, is called with more
/// arguments than it takes, or if there are too many nodes.
pub(super) fn functions(
    model: &mut Model,
    is_wanted: &dyn Fn(&proto::Node) -> bool,
) -> Result<()> {
    if model.shell.functions.is_empty() {
        return Ok(());
    }
    let functions = &model.shell.functions;
    let library = FunctionLibrary::new(functions, is_wanted);
    library.check(&model.graph)?;
    let mut inliner = Inliner {
        names: TakenNames::new(&model.graph, functions),
        budget: InlineBudget::of(functions),
        library,
        is_wanted,
        used: BTreeSet::new(),
    };
    inliner.in_graph(&mut model.graph, Depth::default())?;
    let used = inliner.used;
    if used.is_empty() {
        return Ok(());
    }
    let kept = inliner.library.still_called(&used);
    imports::merge(&mut model.shell.opset_import, functions, &used)?;
    let mut number = 0..;
    model.shell.functions.retain(|_| {
        number.next().is_none_or(|i| !used.contains(&i) || kept.contains(&i))
    });
    Ok(())
}

#[derive(Clone, Copy, Default)]
struct Depth {
    calls: usize,
    subgraphs: usize,
}

struct Inliner<'a> {
    library: FunctionLibrary<'a>,
    is_wanted: &'a dyn Fn(&proto::Node) -> bool,
    names: TakenNames,
    budget: InlineBudget,
    /// Functions whose calls were inlined.
    used: BTreeSet<usize>,
}

impl Inliner<'_> {
    fn in_graph(&mut self, graph: &mut proto::Graph, depth: Depth) -> Result<()> {
        let nodes = std::mem::take(&mut graph.node);
        graph.node.reserve(nodes.len());
        for node in nodes {
            self.append(node, graph, depth)?;
        }
        Ok(())
    }

    /// Appends a node to a graph, or the nodes of the function that it calls.
    fn append(
        &mut self,
        mut node: proto::Node,
        graph: &mut proto::Graph,
        depth: Depth,
    ) -> Result<()> {
        let Some(function) = self.library.wanted(&node, self.is_wanted) else {
            if depth.subgraphs >= DEEPEST_SUBGRAPH && node.subgraphs().next().is_some() {
                return Err(too_deep(&node, "subgraphs", DEEPEST_SUBGRAPH));
            }
            let inner = Depth { subgraphs: depth.subgraphs + 1, ..depth };
            for subgraph in node.subgraphs_mut() {
                self.in_graph(subgraph, inner)?;
            }
            graph.node.push(node);
            return Ok(());
        };
        if depth.calls >= DEEPEST_CALL {
            return Err(too_deep(&node, "calls of functions", DEEPEST_CALL));
        }
        self.used.insert(function);
        let callee = self.library.function(function);
        let copy = InlinedCall::of(
            callee,
            &node,
            &self.library,
            &mut self.names,
            &mut self.budget,
        )?;
        graph.value_info.extend(copy.described);
        let depth = Depth { calls: depth.calls + 1, ..depth };
        for node in copy.nodes {
            self.append(node, graph, depth)?;
        }
        Ok(())
    }
}

/// Returns the depth of the subgraphs in these nodes.
fn nesting_depth(nodes: &[proto::Node]) -> usize {
    let attributes = nodes.iter().flat_map(|node| &node.attribute);
    attributes.map(nesting_depth_in).max().unwrap_or(0)
}

fn nesting_depth_in(attribute: &proto::Attribute) -> usize {
    attribute.subgraphs().map(|graph| 1 + nesting_depth(&graph.node)).max().unwrap_or(0)
}

fn too_deep(node: &proto::Node, what: &str, deepest: usize) -> Error {
    Error::node(node.label(), format!("{what} nest deeper than {deepest} here"))
        .with_hint("export the model without functions around its dropout")
}

/// Visits the nodes of a list and of their subgraphs.
fn each_node<'a>(nodes: &'a [proto::Node], visit: &mut dyn FnMut(&'a proto::Node)) {
    for node in nodes {
        visit(node);
        for graph in node.subgraphs() {
            each_node(&graph.node, visit);
        }
    }
}

fn call_error(call: &proto::Node, message: String) -> Error {
    Error::node(call.label(), message)
        .with_hint("the file is damaged: export the model again")
}

#[cfg(test)]
mod tests;
