//! Heuristics for exports that lost their dropout: frozen masks, merged passes, outputs that are
//! not scores. Each warning states its evidence; none is a proof.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::reach::Reach;
use super::recognize;
use super::site::Site;
use crate::error::Error;
use crate::head::{HeadOptions, Heads};
use crate::onnx::{Model, first_values, float_scalar, proto, tensor_values};

/// Kind of a warning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Suspicion {
    /// A constant of zeros and one other value that activations are multiplied by.
    FrozenMask,
    /// Weights of which a fraction is exactly zero.
    FrozenWeight,
    /// A tensor that depends on dropout and that one node reads several times.
    MergedPasses,
    /// An output of class ids instead of scores.
    ClassIds,
    /// A quantized model without any dropout.
    StrippedQuantized,
}

impl Suspicion {
    /// All kinds, in the order of the documentation.
    pub const ALL: [Self; 5] = [
        Self::FrozenMask,
        Self::FrozenWeight,
        Self::MergedPasses,
        Self::ClassIds,
        Self::StrippedQuantized,
    ];

    /// Returns the name in listings.
    pub fn name(self) -> &'static str {
        match self {
            Self::FrozenMask => "frozen_mask",
            Self::FrozenWeight => "frozen_weight",
            Self::MergedPasses => "merged_passes",
            Self::ClassIds => "class_ids",
            Self::StrippedQuantized => "stripped_quantized",
        }
    }
}

/// A heuristic finding with its evidence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Kind of the warning.
    pub suspicion: Suspicion,
    /// Node or output that shows it.
    pub node: String,
    /// The observation, in a sentence.
    pub evidence: String,
}

impl Warning {
    /// Returns kind, node and evidence in a line.
    pub fn message(&self) -> String {
        let Self { suspicion, node, evidence } = self;
        format!("suspect ({}): \"{node}\" {evidence}", suspicion.name())
    }
}

/// Largest mask that is examined.
const LARGEST_MASK: usize = 1 << 16;
/// Smallest number of values of a weight that are examined, unless it has fewer.
const SEEN_WEIGHTS: usize = 4096;
/// Largest number of values of a weight that are examined.
const MOST_WEIGHTS: usize = 1 << 18;
/// Number of rows of a matrix that are examined even if they have more values than
/// [`SEEN_WEIGHTS`].
const SEEN_ROWS: usize = 8;

/// Returns all warnings, in graph order.
pub(super) fn suspicions(model: &Model, reach: &Reach, sites: &[Site]) -> Vec<Warning> {
    let all = (0..model.graph.node.len()).collect();
    let mut found = suspicious_nodes(model, reach, &all);
    found.extend(class_ids(model, reach));
    found.extend(stripped_quantized(model, sites));
    found
}

/// Returns the warnings that concern an output which depends on these nodes and contains scores.
pub(super) fn suspicions_before(
    model: &Model,
    reach: &Reach,
    sites: &[Site],
    needed: &HashSet<usize>,
) -> Vec<Warning> {
    let mut found = suspicious_nodes(model, reach, needed);
    found.extend(stripped_quantized(model, sites));
    found
}

/// Returns the warnings about these nodes, in graph order.
fn suspicious_nodes(
    model: &Model,
    reach: &Reach,
    among: &HashSet<usize>,
) -> Vec<Warning> {
    let constant = reach.constant();
    let drawn: HashSet<usize> = (0..model.graph.node.len())
        .filter(|&i| {
            let node = &model.graph.node[i];
            recognize::is_random(node) || recognize::is_dropout(node)
        })
        .collect();
    let moved = reach.downstream(&drawn, false);
    let mut found = Vec::new();
    let mut weights_seen = HashSet::new();
    let nodes = model.graph.node.iter().enumerate();
    for (at, node) in nodes.filter(|(at, _)| among.contains(at)) {
        found.extend(frozen_mask(model, reach, &constant, node));
        found.extend(frozen_weight(model, reach, node, &mut weights_seen));
        if moved.contains(&at) {
            found.extend(merged_passes(model, reach, &moved, node));
        }
    }
    found
}

/// Returns the value of a constant: an initializer, also behind `Identity`, or a `Constant`.
fn tensor<'a>(reach: &Reach<'a>, name: &str) -> Option<&'a proto::Tensor> {
    if let Some(tensor) = reach.index.initializer(name) {
        return Some(tensor);
    }
    let node = reach.index.producer(name)?;
    match node.op() {
        "Identity" | "Cast" => reach.index.initializer(node.input.first()?),
        "Constant" => node.attribute.iter().find_map(|a| a.t.as_ref()),
        _ => None,
    }
}

