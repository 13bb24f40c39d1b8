use super::super::tests::{logits, scores};
use super::*;
use crate::random::squares32;
use crate::simd::Isa;
use crate::sums::{Needs, OutputKind, Sums};

const N_CLASSES: usize = 4;
const BLOCK: usize = 5;

/// Returns the probabilities of samples, in f64: `[sample][class][pixel]`.
fn softmax(samples: &[Vec<f32>], n_pixels: usize) -> Vec<Vec<Vec<f64>>> {
    let of_sample = |sample: &Vec<f32>| {
        let score =
            |class: usize, pixel: usize| f64::from(sample[class * n_pixels + pixel]);
        let sum = |pixel| (0..N_CLASSES).map(|c| score(c, pixel).exp()).sum::<f64>();
        let row =
            |c| (0..n_pixels).map(|pixel| score(c, pixel).exp() / sum(pixel)).collect();
        (0..N_CLASSES).map(row).collect()
    };
    samples.iter().map(of_sample).collect()
}

/// Returns the mean of these numbers and its squared standard error.
fn mean_and_error(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
    (mean, squares / (n * (n - 1.0)))
}

/// Returns means and squared standard errors, `[pixel][class]`.
fn oracle(
    samples: &[Vec<f32>],
    n_pixels: usize,
    source: VarianceSource,
) -> Vec<Vec<(f64, f64)>> {
    let samples = softmax(samples, n_pixels);
    let of = |pixel: usize, class: usize| {
        let values: Vec<f64> = samples.iter().map(|s| s[class][pixel]).collect();
        let block = |block: &[f64]| block.iter().sum::<f64>() / BLOCK as f64;
        match source {
            VarianceSource::Samples => mean_and_error(&values),
            VarianceSource::BlockMeans => {
                mean_and_error(&values.chunks(BLOCK).map(block).collect::<Vec<_>>())
            }
        }
    };
    (0..n_pixels).map(|p| (0..N_CLASSES).map(|c| of(p, c)).collect()).collect()
}

fn reduced(samples: &[Vec<f32>], n_pixels: usize, isa: Isa) -> ImageSums {
    let mut reduction = ImageSums::new(N_CLASSES, 1, n_pixels, Needs::ALL, isa);
    for block in samples.chunks(BLOCK) {
        for sample in block {
            let scores = scores(sample, N_CLASSES, [1, n_pixels], OutputKind::Logits);
            reduction.add(&[scores]).unwrap();
        }
        reduction.end_group();
    }
    reduction
}

fn samples(n_pixels: usize) -> Vec<Vec<f32>> {
    (0..4 * BLOCK).map(|sample| logits(N_CLASSES * n_pixels, sample, 3.0)).collect()
}

fn root_mean(squares: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = squares.len() as f64;
    (squares.sum::<f64>() / n).sqrt()
}

fn first(pixel: &[(f64, f64)]) -> usize {
    (0..pixel.len()).rev().max_by(|&a, &b| pixel[a].0.total_cmp(&pixel[b].0)).unwrap()
}

#[track_caller]
fn assert_near(value: f64, exact: f64) {
    assert!((value - exact).abs() <= 2e-4 * exact, "{value} {exact}");
}

#[test]
fn errors_agree_with_an_f64_oracle_for_both_variances_and_on_every_isa() {
    for (n_pixels, isa) in [1, 7, 64, 1100]
        .into_iter()
        .flat_map(|n| Isa::supported().into_iter().map(move |isa| (n, isa)))
    {
        let samples = samples(n_pixels);
        let reduction = reduced(&samples, n_pixels, isa);
        assert_eq!(reduction.n_groups(), 4);
        for source in [VarianceSource::Samples, VarianceSource::BlockMeans] {
            let pixels = oracle(&samples, n_pixels, source);
            let top = pixels.iter().map(|pixel| pixel[first(pixel)].1);
            assert_near(reduction.probability_error(source, 0).noise, root_mean(top));
            let noise = |pixel: &Vec<(f64, f64)>| {
                let weight: f64 = pixel.iter().map(|(_, v)| v.sqrt()).sum();
                let center =
                    pixel.iter().map(|(m, v)| v.sqrt() * m.ln()).sum::<f64>() / weight;
                let terms = pixel.iter().map(|(m, v)| v.sqrt() * (m.ln() - center).abs());
                terms.sum::<f64>().powi(2)
            };
            let bias = |pixel: &Vec<(f64, f64)>| {
                pixel.iter().map(|(m, v)| v / m / 2.0).sum::<f64>().powi(2)
            };
            let error = reduction.entropy_error(source, 0);
            assert_near(error.noise, root_mean(pixels.iter().map(noise)));
            assert_near(error.bias, root_mean(pixels.iter().map(bias)));
        }
    }
}

