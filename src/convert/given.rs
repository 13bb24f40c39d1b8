//! Masks as inputs, for operator sets that cannot draw them.

use super::builder::Builder;
use super::place::{Place, draw_number};
use crate::error::{Error, Result};
use crate::graph::{AddedInputs, Plan, SiteAxis, StochasticNode};
use crate::onnx::ElementType::{Bool, F16, F32};
use crate::onnx::{proto, typed};

/// The first operator set in which sizes broadcast.
const BROADCASTS: i64 = 7;
/// The first one with a choice between values.
const CHOOSES: i64 = 9;

const HINT: &str = "export the model with operator set 11 or newer: opset_version=17";

/// Inputs for masks, one a site.
pub(super) struct Given {
    /// For each site its input.
    names: Vec<String>,
    inputs: Vec<proto::ValueInfo>,
}

/// Refuses what cannot be given from outside.
///
/// # Errors
/// If the operator set is too old even for masks as inputs, or a draw is no plain mask.
pub(super) fn refuse(plan: &Plan) -> Result<()> {
    let opset = plan.model().opset();
    let old = |what: &str| {
        let message =
            format!("{what} of a model of operator set {opset}, where it needs 11");
        Error::model(plan.model().path(), message).with_hint(HINT)
    };
    if opset < BROADCASTS {
        return Err(old("the masks cannot even be inputs"));
    }
    for (number, active) in plan.active().iter().enumerate() {
        let what = match () {
            () if active.is_noise() => "draws noise",
            () if active.values.shift != 0.0 => "replaces values by others than 0",
            () if !active.is_outside => "stands in a body",
            () => continue,
        };
        let node = plan.node_of(number);
        return Err(old(&format!("node \"{node}\" {what}, which cannot be an input")));
    }
    Ok(())
}

impl Given {
    pub(super) fn of(plan: &Plan, places: &[Place], b: &mut Builder) -> Self {
        let mut given = Self { names: Vec::new(), inputs: Vec::new() };
        for (number, site) in plan.sites().iter().enumerate() {
            let name = b.names.unique(&format!("mask/{}", site.node));
            let draws = plan.active().iter().zip(places);
            let first = draws.into_iter().find(|(active, _)| active.site == number);
            let shape = first.and_then(|(active, place)| match &active.draw {
                StochasticNode::Dropout(mask) => {
                    Some(mask_shape(mask.axes.as_deref(), place))
                }
                _ => None,
            });
            let tensor =
                proto::TensorType { shape, ..proto::TensorType::of_any_shape(F32) };
            given.inputs.push(typed(&name, tensor));
            given.names.push(name);
        }
        given
    }

    /// Declares the inputs.
    pub(super) fn add_to(self, graph: &mut proto::Graph) -> AddedInputs {
        graph.input.extend(self.inputs);
        AddedInputs { masks: self.names, ..AddedInputs::default() }
    }
}

/// 1 along axes that the mask does not vary along; other sizes are open.
fn mask_shape(axes: Option<&[i64]>, place: &Place) -> proto::TensorShape {
    let varies = |i: usize| {
        place.axis == SiteAxis::Rows(i)
            || axes.is_none_or(|axes| axes.contains(&(i as i64 - place.rank as i64)))
    };
    let size = |i: usize| proto::Dimension {
        value: (!varies(i)).then_some(proto::DimensionValue::Value(1)),
        ..proto::Dimension::default()
    };
    proto::TensorShape { dim: (0..place.rank).map(size).collect() }
}

/// Multiplies masks in.
pub(super) fn replace(
    b: &mut Builder,
    (plan, places, given): (&Plan, &[Place], &Given),
    nodes: &mut Vec<proto::Node>,
) {
    for node in std::mem::take(nodes) {
        let number = draw_number(&node);
        let found = number.and_then(|i| plan.active().get(i).zip(places.get(i)));
        let Some((active, place)) = found else {
            nodes.push(node);
            continue;
        };
        b.scope.clone_from(&active.output);
        let x = &active.input;
        let mut mask = given.names[active.site].clone();
        let is_kept = b.cast(&mask, Bool);
        let is_half = place.element_type == F16;
        if is_half {
            mask = b.cast(&mask, F16);
        }
        let last = (place.name.as_str(), active.output.as_str());
        if plan.model().opset() < CHOOSES {
            b.named("Mul", &[x, &mask], last);
        } else {
            let kept = b.op("Mul", &[x, &mask]);
            let dropped = if is_half { b.half(0.0) } else { b.float(0.0) };
            b.named("Where", &[&is_kept, &kept, &dropped], last);
        }
        nodes.append(&mut b.take());
    }
}
