//! Statistics of the masks. Each deviation is in standard deviations of independent draws. The
//! inputs are fixed, so the tests are deterministic.

use super::super::*;

const UNITS: usize = 1 << 17;
/// Largest deviation: larger ones have a probability of about 1 in 150,000.
const CHANCE: f64 = 4.5;
const BASE: Stream = Stream {
    draws: Draws::Stratified,
    seed: 7,
    site: 0x1234,
    image: 0x5678,
    iteration: 0,
};

fn ratios() -> impl Iterator<Item = f32> {
    [0.1, 0.3, 0.5, 0.97].into_iter().chain((1..31).step_by(7).map(|k| k as f32 / 31.0))
}

/// Returns the words of a block of 31 samples of either scheme.
fn block_words(stream: &Stream, ratio: f32, block: u32) -> Vec<u32> {
    let (mut words, limit) = (vec![0; UNITS], threshold(ratio).unwrap());
    match stream.draws {
        Draws::Stratified => {
            MaskTable::new(limit).words(stream.key(block), 0, &mut words);
        }
        Draws::Independent => {
            for bit in 0..BLOCK as u32 {
                let key = stream.key(block * BLOCK as u32 + bit);
                independent_words(limit, key, 0, bit, &mut words);
            }
        }
    }
    words
}

fn share(ratio: f32) -> f64 {
    threshold(ratio).unwrap() as f64 / 4_294_967_296.0
}

/// Returns the correlation of two masks in standard deviations; each mask is given by a sample and
/// its words from a first unit on.
fn correlation(ratio: f32, [a, b]: [(&[u32], u32); 2]) -> f64 {
    let p = share(ratio);
    let score = |(word, bit): (u32, u32)| f64::from(word >> bit & 1) - p;
    let n = a.0.len().min(b.0.len());
    let sum: f64 = (0..n).map(|i| score((a.0[i], a.1)) * score((b.0[i], b.1))).sum();
    sum / (p * (1.0 - p)) / (n as f64).sqrt()
}

#[test]
fn every_sample_drops_its_share_of_units() {
    for draws in Draws::ALL {
        for ratio in ratios() {
            let words = block_words(&Stream { draws, ..BASE }, ratio, 0);
            let (p, n) = (share(ratio), UNITS as f64);
            for bit in 0..BLOCK {
                let count =
                    words.iter().filter(|&word| word >> bit & 1 == 1).count() as f64;
                let z = (count - n * p) / (n * p * (1.0 - p)).sqrt();
                assert!(z.abs() < CHANCE, "{} {ratio} sample {bit}: {z}", draws.name());
            }
        }
    }
}

#[test]
fn each_unit_is_dropped_its_due_number_of_times_in_a_block() {
    for ratio in ratios().chain([0.0, 1.0f32.next_down(), 1e-9]) {
        let due = BLOCK as f64 * share(ratio);
        for word in block_words(&BASE, ratio, 3) {
            let more = f64::from(word.count_ones()) - due.floor();
            assert!(more.abs() < 0.5 || (more - 1.0).abs() < 0.5, "{ratio}: {more}");
        }
    }
}

#[test]
fn each_unit_visits_each_stratum_once() {
    for unit in 0..500 {
        let mut visits = [0; BLOCK];
        for sample in 31..62 {
            // The stratum is the number of k for which ratio k / 31 does not drop the unit.
            let is_below = |k: u64| {
                let limit = (k << 32).div_ceil(31);
                dropped(&BASE, limit, sample, unit)
            };
            visits[(1..31).filter(|&k| !is_below(k)).count()] += 1;
        }
        assert_eq!(visits, [1; BLOCK], "unit {unit}");
    }
}

#[test]
fn ratio_zero_drops_nothing_and_the_largest_ratio_nearly_all() {
    assert!(block_words(&BASE, 0.0, 0).iter().all(|&word| word == 0));
    let largest = 1.0f32.next_down();
    let kept: u32 =
        block_words(&BASE, largest, 0).iter().map(|word| word.count_zeros() - 1).sum();
    assert!(kept < 10, "2^-24 of {UNITS} units in 31 samples are {kept}");
}

