//! Tests sums of labels and of values with a variance.

#![allow(clippy::float_cmp, reason = "the same bits are what is promised")]

use super::*;

const SIZE: [usize; 2] = [5, 77];
const N: usize = 3;

/// The values and the heads of a variance of several passes.
fn passes(n_samples: usize, size: [usize; 2]) -> Vec<(Vec<f32>, Vec<f32>)> {
    let n = N * size[0] * size[1];
    (0..n_samples)
        .map(|sample| (logits(n, sample, 3.0), logits(n, 1000 + sample, 0.7)))
        .collect()
}

fn frame<'a>(
    (values, spread): &'a (Vec<f32>, Vec<f32>),
    form: Option<SpreadForm>,
    units: &'a [TargetUnit],
) -> PassOutput<'a> {
    let spread = form.map(|form| Spread { values: spread, form });
    PassOutput { spread, units, ..scores(values, N, SIZE, OutputKind::Values) }
}

fn sums_of(family: Family, frames: &[PassOutput]) -> ImageSums {
    let size = (SIZE[0], SIZE[1]);
    let mut sums = ImageSums::of_family(family, N, size, Needs::ALL, Isa::detect());
    for frames in frames.chunks(2) {
        sums.add(frames).unwrap();
    }
    sums
}

/// Returns mean, variance over samples and the mean of what each leaves open at a pixel.
fn at(statistics: &Statistics, channel: usize, pixel: usize) -> [f64; 3] {
    let kernels: [fn(&Tile, &mut [f32]); 3] = [
        |tile, out| out.copy_from_slice(tile.mean(0)),
        |tile, out| {
            for (out, sum) in out.iter_mut().zip(tile.squared_deviations(0)) {
                *out = sum * tile.per_sample();
            }
        },
        |tile, out| out.copy_from_slice(tile.within()),
    ];
    kernels
        .map(|kernel| f64::from(statistics.map_of_channel(channel, kernel).values[pixel]))
}

/// The variance that a head means, in f64.
fn variance(x: f64, form: SpreadForm) -> f64 {
    match form {
        SpreadForm::Variance => x,
        SpreadForm::LogVariance => x.exp(),
        SpreadForm::Std => x * x,
        SpreadForm::LogStd => (2.0 * x).exp(),
        SpreadForm::LaplaceScale => 2.0 * x * x,
        SpreadForm::LogLaplaceScale => 2.0 * (2.0 * x).exp(),
    }
}

const FORMS: [SpreadForm; 6] = [
    SpreadForm::Variance,
    SpreadForm::LogVariance,
    SpreadForm::Std,
    SpreadForm::LogStd,
    SpreadForm::LaplaceScale,
    SpreadForm::LogLaplaceScale,
];

#[test]
fn values_and_their_variances_agree_with_sums_in_f64() {
    let units = [
        TargetUnit::default(),
        TargetUnit { scale: -2.5, offset: 40.0, noise_variance: 0.0 },
        TargetUnit { scale: 0.1, offset: 0.0, noise_variance: 0.25 },
    ];
    for form in FORMS {
        let mut all = passes(7, SIZE);
        for (_, spread) in &mut all {
            for x in spread.iter_mut() {
                *x = x.abs();
            }
        }
        let frames: Vec<_> = all.iter().map(|p| frame(p, Some(form), &units)).collect();
        let statistics = sums_of(Family::Values, &frames).finish();
        let n_pixels = SIZE[0] * SIZE[1];
        for channel in 0..N {
            for pixel in 0..n_pixels {
                let unit = units[channel];
                let (scale, offset) = (f64::from(unit.scale), f64::from(unit.offset));
                let index = channel * n_pixels + pixel;
                let value =
                    |p: &(Vec<f32>, Vec<f32>)| f64::from(p.0[index]) * scale + offset;
                let n = all.len() as f64;
                let mean = all.iter().map(value).sum::<f64>() / n;
                let epistemic =
                    all.iter().map(|p| (value(p) - mean).powi(2)).sum::<f64>() / n;
                let noise = f64::from(unit.noise_variance);
                let of = |p: &(Vec<f32>, Vec<f32>)| {
                    (variance(f64::from(p.1[index]), form) + noise) * scale * scale
                };
                let aleatoric = all.iter().map(of).sum::<f64>() / n;
                let found = at(&statistics, channel, pixel);
                for (found, exact) in found.into_iter().zip([mean, epistemic, aleatoric])
                {
                    // The values themselves are rounded to f32.
                    let unit = exact.abs().max(mean.abs()).max(1.0);
                    assert!(
                        (found - exact).abs() < 3e-6 * unit,
                        "{form:?} {found} {exact}"
                    );
                }
            }
        }
    }
}

