//! Heads: the output tensors that are read, and the meaning of each.
//!
//! A task asks for heads by role. `Heads::choose` finds them among the outputs of a model and
//! examines the operators that write each one: a final softmax or sigmoid is cut off, so that the
//! samples are logits. No other module knows the names of outputs.

use std::collections::HashSet;
use std::ops::Range;

pub use self::choice::{HeadChoice, HeadOptions, Role, ScoresOption};

use self::tail::{LONGEST_TAIL, Tail, refuse_without_scores, refuse_without_values};
use crate::error::{Error, Result};
use crate::onnx::{ElementType, GraphIndex, Model, ValueDescription, int_values, proto};
use crate::sums::Family;

/// Position of the channel axis in the tensor of a head.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelAxis {
    /// `[N,C]` and `[N,C,H,W]`.
    First,
    /// `[N,H,W,C]`.
    Last,
}

/// A tensor that is read for every sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadTensor {
    /// The graph output that was chosen.
    pub output: String,
    /// The tensor that is read: the output, or what the operators that were cut off read.
    pub tensor: String,
    /// Meaning of its values; `None` if a probe must show whether they are logits or
    /// probabilities.
    pub role: Option<Role>,
    /// Position of the channels; `None` if only the sizes of a run show it.
    pub channel_axis: Option<ChannelAxis>,
    /// The operator that turns logits into probabilities, if the graph has one: `Softmax` or
    /// `Sigmoid`. It is cut off if it comes last, and kept if the output is resized or clipped
    /// behind it.
    pub activation: Option<&'static str>,
    /// The operators that were cut off the end of the graph, in the order of the graph.
    pub cut_off: Vec<&'static str>,
    /// The tensor of the file `[N,H,W,C]`, if `tensor` is its transpose `[N,C,H,W]`.
    pub(crate) channels_last: Option<String>,
    /// The channel that the file's tensor leaves out, if it is `[N]` or `[N,H,W]`.
    pub(crate) omitted_channel: OmittedChannel,
    /// Set if a layer with weights writes the tensor, so that its values may be any numbers.
    pub(crate) is_linear: bool,
}

/// The axis of a single channel that a tensor `[N]` or `[N,H,W]` leaves out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum OmittedChannel {
    /// The tensor has its channels.
    No,
    /// The tensor has this many axes, and a node must add the one of the channel.
    ToAdd(usize),
    /// A node adds the axis to this tensor of the file.
    AddedTo(String),
}

/// The heads of a model, in the order in which the suffix writes them. There is at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heads {
    first: HeadTensor,
    others: Vec<HeadTensor>,
    readings: Vec<Reading>,
    is_guess: bool,
}

/// Channels of a head that are read in a role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reading {
    /// Number of the head, in the order of [`Heads::iter`].
    pub head: usize,
    /// The channels; `None` for all.
    pub channels: Option<Range<usize>>,
    /// The role; `None` if the last operators or a probe decide if scores are logits.
    pub role: Option<Role>,
}

impl Reading {
    /// Returns the number of channels that are read of a head with `of` channels.
    pub(crate) fn count(&self, of: usize) -> usize {
        self.channels.as_ref().map_or(of, ExactSizeIterator::len)
    }
}

impl Heads {
    /// Chooses outputs by role or by name, or the only output, and examines the operators that
    /// write them.
    ///
    /// # Errors
    /// Fails if the model does not have one of these outputs, if it has several and none is named,
    /// if an output holds class ids where scores are expected, if roles do not go together, or if
    /// the kind of the scores contradicts the last operator.
    pub(crate) fn choose(model: &Model, options: &HeadOptions) -> Result<Self> {
        if !options.heads.is_empty() {
            return Self::by_role(model, &options.heads, options.scores);
        }
        let outputs = match &options.outputs[..] {
            [] => match only_output(model) {
                Ok(output) => vec![output],
                Err(error) => return Self::guess(model, options).unwrap_or(Err(error)),
            },
            names => names
                .iter()
                .map(|name| output_named(model, name, "output_name"))
                .collect::<Result<_>>()?,
        };
        let role = match options.family {
            Some(Family::Values) => Some(Role::Mean),
            Some(Family::Labels) => Some(Role::LabelLogits),
            Some(Family::Classes) | None => None,
        };
        let tensors = outputs
            .iter()
            .map(|output| HeadTensor::of_output(model, output, role, options.scores));
        let tensors = tensors.collect::<Result<Vec<_>>>()?;
        let readings = (0..tensors.len()).map(|head| Reading {
            head,
            channels: None,
            role: tensors[head].role,
        });
        let readings = readings.collect();
        Self::of_tensors(tensors, readings, false)
            .ok_or_else(|| Error::model(model.path(), "the graph has no output"))
    }

