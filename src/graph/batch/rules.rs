//! Rules that find the constants in which an export has fixed its batch size.

use std::collections::HashSet;

use super::Shapes;
use super::edit::Edits;
use crate::graph::plan::Plan;
use crate::graph::reach::Reach;
use crate::onnx::{int_values, proto};
use crate::operator;

/// Operators that broadcast their inputs.
const BROADCASTING: [&str; 22] = [
    "Add",
    "Sub",
    "Mul",
    "Div",
    "Pow",
    "Mod",
    "Max",
    "Min",
    "Sum",
    "Mean",
    "Where",
    "Equal",
    "Less",
    "LessOrEqual",
    "Greater",
    "GreaterOrEqual",
    "And",
    "Or",
    "Xor",
    "BitwiseAnd",
    "BitwiseOr",
    "MatMul",
];

/// Guess of the axes that count images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BatchGuess {
    /// The first axis of the batch's size, for networks that move the images behind other axes.
    BySize,
    /// The first axis, for networks in which other axes have the batch's size as well.
    FirstAxis,
}

impl BatchGuess {
    /// All guesses, in the order in which they are tried.
    pub(crate) const ALL: [Self; 2] = [Self::BySize, Self::FirstAxis];
}

/// Returns the changes that make the constants of a plan follow the number of images.
pub(super) fn edits(
    plan: &Plan,
    shapes: &Shapes,
    batch: usize,
    guess: BatchGuess,
) -> Edits {
    let graph = BatchGraph::new(plan, shapes, batch, guess);
    let mut edits = Edits::new(plan.image().name.clone(), batch);
    for position in graph.positions() {
        graph.edit(position, &mut edits);
    }
    edits
}

/// Returns the first node that seems to compute over the images of a run or to remove their axis:
/// the likely reason if no run proves the candidate.
pub(crate) fn suspected_reason(
    plan: &Plan,
    shapes: &Shapes,
    batch: usize,
) -> Option<String> {
    let graph = BatchGraph::new(plan, shapes, batch, BatchGuess::BySize);
    graph.positions().into_iter().find_map(|position| {
        let node = &plan.model().graph.node[position];
        let problem = graph.problem(position)?;
        Some(format!("node \"{}\" ({}) {problem}", node.label(), node.op()))
    })
}

/// The graph of a plan, with the sizes of its tensors in a run of `batch` images.
struct BatchGraph<'a> {
    plan: &'a Plan,
    reach: Reach<'a>,
    /// Nodes that depend only on constants.
    constant: HashSet<usize>,
    /// Nodes that depend on the values of the image or of noise.
    variable: HashSet<usize>,
    shapes: &'a Shapes,
    batch: usize,
    guess: BatchGuess,
}

impl<'a> BatchGraph<'a> {
    fn new(plan: &'a Plan, shapes: &'a Shapes, batch: usize, guess: BatchGuess) -> Self {
        let nodes = &plan.model().graph.node;
        let reach = Reach::new(&plan.model().graph);
        let image = plan.image().name.as_str();
        let starts = |i: &usize| reach.reads(*i).contains(&image) || is_noise(&nodes[*i]);
        let start = (0..nodes.len()).filter(starts).collect();
        let (constant, variable) = (reach.constant(), reach.downstream(&start, false));
        Self { plan, reach, constant, variable, shapes, batch, guess }
    }

    fn positions(&self) -> Vec<usize> {
        let needed = self.plan.needed_nodes();
        let mut variable: Vec<usize> =
            needed.filter(|node| self.variable.contains(node)).collect();
        variable.sort_unstable();
        variable
    }

