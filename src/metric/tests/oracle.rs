//! Naive metrics: lists of items, sorted and summed in f64, as their definitions state.

use super::data::Image;
use crate::metric::IGNORED;

/// A labeled item.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) probabilities: Vec<f64>,
    pub(super) label: usize,
    pub(super) scores: Vec<f32>,
    pub(super) deterministic: Option<(usize, f32)>,
}

impl Item {
    pub(super) fn predicted(&self) -> usize {
        let mut best = 0;
        for (class, &p) in self.probabilities.iter().enumerate() {
            if p > self.probabilities[best] {
                best = class;
            }
        }
        best
    }

    pub(super) fn confidence(&self) -> f64 {
        self.probabilities[self.predicted()]
    }

    pub(super) fn is_wrong(&self) -> bool {
        self.predicted() != self.label
    }

    pub(super) fn brier(&self) -> f64 {
        let distance = |(class, &p): (usize, &f64)| {
            let truth = if class == self.label { 1.0 } else { 0.0 };
            (p - truth) * (p - truth)
        };
        self.probabilities.iter().enumerate().map(distance).sum()
    }
}

pub(super) fn items(images: &[Image]) -> Vec<Item> {
    let mut items = Vec::new();
    for image in images {
        let n = image.labels.len();
        for i in (0..n).filter(|&i| image.labels[i] != IGNORED) {
            let plane = |class: usize| f64::from(image.probabilities[class * n + i]);
            items.push(Item {
                probabilities: (0..image.probabilities.len() / n).map(plane).collect(),
                label: image.labels[i] as usize,
                scores: image.scores.iter().map(|score| score[i]).collect(),
                deterministic: image
                    .deterministic
                    .as_ref()
                    .map(|(classes, own)| (classes[i] as usize, own[i])),
            });
        }
    }
    items
}

/// Returns the score of each item and whether it is wrong, for a measure or, with the index after
/// the last one, for the deterministic pass.
pub(super) fn scored(items: &[Item], score: usize) -> Vec<(f64, bool)> {
    items
        .iter()
        .map(|item| match (item.scores.get(score), item.deterministic) {
            (Some(&value), _) => (f64::from(value), item.is_wrong()),
            (None, Some((class, p))) => (f64::from(1.0 - p), class != item.label),
            (None, None) => panic!("no score {score}"),
        })
        .collect()
}

pub(super) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len() as f64
}

pub(super) fn auroc(scores: &[(f64, bool)]) -> f64 {
    let of = |wrong: bool| scores.iter().filter(move |s| s.1 == wrong).map(|s| s.0);
    let mut pairs = 0.0;
    for positive in of(true) {
        for negative in of(false) {
            pairs += match positive.total_cmp(&negative) {
                std::cmp::Ordering::Greater => 1.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Less => 0.0,
            };
        }
    }
    pairs / of(true).count() as f64 / of(false).count() as f64
}

/// Returns true and false positives at every threshold that occurs, the highest first.
fn thresholds(scores: &[(f64, bool)]) -> Vec<(f64, f64)> {
    let mut sorted = scores.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let (mut hits, mut alarms) = (0.0, 0.0);
    let mut points = Vec::new();
    for (i, (score, positive)) in sorted.iter().enumerate() {
        if *positive {
            hits += 1.0;
        } else {
            alarms += 1.0;
        }
        if sorted.get(i + 1).is_none_or(|next| next.0.total_cmp(score).is_ne()) {
            points.push((hits, alarms));
        }
    }
    points
}

pub(super) fn average_precision(scores: &[(f64, bool)]) -> f64 {
    let points = thresholds(scores);
    let positives = points.last().unwrap().0;
    let (mut before, mut sum) = (0.0, 0.0);
    for (hits, alarms) in points {
        sum += (hits - before) / positives * hits / (hits + alarms);
        before = hits;
    }
    sum
}

/// Reverses scores, and swaps right and wrong items.
pub(super) fn turned(scores: &[(f64, bool)]) -> Vec<(f64, bool)> {
    scores.iter().map(|&(score, wrong)| (-score, !wrong)).collect()
}

pub(super) fn fpr95(scores: &[(f64, bool)]) -> f64 {
    let points = thresholds(scores);
    let (positives, negatives) = *points.last().unwrap();
    let found = points.iter().find(|(hits, _)| hits * 100.0 >= 95.0 * positives);
    found.unwrap().1 / negatives
}

/// Computes the areas under the risk of losses over coverage, and under the generalized risk.
pub(super) fn risk_areas(losses: &[(f64, f64)]) -> (f64, f64) {
    let mut sorted = losses.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let n = sorted.len() as f64;
    let mut points: Vec<(f64, f64)> = Vec::new();
    let mut sum = 0.0;
    for (i, (score, loss)) in sorted.iter().enumerate() {
        sum += loss;
        if sorted.get(i + 1).is_none_or(|next| next.0.total_cmp(score).is_ne()) {
            points.push((i as f64 + 1.0, sum));
        }
    }
    let mut aurc = points[0].0 / n * points[0].1 / points[0].0;
    let mut augrc = points[0].0 / n * 0.5 * points[0].1 / n;
    for pair in points.windows(2) {
        let [(a, loss_a), (b, loss_b)] = [pair[0], pair[1]];
        aurc += (b - a) / n * 0.5 * (loss_a / a + loss_b / b);
        augrc += (b - a) / n * 0.5 * (loss_a + loss_b) / n;
    }
    (aurc, augrc)
}

