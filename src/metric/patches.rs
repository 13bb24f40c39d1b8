//! Patches of an image: whether they are accurate, and how uncertain.
//!
//! Patches do not overlap. At the right and lower edge they have the pixels that are left, and
//! only labeled pixels count, in the accuracy as in the mean; a patch without any is left out.

use super::counter::HistogramBuilder;
use super::fixed::units;
use super::histogram::Bin;
use super::items::{RIGHT, UNLABELED, WRONG};

/// Sums over patches of one size, for one measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct PatchSums {
    /// Accurate patches.
    pub(super) accurate: u64,
    /// The sum of their mean uncertainties, in units.
    pub(super) accurate_sum: u128,
    /// The other patches.
    pub(super) inaccurate: u64,
    /// The sum of theirs.
    pub(super) inaccurate_sum: u128,
    /// The smallest mean uncertainty, in units; the largest u64 without patches.
    pub(super) least: u64,
    /// The largest one.
    pub(super) most: u64,
}

impl PatchSums {
    pub(super) const EMPTY: Self = Self {
        accurate: 0,
        accurate_sum: 0,
        inaccurate: 0,
        inaccurate_sum: 0,
        least: u64::MAX,
        most: 0,
    };

    fn put(&mut self, is_accurate: bool, mean: u64) {
        let (count, sum) = if is_accurate {
            (&mut self.accurate, &mut self.accurate_sum)
        } else {
            (&mut self.inaccurate, &mut self.inaccurate_sum)
        };
        *count += 1;
        *sum += u128::from(mean);
        self.least = self.least.min(mean);
        self.most = self.most.max(mean);
    }

    /// Adds another one `weight` times.
    pub(super) fn add(&mut self, other: &Self, weight: u64) {
        self.accurate += other.accurate * weight;
        self.accurate_sum += other.accurate_sum * u128::from(weight);
        self.inaccurate += other.inaccurate * weight;
        self.inaccurate_sum += other.inaccurate_sum * u128::from(weight);
        self.least = self.least.min(other.least);
        self.most = self.most.max(other.most);
    }
}

/// Values summed over the cells of a grid.
#[derive(Debug)]
struct Grid {
    width: usize,
    sums: Vec<f64>,
}

impl Grid {
    /// Sums over squares of a map of some size, given row by row.
    fn new(
        (height, width): (usize, usize),
        size: usize,
        mut row: impl FnMut(usize, &mut [f64]),
    ) -> Self {
        let columns = width.div_ceil(size);
        let mut sums = vec![0.0; columns * height.div_ceil(size)];
        let mut values = vec![0.0; width];
        for y in 0..height {
            row(y, &mut values);
            let cells = &mut sums[y / size * columns..][..columns];
            for (sum, part) in cells.iter_mut().zip(values.chunks(size)) {
                *sum += part.iter().sum::<f64>();
            }
        }
        Self { width: columns, sums }
    }

    /// The grids of all sizes, each from the one before where that is finer by a whole factor.
    fn all(
        shape: (usize, usize),
        sizes: &[usize],
        mut row: impl FnMut(usize, &mut [f64]),
    ) -> Vec<Self> {
        let mut grids: Vec<Self> = Vec::with_capacity(sizes.len());
        for (i, &size) in sizes.iter().enumerate() {
            let before = i.checked_sub(1).filter(|&i| size.is_multiple_of(sizes[i]));
            grids.push(match before.map(|i| (&grids[i], size / sizes[i])) {
                Some((finer, factor)) => {
                    let width = finer.width;
                    Self::new((finer.sums.len() / width, width), factor, |y, out| {
                        out.copy_from_slice(&finer.sums[y * width..][..width]);
                    })
                }
                None => Self::new(shape, size, &mut row),
            });
        }
        grids
    }
}

/// Labeled and right pixels of the patches of an image, the same for all measures.
#[derive(Debug)]
pub(super) struct Patches<'a> {
    outcome: &'a [u8],
    shape: (usize, usize),
    sizes: &'a [usize],
    labeled: Vec<Grid>,
    right: Vec<Grid>,
}

impl<'a> Patches<'a> {
    pub(super) fn new(outcome: &'a [u8], width: usize, sizes: &'a [usize]) -> Self {
        let shape = (outcome.len() / width, width);
        let count = |is_one: fn(u8) -> bool| {
            Grid::all(shape, sizes, |y, out| {
                let outcome = outcome[y * width..].iter();
                out.iter_mut()
                    .zip(outcome)
                    .for_each(|(out, &o)| *out = one_if(is_one(o)));
            })
        };
        let labeled = count(|outcome| outcome != UNLABELED);
        let right = count(|outcome| outcome == RIGHT);
        Self { outcome, shape, sizes, labeled, right }
    }

    /// For each size, the sums of a measure and its histogram over patches.
    pub(super) fn count(
        &self,
        values: &[f32],
        counter: &mut HistogramBuilder,
    ) -> Vec<(PatchSums, Vec<Bin>)> {
        let width = self.shape.1;
        let grids = Grid::all(self.shape, self.sizes, |y, out| {
            let pixels = values[y * width..].iter().zip(&self.outcome[y * width..]);
            for (out, (&value, &outcome)) in out.iter_mut().zip(pixels) {
                *out = f64::from(value) * one_if(outcome != UNLABELED);
            }
        });
        let sizes = grids.iter().zip(&self.labeled).zip(&self.right);
        sizes
            .map(|((grid, labeled), right)| {
                let mut sums = PatchSums::EMPTY;
                let patches = grid.sums.iter().zip(&labeled.sums).zip(&right.sums);
                for ((&sum, &n_labeled), &n_right) in patches {
                    if n_labeled > 0.0 {
                        let mean = sum / n_labeled;
                        // More than half of the pixels.
                        let is_accurate = 2.0 * n_right > n_labeled;
                        sums.put(is_accurate, units(mean));
                        counter.put(
                            mean as f32,
                            if is_accurate { RIGHT } else { WRONG },
                            0,
                        );
                    }
                }
                (sums, counter.take())
            })
            .collect()
    }
}

fn one_if(is_one: bool) -> f64 {
    f64::from(u8::from(is_one))
}
