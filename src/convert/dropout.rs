//! Dropout in standard operators: one random word per unit and block of samples, a mask per image.

use std::collections::HashMap;

use super::conversion::DrawContext;
use super::draw_location::DrawLocation;
use super::generator::{MAPS, range, shifted, spread, squares, strata};
use super::unit_layout::UnitLayout;
use crate::graph::{ActiveSite, Mask};
use crate::onnx::ElementType::{Bool, F16, F32, I32};
use crate::onnx::build::NodeBuilder;
use crate::random::{BLOCK, Draws, threshold};

/// Entries of a table that one sample has: two for each map.
const STEP: i64 = 2 * MAPS;

/// Tables of the factors and shifts of units, shared by all sites with the same numbers.
#[derive(Debug, Default)]
pub(super) struct Tables {
    strata: Option<String>,
    made: HashMap<(u64, [u32; 3]), String>,
}

impl Tables {
    /// Returns the table with a value for every [`index`]: `off` for images of the deterministic
    /// pass, else `dropped` or `kept`. It is built when it is first needed.
    fn values(
        &mut self,
        b: &mut NodeBuilder,
        draws: Draws,
        ratio: f32,
        [dropped, kept, off]: [f32; 3],
    ) -> String {
        // The table depends on whole strata only; the rest is in the index of the unit.
        let strata_dropped = match draws {
            Draws::Stratified => limit(ratio) >> 32,
            Draws::Independent => u64::MAX,
        };
        let key = (strata_dropped, [dropped, kept, off].map(f32::to_bits));
        if let Some(table) = self.made.get(&key) {
            return table.clone();
        }
        let table = match draws {
            Draws::Independent => b.floats(&[kept, dropped, off, off]),
            Draws::Stratified => {
                let strata = self.strata(b);
                let limits = [strata_dropped as i64 + 1, strata_dropped as i64];
                let limits = b.ints(&limits);
                let is_dropped = b.op("Less", &[&strata, &limits]);
                let is_dropped = b.reshape(&is_dropped, &[-1]);
                let [dropped, kept] = [dropped, kept].map(|value| b.float(value));
                let values = b.op("Where", &[&is_dropped, &dropped, &kept]);
                let off = b.float(off);
                let step = b.ints(&[STEP]);
                let off = b.op("Expand", &[&off, &step]);
                b.concat(&[&values, &off], 0)
            }
        };
        self.made.insert(key, table.clone());
        table
    }

    fn strata(&mut self, b: &mut NodeBuilder) -> String {
        if let Some(strata) = &self.strata {
            return strata.clone();
        }
        let made = strata(b);
        let made = b.reshape(&made, &[BLOCK as i64, MAPS, 1]);
        self.strata = Some(made.clone());
        made
    }

    /// Builds the tables that [`dropout`] needs for a draw, so that subgraphs can read them.
    pub(super) fn prepare(
        &mut self,
        b: &mut NodeBuilder,
        draws: Draws,
        active: &ActiveSite,
    ) {
        let values = active.values;
        let ratio = active.ratio;
        self.values(b, draws, ratio, [0.0, values.scale, 1.0]);
        if values.shift != 0.0 {
            self.values(b, draws, ratio, [0.0, values.shift, 0.0]);
        }
    }
}

/// Returns 31 thresholds: a unit is dropped if its position in all strata together is below it.
fn limit(ratio: f32) -> u64 {
    BLOCK as u64 * threshold(ratio).unwrap_or(0)
}

/// Replaces a draw by a dropout.
pub(super) fn dropout(
    b: &mut NodeBuilder,
    context: &DrawContext,
    mask: &Mask,
    tables: &mut Tables,
) {
    let DrawContext { batch, keys, active, location } = *context;
    let (x, ratio) = (&active.input, active.ratio);
    let shape = b.op("Shape", &[x]);
    let axes = mask.axes.as_deref();
    let layout = UnitLayout::build(b, batch, &shape, axes, location);
    let key = keys.of(b, active.key, location.iteration.as_deref());
    let unit = range(b, &layout.units);
    let words = squares(b, &unit, &key);
    let index = index(b, &words, ratio, keys.draws);
    let index = b.gather(&index, &keys.pair, 0);
    let step = b.int(if keys.draws == Draws::Stratified { STEP } else { 2 });
    let first = b.op("Mul", &[&keys.bit, &step]);
    let first = b.cast(&first, I32);
    let first = b.reshape(&first, &[-1, 1]);
    let index = b.op("Add", &[&index, &first]);
    let values = active.values;
    let factors = tables.values(b, keys.draws, ratio, [0.0, values.scale, 1.0]);
    let factors = b.gather(&factors, &index, 0);
    let factors = layout.scatter(b, batch, &factors);
    let shifts = (values.shift != 0.0).then(|| {
        let shifts = tables.values(b, keys.draws, ratio, [0.0, values.shift, 0.0]);
        let shifts = b.gather(&shifts, &index, 0);
        layout.scatter(b, batch, &shifts)
    });
    let is_kept = b.cast(&factors, Bool);
    apply(b, active, location, &UnitValues { factors, shifts, is_kept });
}

/// Tensors with a value for each unit of a mask.
pub(super) struct UnitValues {
    pub(super) factors: String,
    /// Summands of alpha dropout.
    pub(super) shifts: Option<String>,
    /// False if the unit is dropped.
    pub(super) is_kept: String,
}

/// Applies a mask to the tensor of a draw.
pub(super) fn apply(
    b: &mut NodeBuilder,
    active: &ActiveSite,
    location: &DrawLocation,
    units: &UnitValues,
) {
    let (x, name, output) = (&active.input, &location.name, &active.output);
    let is_half = location.element_type == F16;
    let wide = if is_half { b.cast(x, F32) } else { x.clone() };
    let mut kept = b.op("Mul", &[&wide, &units.factors]);
    if let Some(shifts) = &units.shifts {
        kept = b.op("Add", &[&kept, shifts]);
    }
    if is_half {
        kept = b.cast(&kept, F16);
    }
    if b.opset() < NodeBuilder::FIRST_WITH_WHERE {
        let element_type = if is_half { F16 } else { F32 };
        let is_kept = b.cast(&units.is_kept, element_type);
        return b.named("Mul", &[&kept, &is_kept], name, output);
    }
    let dropped = active.values.dropped;
    let dropped = if is_half { b.half(dropped) } else { b.float(dropped) };
    b.named("Where", &[&units.is_kept, &kept, &dropped], name, output);
}

/// Returns each word's index into the table for the first sample, as `int32`.
fn index(b: &mut NodeBuilder, words: &str, ratio: f32, draws: Draws) -> String {
    match draws {
        Draws::Independent => {
            let threshold = b.int(threshold(ratio).unwrap_or(0) as i64);
            let is_dropped = b.op("Less", &[words, &threshold]);
            b.cast(&is_dropped, I32)
        }
        Draws::Stratified => {
            let spread = spread(b, words);
            let map = shifted(b, &spread);
            let map = b.cast(&map, I32);
            // Carries into the map if the position is not below the rest of the limit.
            let rest = b.int((1 << 32) - i64::from(limit(ratio) as u32));
            let carried = b.op("Add", &[&spread, &rest]);
            let carried = shifted(b, &carried);
            let carried = b.cast(&carried, I32);
            b.op("Add", &[&map, &carried])
        }
    }
}
