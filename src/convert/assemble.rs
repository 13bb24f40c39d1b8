//! The converted model: every draw of the plan in standard operators.

use std::collections::BTreeSet;

use super::builder::{Builder, Names, initializer};
use super::dropout::{self, Tables};
use super::given::{self, Given};
use super::keys::{Inputs, Keys, Rows};
use super::noise;
use super::place::{Place, draw_number, places};
use super::says;
use crate::graph::{ActiveSite, AddedInputs, Converted, Plan, SiteAxis, StochasticNode};
use crate::onnx::ElementType::I64;
use crate::onnx::{ElementType, captured_names, proto, typed};
use crate::random::Draws;
use crate::sampling::ProbedModel;

/// The first operator set with shifts of words.
pub(super) const FIRST_OPSET: i64 = 11;
/// From this version of the format on initializers need not be inputs.
const FIRST_IR: i64 = 4;

/// The model with its draws in place, and what its metadata say. With `one` a run takes one
/// image, whatever the draws allow.
pub(super) fn assemble(
    probed: &ProbedModel,
    draws: Draws,
    one: bool,
) -> (proto::Model, Converted) {
    assemble_site(probed, draws, one, None)
}

/// As [`assemble`], with the draws of one site alone where `only` names it.
pub(super) fn assemble_site(
    probed: &ProbedModel,
    draws: Draws,
    one: bool,
    only: Option<usize>,
) -> (proto::Model, Converted) {
    let plan = probed.plan();
    let mut names = Names::of(plan.model());
    let places = places(probed, &mut names);
    let one = one || places.iter().any(|place| place.axis == SiteAxis::Whole);
    let mut builder = Builder::new(names);
    let mut model = plan.model().with_graph(proto::Graph::default());
    let mut graph = plan.model().graph.clone();
    let added = if plan.model().opset() < FIRST_OPSET {
        let given = Given::of(plan, &places, &mut builder);
        given::replace(&mut builder, (plan, &places, &given), &mut graph.node);
        given.add_to(&mut graph)
    } else {
        let inputs = Inputs {
            image: plan.image().name.clone(),
            sample: builder.names.unique("sample"),
            seed: builder.names.unique("seed"),
            image_key: builder.names.unique("image_key"),
        };
        raise_version(&mut model, &mut graph);
        let mut shared =
            Shared::build(&mut builder, (plan, &places), &inputs, (draws, one));
        shared.only = only;
        let mut nodes = builder.take();
        shared.replace(&mut builder, (plan, &places), &mut graph.node);
        nodes.append(&mut graph.node);
        graph.node = nodes;
        add_inputs(&mut graph, &inputs, one)
    };
    graph.initializer.append(&mut builder.constants);
    remove_unread(&mut graph);
    let entry = says::entry((plan, &places), added, (draws, one));
    model.graph = Some(graph);
    says::put(&mut model, &entry);
    (model, entry)
}

/// What the draws of a graph share.
pub(super) struct Shared {
    rows: Rows,
    keys: Vec<Keys>,
    tables: Tables,
    draws: Draws,
    /// The one site that draws.
    only: Option<usize>,
}

/// Gaussian numbers are independent whatever the draws of the masks are.
fn draws_of(active: &ActiveSite, draws: Draws) -> Draws {
    match active.draw {
        StochasticNode::Normal { .. } => Draws::Independent,
        _ => draws,
    }
}

impl Shared {
    pub(super) fn build(
        b: &mut Builder,
        (plan, places): (&Plan, &[Place]),
        inputs: &Inputs,
        (draws, one): (Draws, bool),
    ) -> Self {
        "keys".clone_into(&mut b.scope);
        let rows = Rows::build(b, inputs, one);
        let mut keys = Vec::new();
        for kind in Draws::ALL {
            let of_kind = plan.active().iter().zip(places);
            let of_kind = of_kind.filter(|(active, _)| draws_of(active, draws) == kind);
            let (mut sites, mut outside) = (Vec::new(), false);
            for (active, place) in of_kind {
                if !sites.contains(&active.key) {
                    sites.push(active.key);
                }
                outside |= place.iteration.is_none();
            }
            if !sites.is_empty() {
                keys.push(Keys::build(b, &rows, kind, (sites, outside)));
            }
        }
        "tables".clone_into(&mut b.scope);
        let mut tables = Tables::default();
        for active in plan.active().iter().filter(|active| !active.is_noise()) {
            tables.prepare(b, draws, active);
        }
        Self { rows, keys, tables, draws, only: None }
    }