#[test]
fn labels_agree_with_sums_in_f64_where_they_are_nearly_certain_too() {
    let all: Vec<_> =
        (0..5).map(|sample| logits(N * SIZE[0] * SIZE[1], sample, 12.0)).collect();
    let frames: Vec<_> =
        all.iter().map(|x| scores(x, N, SIZE, OutputKind::LabelLogits)).collect();
    let statistics = sums_of(Family::Labels, &frames).finish();
    let n_pixels = SIZE[0] * SIZE[1];
    for channel in 0..N {
        for pixel in 0..n_pixels {
            let index = channel * n_pixels + pixel;
            let p = |x: &Vec<f32>| 1.0 / (1.0 + (-f64::from(x[index])).exp());
            let entropy = |x: &Vec<f32>| {
                let x = f64::from(x[index]).abs();
                let e = (-x).exp();
                e.ln_1p() + x * e / (1.0 + e)
            };
            let n = all.len() as f64;
            let mean = all.iter().map(p).sum::<f64>() / n;
            let deviations = all.iter().map(|x| (p(x) - mean).powi(2)).sum::<f64>() / n;
            let expected = all.iter().map(entropy).sum::<f64>() / n;
            let [m, v, h] = at(&statistics, channel, pixel);
            assert!((m - mean).abs() < 1e-6 && (v - deviations).abs() < 1e-6);
            assert!((h - expected).abs() < 1e-6 * expected.max(1e-3), "{h} {expected}");
        }
    }
}

#[test]
fn probabilities_of_labels_are_those_of_their_logits() {
    let logits = logits(N * SIZE[0] * SIZE[1], 0, 3.0);
    let p: Vec<f32> = logits.iter().map(|x| 1.0 / (1.0 + (-x).exp())).collect();
    let of = |values: &[f32], kind| {
        sums_of(Family::Labels, &[scores(values, N, SIZE, kind)]).finish()
    };
    let (a, b) =
        (of(&logits, OutputKind::LabelLogits), of(&p, OutputKind::LabelProbabilities));
    for pixel in 0..SIZE[0] * SIZE[1] {
        for (a, b) in at(&a, 1, pixel).into_iter().zip(at(&b, 1, pixel)) {
            assert!((a - b).abs() < 2e-6, "{a} {b}");
        }
    }
}

#[test]
fn parts_of_the_passes_merge_to_the_sums_of_all() {
    let all = passes(9, SIZE);
    let frames: Vec<_> =
        all.iter().map(|p| frame(p, Some(SpreadForm::LogVariance), &[])).collect();
    let whole = sums_of(Family::Values, &frames).finish();
    let mut merged = sums_of(Family::Values, &frames[..4]);
    merged.merge(sums_of(Family::Values, &frames[4..]));
    let merged = merged.finish();
    for pixel in (0..SIZE[0] * SIZE[1]).step_by(7) {
        for (a, b) in at(&whole, 2, pixel).into_iter().zip(at(&merged, 2, pixel)) {
            assert!((a - b).abs() < 1e-5 * b.abs().max(1.0), "{a} {b}");
        }
    }
}

