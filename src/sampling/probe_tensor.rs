//! Detection of the axis of a tensor that counts rows, by comparing runs of different rows.

use crate::onnx::ElementType;
use ndarray::{ArrayD, ArrayViewD, Axis, Slice};

use crate::error::{Error, Result};
use crate::runtime::Value;

/// A tensor's numbers with its sizes.
pub(super) struct ProbeTensor {
    values: ArrayD<f64>,
    /// Largest difference that counts as rounding.
    tolerance: f64,
}

impl ProbeTensor {
    pub(super) fn new(value: &Value) -> Result<Self> {
        let values = ArrayD::from_shape_vec(value.shape(), value.numbers()?)
            .map_err(|error| Error::runtime("tensor", error.to_string()))?;
        let half = value.element_type()? == ElementType::F16;
        Ok(Self::with_rounding(values, if half { 1e-2 } else { 1e-5 }))
    }

    /// `rounding` is the tolerance relative to the largest value.
    fn with_rounding(values: ArrayD<f64>, rounding: f64) -> Self {
        let finite = values.iter().filter(|value| value.is_finite());
        let largest = finite.fold(0.0, |largest: f64, value| largest.max(value.abs()));
        Self { values, tolerance: rounding * largest }
    }

    /// Returns true if these numbers are those of the parts, one after the other, up to rounding.
    pub(super) fn equals_concat(&self, parts: &[&Self]) -> bool {
        let numbers = parts.iter().flat_map(|part| &part.values);
        self.values.len() == parts.iter().map(|part| part.values.len()).sum::<usize>()
            && self.values.iter().zip(numbers).all(|(a, b)| self.close(*a, *b))
    }

    /// Returns true if these are the same numbers repeated `times` times, up to rounding.
    pub(super) fn repeats(&self, times: usize) -> bool {
        let length = self.values.len() / times.max(1);
        let later = self.values.iter().skip(length);
        self.values.iter().zip(later).all(|(a, b)| self.close(*a, *b))
    }

    /// Returns the axis that counts rows. `self` is a run of one row, `other` of another row, and
    /// `both` of the two: along the axis, `both` has twice the size, its first half equals `self`,
    /// and its second half equals `other`. So no row changes with its neighbor.
    pub(super) fn batch_axis_of_two(&self, other: &Self, both: &Self) -> Option<usize> {
        let (one, two) = (self.values.shape(), both.values.shape());
        if one.len() != two.len() || other.values.shape() != one {
            return None;
        }
        let grown: Vec<usize> = (0..one.len()).filter(|&i| two[i] != one[i]).collect();
        let &[axis] = &grown[..] else { return None };
        if two[axis] != 2 * one[axis] {
            return None;
        }
        let (first, second) = both.values.view().split_at(Axis(axis), one[axis]);
        let (a, b) = (self.values.view(), other.values.view());
        let exact = a == first && b == second;
        (self.same(&a, &first) && self.same(&b, &second) && self.differ(&a, &b, exact))
            .then_some(axis)
    }

    /// Returns the axis that counts the rows of runs of `rows` rows. `self` has one image in all
    /// rows, `other` another one, and `mixed` has the other image in its second row only: along the
    /// axis, the slices of its second row equal those of `other`, and the rest equals `self`.
    pub(super) fn batch_axis_in_mixed_run(
        &self,
        other: &Self,
        mixed: &Self,
        rows: usize,
    ) -> Option<usize> {
        let shape = self.values.shape();
        if mixed.values.shape() != shape || other.values.shape() != shape {
            return None;
        }
        let follows = |&axis: &usize| {
            let size = shape[axis];
            if size == 0 || !size.is_multiple_of(rows) {
                return false;
            }
            let of_row = |numbers: &Self, row: usize| {
                let slices = row * (size / rows)..(row + 1) * (size / rows);
                numbers.values.slice_axis(Axis(axis), Slice::from(slices)).to_owned()
            };
            (0..rows).all(|row| {
                let found = of_row(mixed, row);
                let (own, others) = (of_row(self, row), of_row(other, row));
                let expected = if row == 1 { &others } else { &own };
                self.same(&found.view(), &expected.view())
                    && (row != 1
                        || self.differ(&own.view(), &others.view(), found == others))
            })
        };
        let axes: Vec<usize> = (0..shape.len()).filter(follows).collect();
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

    /// Returns true if a number differs by more than rounding. `exact` means that runs of this
    /// tensor did not differ by rounding at all.
    fn differ(&self, a: &ArrayViewD<f64>, b: &ArrayViewD<f64>, exact: bool) -> bool {
        let tolerance = if exact { 0.0 } else { 4.0 * self.tolerance };
        a.iter().zip(b.iter()).any(|(a, b)| (a - b).abs() > tolerance)
    }
}

#[cfg(test)]
mod tests {
    use ndarray::Dimension as _;

    use super::*;

