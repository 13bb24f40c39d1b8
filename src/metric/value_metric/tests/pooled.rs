use std::collections::BTreeMap;

use super::data::{Image, evaluate, images, options, spec, value};
use super::oracle;
use crate::metric::MetricValue;
use crate::metric::value_metric::{ErrorDistribution, StdSource, ValueEvaluation};

const SIZE: (usize, usize) = (13, 17);

const STDS: [StdSource; 4] = [
    StdSource::Total,
    StdSource::Aleatoric,
    StdSource::Epistemic,
    StdSource::Deterministic,
];

/// Compares values with expected ones, up to rounding and the bound of the bins.
fn check(
    evaluation: &ValueEvaluation,
    expected: &BTreeMap<&'static str, f64>,
    ending: &str,
) {
    let metrics = evaluation.metrics();
    for (name, expected) in expected {
        let key = format!("{name}{ending}");
        let found = metrics.iter().find(|value| value.key == key);
        let found = found.unwrap_or_else(|| panic!("no {key}"));
        let distance = (found.value.unwrap() - expected).abs();
        assert!(distance <= found.bin_error + 1e-9, "{found:?}, expected {expected}");
    }
}

fn evaluated(distribution: ErrorDistribution) -> (Vec<Image>, ValueEvaluation) {
    let images = images(SIZE, 9, 3);
    let evaluation = evaluate(&images, &spec(0, distribution));
    (images, evaluation)
}

#[test]
fn errors_equal_naive_ones() {
    let (images, evaluation) = evaluated(ErrorDistribution::Gaussian);
    let above = options(0).error_above.unwrap();
    for (std, ending) in [("total_std", ""), ("deterministic_std", ".deterministic")] {
        let items = oracle::pooled(&images, std);
        check(&evaluation, &oracle::errors(&items, above), ending);
        assert_eq!(evaluation.n_items(), items.len() as u64);
    }
}

#[test]
fn likelihood_and_calibration_equal_naive_ones() {
    for distribution in [ErrorDistribution::Gaussian, ErrorDistribution::Laplace] {
        let (images, evaluation) = evaluated(distribution);
        for (std, ending) in [("total_std", ""), ("deterministic_std", ".deterministic")]
        {
            let items = oracle::pooled(&images, std);
            check(&evaluation, &oracle::calibration(&items, distribution), ending);
        }
    }
}

#[test]
fn finding_errors_equals_naive_ranking() {
    let (images, evaluation) = evaluated(ErrorDistribution::Gaussian);
    let above = options(0).error_above.unwrap();
    for std in STDS {
        let expected = oracle::finding_errors(&images, std.name(), above);
        check(&evaluation, &expected, &format!(".{}", std.name()));
    }
}

#[test]
fn bounds_of_bins_are_small_on_many_items() {
    let images = images((60, 80), 8, 4);
    let evaluation = evaluate(&images, &spec(0, ErrorDistribution::Gaussian));
    // A tenth of the items have the same epistemic variance; their bin has other items as well,
    // so all its pairs count as undecided.
    let limits = [
        ("ence", 0.02),
        ("large_error.auroc", 0.01),
        ("spearman", 0.05),
        ("ause_ilg", 0.03),
        ("ause_gustafsson", 0.02),
    ];
    for value in evaluation.metrics() {
        let limit = limits.iter().find(|(name, _)| *name == value.metric);
        let limit = limit.map_or(0.0, |(_, limit)| *limit);
        assert!(value.bin_error <= limit, "{value:?}");
    }
}

#[test]
fn values_of_images_are_evaluated_like_pixels() {
    let images = images((1, 1), 400, 9);
    let evaluation = evaluate(&images, &spec(0, ErrorDistribution::Gaussian));
    let above = options(0).error_above.unwrap();
    check(&evaluation, &oracle::errors(&oracle::pooled(&images, "total_std"), above), "");
    // An image with a single item has no order.
    assert_eq!(value(&evaluation, "ause_poggi_rmse.total_std").value, None);
    assert!(value(&evaluation, "ause_ilg.total_std").value.unwrap() > 0.0);
}

#[test]
fn intervals_of_the_input_are_counted() {
    let (images, evaluation) = evaluated(ErrorDistribution::Gaussian);
    let (mut covered, mut n, mut width) = (0.0, 0.0, 0.0);
    let mut shares = Vec::new();
    for image in &images {
        let (low, high) = image.interval.as_ref().unwrap();
        let before = (covered, n);
        for i in (0..low.len()).filter(|&i| !image.labels[i].is_nan()) {
            covered += f64::from(u8::from((low[i]..=high[i]).contains(&image.labels[i])));
            width += f64::from(high[i]) - f64::from(low[i]);
            n += 1.0;
        }
        if n > before.1 {
            shares.push((covered - before.0) / (n - before.1));
        }
    }
    let check = |MetricValue { value, .. }, expected: f64| {
        assert!((value.unwrap_or(f64::NAN) - expected).abs() < 1e-12);
    };
    check(value(&evaluation, "interval_coverage"), covered / n);
    check(value(&evaluation, "interval_width"), width / n);
    let of_images = shares.iter().sum::<f64>() / shares.len() as f64;
    check(value(&evaluation, "interval_coverage_of_images"), of_images);
}
