//! Where the units of the rows lie in a tensor, as the sampler's operators have it.

use super::builder::{Builder, initializer};
use super::generator::product;
use super::keys::Rows;
use crate::graph::SiteAxis;
use crate::onnx::ElementType::I64;
use crate::onnx::proto;

/// How one draw's units go into its tensor.
#[derive(Debug)]
pub(super) struct Layout {
    /// Sizes of the mask: the tensor's, 1 where it does not vary.
    sizes: String,
    /// Units of a row, without axes.
    pub(super) units: String,
    axis: SiteAxis,
    /// Axes of the tensor, where the row axis is not the first.
    rank: usize,
}

impl Layout {
    /// `shape` holds the tensor's sizes; the mask varies along `mask_axes` (from the last, -1;
    /// all where there is no list), and along the slices of the row axis that a row owns.
    pub(super) fn build(
        b: &mut Builder,
        rows: &Rows,
        shape: &str,
        (mask_axes, axis, rank): (Option<&[i64]>, SiteAxis, usize),
    ) -> Self {
        let sizes = match mask_axes {
            None => shape.to_owned(),
            Some(axes) => mask_sizes(b, shape, axes, axis),
        };
        let all = product(b, &sizes);
        let units = match axis {
            SiteAxis::Whole => all,
            SiteAxis::Rows(_) => b.op("Div", &[&all, &rows.number]),
        };
        Self { sizes, units, axis, rank }
    }

    /// Values of the units `[N, units]` where they belong in the tensor.
    pub(super) fn place(&self, b: &mut Builder, rows: &Rows, values: &str) -> String {
        let axis = match self.axis {
            SiteAxis::Whole | SiteAxis::Rows(0) => {
                return b.op("Reshape", &[values, &self.sizes]);
            }
            SiteAxis::Rows(axis) => axis as i64,
        };
        let rank = self.rank as i64;
        let slices = b.ints(&[-1]);
        let mut parts = vec![rows.count.clone(), slices];
        let others: Vec<i64> = (0..rank).filter(|&i| i != axis).collect();
        let at = b.ints(&others);
        parts.push(b.gather(&self.sizes, &at, 0));
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        let sizes = b.concat(&parts, 0);
        let values = b.op("Reshape", &[values, &sizes]);
        let before = (0..axis).map(|i| i + 2);
        let behind = (axis + 2)..=rank;
        let order: Vec<i64> = before.chain([0, 1]).chain(behind).collect();
        let moved = b.op_with(
            "Transpose",
            &[&values],
            vec![proto::Attribute::ints("perm", &order)],
        );
        b.op("Reshape", &[&moved, &self.sizes])
    }
}

fn mask_sizes(b: &mut Builder, shape: &str, axes: &[i64], axis: SiteAxis) -> String {
    let rank = b.op("Shape", &[shape]);
    let one = initializer("", I64, &[1], &1_i64.to_le_bytes());
    let single = b.op_with(
        "ConstantOfShape",
        &[&rank],
        vec![proto::Attribute::tensor("value", one)],
    );
    let mut kept = axes.to_vec();
    if let SiteAxis::Rows(axis) = axis {
        kept.insert(0, axis as i64);
    }
    if kept.is_empty() {
        return single;
    }
    let at = b.ints(&kept);
    let sizes = b.gather(shape, &at, 0);
    b.op_with(
        "ScatterElements",
        &[&single, &at, &sizes],
        vec![proto::Attribute::int("axis", 0)],
    )
}
