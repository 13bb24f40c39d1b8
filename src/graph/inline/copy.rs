//! The nodes of a function, renamed for one call.

use std::collections::{HashMap, HashSet};

use super::budget::InlineBudget;
use super::call_error;
use super::library::FunctionLibrary;
use super::names::{self, TakenNames};
use crate::error::Result;
use crate::onnx::{proto, typed};

/// The nodes that replace a call.
pub(super) struct InlinedCall {
    pub(super) nodes: Vec<proto::Node>,
    /// Element types of its tensors, as far as the function states them.
    pub(super) described: Vec<proto::ValueInfo>,
}

impl InlinedCall {
    pub(super) fn of(
        function: &proto::Function,
        call: &proto::Node,
        library: &FunctionLibrary,
        names: &mut TakenNames,
        budget: &mut InlineBudget,
    ) -> Result<Self> {
        check(function, call)?;
        budget.enter(call, function)?;
        let prefix = names.call(call.label());
        let mut copier = CallCopier {
            function,
            call,
            library,
            names,
            prefix,
            scopes: vec![HashMap::new()],
        };
        let mut nodes = Vec::new();
        for alias in copier.bind() {
            budget.charge(call, &alias)?;
            nodes.push(alias);
        }
        for node in &function.node {
            let mut node = node.clone();
            copier.node(&mut node);
            if node.metadata_props.is_empty() {
                node.metadata_props.clone_from(&call.metadata_props);
            }
            budget.charge(call, &node)?;
            nodes.push(node);
        }
        Ok(Self { nodes, described: copier.described() })
    }
}

fn check(function: &proto::Function, call: &proto::Node) -> Result<()> {
    let label = function.label();
    let nested = super::nesting_depth(&function.node)
        + super::nesting_depth(std::slice::from_ref(call))
        + function.attribute_proto.iter().map(super::nesting_depth_in).max().unwrap_or(0);
    if nested > 2 * super::DEEPEST_SUBGRAPH {
        return Err(super::too_deep(call, "subgraphs", 2 * super::DEEPEST_SUBGRAPH));
    }
    for (what, given, most) in [
        ("inputs", call.input.len(), function.input.len()),
        ("outputs", call.output.len(), function.output.len()),
    ] {
        if given > most {
            let message = format!(
                "it has {given} {what}, the function \"{label}\" that it calls {most}"
            );
            return Err(call_error(call, message));
        }
    }
    let inputs: HashSet<&String> = function.input.iter().collect();
    let written = function.node.iter().flat_map(|node| &node.output);
    match written.into_iter().find(|&name| inputs.contains(name) && !name.is_empty()) {
        None => Ok(()),
        Some(name) => Err(call_error(
            call,
            format!(
                "the function \"{label}\" that it calls writes its own input \"{name}\""
            ),
        )),
    }
}

struct CallCopier<'a> {
    function: &'a proto::Function,
    call: &'a proto::Node,
    library: &'a FunctionLibrary<'a>,
    names: &'a mut TakenNames,
    prefix: String,
    /// New names by old ones: those of the function, then those of each enclosing subgraph.
    scopes: Vec<HashMap<String, String>>,
}

