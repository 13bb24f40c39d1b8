//! A plan: a model with its sites found and cut into prefix and suffix.

use std::collections::BTreeSet;

use prost::Message as _;

use super::apply::node;
use super::channels;
use super::choose::SiteOptions;
use super::converted_model;
use super::cut::Cut;
use super::prepare::{self, ActiveSite, Prepared, Survey};
use super::reach::Reach;
use super::site::Site;
use crate::error::{Error, Result};
use crate::head::{
    CHANNELS_TO_LAST, HeadOptions, HeadTensor, Heads, OmittedChannel, Role, ScoresOption,
    channel_nodes, transpose,
};
use crate::onnx::{
    ElementType, Model, ValueDescription, captured_names, declared, proto, untyped,
};
use crate::operator::{self, IMAGE_KEY, SAMPLE};
use crate::random::Draws;

/// Axis of a site's input that counts the rows of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SiteAxis {
    /// This axis. A row may own several slices of it.
    Rows(usize),
    /// Unknown: a run has one row, which owns the whole tensor.
    Whole,
}

/// Name, element type and sizes of a tensor as ONNX Runtime described it.
#[derive(Debug, Clone)]
pub(crate) struct TypedTensor {
    pub(crate) name: String,
    pub(crate) element_type: ElementType,
    pub(crate) dimensions: Vec<Option<usize>>,
}

/// State of the sites of a suffix.
#[derive(Debug, Clone, Copy)]
pub(crate) enum SuffixKind<'a> {
    /// All are off, and their inputs are outputs: the probe of axes reads them.
    Probe,
    /// All are off.
    Off,
    /// All are off, and the shapes of their inputs are outputs.
    SiteShapes,
    /// All draw, by mcdrop's operators.
    Sampling {
        /// Row axes of all draws.
        axes: &'a [SiteAxis],
        /// Types of the tensors that the probed draws write. ONNX Runtime cannot infer them through
        /// an operator of mcdrop, and some of its fusions need them.
        types: &'a [TypedTensor],
        /// True for each draw that makes the rows of a run from one row.
        grows: &'a [bool],
        seed: u64,
        draws: Draws,
    },
}

/// A model whose sites are known, cut into prefix and suffix.
#[derive(Debug, Clone)]
pub struct Plan {
    model: Model,
    heads: Heads,
    survey: Survey,
    sites: Vec<Site>,
    active: Vec<ActiveSite>,
    image: ValueDescription,
    prefix: BTreeSet<usize>,
    suffix: BTreeSet<usize>,
    cuts: Vec<String>,
    shapes: Vec<String>,
}

impl Plan {
    /// Chooses the output, finds the sites that reach it and cuts the graph.
    ///
    /// # Errors
    /// Fails if the model does not have exactly one input, if it has several outputs and none is
    /// named, if the output contains class ids, if no live dropout reaches it, or if randomness
    /// would make the result wrong.
    pub fn new(
        model: Model,
        output_name: Option<&str>,
        scores: ScoresOption,
    ) -> Result<Self> {
        let heads = HeadOptions::of_scores(output_name, scores);
        Self::with_sites(model, &heads, &SiteOptions::default())
    }

    /// Creates a plan like [`Plan::new`], with a choice of outputs, their roles, and sites.
    ///
    /// # Errors
    /// Fails like [`Plan::new`], and if roles do not go together or the choice matches no site.
    pub fn with_sites(
        model: Model,
        heads: &HeadOptions,
        options: &SiteOptions,
    ) -> Result<Self> {
        converted_model::refuse(&model)?;
        let mut image = single_input(&model)?;
        if let Some([_, open @ None, _, last]) = image.dimensions.as_deref_mut()
            && last.is_none()
        {
            // Optimum leaves all four open.
            *open = channels::of_image(&model.graph, &image.name);
        }
        Self::cut(prepare::prepare(model, heads, options)?, image)
    }

