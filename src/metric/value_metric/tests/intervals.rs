use std::collections::BTreeMap;

use super::data::{Image, evaluate, images, plain_spec, spec, value};
use super::oracle;
use crate::metric::bootstrap::{interval, key, weight};
use crate::metric::tests::data::Random;
use crate::metric::value_metric::{
    ErrorDistribution, ValueDirection, ValueEvaluationOptions, ValueMetric,
};

/// Returns the images of a replicate, each as often as it is drawn.
fn drawn(images: &[Image], replicate: usize) -> Vec<Image> {
    let times = |image: &Image| weight(key(&image.id), replicate) as usize;
    images.iter().flat_map(|i| std::iter::repeat_n(i.clone(), times(i))).collect()
}

/// Returns the metrics of a replicate by key, computed without bins.
fn naive(images: &[Image]) -> BTreeMap<String, f64> {
    let items = oracle::pooled(images, "total_std");
    let errors = oracle::errors(&items, 0.4);
    let coverage = oracle::coverage(&items, ErrorDistribution::Gaussian, 0.9);
    let finding = oracle::finding_errors(images, "total_std", 0.4);
    let errors = errors.into_iter().map(|(name, value)| (name.to_owned(), value));
    let finding = finding.into_iter().map(|(name, v)| (format!("{name}.total_std"), v));
    errors.chain(finding).chain([("coverage_90".to_owned(), coverage)]).collect()
}

#[test]
fn intervals_are_those_of_metrics_over_repeated_images() {
    let images = images((12, 14), 14, 21);
    let evaluation = evaluate(&images, &spec(40, ErrorDistribution::Gaussian));
    let replicates: Vec<BTreeMap<String, f64>> =
        (0..40).map(|b| naive(&drawn(&images, b))).collect();
    // Exact sums have the intervals of items without bins; rankings nearly so.
    let tolerance = |key: &str| match key.split_once('.').map_or(key, |(name, _)| name) {
        "ause_ilg" | "large_error" => 5e-3,
        "ause_gustafsson" | "spearman" => 1e-2,
        _ => 1e-9,
    };
    for key in replicates[0].keys() {
        let values: Vec<_> =
            replicates.iter().map(|values| values.get(key).copied()).collect();
        let (expected_low, expected_high) = interval(&values, 0.0).unwrap();
        let found = value(&evaluation, key);
        let (low, high) = found.interval.unwrap();
        assert!((low - expected_low).abs() <= tolerance(key), "{found:?} {expected_low}");
        assert!(
            (high - expected_high).abs() <= tolerance(key),
            "{found:?} {expected_high}"
        );
        assert!(low < high, "{found:?}");
    }
}

#[test]
fn differences_to_the_pass_without_dropout_are_taken_within_replicates() {
    let images = images((12, 14), 14, 21);
    let evaluation = evaluate(&images, &spec(40, ErrorDistribution::Gaussian));
    let difference = |replicate: usize| {
        let images = drawn(&images, replicate);
        let rmse = |std| oracle::rmse(&oracle::pooled(&images, std));
        Some(rmse("total_std") - rmse("deterministic_std"))
    };
    let differences: Vec<_> = (0..40).map(difference).collect();
    let (low, high) = interval(&differences, 0.0).unwrap();
    let found = value(&evaluation, "rmse").difference.unwrap();
    assert!((found.0 - low).abs() < 1e-9 && (found.1 - high).abs() < 1e-9, "{found:?}");
    assert_eq!(value(&evaluation, "rmse.deterministic").difference, None);
    assert_eq!(value(&evaluation, "ause_ilg.deterministic_std").difference, None);
    assert!(value(&evaluation, "ause_ilg.epistemic_std").difference.is_some());
    assert_eq!(value(&evaluation, "interval_coverage").difference, None);
}

#[test]
fn intervals_hold_the_truth_about_as_often_as_they_say() {
    let options = ValueEvaluationOptions { replicates: 200, ..Default::default() };
    let spec = plain_spec(options);
    let mut random = Random(77);
    let mut covered = 0;
    for run in 0..150 {
        // The mean absolute error of a uniform error between -1 and 1 is 0.5.
        let images: Vec<Image> = (0..120)
            .map(|i| {
                let error = (2.0 * random.share() - 1.0) as f32;
                Image::plain(&format!("{run}/{i}"), &[(error, 1.0, 0.0)])
            })
            .collect();
        let (low, high) = value(&evaluate(&images, &spec), "mae").interval.unwrap();
        covered += u32::from((low..=high).contains(&0.5));
    }
    // 95 % of 150 is 142.5; four standard deviations of that are 10.7.
    assert!((130..=150).contains(&covered), "{covered}");
}

#[test]
fn few_images_and_descriptions_have_no_interval() {
    let spec = spec(30, ErrorDistribution::Gaussian);
    let mut images = images((3, 4), 10, 4);
    let ten = evaluate(&images, &spec);
    assert!(value(&ten, "mae").interval.is_some());
    assert_eq!(value(&ten, "sharpness").interval, None);
    assert!(evaluate(&images[..9], &spec).metrics().iter().all(|v| v.interval.is_none()));
    // An image without a label does not count.
    images[0].labels.fill(f32::NAN);
    assert_eq!(value(&evaluate(&images, &spec), "mae").interval, None);
}

#[test]
fn every_interval_lies_in_the_range_of_its_metric_and_around_its_value() {
    let images = images((12, 14), 16, 8);
    let evaluation = evaluate(&images, &spec(60, ErrorDistribution::Gaussian));
    let (mut n, mut n_outside) = (0, 0);
    for value in evaluation.metrics() {
        let metric = ValueMetric::by_name(value.metric).unwrap();
        let Some((low, high)) = value.interval else {
            assert_eq!(metric.direction, ValueDirection::Descriptive, "{value:?}");
            continue;
        };
        let (least, most) = metric.range;
        assert!(least <= low && low <= high && high <= most, "{value:?}");
        n += 1;
        n_outside += usize::from(!(low..=high).contains(&value.value.unwrap()));
    }
    // Calibration errors are biased upwards in replicates.
    assert!(n > 70 && n_outside * 10 < n, "{n_outside} of {n}");
}
