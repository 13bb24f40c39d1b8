//! Heads: the output tensors that are read, and what each of them holds.
//!
//! A task asks for heads by role. [`Heads::choose`] finds them among the outputs of a model and
//! looks at the operators that write each one: a final softmax or sigmoid is cut off, so that
//! the samples are logits. No other module knows the names of outputs.

use crate::error::{Error, Result};
use crate::onnx::{ElementType, GraphIndex, Model, ValueDescription, int_values, proto};

/// Choice of the scores' role by the user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ScoresOption {
    /// Decided by the last operators of the graph, else by a probe.
    #[default]
    Auto,
    /// Scores before a softmax (or sigmoid, for one channel).
    Logits,
    /// Scores that are non-negative and sum to 1 over the classes.
    Probabilities,
}

/// Meaning of the values of a head. Tasks extend this list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Class scores before a softmax, or logarithms of probabilities, which a softmax does not
    /// change.
    Logits,
    /// Class scores that are non-negative and sum to 1 over the classes.
    Probabilities,
}

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
}

/// The heads of a model, in the order in which the suffix writes them. There is at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heads {
    first: HeadTensor,
    others: Vec<HeadTensor>,
}

impl Heads {
    /// Chooses outputs by name, or the only output if no name is given, and looks at the
    /// operators that write them.
    ///
    /// # Errors
    /// If the model does not have one of these outputs, has several and none is named, if an
    /// output holds class ids, or if `option` contradicts its last operator.
    pub(crate) fn choose(
        model: &Model,
        names: &[&str],
        option: ScoresOption,
    ) -> Result<Self> {
        let (first, others) = match names {
            [] => (only_output(model)?, &[][..]),
            [first, others @ ..] => (output_named(model, first)?, others),
        };
        let others = others
            .iter()
            .map(|name| HeadTensor::of_output(model, output_named(model, name)?, option));
        Ok(Self {
            first: HeadTensor::of_output(model, first, option)?,
            others: others.collect::<Result<_>>()?,
        })
    }

    /// The first head: the only one of a task that needs a single role.
    pub fn first(&self) -> &HeadTensor {
        &self.first
    }

    /// All heads, in order.
    pub fn iter(&self) -> impl Iterator<Item = &HeadTensor> {
        std::iter::once(&self.first).chain(&self.others)
    }

    /// Number of heads, at least 1.
    #[expect(clippy::len_without_is_empty, reason = "there is always a head")]
    pub fn len(&self) -> usize {
        1 + self.others.len()
    }

    /// Names of the tensors that are read, in order.
    pub(crate) fn tensors(&self) -> impl Iterator<Item = &str> {
        self.iter().map(|head| head.tensor.as_str())
    }

    /// Whether a tensor is read as a head.
    pub(crate) fn reads(&self, tensor: &str) -> bool {
        self.tensors().any(|name| name == tensor)
    }

    /// Takes heads without a role for logits, for callers that do not need their values.
    pub(crate) fn assume_logits(&mut self) {
        for head in std::iter::once(&mut self.first).chain(&mut self.others) {
            head.role.get_or_insert(Role::Logits);
        }
    }
}

impl HeadTensor {
    /// Whether the last operators of the graph are cut off.
    pub fn is_cut_off(&self) -> bool {
        self.tensor != self.output
    }

    fn of_output(
        model: &Model,
        output: ValueDescription,
        option: ScoresOption,
    ) -> Result<Self> {
        let index = GraphIndex::new(&model.graph);
        let tail = Tail::of(&index, &output.name);
        let operator = tail.operator();
        refuse_class_ids(&output, operator)?;
        let softmax_over_classes =
            || tail.node.is_some_and(|node| over_classes(model, &index, node));
        let activation = match operator {
            "Sigmoid" => Some("Sigmoid"),
            "Softmax" if softmax_over_classes() => Some("Softmax"),
            _ => None,
        };
        let role = match (option, activation) {
            (ScoresOption::Logits, Some(operator)) => {
                let message = format!(
                    "logits, but output \"{}\" comes out of a {operator}",
                    output.name
                );
                return Err(Error::setting("--scores", message).with_hint(
                    "leave --scores out; or export the model up to its logits",
                ));
            }
            (_, Some(_)) if tail.is_last => Some(Role::Logits),
            (_, Some(_)) | (ScoresOption::Probabilities, None) => {
                Some(Role::Probabilities)
            }
            (ScoresOption::Logits, None) => Some(Role::Logits),
            (ScoresOption::Auto, None)
                if operator == "LogSoftmax" && softmax_over_classes() =>
            {
                Some(Role::Logits)
            }
            (ScoresOption::Auto, None) => None,
        };
        let mut head = Self {
            tensor: output.name.clone(),
            output: output.name,
            role,
            channel_axis: None,
            activation,
            cut_off: Vec::new(),
        };
        if let Some(operator) = activation.filter(|_| tail.is_last) {
            head.tensor = tail.input().unwrap_or_default();
            head.cut_off.push(operator);
        }
        Ok(head)
    }
}