    /// Cuts a prepared model.
    pub(super) fn cut(prepared: Prepared, image: ValueDescription) -> Result<Self> {
        let Prepared { model, heads, survey, sites, active } = prepared;
        let reach = Reach::new(&model.graph);
        let constant = reach.constant();
        let needed = reach.needed(heads.tensors());
        let moved = reach.downstream(&reach.draws(&needed), false);
        let deterministic = heads.readings().iter().find(|reading| {
            let head = heads.tensor_of(reading);
            let writer = reach.index.producer_index(&head.tensor);
            !writer.is_some_and(|node| moved.contains(&node))
        });
        if let Some(reading) = deterministic {
            let is_spread = reading.role.is_some_and(Role::is_spread);
            let hint = if is_spread {
                "leave this variance out, or choose another with `head`"
            } else {
                "choose another output with `output_name`"
            };
            let output = heads.tensor_of(reading).output.clone();
            let message = "no live dropout reaches this output";
            return Err(Error::output(output, message).with_hint(hint));
        }
        let cut = Cut::new(&reach, &reach.random(&needed), &constant);
        let (prefix, suffix) = (cut.prefix(&reach), cut.suffix);
        let (cuts, shapes) =
            (cut.tensors.into_iter().collect(), cut.shapes.into_iter().collect());
        drop(reach);
        Ok(Self {
            model,
            heads,
            survey,
            sites,
            active,
            image,
            prefix,
            suffix,
            cuts,
            shapes,
        })
    }

    /// Returns the model that was cut.
    pub fn model(&self) -> &Model {
        &self.model
    }

    /// Returns the tensors that are read for every sample. They are the first outputs of the
    /// suffix, in this order.
    pub fn heads(&self) -> &Heads {
        &self.heads
    }

    /// Returns the plan with scores of unknown kind taken for logits, so that no probe has to find
    /// out.
    pub(crate) fn unprobed(mut self) -> Self {
        self.heads.assume_logits();
        self
    }

    /// Returns the plan with the channels of its heads moved to the front. For heads of unknown
    /// layout that a run has shown to be `[N,H,W,C]`.
    ///
    /// # Errors
    /// Fails if the changed graph cannot be cut.
    pub(crate) fn with_channels_first(mut self) -> Result<Self> {
        let mut model = self.model.clone();
        self.heads.assume_channels_last();
        let opset = model.opset();
        self.heads.make_channels_second(&mut model.graph, opset);
        self.with_model(model, self.image.clone())
    }

    /// Returns the plan of the same sites and scores for a changed graph.
    pub(super) fn with_model(
        &self,
        model: Model,
        image: ValueDescription,
    ) -> Result<Self> {
        let prepared = Prepared {
            model,
            heads: self.heads.clone(),
            survey: self.survey.clone(),
            sites: self.sites.clone(),
            active: self.active.clone(),
        };
        Self::cut(prepared, image)
    }

    /// Returns the sites that draw, in graph order.
    pub fn sites(&self) -> &[Site] {
        &self.sites
    }

    /// Returns everything random that was found, and the nodes that were repaired.
    pub fn survey(&self) -> &Survey {
        &self.survey
    }

    /// Returns the dropout nodes before the output that do nothing, each with the reason.
    pub fn inert(&self) -> &[String] {
        &self.survey.inert
    }

    /// Returns the draws by their number.
    pub(crate) fn active(&self) -> &[ActiveSite] {
        &self.active
    }

    /// Returns the numbers of the draws whose row axis a probe can show, in the order of its
    /// outputs.
    pub(crate) fn probed(&self) -> Vec<usize> {
        (0..self.active.len()).filter(|&i| self.active[i].is_outside).collect()
    }

    /// Returns the name of the node of a draw.
    pub(crate) fn node_of(&self, number: usize) -> &str {
        let site = self.active.get(number).and_then(|active| self.sites.get(active.site));
        site.map_or("", |site| site.node.as_str())
    }

    /// Returns the model's input.
    pub fn image(&self) -> &ValueDescription {
        &self.image
    }

