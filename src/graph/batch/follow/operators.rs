//! What operators do to the axis that counts images.

use super::super::axes::{einsum, list, positive, sizes};
use super::super::place::Place;
use super::Follower;
use crate::onnx::proto;

/// Operators that go through their inputs element by element, sizes of 1 being repeated.
const ELEMENTWISE: [&str; 22] = [
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
    "PRelu",
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
];

/// Operators whose other inputs are weights.
const WEIGHTED: [&str; 9] = [
    "Conv",
    "ConvTranspose",
    "BatchNormalization",
    "InstanceNormalization",
    "GroupNormalization",
    "LayerNormalization",
    "ConvInteger",
    "QLinearConv",
    "Resize",
];

const MIXES: &str = "computes over the images of a run";
const UNKNOWN: &str = "moves the images of a run in a way that is not followed";

impl Follower<'_> {
    /// Where the images of an input lie in the node's first output.
    pub(super) fn through(
        &mut self,
        position: usize,
        node: &proto::Node,
        (input, place): (usize, Place),
    ) -> Result<Place, &'static str> {
        let kind = node.op();
        let from = self.shape(&node.input[input]).ok_or(UNKNOWN)?;
        let output = node.output.first().ok_or(UNKNOWN)?;
        let to = self.shape(output).ok_or(UNKNOWN)?;
        if input > 0 && WEIGHTED.contains(&kind) {
            return Err("takes its weights or sizes from the images of a run");
        }
        let place = match kind {
            "Reshape" if input == 0 => {
                self.reshape(position, node, place, (&from, &to))?
            }
            "Flatten" => flatten(node, place, &from).ok_or(UNKNOWN)?,
            "Squeeze" => self.squeeze(node, place, from.len())?,
            "Unsqueeze" => place.on(self.unsqueeze(node, place.axis, to.len())?),
            "Transpose" => {
                place.on(transpose(node, place.axis, from.len()).ok_or(UNKNOWN)?)
            }
            "Expand" if input == 0 => {
                let axis = aligned(place.axis, &from, &to).ok_or(UNKNOWN)?;
                self.open_entry(position, (1, second(node)?), axis)?;
                place.on(axis)
            }
            "Resize" => self.resize(position, node, place)?,
            "Gather" => self.gather(node, (input, place), &from)?,
            "Slice" if input == 0 => self.slice(position, node, place, &from)?,
            "Concat" | "Split" => {
                let axis = positive(node.int("axis").unwrap_or(0), from.len());
                if axis == Some(place.axis) {
                    return Err("joins or splits the images of a run");
                }
                place
            }
            "ArgMax" | "ArgMin" => {
                reduced(node, place, &[node.int("axis").unwrap_or(0)], from.len())?
            }
            reduce if reduce.starts_with("Reduce") && input == 0 => {
                self.reduce(node, place, from.len())?
            }
            "MatMul" | "MatMulInteger" => matmul((input, place), &from, &to)?,
            "Gemm" => gemm(node, (input, place), &from)?,
            "Einsum" => place.on(einsum(node, input, place.axis).ok_or(MIXES)?),
            "LSTM" | "GRU" | "RNN" => return Err(UNKNOWN),
            _ => place.on(aligned(place.axis, &from, &to).ok_or(UNKNOWN)?),
        };
        Ok(place)
    }

    fn reshape(
        &mut self,
        position: usize,
        node: &proto::Node,
        place: Place,
        (from, to): (&[usize], &[usize]),
    ) -> Result<Place, &'static str> {
        let moved = place.reshaped(from, to, self.batch, self.preference);
        let (moved, is_guessed) = moved.ok_or(UNKNOWN)?;
        self.is_guessed |= is_guessed;
        let target = second(node)?;
        let copied = sizes(self.plan.model(), &self.index, target)
            .is_some_and(|values| values.get(moved.axis) == Some(&0));
        if copied && moved != place {
            return Err("copies a size from another axis than that of the images");
        }
        self.open_entry(position, (1, target), moved.axis)?;
        Ok(moved)
    }

    fn squeeze(
        &self,
        node: &proto::Node,
        place: Place,
        rank: usize,
    ) -> Result<Place, &'static str> {
        let axes = list((self.plan.model(), &self.index), node, "axes", 1);
        let mut before = 0;
        for axis in axes.ok_or("removes all axes of size 1")? {
            let axis = positive(axis, rank).ok_or(UNKNOWN)?;
            if axis == place.axis {
                return Err("removes the axis of the images");
            }
            before += usize::from(axis < place.axis);
        }
        Ok(place.on(place.axis - before))
    }

    /// The axis that one becomes where others are put in; `rank` is that of the result.
    fn unsqueeze(
        &self,
        node: &proto::Node,
        axis: usize,
        rank: usize,
    ) -> Result<usize, &'static str> {
        let axes = list((self.plan.model(), &self.index), node, "axes", 1);
        let new: Option<Vec<usize>> =
            axes.ok_or(UNKNOWN)?.into_iter().map(|axis| positive(axis, rank)).collect();
        let new = new.ok_or(UNKNOWN)?;
        (0..rank).filter(|axis| !new.contains(axis)).nth(axis).ok_or(UNKNOWN)
    }

    fn resize(
        &mut self,
        position: usize,
        node: &proto::Node,
        place: Place,
    ) -> Result<Place, &'static str> {
        let Some(sizes) = node.input.get(3).filter(|name| !name.is_empty()) else {
            return Ok(place);
        };
        let some = node.attribute("axes");
        let entry = match some {
            None => Some(place.axis),
            Some(axes) => axes.ints.iter().position(|&axis| axis == place.axis as i64),
        };
        if let Some(entry) = entry {
            self.open_entry(position, (3, sizes), entry)?;
        }
        Ok(place)
    }

    fn gather(
        &self,
        node: &proto::Node,
        (input, place): (usize, Place),
        from: &[usize],
    ) -> Result<Place, &'static str> {
        let (data, indices) = (node.input.first(), node.input.get(1));
        let rank = |name: Option<&String>| {
            name.and_then(|name| self.shape(name)).map(|shape| shape.len()).ok_or(UNKNOWN)
        };
        let along =
            positive(node.int("axis").unwrap_or(0), rank(data)?).ok_or(UNKNOWN)?;
        if input == 1 {
            return Ok(place.on(along + place.axis));
        }
        debug_assert_eq!(from.len(), rank(data)?, "of the data");
        match place.axis.cmp(&along) {
            std::cmp::Ordering::Less => Ok(place),
            std::cmp::Ordering::Equal => Err("picks some of the images of a run"),
            std::cmp::Ordering::Greater => Ok(place.on(place.axis + rank(indices)? - 1)),
        }
    }

    fn slice(
        &mut self,
        position: usize,
        node: &proto::Node,
        place: Place,
        from: &[usize],
    ) -> Result<Place, &'static str> {
        const SOME: &str = "cuts out some of the images of a run";
        let known = (self.plan.model(), &self.index);
        let starts = list(known, node, "starts", 1);
        let axes = list(known, node, "axes", 3)
            .or_else(|| starts.as_ref().map(|starts| (0..starts.len() as i64).collect()));
        let (Some(starts), Some(axes)) = (starts, axes) else { return Ok(place) };
        let at =
            axes.iter().position(|&axis| positive(axis, from.len()) == Some(place.axis));
        let Some(at) = at else { return Ok(place) };
        let ends = list(known, node, "ends", 2).ok_or(SOME)?;
        let steps = list(known, node, "steps", 4).unwrap_or_else(|| vec![1; axes.len()]);
        let size = from[place.axis] as i64;
        let all = starts.get(at) == Some(&0) && steps.get(at) == Some(&1);
        match ends.get(at) {
            Some(&end) if all && end >= i64::from(i32::MAX) => Ok(place),
            Some(&end) if all && end >= size && node.input.len() > 2 => {
                let mut ends = ends;
                ends[at] = i64::MAX;
                let open = self.edits.sizes(position, &ends);
                self.edits.replace(position, 2, open);
                Ok(place)
            }
            _ => Err(SOME),
        }
    }

    fn reduce(
        &self,
        node: &proto::Node,
        place: Place,
        rank: usize,
    ) -> Result<Place, &'static str> {
        match list((self.plan.model(), &self.index), node, "axes", 1) {
            Some(axes) if !axes.is_empty() => reduced(node, place, &axes, rank),
            _ if node.int("noop_with_empty_axes").unwrap_or(0) == 1 => Ok(place),
            _ => Err(MIXES),
        }
    }

    /// Constants beside the images of a run that have a slice for each of the file's images.
    pub(super) fn constants(
        &mut self,
        position: usize,
        node: &proto::Node,
        place: Place,
    ) -> Result<(), &'static str> {
        const FOLDED: &str =
            "takes a constant that has the images in an axis with others";
        let kind = node.op();
        let (joins, broadcasts) = (kind == "Concat", ELEMENTWISE.contains(&kind));
        if !(joins || broadcasts || kind == "MatMul") {
            return Ok(());
        }
        let rank = node.output.first().and_then(|name| self.shape(name)).map(|s| s.len());
        let rank = rank.ok_or(UNKNOWN)?;
        let size = place.outer * self.batch * place.inner;
        for (i, name) in node.input.iter().enumerate() {
            if name.is_empty() || self.places.contains_key(name.as_str()) {
                continue;
            }
            let shape = self.shape(name).ok_or(UNKNOWN)?;
            let Some(axis) = (place.axis + shape.len()).checked_sub(rank) else {
                continue;
            };
            // A matrix product has rows and columns last, which are not repeated.
            let is_matrix = kind == "MatMul" && axis + 2 >= shape.len();
            if is_matrix || shape[axis] != size || (broadcasts && size == 1) {
                continue;
            }
            if !place.is_pure() {
                return Err(FOLDED);
            }
            let open = if joins {
                self.edits.repeated(position, name, shape.len(), axis)
            } else {
                self.edits.first(position, name, axis)
            };
            self.edits.replace(position, i, open);
        }
        Ok(())
    }
}

