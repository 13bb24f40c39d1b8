//! Which node makes the first value that is no finite number, of those that reach an output.
//!
//! The walk goes from the output back along tensors that hold such values, until a node makes
//! them of finite ones. What lies beside that way is not looked at: minus infinity that a
//! softmax has turned into 0 is how attention is masked, and no fault. NaN that went into a
//! comparison is: the runtime's `MaxPool` makes the lowest finite number of it, over which the
//! next layer overflows.

use std::collections::HashMap;

use crate::graph::WatchedNode;

/// How many values of a tensor are no finite numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    pub(super) nan: usize,
    /// Plus infinity.
    pub(super) high: usize,
    /// Minus infinity.
    pub(super) low: usize,
}

impl Counts {
    pub(super) fn all(self) -> usize {
        self.nan + self.high + self.low
    }

    /// Which of a node's inputs is followed: the one most like its output.
    fn rank(self, output_is_nan: bool) -> usize {
        let kinds = if output_is_nan {
            [self.nan, self.high, self.low]
        } else {
            [self.high, self.low, self.nan]
        };
        kinds.iter().position(|&count| count > 0).unwrap_or(kinds.len())
    }

    /// What the values are.
    pub(super) fn kind(self) -> &'static str {
        match (self.nan > 0, self.high + self.low > 0) {
            (true, true) => "NaN or infinite",
            (true, false) => "NaN",
            (false, _) => "infinite",
        }
    }
}

/// Operators that pass on the larger or smaller of two values, and so may lose NaN.
const COMPARISONS: [&str; 7] =
    ["MaxPool", "Relu", "Clip", "Max", "Min", "ReduceMax", "ReduceMin"];

/// The end of a walk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End<'a> {
    /// This tensor is finite.
    Nowhere,
    /// A tensor that goes into the graph holds such values.
    Input(String),
    /// The node at the end of the way makes them of finite values, or has such constants.
    Node(Step<'a>),
}

/// A node on the way, with the tensor of its outputs that the way goes through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step<'a> {
    pub(super) node: &'a WatchedNode,
    pub(super) tensor: String,
    pub(super) counts: Counts,
    /// The node that reads its tensor, on the way to the output.
    pub(super) reader: Option<Box<Self>>,
}

/// Walks back from a tensor.
pub(super) fn walk<'a>(
    nodes: &'a [WatchedNode],
    counts: &HashMap<&str, Counts>,
    from: &str,
) -> End<'a> {
    let count = |tensor: &str| counts.get(tensor).copied().unwrap_or_default();
    let writer = |tensor: &str| {
        nodes.iter().find(|node| node.outputs.iter().any(|output| output == tensor))
    };
    let (mut tensor, mut reader) = (from.to_owned(), None);
    if count(&tensor).all() == 0 {
        return End::Nowhere;
    }
    // A way is no longer than the graph.
    for _ in 0..=nodes.len() {
        let Some(node) = writer(&tensor) else { return End::Input(tensor) };
        let own = count(&tensor);
        let step = Step { node, tensor: tensor.clone(), counts: own, reader };
        let bad = node.inputs.iter().filter(|input| count(input).all() > 0);
        let swallowed = || {
            let comparisons = node.inputs.iter().filter_map(|input| writer(input));
            let mut inputs = comparisons
                .filter(|node| COMPARISONS.contains(&node.operator.as_str()))
                .flat_map(|node| &node.inputs);
            inputs.find(|input| count(input).nan > 0)
        };
        let followed = bad.min_by_key(|input| count(input).rank(own.nan > 0));
        match followed.or_else(swallowed) {
            None => return End::Node(step),
            Some(input) => tensor.clone_from(input),
        }
        reader = Some(Box::new(step));
    }
    End::Nowhere
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINITE: Counts = Counts { nan: 0, high: 0, low: 0 };
    const NAN: Counts = Counts { nan: 2, ..FINITE };
    const HIGH: Counts = Counts { high: 1, ..FINITE };
    const LOW: Counts = Counts { low: 7, ..FINITE };

    fn node(name: &str, inputs: &[&str], output: &str) -> WatchedNode {
        WatchedNode {
            name: name.to_owned(),
            inputs: inputs.iter().map(ToString::to_string).collect(),
            outputs: vec![output.to_owned()],
            ..WatchedNode::default()
        }
    }

    fn found(nodes: &[WatchedNode], counts: &[(&str, Counts)]) -> String {
        match walk(nodes, &counts.iter().copied().collect(), "y") {
            End::Node(step) => step.node.name.clone(),
            End::Input(tensor) => format!("input {tensor}"),
            End::Nowhere => "nowhere".to_owned(),
        }
    }

    #[test]
    fn the_node_that_makes_infinity_of_finite_values_is_found_behind_those_that_carry_it()
    {
        let nodes = [
            node("exp", &["x"], "e"),
            node("other", &["x"], "o"),
            node("sum", &["e", "o"], "s"),
            node("divide", &["e", "s"], "y"),
        ];
        let counts = [("e", HIGH), ("s", HIGH), ("y", NAN)];
        assert_eq!(found(&nodes, &counts), "exp");
    }

    #[test]
    fn masking_with_minus_infinity_is_not_blamed_where_a_softmax_makes_zeros_of_it() {
        let nodes = [
            node("mask", &["x"], "m"),
            node("softmax", &["m"], "p"),
            node("logarithm", &["p"], "y"),
        ];
        assert_eq!(found(&nodes, &[("m", LOW), ("y", LOW)]), "logarithm");
        assert_eq!(found(&nodes, &[("m", LOW), ("p", NAN), ("y", NAN)]), "mask");
    }

    #[test]
    fn an_overflow_is_followed_rather_than_a_mask_beside_it() {
        let nodes = [
            node("mask", &["x"], "m"),
            node("overflow", &["x"], "o"),
            node("add", &["m", "o"], "s"),
            node("softmax", &["s"], "y"),
        ];
        let counts =
            [("m", LOW), ("o", HIGH), ("s", Counts { low: 7, ..HIGH }), ("y", NAN)];
        assert_eq!(found(&nodes, &counts), "overflow");
    }

    #[test]
    fn nan_that_a_comparison_swallows_before_an_overflow_is_followed_through_it() {
        let through = |operator: &str| {
            let pool = WatchedNode {
                operator: operator.to_owned(),
                ..node("pool", &["e"], "p")
            };
            let nodes = [node("exp", &["x"], "e"), pool, node("conv", &["p"], "y")];
            found(&nodes, &[("e", NAN), ("y", HIGH)])
        };
        assert_eq!(through("MaxPool"), "exp");
        assert_eq!(through("Softmax"), "conv");
    }

    #[test]
    fn what_comes_in_from_outside_and_what_is_finite_after_all_are_said() {
        let nodes = [node("relu", &["x"], "y")];
        assert_eq!(found(&nodes, &[("x", NAN), ("y", NAN)]), "input x");
        assert_eq!(found(&nodes, &[("x", NAN)]), "nowhere");
    }

    #[test]
    fn a_graph_that_goes_in_circles_ends_the_walk() {
        let nodes = [node("a", &["y"], "z"), node("b", &["z"], "y")];
        assert_eq!(found(&nodes, &[("y", NAN), ("z", NAN)]), "nowhere");
    }
}