    fn numbers(shape: &[usize], of: impl Fn(&[usize]) -> f64) -> ProbeTensor {
        let values = ArrayD::from_shape_fn(shape, |index| {
            of(index.as_array_view().as_slice().unwrap())
        });
        ProbeTensor::with_rounding(values, 1e-4)
    }

    fn feature(row: usize, i: usize, j: usize) -> f64 {
        ((row * 31 + i * 7 + j * 3 + 1) as f64).sin()
    }

    #[test]
    fn the_axis_that_doubles_with_the_rows_is_found_first_or_second() {
        let alone = numbers(&[1, 4, 5], |x| feature(x[0], x[1], x[2]));
        let other = numbers(&[1, 4, 5], |x| feature(1, x[1], x[2]));
        let both = numbers(&[2, 4, 5], |x| feature(x[0], x[1], x[2]));
        assert_eq!(alone.batch_axis_of_two(&other, &both), Some(0));
        let alone = numbers(&[4, 1, 5], |x| feature(x[1], x[0], x[2]));
        let other = numbers(&[4, 1, 5], |x| feature(1, x[0], x[2]));
        let both = numbers(&[4, 2, 5], |x| feature(x[1], x[0], x[2]));
        assert_eq!(alone.batch_axis_of_two(&other, &both), Some(1));
    }

    #[test]
    fn windows_of_one_row_side_by_side_are_an_axis_and_interleaved_ones_are_not() {
        let alone = numbers(&[3, 5], |x| feature(0, x[0], x[1]));
        let other = numbers(&[3, 5], |x| feature(1, x[0], x[1]));
        let side_by_side = numbers(&[6, 5], |x| feature(x[0] / 3, x[0] % 3, x[1]));
        let interleaved = numbers(&[6, 5], |x| feature(x[0] % 2, x[0] / 2, x[1]));
        assert_eq!(alone.batch_axis_of_two(&other, &side_by_side), Some(0));
        assert_eq!(alone.batch_axis_of_two(&other, &interleaved), None);
    }

    #[test]
    fn a_row_that_changes_with_its_neighbor_has_no_axis() {
        let alone = numbers(&[1, 5], |x| feature(0, 0, x[1]));
        let other = numbers(&[1, 5], |x| feature(1, 0, x[1]));
        let mixed =
            numbers(&[2, 5], |x| feature(x[0], 0, x[1]) - 0.5 * feature(1, 0, x[1]));
        assert_eq!(alone.batch_axis_of_two(&other, &mixed), None);
    }

    #[test]
    fn rows_that_hardly_differ_are_told_apart_where_nothing_is_rounded() {
        let nearly = |row: usize, i: usize| 1.0 + 1e-9 * feature(row, 0, i);
        let alone = numbers(&[1, 5], |x| nearly(x[0], x[1]));
        let other = numbers(&[1, 5], |x| nearly(1, x[1]));
        let both = numbers(&[2, 5], |x| nearly(x[0], x[1]));
        assert_eq!(alone.batch_axis_of_two(&other, &both), Some(0));
        let rounded = numbers(&[2, 5], |x| nearly(x[0], x[1]) + 1e-8);
        assert_eq!(alone.batch_axis_of_two(&other, &rounded), None);
        let equal = numbers(&[2, 5], |x| nearly(0, x[1]));
        assert_eq!(alone.batch_axis_of_two(&alone, &equal), None);
    }

    #[test]
    fn a_second_row_that_takes_its_scale_from_the_first_has_no_axis() {
        let scale = |row: usize| if row == 0 { 4.0 } else { 2.0 };
        let alone = numbers(&[1, 5], |x| feature(0, 0, x[1]) / scale(0));
        let other = numbers(&[1, 5], |x| feature(1, 0, x[1]) / scale(1));
        let both = numbers(&[2, 5], |x| feature(x[0], 0, x[1]) / scale(0));
        assert_eq!(alone.batch_axis_of_two(&other, &both), None);
        let same = numbers(&[3, 5], |x| feature(0, 0, x[1]) / scale(0));
        let others = numbers(&[3, 5], |x| feature(1, 0, x[1]) / scale(1));
        let mixed =
            numbers(&[3, 5], |x| feature(usize::from(x[0] == 1), 0, x[1]) / scale(0));
        assert_eq!(same.batch_axis_in_mixed_run(&others, &mixed, 3), None);
    }

    #[test]
    fn with_a_fixed_batch_the_axis_is_the_one_whose_second_slices_alone_change() {
        let same = numbers(&[4, 4, 3], |x| feature(0, x[1], x[2]));
        let other = numbers(&[4, 4, 3], |x| feature(1, x[1], x[2]));
        let mixed = numbers(&[4, 4, 3], |x| feature(usize::from(x[0] == 1), x[1], x[2]));
        assert_eq!(same.batch_axis_in_mixed_run(&other, &mixed, 4), Some(0));
        let spread = numbers(&[4, 4, 3], |x| feature(1, x[1], x[2]));
        assert_eq!(same.batch_axis_in_mixed_run(&other, &spread, 4), None);
    }
}
