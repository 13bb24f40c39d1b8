//! Which axis of a tensor counts rows: shown by which elements follow which row.

use ndarray::{ArrayD, ArrayViewD, Axis, Slice};

use crate::error::{Error, Result};
use crate::runtime::Value;

/// A tensor's numbers with its sizes.
pub(super) struct Numbers {
    values: ArrayD<f64>,
    /// Differences up to this are rounding.
    tolerance: f64,
}

impl Numbers {
    pub(super) fn new(value: &Value) -> Result<Self> {
        let values = ArrayD::from_shape_vec(value.shape(), value.numbers()?)
            .map_err(|error| Error::runtime("tensor", error.to_string()))?;
        let half = value.element_type()? == 10;
        Ok(Self::with_rounding(values, if half { 1e-2 } else { 1e-5 }))
    }

    /// `rounding` is the share of the largest value that rounding may change.
    fn with_rounding(values: ArrayD<f64>, rounding: f64) -> Self {
        let finite = values.iter().filter(|value| value.is_finite());
        let largest = finite.fold(0.0, |largest: f64, value| largest.max(value.abs()));
        Self { values, tolerance: rounding * largest }
    }

    /// Whether these are the numbers of `first`, then those of `second`, up to rounding.
    pub(super) fn are_those_of(&self, first: &Self, second: &Self) -> bool {
        let parts = first.values.iter().chain(&second.values);
        self.values.len() == first.values.len() + second.values.len()
            && self.values.iter().zip(parts).all(|(a, b)| self.close(*a, *b))
    }

    /// The one axis of which `both` (two rows, the first as in `self`) has twice the size, where
    /// its first half is `self` again and its second half is not: each row has its own slices.
    pub(super) fn axis_of_two(&self, both: &Self) -> Option<usize> {
        let (one, two) = (self.values.shape(), both.values.shape());
        if one.len() != two.len() {
            return None;
        }
        let grown: Vec<usize> = (0..one.len()).filter(|&i| two[i] != one[i]).collect();
        let &[axis] = &grown[..] else { return None };
        if two[axis] != 2 * one[axis] {
            return None;
        }
        let (first, second) = both.values.view().split_at(Axis(axis), one[axis]);
        let (own, exact) = (self.values.view(), self.values == first);
        (self.same(&own, &first) && self.differ(&own, &second, exact)).then_some(axis)
    }

    /// The one axis along which `mixed` (`rows` rows, of which the second is another image) is
    /// like `self` (the same image in all rows) but in the second row's slices.
    pub(super) fn axis_of_many(&self, mixed: &Self, rows: usize) -> Option<usize> {
        if mixed.values.shape() != self.values.shape() {
            return None;
        }
        let follows = |&axis: &usize| {
            let size = self.values.len_of(Axis(axis));
            if size == 0 || !size.is_multiple_of(rows) {
                return false;
            }
            let slices =
                |row: usize| Slice::from(row * (size / rows)..(row + 1) * (size / rows));
            (0..rows).all(|row| {
                let a = self.values.slice_axis(Axis(axis), slices(row));
                let b = mixed.values.slice_axis(Axis(axis), slices(row));
                if row == 1 { self.differ(&a, &b, false) } else { self.same(&a, &b) }
            })
        };
        let axes: Vec<usize> = (0..self.values.ndim()).filter(follows).collect();
        match axes[..] {
            [axis] => Some(axis),
            _ => None,
        }
    }

    fn close(&self, a: f64, b: f64) -> bool {
        (a - b).abs() <= self.tolerance || a.to_bits() == b.to_bits()
    }

    fn same(&self, a: &ArrayViewD<f64>, b: &ArrayViewD<f64>) -> bool {
        a.iter().zip(b.iter()).all(|(a, b)| self.close(*a, *b))
    }

    /// Whether some number differs by more than rounding; `exact` says that the runtime has
    /// shown no rounding at all between runs of this tensor.
    fn differ(&self, a: &ArrayViewD<f64>, b: &ArrayViewD<f64>, exact: bool) -> bool {
        let tolerance = if exact { 0.0 } else { 4.0 * self.tolerance };
        a.iter().zip(b.iter()).any(|(a, b)| (a - b).abs() > tolerance)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Dimension as _;

    use super::*;

    fn numbers(shape: &[usize], of: impl Fn(&[usize]) -> f64) -> Numbers {
        let values = ArrayD::from_shape_fn(shape, |index| {
            of(index.as_array_view().as_slice().unwrap())
        });
        Numbers::with_rounding(values, 1e-4)
    }

    fn feature(row: usize, i: usize, j: usize) -> f64 {
        ((row * 31 + i * 7 + j * 3 + 1) as f64).sin()
    }

    #[test]
    fn the_axis_that_doubles_with_the_rows_is_found_first_or_second() {
        let alone = numbers(&[1, 4, 5], |x| feature(x[0], x[1], x[2]));
        let both = numbers(&[2, 4, 5], |x| feature(x[0], x[1], x[2]));
        assert_eq!(alone.axis_of_two(&both), Some(0));
        let alone = numbers(&[4, 1, 5], |x| feature(x[1], x[0], x[2]));
        let both = numbers(&[4, 2, 5], |x| feature(x[1], x[0], x[2]));
        assert_eq!(alone.axis_of_two(&both), Some(1));
    }

    #[test]
    fn windows_of_one_row_side_by_side_are_an_axis_and_interleaved_ones_are_not() {
        let alone = numbers(&[3, 5], |x| feature(0, x[0], x[1]));
        let side_by_side = numbers(&[6, 5], |x| feature(x[0] / 3, x[0] % 3, x[1]));
        let interleaved = numbers(&[6, 5], |x| feature(x[0] % 2, x[0] / 2, x[1]));
        assert_eq!(alone.axis_of_two(&side_by_side), Some(0));
        assert_eq!(alone.axis_of_two(&interleaved), None);
    }

    #[test]
    fn a_row_that_changes_with_its_neighbour_has_no_axis() {
        let alone = numbers(&[1, 5], |x| feature(0, 0, x[1]));
        let mixed =
            numbers(&[2, 5], |x| feature(x[0], 0, x[1]) - 0.5 * feature(1, 0, x[1]));
        assert_eq!(alone.axis_of_two(&mixed), None);
    }

    #[test]
    fn rows_that_hardly_differ_are_told_apart_where_nothing_is_rounded() {
        let nearly = |row: usize, i: usize| 1.0 + 1e-9 * feature(row, 0, i);
        let alone = numbers(&[1, 5], |x| nearly(x[0], x[1]));
        let both = numbers(&[2, 5], |x| nearly(x[0], x[1]));
        assert_eq!(alone.axis_of_two(&both), Some(0));
        let rounded = numbers(&[2, 5], |x| nearly(x[0], x[1]) + 1e-8);
        assert_eq!(alone.axis_of_two(&rounded), None);
        let equal = numbers(&[2, 5], |x| nearly(0, x[1]));
        assert_eq!(alone.axis_of_two(&equal), None);
    }

    #[test]
    fn with_a_fixed_batch_the_axis_is_the_one_whose_second_slices_alone_change() {
        let same = numbers(&[4, 4, 3], |x| feature(0, x[1], x[2]));
        let mixed = numbers(&[4, 4, 3], |x| feature(usize::from(x[0] == 1), x[1], x[2]));
        assert_eq!(same.axis_of_many(&mixed, 4), Some(0));
        let spread = numbers(&[4, 4, 3], |x| feature(1, x[1], x[2]));
        assert_eq!(same.axis_of_many(&spread, 4), None);
    }
}