fn frozen_mask(
    model: &Model,
    reach: &Reach,
    constant: &HashSet<usize>,
    node: &proto::Node,
) -> Option<Warning> {
    let is_fixed = |name: &&String| reach.is_constant(name, constant);
    let (mask, evidence) = match (node.op(), &node.input[..]) {
        ("Mul" | "Div", inputs) => {
            let (fixed, varying): (Vec<_>, Vec<_>) = inputs.iter().partition(is_fixed);
            let (&[mask], false) = (&fixed[..], varying.is_empty()) else { return None };
            let values = tensor_values(model, tensor(reach, mask)?, LARGEST_MASK)?;
            (mask, factors(&values)?)
        }
        ("Where", [mask, chosen, other]) if is_fixed(&mask) => {
            let is_zero =
                |name: &String| float_scalar(model, &reach.index, name) == Some(0.0);
            let drops_false = match (is_zero(chosen), is_zero(other)) {
                (true, false) if !is_fixed(&other) => false,
                (false, true) if !is_fixed(&chosen) => true,
                _ => return None,
            };
            let values = tensor_values(model, tensor(reach, mask)?, LARGEST_MASK)?;
            let (n, total) = (
                values.iter().filter(|value| (**value == 0.0) == drops_false).count(),
                values.len(),
            );
            if n == 0 || n == total {
                return None;
            }
            (mask, format!("by which {n} of {total} values become 0"))
        }
        _ => return None,
    };
    let verb = if node.op() == "Where" { "selects by" } else { "multiplies by" };
    Some(Warning {
        suspicion: Suspicion::FrozenMask,
        node: node.label().to_owned(),
        evidence: format!(
            "{verb} the constant \"{mask}\" {evidence}: a mask that the exporter froze? Every \
             pass has the same"
        ),
    })
}

/// Describes the factors of a mask: zeros, and one other value of at least 1. `None` if the values
/// are others.
fn factors(values: &[f32]) -> Option<String> {
    let zeros = values.iter().filter(|value| **value == 0.0).count();
    let other: BTreeSet<u32> = values
        .iter()
        .filter(|value| **value != 0.0)
        .map(|value| value.to_bits())
        .collect();
    let kept = other.first().map(|&bits| f32::from_bits(bits))?;
    let n = values.len();
    (zeros > 0 && other.len() == 1 && kept >= 1.0)
        .then(|| format!("of which {zeros} of {n} values are 0 and the others {kept}"))
}

fn frozen_weight(
    model: &Model,
    reach: &Reach,
    node: &proto::Node,
    seen: &mut HashSet<String>,
) -> Option<Warning> {
    // The optimizer of ONNX Runtime pads the weights of its own operators with zeros.
    if !node.is_one_of(&["Conv", "Gemm", "MatMul", "ConvTranspose"]) {
        return None;
    }
    let mut inputs = node.input.iter().take(2).enumerate();
    let (position, name) = inputs.find(|(_, name)| tensor(reach, name).is_some())?;
    let weights = tensor(reach, name).filter(|tensor| tensor.dims.len() >= 2)?;
    if !seen.insert(name.clone()) {
        return None;
    }
    // Of weights that a dropout froze, one in fifty is 0: that none of so many is 0 is no accident.
    first_values(model, weights, SEEN_WEIGHTS)?.iter().find(|value| **value == 0.0)?;
    let channels = OutputChannels::of(node, position, weights)?;
    let row = channels.count.saturating_mul(channels.inner);
    let most = SEEN_WEIGHTS.max(row.saturating_mul(SEEN_ROWS));
    let values = first_values(model, weights, most.min(MOST_WEIGHTS))?;
    let alive = channels.without_dead(&values);
    let zeros = alive.iter().filter(|value| **value == 0.0).count();
    let fraction = zeros as f64 / alive.len().max(1) as f64;
    if zeros < 8 || !(0.02..0.9).contains(&fraction) {
        return None;
    }
    Some(Warning {
        suspicion: Suspicion::FrozenWeight,
        node: node.label().to_owned(),
        evidence: format!(
            "{:.0} % of its weights \"{name}\" are exactly 0: pruned, or a dropout of weights \
             that the exporter froze?",
            100.0 * fraction
        ),
    })
}

/// Axis of a weight that counts the output channels.
#[derive(Debug, Clone, Copy)]
struct OutputChannels {
    count: usize,
    /// Number of consecutive values of a channel.
    inner: usize,
}

