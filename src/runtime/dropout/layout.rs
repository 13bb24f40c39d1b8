//! Positions of the units of a row in a tensor.

/// Units per task, so that their words and values fit the first-level cache.
pub(super) const TILE: usize = 2048;

/// Units that are contiguous in memory in every row.
pub(super) struct Run {
    pub(super) first_unit: usize,
    /// Offset of row 0; row `r` is `r * row_stride` further.
    pub(super) offset: usize,
    pub(super) length: usize,
    /// True if all elements belong to the first unit.
    pub(super) is_one_unit: bool,
}

/// Positions of the units of each row.
pub(super) struct Layout {
    pub(super) runs: Vec<Run>,
    row_stride: usize,
}

/// An axis of the part of a tensor that belongs to a row.
#[derive(Clone, Copy)]
struct Extent {
    size: usize,
    stride: usize,
    /// Distance of units along it; 0 if the mask does not vary.
    unit_stride: usize,
}

impl Layout {
    /// `axis` counts the rows, each owning as many slices of it; a unit's index is row-major
    /// over the slices, then the axes before, then the axes behind, as far as the mask varies
    /// along them (`mask_axes`, from the last, -1; all where there is no list).
    pub(super) fn new(
        shape: &[i64],
        axis: Option<usize>,
        mask_axes: Option<&[i64]>,
        rows: usize,
    ) -> Result<Self, String> {
        let sizes: Vec<usize> =
            shape.iter().map(|&n| usize::try_from(n).unwrap_or(0)).collect();
        let (slices, row_stride) = match axis {
            None if rows == 1 => (1, 0),
            None => {
                return Err("a dropout without a row axis got several rows".to_owned());
            }
            Some(axis) => {
                let size = sizes.get(axis).copied().unwrap_or(0);
                if rows == 0 || size % rows != 0 {
                    return Err(format!(
                        "axis {axis} of {sizes:?} does not hold {rows} rows"
                    ));
                }
                let inner: usize = sizes[axis + 1..].iter().product();
                (size / rows, size / rows * inner)
            }
        };
        let varies = |i: usize| {
            mask_axes.is_none_or(|axes| axes.contains(&(i as i64 - sizes.len() as i64)))
        };
        let extents = extents(&sizes, axis.map(|axis| (axis, slices)), &varies);
        Ok(Self { runs: runs(&extents), row_stride })
    }

    pub(super) fn place(&self, run: &Run, row: usize) -> usize {
        run.offset + row * self.row_stride
    }

    /// Returns the tiles of the runs: number of the run, start and end.
    pub(super) fn tasks(&self) -> Vec<(usize, usize, usize)> {
        let tiles = |(i, run): (usize, &Run)| {
            let length = run.length;
            (0..length).step_by(TILE).map(move |from| (i, from, length.min(from + TILE)))
        };
        self.runs.iter().enumerate().flat_map(tiles).collect()
    }
}

/// Returns the axes of a row's part in the order of its units: slices, axes before the row axis,
/// axes after it.
fn extents(
    sizes: &[usize],
    rows: Option<(usize, usize)>,
    varies: &dyn Fn(usize) -> bool,
) -> Vec<Extent> {
    let mut found = Vec::new();
    for i in (0..sizes.len()).rev() {
        if rows.is_some_and(|(axis, _)| axis == i) {
            continue;
        }
        let stride = sizes[i + 1..].iter().product();
        found.push((sizes[i], stride, varies(i)));
    }
    if let Some((axis, slices)) = rows {
        found.push((slices, sizes[axis + 1..].iter().product(), true));
    }
    let mut units = 1;
    let mut extents: Vec<Extent> = Vec::new();
    for (size, stride, varies) in found {
        let unit_stride = if varies { units } else { 0 };
        if varies {
            units *= size;
        }
        extents.push(Extent { size, stride, unit_stride });
    }
    extents.reverse();
    extents
}

/// Returns the longest runs that are contiguous in memory and in units: the last axes are merged as
/// far as possible.
fn runs(extents: &[Extent]) -> Vec<Run> {
    let (mut length, mut outer) = (1, extents.len());
    let mut is_one_unit: Option<bool> = None;
    for (i, extent) in extents.iter().enumerate().rev() {
        if extent.size == 1 {
            outer = i;
            continue;
        }
        let one = extent.unit_stride == 0;
        let joins = extent.stride == length
            && is_one_unit.is_none_or(|so_far| so_far == one)
            && (one || extent.unit_stride == length);
        if !joins {
            break;
        }
        is_one_unit = Some(one);
        length *= extent.size;
        outer = i;
    }
    let mut runs = vec![Run {
        first_unit: 0,
        offset: 0,
        length,
        is_one_unit: is_one_unit.unwrap_or(false),
    }];
    for extent in extents[..outer].iter().rev() {
        let steps = (0..extent.size).flat_map(|step| {
            runs.iter().map(move |run| Run {
                first_unit: run.first_unit + step * extent.unit_stride,
                offset: run.offset + step * extent.stride,
                ..*run
            })
        });
        runs = steps.collect();
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the unit and the row of each element by the definition: first the slices of the row
    /// axis, then the axes before it, then those after it.
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
            let layout = Layout::new(&shape, Some(axis), None, rows).unwrap();
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
        assert!(Layout::new(&[5, 4], Some(0), None, 3).is_err());
        assert!(Layout::new(&[5, 4], Some(0), None, 0).is_err());
        assert!(Layout::new(&[5, 4], None, None, 2).is_err());
        assert!(Layout::new(&[5, 4], None, None, 1).is_ok());
    }

    #[test]
    fn a_mask_of_some_axes_has_a_unit_for_each_of_their_places() {
        for (shape, axis, mask_axes, rows) in [
            (vec![3, 4, 5, 6], 0, vec![-3], 3),
            (vec![6, 4, 5], 0, vec![-2], 3),
            (vec![3, 5, 6, 4], 0, vec![-1], 3),
            (vec![3, 4, 5, 6], 0, vec![], 3),
            (vec![4, 3, 5], 1, vec![-1], 3),
            (vec![4, 3, 5], 1, vec![-3], 3),
            (vec![3, 1, 5, 6], 0, vec![-2, -1], 3),
            (vec![3, 4, 1, 1], 0, vec![-3], 3),
        ] {
            let layout = Layout::new(&shape, Some(axis), Some(&mask_axes), rows).unwrap();
            let sizes: Vec<usize> = shape.iter().map(|&n: &i64| n as usize).collect();
            let total: usize = sizes.iter().product();
            let mut found = vec![None; total];
            for (run, from, to) in layout.tasks() {
                let run = &layout.runs[run];
                for row in 0..rows {
                    for i in from..to {
                        let unit = run.first_unit + if run.is_one_unit { 0 } else { i };
                        let place = &mut found[layout.place(run, row) + i];
                        assert!(place.replace((unit, row)).is_none());
                    }
                }
            }
            for (element, found) in found.into_iter().enumerate() {
                let mut rest = element;
                let mut index = vec![0; sizes.len()];
                for i in (0..sizes.len()).rev() {
                    index[i] = rest % sizes[i];
                    rest /= sizes[i];
                }
                let slices = sizes[axis] / rows;
                let mut unit = index[axis] % slices;
                for i in 0..sizes.len() {
                    if i != axis && mask_axes.contains(&(i as i64 - sizes.len() as i64)) {
                        unit = unit * sizes[i] + index[i];
                    }
                }
                let expected = Some((unit, index[axis] / slices));
                assert_eq!(found, expected, "{shape:?} {mask_axes:?} {element}");
            }
        }
    }
}
