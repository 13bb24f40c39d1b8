//! Calls of functions that a file defines itself, replaced by the nodes of the functions.
//!
//! A draw inside a function is out of reach: one body serves all its calls, each of which is a
//! site of its own. So the calls of functions that hold what is looked for are replaced, the
//! outermost first; all others stay. What stood in a function is known by the call's name
//! before its own: `call/tensor`, `outer/inner/tensor`.

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

/// Calls nest less deep than this in any real file.
const DEEPEST_CALL: usize = 128;
/// Bodies that nest deeper are not looked into, and could not be read again.
const DEEPEST_BODY: usize = 32;

/// Replaces every call of a function that holds a node that `holds` is true for, in bodies and
/// through further functions too. A model without one stays as it is.
///
/// # Errors
/// If a function calls itself, uses another operator set than the model, is called with more
/// than it takes, or if the nodes become too many.
pub(super) fn functions(
    model: &mut Model,
    holds: &dyn Fn(&proto::Node) -> bool,
) -> Result<()> {
    if model.shell.functions.is_empty() {
        return Ok(());
    }
    let functions = &model.shell.functions;
    let library = FunctionLibrary::new(functions, holds);
    library.check(&model.graph)?;
    let mut inliner = Inliner {
        names: TakenNames::new(&model.graph, functions),
        budget: InlineBudget::of(functions),
        library,
        holds,
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
    bodies: usize,
}

struct Inliner<'a> {
    library: FunctionLibrary<'a>,
    holds: &'a dyn Fn(&proto::Node) -> bool,
    names: TakenNames,
    budget: InlineBudget,
    /// The functions whose calls were replaced.
    used: BTreeSet<usize>,
}

impl Inliner<'_> {
    fn in_graph(&mut self, graph: &mut proto::Graph, depth: Depth) -> Result<()> {
        let nodes = std::mem::take(&mut graph.node);
        graph.node.reserve(nodes.len());
        for node in nodes {
            self.place(node, graph, depth)?;
        }
        Ok(())
    }

    /// Puts a node at the end of a graph, or what stands for it.
    fn place(
        &mut self,
        mut node: proto::Node,
        graph: &mut proto::Graph,
        depth: Depth,
    ) -> Result<()> {
        let Some(function) = self.library.wanted(&node, self.holds) else {
            if depth.bodies >= DEEPEST_BODY && node.subgraphs().next().is_some() {
                return Err(too_deep(&node, "bodies", DEEPEST_BODY));
            }
            let inner = Depth { bodies: depth.bodies + 1, ..depth };
            for body in node.subgraphs_mut() {
                self.in_graph(body, inner)?;
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
            self.place(node, graph, depth)?;
        }
        Ok(())
    }
}

/// How deep bodies nest in these nodes.
fn nested(nodes: &[proto::Node]) -> usize {
    let attributes = nodes.iter().flat_map(|node| &node.attribute);
    attributes.map(nested_in).max().unwrap_or(0)
}

fn nested_in(attribute: &proto::Attribute) -> usize {
    let bodies = attribute.subgraphs();
    bodies.map(|body| 1 + nested(&body.node)).max().unwrap_or(0)
}

fn too_deep(node: &proto::Node, what: &str, deepest: usize) -> Error {
    Error::node(node.label(), format!("{what} nest deeper than {deepest} here"))
        .with_hint("export the model without functions around its dropout")
}

/// The nodes of a list and of the bodies in them.
fn each_node<'a>(nodes: &'a [proto::Node], visit: &mut dyn FnMut(&'a proto::Node)) {
    for node in nodes {
        visit(node);
        for body in node.subgraphs() {
            each_node(&body.node, visit);
        }
    }
}

fn call_error(call: &proto::Node, message: String) -> Error {
    Error::node(call.label(), message)
        .with_hint("the file is damaged: export the model again")
}

#[cfg(test)]
mod tests;
