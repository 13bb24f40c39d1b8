//! The draws of a graph and its bodies: where they stand, and what is known of their tensors.

use std::collections::HashMap;

use super::builder::Names;
use crate::graph::SiteAxis;
use crate::onnx::{ElementType, proto};
use crate::operator;
use crate::sampling::ProbedModel;

/// One draw of the plan.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The node that is to write its tensor.
    pub(super) name: String,
    pub(super) axis: SiteAxis,
    /// Axes of the tensor; known where the row axis is not the first.
    pub(super) rank: usize,
    pub(super) element_type: ElementType,
    /// The counter of the loop around it.
    pub(super) iteration: Option<String>,
}

/// The number of a draw of ours.
pub(super) fn draw_number(node: &proto::Node) -> Option<usize> {
    let is_ours = node.domain.as_deref() == Some(operator::DOMAIN);
    let number = node.attribute.first().filter(|_| is_ours)?.i?;
    usize::try_from(number).ok()
}

/// The draws of a plan, by their numbers.
pub(super) fn places(probed: &ProbedModel, names: &mut Names) -> Vec<Place> {
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
        Place {
            name: names.unique(&format!("mcdrop/{}", plan.node_of(number))),
            axis: probed.axes().get(number).copied().unwrap_or(SiteAxis::Whole),
            rank: tensor.map_or(0, |tensor| tensor.dimensions.len()),
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