pub(super) fn losses(scores: &[(f64, bool)]) -> Vec<(f64, f64)> {
    scores.iter().map(|&(score, wrong)| (score, if wrong { 1.0 } else { 0.0 })).collect()
}

/// Replaces the second number of sorted pairs by the mean of those with the same first number.
fn even_out(sorted: &mut [(f64, f64)]) {
    for group in sorted.chunk_by_mut(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let even = mean(group.iter().map(|pair| pair.1));
        for pair in group {
            pair.1 = even;
        }
    }
}

/// Returns the mean error after removing 0 to 99 % of the items by score, relative to that of all;
/// items of equal score are removed evenly.
fn sparsified(errors: &[(f64, f64)]) -> Vec<f64> {
    let mut sorted = errors.to_vec();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let n = sorted.len();
    even_out(&mut sorted);
    let all = mean(sorted.iter().map(|s| s.1));
    (0..100)
        .map(|removed| {
            let left = (n * (100 - removed) / 100).max(1);
            mean(sorted[..left].iter().map(|s| s.1)) / all
        })
        .collect()
}

pub(super) fn ause_brier(items: &[Item], score: usize) -> f64 {
    let by_score =
        items.iter().map(|i| (f64::from(i.scores[score]), i.brier())).collect();
    let by_error = items.iter().map(|i| (i.brier(), i.brier())).collect();
    let area = |errors: Vec<(f64, f64)>| {
        let curve = sparsified(&errors);
        curve.windows(2).map(|pair| 0.01 * 0.5 * (pair[0] + pair[1])).sum::<f64>()
    };
    area(by_score) - area(by_error)
}

/// Compares hits with numbers from 0 to 1, in 15 bins of equal width.
pub(super) fn gaps(pairs: &[(f64, bool)]) -> Vec<(f64, f64)> {
    (0..15)
        .map(|k| {
            let (low, high) = (f64::from(k) / 15.0, f64::from(k + 1) / 15.0);
            let inside = |x: f64| x >= low && (x < high || k == 14);
            let bin: Vec<_> = pairs.iter().filter(|pair| inside(pair.0)).collect();
            let hits = bin.iter().filter(|pair| pair.1).count() as f64;
            let sum: f64 = bin.iter().map(|pair| pair.0).sum();
            (bin.len() as f64, (hits - sum).abs())
        })
        .collect()
}

pub(super) fn calibration_error(pairs: &[(f64, bool)]) -> f64 {
    gaps(pairs).iter().map(|gap| gap.1).sum::<f64>() / pairs.len() as f64
}

/// Returns the confidence of each item and whether it is right.
pub(super) fn confidences(items: &[Item]) -> Vec<(f64, bool)> {
    items.iter().map(|item| (item.confidence(), !item.is_wrong())).collect()
}

/// Computes the equal-mass error; items of equal confidence are divided evenly.
pub(super) fn equal_mass(items: &[Item]) -> f64 {
    let difference = |(p, is_right): (f64, bool)| (if is_right { 1.0 } else { 0.0 }) - p;
    // The order is that of the f32 of 1 minus the confidence.
    let mut sorted: Vec<(f64, f64)> = confidences(items)
        .into_iter()
        .map(|pair| (-f64::from(1.0 - pair.0 as f32), difference(pair)))
        .collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let n = sorted.len();
    even_out(&mut sorted);
    let chunk = |k: usize| &sorted[k * n / 15..(k + 1) * n / 15];
    let gap = |k: usize| chunk(k).iter().map(|pair| pair.1).sum::<f64>().abs();
    (0..15).map(gap).sum::<f64>() / n as f64
}

/// Returns the patches of an image: labeled pixels, right ones and the summed score.
pub(super) fn patches(image: &Image, score: usize, size: usize) -> Vec<(f64, bool)> {
    let all = items(std::slice::from_ref(image));
    let mut of_pixel = all.iter();
    let mut sums = std::collections::BTreeMap::new();
    for (i, &label) in image.labels.iter().enumerate() {
        if label != IGNORED {
            let item = of_pixel.next().unwrap();
            let key = (i / image.width / size, i % image.width / size);
            let sum: &mut (f64, f64, f64) = sums.entry(key).or_default();
            sum.0 += 1.0;
            sum.1 += if item.is_wrong() { 0.0 } else { 1.0 };
            sum.2 += f64::from(item.scores[score]);
        }
    }
    sums.values().map(|&(n, right, sum)| (sum / n, right / n > 0.5)).collect()
}

/// Counts the patches that are accurate and certain, accurate and uncertain, inaccurate and
/// certain, and the rest.
pub(super) fn kinds(patches: &[(f64, bool)], threshold: f64) -> [f64; 4] {
    let mut kinds = [0.0; 4];
    for &(uncertainty, is_accurate) in patches {
        let kind = usize::from(uncertainty > threshold) + if is_accurate { 0 } else { 2 };
        kinds[kind] += 1.0;
    }
    kinds
}
