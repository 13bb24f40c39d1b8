//! Histograms of scores: right and wrong items of each bin, added as integers.

use super::bins::{self, Resolution};
use super::group::Group;

/// What an image adds to one bin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Bin {
    /// Its number, at the resolution of the histogram.
    pub(super) index: u32,
    /// Items that count as right (inside the distribution, accurate).
    pub(super) right: u32,
    /// Items that count as wrong (outside the distribution, inaccurate).
    pub(super) wrong: u32,
    /// The marks of their scores ([`bins::mark`]).
    pub(super) marks: u32,
    /// The sum of another quantity over the items, in units.
    pub(super) sum: u64,
}

/// What a histogram holds beside its counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HistogramParts {
    /// Sums of another quantity.
    pub(super) sums: bool,
    /// Marks that tell bins of one value from bins of several.
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
    pub(super) fn new(resolution: Resolution, holds: HistogramParts) -> Self {
        let n = resolution.n_bins();
        Self {
            resolution,
            right: vec![0; n],
            wrong: vec![0; n],
            sums: vec![0; if holds.sums { n } else { 0 }],
            marks: vec![0; if holds.marks { n } else { 0 }],
        }
    }

    pub(super) fn resolution(&self) -> Resolution {
        self.resolution
    }

    /// Whether there are sums of another quantity.
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

    /// Adds another histogram of the same kind.
    pub(super) fn merge(&mut self, other: &Self) {
        let add = |to: &mut [u64], from: &[u64]| {
            to.iter_mut().zip(from).for_each(|(to, from)| *to += from);
        };
        add(&mut self.right, &other.right);
        add(&mut self.wrong, &other.wrong);
        self.sums.iter_mut().zip(&other.sums).for_each(|(to, from)| *to += from);
        self.marks.iter_mut().zip(&other.marks).for_each(|(to, from)| *to |= from);
    }

    /// The bins that are not empty, from the lowest score on.
    pub(super) fn groups(&self) -> Vec<Group> {
        let is_filled = |&bin: &usize| self.right[bin] + self.wrong[bin] > 0;
        let filled = (0..self.right.len()).filter(is_filled);
        filled
            .map(|bin| Group {
                right: self.right[bin] as f64,
                wrong: self.wrong[bin] as f64,
                is_mixed: self.marks.get(bin).is_some_and(|&marks| bins::is_mixed(marks)),
            })
            .collect()
    }

    /// The bins that are not empty with the sums of the other quantity and whether the scores
    /// of the bin differ, from the lowest score on.
    pub(super) fn summed(&self) -> Vec<SummedBin> {
        let is_filled = |&bin: &usize| self.right[bin] + self.wrong[bin] > 0;
        let filled = (0..self.sums.len()).filter(is_filled);
        filled
            .map(|bin| SummedBin {
                bin,
                right: self.right[bin],
                count: self.right[bin] + self.wrong[bin],
                sum: self.sums[bin],
                is_mixed: self.marks.get(bin).is_some_and(|&marks| bins::is_mixed(marks)),
            })
            .collect()
    }

    /// Right and wrong items of a bin.
    pub(super) fn counts(&self, bin: usize) -> (u64, u64) {
        (self.right[bin], self.wrong[bin])
    }

    /// Bytes that the histogram takes.
    pub(super) fn bytes(&self) -> usize {
        16 * self.right.len() + 16 * self.sums.len() + 4 * self.marks.len()
    }
}

/// A bin that is not empty, with the sum of another quantity.
#[derive(Debug, Clone, Copy)]
pub(super) struct SummedBin {
    /// Its number.
    pub(super) bin: usize,
    /// Right items.
    pub(super) right: u64,
    /// All items.
    pub(super) count: u64,
    /// The other quantity, in units.
    pub(super) sum: u128,
    /// Whether the scores of the bin differ.
    pub(super) is_mixed: bool,
}

/// The same bins, coarser.
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