    /// Returns the heads if one of two outputs is named like the variance of the other.
    fn guess(model: &Model, options: &HeadOptions) -> Option<Result<Self>> {
        let heads = choice::guess(&model.outputs(), options.family)?;
        let guessed = Self::by_role(model, &heads, options.scores);
        Some(guessed.map(|heads| Self { is_guess: true, ..heads }))
    }

    fn by_role(
        model: &Model,
        choices: &[HeadChoice],
        scores: ScoresOption,
    ) -> Result<Self> {
        compatible_roles::check(choices)?;
        // The values come before their variances.
        let ordered = choices.iter().filter(|choice| !choice.role.is_spread());
        let ordered = ordered.chain(choices.iter().filter(|one| one.role.is_spread()));
        let (mut tensors, mut readings) = (Vec::<HeadTensor>::new(), Vec::new());
        for choice in ordered {
            let known = tensors.iter().position(|head| head.output == choice.output);
            let head = known.unwrap_or(tensors.len());
            if known.is_none() {
                let output = output_named(model, &choice.output, "head")?;
                let role = Some(choice.role);
                tensors.push(HeadTensor::of_output(model, &output, role, scores)?);
            }
            let role = match choice.role {
                // A sigmoid that was cut off makes logits of the probabilities.
                Role::LabelProbabilities => tensors[head].role,
                role => Some(role),
            };
            readings.push(Reading { head, channels: choice.channels.clone(), role });
        }
        Self::of_tensors(tensors, readings, false)
            .ok_or_else(|| Error::model(model.path(), "the graph has no output"))
    }

    fn of_tensors(
        mut tensors: Vec<HeadTensor>,
        readings: Vec<Reading>,
        is_guess: bool,
    ) -> Option<Self> {
        if tensors.is_empty() {
            return None;
        }
        let first = tensors.remove(0);
        Some(Self { first, others: tensors, readings, is_guess })
    }

    /// Returns what the channels are, as far as the graph and the user state it: classes, unless their
    /// role is another.
    pub fn family(&self) -> Family {
        let role = self.readings.first().and_then(|reading| reading.role);
        role.map_or(Family::Classes, Role::family)
    }

    /// Returns what is read: first the scores or values, then their variances if there are any.
    pub fn readings(&self) -> &[Reading] {
        &self.readings
    }

    /// Returns the head that a reading is of.
    pub fn tensor_of(&self, reading: &Reading) -> &HeadTensor {
        reading
            .head
            .checked_sub(1)
            .and_then(|i| self.others.get(i))
            .unwrap_or(&self.first)
    }

    /// Returns what is read as `ROLE=OUTPUT[:CHANNELS]`, for heads with a known role.
    pub fn described(&self) -> Vec<String> {
        let choice = |reading: &Reading| {
            let output = self.tensor_of(reading).output.clone();
            let (role, channels) = (reading.role?, reading.channels.clone());
            Some(HeadChoice { role, output, channels }.to_string())
        };
        self.readings.iter().filter_map(choice).collect()
    }

    /// Returns the roles as `ROLE=OUTPUT` if they were guessed from the names of the outputs.
    pub fn guessed(&self) -> Option<Vec<HeadChoice>> {
        let choice = |reading: &Reading| {
            let output = self.tensor_of(reading).output.clone();
            Some(HeadChoice { role: reading.role?, output, channels: None })
        };
        self.is_guess.then(|| self.readings.iter().filter_map(choice).collect())
    }

    /// Returns the first head: the only one of a task that needs a single role.
    pub fn first(&self) -> &HeadTensor {
        &self.first
    }