impl CallCopier<'_> {
    /// Names the tensors of the function; returns `Identity` nodes for outputs that need one.
    fn bind(&mut self) -> Vec<proto::Node> {
        let mut bound: HashMap<String, String> = HashMap::new();
        for (i, name) in self.function.input.iter().enumerate() {
            let given = self.call.input.get(i).cloned().unwrap_or_default();
            bound.entry(name.clone()).or_insert(given);
        }
        let mut aliases = Vec::new();
        for (i, name) in self.function.output.iter().enumerate() {
            let Some(given) = self.call.output.get(i).filter(|given| !given.is_empty())
            else {
                continue;
            };
            match bound.get(name) {
                // An output that is an input, or one tensor for two outputs.
                Some(known) => aliases.push(identity(known, given)),
                None => drop(bound.insert(name.clone(), given.clone())),
            }
        }
        for name in self.function.node.iter().flat_map(|node| &node.output) {
            if !bound.contains_key(name) {
                let new = self.names.tensor(format!("{}/{name}", self.prefix));
                bound.insert(name.clone(), new);
            }
        }
        self.scopes[0] = bound;
        aliases
    }

    fn renamed(&self, name: &str) -> String {
        if name.is_empty() {
            return String::new();
        }
        let found = self.scopes.iter().rev().find_map(|scope| scope.get(name));
        // A function does not see the graph around its call.
        found.cloned().unwrap_or_else(|| format!("{}/{name}", self.prefix))
    }

    fn rename(&self, name: &mut String) {
        *name = self.renamed(name);
    }

    fn node(&mut self, node: &mut proto::Node) {
        let label = node.label();
        // A call without a name gets one, so that the tensors in it have unique names.
        if node.name.as_deref().is_some_and(|name| !name.is_empty())
            || self.library.called(node).is_some()
        {
            node.name = Some(self.names.node(format!("{}/{label}", self.prefix)));
        }
        for name in node.input.iter_mut().chain(&mut node.output) {
            self.rename(name);
        }
        let attributes = std::mem::take(&mut node.attribute);
        node.attribute = attributes
            .into_iter()
            .filter_map(|attribute| self.attribute(attribute))
            .collect();
    }

    /// Returns the attribute as it is in this call; `None` if it refers to an attribute that neither
    /// the call nor the function sets.
    fn attribute(&mut self, mut attribute: proto::Attribute) -> Option<proto::Attribute> {
        let Some(reference) =
            attribute.ref_attr_name.as_deref().filter(|r| !r.is_empty())
        else {
            attribute.subgraphs_mut().for_each(|graph| self.subgraph(graph));
            return Some(attribute);
        };
        let is_meant = |a: &&proto::Attribute| a.name.as_deref() == Some(reference);
        let given = self.call.attribute.iter().find(is_meant).cloned();
        // A subgraph that the call passes reads tensors around the call: its names stay.
        let mut value = if let Some(given) = given {
            given
        } else {
            let default = self.function.attribute_proto.iter().find(is_meant).cloned();
            self.attribute(proto::Attribute { ref_attr_name: None, ..default? })?
        };
        value.name = attribute.name;
        Some(value)
    }

    fn subgraph(&mut self, graph: &mut proto::Graph) {
        let mut own: HashMap<String, String> = HashMap::new();
        for name in names::defined(graph) {
            if !own.contains_key(name) {
                let new = if self.names.is_taken(name) {
                    self.names.tensor(format!("{}/{name}", self.prefix))
                } else {
                    name.to_owned()
                };
                own.insert(name.to_owned(), new);
            }
        }
        self.scopes.push(own);
        let values =
            graph.input.iter_mut().chain(&mut graph.output).chain(&mut graph.value_info);
        let values = values.filter_map(|value| value.name.as_mut());
        let tensors =
            graph.initializer.iter_mut().filter_map(|tensor| tensor.name.as_mut());
        let sparse = graph.sparse_initializer.iter_mut();
        let sparse = sparse.filter_map(|tensor| tensor.values.as_mut()?.name.as_mut());
        let annotations =
            graph.quantization_annotation.iter_mut().flat_map(|annotation| {
                let parameters = annotation.quant_parameter_tensor_names.iter_mut();
                parameters
                    .filter_map(|entry| entry.value.as_mut())
                    .chain(&mut annotation.tensor_name)
            });
        for name in values.chain(tensors).chain(sparse).chain(annotations) {
            self.rename(name);
        }
        graph.node.iter_mut().for_each(|node| self.node(node));
        self.scopes.pop();
    }

    /// Returns only element types: the sizes in a function are those of some call.
    fn described(&self) -> Vec<proto::ValueInfo> {
        let mut described = Vec::new();
        for value in &self.function.value_info {
            let (Some(name), Some(kind)) = (&value.name, &value.r#type) else { continue };
            let new =
                self.scopes[0].get(name).filter(|new| new.starts_with(&self.prefix));
            let Some(proto::TypeValue::Tensor(tensor)) = &kind.value else { continue };
            let Some(new) = new else { continue };
            let tensor = proto::TensorType { elem_type: tensor.elem_type, shape: None };
            described.push(typed(new, tensor));
        }
        described
    }
}

fn identity(from: &str, to: &str) -> proto::Node {
    proto::Node::new("Identity", &[from], &[to]).named(to)
}
