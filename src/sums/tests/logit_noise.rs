//! Tests classes whose logits have noise against plain f64 code.

use super::oracle::entropy;
use super::*;
use crate::random::{Draws, NoiseStream, logit_noise};

const N: usize = 4;

fn stream(draws: Draws, sample: Option<u32>) -> NoiseStream {
    NoiseStream { draws, seed: 3, image: 5, sample }
}

fn noisy<'a>(
    (logits, spread): (&'a [f32], &'a [f32]),
    size: [usize; 2],
    (form, n_draws): (SpreadForm, u32),
    stream: NoiseStream,
) -> PassOutput<'a> {
    let spread = Spread { values: spread, form };
    let logit_noise = Some(LogitNoise { spread, stream, n_draws });
    PassOutput { logit_noise, ..scores(logits, N, size, OutputKind::Logits) }
}

/// Returns the mean probabilities of a pixel over the draws, and the information.
fn naive(scores: &PassOutput, pixel: usize) -> (Vec<f64>, f64) {
    let noise = scores.logit_noise.unwrap();
    let n_pixels = scores.height * scores.width;
    let (mut mean, mut within) = (vec![0.0; N], 0.0);
    for draw in 0..noise.n_draws {
        let logits: Vec<f64> = (0..N)
            .map(|class| {
                let unit = class * n_pixels + pixel;
                let x = f64::from(noise.spread.values[unit]);
                let std = match noise.spread.form {
                    SpreadForm::Variance => x.sqrt(),
                    SpreadForm::LogVariance => (0.5 * x).exp(),
                    _ => x,
                };
                let z = f64::from(logit_noise(&noise.stream, draw, unit as u64));
                f64::from(scores.values[unit]) + std * z
            })
            .collect();
        let exponentials: Vec<f64> = logits.iter().map(|x| x.exp()).collect();
        let sum: f64 = exponentials.iter().sum();
        let p: Vec<f64> = exponentials.iter().map(|e| e / sum).collect();
        within += entropy(&p) / f64::from(noise.n_draws);
        for (mean, p) in mean.iter_mut().zip(&p) {
            *mean += p / f64::from(noise.n_draws);
        }
    }
    let information = entropy(&mean) - within;
    (mean, information)
}

fn information(statistics: &Statistics) -> Vec<f32> {
    statistics.map(|tile, out| out.copy_from_slice(tile.noise_information())).values
}

fn spreads(n: usize, sample: usize) -> Vec<f32> {
    logits(n, 500 + sample, 1.0).iter().map(|x| x.abs()).collect()
}

#[test]
fn noisy_logits_agree_with_sums_in_f64_on_every_isa() {
    let size = [3, 27];
    let n_pixels = size[0] * size[1];
    for (form, draws, n_draws) in [
        (SpreadForm::LogVariance, Draws::Stratified, 31),
        (SpreadForm::Variance, Draws::Stratified, 40),
        (SpreadForm::Std, Draws::Stratified, 1),
        (SpreadForm::LogVariance, Draws::Independent, 33),
    ] {
        let passes: Vec<_> = (0..3)
            .map(|i| (logits(N * n_pixels, i, 2.0), spreads(N * n_pixels, i)))
            .collect();
        let frames: Vec<_> = passes
            .iter()
            .zip(0..)
            .map(|(pass, sample)| {
                let stream = stream(draws, Some(sample));
                noisy((&pass.0, &pass.1), size, (form, n_draws), stream)
            })
            .collect();
        let all: Vec<Statistics> = Isa::supported()
            .into_iter()
            .map(|isa| {
                let mut sums = ImageSums::new(N, size[0], size[1], Needs::ALL, isa);
                sums.add(&frames[..1]).unwrap();
                sums.add(&frames[1..]).unwrap();
                sums.finish()
            })
            .collect();
        for statistics in &all {
            assert_eq!(bits(statistics), bits(&all[0]));
        }
        let (mean, information) = (all[0].mean(), information(&all[0]));
        for pixel in 0..n_pixels {
            let naive: Vec<_> = frames.iter().map(|frame| naive(frame, pixel)).collect();
            let expected = naive.iter().map(|(_, info)| info / 3.0).sum::<f64>();
            let off = (f64::from(information[pixel]) - expected).abs();
            assert!(off < 2e-6, "{form:?}: {off:e}");
            for class in 0..N {
                let expected = naive.iter().map(|(p, _)| p[class] / 3.0).sum::<f64>();
                let off = (f64::from(mean[class * n_pixels + pixel]) - expected).abs();
                assert!(off < 1e-6, "{form:?}: {off:e}");
            }
        }
    }
}

#[test]
fn the_pass_without_dropout_has_noise_of_its_own() {
    let (logits, spread) = (logits(N * 9, 0, 2.0), spreads(N * 9, 0));
    let frame = |sample| {
        let form = (SpreadForm::Std, 31);
        noisy((&logits, &spread), [3, 3], form, stream(Draws::Stratified, sample))
    };
    let mut sums = ImageSums::new(N, 3, 3, Needs::ALL, Isa::detect());
    sums.set_deterministic(&frame(None)).unwrap();
    sums.add(&[frame(Some(0))]).unwrap();
    let statistics = sums.finish();
    let (classes, probability) = statistics.deterministic();
    let mut differs = 0;
    for pixel in 0..9 {
        let (p, _) = naive(&frame(None), pixel);
        let class = usize::from(classes.classes[pixel]);
        let off = (f64::from(probability.values[pixel]) - p[class]).abs();
        assert!(off < 1e-6, "{off:e}");
        let of_sample = statistics.mean()[class * 9 + pixel];
        differs += u32::from((of_sample - probability.values[pixel]).abs() > 1e-4);
    }
    assert!(differs > 5, "{differs}");
}

