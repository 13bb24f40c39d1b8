//! Tests the promises of calibration on 1,000 random splits of digits that were not used in
//! training, and of pictures of shapes.
//!
//! The files of `fixtures/calibration` are made by `models/digits/calibration.py` and
//! `models/shapes/calibration.py`.

use mcdrop::calibrate::{
    ImageLoss, LabelCounts, LogProbabilities, TemperatureFit, TrueLabels, aps_rule,
    coverage_threshold, lac_rule, risk_threshold,
};
use mcdrop::policy::{argmax, sum_before};

use crate::fixture;

const SPLITS: usize = 1000;

struct Digit {
    label: usize,
    entropy: f32,
    probabilities: Vec<f32>,
}

impl Digit {
    fn is_wrong(&self) -> bool {
        argmax(&self.probabilities) != self.label
    }

    fn scored(&self) -> ImageLoss {
        ImageLoss { score: self.entropy, loss: f64::from(u8::from(self.is_wrong())) }
    }
}

fn digits() -> Vec<Digit> {
    let mut reader =
        csv::Reader::from_path(fixture::path("fixtures/calibration/digits.csv")).unwrap();
    let digit = |row: csv::StringRecord| Digit {
        label: row[0].parse().unwrap(),
        entropy: row[1].parse().unwrap(),
        probabilities: (4..14).map(|i| row[i].parse().unwrap()).collect(),
    };
    reader.records().map(|row| digit(row.unwrap())).collect()
}

/// Returns the splits: half of the digits for calibration, and the others; shuffled for every
/// split.
fn splits() -> impl Iterator<Item = (Vec<&'static Digit>, Vec<&'static Digit>)> {
    let all: &'static [Digit] = Box::leak(digits().into_boxed_slice());
    assert_eq!(all.len(), 797);
    (0..SPLITS as u64).map(move |split| {
        let mut order: Vec<(u64, &Digit)> = all
            .iter()
            .enumerate()
            .map(|(i, d)| (mixed(split << 32 | i as u64), d))
            .collect();
        order.sort_unstable_by_key(|(key, _)| *key);
        let mut digits = order.into_iter().map(|(_, digit)| digit);
        (digits.by_ref().take(400).collect(), digits.collect())
    })
}

/// Mixes all bits by one step of `SplitMix64`.
fn mixed(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

fn share<'a>(digits: &[&'a Digit], is: impl Fn(&&&'a Digit) -> bool) -> f64 {
    digits.iter().filter(is).count() as f64 / digits.len() as f64
}

#[test]
fn a_threshold_that_keeps_95_percent_keeps_them_of_other_digits() {
    let (mut mean, mut inside) = (0.0, 0);
    for (chosen, others) in splits() {
        let scores: Vec<f32> = chosen.iter().map(|digit| digit.entropy).collect();
        let kept = coverage_threshold(&scores, 0.95).unwrap();
        let accepted = share(&others, |digit| digit.entropy < kept.below);
        mean += accepted / SPLITS as f64;
        // The 397 other digits are themselves a sample: three standard deviations of slack.
        let room = 3.0 * (0.95 * 0.05 / 397.0_f64).sqrt();
        inside += usize::from(
            kept.interval.0 - room <= accepted && accepted <= kept.interval.1 + room,
        );
    }
    println!(
        "--keep 0.95: {mean:.4} of the others are kept, {inside} of {SPLITS} in range"
    );
    assert!((0.945..0.957).contains(&mean), "{mean}");
    assert!(inside >= 990, "{inside}");
}

/// Half of a finite set of digits is more informative than as many new digits would be, so this
/// test is on the safe side. `calibrate::threshold` is tested on simulated images with a known
/// risk.
#[test]
fn the_risk_of_what_is_accepted_is_exceeded_no_more_often_than_promised() {
    for (allowed, confidence) in [(0.05, 0.95), (0.03, 0.9)] {
        let (mut found, mut exceeded, mut coverage) = (0, 0, 0.0);
        for (chosen, others) in splits() {
            let images: Vec<ImageLoss> =
                chosen.iter().map(|digit| digit.scored()).collect();
            let Ok(risk_control) = risk_threshold(&images, allowed, confidence) else {
                continue;
            };
            found += 1;
            coverage += risk_control.coverage;
            // Both halves are drawn from all digits, so the promise is about all digits.
            let accepts =
                |digit: &Digit| risk_control.below.is_none_or(|t| digit.entropy < t);
            let all = chosen.into_iter().chain(others);
            let accepted: Vec<&Digit> = all.filter(|digit| accepts(digit)).collect();
            exceeded += usize::from(share(&accepted, |digit| digit.is_wrong()) > allowed);
        }
        let coverage = coverage / f64::from(found);
        println!(
            "--risk {allowed} --confidence {confidence}: found in {found}, exceeded in \
             {exceeded}, coverage {coverage:.3}"
        );
        assert!(f64::from(found) > 0.9 * SPLITS as f64, "{found}");
        assert!((exceeded as f64) < (1.0 - confidence) * SPLITS as f64, "{exceeded}");
    }
}

