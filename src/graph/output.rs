//! Which output holds the scores, and what kind of scores they are.

use crate::error::{Error, Result};
use crate::onnx::{GraphIndex, Model, ValueDescription, int_values, proto};

/// What `--scores` may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ScoresOption {
    /// Decided by the graph's last node, else by a probe.
    #[default]
    Auto,
    /// Scores before a softmax (or sigmoid, for one channel).
    Logits,
    /// Scores that are non-negative and sum to 1 over the classes.
    Probabilities,
}

/// What the scores of a model are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scores {
    /// Before a softmax, or logarithms of probabilities, which a softmax leaves alone.
    Logits,
    /// Non-negative, summing to 1 over the classes.
    Probabilities,
    /// Logits unless a probe's rows are non-negative and sum to 1.
    ToBeProbed,
}

/// The tensor that holds the scores.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// The graph output that was chosen.
    pub output: String,
    /// The tensor that is read: the output, or what its last softmax or sigmoid reads.
    pub tensor: String,
    /// What it holds.
    pub scores: Scores,
    /// The operator that makes probabilities of logits, where one was found: `Softmax` or
    /// `Sigmoid`. It is cut off where it comes last, and kept where the output is resized or
    /// clipped behind it.
    pub squashed_by: Option<&'static str>,
}

impl Head {
    /// Whether the last operator of the graph is cut off.
    pub fn is_cut_off(&self) -> bool {
        self.tensor != self.output
    }
}

/// Chooses the output and looks at what writes it.
pub(super) fn choose(
    model: &Model,
    name: Option<&str>,
    option: ScoresOption,
) -> Result<Head> {
    let output = choose_output(model, name)?;
    let index = GraphIndex::new(&model.graph);
    let tail = Tail::of(&index, &output.name);
    let operator = tail.operator();
    refuse_class_ids(&output, operator)?;
    let kept = |scores, squashed_by| Head {
        output: output.name.clone(),
        tensor: output.name.clone(),
        scores,
        squashed_by,
    };
    let squashed_by = match operator {
        "Sigmoid" => Some("Sigmoid"),
        "Softmax" if tail.node.is_some_and(|node| over_classes(model, &index, node)) => {
            Some("Softmax")
        }
        _ => None,
    };
    match (option, squashed_by) {
        (ScoresOption::Logits, Some(operator)) => Err(Error::setting(
            "--scores",
            format!("logits, but output \"{}\" comes out of a {operator}", output.name),
        )
        .with_hint("leave --scores out; or export the model up to its logits")),
        (ScoresOption::Logits, None) => Ok(kept(Scores::Logits, None)),
        (_, Some(operator)) if tail.is_last => Ok(Head {
            tensor: tail
                .node
                .and_then(|node| node.input.first())
                .cloned()
                .unwrap_or_default(),
            ..kept(Scores::Logits, Some(operator))
        }),
        (_, Some(operator)) => Ok(kept(Scores::Probabilities, Some(operator))),
        (ScoresOption::Auto, None)
            if operator == "LogSoftmax"
                && tail.node.is_some_and(|node| over_classes(model, &index, node)) =>
        {
            Ok(kept(Scores::Logits, None))
        }
        (ScoresOption::Auto, None) => Ok(kept(Scores::ToBeProbed, None)),
        (ScoresOption::Probabilities, None) => Ok(kept(Scores::Probabilities, None)),
    }
}

fn choose_output(model: &Model, name: Option<&str>) -> Result<ValueDescription> {
    let mut outputs = model.outputs();
    let list = || outputs.iter().map(describe).collect::<Vec<_>>().join(", ");
    if let Some(name) = name {
        let missing = || {
            Error::setting("--output-name", format!("the model has no output \"{name}\""))
                .with_hint(format!("its outputs are {}", list()))
        };
        return outputs
            .iter()
            .find(|output| output.name == name)
            .cloned()
            .ok_or_else(missing);
    }
    match outputs.len() {
        0 => Err(Error::model(model.path(), "the graph has no output")
            .with_hint("copy or download the file again, or export the model again")),
        1 => Ok(outputs.remove(0)),
        n => Err(Error::model(
            model.path(),
            format!("the model has {n} outputs: {}", list()),
        )
        .with_hint(format!(
            "say which holds the class scores: --output-name {}",
            outputs[0].name
        ))),
    }
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

/// Operators that leave scores what they are, apart from place, size and rounding.
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

/// The node that decides what an output's values are.
struct Tail<'a> {
    node: Option<&'a proto::Node>,
    /// Whether nothing but `Identity` and `Cast` follows it.
    is_last: bool,
}

impl<'a> Tail<'a> {
    fn of(index: &GraphIndex<'a>, output: &str) -> Self {
        let (mut node, mut is_last) = (index.producer(output), true);
        // Tails are short; a graph that goes in circles has none.
        for _ in 0..64 {
            let operator =
                node.and_then(|node| node.op_type.as_deref()).unwrap_or_default();
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
        self.node.and_then(|node| node.op_type.as_deref()).unwrap_or_default()
    }
}

/// Element types that can hold scores: f32, f16, f64, bf16; 0 is "the file does not say".
const FLOATS: [i32; 5] = [0, 1, 10, 11, 16];

fn refuse_class_ids(output: &ValueDescription, operator: &str) -> Result<()> {
    let picks = matches!(operator, "ArgMax" | "ArgMin" | "TopK" | "NonMaxSuppression");
    if !picks && FLOATS.contains(&output.element_type) {
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

/// Whether a softmax goes over axis 1, where the classes are, and over nothing else. Before
/// opset 13 it goes over its axis (1 where none is said) and every axis behind it.
fn over_classes(model: &Model, index: &GraphIndex, node: &proto::Node) -> bool {
    let axis = node
        .attribute
        .iter()
        .find(|a| a.name.as_deref() == Some("axis"))
        .and_then(|a| a.i);
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

/// Whether the softmax is known to be over `[N, C]`: said by the graph output or by the linear
/// layer before it.
fn two_dimensional(model: &Model, index: &GraphIndex, node: &proto::Node) -> bool {
    let declared = model.outputs().into_iter().any(|output| {
        node.output.contains(&output.name)
            && output.dimensions.is_some_and(|d| d.len() == 2)
    });
    let before = node.input.first().and_then(|name| index.producer(name));
    let flat = before.is_some_and(|node| match node.op_type.as_deref() {
        Some("Gemm" | "Flatten") => true,
        Some("Reshape") => node
            .input
            .get(1)
            .and_then(|shape| int_values(model, index, shape))
            .is_some_and(|shape| shape.len() == 2),
        _ => false,
    });
    declared || flat
}