#[test]
fn the_pass_without_dropout_is_kept_for_each_target() {
    let pass = passes(1, SIZE).remove(0);
    let size = (SIZE[0], SIZE[1]);
    let mut sums =
        ImageSums::of_family(Family::Values, N, size, Needs::MEAN, Isa::detect());
    sums.set_deterministic(&frame(&pass, Some(SpreadForm::LogStd), &[])).unwrap();
    let statistics = sums.finish();
    let n_pixels = SIZE[0] * SIZE[1];
    for channel in 0..N {
        let (value, variance_of) = statistics.deterministic_channel(channel);
        for pixel in 0..n_pixels {
            let index = channel * n_pixels + pixel;
            assert_eq!(value.values[pixel].to_bits(), pass.0[index].to_bits());
            let exact = variance(f64::from(pass.1[index]), SpreadForm::LogStd);
            assert!((f64::from(variance_of.values[pixel]) / exact - 1.0).abs() < 1e-6);
        }
    }
}

#[test]
fn equal_passes_have_no_epistemic_variance() {
    let pass = passes(1, SIZE).remove(0);
    let frames = [frame(&pass, None, &[]); 5];
    let statistics = sums_of(Family::Values, &frames).finish();
    for pixel in 0..SIZE[0] * SIZE[1] {
        let [mean, epistemic, aleatoric] = at(&statistics, 0, pixel);
        assert_eq!(mean.to_bits(), f64::from(pass.0[pixel]).to_bits());
        assert_eq!((epistemic, aleatoric), (0.0, 0.0));
    }
}

#[test]
fn values_of_another_size_are_interpolated_as_they_are() {
    let (low, high) = ([3, 4], (6, 8));
    let values: Vec<f32> = (0..12).map(|i| i as f32 * 10.0).collect();
    let spread = vec![0.5_f32; 12];
    let scores = PassOutput {
        spread: Some(Spread { values: &spread, form: SpreadForm::Std }),
        ..scores(&values, 1, low, OutputKind::Values)
    };
    let mut sums =
        ImageSums::of_family(Family::Values, 1, high, Needs::ALL, Isa::detect());
    sums.add(&[scores]).unwrap();
    let statistics = sums.finish();
    let resized = ImageSums::resized(&scores, high).unwrap();
    for (pixel, expected) in resized.iter().enumerate() {
        let [mean, _, within] = at(&statistics, 0, pixel);
        assert_eq!(mean, f64::from(*expected));
        assert!((within - 0.25).abs() < 1e-6);
    }
    assert!((resized[0] - 0.0).abs() < 1e-6 && resized[47] == 110.0);
}

#[test]
fn an_invalid_value_or_variance_is_found_at_its_channel_and_pixel() {
    let spoiled = |of_spread: bool, value: f32| {
        let mut pass = passes(1, SIZE).remove(0);
        for x in &mut pass.1 {
            *x = x.abs();
        }
        let at = SIZE[0] * SIZE[1] + 70;
        let target = if of_spread { &mut pass.1 } else { &mut pass.0 };
        target[at] = value;
        let frames = [frame(&pass, Some(SpreadForm::Std), &[])];
        let size = (SIZE[0], SIZE[1]);
        let mut sums =
            ImageSums::of_family(Family::Values, N, size, Needs::ALL, Isa::detect());
        sums.add(&frames).unwrap_err()
    };
    for (of_spread, value, reason) in [
        (false, f32::NAN, Reason::NotFinite),
        (false, f32::NEG_INFINITY, Reason::NotFinite),
        (true, -0.1, Reason::Spread),
        (true, f32::NAN, Reason::Spread),
        (true, f32::INFINITY, Reason::Spread),
    ] {
        let found = spoiled(of_spread, value);
        assert_eq!(found, Invalid { pixel: 70, channel: 1, reason }, "{value}");
    }
}