    /// Returns the number of nodes that run once per image, and of those that run for every sample.
    pub fn node_counts(&self) -> (usize, usize) {
        (self.prefix.len(), self.suffix.len())
    }

    /// Returns the positions of all nodes that run.
    pub fn needed_nodes(&self) -> impl Iterator<Item = usize> {
        self.prefix.union(&self.suffix).copied()
    }

    /// Returns the positions of the nodes that run once per image.
    pub(crate) fn prefix_nodes(&self) -> impl Iterator<Item = usize> {
        self.prefix.iter().copied()
    }

    /// Returns the positions of the nodes that run for every sample.
    pub fn suffix_nodes(&self) -> impl Iterator<Item = usize> {
        self.suffix.iter().copied()
    }

    /// Returns the reason why a run must have one row whatever the shapes are: an operator takes
    /// its scale from all rows, or all rows share dropped weights.
    pub(crate) fn rows_share(&self) -> Option<String> {
        if let Some(site) = self.sites.iter().find(|site| prepare::shares_a_draw(site)) {
            let node = &site.node;
            return Some(format!(
                "node \"{node}\" drops weights, which all rows of a run share"
            ));
        }
        let operator = self.rows_share_a_scale()?;
        Some(format!("node \"{operator}\" takes its scale from all rows of a run"))
    }

    /// Returns the first operator of the suffix that takes its scale from the whole batch.
    pub(crate) fn rows_share_a_scale(&self) -> Option<String> {
        let dynamic = |node: &proto::Node| node.op().starts_with("DynamicQuantize");
        let nodes = self.suffix.iter().map(|&i| &self.model.graph.node[i]);
        nodes
            .into_iter()
            .find_map(|node| prepare::find_inside(&self.model, node, &dynamic))
    }

    /// Returns the tensors that cross from the prefix to the suffix. The graph input may be one of
    /// them.
    pub(crate) fn cuts(&self) -> &[String] {
        &self.cuts
    }

    /// Returns the outputs of `Shape` and `Size` nodes that are inputs of the suffix.
    pub(crate) fn shapes(&self) -> &[String] {
        &self.shapes
    }

    /// Returns the prefix; `None` if the suffix starts at the graph input.
    pub(crate) fn prefix(&self) -> Option<Vec<u8>> {
        let crossing = self.cuts.iter().chain(&self.shapes);
        let outputs: Vec<&str> = crossing
            .map(String::as_str)
            .filter(|name| *name != self.image.name)
            .collect();
        if outputs.is_empty() {
            return None;
        }
        let nodes =
            self.prefix.iter().map(|&i| self.model.graph.node[i].clone()).collect();
        Some(self.whole("prefix", nodes, &outputs))
    }

    /// Returns the suffix, whose inputs are the prefix's outputs as ONNX Runtime described them.
    pub(crate) fn suffix(&self, inputs: &[TypedTensor], kind: SuffixKind) -> Vec<u8> {
        let ends: Vec<&str> = self.heads.tensors().collect();
        self.suffix_of(self.suffix.iter().copied(), &ends, inputs, kind)
    }

    /// Returns the suffix that ends at these tensors instead of the heads, and for each input of
    /// [`Plan::suffix`] whether it is one of its inputs too.
    pub(crate) fn suffix_to(
        &self,
        ends: &[&str],
        inputs: &[TypedTensor],
        kind: SuffixKind,
    ) -> (Vec<u8>, Vec<bool>) {
        let reach = Reach::new(&self.model.graph);
        let needed = reach.needed(ends.iter().copied());
        let nodes: Vec<usize> =
            self.suffix.iter().copied().filter(|node| needed.contains(node)).collect();
        let reads = |name: &String| {
            nodes.iter().any(|&node| reach.reads(node).contains(&name.as_str()))
        };
        let taken: Vec<bool> = inputs.iter().map(|input| reads(&input.name)).collect();
        let pairs = inputs.iter().zip(&taken);
        let inputs: Vec<TypedTensor> =
            pairs.filter(|(_, taken)| **taken).map(|(input, _)| input.clone()).collect();
        (self.suffix_of(nodes, ends, &inputs, kind), taken)
    }

