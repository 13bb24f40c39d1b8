//! Masks as a caller would give them, from the definition.

use crate::error::Result;
use crate::graph::{SiteAxis, StochasticNode};
use crate::random::{Stream, dropped, keep_scale, threshold};
use crate::runtime::Value;
use crate::sampling::ProbedModel;

/// A mask for each site of the plan, for one sample of an image with key 0 in a run of `rows`
/// rows; 1 where all draws are off.
pub(super) fn given(
    probed: &ProbedModel,
    (size, rows): ((usize, usize), usize),
    sample: i64,
) -> Result<Vec<Value>> {
    let shapes = probed.draw_shapes(size)?;
    let plan = probed.plan();
    let numbers = plan.probed();
    let mut masks = Vec::new();
    for site in 0..plan.sites().len() {
        let first = numbers.iter().position(|&number| plan.active()[number].site == site);
        let Some((place, number)) = first.map(|place| (place, numbers[place])) else {
            masks.push(Value::from_f32(&[1], vec![1.0])?);
            continue;
        };
        let active = &plan.active()[number];
        let axis = probed.axes()[number];
        let sizes = match &active.draw {
            StochasticNode::Dropout(mask) => {
                mask_sizes(&shapes[place], mask.axes.as_deref(), axis)
            }
            _ => Vec::new(),
        };
        let stream = Stream {
            draws: probed.options().draws,
            seed: probed.options().seed,
            site: active.key,
            image: 0,
            iteration: 0,
        };
        let limit = threshold(active.ratio).unwrap_or(0);
        let factor = |unit: usize| match u32::try_from(sample) {
            Err(_) => 1.0,
            Ok(sample) if dropped(&stream, limit, sample, unit as u64) => 0.0,
            Ok(_) => keep_scale(active.ratio),
        };
        let units = units(&sizes, axis, rows);
        masks.push(Value::from_f32(&sizes, units.into_iter().map(factor).collect())?);
    }
    Ok(masks)
}

fn mask_sizes(shape: &[usize], axes: Option<&[i64]>, axis: SiteAxis) -> Vec<usize> {
    let varies = |i: usize| {
        axis == SiteAxis::Rows(i)
            || axes.is_none_or(|axes| axes.contains(&(i as i64 - shape.len() as i64)))
    };
    (0..shape.len()).map(|i| if varies(i) { shape[i] } else { 1 }).collect()
}

/// The unit of each element of a mask.
fn units(sizes: &[usize], axis: SiteAxis, rows: usize) -> Vec<usize> {
    let count: usize = sizes.iter().product();
    let SiteAxis::Rows(axis) = axis else { return (0..count).collect() };
    let outer: usize = sizes[..axis].iter().product();
    let inner: usize = sizes[axis + 1..].iter().product();
    let slices = sizes[axis] / rows.max(1);
    let unit = |i: usize| {
        let (block, within) = (i / inner / sizes[axis], i % inner);
        let slice = i / inner % sizes[axis] % slices.max(1);
        (slice * outer + block) * inner + within
    };
    (0..count).map(unit).collect()
}
