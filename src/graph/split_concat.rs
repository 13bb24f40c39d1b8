//! Splitting of linear layers over a concatenation, so that the part without randomness runs once.
//!
//! `Conv(Concat(u, s)) = Conv_u(u) + Conv_s(s)`. This also holds if operators that treat each
//! channel separately come between the two, as in a `DenseNet`, but never across a draw. If `u` is
//! not random, its half of the layer moves into the prefix. A batch normalization after the layer
//! is split too: `BN(a + b)` is `BN(a)` plus `b` times its scale, so that ONNX Runtime still folds
//! it into both halves. Weights are not read: their parts are `Gather`s of constants.

mod chain;
mod channels;

use std::collections::{BTreeMap, HashSet};

use chain::{Chain, Link};
use channels::Channels;

use super::apply::{constant, node};
use super::plan::Plan;
use super::reach::Reach;
use crate::error::Result;
use crate::onnx::proto;

/// Smallest number of multiply-adds that the split must save per output value. Below it, reading
/// the other half from memory costs as much.
const LEAST: usize = 16;

/// Returns the plan with its linear layers over concatenations split, or the same plan if no layer
/// gains from it.
///
/// # Errors
/// Fails if the changed graph cannot be cut.
pub(crate) fn with_concatenations_split(plan: Plan) -> Result<Plan> {
    let graph = Splitter::new(&plan).run();
    let Some(graph) = graph else { return Ok(plan) };
    let mut model = plan.model().clone();
    model.graph = graph;
    plan.with_model(model, plan.image().clone())
}

/// Prefix of the names of inserted nodes and tensors.
const NAME: &str = "mcdrop::half::";

/// Returns true if a node adds the halves of a layer.
pub(super) fn adds_halves(node: &proto::Node) -> bool {
    node.is("Add") && node.input.iter().all(|name| name.starts_with(NAME))
}

/// A linear layer, and the axes that count its input channels.
#[derive(Debug, Clone, Copy)]
struct Layer<'a> {
    node: &'a proto::Node,
    /// Axis of the weight that counts input channels.
    weight_axis: usize,
    /// Axis of the data that counts input channels; -1 for the last.
    data_axis: i64,
    /// Number of axes of its input and output.
    rank: usize,
    /// Multiply-adds per output value and input channel.
    taps: usize,
    inputs: usize,
}

struct Splitter<'a> {
    graph: &'a proto::Graph,
    reach: Reach<'a>,
    random: HashSet<usize>,
    /// Tensors that must stay: outputs, and tensors that draws read.
    kept: HashSet<&'a str>,
    new: BTreeMap<usize, Vec<proto::Node>>,
    count: usize,
}

impl<'a> Splitter<'a> {
    fn new(plan: &'a Plan) -> Self {
        let graph = &plan.model().graph;
        let reach = Reach::new(graph);
        let random = reach.random(&reach.needed(plan.heads().tensors()));
        let outputs = graph.output.iter().filter_map(|value| value.name.as_deref());
        let drawn = plan.active().iter().map(|active| active.input.as_str());
        let kept = outputs.chain(drawn).chain(plan.heads().tensors()).collect();
        Self { graph, reach, random, kept, new: BTreeMap::new(), count: 0 }
    }

    /// Returns the changed graph; `None` if no layer gains.
    fn run(mut self) -> Option<proto::Graph> {
        let mut gone = HashSet::new();
        for position in 0..self.graph.node.len() {
            if self.random.contains(&position)
                && let Some(layer) = self.layer(&self.graph.node[position])
                && let Some(chain) = self.chain(&layer)
            {
                gone.extend(self.take_apart(position, &layer, &chain));
            }
        }
        if self.new.is_empty() {
            return None;
        }
        let mut nodes = Vec::with_capacity(self.graph.node.len());
        for (position, node) in self.graph.node.iter().enumerate() {
            match self.new.remove(&position) {
                Some(new) => nodes.extend(new),
                None if gone.contains(&position) => {}
                None => nodes.push(node.clone()),
            }
        }
        Some(proto::Graph { node: nodes, ..self.graph.clone() })
    }

