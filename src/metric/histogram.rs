//! Histograms of scores: right and wrong items per bin, added as integers.

mod bins;
mod fixed_point;

pub(super) use bins::{LIMIT, Resolution, is_mixed};
pub(super) use fixed_point::{ONE, number, size, units};

use bins::mark;

/// Outcome of an item whose label equals the prediction.
pub(super) const RIGHT: u8 = 0;
/// Outcome of an item whose label differs from the prediction.
pub(super) const WRONG: u8 = 1;
/// Outcome of an item without a label.
pub(super) const UNLABELED: u8 = 2;

/// Items that share a score, or a bin of scores; the input of ranking metrics. Lists of groups
/// are in ascending order of the score: the most certain items come first.
///
/// Counts are whole numbers below 2⁵³ and therefore exact, except if a loss between 0 and 1 is
/// split into a wrong and a right part.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Group {
    /// Items that are right (inside the distribution).
    pub(super) right: f64,
    /// Items that are wrong (outside the distribution).
    pub(super) wrong: f64,
    /// True if the scores differ, so that the true order inside the group is unknown.
    pub(super) is_mixed: bool,
}

impl Group {
    /// Returns the number of items.
    pub(super) fn count(&self) -> f64 {
        self.right + self.wrong
    }
}

/// Returns the numbers of right and of wrong items.
pub(super) fn totals(groups: &[Group]) -> (f64, f64) {
    groups.iter().fold((0.0, 0.0), |(right, wrong), group| {
        (right + group.right, wrong + group.wrong)
    })
}

/// Contribution of one image to one bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Bin {
    /// Index at the resolution of the histogram.
    pub(super) index: u32,
    /// Items that count as right (inside the distribution, accurate).
    pub(super) right: u32,
    /// Items that count as wrong (outside the distribution, inaccurate).
    pub(super) wrong: u32,
    /// Marks of the scores, combined by OR ([`bins::mark`]).
    pub(super) marks: u32,
    /// Sum of a second quantity over the items, in units.
    pub(super) sum: u64,
}

/// Optional parts of a histogram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HistogramParts {
    /// Keeps sums of a second quantity.
    pub(super) sums: bool,
    /// Keeps marks, which distinguish bins with one value from bins with several.
    pub(super) marks: bool,
}

/// Counts of right and wrong items by score.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Histogram {
    resolution: Resolution,
    right: Vec<u64>,
    wrong: Vec<u64>,
    sums: Vec<u128>,
    marks: Vec<u32>,
}

impl Histogram {
    pub(super) fn new(resolution: Resolution, parts: HistogramParts) -> Self {
        let n = resolution.n_bins();
        Self {
            resolution,
            right: vec![0; n],
            wrong: vec![0; n],
            sums: vec![0; if parts.sums { n } else { 0 }],
            marks: vec![0; if parts.marks { n } else { 0 }],
        }
    }

    pub(super) fn resolution(&self) -> Resolution {
        self.resolution
    }

    /// Returns true if sums of a second quantity are kept.
    pub(super) fn has_sums(&self) -> bool {
        !self.sums.is_empty()
    }

    /// Adds an image `weight` times.
    pub(super) fn add(&mut self, bins: &[Bin], weight: u64) {
        for bin in bins {
            let i = bin.index as usize;
            self.right[i] += u64::from(bin.right) * weight;
            self.wrong[i] += u64::from(bin.wrong) * weight;
            if let Some(sum) = self.sums.get_mut(i) {
                *sum += u128::from(bin.sum) * u128::from(weight);
            }
            if let Some(marks) = self.marks.get_mut(i) {
                *marks |= bin.marks;
            }
        }
    }

    /// Adds another histogram of the same resolution and parts.
    pub(super) fn merge(&mut self, other: &Self) {
        self.right.iter_mut().zip(&other.right).for_each(|(to, from)| *to += from);
        self.wrong.iter_mut().zip(&other.wrong).for_each(|(to, from)| *to += from);
        self.sums.iter_mut().zip(&other.sums).for_each(|(to, from)| *to += from);
        self.marks.iter_mut().zip(&other.marks).for_each(|(to, from)| *to |= from);
    }

    /// Returns the bins that are not empty, in ascending order of the score.
    pub(super) fn groups(&self) -> Vec<Group> {
        self.filled(self.right.len())
            .map(|bin| Group {
                right: self.right[bin] as f64,
                wrong: self.wrong[bin] as f64,
                is_mixed: self.is_mixed(bin),
            })
            .collect()
    }

    /// Returns the bins that are not empty with the sums of the second quantity, in ascending
    /// order of the score.
    pub(super) fn summed(&self) -> Vec<SummedBin> {
        self.filled(self.sums.len())
            .map(|bin| SummedBin {
                bin,
                right: self.right[bin],
                count: self.right[bin] + self.wrong[bin],
                sum: self.sums[bin],
                is_mixed: self.is_mixed(bin),
            })
            .collect()
    }