    /// Returns all heads, in order.
    pub fn iter(&self) -> impl Iterator<Item = &HeadTensor> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Returns the number of heads, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "there is always a head")]
    pub fn len(&self) -> usize {
        1 + self.others.len()
    }

    /// Returns the names of the tensors that are read, in order.
    pub(crate) fn tensors(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|head| head.tensor.as_str())
    }

    /// Returns the names of the tensors that are read, in order. Changed names are read instead.
    pub(crate) fn tensors_mut(&mut self) -> impl Iterator<Item = &mut String> {
        self.iter_mut().map(|head| &mut head.tensor)
    }

    fn iter_mut(&mut self) -> impl Iterator<Item = &mut HeadTensor> {
        std::iter::once(&mut self.first).chain(&mut self.others)
    }

    /// Returns whether a tensor is read as a head.
    pub(crate) fn reads(&self, tensor: &str) -> bool {
        self.tensors().any(|name| name == tensor)
    }

    /// Makes the channels the second axis of each head: adds a node that moves them there if they are
    /// last, or that adds their axis if it is missing.
    pub(crate) fn make_channels_second(&mut self, graph: &mut proto::Graph, opset: i64) {
        for (number, head) in self.iter_mut().enumerate() {
            if let OmittedChannel::ToAdd(_) = head.omitted_channel {
                head.add_channel(number, graph, opset);
            }
            if head.channel_axis == Some(ChannelAxis::Last) {
                head.transpose(number, graph);
            }
        }
    }

    /// Declares that heads of unknown layout have their channels last.
    pub(crate) fn assume_channels_last(&mut self) {
        for head in self.iter_mut() {
            head.channel_axis.get_or_insert(ChannelAxis::Last);
        }
    }

    /// Treats heads without a role as logits, for callers that do not need their values.
    pub(crate) fn assume_logits(&mut self) {
        for head in self.iter_mut() {
            head.role.get_or_insert(Role::Logits);
        }
    }
}

impl HeadTensor {
    /// Returns whether the last operators of the graph are cut off.
    pub fn is_cut_off(&self) -> bool {
        !self.cut_off.is_empty()
    }

    /// Reads the transpose of a tensor `[N,H,W,C]` to `[N,C,H,W]`, which a new node writes.
    fn transpose(&mut self, number: usize, graph: &mut proto::Graph) {
        let tensor = format!("mcdrop::channels_first::{number}");
        graph.node.push(transpose(&self.tensor, &tensor, CHANNELS_TO_FIRST));
        self.channels_last = Some(std::mem::replace(&mut self.tensor, tensor));
        self.channel_axis = Some(ChannelAxis::First);
    }

    fn of_output(
        model: &Model,
        output: &ValueDescription,
        role: Option<Role>,
        option: ScoresOption,
    ) -> Result<Self> {
        let graph = OutputGraph { model, index: GraphIndex::new(&model.graph) };
        let mut head = Self {
            tensor: output.name.clone(),
            output: output.name.clone(),
            role: None,
            channel_axis: None,
            activation: None,
            cut_off: Vec::new(),
            channels_last: None,
            omitted_channel: OmittedChannel::No,
            is_linear: false,
        };
        let is_value = |role: Role| role.family() == Family::Values || role.is_spread();
        if role.is_some_and(is_value) {
            refuse_without_values(model, output)?;
            head.role = role;
            head.set_axes(&graph, output);
            head.cut_transpose(&graph);
            head.cut_squeeze(&graph);
            return Ok(head);
        }
        if let Some((node, channel_axis)) = graph.argmax_over_classes(output) {
            head.cut(node, "ArgMax");
            head.channel_axis = Some(channel_axis);
        } else if let Some(node) = graph.zip_map(output) {
            head.cut(node, "ZipMap");
            head.channel_axis = Some(ChannelAxis::First);
        } else {
            refuse_without_scores(model, &graph.index, output)?;
            head.set_axes(&graph, output);
        }
        head.cut_transpose(&graph);
        head.cut_squeeze(&graph);
        head.cut_activation(&graph, option)?;
        head.cut_squeeze(&graph);
        head.cut_transpose(&graph);
        head.role = match (role, head.activation) {
            (Some(Role::LabelLogits), Some("Softmax")) => {
                let message = "comes out of a Softmax: exactly one class holds";
                return Err(Error::output(head.output, message)
                    .with_hint("leave `task = multilabel` out"));
            }
            (Some(Role::LabelLogits | Role::LabelProbabilities), _) => match head.role {
                Some(Role::Probabilities) => Some(Role::LabelProbabilities),
                Some(Role::Logits) => Some(Role::LabelLogits),
                _ if role == Some(Role::LabelLogits) => role,
                _ => Some(Role::LabelProbabilities),
            },
            (Some(Role::Logits | Role::Probabilities), _) => head.role.or(role),
            _ => head.role,
        };
        Ok(head)
    }