fn second(node: &proto::Node) -> Result<&str, &'static str> {
    node.input.get(1).map(String::as_str).ok_or(UNKNOWN)
}

/// The axis of a result that an input's axis is, where the last axes lie over one another.
fn aligned(axis: usize, from: &[usize], to: &[usize]) -> Option<usize> {
    let aligned = (axis + to.len()).checked_sub(from.len())?;
    (to.get(aligned) == from.get(axis)).then_some(aligned)
}

fn flatten(node: &proto::Node, place: Place, from: &[usize]) -> Option<Place> {
    let at = positive(node.int("axis").unwrap_or(1), from.len())?;
    let (before, after) = (&from[..place.axis], &from[place.axis + 1..]);
    let product = |sizes: &[usize]| sizes.iter().product::<usize>();
    Some(if place.axis < at {
        let inner = place.inner * product(&after[..at - place.axis - 1]);
        Place { axis: 0, outer: place.outer * product(before), inner }
    } else {
        let inner = place.inner * product(after);
        Place { axis: 1, outer: place.outer * product(&before[at..]), inner }
    })
}

fn transpose(node: &proto::Node, axis: usize, rank: usize) -> Option<usize> {
    match node.attribute("perm") {
        Some(order) => order.ints.iter().position(|&from| from == axis as i64),
        None => rank.checked_sub(axis + 1),
    }
}