    /// Returns the model up to these tensors, with all sites off.
    pub(crate) fn deterministic_to(&self, ends: &[&str]) -> Vec<u8> {
        let reach = Reach::new(&self.model.graph);
        let needed: BTreeSet<usize> =
            reach.needed(ends.iter().copied()).into_iter().collect();
        let mut nodes: Vec<proto::Node> =
            needed.into_iter().map(|i| self.model.graph.node[i].clone()).collect();
        draw::finish(&mut nodes, &self.active, SuffixKind::Off);
        self.whole("trace", nodes, ends)
    }

    /// Returns the model from the tensor of a head to its output; `None` if they are the same.
    pub(crate) fn tail(
        &self,
        head: &HeadTensor,
        scores: &TypedTensor,
    ) -> Option<Vec<u8>> {
        if head.tensor == head.output {
            return None;
        }
        let reach = Reach::new(&self.model.graph);
        let start = match &head.omitted_channel {
            OmittedChannel::AddedTo(source) => source,
            _ => head.channels_last.as_ref().unwrap_or(&head.tensor),
        };
        let before = reach.needed([start.as_str()]);
        let mut behind: Vec<usize> =
            reach.needed([head.output.as_str()]).difference(&before).copied().collect();
        behind.sort_unstable();
        let mut nodes: Vec<proto::Node> =
            behind.into_iter().map(|i| self.model.graph.node[i].clone()).collect();
        if let Some(channels_last) = &head.channels_last {
            nodes.insert(0, transpose(&head.tensor, channels_last, CHANNELS_TO_LAST));
        }
        if let OmittedChannel::AddedTo(source) = &head.omitted_channel {
            let squeeze =
                channel_nodes("Squeeze", &head.tensor, source, self.model.opset());
            nodes.splice(..0, squeeze);
        }
        let input = TypedTensor { name: head.tensor.clone(), ..scores.clone() };
        let graph = self.graph("tail", nodes, vec![typed(&input)], &[&head.output]);
        Some(self.finish(graph))
    }

    fn suffix_of(
        &self,
        nodes: impl IntoIterator<Item = usize>,
        ends: &[&str],
        inputs: &[TypedTensor],
        kind: SuffixKind,
    ) -> Vec<u8> {
        let mut outputs: Vec<String> = ends.iter().map(|&end| end.to_owned()).collect();
        let mut nodes: Vec<proto::Node> =
            nodes.into_iter().map(|i| self.model.graph.node[i].clone()).collect();
        draw::finish(&mut nodes, &self.active, kind);
        let seen_as = match kind {
            SuffixKind::Probe => Some("Identity"),
            SuffixKind::SiteShapes => Some("Shape"),
            SuffixKind::Off | SuffixKind::Sampling { .. } => None,
        };
        if let Some(operator) = seen_as {
            for (i, number) in self.probed().into_iter().enumerate() {
                let active = &self.active[number];
                let seen = if active.is_noise() { &active.output } else { &active.input };
                let name = format!("mcdrop::site::{i}");
                nodes.push(node(operator, &[seen], &name));
                outputs.push(name);
            }
        }
        let mut values: Vec<proto::ValueInfo> = inputs.iter().map(typed).collect();
        if matches!(kind, SuffixKind::Sampling { .. }) {
            let row = |name: &str| {
                typed(&TypedTensor {
                    name: name.to_owned(),
                    element_type: ElementType::I64,
                    dimensions: vec![None],
                })
            };
            values.extend([row(IMAGE_KEY), row(SAMPLE)]);
        }
        let outputs: Vec<&str> = outputs.iter().map(String::as_str).collect();
        let mut graph = self.graph("suffix", nodes, values, &outputs);
        if let SuffixKind::Sampling { types, .. } = kind {
            let written = self.probed().into_iter().map(|i| &self.active[i].output);
            let described = written.zip(types);
            let is_inside = |output: &String| {
                let writes = |node: &proto::Node| node.output.contains(output);
                !outputs.contains(&output.as_str()) && graph.node.iter().any(writes)
            };
            let described = described.filter(|(output, _)| is_inside(output));
            graph.value_info = described
                .map(|(output, of)| {
                    typed(&TypedTensor { name: output.clone(), ..of.clone() })
                })
                .collect();
        }
        self.finish(graph)
    }