    /// Finds the axis of the channels, and whether the tensor leaves it out.
    fn set_axes(&mut self, graph: &OutputGraph, output: &ValueDescription) {
        self.channel_axis = graph.channel_axis_of(&output.name);
        let rank = output.dimensions.as_ref().map(Vec::len);
        if let Some(rank @ (1 | 3)) = rank {
            self.omitted_channel = OmittedChannel::ToAdd(rank);
            self.channel_axis = Some(ChannelAxis::First);
        }
    }

    /// Cuts off a last `Squeeze` that only removes the axis of a single channel.
    fn cut_squeeze(&mut self, graph: &OutputGraph) {
        let OmittedChannel::ToAdd(rank) = self.omitted_channel else { return };
        let Some(node) = graph.index.producer(&self.tensor) else { return };
        let axes = graph.axes_of_squeeze(node);
        let is_channel = |axis: i64| axis == 1 || axis + rank as i64 == 0;
        if node.is("Squeeze")
            && axes.is_some_and(|axes| matches!(axes[..], [axis] if is_channel(axis)))
        {
            self.cut(node, "Squeeze");
            self.omitted_channel = OmittedChannel::No;
        }
    }

    /// Reads a tensor with a new axis of size 1 for the channel, which a new node adds.
    fn add_channel(&mut self, number: usize, graph: &mut proto::Graph, opset: i64) {
        let tensor = format!("mcdrop::channel::{number}");
        graph.node.extend(channel_nodes("Unsqueeze", &self.tensor, &tensor, opset));
        let source = std::mem::replace(&mut self.tensor, tensor);
        self.omitted_channel = OmittedChannel::AddedTo(source);
    }

    /// Reads what a last operator reads instead of what it writes.
    fn cut(&mut self, node: &proto::Node, operator: &'static str) {
        self.tensor = node.input.first().cloned().unwrap_or_default();
        self.cut_off.insert(0, operator);
    }

    /// Cuts off a last `Transpose` that only moves the channels to the end.
    fn cut_transpose(&mut self, graph: &OutputGraph) {
        let Some(node) = graph.index.producer(&self.tensor) else { return };
        let order = node.ints("perm");
        if self.channel_axis == Some(ChannelAxis::Last)
            && node.is("Transpose")
            && order == Some(&CHANNELS_TO_LAST[..])
        {
            self.cut(node, "Transpose");
            self.channel_axis = Some(ChannelAxis::First);
        }
    }

    /// Decides the role, and cuts off a last softmax or sigmoid.
    fn cut_activation(
        &mut self,
        graph: &OutputGraph,
        option: ScoresOption,
    ) -> Result<()> {
        let tail = Tail::of(graph.model, &graph.index, &self.tensor);
        let operator = tail.operator();
        self.is_linear = tail.is_linear(graph.model, &graph.index);
        let channel_axis = self.channel_axis.or_else(|| {
            graph.channel_axis_of_softmax(tail.node.filter(|_| tail.is_last)?)
        });
        let is_over_classes =
            tail.node.is_some_and(|node| graph.is_over_classes(node, channel_axis));
        // Some channels of a softmax are probabilities that do not sum to 1.
        let is_part = operator == "Softmax" && tail.selects_channels;
        self.activation = match operator {
            "Sigmoid" => Some("Sigmoid"),
            "Softmax" if is_over_classes && !is_part => Some("Softmax"),
            _ => None,
        };
        self.role = match (option, self.activation) {
            (ScoresOption::Logits, Some(operator)) => {
                let message = format!(
                    "logits, but output \"{}\" comes out of a {operator}",
                    self.output
                );
                return Err(Error::setting("scores", message).with_hint(
                    "leave `scores` out; or export the model up to its logits",
                ));
            }
            (ScoresOption::Auto, None) if is_part => Some(Role::Probabilities),
            (_, Some(_)) if tail.is_last => Some(Role::Logits),
            (_, Some(_)) | (ScoresOption::Probabilities, None) => {
                Some(Role::Probabilities)
            }
            (ScoresOption::Logits, None) => Some(Role::Logits),
            (ScoresOption::Auto, None) if operator == "LogSoftmax" && is_over_classes => {
                Some(Role::Logits)
            }
            (ScoresOption::Auto, None) => None,
        };
        if let (Some(node), Some(operator), true) =
            (tail.node, self.activation, tail.is_last)
        {
            self.cut(node, operator);
        }
        self.channel_axis = channel_axis;
        Ok(())
    }
}