#[test]
fn undecided_pixels_are_those_with_a_rival_by_both_variances() {
    let n_pixels = 900;
    let samples = samples(n_pixels);
    let reduction = reduced(&samples, n_pixels, Isa::detect());
    let open = |pixel: &[(f64, f64)], margin: f64| {
        let top = first(pixel);
        let is_rival = |c: usize| {
            let width = margin * (pixel[top].1.sqrt() + pixel[c].1.sqrt());
            c != top && pixel[top].0 - pixel[c].0 <= width
        };
        (0..N_CLASSES).any(is_rival)
    };
    let pairs = [(VarianceSource::Samples, 6.0), (VarianceSource::BlockMeans, 9.0)];
    let by = pairs.map(|(source, margin)| {
        let pixels = oracle(&samples, n_pixels, source);
        pixels.iter().map(|pixel| open(pixel, margin)).collect::<Vec<_>>()
    });
    let share = |of: &dyn Fn(usize) -> bool| {
        (0..n_pixels).filter(|&p| of(p)).count() as f64 / n_pixels as f64
    };
    let one = share(&|p| by[0][p]);
    let both = share(&|p| by[0][p] && by[1][p]);
    assert!(0.05 < both && both < one && one < 0.95, "{both} {one}");
    assert_near(reduction.undecided(&pairs[..1]), one);
    assert_near(reduction.undecided(&pairs), both);
}

#[test]
fn equal_samples_leave_no_error_and_no_rival_but_an_equal_class() {
    let reduced =
        |sample: &[f32]| reduced(&vec![sample.to_vec(); 2 * BLOCK], 2, Isa::detect());
    let decided = reduced(&[3.0, 1.0, 2.0, 0.0, 1.0, -9.0, 0.0, 0.0]);
    for source in [VarianceSource::Samples, VarianceSource::BlockMeans] {
        assert_eq!(decided.probability_error(source, 0).noise.to_bits(), 0);
        assert_eq!(decided.entropy_error(source, 0).noise.to_bits(), 0);
        assert_eq!(decided.undecided(&[(source, 3.0)]).to_bits(), 0);
    }
    let tied = reduced(&[3.0, 3.0, 3.0, 3.0, 1.0, -9.0, 0.0, 0.0]);
    let share = tied.undecided(&[(VarianceSource::Samples, 3.0)]);
    assert!((share - 1.0).abs() < 1e-12, "{share}");
}

#[test]
fn the_entropy_error_covers_what_repeated_sampling_shows() {
    // With two classes, the worst-case correlation is the only one possible.
    let uniform = |seed: u64, t: u64| {
        squares32(seed * 40 + t, 0xC58E_FD15_4CE3_2F6D) as f32 / 2f32.powi(32)
    };
    let probability =
        |seed: u64| (0..40).map(move |t| vec![0.8 + 6.0 * (uniform(seed, t) - 0.5), 0.0]);
    let mut found = Vec::new();
    for seed in 0..2000 {
        let mut reduction = ImageSums::new(2, 1, 1, Needs::ALL, Isa::detect());
        for sample in probability(seed) {
            reduction.add(&[scores(&sample, 2, [1, 1], OutputKind::Logits)]).unwrap();
        }
        let error = reduction.entropy_error(VarianceSource::Samples, 0);
        let statistics = reduction.finish();
        let entropy = statistics.map(|t, out| out[0] = t.entropy_of_mean()[0]).values[0];
        found.push((f64::from(entropy), error));
    }
    let (_, square) = mean_and_error(&found.iter().map(|f| f.0).collect::<Vec<_>>());
    let shown = (square * found.len() as f64).sqrt();
    let told = found.iter().map(|f| f.1.noise).sum::<f64>() / found.len() as f64;
    assert!(0.7 < told / shown && told / shown < 1.4, "{told} told, {shown} shown");
}

#[test]
fn a_pseudo_sample_counts_like_one_that_was_drawn() {
    let (n_pixels, size) = (70, [1, 70]);
    let mut all = samples(n_pixels);
    let with_pseudo = reduced(&all, n_pixels, Isa::detect());
    all.push(vec![0.0; N_CLASSES * n_pixels]);
    let mut drawn = ImageSums::new(N_CLASSES, 1, n_pixels, Needs::ALL, Isa::detect());
    for sample in &all {
        drawn.add(&[scores(sample, N_CLASSES, size, OutputKind::Logits)]).unwrap();
    }
    let (one, other) = (
        with_pseudo.entropy_error(VarianceSource::Samples, 1),
        drawn.entropy_error(VarianceSource::Samples, 0),
    );
    assert_near(one.noise, other.noise);
    assert_near(one.bias, other.bias);
    // Its block's mean moves a fifth as far as the sample itself.
    let few = with_pseudo.probability_error(VarianceSource::BlockMeans, 0).noise;
    let more = with_pseudo.probability_error(VarianceSource::BlockMeans, 1).noise;
    assert!(few < more && more < few + 0.75 / BLOCK as f64, "{few} {more}");
}
