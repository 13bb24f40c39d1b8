//! What becomes of a random tensor: followed through arithmetic with constants to the values
//! that it multiplies.
//!
//! A uniform draw compared with a constant has two values; so has everything that is computed
//! from it and constants. Where it meets a tensor that is neither, each of the tensor's values
//! is kept (scaled, shifted) or replaced, whatever nodes the exporter or the author chose: that
//! is the dropout.

use std::collections::{BTreeSet, HashMap, HashSet};

use super::Scope;
use crate::onnx::{captured_names, proto};

/// What a tensor that depends on one draw holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Tracked<'a> {
    /// Uniform in [low, high).
    Uniform { low: f64, high: f64 },
    /// `yes` with this probability, else `no`.
    Two { yes: f64, no: f64, probability: f64 },
    /// The values of `x`, multiplied and shifted by one of two pairs.
    Applied { x: &'a str, yes: Line, no: Line, probability: f64, node: usize },
}

/// Factor and shift.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Line(pub(super) f64, pub(super) f64);

/// Where the draw of a node ends.
pub(super) struct Followed<'a> {
    /// Tensors to which the draw was applied, in graph order.
    pub(super) applied: Vec<(&'a str, Tracked<'a>)>,
    /// The node at which the draw itself went where it cannot be followed.
    pub(super) escaped: Option<Escape>,
}

/// The first node that a draw cannot be followed through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Escape {
    Node(usize),
    GraphOutput,
}

/// What a node reads.
#[derive(Debug, Clone, Copy)]
enum Operand<'a> {
    Tracked(Tracked<'a>),
    Constant(f64),
    Other(&'a str),
}

/// Follows what node `source` writes from `start` on.
pub(super) fn follow<'a>(
    scope: &Scope<'a>,
    source: usize,
    tensor: &'a str,
    start: Tracked<'a>,
) -> Followed<'a> {
    let mut tracked: HashMap<&str, Tracked<'a>> = HashMap::from([(tensor, start)]);
    let mut order: Vec<&'a str> = vec![];
    let mut read_elsewhere: HashSet<&str> = HashSet::new();
    let mut escaped = None;
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
            if matches!(next, Tracked::Applied { .. }) {
                order.push(output);
            }
            continue;
        }
        for name in read {
            match tracked.get(name) {
                Some(Tracked::Applied { .. }) => drop(read_elsewhere.insert(name)),
                _ => escaped = escaped.or(Some(Escape::Node(at))),
            }
        }
    }
    for (name, holds) in tracked.iter().filter(|(name, _)| scope.outputs.contains(*name))
    {
        match holds {
            Tracked::Applied { .. } => drop(read_elsewhere.insert(name)),
            _ => escaped = escaped.or(Some(Escape::GraphOutput)),
        }
    }
    let used = order.into_iter().filter(|name| read_elsewhere.contains(name));
    let applied = used.filter_map(|name| tracked.get(name).map(|t| (name, *t)));
    Followed { applied: applied.collect(), escaped }
}

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

/// 1 where a uniform number reaches the one integer in its range, else 0.
fn floor<'a>(low: f64, high: f64) -> Option<Tracked<'a>> {
    let border = low.floor() + 1.0;
    (high > border && high <= border + 1.0).then(|| Tracked::Two {
        yes: border,
        no: border - 1.0,
        probability: (high - border) / (high - low),
    })
}

/// Whether the smaller of two is smaller: one of them uniform, the other constant.
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
        (T(Uniform { low, high }), Constant(c)) => ordered(of(low, c), of(high, c)),
        (Constant(c), T(Uniform { low, high })) if operator != "Div" => {
            ordered(of(c, low), of(c, high))
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
            let line = |factor| Line(factor, 0.0);
            Some(Applied { x, yes: line(yes), no: line(no), probability, node })
        }
        (T(Applied { x, yes, no, probability, .. }), T(Two { yes: by, no: nay, .. }))
        | (T(Two { yes: by, no: nay, .. }), T(Applied { x, yes, no, probability, .. }))
            if operator == "Add" =>
        {
            let (yes, no) = (Line(yes.0, yes.1 + by), Line(no.0, no.1 + nay));
            Some(Applied { x, yes, no, probability, node })
        }
        (T(applied @ Applied { .. }), Constant(c)) => {
            rescaled(operator, applied, c, node)
        }
        (Constant(c), T(applied @ Applied { .. }))
            if operator != "Div" && operator != "Sub" =>
        {
            rescaled(operator, applied, c, node)
        }
        _ => None,
    }
}

fn ordered<'a>(a: f64, b: f64) -> Option<Tracked<'a>> {
    (a.is_finite() && b.is_finite() && a.to_bits() != b.to_bits())
        .then(|| Tracked::Uniform { low: a.min(b), high: a.max(b) })
}

/// The factor that makes up for what was dropped, where it comes last; other factors are the
/// network's own.
fn rescaled<'a>(
    operator: &str,
    applied: Tracked<'a>,
    constant: f64,
    node: usize,
) -> Option<Tracked<'a>> {
    let Tracked::Applied { x, yes, no, probability, .. } = applied else { return None };
    let (kept, dropped, keep) =
        if no.0 == 0.0 { (yes, no, probability) } else { (no, yes, 1.0 - probability) };
    let is_alpha = dropped.1 != 0.0;
    let factor = match operator {
        "Mul" => constant,
        "Div" => 1.0 / constant,
        _ => 1.0,
    };
    let makes_up = kept == Line(1.0, 0.0) && (factor * keep - 1.0).abs() < 1e-3;
    if !(is_alpha || makes_up) {
        return None;
    }
    let line = |line: Line| match operator {
        "Add" => Line(line.0, line.1 + constant),
        "Sub" => Line(line.0, line.1 - constant),
        _ => Line(line.0 * factor, line.1 * factor),
    };
    Some(Tracked::Applied { x, yes: line(yes), no: line(no), probability, node })
}

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
    let constant = |value: f64| Line(0.0, value);
    match (if_yes, if_no) {
        (Operand::Other(x), Operand::Constant(c)) => Some(Tracked::Applied {
            x,
            yes: Line(1.0, 0.0),
            no: constant(c),
            probability,
            node,
        }),
        (Operand::Constant(c), Operand::Other(x)) => Some(Tracked::Applied {
            x,
            yes: constant(c),
            no: Line(1.0, 0.0),
            probability,
            node,
        }),
        (Operand::Constant(yes), Operand::Constant(no)) => {
            Some(Tracked::Two { yes, no, probability })
        }
        _ => None,
    }
}