    /// Puts every draw of these nodes and their bodies in place.
    pub(super) fn replace(
        &mut self,
        b: &mut Builder,
        (plan, places): (&Plan, &[Place]),
        nodes: &mut Vec<proto::Node>,
    ) {
        for mut node in std::mem::take(nodes) {
            let number = draw_number(&node);
            let found = number.and_then(|i| plan.active().get(i).zip(places.get(i)));
            if let Some((active, place)) = found {
                b.scope.clone_from(&active.output);
                let mut active = active.clone();
                // What crosses into rows has a name of its own there.
                if let Some(input) = node.input.first() {
                    active.input.clone_from(input);
                }
                self.draw(b, &active, place);
                nodes.append(&mut b.take());
                continue;
            }
            for attribute in &mut node.attribute {
                let held = attribute.g.as_deref_mut().into_iter();
                for body in held.chain(&mut attribute.graphs) {
                    self.replace(b, (plan, places), &mut body.node);
                }
            }
            nodes.push(node);
        }
    }

    fn draw(&mut self, b: &mut Builder, active: &ActiveSite, place: &Place) {
        if self.only.is_some_and(|only| only != active.site) {
            off(b, active, place);
            return;
        }
        let draws = draws_of(active, self.draws);
        let Some(keys) = self.keys.iter().find(|keys| keys.draws == draws) else {
            return;
        };
        match &active.draw {
            StochasticNode::Dropout(mask) => {
                let shared = (&self.rows, keys, &mut self.tables);
                dropout::dropout(b, shared, (active, mask), place);
            }
            _ => noise::noise(b, (&self.rows, keys), active, place),
        }
    }
}

/// What a draw is without randomness.
fn off(b: &mut Builder, active: &ActiveSite, place: &Place) {
    let last = (place.name.as_str(), active.output.as_str());
    let value = match active.draw {
        StochasticNode::Dropout(_) => return b.named("Identity", &[&active.input], last),
        StochasticNode::Uniform { off, .. } => off,
        StochasticNode::Normal { mean, .. } => mean,
    };
    let value = b.float(value);
    b.named("Expand", &[&value, &active.input], last);
}

/// Declares the inputs beside the image; those that may be left out hold 0.
fn add_inputs(graph: &mut proto::Graph, inputs: &Inputs, one: bool) -> AddedInputs {
    let each = if one {
        proto::DimensionValue::Value(1)
    } else {
        proto::DimensionValue::Parameter("mcdrop_rows".to_owned())
    };
    graph.input.push(value(&inputs.sample, I64, Some(each.clone())));
    graph.input.push(value(&inputs.seed, I64, None));
    graph.input.push(value(&inputs.image_key, I64, Some(each)));
    let zero = 0_i64.to_le_bytes();
    graph.initializer.push(initializer(&inputs.seed, I64, &[], &zero));
    graph.initializer.push(initializer(&inputs.image_key, I64, &[1], &zero));
    AddedInputs {
        sample: Some(inputs.sample.clone()),
        seed: Some(inputs.seed.clone()),
        image_key: Some(inputs.image_key.clone()),
        masks: Vec::new(),
    }
}

/// A tensor of one axis, or none.
fn value(
    name: &str,
    element_type: ElementType,
    size: Option<proto::DimensionValue>,
) -> proto::ValueInfo {
    let sizes = size.into_iter().map(|size| proto::Dimension {
        value: Some(size),
        ..proto::Dimension::default()
    });
    let tensor = proto::TensorType {
        shape: Some(proto::TensorShape { dim: sizes.collect() }),
        ..proto::TensorType::of_any_shape(element_type)
    };
    typed(name, tensor)
}

/// Constants of what was replaced.
pub(super) fn remove_unread(graph: &mut proto::Graph) {
    let read: BTreeSet<String> = graph
        .node
        .iter()
        .flat_map(captured_names)
        .map(str::to_owned)
        .chain(graph.output.iter().filter_map(|value| value.name.clone()))
        .collect();
    let is_read = |name: &Option<String>| name.as_ref().is_some_and(|n| read.contains(n));
    let unread = graph.initializer.iter().filter(|tensor| !is_read(&tensor.name));
    let unread: BTreeSet<Option<String>> =
        unread.map(|tensor| tensor.name.clone()).collect();
    graph.input.retain(|value| !unread.contains(&value.name));
    graph.initializer.retain(|tensor| is_read(&tensor.name));
    graph.sparse_initializer.retain(|tensor| {
        tensor.values.as_ref().is_none_or(|values| is_read(&values.name))
    });
    graph.quantization_annotation.retain(|annotation| is_read(&annotation.tensor_name));
}

/// Lets initializers be something else than inputs; those that were stay constants.
pub(super) fn raise_version(model: &mut proto::Model, graph: &mut proto::Graph) {
    if model.ir_version.is_some_and(|version| version >= FIRST_IR) {
        return;
    }
    model.ir_version = Some(FIRST_IR);
    let constants: BTreeSet<&str> =
        graph.initializer.iter().filter_map(|tensor| tensor.name.as_deref()).collect();
    graph.input.retain(|value| {
        value.name.as_deref().is_none_or(|name| !constants.contains(name))
    });
}