fn output_named(model: &Model, name: &str) -> Result<ValueDescription> {
    let outputs = model.outputs();
    outputs.iter().find(|output| output.name == name).cloned().ok_or_else(|| {
        Error::setting("--output-name", format!("the model has no output \"{name}\""))
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
            "say which holds the class scores: --output-name {}",
            outputs[0].name
        ))),
    }
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

/// Operators that keep the meaning of scores and change only their position, size or rounding.
const CARRIERS: [&str; 13] = [
    "Identity",
    "Cast",
    "Clip",
    "Resize",
    "Upsample",
    "Reshape",
    "Flatten",
    "Squeeze",
    "Unsqueeze",
    "Transpose",
    "Pad",
    "Slice",
    "Crop",
];

/// The end of a graph, up to the operator that decides the meaning of an output.
struct Tail<'a> {
    node: Option<&'a proto::Node>,
    /// Whether only `Identity` and `Cast` follow it.
    is_last: bool,
}

impl<'a> Tail<'a> {
    fn of(index: &GraphIndex<'a>, output: &str) -> Self {
        let (mut node, mut is_last) = (index.producer(output), true);
        // Tails are short; a graph with a cycle does not have one.
        for _ in 0..64 {
            let operator = node.map(proto::Node::op).unwrap_or_default();
            if !CARRIERS.contains(&operator) {
                return Self { node, is_last };
            }
            is_last &= matches!(operator, "Identity" | "Cast");
            let input = node.and_then(|node| node.input.first());
            node = input.and_then(|name| index.producer(name));
        }
        Self { node: None, is_last: false }
    }

    fn operator(&self) -> &'a str {
        self.node.map(proto::Node::op).unwrap_or_default()
    }

    fn input(&self) -> Option<String> {
        self.node.and_then(|node| node.input.first()).cloned()
    }
}

/// Returns true for floating-point numbers, and if the file does not state a type.
fn may_be_scores(element_type: ElementType) -> bool {
    element_type.is_float() || element_type == ElementType::Undefined
}

fn refuse_class_ids(output: &ValueDescription, operator: &str) -> Result<()> {
    let picks = matches!(operator, "ArgMax" | "ArgMin" | "TopK" | "NonMaxSuppression");
    if !picks && may_be_scores(output.element_type) {
        return Ok(());
    }
    let what = if picks {
        format!("comes out of {operator}")
    } else {
        "holds integers".to_owned()
    };
    Err(Error::output(
        output.name.clone(),
        format!("{what}: class ids, where class scores are expected"),
    )
    .with_hint(
        "export the model up to its logits (leave out the argmax), or choose another output \
         with --output-name",
    ))
}

/// Whether a softmax goes over axis 1, the classes, and over no other axis. Before
/// opset 13 it goes over its axis (1 by default) and every axis behind it.
fn over_classes(model: &Model, index: &GraphIndex, node: &proto::Node) -> bool {
    let axis = node.int("axis");
    let flat = two_dimensional(model, index, node);
    if model.opset() < 13 {
        return flat && matches!(axis, None | Some(1 | -1));
    }
    match axis {
        Some(1 | -3) => true,
        None | Some(-1) => flat,
        Some(_) => false,
    }
}

/// Whether the softmax is known to be over `[N, C]`, by the graph output or by the linear layer
/// before it.
fn two_dimensional(model: &Model, index: &GraphIndex, node: &proto::Node) -> bool {
    let declared = model.outputs().into_iter().any(|output| {
        node.output.contains(&output.name)
            && output.dimensions.is_some_and(|d| d.len() == 2)
    });
    let before = node.input.first().and_then(|name| index.producer(name));
    let flat = before.is_some_and(|node| match node.op() {
        "Gemm" | "Flatten" => true,
        "Reshape" => node
            .input
            .get(1)
            .and_then(|shape| int_values(model, index, shape))
            .is_some_and(|shape| shape.len() == 2),
        _ => false,
    });
    declared || flat
}
