//! Kernels that draw one 32-bit word per unit; bit *t* is set if sample *t* drops the unit.

use std::fmt;

use super::{BLOCK, squares32};
use crate::simd::Isa;

/// Units in a step of the kernels: their indices are computed before any is looked up.
const STEP: usize = 64;

/// Number of affine maps `i → a i + c` modulo [`BLOCK`], `a` from 1, `c` from 0.
const MAPS: usize = BLOCK * (BLOCK - 1);

/// Entries of the table: two per map, padded to a power of two so that no index is out of bounds.
const ENTRIES: usize = (2 * MAPS).next_power_of_two();

/// Words of stratified draws for one ratio.
///
/// A unit's random word decides a map and a position inside each stratum. In sample `i` the unit is
/// dropped if and only if `2³² stratum(i) + place < 31 P`, where `P` is the threshold. With `31 P = 2³² A +
/// B` that is `stratum(i) < A`, or `stratum(i) = A` and `place < B`: it depends on the map and on
/// whether `place < B`, which leaves 930 × 2 words of 31 bits to tabulate.
#[derive(Clone)]
pub struct MaskTable {
    words: Box<[u32; ENTRIES]>,
    /// `B`: a unit whose position is below it is dropped in stratum `A`.
    place_limit: u32,
    isa: Isa,
}

impl MaskTable {
    /// Builds the table for a threshold ([`threshold`](super::threshold)).
    pub fn new(threshold: u64) -> Self {
        Self::with_isa(threshold, Isa::detect())
    }

    /// Builds the table for a threshold, to be used with an instruction set.
    pub(super) fn with_isa(threshold: u64, isa: Isa) -> Self {
        let limit = BLOCK as u64 * threshold;
        let full_strata = (limit >> 32) as usize;
        let mut words = Box::new([0; ENTRIES]);
        for map in 0..MAPS {
            for below in 0..2 {
                words[2 * map + below] = map_word(map, full_strata + below);
            }
        }
        Self { words, place_limit: limit as u32, isa }
    }

    /// Fills in the words of the units from `first_unit` on: bit `i` is set if the unit is dropped
    /// in sample `i` of the block that `key` is for.
    pub fn words(&self, key: u64, first_unit: u64, out: &mut [u32]) {
        self.isa.run(
            #[inline(always)]
            || self.fill(key, first_unit, out),
        );
    }

    #[inline(always)]
    fn fill(&self, key: u64, first_unit: u64, out: &mut [u32]) {
        let (steps, rest) = out.as_chunks_mut::<STEP>();
        let mut unit = first_unit;
        for step in steps {
            let indices = self.indices(key, unit);
            for (word, index) in step.iter_mut().zip(indices) {
                *word = self.words[index as usize % ENTRIES];
            }
            unit = unit.wrapping_add(STEP as u64);
        }
        for (word, index) in rest.iter_mut().zip(self.indices(key, unit)) {
            *word = self.words[index as usize % ENTRIES];
        }
    }

    /// Indices of the words of a step of units in the table.
    #[inline(always)]
    fn indices(&self, key: u64, first_unit: u64) -> [u32; STEP] {
        let mut indices = [0; STEP];
        for lane in 0..STEP {
            let random = squares32(first_unit.wrapping_add(lane as u64), key);
            let spread = u64::from(random) * MAPS as u64;
            let (map, place) = ((spread >> 32) as u32, spread as u32);
            indices[lane] = 2 * map + u32::from(place < self.place_limit);
        }
        indices
    }
}

impl fmt::Debug for MaskTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MaskTable")
            .field("place_limit", &self.place_limit)
            .field("isa", &self.isa)
            .finish_non_exhaustive()
    }
}

/// Returns the word of a map, if the strata below `dropped_strata` are dropped.
fn map_word(map: usize, dropped_strata: usize) -> u32 {
    let (a, c) = (1 + map % (BLOCK - 1), map / (BLOCK - 1));
    (0..BLOCK)
        .filter(|i| (a * i + c) % BLOCK < dropped_strata)
        .fold(0, |word, i| word | 1 << i)
}

/// Fills in bit `bit` of the words of the units from `first_unit` on, for independent draws: it is
/// set if the unit is dropped in the sample that `key` is for. Other bits are not changed.
///
/// Words that start as zeros and get one bit per sample can be applied like those of a block.
pub fn independent_words(
    threshold: u64,
    key: u64,
    first_unit: u64,
    bit: u32,
    out: &mut [u32],
) {
    independent_words_with(Isa::detect(), threshold, [key, first_unit], bit, out);
}

pub(super) fn independent_words_with(
    isa: Isa,
    threshold: u64,
    [key, first_unit]: [u64; 2],
    bit: u32,
    out: &mut [u32],
) {
    isa.run(
        #[inline(always)]
        || {
            let kept = !1u32.wrapping_shl(bit);
            for (unit, word) in out.iter_mut().enumerate() {
                let random = squares32(first_unit.wrapping_add(unit as u64), key);
                let dropped = u32::from(u64::from(random) < threshold);
                *word = *word & kept | dropped.wrapping_shl(bit);
            }
        },
    );
}