#[test]
fn sets_hold_the_class_of_other_digits_as_often_as_promised() {
    for alpha in [0.1, 0.02] {
        let (mut lac, mut aps, mut sizes) = (0.0, 0.0, [0.0; 2]);
        for (chosen, others) in splits() {
            let own: Vec<f32> = chosen.iter().map(|d| d.probabilities[d.label]).collect();
            let sums: Vec<f32> =
                chosen.iter().map(|d| sum_before(&d.probabilities, d.label)).collect();
            let rules = [lac_rule(&own, alpha).unwrap(), aps_rule(&sums, alpha).unwrap()];
            let holds = |i: usize| {
                share(&others, |d| rules[i].classes(&d.probabilities).contains(&d.label))
            };
            lac += holds(0) / SPLITS as f64;
            aps += holds(1) / SPLITS as f64;
            for (size, rule) in sizes.iter_mut().zip(rules) {
                let sum: usize = others.iter().map(|d| rule.size(&d.probabilities)).sum();
                *size += sum as f64 / others.len() as f64 / SPLITS as f64;
            }
        }
        println!(
            "--alpha {alpha}: lac {lac:.4} ({:.3} classes), aps {aps:.4} ({:.3} classes)",
            sizes[0], sizes[1]
        );
        // From 1 - alpha to 1 - alpha + 1/401; sets that would be empty get the first class, which
        // only raises the coverage.
        for coverage in [lac, aps] {
            assert!(coverage > 1.0 - alpha - 0.003, "{coverage}");
        }
    }
}

#[test]
fn a_temperature_lowers_the_loss_of_other_digits_where_one_is_found() {
    let add = |items: &mut LogProbabilities, digits: &[&Digit]| {
        for (i, digit) in digits.iter().enumerate() {
            let p = digit.probabilities.iter().copied();
            items.push(p, digit.label as u32, i % 2 == 0);
        }
    };
    let (mut found, mut lower, mut change, mut promised) = (0, 0, 0.0, 0.0);
    for (chosen, others) in splits().take(100) {
        let mut items = LogProbabilities::new(10);
        add(&mut items, &chosen);
        let TemperatureFit::Found(temperature) = items.fit() else { continue };
        found += 1;
        let loss = |temper: bool| -> f64 {
            let of = |digit: &&Digit| {
                let mut p = digit.probabilities.clone();
                if temper {
                    mcdrop::policy::temper(&mut p, temperature.value);
                }
                -f64::from(p[digit.label]).ln()
            };
            others.iter().map(of).sum::<f64>() / others.len() as f64
        };
        let gained = loss(true) - loss(false);
        lower += usize::from(gained < 0.0);
        change += gained;
        promised += temperature.negative_log_likelihood_after
            - temperature.negative_log_likelihood_before;
    }
    let (change, promised) = (change / found as f64, promised / found as f64);
    println!(
        "temperature: found in {found} of 100, lower on the others in {lower}; change {change:.4} \
         nats, promised {promised:.4}"
    );
    assert!(lower * 20 >= found * 19, "{lower} of {found}");
    assert!((change - promised).abs() < 0.01, "{change} {promised}");
}

/// A picture of shapes: for each label whether it holds, and its probability.
type Shapes = Vec<(bool, f32)>;

fn shapes() -> Vec<Shapes> {
    let path = fixture::path("fixtures/calibration/shapes.csv");
    let mut reader = csv::Reader::from_path(path).unwrap();
    let shapes = |row: csv::StringRecord| {
        let labels = (0..5).map(|label| 1 + 2 * label);
        labels.map(|i| (&row[i] == "1", row[i + 1].parse().unwrap())).collect()
    };
    reader.records().map(|row| shapes(row.unwrap())).collect()
}

/// Returns the share of the true labels of a picture that are missed; 0 without a true label.
fn missed(shapes: &Shapes, at_least: f32) -> f64 {
    let n = shapes.iter().filter(|(holds, _)| *holds).count();
    let missed = shapes.iter().filter(|(holds, p)| *holds && *p < at_least).count();
    missed as f64 / n.max(1) as f64
}

#[test]
fn no_more_labels_of_other_pictures_are_missed_than_promised() {
    let all = shapes();
    assert_eq!(all.len(), 400);
    for (alpha, n) in [(0.1, 200), (0.05, 200), (0.1, 24)] {
        let (mut of_others, mut thresholds) = (0.0, 0.0);
        for split in 0..SPLITS as u64 {
            let mut order: Vec<(u64, &Shapes)> = (0_u64..)
                .zip(&all)
                .map(|(i, shapes)| (mixed(split << 32 | i), shapes))
                .collect();
            order.sort_unstable_by_key(|(key, _)| *key);
            let mut labels = TrueLabels::default();
            for (_, shapes) in &order[..n] {
                let mut counts = LabelCounts::default();
                shapes.iter().for_each(|(holds, p)| counts.put(*p, *holds));
                labels.add(&[counts]);
            }
            let at_least = labels.threshold(alpha).unwrap();
            let others = &order[n..];
            let sum: f64 = others.iter().map(|(_, other)| missed(other, at_least)).sum();
            of_others += sum / others.len() as f64 / SPLITS as f64;
            thresholds += f64::from(at_least) / SPLITS as f64;
        }
        println!(
            "--alpha {alpha}, {n} pictures: {of_others:.4} of the true labels of the others are missed, \
             threshold {thresholds:.3}"
        );
        // From alpha - 2 / (n + 1) to alpha, where a picture has at most a loss of 1.
        let least = alpha - 2.0 / (n + 1) as f64 - 0.003;
        assert!((least..=alpha + 0.002).contains(&of_others), "{of_others}");
    }
}