impl OutputChannels {
    fn of(node: &proto::Node, position: usize, weights: &proto::Tensor) -> Option<Self> {
        let sizes: Vec<usize> = weights
            .dims
            .iter()
            .map(|&size| usize::try_from(size).ok())
            .collect::<Option<_>>()?;
        let transposed = node.int("transB") == Some(1);
        let axis = match node.op() {
            "Conv" => 0,
            "ConvTranspose" => 1,
            "Gemm" if transposed => 0,
            "MatMul" | "Gemm" if position == 1 => sizes.len() - 1,
            _ => sizes.len() - 2,
        };
        let inner =
            sizes[axis + 1..].iter().fold(1, |all: usize, &n| all.saturating_mul(n));
        Some(Self { count: sizes[axis], inner })
    }

    /// Returns the values of the channels that are not zero as a whole. Such channels are dead or
    /// were pruned, and dropout of weights leaves none.
    fn without_dead(self, values: &[f32]) -> Vec<f32> {
        let channel = |at: usize| at / self.inner.max(1) % self.count.max(1);
        let mut alive = vec![false; self.count.min(values.len())];
        for (at, _) in values.iter().enumerate().filter(|(_, value)| **value != 0.0) {
            alive[channel(at)] = true;
        }
        let values = values.iter().enumerate();
        values.filter(|(at, _)| alive[channel(*at)]).map(|(_, value)| *value).collect()
    }
}

/// Finds a tensor that depends on dropout and is combined with itself.
fn merged_passes(
    model: &Model,
    reach: &Reach,
    moved: &HashSet<usize>,
    node: &proto::Node,
) -> Option<Warning> {
    if !matches!(
        node.op(),
        "Add" | "Sub" | "Concat" | "Sum" | "Mean" | "Max" | "Min" | "SequenceConstruct"
    ) {
        return None;
    }
    let mut times: HashMap<&str, usize> = HashMap::new();
    for name in node.input.iter().filter(|name| !name.is_empty()) {
        let written = reach.index.producer_index(name);
        if written.is_some_and(|i| moved.contains(&i) && !is_shape(&model.graph.node[i]))
        {
            *times.entry(name).or_default() += 1;
        }
    }
    let (name, n) = times.into_iter().find(|(_, n)| *n > 1)?;
    Some(Warning {
        suspicion: Suspicion::MergedPasses,
        node: node.label().to_owned(),
        evidence: format!(
            "reads \"{name}\", which depends on dropout, {n} times: passes that the exporter \
             merged into one? They are equal"
        ),
    })
}

fn is_shape(node: &proto::Node) -> bool {
    matches!(node.op(), "Shape" | "Size")
}

fn class_ids(model: &Model, reach: &Reach) -> Vec<Warning> {
    let ids = model.outputs().into_iter().filter_map(|output| {
        let chosen = Heads::choose(model, &HeadOptions::of_output(&output.name));
        let Err(Error::Graph { message, .. }) = chosen else { return None };
        let picks = picks_classes(reach, &output.name);
        (picks || output.element_type.is_integer()).then(|| Warning {
            suspicion: Suspicion::ClassIds,
            node: output.name,
            evidence: format!("the output {message}"),
        })
    });
    ids.collect()
}

/// Returns true if the last operator before an output that computes picks classes.
fn picks_classes(reach: &Reach, output: &str) -> bool {
    let mut name = output;
    for _ in 0..8 {
        let Some(node) = reach.index.producer(name) else { return false };
        match node.op() {
            "ArgMax" | "ArgMin" | "TopK" => return true,
            "Cast" | "Identity" | "Squeeze" | "Unsqueeze" | "Reshape" => {
                name = node.input.first().map(String::as_str).unwrap_or_default();
            }
            _ => return false,
        }
    }
    false
}

fn stripped_quantized(model: &Model, sites: &[Site]) -> Option<Warning> {
    let quantized = |node: &&proto::Node| {
        let name = node.op();
        name.starts_with("QLinear")
            || name.starts_with("DynamicQuantize")
            || matches!(
                name,
                "QuantizeLinear" | "DequantizeLinear" | "ConvInteger" | "MatMulInteger"
            )
    };
    let node = model.graph.node.iter().find(quantized).filter(|_| sites.is_empty())?;
    Some(Warning {
        suspicion: Suspicion::StrippedQuantized,
        node: node.label().to_owned(),
        evidence: "the model is quantized and contains no dropout: quantization's pre-processing \
                   saves a model that ONNX Runtime has optimized, which deletes every dropout"
            .to_owned(),
    })
}
