//! Assembles the converted model: every draw of the plan in standard operators.

use std::collections::BTreeSet;

use super::ConvertOptions;
use super::conversion::{Conversion, DrawContext};
use super::converted::{AddedInputs, Converted};
use super::draw_location::{DrawLocation, draw_locations, draw_number};
use super::dropout::{self, Tables};
use super::guard::{Guard, GuardSource};
use super::keys::{BatchTensors, GraphInputs, KeyTensors};
use super::mask_inputs::{self, MaskInputs};
use super::metadata::{self, MaskOrigin};
use super::noise;
use crate::error::Result;
use crate::graph::{ActiveSite, SiteAxis, StochasticNode};
use crate::onnx::ElementType::I64;
use crate::onnx::build::{NodeBuilder, UniqueNames, initializer};
use crate::onnx::{ElementType, captured_names, proto, typed};
use crate::random::Draws;
use crate::sampling::ProbedModel;

/// The first version of the format in which initializers need not be inputs.
const FIRST_IR: i64 = 4;

/// Assembles the model and its metadata. With `single_image` a run takes one image, even if the
/// draws allow more.
///
/// # Errors
/// Fails if masks are inputs and ONNX Runtime cannot find their shapes.
pub(super) fn assemble(
    probed: &ProbedModel,
    options: &ConvertOptions,
    single_image: bool,
) -> Result<(proto::Model, Converted)> {
    assemble_site(probed, options, single_image, None)
}

/// Assembles as [`assemble`] does, but draws for one site only if `only` is given.
pub(super) fn assemble_site(
    probed: &ProbedModel,
    options: &ConvertOptions,
    single_image: bool,
    only: Option<usize>,
) -> Result<(proto::Model, Converted)> {
    let plan = probed.plan();
    let mut names = UniqueNames::of(plan.model());
    let draws_at = draw_locations(probed, &mut names);
    let single_image =
        single_image || draws_at.iter().any(|location| location.axis == SiteAxis::Whole);
    let scheme = options.draws;
    let conversion = Conversion { plan, draws_at: &draws_at, scheme, single_image };
    let mut builder = NodeBuilder::new(names, plan.model().opset());
    let mut model = plan.model().with_graph(proto::Graph::default());
    let mut graph = plan.model().graph.clone();
    raise_version(&mut model, &mut graph);
    let origin = if mask_inputs::are_needed(plan, options) {
        let masks = MaskInputs::new(&conversion, probed, &mut builder)?;
        masks.replace_draws(&mut builder, &conversion, &mut graph.node);
        masks.declare(&mut graph);
        MaskOrigin::Inputs(masks)
    } else {
        let inputs = GraphInputs {
            image: plan.image().name.clone(),
            sample: builder.names.unique("sample"),
            seed: builder.names.unique("seed"),
            image_key: builder.names.unique("image_key"),
        };
        let mut shared = SharedTensors::build(&mut builder, &conversion, &inputs);
        shared.only = only;
        let mut nodes = builder.take();
        shared.replace(&mut builder, &conversion, &mut graph.node);
        nodes.append(&mut graph.node);
        graph.node = nodes;
        let source = GuardSource { name: &inputs.sample, element_type: I64 };
        let guard = Guard::add(&mut builder, &mut graph, &source);
        MaskOrigin::Drawn { inputs: add_inputs(&mut graph, &inputs, single_image), guard }
    };
    graph.initializer.append(&mut builder.constants);
    remove_unread(&mut graph);
    let entry = metadata::entry(&conversion, origin);
    model.graph = Some(graph);
    metadata::put(&mut model, &entry);
    Ok((model, entry))
}

/// Tensors that the draws of a graph share.
pub(super) struct SharedTensors {
    batch: BatchTensors,
    keys: Vec<KeyTensors>,
    tables: Tables,
    scheme: Draws,
    /// The only site that draws, if there is one.
    only: Option<usize>,
}