#[test]
fn units_are_independent_of_each_other() {
    for draws in Draws::ALL {
        for ratio in ratios() {
            let words = block_words(&Stream { draws, ..BASE }, ratio, 0);
            for lag in [1, 2, 3, 4, 7, 16, 31, 64, 480, 930, 4096] {
                for (a, b) in [(0, 0), (0, 1), (5, 17)] {
                    let z = correlation(ratio, [(&words, a), (&words[lag..], b)]);
                    assert!(z.abs() < CHANCE, "{} {ratio} lag {lag}: {z}", draws.name());
                }
            }
        }
    }
}

#[test]
fn independent_samples_are_independent_and_stratified_ones_repel() {
    let stream = Stream { draws: Draws::Independent, ..BASE };
    for ratio in ratios() {
        let words = block_words(&stream, ratio, 0);
        let z = correlation(ratio, [(&words, 0), (&words, 5)]);
        assert!(z.abs() < CHANCE, "{ratio}: {z}");
        // Two of 31 strata without replacement: the covariance of a random permutation.
        let words = block_words(&BASE, ratio, 0);
        let (p, n) = (share(ratio), UNITS as f64);
        let whole = (31.0 * p).floor();
        let part = 31.0 * p - whole;
        let both = whole * (whole - 1.0) / 930.0 + 2.0 * whole * part / 930.0;
        let expected = (both - p * p) / (p * (1.0 - p)) * n.sqrt();
        for (a, b) in [(0, 5), (0, 1), (29, 30), (3, 18)] {
            let z = correlation(ratio, [(&words, a), (&words, b)]);
            assert!(
                (z - expected).abs() < CHANCE,
                "{ratio} {a} {b}: {z} against {expected}"
            );
        }
    }
}

#[test]
fn neighboring_seeds_sites_images_blocks_and_iterations_are_unrelated() {
    for draws in Draws::ALL {
        let zero = Stream { draws, seed: 0, site: 0, image: 0, iteration: 0 };
        let others = [
            ("seed", Stream { seed: 1, ..zero }, 0),
            ("seed -1", Stream { seed: u64::MAX, ..zero }, 0),
            ("high half of the seed", Stream { seed: 1 << 32, ..zero }, 0),
            ("site", Stream { site: 1, ..zero }, 0),
            ("image", Stream { image: 1, ..zero }, 0),
            ("iteration", Stream { iteration: 1, ..zero }, 0),
            ("block", zero, 1),
        ];
        for ratio in [0.1, 0.5] {
            let words = block_words(&zero, ratio, 0);
            for (what, stream, block) in others {
                let other = block_words(&stream, ratio, block);
                for (a, b) in [(0, 0), (30, 0), (0, 30), (11, 12)] {
                    let z = correlation(ratio, [(&words, a), (&other, b)]);
                    assert!(z.abs() < CHANCE, "{} {ratio} {what}: {z}", draws.name());
                }
            }
        }
    }
}

#[test]
fn a_unit_is_uniform_over_small_seeds_and_images() {
    let mut counts = [0u32; 256];
    for seed in 0..128 {
        for image in 0..128 {
            let key = Stream { seed, image, ..BASE }.key(0);
            counts[(squares32(3, key) >> 24) as usize] += 1;
        }
    }
    let chi: f64 = counts.iter().map(|&n| (f64::from(n) - 64.0).powi(2) / 64.0).sum();
    let z = (chi - 255.0) / 510f64.sqrt();
    assert!(z.abs() < CHANCE, "{z}");
}

#[test]
fn keys_of_small_numbers_do_not_repeat() {
    let mut keys = std::collections::HashSet::new();
    for draws in Draws::ALL {
        for n in 0..20 * 20 * 20 {
            let stream = Stream { draws, seed: n % 20, image: n / 20 % 20, ..BASE };
            keys.insert(stream.key(n as u32 / 400));
        }
    }
    assert_eq!(keys.len(), 2 * 20 * 20 * 20);
}
