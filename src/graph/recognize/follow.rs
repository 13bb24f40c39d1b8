//! Abstract interpretation of the tensors that depend on one draw; see
//! [`recognize`](super) for the domain and its rules.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::Scope;
use crate::onnx::{captured_names, proto};

/// Content of a tensor that depends on one draw.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Tracked<'a> {
    /// Uniform in [low, high).
    Uniform { low: f64, high: f64 },
    /// `yes` with this probability, else `no`.
    Two { yes: f64, no: f64, probability: f64 },
    /// Values of another tensor after the mask was applied.
    Applied(AppliedMask<'a>),
}

/// Values of tensor `x`: `yes` of them with this probability, else `no` of them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct AppliedMask<'a> {
    pub(super) x: &'a str,
    pub(super) yes: AffineMap,
    pub(super) no: AffineMap,
    pub(super) probability: f64,
    /// Position of the node that writes the tensor.
    pub(super) node: usize,
}

/// The map from `v` to `scale * v + shift`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct AffineMap {
    pub(super) scale: f64,
    pub(super) shift: f64,
}

impl AffineMap {
    const IDENTITY: Self = Self { scale: 1.0, shift: 0.0 };

    fn scaling(scale: f64) -> Self {
        Self { scale, shift: 0.0 }
    }

    fn constant(shift: f64) -> Self {
        Self { scale: 0.0, shift }
    }

    fn shifted(self, by: f64) -> Self {
        Self { shift: self.shift + by, ..self }
    }

    fn scaled(self, by: f64) -> Self {
        Self { scale: self.scale * by, shift: self.shift * by }
    }
}

/// All uses of a draw.
pub(super) struct DrawUses<'a> {
    /// Tensors that contain values after the mask was applied, and their contents, in graph order.
    pub(super) applied: Vec<(&'a str, AppliedMask<'a>)>,
    /// The first use of the draw itself that has no rule.
    pub(super) untracked: Option<UntrackedUse>,
}

/// A use of a draw that has no rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum UntrackedUse {
    /// A node reads it.
    Node,
    /// It is an output of the graph.
    GraphOutput,
}

/// An input of a node.
#[derive(Debug, Clone, Copy)]
enum Operand<'a> {
    Tracked(Tracked<'a>),
    Constant(f64),
    Other(&'a str),
}

/// Follows the tensor that node `source` writes, whose content is `start`.
pub(super) fn follow<'a>(
    scope: &Scope<'a>,
    source: usize,
    tensor: &'a str,
    start: Tracked<'a>,
) -> DrawUses<'a> {
    let mut tracked: HashMap<&str, Tracked<'a>> = HashMap::from([(tensor, start)]);
    let mut order: Vec<&'a str> = vec![];
    let mut read_elsewhere: HashSet<&str> = HashSet::new();
    let mut untracked = None;
    let readers = |tensor: &str, behind: usize| -> Vec<usize> {
        scope.readers(tensor).map(|(at, _)| at).filter(|&at| at > behind).collect()
    };
    let mut open: BTreeSet<usize> = readers(tensor, source).into_iter().collect();
    while let Some(at) = open.pop_first() {
        let node = &scope.graph.node[at];
        let read: Vec<&str> = captured_names(node)
            .into_iter()
            .filter(|name| tracked.contains_key(name))
            .collect();
        let next = step(scope, at, node, &tracked);
        if let (Some(next), Some(output)) = (next, node.output.first()) {
            tracked.insert(output, next);
            open.extend(readers(output, at));
            if matches!(next, Tracked::Applied(_)) {
                order.push(output);
            }
            continue;
        }
        for name in read {
            match tracked.get(name) {
                Some(Tracked::Applied(_)) => drop(read_elsewhere.insert(name)),
                _ => untracked = untracked.or(Some(UntrackedUse::Node)),
            }
        }
    }
    for (name, holds) in tracked.iter().filter(|(name, _)| scope.outputs.contains(*name))
    {
        match holds {
            Tracked::Applied(_) => drop(read_elsewhere.insert(name)),
            _ => untracked = untracked.or(Some(UntrackedUse::GraphOutput)),
        }
    }
    let used = order.into_iter().filter(|name| read_elsewhere.contains(name));
    let applied = used.filter_map(|name| match tracked.get(name) {
        Some(Tracked::Applied(mask)) => Some((name, *mask)),
        _ => None,
    });
    DrawUses { applied: applied.collect(), untracked }
}

