//! The quantities of a run that have maps, and the scales of these.

use std::collections::HashSet;

use super::folder::Run;
use crate::measure::{Measure, Range};
use crate::output::heat_map::{Scale, Spacing};
use crate::record::{MapScale, OutputRecord};
use crate::task::Quantity;

/// Returns the quantities that may have maps according to the record.
pub(super) fn with_maps(run: &Run) -> Vec<Quantity> {
    let Some((record, task)) = run.record.as_ref().zip(run.task.as_ref()) else {
        return Vec::new();
    };
    let output = &record.output;
    let is_in = |list: &[String], name: &str| list.iter().any(|known| known == name);
    let kept = output.keep_probabilities.is_some();
    let is_there = |measure: &&Measure| {
        is_in(&output.maps, measure.name)
            || (kept && is_in(&output.measures, measure.name))
    };
    let measures: Vec<&Measure> = task.task.measures.iter().filter(is_there).collect();
    task.quantities(&measures)
}

/// Returns the scale of a quantity in the pictures of a run: up to the bound of the measure, or that
/// of the record. `None` if the record does not state it, or if a later version of mcdrop wrote it with
/// other formulas.
pub(crate) fn scale(run: &Run, quantity: &Quantity) -> Option<Scale> {
    let output = &run.record.as_ref()?.output;
    let spacing = Spacing::of(output.has_square_root_levels(&quantity.name)?);
    let scale = match (quantity.measure.range, output.map_scale) {
        (Range::Fixed(_), MapScale::Fixed) => {
            Some(Scale::up_to(quantity.upper_bound(output.n_classes)))
        }
        _ => recorded_scale(output, &quantity.name),
    };
    scale.map(|scale| scale.with_spacing(spacing))
}

/// Returns the names of the quantities with maps for which the record has no scale.
pub(super) fn without_scale(run: &Run) -> HashSet<String> {
    let all = with_maps(run).into_iter();
    all.filter(|one| scale(run, one).is_none()).map(|one| one.name).collect()
}

fn recorded_scale(output: &OutputRecord, name: &str) -> Option<Scale> {
    let high = *output.bounds.get(name)? as f32;
    let low = output.lower_bounds.get(name).copied().unwrap_or_default() as f32;
    let scale = Scale::new(low, high);
    (scale.length().is_finite() && scale.length() > 0.0).then_some(scale)
}