fn reduced(
    node: &proto::Node,
    place: Place,
    axes: &[i64],
    rank: usize,
) -> Result<Place, &'static str> {
    let axes: Option<Vec<usize>> =
        axes.iter().map(|&axis| positive(axis, rank)).collect();
    let axes = axes.ok_or(UNKNOWN)?;
    if axes.contains(&place.axis) {
        return Err(MIXES);
    }
    let before = axes.iter().filter(|&&axis| axis < place.axis).count();
    let lost = if node.int("keepdims").unwrap_or(1) == 0 { before } else { 0 };
    Ok(place.on(place.axis - lost))
}

fn matmul(
    (input, place): (usize, Place),
    from: &[usize],
    to: &[usize],
) -> Result<Place, &'static str> {
    let from_last = from.len() - place.axis;
    if (input == 0 && from_last == 1) || (input == 1 && from_last == 2) {
        return Err(MIXES);
    }
    Ok(place.on(aligned(place.axis, from, to).ok_or(UNKNOWN)?))
}

fn gemm(
    node: &proto::Node,
    (input, place): (usize, Place),
    from: &[usize],
) -> Result<Place, &'static str> {
    let is_row = place.axis + 2 == from.len();
    match input {
        0 if node.int("transA").unwrap_or(0) == 0 && is_row => Ok(place),
        2 if is_row => Ok(place),
        _ => Err(MIXES),
    }
}
