//! Positions of the units of each image in a tensor, as in the sampler's operators.

use super::draw_location::DrawLocation;
use super::generator::product;
use super::keys::BatchTensors;
use crate::graph::SiteAxis;
use crate::onnx::ElementType::I64;
use crate::onnx::build::{NodeBuilder, initializer};
use crate::onnx::proto;

/// Positions of the units of a draw in its tensor.
#[derive(Debug)]
pub(super) struct UnitLayout {
    /// Sizes of the mask: those of the tensor, or 1 along axes that it does not vary along.
    sizes: String,
    /// Number of units per image, without axes.
    pub(super) units: String,
    axis: SiteAxis,
    /// Number of axes of the tensor, if the images' axis is not the first.
    rank: usize,
}

impl UnitLayout {
    /// Computes the layout. `shape` holds the tensor's sizes. The mask varies along `mask_axes`
    /// (counted from the last, -1; all if there is no list) and along the slices of the images'
    /// axis that belong to one image.
    pub(super) fn build(
        b: &mut NodeBuilder,
        batch: &BatchTensors,
        shape: &str,
        mask_axes: Option<&[i64]>,
        location: &DrawLocation,
    ) -> Self {
        let (axis, rank) = (location.axis, location.rank);
        let sizes = match mask_axes {
            None => shape.to_owned(),
            Some(axes) => mask_sizes(b, shape, axes, axis),
        };
        let all = product(b, &sizes);
        let units = match axis {
            SiteAxis::Whole => all,
            SiteAxis::Rows(_) => b.op("Div", &[&all, &batch.number]),
        };
        Self { sizes, units, axis, rank }
    }

    /// Moves values of the units `[N, units]` to their positions in the tensor.
    pub(super) fn scatter(
        &self,
        b: &mut NodeBuilder,
        batch: &BatchTensors,
        values: &str,
    ) -> String {
        let axis = match self.axis {
            SiteAxis::Whole | SiteAxis::Rows(0) => {
                return b.op("Reshape", &[values, &self.sizes]);
            }
            SiteAxis::Rows(axis) => axis as i64,
        };
        let rank = self.rank as i64;
        let slices = b.ints(&[-1]);
        let mut parts = vec![batch.count.clone(), slices];
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

fn mask_sizes(b: &mut NodeBuilder, shape: &str, axes: &[i64], axis: SiteAxis) -> String {
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
