//! Resizes by picking one old pixel for each new one. Libraries pick different ones.

use super::Pixels;
use crate::input::settings::Size;

/// Picks pixels, given the old positions of the new columns and rows.
pub(super) fn pick<T: Copy>(
    image: &Pixels<T>,
    size: Size,
    positions: fn(usize, usize) -> Vec<usize>,
) -> Pixels<T> {
    let columns = positions(image.size.width, size.width);
    let rows = positions(image.size.height, size.height);
    let channels = image.channels;
    let mut values = Vec::with_capacity(size.width * size.height * channels);
    for row in rows {
        let start = row * image.size.width * channels;
        for &column in &columns {
            let at = start + column * channels;
            values.extend_from_slice(&image.values[at..at + channels]);
        }
    }
    Pixels { size, channels, values }
}

/// Returns positions of torchvision's `NEAREST`: `floor(i * scale)` in f32. In f64, large sizes give
/// other positions.
pub(super) fn torchvision(from: usize, to: usize) -> Vec<usize> {
    let scale = from as f32 / to as f32;
    (0..to).map(|i| ((i as f32 * scale) as usize).min(from - 1)).collect()
}

/// Returns positions of torchvision's `NEAREST_EXACT`: the pixel under the center, in f32.
pub(super) fn torchvision_exact(from: usize, to: usize) -> Vec<usize> {
    let scale = from as f32 / to as f32;
    let at = |i: usize| scale.mul_add(i as f32 + 0.5, -0.5).max(0.0) + 0.5;
    (0..to).map(|i| (at(i) as usize).min(from - 1)).collect()
}

/// Returns positions of Pillow's `NEAREST`: the pixel under the center, by adding up steps.
pub(super) fn pillow(from: usize, to: usize) -> Vec<usize> {
    let scale = from as f64 / to as f64;
    let steps = std::iter::successors(Some(scale * 0.5), |at| Some(at + scale));
    steps.take(to).map(|at| (at as usize).min(from - 1)).collect()
}

/// Returns positions of OpenCV's `INTER_NEAREST`: `floor(i * scale)` in f64, with the reciprocal of
/// the inverse scale.
pub(super) fn opencv(from: usize, to: usize) -> Vec<usize> {
    let scale = 1.0 / (to as f64 / from as f64);
    (0..to).map(|i| ((i as f64 * scale) as usize).min(from - 1)).collect()
}