#[test]
fn logits_without_variance_are_as_without_noise() {
    let values = logits(N * 100, 0, 3.0);
    let spread = vec![0.0; N * 100];
    let form = (SpreadForm::Variance, 31);
    let of_pass = stream(Draws::Stratified, Some(0));
    let frame = noisy((&values, &spread), [10, 10], form, of_pass);
    let mut sums = ImageSums::new(N, 10, 10, Needs::ALL, Isa::detect());
    sums.add(&[frame]).unwrap();
    let (with, plain) = (
        sums.finish(),
        reduce(
            std::slice::from_ref(&values),
            N,
            [10, 10],
            OutputKind::Logits,
            Isa::detect(),
        ),
    );
    for (a, b) in with.mean().iter().zip(plain.mean()) {
        assert!((a - b).abs() < 1e-6, "{a} {b}");
    }
    assert!(information(&with).iter().all(|value| *value < 1e-6));
}

#[test]
fn noise_is_averaged_at_the_size_of_the_output_and_then_resized_as_probabilities() {
    let (logits, spread) = (logits(N * 12, 0, 2.0), spreads(N * 12, 0));
    let form = (SpreadForm::Std, 31);
    let of_pass = stream(Draws::Stratified, Some(2));
    let frame = noisy((&logits, &spread), [3, 4], form, of_pass);
    let mut sums = ImageSums::new(N, 12, 16, Needs::ALL, Isa::detect());
    sums.add(&[frame]).unwrap();
    let statistics = sums.finish();
    let averaged = ImageSums::averaged(&frame).unwrap().unwrap();
    let averaged = scores(&averaged, N, [3, 4], OutputKind::Probabilities);
    let mut expected = ImageSums::new(N, 12, 16, Needs::ALL, Isa::detect());
    expected.add(&[averaged]).unwrap();
    let expected = expected.finish();
    assert_eq!(statistics.mean(), expected.mean());
    let of_grid: Vec<f64> = (0..12).map(|pixel| naive(&frame, pixel).1).collect();
    let found = information(&statistics);
    let (low, high) = (
        of_grid.iter().copied().fold(f64::INFINITY, f64::min),
        of_grid.iter().copied().fold(0.0, f64::max),
    );
    let is_between =
        |value: &f32| (low - 1e-6..=high + 1e-6).contains(&f64::from(*value));
    assert!(found.iter().all(is_between));
    assert!((f64::from(found[0]) - of_grid[0]).abs() < 1e-6);
}

#[test]
fn noise_does_not_depend_on_the_number_of_threads() {
    let size = [45, 33];
    let n = N * size[0] * size[1];
    let (values, spread) = (logits(n, 0, 2.0), spreads(n, 0));
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let form = (SpreadForm::Std, 3);
            let of_pass = stream(Draws::Stratified, Some(0));
            let frame = noisy((&values, &spread), size, form, of_pass);
            let mut sums = ImageSums::new(N, size[0], size[1], Needs::ALL, Isa::detect());
            sums.add(&[frame]).unwrap();
            sums.finish()
        })
    };
    assert_eq!(bits(&run(1)), bits(&run(3)));
}

#[test]
fn invalid_noise_is_reported_at_its_first_pixel() {
    let n_pixels = 700;
    let good = logits(N * n_pixels, 0, 1.0);
    let std = vec![0.5; N * n_pixels];
    let fails = |logits: &[f32], spread: &[f32], form| {
        let of_pass = stream(Draws::Stratified, None);
        let frame = noisy((logits, spread), [1, n_pixels], (form, 2), of_pass);
        let needs = Needs::MEAN;
        let mut sums = ImageSums::new(N, 1, n_pixels, needs, Isa::detect());
        sums.add(&[frame]).unwrap_err()
    };
    let changed = |values: &[f32], channel: usize, pixel: usize, value: f32| {
        let mut values = values.to_vec();
        values[channel * n_pixels + pixel] = value;
        values[channel * n_pixels + 690] = value;
        values
    };
    let invalid = |channel, pixel, reason| Invalid { pixel, channel, reason };
    for (form, value) in [
        (SpreadForm::Variance, -0.1),
        (SpreadForm::Std, -1.0),
        (SpreadForm::LogVariance, 1000.0),
        (SpreadForm::LogVariance, f32::NAN),
    ] {
        let spread = changed(&std, 2, 600, value);
        let found = fails(&good, &spread, form);
        assert_eq!(found, invalid(2, 600, Reason::Spread), "{value}");
    }
    for value in [f32::NAN, f32::INFINITY] {
        let logits = changed(&good, 1, 5, value);
        let found = fails(&logits, &std, SpreadForm::Std);
        assert_eq!(found, invalid(1, 5, Reason::NotFinite));
    }
    let mut impossible = good.clone();
    for class in 0..N {
        impossible[class * n_pixels + 77] = f32::NEG_INFINITY;
    }
    let found = fails(&impossible, &std, SpreadForm::Std);
    assert_eq!(found, invalid(0, 77, Reason::NotFinite));
}