    fn edit(&self, position: usize, edits: &mut Edits) {
        let node = &self.plan.model().graph.node[position];
        match node.op() {
            _ if is_noise(node) => self.open_noise(position, edits),
            "Reshape" => {
                if let (Some(from), Some(to)) = (self.input(node, 0), self.output(node)) {
                    let entry = match self.guess {
                        BatchGuess::BySize => reshaped_entry(&from, &to, self.batch),
                        BatchGuess::FirstAxis => 0,
                    };
                    self.open_entry(position, 1, entry, edits);
                }
            }
            "Expand" => {
                if let Some(to) = self.output(node) {
                    self.open_entry(position, 1, self.batch_axis(&to), edits);
                }
            }
            "Resize" => {
                let entry = match node.ints("axes") {
                    None => Some(0),
                    Some(axes) => axes.iter().position(|&axis| axis == 0),
                };
                if let Some(entry) = entry {
                    self.open_entry(position, 3, entry, edits);
                }
            }
            "Slice" => _ = self.open_slice(position, edits),
            "Concat" => self.open_constants(position, edits),
            operator if BROADCASTING.contains(&operator) => {
                self.open_constants(position, edits);
            }
            _ => {}
        }
    }

    /// Returns why a node probably cannot take several images.
    fn problem(&self, position: usize) -> Option<&'static str> {
        let node = &self.plan.model().graph.node[position];
        let from = self.input(node, 0)?;
        let axes = self.ints(node, "axes", 1);
        let includes_images = |axes: Vec<i64>| {
            let images = self.batch_axis(&from);
            axes.into_iter().any(|axis| positive(axis, from.len()) == Some(images))
        };
        match node.op() {
            "Squeeze" => axes
                .is_some_and(includes_images)
                .then_some("removes the axis of the images"),
            reduce if reduce.starts_with("Reduce") => axes
                .map_or(node.int("noop_with_empty_axes") != Some(1), includes_images)
                .then_some("computes over the images of a run"),
            _ => None,
        }
    }

    /// Returns the sizes of a tensor.
    fn shape(&self, tensor: &str) -> Option<Vec<usize>> {
        if let Some(shape) = self.shapes.get(tensor) {
            return Some(shape.clone());
        }
        let sizes = self.reach.index.initializer(tensor)?.dims.iter();
        sizes.map(|&size| usize::try_from(size).ok()).collect()
    }

    fn input(&self, node: &proto::Node, number: usize) -> Option<Vec<usize>> {
        self.shape(node.input_name(number)?)
    }

    fn output(&self, node: &proto::Node) -> Option<Vec<usize>> {
        self.shape(node.output.first()?)
    }

    fn is_constant(&self, tensor: &str) -> bool {
        self.reach.is_constant(tensor, &self.constant)
    }

    /// Returns the axis that probably counts images: the first one of the batch's size, without the
    /// last, which usually counts features. The first axis if there is none.
    fn batch_axis(&self, sizes: &[usize]) -> usize {
        match self.guess {
            BatchGuess::BySize => axis_of_size(sizes, self.batch).unwrap_or(0),
            BatchGuess::FirstAxis => 0,
        }
    }

    /// Returns a list that is an attribute in old operator sets and a constant input since.
    fn ints(&self, node: &proto::Node, name: &str, input: usize) -> Option<Vec<i64>> {
        match node.ints(name) {
            Some(ints) => Some(ints.to_vec()),
            None => self.values(node.input_name(input)?),
        }
    }

    /// Returns the values of a constant, also of one that a `Concat` joins.
    fn values(&self, tensor: &str) -> Option<Vec<i64>> {
        let (model, index) = (self.plan.model(), &self.reach.index);
        if let Some(values) = int_values(model, index, tensor) {
            return Some(values);
        }
        let node = index.producer(tensor).filter(|node| node.is("Concat"))?;
        let parts: Option<Vec<Vec<i64>>> =
            node.input.iter().map(|part| int_values(model, index, part)).collect();
        Some(parts?.concat())
    }

    /// Opens an entry of a list of sizes that a node reads.
    fn open_entry(&self, position: usize, input: usize, entry: usize, edits: &mut Edits) {
        let node = &self.plan.model().graph.node[position];
        if let Some(tensor) = node.input_name(input)
            && let Some(open) = self.opened(position, tensor, entry, edits)
        {
            edits.replace(position, input, open);
        }
    }

    /// Returns a list of sizes with an open entry; `None` if it follows the run already.
    fn opened(
        &self,
        position: usize,
        tensor: &str,
        entry: usize,
        edits: &mut Edits,
    ) -> Option<String> {
        if let Some(values) = self.values(tensor) {
            // 0 copies a size, and -1 follows from the others.
            let is_fixed = values.get(entry).is_some_and(|&value| value > 0);
            return is_fixed.then(|| edits.scaled(position, tensor, values.len(), entry));
        }
        let node = self.reach.index.producer(tensor).filter(|node| node.is("Concat"))?;
        let mut first = 0;
        for (i, part) in node.input.iter().enumerate() {
            let length = self.shape(part)?.first().copied()?;
            if entry < first + length {
                let open = self.opened(position, part, entry - first, edits)?;
                return Some(edits.copy(position, node, i, open));
            }
            first += length;
        }
        None
    }

    /// Gives noise of a constant shape as many rows as the run has.
    fn open_noise(&self, position: usize, edits: &mut Edits) {
        let node = &self.plan.model().graph.node[position];
        let is_constant = node.input_name(0).is_some_and(|shape| self.is_constant(shape));
        if let Some(sizes) = self.output(node).filter(|_| is_constant)
            && sizes.first() == Some(&self.batch)
        {
            let values: Vec<i64> = sizes.iter().map(|&size| size as i64).collect();
            let fixed = edits.sizes(position, &values);
            let open = edits.scaled(position, &fixed, sizes.len(), 0);
            edits.replace(position, 0, open);
        }
    }

    /// Opens the end of a slice that takes all images.
    fn open_slice(&self, position: usize, edits: &mut Edits) -> Option<()> {
        let node = &self.plan.model().graph.node[position];
        let from = self.input(node, 0)?;
        let images = self.batch_axis(&from);
        let starts = self.values(node.input_name(1)?)?;
        let mut ends = self.values(node.input_name(2)?)?;
        let axes = self.ints(node, "axes", 3);
        let axes = axes.unwrap_or_else(|| (0..starts.len() as i64).collect());
        let steps = self.ints(node, "steps", 4).unwrap_or_else(|| vec![1; axes.len()]);
        let at =
            axes.iter().position(|&axis| positive(axis, from.len()) == Some(images))?;
        let takes_all = starts.get(at) == Some(&0)
            && steps.get(at) == Some(&1)
            && *ends.get(at)? >= from[images] as i64;
        if takes_all {
            ends[at] = i64::MAX;
            let open = edits.sizes(position, &ends);
            edits.replace(position, 2, open);
        }
        Some(())
    }

    /// Repeats the first slice of constants that are joined with activations, and leaves only the
    /// first slice of those that are broadcast.
    fn open_constants(&self, position: usize, edits: &mut Edits) {
        let node = &self.plan.model().graph.node[position];
        let Some(to) = self.output(node) else { return };
        let joined = node.int("axis").and_then(|axis| positive(axis, to.len()));
        let joins = node.is("Concat");
        let may_count = |&i: &usize| to[i] == self.batch && !(joins && joined == Some(i));
        let axes = match self.guess {
            BatchGuess::BySize => to.len(),
            BatchGuess::FirstAxis => 1,
        };
        let Some(images) = (0..axes.min(to.len())).find(may_count) else { return };
        for (i, name) in node.input.iter().enumerate().filter(|(_, n)| !n.is_empty()) {
            let Some(sizes) = self.shape(name).filter(|_| self.is_constant(name)) else {
                continue;
            };
            // Axes of smaller tensors are aligned at the end.
            let Some(axis) = (images + sizes.len()).checked_sub(to.len()) else {
                continue;
            };
            // A matrix product does not broadcast its last two axes.
            let is_matrix = node.is("MatMul") && axis + 2 >= sizes.len();
            if is_matrix || sizes[axis] != self.batch {
                continue;
            }
            if joins {
                let open = edits.repeated(position, name, sizes.len(), axis);
                edits.replace(position, i, open);
            } else if self.batch > 1 {
                let open = edits.first(position, name, axis);
                edits.replace(position, i, open);
            }
        }
    }
}