/// Order of the axes that moves the channels of `[N,C,H,W]` to the end.
pub(crate) const CHANNELS_TO_LAST: [i64; 4] = [0, 2, 3, 1];
/// Order of the axes that moves the channels of `[N,H,W,C]` to the front.
const CHANNELS_TO_FIRST: [i64; 4] = [0, 3, 1, 2];

/// Returns a `Transpose` node, named after what it writes.
pub(crate) fn transpose(input: &str, output: &str, order: [i64; 4]) -> proto::Node {
    proto::Node::new("Transpose", &[input], &[output])
        .named(output)
        .with(proto::Attribute::ints("perm", &order))
}

/// Returns the nodes that add (`Unsqueeze`) or remove (`Squeeze`) the axis of a single channel.
pub(crate) fn channel_nodes(
    operator: &str,
    input: &str,
    output: &str,
    opset: i64,
) -> Vec<proto::Node> {
    let node =
        |inputs: &[&str]| proto::Node::new(operator, inputs, &[output]).named(output);
    if opset < 13 {
        return vec![node(&[input]).with(proto::Attribute::ints("axes", &[1]))];
    }
    let axes = format!("{output}::axes");
    let one = proto::Tensor::from_bytes(ElementType::I64, &[1], &1_i64.to_le_bytes());
    let constant = proto::Node::new("Constant", &[], &[&axes]).named(&axes);
    vec![constant.with(proto::Attribute::tensor("value", one)), node(&[input, &axes])]
}

/// A graph whose outputs are examined.
struct OutputGraph<'a> {
    model: &'a Model,
    index: GraphIndex<'a>,
}

impl<'a> OutputGraph<'a> {
    /// Returns the `ArgMax` over the classes that an output is computed from, and the position of
    /// the classes in its input. `Identity`, `Cast` and `Squeeze` may follow it. The index that it
    /// returns among equal scores does not change the scores.
    fn argmax_over_classes(
        &self,
        output: &ValueDescription,
    ) -> Option<(&'a proto::Node, ChannelAxis)> {
        let mut node = self.index.producer(&output.name)?;
        let mut squeezed = Some(0);
        for _ in 0..LONGEST_TAIL {
            match node.op() {
                // LabelEncoder writes the names of the classes.
                "Identity" | "Cast" | "LabelEncoder" => {}
                "Squeeze" => {
                    let axes = self.axes_of_squeeze(node);
                    squeezed =
                        squeezed.zip(axes).map(|(before, axes)| before + axes.len());
                }
                "ArgMax" => {
                    let rank = self.rank_before_argmax(node, output, squeezed);
                    let axis = self.class_axis_of_argmax(node, rank?)?;
                    return Some((node, axis));
                }
                _ => return None,
            }
            node = self.index.producer(node.input.first()?)?;
        }
        None
    }

