//! The histogram of one score over one image, before it is added to any other.

use super::bins::{Resolution, mark};
use super::histogram::Bin;
use super::items::{RIGHT, UNLABELED, WRONG};

/// Counts of a bin.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    /// By outcome.
    counts: [u32; 3],
    marks: u32,
    sum: u64,
}

/// Counters of all bins of a resolution, of which an image fills some.
#[derive(Debug)]
pub(super) struct HistogramBuilder {
    resolution: Resolution,
    cells: Vec<Cell>,
    filled: Vec<u32>,
}

impl HistogramBuilder {
    pub(super) fn new(resolution: Resolution) -> Self {
        let cells = vec![Cell::default(); resolution.n_bins()];
        Self { resolution, cells, filled: Vec::new() }
    }

    /// Adds an item.
    #[inline(always)]
    pub(super) fn put(&mut self, score: f32, outcome: u8, sum: u64) {
        let bin = self.resolution.bin(score);
        let cell = &mut self.cells[bin];
        if cell.counts == [0; 3] {
            self.filled.push(bin as u32);
        }
        let outcome = outcome.min(UNLABELED);
        cell.counts[usize::from(outcome)] += 1;
        cell.marks |= if outcome == UNLABELED { 0 } else { mark(score) };
        cell.sum += sum;
    }

    /// The score of a rank from 0 among all items that were put, which are those given; 0
    /// where there is none.
    pub(super) fn of_rank(&mut self, mut rank: usize, scores: &[f32]) -> f32 {
        self.filled.sort_unstable();
        for &bin in &self.filled {
            let counts = self.cells[bin as usize].counts;
            let count = counts.iter().map(|&count| count as usize).sum();
            if rank < count {
                let resolution = self.resolution;
                let is_inside = |&&score: &&f32| resolution.bin(score) == bin as usize;
                let mut inside: Vec<f32> =
                    scores.iter().filter(is_inside).copied().collect();
                let (_, score, _) = inside.select_nth_unstable_by(rank, f32::total_cmp);
                return *score;
            }
            rank -= count;
        }
        0.0
    }

    /// The bins with labeled items, in ascending order; the counters are empty afterwards.
    pub(super) fn take(&mut self) -> Vec<Bin> {
        self.filled.sort_unstable();
        let mut bins = Vec::with_capacity(self.filled.len());
        for index in self.filled.drain(..) {
            let Cell { counts, marks, sum } =
                std::mem::take(&mut self.cells[index as usize]);
            let [right, wrong] =
                [RIGHT, WRONG].map(|outcome| counts[usize::from(outcome)]);
            if right + wrong > 0 {
                bins.push(Bin { index, right, wrong, marks, sum });
            }
        }
        bins
    }
}
