//! Which axis of a tensor counts rows: shown by which elements follow which row.

use crate::error::Result;
use crate::runtime::Value;

/// A tensor's numbers with its sizes.
pub(super) struct Numbers {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f64>,
    /// Differences up to this share of the largest value are rounding.
    rounding: f64,
}

impl Numbers {
    pub(super) fn new(value: &Value) -> Result<Self> {
        let half = value.element_type()? == 10;
        let rounding = if half { 1e-2 } else { 1e-5 };
        Ok(Self { shape: value.shape(), values: value.numbers()?, rounding })
    }

    /// The values at `from..to` along an axis, in order.
    fn block(&self, axis: usize, from: usize, to: usize) -> Vec<f64> {
        let outer: usize = self.shape[..axis].iter().product();
        let inner: usize = self.shape[axis + 1..].iter().product();
        let size = self.shape[axis];
        let slab = |block: usize| {
            let start = block * size * inner;
            &self.values[start + from * inner..start + to * inner]
        };
        (0..outer).flat_map(slab).copied().collect()
    }

    fn tolerance(&self) -> f64 {
        let largest = self
            .values
            .iter()
            .filter(|v| v.is_finite())
            .fold(0.0, |m: f64, v| m.max(v.abs()));
        self.rounding * largest
    }

    /// Whether two lists of numbers are the same up to rounding.
    pub(super) fn same(&self, a: &[f64], b: &[f64]) -> bool {
        let tolerance = self.tolerance();
        let close = |(x, y): (&f64, &f64)| {
            (x - y).abs() <= tolerance || x.to_bits() == y.to_bits()
        };
        a.len() == b.len() && a.iter().zip(b).all(close)
    }

    /// Whether two lists of numbers differ somewhere by more than rounding; `exact` says that
    /// the runtime has shown no rounding at all between runs of this tensor.
    fn differ(&self, a: &[f64], b: &[f64], exact: bool) -> bool {
        let tolerance = if exact { 0.0 } else { 4.0 * self.tolerance() };
        a.iter().zip(b).any(|(x, y)| (x - y).abs() > tolerance)
    }

    /// The one axis of which `both` (two rows, the first as in `self`) has twice the size, where
    /// its first half is `self` again and its second half is not: each row has its own slices.
    pub(super) fn axis_of_two(&self, both: &Self) -> Option<usize> {
        if both.shape.len() != self.shape.len() {
            return None;
        }
        let grown: Vec<usize> =
            (0..self.shape.len()).filter(|&i| both.shape[i] != self.shape[i]).collect();
        let &[axis] = &grown[..] else { return None };
        let size = self.shape[axis];
        if both.shape[axis] != 2 * size {
            return None;
        }
        let (first, second) =
            (both.block(axis, 0, size), both.block(axis, size, 2 * size));
        let exact = self.values == first;
        (self.same(&self.values, &first) && self.differ(&first, &second, exact))
            .then_some(axis)
    }

    /// The one axis along which `mixed` (`rows` rows, of which the second is another image) is
    /// like `self` (the same image in all rows) but in the second row's slices.
    pub(super) fn axis_of_many(&self, mixed: &Self, rows: usize) -> Option<usize> {
        if mixed.shape != self.shape {
            return None;
        }
        let follows = |&axis: &usize| {
            let size = self.shape[axis];
            if size == 0 || !size.is_multiple_of(rows) {
                return false;
            }
            let slices = size / rows;
            (0..rows).all(|row| {
                let a = self.block(axis, row * slices, (row + 1) * slices);
                let b = mixed.block(axis, row * slices, (row + 1) * slices);
                if row == 1 { self.differ(&a, &b, false) } else { self.same(&a, &b) }
            })
        };
        let axes: Vec<usize> = (0..self.shape.len()).filter(follows).collect();
        match axes[..] {
            [axis] => Some(axis),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(shape: &[usize], of: impl Fn(&[usize]) -> f64) -> Numbers {
        let total: usize = shape.iter().product();
        let values = (0..total).map(|mut i| {
            let mut index = vec![0; shape.len()];
            for axis in (0..shape.len()).rev() {
                index[axis] = i % shape[axis];
                i /= shape[axis];
            }
            of(&index)
        });
        Numbers { shape: shape.to_vec(), values: values.collect(), rounding: 1e-4 }
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