    /// Returns the `ZipMap` that makes maps from classes to scores of a tensor `[N,C]`.
    fn zip_map(&self, output: &ValueDescription) -> Option<&'a proto::Node> {
        let node = self.index.producer(&output.name)?;
        (node.op() == "ZipMap").then_some(node)
    }

    /// Returns the axes that a `Squeeze` removes; `None` if it removes all of size 1.
    fn axes_of_squeeze(&self, node: &proto::Node) -> Option<Vec<i64>> {
        match node.ints("axes") {
            Some(axes) => Some(axes.to_vec()),
            None => int_values(self.model, &self.index, node.input.get(1)?),
        }
    }

    /// Returns the number of axes of the input of an `ArgMax`, as declared in the file.
    fn rank_before_argmax(
        &self,
        node: &proto::Node,
        output: &ValueDescription,
        squeezed: Option<usize>,
    ) -> Option<usize> {
        let declared = |name: &str| Some(self.index.described(name)?.dimensions?.len());
        declared(node.input.first()?).or_else(|| {
            let behind = output.dimensions.as_ref()?.len() + squeezed?;
            let keeps = node.int("keepdims") != Some(0);
            Some(if keeps { behind } else { behind + 1 })
        })
    }

    fn class_axis_of_argmax(
        &self,
        node: &proto::Node,
        rank: usize,
    ) -> Option<ChannelAxis> {
        let axis = node.int("axis").unwrap_or(0);
        let axis = if axis < 0 { axis + rank as i64 } else { axis };
        let found = match (rank, axis) {
            (2 | 4, 1) => ChannelAxis::First,
            (4, 3) => ChannelAxis::Last,
            _ => return None,
        };
        let declared = self.channel_axis_of(node.input.first()?);
        (rank == 2 || declared.is_none_or(|declared| declared == found)).then_some(found)
    }

    /// Returns the position of the channels in a tensor, by the declared sizes.
    fn channel_axis_of(&self, tensor: &str) -> Option<ChannelAxis> {
        let sizes = self.index.described(tensor)?.dimensions?;
        let image =
            self.model.inputs().into_iter().find_map(|input| {
                <[Option<usize>; 4]>::try_from(input.dimensions?).ok()
            })?;
        declared_channel_axis(image, &sizes)
    }

    /// Returns `Last` for a softmax over the last of four axes: classifiers of pixels that compute
    /// with channels last end in it.
    fn channel_axis_of_softmax(&self, node: &proto::Node) -> Option<ChannelAxis> {
        let is_softmax = node.is_one_of(&["Softmax", "LogSoftmax"]);
        let axis = node.int("axis")?;
        let sizes = self.index.described(node.output.first()?)?.dimensions?;
        (is_softmax && sizes.len() == 4 && matches!(axis, 3 | -1))
            .then_some(ChannelAxis::Last)
    }

    /// Returns whether a softmax normalizes over the classes and over no other axis. Before opset
    /// 13 it normalizes over its axis (1 by default) and every later axis.
    fn is_over_classes(
        &self,
        node: &proto::Node,
        channel_axis: Option<ChannelAxis>,
    ) -> bool {
        let axis = node.int("axis");
        let is_old = self.model.opset() < 13;
        if channel_axis == Some(ChannelAxis::Last) {
            return matches!(axis, Some(3 | -1)) || (axis.is_none() && !is_old);
        }
        let flat = self.is_two_dimensional(node);
        match axis {
            Some(1) if is_old => flat,
            Some(1 | -3) => !is_old,
            None | Some(-1) => flat,
            Some(_) => false,
        }
    }

    /// Returns whether a softmax is known to be over `[N, C]`, by the graph output or by the linear
    /// layer before it.
    fn is_two_dimensional(&self, node: &proto::Node) -> bool {
        let declared = self.model.outputs().into_iter().any(|output| {
            node.output.contains(&output.name)
                && output.dimensions.is_some_and(|d| d.len() == 2)
        });
        let before = node.input.first().and_then(|name| self.index.producer(name));
        let flat = before.is_some_and(|node| match node.op() {
            "Gemm" | "Flatten" => true,
            "Reshape" => node
                .input
                .get(1)
                .and_then(|shape| int_values(self.model, &self.index, shape))
                .is_some_and(|shape| shape.len() == 2),
            _ => false,
        });
        declared || flat
    }
}