/// Returns the scheme of a draw: Gaussian numbers are always independent.
fn scheme_of(active: &ActiveSite, scheme: Draws) -> Draws {
    match active.draw {
        StochasticNode::Normal { .. } => Draws::Independent,
        _ => scheme,
    }
}

impl SharedTensors {
    pub(super) fn build(
        b: &mut NodeBuilder,
        conversion: &Conversion,
        inputs: &GraphInputs,
    ) -> Self {
        let Conversion { plan, draws_at, scheme, single_image } = *conversion;
        "keys".clone_into(&mut b.scope);
        let batch = BatchTensors::build(b, inputs, single_image);
        let mut keys = Vec::new();
        for kind in Draws::ALL {
            let of_kind = plan.active().iter().zip(draws_at);
            let of_kind = of_kind.filter(|(active, _)| scheme_of(active, scheme) == kind);
            let (mut sites, mut outside) = (Vec::new(), false);
            for (active, location) in of_kind {
                if !sites.contains(&active.key) {
                    sites.push(active.key);
                }
                outside |= location.iteration.is_none();
            }
            if !sites.is_empty() {
                keys.push(KeyTensors::build(b, &batch, kind, sites, outside));
            }
        }
        "tables".clone_into(&mut b.scope);
        let mut tables = Tables::default();
        for active in plan.active().iter().filter(|active| !active.is_noise()) {
            tables.prepare(b, scheme, active);
        }
        Self { batch, keys, tables, scheme, only: None }
    }

    /// Replaces every draw of these nodes and their subgraphs.
    pub(super) fn replace(
        &mut self,
        b: &mut NodeBuilder,
        conversion: &Conversion,
        nodes: &mut Vec<proto::Node>,
    ) {
        for mut node in std::mem::take(nodes) {
            let number = draw_number(&node);
            let found = number.and_then(|i| conversion.draw(i));
            if let Some((active, location)) = found {
                b.scope.clone_from(&active.output);
                let mut active = active.clone();
                // A tensor at the cut has another name if it is repeated for the samples.
                if let Some(input) = node.input.first() {
                    active.input.clone_from(input);
                }
                self.draw(b, &active, location);
                nodes.append(&mut b.take());
                continue;
            }
            for attribute in &mut node.attribute {
                let held = attribute.g.as_deref_mut().into_iter();
                for body in held.chain(&mut attribute.graphs) {
                    self.replace(b, conversion, &mut body.node);
                }
            }
            nodes.push(node);
        }
    }

    fn draw(
        &mut self,
        b: &mut NodeBuilder,
        active: &ActiveSite,
        location: &DrawLocation,
    ) {
        if self.only.is_some_and(|only| only != active.site) {
            switch_off(b, active, location);
            return;
        }
        let scheme = scheme_of(active, self.scheme);
        let Some(keys) = self.keys.iter().find(|keys| keys.draws == scheme) else {
            return;
        };
        let context = DrawContext { batch: &self.batch, keys, active, location };
        match &active.draw {
            StochasticNode::Dropout(mask) => {
                dropout::dropout(b, &context, mask, &mut self.tables);
            }
            _ => noise::noise(b, &context),
        }
    }
}

/// Replaces a draw by its value without randomness.
fn switch_off(b: &mut NodeBuilder, active: &ActiveSite, location: &DrawLocation) {
    let (name, output) = (&location.name, &active.output);
    let value = match active.draw {
        StochasticNode::Dropout(_) => {
            return b.named("Identity", &[&active.input], name, output);
        }
        StochasticNode::Uniform { off, .. } => off,
        StochasticNode::Normal { mean, .. } => mean,
    };
    let value = b.float(value);
    b.named("Expand", &[&value, &active.input], name, output);
}

/// Declares the inputs other than the image; those that may be left out are 0 by default.
fn add_inputs(
    graph: &mut proto::Graph,
    inputs: &GraphInputs,
    single_image: bool,
) -> AddedInputs {
    let each = if single_image {
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

/// Declares a tensor of one axis, or none.
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

/// Removes constants that nothing reads any more.
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
