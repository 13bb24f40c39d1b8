//! Shapes of draws, as far as the file states them: the axes of size 1 determine which part of a
//! tensor one random draw keeps or drops.

use super::Scope;
use crate::onnx::{Model, int_values, proto, tensor_values};

/// A shape, as far as it is known.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum SymbolicShape<'a> {
    /// The shape of this tensor.
    Of(&'a str),
    /// Sizes, `None` for one that varies.
    Sizes(Vec<Option<i64>>),
    Unknown,
}

/// Returns the shape of the tensor that a random node writes.
pub(super) fn of_draw<'a>(scope: &Scope<'a>, node: &'a proto::Node) -> SymbolicShape<'a> {
    match (node.op(), node.input.first()) {
        ("RandomUniform" | "RandomNormal", _) => match node.ints("shape") {
            Some(shape) => {
                SymbolicShape::Sizes(shape.iter().copied().map(Some).collect())
            }
            None => SymbolicShape::Unknown,
        },
        (_, Some(like)) => of_tensor(scope, like),
        (_, None) => SymbolicShape::Unknown,
    }
}

/// Nodes that a tensor is followed back through; a graph may be cyclic.
const FARTHEST: usize = 128;
/// Visits for one tensor of sizes: nodes that read each other many times would take forever.
const MOST_LOOKS: usize = 1 << 10;
/// No tensor has more axes.
const MOST_AXES: usize = 64;

/// Returns the shape of a tensor: that of the tensor it was made from, or its sizes.
pub(super) fn of_tensor<'a>(scope: &Scope<'a>, name: &'a str) -> SymbolicShape<'a> {
    followed_back(scope, name, FARTHEST)
}

fn followed_back<'a>(scope: &Scope<'a>, name: &'a str, left: usize) -> SymbolicShape<'a> {
    let Some(left) = left.checked_sub(1) else { return SymbolicShape::Of(name) };
    let of_tensor = |scope: &Scope<'a>, name: &'a str| followed_back(scope, name, left);
    if let Some(tensor) = scope.index.initializer(name) {
        return SymbolicShape::Sizes(tensor.dims.iter().copied().map(Some).collect());
    }
    let Some(node) = scope.index.producer(name) else { return SymbolicShape::Of(name) };
    let input = |i: usize| node.input.get(i).map(String::as_str);
    match (node.op(), input(0), input(1)) {
        ("ConstantOfShape", Some(sizes), _) => of_sizes(scope, sizes),
        ("Expand", Some(value), Some(sizes)) => match of_sizes(scope, sizes) {
            SymbolicShape::Sizes(sizes) => {
                SymbolicShape::Sizes(expanded(scope, &of_tensor(scope, value), sizes))
            }
            other => other,
        },
        (operator, Some(value), None) if KEEPERS.contains(&operator) => {
            of_tensor(scope, value)
        }
        ("Add" | "Sub" | "Mul" | "Div", Some(a), Some(b)) => match (
            scope.fill_value(a).is_some() && is_scalar(scope, a),
            scope.fill_value(b).is_some() && is_scalar(scope, b),
        ) {
            (false, true) => of_tensor(scope, a),
            (true, false) => of_tensor(scope, b),
            _ => SymbolicShape::Of(name),
        },
        ("Constant", _, _) => match node.attribute.iter().find_map(|a| a.t.as_ref()) {
            Some(t) => SymbolicShape::Sizes(t.dims.iter().copied().map(Some).collect()),
            None => SymbolicShape::Sizes(Vec::new()),
        },
        _ => SymbolicShape::Of(name),
    }
}

/// Operators with one input that keep its shape.
const KEEPERS: [&str; 13] = [
    "Identity",
    "Cast",
    "Relu",
    "LeakyRelu",
    "Sigmoid",
    "Tanh",
    "Gelu",
    "HardSwish",
    "HardSigmoid",
    "Elu",
    "Selu",
    "Softmax",
    "Neg",
];

fn is_scalar(scope: &Scope, name: &str) -> bool {
    let of_one = |tensor: &proto::Tensor| tensor.dims.iter().all(|&size| size == 1);
    match (scope.index.initializer(name), scope.index.producer(name)) {
        (Some(tensor), _) => of_one(tensor),
        (None, Some(node)) => {
            node.attribute.iter().find_map(|a| a.t.as_ref()).is_none_or(of_one)
        }
        (None, None) => false,
    }
}

/// Returns the sizes that `Expand` makes: a size of 1 keeps the value's own size.
fn expanded(
    scope: &Scope,
    value: &SymbolicShape,
    mut sizes: Vec<Option<i64>>,
) -> Vec<Option<i64>> {
    let Some(own) = known(scope, value) else { return sizes };
    for (size, own) in sizes.iter_mut().rev().zip(own.iter().rev()) {
        if *size == Some(1) {
            *size = *own;
        }
    }
    sizes
}

