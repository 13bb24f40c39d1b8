use super::strip::{STRIP, Strip};
use super::*;
use crate::random::squares32;
use crate::simd::Isa;

mod channelwise;
mod logit_noise;
mod merging;
mod oracle;
mod scores;

use oracle::Oracle;

/// Key of the random test scores.
const KEY: u64 = 0xC58E_FD15_4CE3_2F6D;

/// Returns roughly normal numbers with this standard deviation, a tenth of which differs between
/// samples.
pub(super) fn logits(n: usize, sample: usize, spread: f32) -> Vec<f32> {
    let uniform = |i: usize| squares32(i as u64, KEY) as f32 / 2f32.powi(32) - 0.5;
    let normal = |i: usize| (0..4).map(|k| uniform(4 * i + k)).sum::<f32>() * 3f32.sqrt();
    (0..n).map(|i| spread * (normal(i) + 0.1 * normal((sample + 1) * n + i))).collect()
}

pub(super) fn scores(
    values: &[f32],
    n_channels: usize,
    [height, width]: [usize; 2],
    kind: OutputKind,
) -> PassOutput<'_> {
    assert_eq!(values.len(), n_channels * height * width);
    let coordinates = Coordinates::HalfPixel;
    PassOutput {
        values,
        n_channels,
        height,
        width,
        kind,
        coordinates,
        spread: None,
        logit_noise: None,
        units: &[],
    }
}

fn reduce(
    samples: &[Vec<f32>],
    n_channels: usize,
    size: [usize; 2],
    kind: OutputKind,
    isa: Isa,
) -> Statistics {
    let mut reduction = ImageSums::new(n_channels, size[0], size[1], Needs::ALL, isa);
    for sample in samples {
        reduction.add(&[scores(sample, n_channels, size, kind)]).unwrap();
    }
    reduction.finish()
}

/// Returns all sums as bits, in the order in which they are stored.
fn bits(statistics: &Statistics) -> Vec<u32> {
    let floats = |values: &[f32]| values.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
    let of_strip = |strip: &Strip| {
        let mut all = floats(&strip.mean);
        all.extend(floats(&strip.deviations));
        all.extend(floats(&strip.within));
        all.extend(floats(&strip.information));
        all.extend(strip.votes.iter().map(|&votes| u32::from(votes)));
        all
    };
    statistics.strips().iter().flat_map(of_strip).collect()
}

#[test]
fn every_number_of_pixels_agrees_with_an_f64_oracle_on_every_isa() {
    let sizes = (1..=2 * LANES + 1).chain([STRIP - 1, STRIP, STRIP + 1, 2 * STRIP + 77]);
    for (n_pixels, n_channels) in sizes.zip([1, 2, 3, 7, 19].into_iter().cycle()) {
        let samples: Vec<_> =
            (0..5).map(|sample| logits(n_channels * n_pixels, sample, 3.0)).collect();
        for kind in [OutputKind::Logits, OutputKind::Probabilities] {
            let samples: Vec<_> = match kind {
                OutputKind::Logits => samples.clone(),
                _ => samples
                    .iter()
                    .map(|s| s.iter().map(|x| x.abs() / 9.0).collect())
                    .collect(),
            };
            let oracle = Oracle::new(&samples, n_channels, n_pixels, kind);
            let all: Vec<_> = Isa::supported()
                .into_iter()
                .map(|isa| reduce(&samples, n_channels, [1, n_pixels], kind, isa))
                .collect();
            oracle.assert_close(&all[0], 1e-6);
            for statistics in &all {
                assert_eq!(bits(statistics), bits(&all[0]), "{n_pixels} pixels");
            }
        }
    }
}

#[test]
fn many_samples_stay_close_to_an_f64_oracle() {
    for (n_samples, tolerance) in [(31, 2e-7), (310, 5e-7), (4000, 2e-6)] {
        for spread in [1.0, 4.0] {
            let samples: Vec<_> =
                (0..n_samples).map(|sample| logits(5 * 24, sample, spread)).collect();
            let oracle = Oracle::new(&samples, 5, 24, OutputKind::Logits);
            let statistics =
                reduce(&samples, 5, [4, 6], OutputKind::Logits, Isa::detect());
            oracle.assert_close(&statistics, tolerance);
        }
    }
}

