//! Accuracy and mean uncertainty of the patches of an image.
//!
//! Patches do not overlap. At the right and lower edge they contain the remaining pixels. Only
//! labeled pixels count, for the accuracy as for the mean; a patch without any is left out.

use crate::metric::histogram::{Bin, HistogramBuilder, RIGHT, UNLABELED, WRONG, units};
use crate::metric::sums::PatchSums;

/// Sums of values over the cells of a grid.
#[derive(Debug)]
struct Grid {
    width: usize,
    sums: Vec<f64>,
}

impl Grid {
    /// Sums over squares of a map with (height, width); `row` writes the values of a row.
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

    /// Returns the grids of all sizes, each computed from the previous one if that is finer by a
    /// whole factor.
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

/// Labeled and right pixels of the patches of an image, shared by all measures.
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
        let labeled = Grid::all(shape, sizes, |y, out| {
            for (out, &outcome) in out.iter_mut().zip(&outcome[y * width..]) {
                *out = one_if(outcome != UNLABELED);
            }
        });
        let right = Grid::all(shape, sizes, |y, out| {
            for (out, &outcome) in out.iter_mut().zip(&outcome[y * width..]) {
                *out = one_if(outcome == RIGHT);
            }
        });
        Self { outcome, shape, sizes, labeled, right }
    }

    /// Returns, for each size, the sums of a measure and its histogram over patches.
    pub(super) fn count(
        &self,
        values: &[f32],
        builder: &mut HistogramBuilder,
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
                        // More than half of the pixels are right.
                        let is_accurate = 2.0 * n_right > n_labeled;
                        sums.put(is_accurate, units(mean));
                        let outcome = if is_accurate { RIGHT } else { WRONG };
                        builder.put(mean as f32, outcome, 0);
                    }
                }
                (sums, builder.take())
            })
            .collect()
    }
}

fn one_if(condition: bool) -> f64 {
    f64::from(u8::from(condition))
}
