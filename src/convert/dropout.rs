//! Dropout in standard operators: words once a unit and turn, a mask for every row.

use std::collections::HashMap;

use super::builder::Builder;
use super::generator::{MAPS, range, shifted, spread, squares, strata};
use super::keys::{Keys, Rows};
use super::layout::Layout;
use super::place::Place;
use crate::graph::{ActiveSite, Mask};
use crate::onnx::ElementType::{Bool, F16, F32, I32};
use crate::random::{BLOCK, Draws, threshold};

/// Entries of a table that one sample has: two for each map.
const STEP: i64 = 2 * MAPS;

/// Factors and shifts of units by what was drawn, made once for all sites that share them.
#[derive(Debug, Default)]
pub(super) struct Tables {
    strata: Option<String>,
    made: HashMap<(u64, [u32; 3]), String>,
}

impl Tables {
    /// For every number that [`index`] gives: `off` for rows of the deterministic pass, else
    /// one value for a dropped unit and one for a kept one. Built where it is first needed.
    fn values(
        &mut self,
        b: &mut Builder,
        (draws, ratio): (Draws, f32),
        [dropped, kept, off]: [f32; 3],
    ) -> String {
        // Only whole strata count for the table; the rest is the unit's own place.
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

    fn strata(&mut self, b: &mut Builder) -> String {
        if let Some(strata) = &self.strata {
            return strata.clone();
        }
        let made = strata(b);
        let made = b.reshape(&made, &[BLOCK as i64, MAPS, 1]);
        self.strata = Some(made.clone());
        made
    }

    /// Builds what [`dropout`] will need of these draws, so that bodies find it around them.
    pub(super) fn prepare(&mut self, b: &mut Builder, draws: Draws, active: &ActiveSite) {
        let values = active.values;
        let drawn = (draws, active.ratio);
        self.values(b, drawn, [0.0, values.scale, 1.0]);
        if values.shift != 0.0 {
            self.values(b, drawn, [0.0, values.shift, 0.0]);
        }
    }
}

/// 31 thresholds: below it lies a dropped unit's place in all strata together.
fn limit(ratio: f32) -> u64 {
    BLOCK as u64 * threshold(ratio).unwrap_or(0)
}

/// Puts a dropout in place of a draw.
pub(super) fn dropout(
    b: &mut Builder,
    (rows, keys, tables): (&Rows, &Keys, &mut Tables),
    (active, mask): (&ActiveSite, &Mask),
    place: &Place,
) {
    let x = &active.input;
    let shape = b.op("Shape", &[x]);
    let layout =
        Layout::build(b, rows, &shape, (mask.axes.as_deref(), place.axis, place.rank));
    let key = keys.of(b, active.key, place.iteration.as_deref());
    let unit = range(b, &layout.units);
    let words = squares(b, &unit, &key);
    let index = index(b, &words, active.ratio, keys.draws);
    let index = b.gather(&index, &keys.pair, 0);
    let step = b.int(if keys.draws == Draws::Stratified { STEP } else { 2 });
    let first = b.op("Mul", &[&keys.bit, &step]);
    let first = b.cast(&first, I32);
    let first = b.reshape(&first, &[-1, 1]);
    let index = b.op("Add", &[&index, &first]);
    let drawn = (keys.draws, active.ratio);
    let values = active.values;
    let factors = tables.values(b, drawn, [0.0, values.scale, 1.0]);
    let factors = b.gather(&factors, &index, 0);
    let factors = layout.place(b, rows, &factors);
    let shifts = (values.shift != 0.0).then(|| {
        let shifts = tables.values(b, drawn, [0.0, values.shift, 0.0]);
        let shifts = b.gather(&shifts, &index, 0);
        layout.place(b, rows, &shifts)
    });
    let is_kept = b.cast(&factors, Bool);
    let is_half = place.element_type == F16;
    let wide = if is_half { b.cast(x, F32) } else { x.clone() };
    let mut kept = b.op("Mul", &[&wide, &factors]);
    if let Some(shifts) = &shifts {
        kept = b.op("Add", &[&kept, shifts]);
    }
    let dropped = if is_half {
        kept = b.cast(&kept, F16);
        b.half(values.dropped)
    } else {
        b.float(values.dropped)
    };
    b.named("Where", &[&is_kept, &kept, &dropped], (&place.name, &active.output));
}

/// For each unit's word the entry of its table in the first sample, as `int32`.
fn index(b: &mut Builder, words: &str, ratio: f32, draws: Draws) -> String {
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
            // Carries into the map where the place is not below the rest of the limit.
            let rest = b.int((1 << 32) - i64::from(limit(ratio) as u32));
            let carried = b.op("Add", &[&spread, &rest]);
            let carried = shifted(b, &carried);
            let carried = b.cast(&carried, I32);
            b.op("Add", &[&map, &carried])
        }
    }
}
