//! Interpolation kernels, and the old pixels and weights that a new pixel is computed from.
//!
//! There are two rules. With antialiasing the reach grows with the reduction, and positions beyond
//! the border do not count. Without it, each value is computed from the two (linear) or four (cubic)
//! nearest positions in each direction regardless of the reduction, and positions beyond the border
//! have the border's value.

use std::f64::consts::PI;

/// An interpolation kernel: its reach, and the weight of a neighbor by its distance.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kernel {
    /// Largest distance of a neighbor that counts, in old pixels, without reduction.
    pub(super) reach: f64,
    /// Weight at a distance.
    pub(super) weight: fn(f64) -> f64,
    /// Weight in single precision, with the rounding of PyTorch.
    pub(super) single: fn(f32) -> f32,
}

/// Linear kernel.
pub(super) const LINEAR: Kernel =
    Kernel { reach: 1.0, weight: linear, single: |x| (1.0 - x.abs()).max(0.0) };

/// Keys' cubic kernel with a = -0.75, used by torchvision without antialiasing and by OpenCV.
pub(super) const CUBIC: Kernel = Kernel {
    reach: 2.0,
    weight: |x| cubic(-0.75, x),
    single: |x| single_cubic(-0.75, x),
};

/// Keys' cubic kernel with a = -0.5 (Catmull-Rom), used by torchvision and Pillow with antialiasing.
pub(super) const CATMULL_ROM: Kernel =
    Kernel { reach: 2.0, weight: |x| cubic(-0.5, x), single: |x| single_cubic(-0.5, x) };

/// Box kernel: the mean of the pixels that a new pixel covers.
pub(super) const BOX: Kernel =
    Kernel { reach: 0.5, weight: boxed, single: |x| boxed(f64::from(x)) as f32 };

/// Hamming-windowed sinc over one lobe.
pub(super) const HAMMING: Kernel =
    Kernel { reach: 1.0, weight: hamming, single: |x| hamming(f64::from(x)) as f32 };

/// Lanczos-windowed sinc over three lobes.
pub(super) const LANCZOS: Kernel =
    Kernel { reach: 3.0, weight: lanczos, single: |x| lanczos(f64::from(x)) as f32 };

fn linear(distance: f64) -> f64 {
    (1.0 - distance.abs()).max(0.0)
}

fn cubic(a: f64, distance: f64) -> f64 {
    let x = distance.abs();
    if x < 1.0 {
        ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0
    } else if x < 2.0 {
        (((x - 5.0) * x + 8.0) * x - 4.0) * a
    } else {
        0.0
    }
}

/// Computes the cubic with PyTorch's rounding, which shows in the sixth digit: each product and the
/// sum after it are rounded once.
fn single_cubic(a: f32, distance: f32) -> f32 {
    let x = distance.abs();
    if x < 1.0 {
        ((a + 2.0).mul_add(x, -(a + 3.0)) * x).mul_add(x, 1.0)
    } else if x < 2.0 {
        let inner = a.mul_add(x, -5.0 * a).mul_add(x, 8.0 * a);
        inner.mul_add(x, -4.0 * a)
    } else {
        0.0
    }
}

/// Computes the box. Halves belong to the new pixel before them, so that each old pixel counts once.
fn boxed(distance: f64) -> f64 {
    if distance > -0.5 && distance <= 0.5 { 1.0 } else { 0.0 }
}

/// Computes the Hamming window. Pillow's constants are in single precision, which shows in the last
/// bit of a weight.
fn hamming(distance: f64) -> f64 {
    const SHARE: f64 = 0.54_f32 as f64;
    const SWING: f64 = 0.46_f32 as f64;
    let x = distance.abs();
    if x < 1.0 { sinc(x) * (SHARE + SWING * (x * PI).cos()) } else { 0.0 }
}

fn lanczos(distance: f64) -> f64 {
    if (-3.0..3.0).contains(&distance) {
        sinc(distance) * sinc(distance / 3.0)
    } else {
        0.0
    }
}

fn sinc(x: f64) -> f64 {
    let x = x * PI;
    if x.abs() < f64::MIN_POSITIVE { 1.0 } else { x.sin() / x }
}

/// Adjacent old positions along one axis, with their weights in a new position.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Taps<W> {
    /// First position.
    pub(super) first: usize,
    /// Weights, which sum to 1.
    pub(super) weights: Vec<W>,
}

impl<W> Taps<W> {
    pub(super) fn map<V>(self, value: impl FnMut(W) -> V) -> Taps<V> {
        Taps { first: self.first, weights: self.weights.into_iter().map(value).collect() }
    }
}

/// Returns the taps with antialiasing, in double precision as in Pillow and in torchvision for
/// `uint8`.
pub(super) fn growing_reach(
    from: usize,
    to: usize,
    kernel: Kernel,
) -> impl Iterator<Item = Taps<f64>> {
    let scale = from as f64 / to as f64;
    let widening = scale.max(1.0);
    let reach = kernel.reach * widening;
    (0..to).map(move |i| {
        let center = scale * (i as f64 + 0.5);
        let first = (center - reach + 0.5).max(0.0) as usize;
        let end = ((center + reach + 0.5) as usize).min(from);
        let mut weights: Vec<f64> = (first..end)
            .map(|at| (kernel.weight)((at as f64 - center + 0.5) * (1.0 / widening)))
            .collect();
        let sum: f64 = weights.iter().sum();
        for weight in &mut weights {
            *weight /= sum;
        }
        Taps { first, weights }
    })
}

/// Returns the taps without antialiasing, given the new positions among the old ones.
pub(super) fn fixed_reach(
    from: usize,
    centers: impl Iterator<Item = f64>,
    kernel: Kernel,
) -> impl Iterator<Item = Taps<f64>> {
    let reach = kernel.reach as isize;
    let last = from.cast_signed() - 1;
    centers.map(move |center| {
        let start = center.floor() as isize + 1 - reach;
        let end = start + 2 * reach;
        let first = start.clamp(0, last);
        let mut weights = vec![0.0; ((end - 1).clamp(0, last) - first + 1) as usize];
        for at in start..end {
            weights[(at.clamp(0, last) - first) as usize] +=
                (kernel.weight)(at as f64 - center);
        }
        Taps { first: first as usize, weights }
    })
}

/// Returns the centers of `to` new pixels among `from` old ones.
pub(super) fn centers(from: usize, to: usize) -> impl Iterator<Item = f64> {
    let scale = from as f64 / to as f64;
    (0..to).map(move |i| scale * (i as f64 + 0.5) - 0.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_sum_to_one_and_stay_within_the_image() {
        let kernels = [LINEAR, CUBIC, CATMULL_ROM, BOX, HAMMING, LANCZOS];
        for (from, to) in [(1, 1), (1, 9), (9, 1), (640, 23), (23, 640), (7, 7)] {
            let all = kernels.iter().flat_map(|kernel| growing_reach(from, to, *kernel));
            let fixed = [LINEAR, CUBIC]
                .into_iter()
                .flat_map(|kernel| fixed_reach(from, centers(from, to), kernel));
            for taps in all.chain(fixed) {
                let sum: f64 = taps.weights.iter().sum();
                assert!((sum - 1.0).abs() < 1e-12, "{sum} from {from} to {to}");
                assert!(taps.first + taps.weights.len() <= from, "{from} to {to}");
            }
        }
    }
}
