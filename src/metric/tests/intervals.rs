use super::data::{DIGIT, Image, Random, STREET, evaluate, images, options, spec};
use super::oracle;
use crate::metric::bootstrap::{interval, key, weight};
use crate::metric::{Evaluation, EvaluationSpec, MetricValue};
use crate::task::Item;

fn value(evaluation: &Evaluation, key: &str) -> MetricValue {
    let values = evaluation.metrics();
    values.into_iter().find(|v| v.key == key).unwrap_or_else(|| panic!("no {key}"))
}

type Oracle<'a> = &'a dyn Fn(&[oracle::Item]) -> f64;

/// Returns the images of a replicate, each as often as it is drawn.
fn drawn(images: &[Image], replicate: usize) -> Vec<Image> {
    let times = |image: &Image| weight(key(&image.id), replicate) as usize;
    images.iter().flat_map(|i| std::iter::repeat_n(i.clone(), times(i))).collect()
}

#[test]
fn intervals_are_those_of_metrics_over_repeated_images() {
    let images = images(STREET, 14, 21);
    let evaluation = evaluate(&images, &spec(STREET, options(40)));
    let replicates: Vec<Vec<oracle::Item>> =
        (0..40).map(|b| oracle::items(&drawn(&images, b))).collect();
    let expected = |metric: &dyn Fn(&[oracle::Item]) -> f64| {
        let values: Vec<_> = replicates.iter().map(|items| Some(metric(items))).collect();
        interval(&values, 0.0).unwrap()
    };
    let accuracy = |items: &[oracle::Item]| {
        oracle::mean(items.iter().map(|i| if i.is_wrong() { 0.0 } else { 1.0 }))
    };
    let brier =
        |items: &[oracle::Item]| oracle::mean(items.iter().map(oracle::Item::brier));
    let calibration =
        |items: &[oracle::Item]| oracle::calibration_error(&oracle::confidences(items));
    // The intervals are the same without bins, and nearly the same with coarse bins.
    let aurc = |items: &[oracle::Item]| {
        oracle::risk_areas(&oracle::losses(&oracle::scored(items, 1))).0
    };
    let precision =
        |items: &[oracle::Item]| oracle::average_precision(&oracle::scored(items, 0));
    let cases: [(&str, Oracle, f64); 5] = [
        ("accuracy", &accuracy, 1e-9),
        ("brier_score", &brier, 1e-9),
        ("expected_calibration_error", &calibration, 1e-9),
        ("aurc.mutual_information", &aurc, 5e-4),
        ("misclassification.aupr_error.predictive_entropy", &precision, 5e-3),
    ];
    for (key, metric, tolerance) in cases {
        let found = value(&evaluation, key);
        let (low, high) = found.interval.unwrap();
        let (expected_low, expected_high) = expected(metric);
        assert!((low - expected_low).abs() <= tolerance, "{found:?} {expected_low}");
        assert!((high - expected_high).abs() <= tolerance, "{found:?} {expected_high}");
        assert!(low < high);
    }
}

#[test]
fn differences_to_the_pass_without_dropout_are_taken_within_replicates() {
    let images = images(STREET, 14, 21);
    let evaluation = evaluate(&images, &spec(STREET, options(40)));
    let plain = evaluation.spec().scores().len();
    let aurc = |items: &[oracle::Item], score: usize| {
        oracle::risk_areas(&oracle::losses(&oracle::scored(items, score))).0
    };
    let difference = |replicate: usize| {
        let items = oracle::items(&drawn(&images, replicate));
        Some(aurc(&items, 1) - aurc(&items, plain))
    };
    let differences: Vec<_> = (0..40).map(difference).collect();
    let (low, high) = interval(&differences, 0.0).unwrap();
    let found = value(&evaluation, "aurc.mutual_information").difference.unwrap();
    assert!((found.0 - low).abs() < 1e-3, "{found:?} {low}");
    assert!((found.1 - high).abs() < 1e-3, "{found:?} {high}");
    let of_images = value(&evaluation, "image.aurc.mutual_information.mean");
    let plain = value(&evaluation, "image.aurc.deterministic.mean");
    let (low, high) = of_images.difference.unwrap();
    let of_all = of_images.value.unwrap() - plain.value.unwrap();
    assert!(low <= of_all && of_all <= high, "{of_all} in {low} to {high}");
    assert_eq!(plain.difference, None);
    assert_eq!(value(&evaluation, "accuracy").difference, None);
}

#[test]
fn intervals_hold_the_truth_about_as_often_as_they_say() {
    let classes = vec!["a".to_owned(), "b".to_owned()];
    let spec =
        EvaluationSpec::new(Item::Image, classes, Vec::new(), options(200)).unwrap();
    let mut random = Random(77);
    let mut covered = 0;
    let n_runs = 150;
    for run in 0..n_runs {
        let images: Vec<Image> = (0..120)
            .map(|i| {
                let label = u16::from(random.share() >= 0.8);
                Image::plain(&format!("{run}/{i}"), &[0.75, 0.25], label)
            })
            .collect();
        let (low, high) = value(&evaluate(&images, &spec), "accuracy").interval.unwrap();
        covered += u32::from((low..=high).contains(&0.8));
    }
    // 95 % of 150 is 142.5; four standard deviations of that are 10.7.
    assert!((130..=150).contains(&covered), "{covered}");
}

#[test]
fn few_images_have_no_interval() {
    let spec = spec(DIGIT, options(30));
    let mut images = images(DIGIT, 10, 4);
    for image in &mut images {
        image.labels[0] = 0;
    }
    let ten = evaluate(&images, &spec);
    let nine = evaluate(&images[..9], &spec);
    assert!(value(&ten, "accuracy").interval.is_some());
    assert!(
        nine.metrics()
            .iter()
            .all(|v| v.interval.is_none() || v.metric.starts_with("ood"))
    );
    // An image without a label does not count.
    images[0].labels[0] = crate::metric::IGNORED;
    assert_eq!(value(&evaluate(&images, &spec), "accuracy").interval, None);
}

#[test]
fn without_replicates_and_for_counts_there_is_no_interval() {
    let images = images(STREET, 11, 4);
    let none = evaluate(&images, &spec(STREET, options(0)));
    assert!(
        none.metrics()
            .iter()
            .filter(|v| !v.metric.starts_with("image"))
            .all(|v| { v.interval.is_none() })
    );
    let some = evaluate(&images, &spec(STREET, options(20)));
    let counts = value(&some, "pavpu_accurate_certain.mutual_information.4");
    assert!(counts.value.is_some() && counts.interval.is_none());
    assert!(value(&some, "pavpu.mutual_information.4").interval.is_some());
    assert!(value(&some, "pavpu_area.mutual_information.4").interval.is_some());
}

#[test]
fn every_interval_lies_in_the_range_of_its_metric_and_around_its_value() {
    let evaluation = evaluate(&images(STREET, 16, 8), &spec(STREET, options(60)));
    let mut n_outside = 0;
    let mut n = 0;
    for value in evaluation.metrics() {
        let Some((low, high)) = value.interval else { continue };
        let (least, most) = crate::metric::Metric::by_name(value.metric).unwrap().range;
        assert!(least <= low && low <= high && high <= most, "{value:?}");
        n += 1;
        n_outside += usize::from(!(low..=high).contains(&value.value.unwrap()));
    }
    // Calibration errors are biased upwards in replicates; other metrics are around their value.
    assert!(n > 150 && n_outside * 20 < n, "{n_outside} of {n}");
}