#[test]
fn equal_samples_have_their_own_mean_and_no_variance() {
    for kind in [OutputKind::Logits, OutputKind::Probabilities] {
        let sample: Vec<_> = logits(7 * 100, 0, 3.0).iter().map(|x| x.abs()).collect();
        let once =
            reduce(std::slice::from_ref(&sample), 7, [10, 10], kind, Isa::detect());
        let often = reduce(&vec![sample; 100], 7, [10, 10], kind, Isa::detect());
        assert_eq!(often.mean(), once.mean());
        for (a, b) in often.strips().iter().zip(once.strips()) {
            assert!(a.deviations.iter().all(|d| d.to_bits() == 0));
            assert_eq!(a.within, b.within);
            assert!(a.votes.iter().zip(&b.votes).all(|(a, b)| *a == 100 * b));
        }
    }
}

#[test]
fn entropy_keeps_its_relative_accuracy_where_a_class_is_certain() {
    for margin in [1.0f32, 5.0, 10.0, 20.0, 40.0] {
        let sample = vec![0.0, margin, -1.0];
        let exact = Oracle::new(std::slice::from_ref(&sample), 3, 1, OutputKind::Logits)
            .entropy[0];
        let statistics = reduce(&[sample], 3, [1, 1], OutputKind::Logits, Isa::detect());
        let of_sample = f64::from(statistics.strips()[0].within[0]);
        let of_mean =
            f64::from(statistics.map(|t, out| out[0] = t.entropy_of_mean()[0]).values[0]);
        for value in [of_sample, of_mean] {
            assert!((value / exact - 1.0).abs() < 1e-5, "{margin}: {value} {exact}");
        }
    }
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let size = [45, 67];
    let samples: Vec<_> = (0..4).map(|sample| logits(6 * 45 * 67, sample, 2.0)).collect();
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| reduce(&samples, 6, size, OutputKind::Logits, Isa::detect()))
    };
    let (one, three) = (run(1), run(3));
    assert_eq!(bits(&one), bits(&three));
    assert_eq!(one.prediction(), three.prediction());
}

#[test]
fn samples_that_are_added_together_give_the_same_bits() {
    let size = [30, 31];
    let samples: Vec<_> = (0..7).map(|sample| logits(3 * 930, sample, 2.0)).collect();
    let one_by_one = reduce(&samples, 3, size, OutputKind::Logits, Isa::detect());
    let all: Vec<_> =
        samples.iter().map(|s| scores(s, 3, size, OutputKind::Logits)).collect();
    let mut reduction = ImageSums::new(3, 30, 31, Needs::ALL, Isa::detect());
    reduction.add(&all[..4]).unwrap();
    reduction.add(&all[4..]).unwrap();
    assert_eq!(bits(&reduction.finish()), bits(&one_by_one));
}

#[test]
fn only_the_sums_that_are_needed_are_kept() {
    let mut reduction = ImageSums::new(4, 3, 3, Needs::MEAN, Isa::detect());
    let sample = logits(36, 0, 1.0);
    reduction.add(&[scores(&sample, 4, [3, 3], OutputKind::Logits)]).unwrap();
    let mean = reduction.clone().finish();
    let [strip] = mean.strips() else { panic!("one strip") };
    assert!(
        strip.deviations.is_empty() && strip.within.is_empty() && strip.votes.is_empty()
    );
    let all = reduce(&[sample], 4, [3, 3], OutputKind::Logits, Isa::detect());
    assert_eq!(mean.mean(), all.mean());
    assert!(all.needs().covers(mean.needs()) && !mean.needs().covers(all.needs()));
}

#[test]
fn ties_go_to_the_lowest_class() {
    let sample = [1.0, 2.0, 2.0, 0.0, 0.5, 0.5, 0.5, 0.5];
    let layout: Vec<_> = (0..4).flat_map(|c| [sample[c], sample[4 + c]]).collect();
    let statistics = reduce(&[layout], 4, [1, 2], OutputKind::Logits, Isa::detect());
    assert_eq!(statistics.prediction().classes, [1, 0]);
    let votes =
        |class| statistics.map(|t, out| out[0] = f32::from(t.votes(class)[0])).values;
    assert_eq!(votes(1), [1.0, 0.0]);
    assert_eq!(votes(0), [0.0, 1.0]);
}
