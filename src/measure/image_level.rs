//! Summaries of a map: one number per image.
//!
//! For maps without NaN. Sums are in f64, pixel by pixel in the order of the map, so the results
//! do not depend on threads.

use crate::tensor::Map;

/// Side of a patch, in pixels.
pub const PATCH: usize = 32;

/// Distance of neighboring patches, in pixels.
pub const PATCH_STRIDE: usize = 16;

/// The mean over all pixels.
pub fn mean(map: &Map) -> f32 {
    let sum: f64 = map.values.iter().map(|&value| f64::from(value)).sum();
    (sum / map.values.len() as f64) as f32
}

/// The largest mean of a patch of [`PATCH`] by [`PATCH`] pixels: how uncertain the worst part of
/// the image is.
///
/// Patches are [`PATCH_STRIDE`] apart, the last ones flush with the edge; if the map is
/// smaller than a patch, the patch has the side of the map.
pub fn patch_max(map: &Map) -> f32 {
    largest_patch(&map.values, map.width)
}

/// Like [`patch_max`], of values in rows of this width.
pub fn largest_patch(values: &[f32], row: usize) -> f32 {
    let rows = values.len() / row;
    let (height, width) = (PATCH.min(rows), PATCH.min(row));
    let mut largest = f64::NEG_INFINITY;
    let mut columns = vec![0.0; row];
    for top in patch_starts(rows) {
        columns.fill(0.0);
        for row in values.chunks_exact(row).skip(top).take(height) {
            for (column, &value) in columns.iter_mut().zip(row) {
                *column += f64::from(value);
            }
        }
        for left in patch_starts(row) {
            let sum: f64 = columns[left..left + width].iter().sum();
            largest = largest.max(sum);
        }
    }
    (largest / (height * width) as f64) as f32
}

/// The 95 % quantile by nearest rank: the smallest value that at least 95 % of the pixels do not
/// exceed.
pub fn quantile_95(map: &Map) -> f32 {
    let mut values = map.values.clone();
    let rank = rank_95(values.len());
    let (_, quantile, _) = values.select_nth_unstable_by(rank, f32::total_cmp);
    *quantile
}

/// The nearest rank of the 95 % quantile of a number of values, from 0.
pub fn rank_95(count: usize) -> usize {
    (95 * count).div_ceil(100).max(1) - 1
}

/// Starts of the patches along a side.
fn patch_starts(length: usize) -> impl Iterator<Item = usize> {
    let last = length.saturating_sub(PATCH);
    (0..last).step_by(PATCH_STRIDE).chain([last])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(height: usize, width: usize, value: impl Fn(usize, usize) -> f32) -> Map {
        let pixel = |i: usize| value(i / width, i % width);
        Map { height, width, values: (0..height * width).map(pixel).collect() }
    }

    #[track_caller]
    fn assert_near(value: f32, expected: f32) {
        assert!((value - expected).abs() <= 1e-6, "{value} {expected}");
    }

    #[test]
    fn the_mean_of_many_pixels_is_exact_to_f32() {
        assert_near(mean(&map(1000, 1000, |_, _| 0.1)), 0.1);
        assert_near(mean(&map(2, 2, |y, x| (2 * y + x) as f32)), 1.5);
    }

    #[test]
    fn patches_cover_the_edges() {
        let starts = |length| patch_starts(length).collect::<Vec<_>>();
        assert_eq!(starts(1), [0]);
        assert_eq!(starts(32), [0]);
        assert_eq!(starts(33), [0, 1]);
        assert_eq!(starts(48), [0, 16]);
        assert_eq!(starts(70), [0, 16, 32, 38]);
    }

    #[test]
    fn the_worst_patch_is_found_wherever_it_is() {
        for (y0, x0) in [(0, 0), (16, 32), (18, 68), (18, 0), (0, 68)] {
            let is_inside = |i: usize, start: usize| (start..start + PATCH).contains(&i);
            let patch = |y, x| f32::from(u8::from(is_inside(y, y0) && is_inside(x, x0)));
            assert_near(patch_max(&map(50, 100, patch)), 1.0);
        }
        let between = map(50, 100, |y, _| f32::from(u8::from((8..40).contains(&y))));
        assert_near(patch_max(&between), 0.75);
    }

    #[test]
    fn a_small_map_is_one_patch_or_a_row_of_them() {
        assert_near(patch_max(&map(1, 1, |_, _| 0.3)), 0.3);
        assert_near(patch_max(&map(4, 8, |_, x| x as f32)), 3.5);
        assert_near(patch_max(&map(2, 64, |_, x| x as f32)), 47.5);
    }

    #[test]
    fn the_quantile_is_the_nearest_rank() {
        for n in 1..200usize {
            let values = map(1, n, |_, x| ((x * 7919) % n) as f32);
            let mut sorted = values.values.clone();
            sorted.sort_by(f32::total_cmp);
            let rank = (0.95 * n as f64 - 1e-9).ceil() as usize;
            assert_near(quantile_95(&values), sorted[rank - 1]);
        }
        assert_near(quantile_95(&map(10, 10, |y, x| (10 * y + x) as f32)), 94.0);
    }

    #[test]
    fn ranks_of_the_quantile_are_the_nearest() {
        for n in 1..500 {
            let rank = rank_95(n);
            assert!(
                100 * (rank + 1) >= 95 * n && (rank == 0 || 100 * rank < 95 * n),
                "{n}"
            );
        }
    }
}
