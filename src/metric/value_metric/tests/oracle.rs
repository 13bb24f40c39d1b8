//! Naive metrics: lists of items, sorted and summed in f64, as their definitions state.

use std::collections::BTreeMap;

use statrs::distribution::{Continuous, ContinuousCDF, Laplace, Normal};

use super::data::Image;
use crate::metric::value_metric::ErrorDistribution;

/// A labeled item of one prediction, with one standard deviation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Item {
    pub(super) label: f64,
    pub(super) value: f64,
    pub(super) std: f64,
}

impl Item {
    pub(super) fn error(&self) -> f64 {
        self.value - self.label
    }

    pub(super) fn size(&self) -> f64 {
        self.error().abs()
    }

    /// The order of items is that of standard deviations and errors in f32.
    fn keys(&self) -> (f32, f32) {
        (self.std as f32, self.size() as f32)
    }

    fn ratio(&self) -> f64 {
        (self.value / self.label).max(self.label / self.value)
    }

    fn relative(&self) -> f64 {
        self.size() / self.label
    }
}

/// Returns the items of an image for the standard deviation of this name.
pub(super) fn items(image: &Image, std: &str) -> Vec<Item> {
    let zeros = vec![0.0; image.labels.len()];
    let aleatoric = image.aleatoric.as_ref().unwrap_or(&zeros);
    let (value, variances) = match (std, &image.deterministic) {
        ("total_std", _) => (&image.value, vec![&image.epistemic, aleatoric]),
        ("aleatoric_std", _) => (&image.value, vec![aleatoric]),
        ("epistemic_std", _) => (&image.value, vec![&image.epistemic]),
        ("deterministic_std", Some((value, Some(variance)))) => (value, vec![variance]),
        _ => panic!("no {std}"),
    };
    let labeled = (0..zeros.len()).filter(|&i| !image.labels[i].is_nan());
    labeled
        .map(|i| Item {
            label: image.labels[i].into(),
            value: value[i].into(),
            std: variances.iter().map(|v| f64::from(v[i])).sum::<f64>().sqrt(),
        })
        .collect()
}

pub(super) fn pooled(images: &[Image], std: &str) -> Vec<Item> {
    images.iter().flat_map(|image| items(image, std)).collect()
}

pub(super) fn mean(values: impl Iterator<Item = f64>) -> f64 {
    let values: Vec<f64> = values.collect();
    values.iter().sum::<f64>() / values.len() as f64
}

pub(super) fn rmse(items: &[Item]) -> f64 {
    mean(items.iter().map(|item| item.error().powi(2))).sqrt()
}

fn within(items: &[Item], limit: f64) -> f64 {
    mean(items.iter().map(|item| if item.ratio() < limit { 1.0 } else { 0.0 }))
}

/// Returns the metrics of a prediction by name.
pub(super) fn errors(items: &[Item], error_above: f64) -> BTreeMap<&'static str, f64> {
    let average = |value: fn(&Item) -> f64| mean(items.iter().map(value));
    let mean_label = average(|item| item.label);
    let spread = mean(items.iter().map(|item| (item.label - mean_label).powi(2)));
    let large = items.iter().filter(|item| item.size() > error_above).count();
    BTreeMap::from([
        ("rmse", rmse(items)),
        ("mae", average(Item::size)),
        ("bias", average(Item::error)),
        ("r2", 1.0 - rmse(items).powi(2) / spread),
        ("large_error_share", large as f64 / items.len() as f64),
        ("abs_rel", average(Item::relative)),
        ("sq_rel", average(|item| item.size().powi(2) / item.label)),
        ("rmse_log", average(|item| (item.value / item.label).ln().powi(2)).sqrt()),
        ("log10", average(|item| (item.value / item.label).log10().abs())),
        ("delta_1", within(items, 1.25)),
        ("delta_2", within(items, 1.5625)),
        ("delta_3", within(items, 1.953_125)),
    ])
}

fn quantile(distribution: ErrorDistribution, item: &Item, share: f64) -> f64 {
    match distribution {
        ErrorDistribution::Gaussian => {
            Normal::new(item.value, item.std).unwrap().inverse_cdf(share)
        }
        ErrorDistribution::Laplace => {
            Laplace::new(item.value, item.std / 2f64.sqrt()).unwrap().inverse_cdf(share)
        }
    }
}

fn log_density(distribution: ErrorDistribution, item: &Item) -> f64 {
    match distribution {
        ErrorDistribution::Gaussian => {
            Normal::new(item.value, item.std).unwrap().ln_pdf(item.label)
        }
        ErrorDistribution::Laplace => {
            Laplace::new(item.value, item.std / 2f64.sqrt()).unwrap().ln_pdf(item.label)
        }
    }
}