/// Returns the content of what a node writes, if there is a rule for it.
fn step<'a>(
    scope: &Scope<'a>,
    at: usize,
    node: &'a proto::Node,
    tracked: &HashMap<&str, Tracked<'a>>,
) -> Option<Tracked<'a>> {
    if !node.is_standard() || node.output.iter().filter(|o| !o.is_empty()).count() != 1 {
        return None;
    }
    let operand = |name: &'a String| match tracked.get(name.as_str()) {
        Some(found) => Operand::Tracked(*found),
        None => match scope.fill_value(name) {
            Some(value) => Operand::Constant(f64::from(value)),
            None => Operand::Other(name),
        },
    };
    let operands: Vec<Operand> = node.input.iter().map(operand).collect();
    let operator = node.op();
    match (operator, &operands[..]) {
        (
            "Identity" | "Cast",
            [Operand::Tracked(t @ (Tracked::Two { .. } | Tracked::Uniform { .. }))],
        ) => Some(*t),
        ("Not", [Operand::Tracked(Tracked::Two { yes, no, probability })]) => {
            let not = |value: f64| f64::from(u8::from(value == 0.0));
            Some(Tracked::Two { yes: not(*yes), no: not(*no), probability: *probability })
        }
        ("Floor", [Operand::Tracked(Tracked::Uniform { low, high })]) => {
            floor(*low, *high)
        }
        ("Less" | "LessOrEqual", &[a, b]) => compare(a, b),
        ("Greater" | "GreaterOrEqual", &[a, b]) => compare(b, a),
        ("Add" | "Sub" | "Mul" | "Div", &[a, b]) => arithmetic(operator, a, b, at),
        ("Where", &[Operand::Tracked(condition), a, b]) => choose(condition, a, b, at),
        _ => None,
    }
}

/// Returns the two integers that `Floor` makes of a uniform draw with one integer in its range.
fn floor<'a>(low: f64, high: f64) -> Option<Tracked<'a>> {
    let border = low.floor() + 1.0;
    (high > border && high <= border + 1.0).then(|| Tracked::Two {
        yes: border,
        no: border - 1.0,
        probability: (high - border) / (high - low),
    })
}

/// Returns 1 or 0: whether `smaller` is smaller than `larger`, one of them a uniform draw and the
/// other a constant.
fn compare<'a>(smaller: Operand<'a>, larger: Operand<'a>) -> Option<Tracked<'a>> {
    let below =
        |low: f64, high: f64, limit: f64| ((limit - low) / (high - low)).clamp(0.0, 1.0);
    let probability = match (smaller, larger) {
        (Operand::Tracked(Tracked::Uniform { low, high }), Operand::Constant(limit)) => {
            below(low, high, limit)
        }
        (Operand::Constant(limit), Operand::Tracked(Tracked::Uniform { low, high })) => {
            1.0 - below(low, high, limit)
        }
        _ => return None,
    };
    Some(Tracked::Two { yes: 1.0, no: 0.0, probability })
}

fn compute(operator: &str, a: f64, b: f64) -> f64 {
    match operator {
        "Add" => a + b,
        "Sub" => a - b,
        "Mul" => a * b,
        _ => a / b,
    }
}