    /// Returns a model of these nodes that takes the image.
    pub(super) fn whole(
        &self,
        name: &str,
        nodes: Vec<proto::Node>,
        outputs: &[&str],
    ) -> Vec<u8> {
        let input = self.model.graph.input.iter();
        let input = input.filter(|value| value.name.as_deref() == Some(&self.image.name));
        self.finish(self.graph(name, nodes, input.cloned().collect(), outputs))
    }

    fn graph(
        &self,
        name: &str,
        nodes: Vec<proto::Node>,
        input: Vec<proto::ValueInfo>,
        outputs: &[&str],
    ) -> proto::Graph {
        let read: BTreeSet<&str> = nodes.iter().flat_map(captured_names).collect();
        let wanted = |name: &Option<String>| {
            name.as_deref().is_some_and(|n| read.contains(n) || outputs.contains(&n))
        };
        let initializer = self.model.graph.initializer.iter();
        let initializer = initializer.filter(|t| wanted(&t.name)).cloned().collect();
        let sparse = self.model.graph.sparse_initializer.iter();
        let sparse =
            sparse.filter(|t| t.values.as_ref().is_some_and(|v| wanted(&v.name)));
        let sparse_initializer = sparse.cloned().collect();
        proto::Graph {
            name: Some(name.to_owned()),
            output: outputs.iter().map(|name| untyped(name)).collect(),
            node: nodes,
            initializer,
            sparse_initializer,
            input,
            ..proto::Graph::default()
        }
    }

    /// Encodes the model around a graph. External data keep the names under which the runtime looks
    /// for them: the real ones in the real folder.
    fn finish(&self, graph: proto::Graph) -> Vec<u8> {
        let mut model = self.model.with_graph(graph);
        model.opset_import.push(proto::OperatorSetId {
            domain: Some(operator::DOMAIN.to_owned()),
            version: Some(1),
        });
        self.model.external.rename(&mut model);
        model.encode_to_vec()
    }
}

fn single_input(model: &Model) -> Result<ValueDescription> {
    let mut inputs = model.inputs();
    if inputs.len() == 1 {
        return Ok(inputs.remove(0));
    }
    if inputs.is_empty() {
        let message = "the model has no input: expected one image";
        return Err(Error::model(model.path(), message).with_hint(
            "export the model with the image as its input: its first tensor is a constant now",
        ));
    }
    let four_axes = |input: &&ValueDescription| {
        input.element_type.may_be_image()
            && input.dimensions.as_ref().is_some_and(|sizes| sizes.len() == 4)
    };
    let images = inputs.iter().filter(four_axes).count();
    let names: Vec<String> =
        inputs.iter().map(|input| format!("\"{}\"", input.name)).collect();
    let hint = match images {
        0 => "none of them is an image of f32 [N,C,H,W]: mcdrop samples vision models",
        1 => "export a model that takes only the image; bind other inputs as constants",
        _ => {
            "models of several images (stereo, change detection) are not supported: export one \
             that takes a single image"
        }
    };
    let message = format!(
        "the model has {} inputs ({}): expected one image",
        names.len(),
        names.join(", ")
    );
    Err(Error::model(model.path(), message).with_hint(hint))
}

fn typed(input: &TypedTensor) -> proto::ValueInfo {
    declared(&input.name, input.element_type, &input.dimensions)
}

pub(super) mod draw;
mod grow;
mod resize;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod uncut;

pub(crate) use grow::Growing;
pub(crate) use resize::LastResize;