/// Returns the share of the labels inside of the central interval of a level.
pub(super) fn coverage(
    items: &[Item],
    distribution: ErrorDistribution,
    level: f64,
) -> f64 {
    let is_covered = |item: &Item| {
        let low = quantile(distribution, item, 0.5 * (1.0 - level));
        let high = quantile(distribution, item, 0.5 * (1.0 + level));
        if (low..=high).contains(&item.label) { 1.0 } else { 0.0 }
    };
    mean(items.iter().map(is_covered))
}

/// Returns the metrics of a predicted distribution by name; the CRPS is tested on its own.
pub(super) fn calibration(
    items: &[Item],
    distribution: ErrorDistribution,
) -> BTreeMap<&'static str, f64> {
    let gaps: Vec<f64> = (1..100)
        .map(|k| {
            let level = f64::from(k) / 100.0;
            (coverage(items, distribution, level) - level).abs()
        })
        .collect();
    let auce = gaps.windows(2).map(|pair| 0.005 * (pair[0] + pair[1])).sum();
    BTreeMap::from([
        (
            "negative_log_likelihood",
            -mean(items.iter().map(|item| log_density(distribution, item))),
        ),
        ("sharpness", mean(items.iter().map(|item| item.std.powi(2))).sqrt()),
        ("coverage_50", coverage(items, distribution, 0.5)),
        ("coverage_68", coverage(items, distribution, 0.68)),
        ("coverage_90", coverage(items, distribution, 0.9)),
        ("coverage_95", coverage(items, distribution, 0.95)),
        ("auce", auce),
        ("ence", ence(items)),
    ])
}

/// Key by which items are sorted.
type Key = fn(&Item) -> f32;

const STD: Key = |item| item.keys().0;
const ERROR: Key = |item| item.keys().1;

fn sorted(items: &[Item], key: Key) -> Vec<Item> {
    let mut sorted = items.to_vec();
    sorted.sort_by(|a, b| key(a).total_cmp(&key(b)));
    sorted
}

/// Gives every item the mean of `value` over the items with an equal key.
fn shared(items: &[Item], key: Key, value: fn(&Item) -> f64) -> Vec<f64> {
    items
        .chunk_by(|a, b| key(a).total_cmp(&key(b)).is_eq())
        .flat_map(|ties| std::iter::repeat_n(mean(ties.iter().map(value)), ties.len()))
        .collect()
}

fn ence(items: &[Item]) -> f64 {
    let items = sorted(items, STD);
    let squares = shared(&items, STD, |item| item.error().powi(2));
    let variances = shared(&items, STD, |item| item.std.powi(2));
    let n = items.len();
    let gap = |k: usize| {
        let range = k * n / 15..(k + 1) * n / 15;
        let ratio = squares[range.clone()].iter().sum::<f64>()
            / variances[range].iter().sum::<f64>();
        (1.0 - ratio.sqrt()).abs()
    };
    mean((0..15).map(gap))
}

/// Returns the area under the mean absolute error over the share of the items with the smallest
/// keys; a point after every group of ties.
fn area_at_every_share(items: &[Item], key: Key) -> f64 {
    let items = sorted(items, key);
    let n = items.len() as f64;
    let (mut sum, mut count, mut area) = (0.0, 0.0, 0.0);
    for ties in items.chunk_by(|a, b| key(a).total_cmp(&key(b)).is_eq()) {
        let before: f64 = if count > 0.0 { sum / count } else { f64::NAN };
        sum += ties.iter().map(Item::size).sum::<f64>();
        count += ties.len() as f64;
        let after = sum / count;
        let height = if before.is_nan() { after } else { 0.5 * (before + after) };
        area += height * ties.len() as f64 / n;
    }
    area
}

fn ause_ilg(items: &[Item]) -> f64 {
    let mae = mean(items.iter().map(Item::size));
    (area_at_every_share(items, STD) - area_at_every_share(items, ERROR)) / mae
}

/// Returns the root mean square error of the items left, divided by that of all items.
pub(super) fn rest(items: &[Item], by_error: bool) -> Vec<f64> {
    let key = if by_error { ERROR } else { STD };
    let items = sorted(items, key);
    let squares = shared(&items, key, |item| item.error().powi(2));
    let n = items.len();
    let rest = |removed: usize| {
        let left = (n * (100 - removed) / 100).max(1);
        mean(squares[..left].iter().copied()).sqrt() / rmse(&items)
    };
    (0..100).map(rest).collect()
}

fn ause_gustafsson(items: &[Item]) -> f64 {
    let area = |curve: Vec<f64>| -> f64 {
        curve.windows(2).map(|pair| 0.005 * (pair[0] + pair[1])).sum()
    };
    area(rest(items, false)) - area(rest(items, true))
}