fn arithmetic<'a>(
    operator: &str,
    a: Operand<'a>,
    b: Operand<'a>,
    node: usize,
) -> Option<Tracked<'a>> {
    use Operand::{Constant, Other, Tracked as T};
    use Tracked::{Applied, Two, Uniform};
    let of = |a: f64, b: f64| compute(operator, a, b);
    match (a, b) {
        (T(Uniform { low, high }), Constant(c)) => uniform(of(low, c), of(high, c)),
        (Constant(c), T(Uniform { low, high })) if operator != "Div" => {
            uniform(of(c, low), of(c, high))
        }
        (T(Two { yes, no, probability }), Constant(c)) => {
            Some(Two { yes: of(yes, c), no: of(no, c), probability })
        }
        (Constant(c), T(Two { yes, no, probability })) => {
            Some(Two { yes: of(c, yes), no: of(c, no), probability })
        }
        (
            T(Two { yes, no, probability }),
            T(Two { yes: other_yes, no: other_no, .. }),
        ) => Some(Two { yes: of(yes, other_yes), no: of(no, other_no), probability }),
        (T(Two { yes, no, probability }), Other(x))
        | (Other(x), T(Two { yes, no, probability }))
            if operator == "Mul" =>
        {
            let (yes, no) = (AffineMap::scaling(yes), AffineMap::scaling(no));
            Some(Applied(AppliedMask { x, yes, no, probability, node }))
        }
        (T(Applied(mask)), T(Two { yes, no, .. }))
        | (T(Two { yes, no, .. }), T(Applied(mask)))
            if operator == "Add" =>
        {
            let (yes, no) = (mask.yes.shifted(yes), mask.no.shifted(no));
            Some(Applied(AppliedMask { yes, no, node, ..mask }))
        }
        (T(Applied(mask)), Constant(c)) => rescaled(operator, mask, c, node),
        (Constant(c), T(Applied(mask))) if operator != "Div" && operator != "Sub" => {
            rescaled(operator, mask, c, node)
        }
        _ => None,
    }
}

/// Returns a uniform draw between two numbers in any order.
fn uniform<'a>(a: f64, b: f64) -> Option<Tracked<'a>> {
    (a.is_finite() && b.is_finite() && a.to_bits() != b.to_bits())
        .then(|| Tracked::Uniform { low: a.min(b), high: a.max(b) })
}

/// Applies a constant behind the mask, if it belongs to the dropout: the factor 1 / (1 - ratio),
/// or the affine map of alpha dropout. Other constants are the network's own.
fn rescaled<'a>(
    operator: &str,
    mask: AppliedMask<'a>,
    constant: f64,
    node: usize,
) -> Option<Tracked<'a>> {
    let (kept, dropped, keep) = if mask.no.scale == 0.0 {
        (mask.yes, mask.no, mask.probability)
    } else {
        (mask.no, mask.yes, 1.0 - mask.probability)
    };
    let is_alpha = dropped.shift != 0.0;
    let factor = match operator {
        "Mul" => constant,
        "Div" => 1.0 / constant,
        _ => 1.0,
    };
    let is_keep_scale = kept == AffineMap::IDENTITY && (factor * keep - 1.0).abs() < 1e-3;
    if !(is_alpha || is_keep_scale) {
        return None;
    }
    let map = |map: AffineMap| match operator {
        "Add" => map.shifted(constant),
        "Sub" => map.shifted(-constant),
        _ => map.scaled(factor),
    };
    let (yes, no) = (map(mask.yes), map(mask.no));
    Some(Tracked::Applied(AppliedMask { yes, no, node, ..mask }))
}

/// Applies `Where`: a mask chooses between a tensor and a constant, or between two constants.
fn choose<'a>(
    condition: Tracked<'a>,
    a: Operand<'a>,
    b: Operand<'a>,
    node: usize,
) -> Option<Tracked<'a>> {
    let Tracked::Two { yes, no, probability } = condition else { return None };
    if (yes == 0.0) == (no == 0.0) {
        return None;
    }
    let (if_yes, if_no) = if yes == 0.0 { (b, a) } else { (a, b) };
    let (x, yes, no) = match (if_yes, if_no) {
        (Operand::Other(x), Operand::Constant(c)) => {
            (x, AffineMap::IDENTITY, AffineMap::constant(c))
        }
        (Operand::Constant(c), Operand::Other(x)) => {
            (x, AffineMap::constant(c), AffineMap::IDENTITY)
        }
        (Operand::Constant(yes), Operand::Constant(no)) => {
            return Some(Tracked::Two { yes, no, probability });
        }
        _ => return None,
    };
    Some(Tracked::Applied(AppliedMask { x, yes, no, probability, node }))
}
