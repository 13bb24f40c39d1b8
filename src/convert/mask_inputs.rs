//! Masks as inputs, for operator sets that cannot draw them.

use super::conversion::Conversion;
use super::converted::AddedInputs;
use super::draw_location::{DrawLocation, draw_number};
use crate::error::{Error, Result};
use crate::graph::{Plan, SiteAxis, StochasticNode};
use crate::onnx::ElementType::{Bool, F16, F32};
use crate::onnx::build::NodeBuilder;
use crate::onnx::{proto, typed};
use crate::random::{Stream, dropped, keep_scale, threshold};
use crate::runtime::Value;
use crate::sampling::ProbedModel;

/// The first operator set that broadcasts sizes.
const BROADCASTS: i64 = 7;
/// The first operator set with `Where`.
const CHOOSES: i64 = 9;

const HINT: &str = "export the model with operator set 11 or newer: opset_version=17";

/// Inputs for masks, one per site.
pub(super) struct MaskInputs {
    /// Name of each site's input.
    names: Vec<String>,
    inputs: Vec<proto::ValueInfo>,
}

/// Checks that all masks can be inputs.
///
/// # Errors
/// Fails if the operator set is too old even for that, or if a draw is not a plain mask.
pub(super) fn check_supported(plan: &Plan) -> Result<()> {
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
            () if !active.is_outside => "is in a subgraph",
            () => continue,
        };
        let node = plan.node_of(number);
        return Err(old(&format!("node \"{node}\" {what}, which cannot be an input")));
    }
    Ok(())
}

impl MaskInputs {
    /// Chooses the names and shapes of the inputs.
    pub(super) fn of(conversion: &Conversion, b: &mut NodeBuilder) -> Self {
        let Conversion { plan, draws_at, .. } = *conversion;
        let mut given = Self { names: Vec::new(), inputs: Vec::new() };
        for (number, site) in plan.sites().iter().enumerate() {
            let name = b.names.unique(&format!("mask/{}", site.node));
            let draws = plan.active().iter().zip(draws_at);
            let first = draws.into_iter().find(|(active, _)| active.site == number);
            let shape = first.and_then(|(active, location)| match &active.draw {
                StochasticNode::Dropout(mask) => {
                    Some(mask_shape(mask.axes.as_deref(), location))
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

    /// Replaces every draw by the product with its mask.
    pub(super) fn replace_draws(
        &self,
        b: &mut NodeBuilder,
        conversion: &Conversion,
        nodes: &mut Vec<proto::Node>,
    ) {
        for node in std::mem::take(nodes) {
            let found = draw_number(&node).and_then(|number| conversion.draw(number));
            let Some((active, location)) = found else {
                nodes.push(node);
                continue;
            };
            b.scope.clone_from(&active.output);
            let x = &active.input;
            let mut mask = self.names[active.site].clone();
            let is_kept = b.cast(&mask, Bool);
            let is_half = location.element_type == F16;
            if is_half {
                mask = b.cast(&mask, F16);
            }
            let (name, output) = (&location.name, &active.output);
            if conversion.plan.model().opset() < CHOOSES {
                b.named("Mul", &[x, &mask], name, output);
            } else {
                let kept = b.op("Mul", &[x, &mask]);
                let dropped = if is_half { b.half(0.0) } else { b.float(0.0) };
                b.named("Where", &[&is_kept, &kept, &dropped], name, output);
            }
            nodes.append(&mut b.take());
        }
    }

    /// Declares the inputs.
    pub(super) fn add_to(self, graph: &mut proto::Graph) -> AddedInputs {
        graph.input.extend(self.inputs);
        AddedInputs { masks: self.names, ..AddedInputs::default() }
    }
}

/// Returns size 1 for axes that the mask does not vary along; other sizes are open.
fn mask_shape(axes: Option<&[i64]>, location: &DrawLocation) -> proto::TensorShape {
    let varies = |i: usize| {
        location.axis == SiteAxis::Rows(i)
            || axes.is_none_or(|axes| axes.contains(&(i as i64 - location.rank as i64)))
    };
    let size = |i: usize| proto::Dimension {
        value: (!varies(i)).then_some(proto::DimensionValue::Value(1)),
        ..proto::Dimension::default()
    };
    proto::TensorShape { dim: (0..location.rank).map(size).collect() }
}

/// Computes the mask of each site from the definition, for one sample of an image with key 0 in a
/// run of `rows` images; 1 if all draws are off.
pub(super) fn masks_of_sample(
    probed: &ProbedModel,
    size: (usize, usize),
    rows: usize,
    sample: i64,
) -> Result<Vec<Value>> {
    let shapes = probed.draw_shapes(size)?;
    let plan = probed.plan();
    let numbers = plan.probed();
    let mut masks = Vec::new();
    for site in 0..plan.sites().len() {
        let first = numbers.iter().position(|&number| plan.active()[number].site == site);
        let Some((place, number)) = first.map(|place| (place, numbers[place])) else {
            masks.push(Value::from_f32(&[1], vec![1.0])?);
            continue;
        };
        let active = &plan.active()[number];
        let axis = probed.axes()[number];
        let sizes = match &active.draw {
            StochasticNode::Dropout(mask) => {
                mask_sizes(&shapes[place], mask.axes.as_deref(), axis)
            }
            _ => Vec::new(),
        };
        let stream = Stream {
            draws: probed.options().draws,
            seed: probed.options().seed,
            site: active.key,
            image: 0,
            iteration: 0,
        };
        let limit = threshold(active.ratio).unwrap_or(0);
        let factor = |unit: usize| match u32::try_from(sample) {
            Err(_) => 1.0,
            Ok(sample) if dropped(&stream, limit, sample, unit as u64) => 0.0,
            Ok(_) => keep_scale(active.ratio),
        };
        let units = units(&sizes, axis, rows);
        masks.push(Value::from_f32(&sizes, units.into_iter().map(factor).collect())?);
    }
    Ok(masks)
}

fn mask_sizes(shape: &[usize], axes: Option<&[i64]>, axis: SiteAxis) -> Vec<usize> {
    let varies = |i: usize| {
        axis == SiteAxis::Rows(i)
            || axes.is_none_or(|axes| axes.contains(&(i as i64 - shape.len() as i64)))
    };
    (0..shape.len()).map(|i| if varies(i) { shape[i] } else { 1 }).collect()
}

/// Returns the unit of each element of a mask.
fn units(sizes: &[usize], axis: SiteAxis, rows: usize) -> Vec<usize> {
    let count: usize = sizes.iter().product();
    let SiteAxis::Rows(axis) = axis else { return (0..count).collect() };
    let outer: usize = sizes[..axis].iter().product();
    let inner: usize = sizes[axis + 1..].iter().product();
    let slices = sizes[axis] / rows.max(1);
    let unit = |i: usize| {
        let (block, within) = (i / inner / sizes[axis], i % inner);
        let slice = i / inner % sizes[axis] % slices.max(1);
        (slice * outer + block) * inner + within
    };
    (0..count).map(unit).collect()
}