    fn layer(&self, node: &'a proto::Node) -> Option<Layer<'a>> {
        let int = |name, default| node.int(name).unwrap_or(default);
        let weight = self.reach.index.initializer(node.input.get(1)?)?;
        let sizes: Vec<usize> = weight
            .dims
            .iter()
            .map(|&size| usize::try_from(size).ok())
            .collect::<Option<_>>()?;
        let of = |weight_axis: usize, data_axis, rank| Layer {
            node,
            weight_axis,
            data_axis,
            rank,
            taps: sizes.get(2..).map_or(1, |kernel| kernel.iter().product()),
            inputs: sizes[weight_axis],
        };
        match (node.op(), sizes.len()) {
            _ if !node.is_standard() => None,
            ("Conv", 3..) if int("group", 1) == 1 => Some(of(1, 1, sizes.len())),
            ("ConvTranspose", 3..) if int("group", 1) == 1 => Some(of(0, 1, sizes.len())),
            ("MatMul", 2) => {
                let data = self.reach.index.described(node.input.first()?)?;
                Some(of(0, -1, data.dimensions?.len()))
            }
            _ => None,
        }
    }

    /// Returns the nodes between a layer and the concatenation that it reads, if some of the
    /// concatenated parts are random and enough of them are not.
    fn chain(&self, layer: &Layer<'a>) -> Option<Chain<'a>> {
        let channels = Channels::new(&self.reach.index, layer.data_axis);
        let chain = Chain::of(
            (self.graph, &self.reach, &self.random),
            &channels,
            (layer.node.input.first()?, layer.data_axis),
        )?;
        let all: usize = chain.parts.iter().map(|part| part.channels).sum();
        let still: usize = chain
            .parts
            .iter()
            .filter(|part| !part.is_random)
            .map(|part| part.channels)
            .sum();
        let pays = layer.taps.saturating_mul(still) >= LEAST;
        (all == layer.inputs && 0 < still && still < all && pays).then_some(chain)
    }

    /// Adds the two halves in the place of the layer. Returns the positions of the nodes to remove.
    fn take_apart(
        &mut self,
        position: usize,
        layer: &Layer<'a>,
        chain: &Chain<'a>,
    ) -> Vec<usize> {
        let after = self.normalization_after(layer.node);
        let place = after.unwrap_or(position);
        let mut nodes = Vec::new();
        let still = self.half(&mut nodes, layer, chain, false);
        let moving = self.half(&mut nodes, layer, chain, true);
        let (still, moving, output) = match after.map(|at| &self.graph.node[at]) {
            Some(normalization) => {
                let (still, moving) =
                    self.normalized(&mut nodes, normalization, (still, moving));
                (still, moving, &normalization.output[0])
            }
            None => (still, moving, &layer.node.output[0]),
        };
        let moving = self.of_the_same_size(&mut nodes, layer, (&still, &moving));
        nodes.push(proto::Node {
            name: Some(format!("{}/halves", layer.node.label())),
            ..node("Add", &[&moving, &still], output)
        });
        self.new.entry(place).or_default().append(&mut nodes);
        if place == position { Vec::new() } else { vec![position] }
    }

    /// Adds one half of a layer, over the random parts or over the others. Returns its output.
    fn half(
        &mut self,
        nodes: &mut Vec<proto::Node>,
        layer: &Layer<'a>,
        chain: &Chain<'a>,
        is_random: bool,
    ) -> String {
        let parts = chain.parts.iter().filter(|part| part.is_random == is_random);
        let names: Vec<&str> = parts.map(|part| part.name).collect();
        let channels = chain.channels_of(is_random);
        let mut data = if let [one] = names[..] {
            one.to_owned()
        } else {
            let output = self.fresh();
            nodes.push(proto::Node {
                attribute: vec![proto::Attribute::int("axis", layer.data_axis)],
                ..node("Concat", &names, &output)
            });
            output
        };
        for link in &chain.links {
            data = self.link(nodes, link, (&data, &channels));
        }
        let weight = &layer.node.input[1];
        let weight = self.gathered(nodes, weight, layer.weight_axis as i64, &channels);
        let output = self.fresh();
        let mut half = proto::Node {
            input: vec![data, weight],
            output: vec![output.clone()],
            ..layer.node.clone()
        };
        // The bias belongs to one of them.
        if !is_random {
            half.input.extend(layer.node.input.iter().skip(2).cloned());
            half.name = Some(output.clone());
        }
        nodes.push(half);
        output
    }

    /// Adds a reshape of the random half that fails if its size differs from that of the other
    /// half, as the concatenation would. The sum would broadcast a half of one pixel.
    fn of_the_same_size(
        &mut self,
        nodes: &mut Vec<proto::Node>,
        layer: &Layer,
        (still, moving): (&str, &str),
    ) -> String {
        let (sizes, rows, all, output) =
            (self.fresh(), self.fresh(), self.fresh(), self.fresh());
        nodes.push(node("Shape", &[still], &sizes));
        let behind: Vec<i64> = (1..layer.rank as i64).collect();
        let behind = self.gathered(nodes, &sizes, 0, &behind);
        // In the sizes of a reshape, 0 is the size as it is.
        nodes.push(constant(&rows, &[0]));
        nodes.push(proto::Node {
            attribute: vec![proto::Attribute::int("axis", 0)],
            ..node("Concat", &[&rows, &behind], &all)
        });
        nodes.push(proto::Node {
            name: Some(format!("{}/same_size", layer.node.label())),
            ..node("Reshape", &[moving, &all], &output)
        });
        output
    }

    /// Adds a copy of a node of the chain, over some of its channels.
    fn link(
        &mut self,
        nodes: &mut Vec<proto::Node>,
        link: &Link<'a>,
        (data, channels): (&str, &[i64]),
    ) -> String {
        let output = self.fresh();
        let mut copy = link.node.clone();
        copy.name = Some(output.clone());
        copy.output = vec![output.clone()];
        data.clone_into(&mut copy.input[link.data]);
        for &(input, axis) in &link.by_channel {
            copy.input[input] =
                self.gathered(nodes, &link.node.input[input], axis, channels);
        }
        nodes.push(copy);
        output
    }

    fn gathered(
        &mut self,
        nodes: &mut Vec<proto::Node>,
        tensor: &str,
        axis: i64,
        indices: &[i64],
    ) -> String {
        let (list, output) = (self.fresh(), self.fresh());
        nodes.push(constant(&list, indices));
        nodes.push(proto::Node {
            attribute: vec![proto::Attribute::int("axis", axis)],
            ..node("Gather", &[tensor, &list], &output)
        });
        output
    }

    /// Returns the batch normalization that is the only reader of a layer's output.
    fn normalization_after(&self, layer: &proto::Node) -> Option<usize> {
        let output = layer.output.first()?.as_str();
        let mut readers =
            (0..self.graph.node.len()).filter(|&i| self.reach.reads(i).contains(&output));
        let reader = readers.next().filter(|_| readers.next().is_none())?;
        let node = &self.graph.node[reader];
        let is_plain = node.is("BatchNormalization")
            && node.output.len() == 1
            && node.input.len() == 5
            && node.input[0] == output
            && !layer.is("MatMul");
        let constants = node.input.iter().skip(1);
        let mut known = constants.map(|name| self.reach.index.initializer(name));
        let is_known = known.all(|tensor| tensor.is_some());
        (is_plain && is_known && !self.kept.contains(output)).then_some(reader)
    }

    /// Adds the batch normalization of both halves; only one of them is shifted.
    fn normalized(
        &mut self,
        nodes: &mut Vec<proto::Node>,
        of: &proto::Node,
        (still, moving): (String, String),
    ) -> (String, String) {
        let zero = self.fresh();
        nodes.push(node("Sub", &[&of.input[3], &of.input[3]], &zero));
        let mut put = |data: String, shift: &str, mean: &str, output: String| {
            let (scale, variance) = (of.input[1].clone(), of.input[4].clone());
            nodes.push(proto::Node {
                name: Some(output.clone()),
                input: vec![data, scale, shift.to_owned(), mean.to_owned(), variance],
                output: vec![output.clone()],
                ..of.clone()
            });
            output
        };
        let still = put(still, &of.input[2], &of.input[3], self.fresh());
        (still, put(moving, &zero, &zero, self.fresh()))
    }

    fn fresh(&mut self) -> String {
        self.count += 1;
        format!("{NAME}{}", self.count)
    }
}