fn is_noise(node: &proto::Node) -> bool {
    node.domain.as_deref() == Some(operator::DOMAIN) && node.op() == operator::NOISE
}

/// Returns an axis counted from the first.
fn positive(axis: i64, rank: usize) -> Option<usize> {
    let axis = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(axis).ok().filter(|&axis| axis < rank)
}

/// Returns the first axis of a size, without the last of several axes.
fn axis_of_size(sizes: &[usize], size: usize) -> Option<usize> {
    let last = sizes.len().saturating_sub(1).max(1);
    sizes.iter().take(last).position(|&other| other == size)
}

/// Returns the entry of a reshape's target that probably counts images: one of the batch's size, or
/// the one that an axis of that size is merged into, or the first.
fn reshaped_entry(from: &[usize], to: &[usize], batch: usize) -> usize {
    // A part of the last axis counts features, whatever its size. One of size 1 may also be new.
    let rows: usize = from.iter().rev().skip(1).product();
    let counts_features = |entry: usize| {
        let before: usize = to[..entry].iter().product();
        before > rows || (before == rows && batch > 1)
    };
    if let Some(entry) = axis_of_size(to, batch).filter(|&entry| !counts_features(entry))
    {
        return entry;
    }
    let Some(axis) = axis_of_size(from, batch) else { return 0 };
    let above: usize = from[..axis].iter().product();
    let below: usize = from[axis + 1..].iter().product();
    let entries = (0..to.len()).filter_map(|entry| {
        let before: usize = to[..entry].iter().product();
        let after: usize = to[entry + 1..].iter().product();
        let fits = before > 0
            && after > 0
            && above.is_multiple_of(before)
            && below.is_multiple_of(after)
            && to[entry] == above / before * batch * (below / after);
        let is_last = entry + 1 == to.len() && to.len() > 1;
        fits.then_some((is_last, above > before, entry))
    });
    entries.min().map_or(0, |(_, _, entry)| entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_are_found_in_and_out_of_heads_and_windows() {
        let entry = |from: &[usize], to: &[usize]| reshaped_entry(from, to, 1);
        assert_eq!(entry(&[1, 4, 9, 8], &[4, 9, 8]), 0);
        assert_eq!(entry(&[4, 9, 8], &[1, 4, 9, 8]), 0);
        assert_eq!(entry(&[1, 2, 2, 7, 7, 3], &[4, 49, 3]), 0);
        assert_eq!(entry(&[4, 49, 3], &[4, 7, 7, 3]), 0);
        assert_eq!(entry(&[1, 3, 2, 2], &[1, 12]), 0);
    }

    #[test]
    fn images_behind_the_tokens_are_merged_into_heads_or_tokens() {
        let entry = |from: &[usize], to: &[usize]| reshaped_entry(from, to, 1);
        assert_eq!(entry(&[9, 1, 8], &[9, 4, 2]), 1);
        assert_eq!(entry(&[9, 1, 8], &[9, 8]), 0);
        assert_eq!(entry(&[9, 8], &[9, 1, 8]), 1);
    }

    #[test]
    fn parts_of_the_last_axis_do_not_count_images() {
        assert_eq!(reshaped_entry(&[16, 16, 144], &[16, 16, 3, 4, 12], 4), 0);
        assert_eq!(reshaped_entry(&[16, 16, 36], &[16, 16, 3, 1, 12], 1), 0);
        assert_eq!(reshaped_entry(&[36, 8], &[9, 4, 8], 4), 1);
    }

    #[test]
    fn sizes_without_a_place_for_images_give_the_first_entry() {
        assert_eq!(reshaped_entry(&[6, 5], &[2, 3, 5], 6), 0);
        assert_eq!(reshaped_entry(&[0, 5], &[5, 0], 0), 0);
        assert_eq!(reshaped_entry(&[], &[], 1), 0);
    }
}
