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
    /// The operator that was cut off behind `tensor`: `Softmax` or `Sigmoid`.
    pub cut_off: Option<String>,
}

/// Chooses the output and looks at what writes it.
pub(super) fn choose(
    model: &Model,
    name: Option<&str>,
    scores: ScoresOption,
) -> Result<Head> {
    let output = choose_output(model, name)?;
    let index = GraphIndex::new(&model.graph);
    let writer = terminal(&index, &output.name);
    refuse_class_ids(&output, writer)?;
    let kept = |scores| Head {
        output: output.name.clone(),
        tensor: output.name.clone(),
        scores,
        cut_off: None,
    };
    match (scores, writer.and_then(|node| node.op_type.as_deref())) {
        (ScoresOption::Logits, _) | (ScoresOption::Auto, Some("LogSoftmax")) => {
            Ok(kept(Scores::Logits))
        }
        (_, Some(operator @ ("Softmax" | "Sigmoid"))) => {
            let node = writer.filter(|node| {
                operator == "Sigmoid" || over_classes(model, &index, node)
            });
            let Some(tensor) = node.and_then(|node| node.input.first()) else {
                return Ok(kept(Scores::ToBeProbed));
            };
            Ok(Head {
                output: output.name.clone(),
                tensor: tensor.clone(),
                scores: Scores::Logits,
                cut_off: Some(operator.to_owned()),
            })
        }
        (ScoresOption::Probabilities, _) => Ok(kept(Scores::Probabilities)),
        (ScoresOption::Auto, _) => Ok(kept(Scores::ToBeProbed)),
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
        0 => Err(Error::model(model.path(), "the graph has no output")),
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

/// The node that decides what a tensor's values are: its writer, through `Identity`.
fn terminal<'a>(index: &GraphIndex<'a>, tensor: &str) -> Option<&'a proto::Node> {
    let mut node = index.producer(tensor)?;
    for _ in 0..64 {
        if node.op_type.as_deref() != Some("Identity") {
            return Some(node);
        }
        node = index.producer(node.input.first()?)?;
    }
    None
}

/// Element types that can hold scores: f32, f16, f64, bf16; 0 is "the file does not say".
const FLOATS: [i32; 5] = [0, 1, 10, 11, 16];

fn refuse_class_ids(
    output: &ValueDescription,
    writer: Option<&proto::Node>,
) -> Result<()> {
    let operator = writer.and_then(|node| node.op_type.as_deref()).unwrap_or_default();
    let picks = matches!(operator, "ArgMax" | "ArgMin" | "TopK" | "NonMaxSuppression");
    if !picks && FLOATS.contains(&output.element_type) {
        return Ok(());
    }
    let what =
        if picks { format!("ends in {operator}") } else { "holds integers".to_owned() };
    Err(Error::node(
        output.name.clone(),
        format!("this output {what}: class ids, where class scores are expected"),
    )
    .with_hint(
        "export the model up to its logits (leave out the argmax), or choose another output \
         with --output-name",
    ))
}

/// Whether a softmax goes over axis 1, where the classes are. Before opset 13 its default axis
/// is 1 (and everything after it), from 13 on the last.
fn over_classes(model: &Model, index: &GraphIndex, node: &proto::Node) -> bool {
    let axis = node
        .attribute
        .iter()
        .find(|a| a.name.as_deref() == Some("axis"))
        .and_then(|a| a.i);
    match axis {
        Some(1) => true,
        Some(-1) => two_dimensional(model, index, node),
        Some(-3) => true,
        Some(_) => false,
        None => model.opset() < 13 || two_dimensional(model, index, node),
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