fn percentile(sorted: &[f64], numerator: usize) -> f64 {
    // In exact arithmetic with the 50 steps of the curve.
    let rank = (sorted.len() - 1) * numerator;
    let (floor, part) = (rank / 50, (rank % 50) as f64 / 50.0);
    match sorted.get(floor + 1) {
        Some(next) if part > 0.0 => sorted[floor] + part * (next - sorted[floor]),
        _ => sorted[floor],
    }
}

/// Returns the area under the sparsification curve of one image, as in the code of Poggi et al.
fn area_at_percentiles(
    items: &[Item],
    key: fn(&Item) -> f64,
    error: fn(&[Item]) -> f64,
) -> f64 {
    let mut sorted: Vec<f64> = items.iter().map(|item| -key(item)).collect();
    sorted.sort_by(f64::total_cmp);
    let curve = (0..50).map(|step| {
        let threshold = percentile(&sorted, step);
        let rest: Vec<Item> =
            items.iter().filter(|item| -key(item) >= threshold).copied().collect();
        error(&rest)
    });
    let curve: Vec<f64> = curve.chain([0.0]).collect();
    curve.windows(2).map(|pair| 0.01 * (pair[0] + pair[1])).sum()
}

/// Returns the mean areas over images: of the order by standard deviation minus that of the best
/// order, and the error of all items minus the former.
fn image_areas(
    images: &[Vec<Item>],
    key: fn(&Item) -> f64,
    error: fn(&[Item]) -> f64,
) -> (f64, f64) {
    let by_std = |item: &Item| f64::from(item.std as f32);
    let images = || images.iter().filter(|items| items.len() > 1);
    let area = |items: &Vec<Item>| area_at_percentiles(items, by_std, error);
    let excess =
        mean(images().map(|items| area(items) - area_at_percentiles(items, key, error)));
    (excess, mean(images().map(|items| error(items) - area(items))))
}

fn auroc(items: &[Item], error_above: f64) -> f64 {
    let (large, small): (Vec<Item>, Vec<Item>) =
        items.iter().partition(|item| item.size() > error_above);
    let mut pairs = 0.0;
    for (a, b) in large.iter().flat_map(|a| small.iter().map(move |b| (a, b))) {
        pairs += match STD(a).total_cmp(&STD(b)) {
            std::cmp::Ordering::Greater => 1.0,
            std::cmp::Ordering::Equal => 0.5,
            std::cmp::Ordering::Less => 0.0,
        };
    }
    pairs / large.len() as f64 / small.len() as f64
}

/// Returns the rank of each item, where ties have their mean rank.
fn ranks(items: &[Item], key: Key) -> Vec<f64> {
    let rank = |item: &Item| {
        let below = items.iter().filter(|other| key(other) < key(item)).count();
        let ties =
            items.iter().filter(|other| key(other).total_cmp(&key(item)).is_eq()).count();
        below as f64 + 0.5 * ties as f64
    };
    items.iter().map(rank).collect()
}

fn spearman(items: &[Item]) -> f64 {
    let (a, b) = (ranks(items, STD), ranks(items, ERROR));
    let center = 0.5 * items.len() as f64;
    let product = |a: &[f64], b: &[f64]| -> f64 {
        a.iter().zip(b).map(|(x, y)| (x - center) * (y - center)).sum()
    };
    product(&a, &b) / (product(&a, &a) * product(&b, &b)).sqrt()
}

/// Returns the metrics of a standard deviation by name.
pub(super) fn finding_errors(
    images: &[Image],
    std: &str,
    error_above: f64,
) -> BTreeMap<&'static str, f64> {
    let pooled = pooled(images, std);
    let images: Vec<Vec<Item>> = images.iter().map(|image| items(image, std)).collect();
    let relative = |items: &[Item]| mean(items.iter().map(Item::relative));
    let (rmse, rmse_gain) =
        image_areas(&images, |item| f64::from(item.size() as f32), rmse);
    let (abs_rel, abs_rel_gain) =
        image_areas(&images, |item| f64::from(item.relative() as f32), relative);
    let (delta, delta_gain) = image_areas(
        &images,
        |item| f64::from(item.ratio() as f32),
        |items| 1.0 - within(items, 1.25),
    );
    BTreeMap::from([
        ("large_error.auroc", auroc(&pooled, error_above)),
        ("spearman", spearman(&pooled)),
        ("ause_ilg", ause_ilg(&pooled)),
        ("ause_gustafsson", ause_gustafsson(&pooled)),
        ("ause_poggi_rmse", rmse),
        ("aurg_poggi_rmse", rmse_gain),
        ("ause_poggi_abs_rel", abs_rel),
        ("aurg_poggi_abs_rel", abs_rel_gain),
        ("ause_poggi_delta_1", delta),
        ("aurg_poggi_delta_1", delta_gain),
    ])
}