    fn filled(&self, end: usize) -> impl Iterator<Item = usize> {
        (0..end).filter(|&bin| self.right[bin] + self.wrong[bin] > 0)
    }

    fn is_mixed(&self, bin: usize) -> bool {
        self.marks.get(bin).is_some_and(|&marks| is_mixed(marks))
    }

    /// Returns the numbers of right and of wrong items in a bin.
    pub(super) fn counts(&self, bin: usize) -> (u64, u64) {
        (self.right[bin], self.wrong[bin])
    }

    /// Returns the size in bytes.
    pub(super) fn bytes(&self) -> usize {
        16 * self.right.len() + 16 * self.sums.len() + 4 * self.marks.len()
    }
}

/// A bin that is not empty, with the sum of the second quantity.
#[derive(Debug, Clone, Copy)]
pub(super) struct SummedBin {
    /// Index of the bin.
    pub(super) bin: usize,
    /// Number of right items.
    pub(super) right: u64,
    /// Number of all items.
    pub(super) count: u64,
    /// Sum of the second quantity, in units.
    pub(super) sum: u128,
    /// True if the scores in the bin differ.
    pub(super) is_mixed: bool,
}

/// Returns the same items in coarser bins.
pub(super) fn coarsen(bins: &[Bin], from: Resolution, to: Resolution) -> Vec<Bin> {
    let mut coarse: Vec<Bin> = Vec::new();
    for bin in bins {
        let index = to.of_finer(bin.index as usize, from) as u32;
        match coarse.last_mut().filter(|last| last.index == index) {
            Some(last) => {
                last.right += bin.right;
                last.wrong += bin.wrong;
                last.marks |= bin.marks;
                last.sum += bin.sum;
            }
            None => coarse.push(Bin { index, ..*bin }),
        }
    }
    coarse
}

/// Counts of one bin during the pass over an image.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    /// Number of items by outcome.
    counts: [u32; 3],
    marks: u32,
    sum: u64,
}

/// Counts the scores of one image; few bins are filled, and only these are visited.
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

    /// Returns the score with this rank, counted from 0, among `scores`, which are exactly the
    /// scores added so far; 0 if there are fewer.
    pub(super) fn of_rank(&mut self, mut rank: usize, scores: &[f32]) -> f32 {
        self.filled.sort_unstable();
        for &bin in &self.filled {
            let counts = self.cells[bin as usize].counts;
            let count = counts.iter().map(|&count| count as usize).sum();
            if rank < count {
                let mut inside: Vec<f32> = scores
                    .iter()
                    .copied()
                    .filter(|&score| self.resolution.bin(score) == bin as usize)
                    .collect();
                return *inside.select_nth_unstable_by(rank, f32::total_cmp).1;
            }
            rank -= count;
        }
        0.0
    }

    /// Returns the bins with labeled items, in ascending order, and empties the builder.
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

/// Walks along sorted bins and sums their first items.
#[derive(Debug)]
pub(super) struct CumulativeItems<'a> {
    bins: &'a [SummedBin],
    next: usize,
    count: u64,
    right: u64,
    sum: u128,
}

/// Sums over the first items of a sorted list.
#[derive(Debug, Clone, Copy)]
pub(super) struct ItemPrefix {
    /// Number of right items.
    pub(super) right: f64,
    /// Sum of the second quantity.
    pub(super) sum: f64,
    /// The bin of which only a part belongs to the prefix.
    pub(super) cut: Option<PartialBin>,
}

/// A bin of which some items belong to a prefix; each item belongs to it with the same share.
#[derive(Debug, Clone, Copy)]
pub(super) struct PartialBin {
    /// The whole bin.
    pub(super) bin: SummedBin,
    /// Number of its items that belong to the prefix.
    pub(super) taken: u64,
}

impl<'a> CumulativeItems<'a> {
    pub(super) fn new(bins: &'a [SummedBin]) -> Self {
        Self { bins, next: 0, count: 0, right: 0, sum: 0 }
    }

    /// Returns the number of all items.
    pub(super) fn count(&self) -> u64 {
        self.bins.iter().map(|bin| bin.count).sum()
    }

    /// Returns the sums over the first `n` items; `n` must not decrease from call to call.
    pub(super) fn first(&mut self, n: u64) -> ItemPrefix {
        while let Some(bin) = self.bins.get(self.next) {
            if self.count + bin.count > n {
                break;
            }
            self.count += bin.count;
            self.right += bin.right;
            self.sum += bin.sum;
            self.next += 1;
        }
        let taken = n - self.count;
        let cut = self.bins.get(self.next).filter(|_| taken > 0);
        let cut = cut.map(|&bin| PartialBin { bin, taken });
        let (mut right, mut sum) = (self.right as f64, number(self.sum));
        if let Some(PartialBin { bin, taken }) = cut {
            let share = taken as f64 / bin.count as f64;
            right += share * bin.right as f64;
            sum += share * number(bin.sum);
        }
        ItemPrefix { right, sum, cut }
    }
}
