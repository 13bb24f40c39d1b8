//! The last operators before an output, which decide the meaning of its values.

use crate::error::{Error, Result};
use crate::onnx::{
    ElementType, GraphIndex, Model, ValueDescription, float_scalar, int_values, proto,
};

/// Operators that keep the meaning of scores and change only their position, size or rounding.
const CARRIERS: [&str; 14] = [
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
    "Gather",
    "Crop",
];

/// Operators that choose classes.
const PICKS: [&str; 4] = ["ArgMax", "ArgMin", "TopK", "NonMaxSuppression"];

/// Operators that write decisions: nothing of the scores is left behind them.
const DECISIONS: [&str; 14] = [
    "Greater",
    "GreaterOrEqual",
    "Less",
    "LessOrEqual",
    "Equal",
    "Not",
    "And",
    "Or",
    "Xor",
    "Round",
    "Floor",
    "Ceil",
    "Sign",
    "Binarizer",
];

/// Operators that multiply by weights. What they write can be any number.
const LINEAR: [&str; 4] = ["Gemm", "Conv", "ConvTranspose", "MatMul"];

/// Limit of the length of a tail, for graphs with a cycle.
pub(super) const LONGEST_TAIL: usize = 64;

/// The end of a graph, up to the operator that decides the meaning of an output.
pub(super) struct Tail<'a> {
    pub(super) node: Option<&'a proto::Node>,
    /// Set if only `Identity` and `Cast` follow the operator.
    pub(super) is_last: bool,
    /// Set if a node behind the operator leaves some channels out.
    pub(super) selects_channels: bool,
    /// The first node behind the operator that casts to integers, with their type.
    rounding: Option<(&'a proto::Node, ElementType)>,
}

impl<'a> Tail<'a> {
    pub(super) fn of(model: &Model, index: &GraphIndex<'a>, output: &str) -> Self {
        let mut tail = Self {
            node: index.producer(output),
            is_last: true,
            selects_channels: false,
            rounding: None,
        };
        for _ in 0..LONGEST_TAIL {
            let Some(node) = tail.node.filter(|node| CARRIERS.contains(&node.op()))
            else {
                return tail;
            };
            tail.is_last &= matches!(node.op(), "Identity" | "Cast");
            tail.selects_channels |= selects_channels(model, index, node);
            if node.is("Cast")
                && let Some(to) = node.int("to").and_then(|to| i32::try_from(to).ok())
                && !may_be_scores(ElementType::from_number(to))
            {
                tail.rounding = Some((node, ElementType::from_number(to)));
            }
            tail.node = node.input.first().and_then(|name| index.producer(name));
        }
        Self { node: None, is_last: false, ..tail }
    }

    pub(super) fn operator(&self) -> &'a str {
        self.node.map(proto::Node::op).unwrap_or_default()
    }

    /// Returns true if a layer with weights writes the values, and does not average probabilities.
    pub(super) fn is_linear(&self, model: &Model, index: &GraphIndex<'a>) -> bool {
        let is_layer = |node: &proto::Node| node.is_one_of(&LINEAR);
        let is_constant = |name: &String| index.initializer(name).is_some();
        let layer = self.node.and_then(|node| match node.op() {
            "Add" if node.input.iter().any(is_constant) => {
                node.input.iter().find_map(|name| index.producer(name))
            }
            _ => Some(node),
        });
        let Some(layer) = layer.filter(|node| is_layer(node)) else { return false };
        layer.input.iter().all(|name| {
            let before = Self::of(model, index, name).operator();
            !matches!(before, "Sigmoid" | "HardSigmoid" | "Softmax")
        })
    }
}

/// Returns true for a `Slice` or `Gather` along the axis of the channels.
fn selects_channels(model: &Model, index: &GraphIndex, node: &proto::Node) -> bool {
    let axes = match node.op() {
        "Gather" => Some(vec![node.int("axis").unwrap_or(0)]),
        "Slice" => match node.ints("axes") {
            Some(axes) => Some(axes.to_vec()),
            None => node.input_name(3).and_then(|name| int_values(model, index, name)),
        },
        _ => return false,
    };
    let rank = node
        .input_name(0)
        .and_then(|name| Some(index.described(name)?.dimensions?.len() as i64));
    axes.is_some_and(|axes| {
        axes.iter().any(|&axis| axis == 1 || rank.is_some_and(|rank| axis + rank == 1))
    })
}

/// Returns true for floating-point numbers, and if the file does not state a type.
fn may_be_scores(element_type: ElementType) -> bool {
    element_type.is_float() || element_type == ElementType::Undefined
}