/// Determines the channel axis of a map: the axis whose size is fixed and equals neither the height
/// nor the width of the image. If all sizes are fixed, the other two must have the aspect ratio of
/// the image.
fn declared_channel_axis(
    image: [Option<usize>; 4],
    map: &[Option<usize>],
) -> Option<ChannelAxis> {
    let &[_, second, third, last] = map else {
        return (map.len() == 2).then_some(ChannelAxis::First);
    };
    let (height, width) = match image {
        [_, Some(1..=4), height, width] | [_, height, width, Some(1..=4)] => {
            (height, width)
        }
        [_, _, height, width] => (height, width),
    };
    if let (Some(second), Some(third), Some(last), Some(height), Some(width)) =
        (second, third, last, height, width)
    {
        let first_fits = third * width == last * height;
        let last_fits = second * width == third * height;
        return match (first_fits, last_fits) {
            (true, false) => Some(ChannelAxis::First),
            (false, true) => Some(ChannelAxis::Last),
            _ => None,
        };
    }
    let is_side = |size: Option<usize>| size.is_none() || [height, width].contains(&size);
    match (is_side(second), is_side(third), is_side(last)) {
        (false, true, true) => Some(ChannelAxis::First),
        (true, true, false) => Some(ChannelAxis::Last),
        _ => None,
    }
}

fn output_named(model: &Model, name: &str, setting: &str) -> Result<ValueDescription> {
    let outputs = model.outputs();
    outputs.iter().find(|output| output.name == name).cloned().ok_or_else(|| {
        Error::setting(setting, format!("the model has no output \"{name}\""))
            .with_hint(format!("its outputs are {}", list(&outputs)))
    })
}

fn only_output(model: &Model) -> Result<ValueDescription> {
    let mut outputs = model.outputs();
    match outputs.len() {
        0 => Err(Error::model(model.path(), "the graph has no output")
            .with_hint("copy or download the file again, or export the model again")),
        1 => Ok(outputs.remove(0)),
        n => Err(Error::model(
            model.path(),
            format!("the model has {n} outputs: {}", list(&outputs)),
        )
        .with_hint(format!(
            "choose the one with the class scores: `output_name = {}`",
            likeliest_scores(model, &outputs)
        ))),
    }
}

/// Largest number of outputs that are compared for a hint.
const MOST_COMPARED: usize = 16;

/// Returns the name of the first output that depends on dropout and contains scores, else of the
/// first one that contains scores, else of the first one.
fn likeliest_scores<'a>(model: &Model, outputs: &'a [ValueDescription]) -> &'a str {
    let index = GraphIndex::new(&model.graph);
    let has_scores = |output: &&ValueDescription| {
        HeadTensor::of_output(model, output, None, ScoresOption::Auto).is_ok()
    };
    let compared = outputs.iter().take(MOST_COMPARED);
    let scores: Vec<&ValueDescription> = compared.filter(has_scores).collect();
    let mut stochastic =
        scores.iter().filter(|output| is_stochastic(&index, &output.name));
    let chosen = stochastic.next().or(scores.first()).copied().or(outputs.first());
    chosen.map_or("", |output| &output.name)
}

/// Returns true if a tensor depends on a node that may draw random numbers.
fn is_stochastic(index: &GraphIndex, tensor: &str) -> bool {
    let mut open = vec![tensor];
    let mut seen = HashSet::new();
    while let Some(name) = open.pop() {
        let Some(node) = index.producer(name).filter(|_| seen.insert(name)) else {
            continue;
        };
        if matches!(node.op(), "Dropout" | "Bernoulli") || node.op().starts_with("Random")
        {
            return true;
        }
        open.extend(node.input.iter().map(String::as_str));
    }
    false
}

fn list(outputs: &[ValueDescription]) -> String {
    outputs.iter().map(describe).collect::<Vec<_>>().join(", ")
}

fn describe(value: &ValueDescription) -> String {
    let sizes = value.dimensions.as_ref().map(|sizes| {
        let text = |size: &Option<usize>| size.map_or("?".to_owned(), |n| n.to_string());
        sizes.iter().map(text).collect::<Vec<_>>().join("x")
    });
    match sizes {
        Some(sizes) => format!("\"{}\" ({sizes})", value.name),
        None => format!("\"{}\"", value.name),
    }
}

mod choice;
mod compatible_roles;
mod tail;
#[cfg(test)]
mod tests;
