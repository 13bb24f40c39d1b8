//! Tests special scores: other sizes, infinite ones, a single channel, no dropout.

use super::*;
use crate::tensor::ClassMap;

/// Interpolates bilinearly with half-pixel centers, in f64.
fn resized(
    values: &[f32],
    [from_h, from_w]: [usize; 2],
    [to_h, to_w]: [usize; 2],
) -> Vec<f32> {
    let place = |i: usize, from: usize, to: usize| {
        let x = ((i as f64 + 0.5) * from as f64 / to as f64 - 0.5)
            .clamp(0.0, from as f64 - 1.0);
        (x.floor() as usize, (x.floor() as usize + 1).min(from - 1), x.fract())
    };
    let mut out = Vec::new();
    for channel in values.chunks(from_h * from_w) {
        for y in 0..to_h {
            for x in 0..to_w {
                let ((y0, y1, wy), (x0, x1, wx)) =
                    (place(y, from_h, to_h), place(x, from_w, to_w));
                let at = |y: usize, x: usize| f64::from(channel[y * from_w + x]);
                let upper = at(y0, x0) * (1.0 - wx) + at(y0, x1) * wx;
                let lower = at(y1, x0) * (1.0 - wx) + at(y1, x1) * wx;
                out.push((upper * (1.0 - wy) + lower * wy) as f32);
            }
        }
    }
    out
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn reduce_to(to: [usize; 2], scores: &PassOutput, isa: Isa) -> Statistics {
    let mut reduction = ImageSums::new(scores.n_channels, to[0], to[1], Needs::ALL, isa);
    reduction.set_deterministic(scores).unwrap();
    reduction.add(std::slice::from_ref(scores)).unwrap();
    reduction.finish()
}

#[test]
fn scores_of_another_size_are_interpolated_as_logits() {
    let sizes = [
        ([4, 6], [16, 24]),
        ([5, 7], [33, 71]),
        ([1, 1], [9, 70]),
        ([20, 30], [10, 15]),
        ([17, 90], [6, 31]),
        ([8, 3], [8, 130]),
        ([1, 1], [1, 1]),
    ];
    for (from, to) in sizes {
        for n_channels in [1, 2, 5] {
            let values = logits(n_channels * from[0] * from[1], 0, 2.0);
            let low = scores(&values, n_channels, from, OutputKind::Logits);
            let statistics = reduce_to(to, &low, Isa::detect());
            let full = resized(&values, from, to);
            let expected = reduce_to(
                to,
                &scores(&full, n_channels, to, OutputKind::Logits),
                Isa::detect(),
            );
            let difference = largest_difference(&statistics.mean(), &expected.mean());
            assert!(difference < 1e-6, "{from:?} {to:?}: {difference}");
            for isa in Isa::supported() {
                assert_eq!(bits(&reduce_to(to, &low, isa)), bits(&statistics));
            }
        }
    }
}

#[test]
fn probabilities_are_interpolated_as_the_logits_they_came_from() {
    for n_channels in [1, 4] {
        let values = logits(n_channels * 35, 0, 2.0);
        let low = scores(&values, n_channels, [5, 7], OutputKind::Logits);
        let from_logits = reduce_to([20, 40], &low, Isa::detect());
        let softmax = reduce_to([5, 7], &low, Isa::detect()).mean();
        let softmax = if n_channels == 1 { &softmax[35..] } else { &softmax[..] };
        let low = scores(softmax, n_channels, [5, 7], OutputKind::Probabilities);
        let from_probabilities = reduce_to([20, 40], &low, Isa::detect());
        let difference =
            largest_difference(&from_probabilities.mean(), &from_logits.mean());
        assert!(difference < 2e-6, "{n_channels}: {difference}");
    }
}

#[test]
fn one_channel_is_a_model_of_two_classes() {
    let z = logits(100, 0, 3.0);
    let pair: Vec<f32> = vec![0.0; 100].into_iter().chain(z.iter().copied()).collect();
    let one =
        reduce(std::slice::from_ref(&z), 1, [10, 10], OutputKind::Logits, Isa::detect());
    let two = reduce(&[pair], 2, [10, 10], OutputKind::Logits, Isa::detect());
    assert_eq!(one.n_classes(), 2);
    assert_eq!(bits(&one), bits(&two));
    let s: Vec<f32> = z.iter().map(|z| 1.0 / (1.0 + (-z).exp())).collect();
    let sigmoid = reduce(&[s], 1, [10, 10], OutputKind::Probabilities, Isa::detect());
    assert!(largest_difference(&sigmoid.mean(), &one.mean()) < 1e-6);
}

#[test]
fn a_class_at_minus_infinity_has_no_probability() {
    let sample = vec![f32::NEG_INFINITY, 1.0, 1.0, f32::NEG_INFINITY];
    let full =
        reduce_to([1, 1], &scores(&sample, 4, [1, 1], OutputKind::Logits), Isa::detect());
    assert_eq!(full.mean(), [0.0, 0.5, 0.5, 0.0]);
    let entropy = full.map(|tile, out| out[0] = tile.within()[0]).values[0];
    assert!((entropy - std::f32::consts::LN_2).abs() < 1e-6);
    let larger =
        reduce_to([3, 2], &scores(&sample, 4, [1, 1], OutputKind::Logits), Isa::detect());
    assert!(
        larger.mean().chunks(6).nth(1).unwrap().iter().all(|&p| (p - 0.5).abs() < 1e-6)
    );
}

#[test]
fn scores_that_are_no_numbers_are_refused_at_the_first_pixel() {
    let size = [40, 50];
    let nan = [f32::NAN, f32::INFINITY];
    for (kind, to) in [
        (OutputKind::Logits, size),
        (OutputKind::Probabilities, size),
        (OutputKind::Logits, [80, 100]),
        (OutputKind::Probabilities, [20, 25]),
    ] {
        for (i, bad) in nan.into_iter().enumerate() {
            let mut values: Vec<f32> =
                logits(3 * 2000, 0, 1.0).iter().map(|x| x.abs()).collect();
            (values[2 * 2000 + 777 + i], values[2000 + 1999]) = (bad, bad);
            let mut reduction =
                ImageSums::new(3, to[0], to[1], Needs::ALL, Isa::detect());
            let error = reduction.add(&[scores(&values, 3, size, kind)]).unwrap_err();
            assert_eq!((error.pixel, error.channel), (777 + i, 2), "{kind:?} {to:?}");
        }
        let impossible = match kind {
            OutputKind::Logits => f32::NEG_INFINITY,
            _ => 0.0,
        };
        let mut values: Vec<f32> =
            logits(3 * 2000, 0, 1.0).iter().map(|x| x.abs()).collect();
        for class in 0..3 {
            values[class * 2000 + 5] = impossible;
        }
        let mut reduction = ImageSums::new(3, to[0], to[1], Needs::ALL, Isa::detect());
        let error =
            reduction.set_deterministic(&scores(&values, 3, size, kind)).unwrap_err();
        assert_eq!((error.pixel, error.channel), (5, 0), "{kind:?} {to:?}");
    }
}

#[test]
fn the_pass_without_dropout_is_kept_apart() {
    let (values, other) = (logits(5 * 600, 0, 2.0), logits(5 * 600, 9, 2.0));
    let mut reduction = ImageSums::new(5, 20, 30, Needs::ALL, Isa::detect());
    let (classes, values_without) = reduction.clone().finish().deterministic();
    assert!(classes.classes.iter().all(|&class| class == ClassMap::NONE));
    assert!(values_without.values.iter().all(|p| p.is_nan()));
    let sample = scores(&values, 5, [20, 30], OutputKind::Logits);
    reduction.set_deterministic(&sample).unwrap();
    reduction.add(&[scores(&other, 5, [20, 30], OutputKind::Logits)]).unwrap();
    let statistics = reduction.finish();
    let alone = reduce(&[values], 5, [20, 30], OutputKind::Logits, Isa::detect());
    let (classes, probability) = statistics.deterministic();
    assert_eq!(classes, alone.prediction());
    assert_eq!(probability, alone.probability());
    assert_ne!(probability, statistics.probability());
    assert_eq!((statistics.height(), statistics.width()), (20, 30));
}

#[test]
fn each_coordinate_transformation_is_that_of_the_definition() {
    let place = |coordinates, i: f64, from: f64, to: f64| match coordinates {
        Coordinates::HalfPixel => (i + 0.5) * from / to - 0.5,
        Coordinates::PytorchHalfPixel if to > 1.0 => (i + 0.5) * from / to - 0.5,
        Coordinates::AlignCorners if to > 1.0 => i * (from - 1.0) / (to - 1.0),
        Coordinates::Asymmetric => i * from / to,
        Coordinates::PytorchHalfPixel | Coordinates::AlignCorners => 0.0,
    };
    let [from, sizes] = [[5, 7], [1, 80]];
    let values = logits(3 * 35, 1, 2.0);
    for coordinates in [
        Coordinates::HalfPixel,
        Coordinates::PytorchHalfPixel,
        Coordinates::AlignCorners,
        Coordinates::Asymmetric,
    ] {
        for (height, width) in [(sizes[0], sizes[1]), (15, 70), (13, 7), (5, 1)] {
            let low = PassOutput {
                coordinates,
                ..scores(&values, 3, from, OutputKind::Logits)
            };
            let found = ImageSums::resized(&low, (height, width)).unwrap();
            let at = |c: usize, y: f64, x: f64| {
                let y = y.clamp(0.0, from[0] as f64 - 1.0);
                let x = x.clamp(0.0, from[1] as f64 - 1.0);
                let value = |y: f64, x: f64| {
                    let row = c * from[0] + (y as usize).min(from[0] - 1);
                    f64::from(values[row * from[1] + (x as usize).min(from[1] - 1)])
                };
                let (v, u) = (y.fract(), x.fract());
                let line = |y: f64| (1.0 - u) * value(y, x) + u * value(y, x + 1.0);
                (1.0 - v) * line(y) + v * line(y + 1.0)
            };
            for (i, &value) in found.iter().enumerate() {
                let (c, y, x) = (i / (height * width), i / width % height, i % width);
                let y = place(coordinates, y as f64, from[0] as f64, height as f64);
                let x = place(coordinates, x as f64, from[1] as f64, width as f64);
                let far = (f64::from(value) - at(c, y, x)).abs();
                assert!(far < 1e-5, "{coordinates:?} {height}x{width}: {far}");
            }
        }
    }
}