/// Fails if an output does not hold numbers that can be values.
pub(super) fn refuse_without_values(
    model: &Model,
    output: &ValueDescription,
) -> Result<()> {
    let what = match container(model, &output.name) {
        Some(kind) => kind.to_owned(),
        None if may_be_scores(output.element_type) => return Ok(()),
        None => format!("{} elements", output.element_type),
    };
    Err(Error::output(
        output.name.clone(),
        format!("holds {what}: expected floating-point values"),
    )
    .with_hint("name another output with `head`, or export the values as floats"))
}

/// Fails if an output is not a tensor, or holds decisions or class ids.
pub(super) fn refuse_without_scores(
    model: &Model,
    index: &GraphIndex,
    output: &ValueDescription,
) -> Result<()> {
    let refused = |message: String, hint: &str| {
        Err(Error::output(output.name.clone(), message).with_hint(hint))
    };
    if let Some(kind) = container(model, &output.name) {
        let message = format!("holds {kind}: expected a tensor of class scores");
        return refused(message, NO_SCORES_HINT);
    }
    let tail = Tail::of(model, index, &output.name);
    if PICKS.contains(&tail.operator()) {
        let message = format!(
            "comes out of {}: class ids, where class scores are expected",
            tail.operator()
        );
        return refused(message, NO_SCORES_HINT);
    }
    let decision = tail.node.filter(|node| is_decision(model, index, node));
    if let Some(node) = decision {
        let hint = cut_hint(model, index, node, &output.name);
        let message = format!(
            "comes out of {}: decisions after a threshold, where class scores are expected",
            node.op()
        );
        return refused(message, &hint);
    }
    let rounded = tail.rounding.filter(|_| tail.node.is_some());
    if let Some((node, element_type)) = rounded {
        let hint = cut_hint(model, index, node, &output.name);
        let message = format!(
            "holds scores that are cast to {element_type}: expected class scores that are not \
             rounded"
        );
        return refused(message, &hint);
    }
    if may_be_scores(output.element_type) {
        return Ok(());
    }
    let what = match output.element_type {
        ElementType::String => "text: class names",
        ElementType::Bool => "true or false: decisions",
        _ => "integers: class ids",
    };
    refused(format!("holds {what}, where class scores are expected"), NO_SCORES_HINT)
}

const NO_SCORES_HINT: &str = "export the model up to its logits (leave out the argmax), or choose \
                              another output with `output_name`";

/// Returns the kind of an output that is not a tensor.
fn container(model: &Model, output: &str) -> Option<&'static str> {
    let mut outputs = model.graph.output.iter();
    let value = outputs.find(|value| value.name.as_deref() == Some(output))?;
    match value.r#type.as_ref()?.value.as_ref()? {
        proto::TypeValue::Tensor(_) => None,
        proto::TypeValue::Sequence(_) => Some("a sequence"),
        proto::TypeValue::Map(_) => Some("a map"),
        proto::TypeValue::Optional(_) => Some("an optional value"),
        proto::TypeValue::SparseTensor(_) => Some("a sparse tensor"),
        proto::TypeValue::Opaque(_) => Some("a value of a custom type"),
    }
}

/// Returns true if a node writes decisions. `Where` does if it chooses between two constants.
fn is_decision(model: &Model, index: &GraphIndex, node: &proto::Node) -> bool {
    let is_constant = |position: usize| {
        let name = node.input_name(position);
        name.is_some_and(|name| float_scalar(model, index, name).is_some())
    };
    DECISIONS.contains(&node.op())
        || (node.is("Where") && is_constant(1) && is_constant(2))
}

/// Returns the hint to cut off a node that makes decisions, with the node before it that writes the
/// scores.
fn cut_hint(
    model: &Model,
    index: &GraphIndex,
    decision: &proto::Node,
    output: &str,
) -> String {
    let mut node = decision;
    let mut scores = None;
    for _ in 0..LONGEST_TAIL {
        let mut inputs = node.input.iter().map(String::as_str);
        scores = inputs.find(|name| index.initializer(name).is_none()).or(scores);
        match scores.and_then(|name| index.producer(name)) {
            Some(before)
                if DECISIONS.contains(&before.op())
                    || matches!(before.op(), "Where" | "Cast" | "Identity") =>
            {
                node = before;
            }
            _ => break,
        }
    }
    let inputs = model.inputs();
    let (Some(scores), Some(input)) = (scores, inputs.first()) else {
        return format!("export the model without the operators before \"{output}\"");
    };
    let file = model.path().file_name().unwrap_or_default().to_string_lossy();
    format!(
        "export the model without its threshold, or cut it off in Python: \
         onnx.utils.extract_model({file:?}, \"scores.onnx\", [{:?}], [{scores:?}])",
        input.name
    )
}
