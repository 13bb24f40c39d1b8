//! Where the units of a row lie in a tensor.

/// Units of a task: their words fit the first-level cache beside the values.
pub(super) const TILE: usize = 2048;

/// Units that lie side by side in memory, for every row.
pub(super) struct Run {
    pub(super) first_unit: usize,
    /// Offset of row 0; row `r` is `r * row_stride` further.
    pub(super) offset: usize,
    pub(super) length: usize,
}

/// Where the units of each row lie.
pub(super) struct Layout {
    pub(super) runs: Vec<Run>,
    row_stride: usize,
}

impl Layout {
    /// `axis` counts the rows, each owning as many slices of it; a unit's index is row-major
    /// over the slices, then the axes before, then the axes behind.
    pub(super) fn new(
        shape: &[i64],
        axis: Option<usize>,
        rows: usize,
    ) -> Result<Self, String> {
        let sizes: Vec<usize> =
            shape.iter().map(|&n| usize::try_from(n).unwrap_or(0)).collect();
        let total: usize = sizes.iter().product();
        let Some(axis) = axis else {
            if rows != 1 {
                return Err("a dropout without a row axis got several rows".to_owned());
            }
            return Ok(Self {
                runs: vec![Run { first_unit: 0, offset: 0, length: total }],
                row_stride: 0,
            });
        };
        let size = sizes.get(axis).copied().unwrap_or(0);
        if rows == 0 || size % rows != 0 {
            return Err(format!("axis {axis} of {sizes:?} does not hold {rows} rows"));
        }
        let outer: usize = sizes[..axis].iter().product();
        let inner: usize = sizes[axis + 1..].iter().product();
        let (slices, row_stride) = (size / rows, size / rows * inner);
        let mut runs = Vec::new();
        if outer == 1 {
            runs.push(Run { first_unit: 0, offset: 0, length: row_stride });
        } else {
            for slice in 0..slices {
                for block in 0..outer {
                    runs.push(Run {
                        first_unit: (slice * outer + block) * inner,
                        offset: block * size * inner + slice * inner,
                        length: inner,
                    });
                }
            }
        }
        Ok(Self { runs, row_stride })
    }

    pub(super) fn place(&self, run: &Run, row: usize) -> usize {
        run.offset + row * self.row_stride
    }

    /// Runs in tiles: which run, from where, to where.
    pub(super) fn tasks(&self) -> Vec<(usize, usize, usize)> {
        let tiles = |(i, run): (usize, &Run)| {
            let length = run.length;
            (0..length).step_by(TILE).map(move |from| (i, from, length.min(from + TILE)))
        };
        self.runs.iter().enumerate().flat_map(tiles).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The unit of each element and the row it belongs to, by the definition: the row axis's
    /// slices first, then the axes before it, then those behind.
    fn expected(shape: &[i64], axis: usize, rows: usize) -> Vec<(usize, usize)> {
        let sizes: Vec<usize> = shape.iter().map(|&n| n as usize).collect();
        let (outer, size) = (sizes[..axis].iter().product::<usize>(), sizes[axis]);
        let inner: usize = sizes[axis + 1..].iter().product();
        let slices = size / rows;
        let element = |o: usize, a: usize, i: usize| {
            ((a % slices) * outer * inner + o * inner + i, a / slices)
        };
        (0..outer)
            .flat_map(|o| (0..size).flat_map(move |a| (0..inner).map(move |i| (o, a, i))))
            .map(|(o, a, i)| element(o, a, i))
            .collect()
    }

    #[test]
    fn every_element_has_its_unit_and_row_wherever_the_row_axis_is() {
        for (shape, axis, rows) in [
            (vec![3, 4, 5], 0, 3),
            (vec![6, 5], 0, 3),
            (vec![4, 3, 5], 1, 3),
            (vec![4, 6, 5], 1, 3),
            (vec![2, 3, 4], 2, 4),
            (vec![2, 5000], 0, 2),
        ] {
            let layout = Layout::new(&shape, Some(axis), rows).unwrap();
            let total: i64 = shape.iter().product();
            let mut found = vec![None; total as usize];
            for (run, from, to) in layout.tasks() {
                let run = &layout.runs[run];
                assert!(to - from <= TILE);
                for row in 0..rows {
                    for i in from..to {
                        let place = &mut found[layout.place(run, row) + i];
                        assert!(place.replace((run.first_unit + i, row)).is_none());
                    }
                }
            }
            let found: Vec<_> = found.into_iter().map(Option::unwrap).collect();
            assert_eq!(found, expected(&shape, axis, rows), "{shape:?}, axis {axis}");
        }
    }

    #[test]
    fn rows_that_do_not_fit_the_axis_are_refused() {
        assert!(Layout::new(&[5, 4], Some(0), 3).is_err());
        assert!(Layout::new(&[5, 4], Some(0), 0).is_err());
        assert!(Layout::new(&[5, 4], None, 2).is_err());
        assert!(Layout::new(&[5, 4], None, 1).is_ok());
    }
}