/// Returns the shape whose sizes a tensor contains.
fn of_sizes<'a>(scope: &Scope<'a>, name: &'a str) -> SymbolicShape<'a> {
    let node = scope.index.producer(name);
    if let Some(node) = node
        && node.is("Shape")
        && node.attribute.is_empty()
        && let Some(tensor) = node.input.first()
    {
        return SymbolicShape::Of(tensor);
    }
    let mut looks = MOST_LOOKS;
    match sizes(scope, name, 0, &mut looks) {
        Some(sizes) => SymbolicShape::Sizes(sizes),
        None => SymbolicShape::Unknown,
    }
}

/// Returns the numbers in a tensor of sizes.
fn sizes(
    scope: &Scope,
    name: &str,
    depth: usize,
    looks: &mut usize,
) -> Option<Vec<Option<i64>>> {
    *looks = looks.checked_sub(1).filter(|_| depth <= 16)?;
    if let Some(values) = int_values(scope.model, scope.index, name) {
        let values = values.into_iter().map(Some);
        return Some(values.collect())
            .filter(|values: &Vec<_>| values.len() <= MOST_AXES);
    }
    let node = scope.index.producer(name)?;
    let first = node.input.first()?;
    match node.op() {
        "Concat" => {
            let mut all = Vec::new();
            for part in &node.input {
                all.extend(sizes(scope, part, depth + 1, looks)?);
                if all.len() > MOST_AXES {
                    return None;
                }
            }
            Some(all)
        }
        "Identity" | "Cast" => sizes(scope, first, depth + 1, looks),
        // Some number of a shape: it varies.
        "Gather" | "Unsqueeze" | "Squeeze" | "Reshape" => {
            let count = match node.op() {
                "Gather" => {
                    let picked =
                        int_values(scope.model, scope.index, node.input.get(1)?)?;
                    Some(picked.len()).filter(|&count| count <= MOST_AXES)?
                }
                _ => sizes(scope, first, depth + 1, looks)?.len(),
            };
            Some(vec![None; count])
        }
        "Shape" => {
            let of = known(scope, &SymbolicShape::Of(first));
            let rank = of.as_ref().map(|sizes| sizes.len() as i64);
            let place =
                |at: i64| if at < 0 { rank.map(|rank| rank + at) } else { Some(at) };
            let start = place(node.int("start").unwrap_or(0))?;
            let end = node.int("end").map_or(rank, place)?;
            let all = of.unwrap_or_default();
            let count =
                usize::try_from(end.checked_sub(start)?).ok().filter(|&n| n < 64)?;
            let start = usize::try_from(start).ok()?;
            Some((start..start + count).map(|i| all.get(i).copied().flatten()).collect())
        }
        "Slice" => {
            let number = |i: usize| -> Option<i64> {
                int_values(scope.model, scope.index, node.input.get(i)?)?.first().copied()
            };
            let all = sizes(scope, first, depth + 1, looks)?;
            let place = |at: i64| at.clamp(-(all.len() as i64), all.len() as i64);
            let from = |at: i64| if at < 0 { at + all.len() as i64 } else { at };
            let (start, end) = (from(place(number(1)?)), from(place(number(2)?)));
            all.get(usize::try_from(start).ok()?..usize::try_from(end).ok()?)
                .map(<[_]>::to_vec)
        }
        _ => None,
    }
}

/// Returns the sizes of a shape, if the file states their number.
fn known(scope: &Scope, shape: &SymbolicShape) -> Option<Vec<Option<i64>>> {
    match shape {
        SymbolicShape::Sizes(sizes) => Some(sizes.clone()),
        SymbolicShape::Of(tensor) => {
            if let Some(tensor) = scope.index.initializer(tensor) {
                return Some(tensor.dims.iter().copied().map(Some).collect());
            }
            let described = scope.index.described(tensor)?.dimensions?;
            Some(described.iter().map(|size| size.map(|n| n as i64)).collect())
        }
        SymbolicShape::Unknown => None,
    }
}

/// Returns the axes of `x` along which a mask of this shape varies, without the first one (the
/// images); `Some(None)` for all axes, `None` if they are unknown.
#[expect(clippy::option_option, reason = "unknown, all axes, some axes")]
pub(super) fn axes(
    scope: &Scope,
    shape: &SymbolicShape,
    x: &str,
) -> Option<Option<Vec<i64>>> {
    if *shape == SymbolicShape::Of(x) || *shape == of_tensor(scope, x) {
        return Some(None);
    }
    let sizes = known(scope, shape)?;
    let rank =
        known(scope, &of_tensor(scope, x)).map_or(sizes.len(), |sizes| sizes.len());
    let has_images_axis = sizes.len() == rank;
    let axes: Vec<i64> = (0..sizes.len())
        .filter(|&axis| sizes[axis] != Some(1) && (axis > 0 || !has_images_axis))
        .map(|axis| axis as i64 - sizes.len() as i64)
        .collect();
    Some((axes.len() + 1 != rank).then_some(axes))
}

/// Returns the value of all elements of a small tensor, if they are equal.
pub(super) fn filled(model: &Model, tensor: &proto::Tensor) -> Option<f32> {
    let values = tensor_values(model, tensor, 1 << 12)?;
    let first = *values.first()?;
    values.iter().all(|value| value.to_bits() == first.to_bits()).then_some(first)
}
