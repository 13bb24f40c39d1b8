//! Locations of the draws in a graph and its subgraphs, and what is known of their tensors.

use std::collections::HashMap;

use crate::graph::SiteAxis;
use crate::onnx::build::UniqueNames;
use crate::onnx::{ElementType, proto};
use crate::operator;
use crate::sampling::ProbedModel;

/// Location of a draw of the plan.
#[derive(Debug, Clone)]
pub(super) struct DrawLocation {
    /// Name of the node that writes the tensor.
    pub(super) name: String,
    /// Axis of the images, if there is one.
    pub(super) axis: SiteAxis,
    /// Number of axes of the tensor; known if the images' axis is not the first.
    pub(super) rank: usize,
    /// Sizes of the tensor that do not depend on the images, if they are known.
    pub(super) dimensions: Vec<Option<usize>>,
    pub(super) element_type: ElementType,
    /// Counter of the loop around it.
    pub(super) iteration: Option<String>,
}

/// Returns the number of a draw, if the node is one.
pub(super) fn draw_number(node: &proto::Node) -> Option<usize> {
    let is_ours = node.domain.as_deref() == Some(operator::DOMAIN);
    let number = node.attribute.first().filter(|_| is_ours)?.i?;
    usize::try_from(number).ok()
}

/// Finds the draws of a plan, by their numbers.
pub(super) fn draw_locations(
    probed: &ProbedModel,
    names: &mut UniqueNames,
) -> Vec<DrawLocation> {
    let plan = probed.plan();
    let graph = &plan.model().graph;
    let mut iterations = HashMap::new();
    loop_counters(graph, &mut iterations);
    let mut declared = HashMap::new();
    declared_types(graph, &mut declared);
    let numbers = plan.probed();
    let typed = |number: usize| {
        let place = numbers.iter().position(|&probed| probed == number)?;
        probed.types().get(place)
    };
    let each = plan.active().iter().enumerate().map(|(number, active)| {
        let tensor = typed(number);
        let element_type = tensor
            .map(|tensor| tensor.element_type)
            .or_else(|| declared.get(active.input.as_str()).copied())
            .or_else(|| declared.get(active.output.as_str()).copied())
            .unwrap_or(plan.image().element_type);
        DrawLocation {
            name: names.unique(&format!("mcdrop/{}", plan.node_of(number))),
            axis: probed.axes().get(number).copied().unwrap_or(SiteAxis::Whole),
            rank: tensor.map_or(0, |tensor| tensor.dimensions.len()),
            dimensions: tensor.map_or_else(Vec::new, |tensor| tensor.dimensions.clone()),
            element_type,
            iteration: iterations.get(&number).cloned(),
        }
    });
    each.collect()
}

fn loop_counters(graph: &proto::Graph, found: &mut HashMap<usize, String>) {
    for node in &graph.node {
        if let (Some(number), Some(counter)) = (draw_number(node), node.input.get(1)) {
            found.insert(number, counter.clone());
        }
        node.subgraphs().for_each(|body| loop_counters(body, found));
    }
}

fn declared_types<'a>(
    graph: &'a proto::Graph,
    found: &mut HashMap<&'a str, ElementType>,
) {
    for value in graph.value_info.iter().chain(&graph.input).chain(&graph.output) {
        let tensor = match value.r#type.as_ref().and_then(|t| t.value.as_ref()) {
            Some(proto::TypeValue::Tensor(tensor)) => {
                tensor.elem_type.map(ElementType::from_number)
            }
            _ => None,
        };
        if let (Some(name), Some(element_type)) = (value.name.as_deref(), tensor) {
            found.insert(name, element_type);
        }
    }
    for body in graph.node.iter().flat_map(proto::Node::subgraphs) {
        declared_types(body, found);
    }
}
