//! Tests metrics without a value, wrong input, and the ends of probabilities.

use super::data::{Image, evaluate, images, plain_spec, spec, value};
use crate::metric::label_metric::{
    LABEL_METRICS, LabelEvaluationSpec, LabelMetric, LabelSpec, UNKNOWN_LABEL,
};

#[test]
fn a_label_that_holds_nowhere_has_no_auroc_and_does_not_count_in_the_mean() {
    let evaluation = evaluate(&images((2, 3), 30, 4), &spec(0));
    for name in ["auroc", "aupr", "recall"] {
        assert_eq!(value(&evaluation, &format!("rare.{name}")), None, "{name}");
        let of = |label: &str| value(&evaluation, &format!("{label}.{name}")).unwrap();
        let mean = (of("fog") + of("rain") + of("night")) / 3.0;
        assert!((of("macro") - mean).abs() < 1e-12, "{name}");
    }
}

#[test]
fn metrics_without_items_are_undefined_and_not_nan() {
    let unknown = Image::plain("a", &[(0.3, UNKNOWN_LABEL), (0.7, UNKNOWN_LABEL)]);
    let evaluation = evaluate(&[unknown], &plain_spec());
    assert!(evaluation.metrics().iter().all(|metric| metric.value.is_none()));
    assert_eq!(evaluation.n_items(), [0]);
    let none_decided =
        evaluate(&[Image::plain("a", &[(0.3, 1), (0.2, 0)])], &plain_spec());
    assert_eq!(value(&none_decided, "fog.precision"), None);
    assert_eq!(value(&none_decided, "fog.recall"), Some(0.0));
    assert_eq!(value(&none_decided, "fog.f1"), Some(0.0));
}

#[test]
fn probabilities_of_0_and_1_have_a_finite_likelihood_and_a_bin() {
    let items = [(0.0, 1), (1.0, 0), (1.0, 1), (0.0, 0)];
    let evaluation = evaluate(&[Image::plain("a", &items)], &plain_spec());
    let half_floored = 12.0 * std::f64::consts::LN_2;
    let found = value(&evaluation, "fog.negative_log_likelihood").unwrap();
    assert!((found - half_floored).abs() < 1e-9, "{found}");
    assert_eq!(value(&evaluation, "fog.likelihood_floor_share"), Some(0.5));
    assert_eq!(value(&evaluation, "fog.expected_calibration_error"), Some(0.5));
    assert_eq!(value(&evaluation, "fog.auroc"), Some(0.5));
}

#[test]
fn probabilities_next_to_1_are_told_apart() {
    let items = [(1.0 - 3e-7, 1), (1.0 - 9e-7, 0), (1.0 - 2e-6, 1), (1.0 - 5e-6, 0)];
    let evaluation = evaluate(&[Image::plain("a", &items)], &plain_spec());
    let metrics = evaluation.metrics();
    let auroc = metrics.iter().find(|metric| metric.key == "fog.auroc").unwrap();
    assert_eq!((auroc.value, auroc.bin_error), (Some(0.75), 0.0));
}

#[test]
fn the_threshold_itself_is_a_decision_for_the_label() {
    let evaluation =
        evaluate(&[Image::plain("a", &[(0.5, 1), (0.49, 0)])], &plain_spec());
    assert_eq!(value(&evaluation, "fog.accuracy"), Some(1.0));
}

/// Makes an image wrong.
type Change = fn(&mut Image);

#[test]
fn wrong_input_is_an_error_that_names_the_image_and_the_array() {
    let good = || images((2, 3), 1, 1).remove(0);
    let changes: [(&str, Change); 8] = [
        ("rain.probability is NaN at row 1, column 2", |image| {
            image.labels[1].probability[5] = f32::NAN;
        }),
        ("rain.probability is 1.2", |image| image.labels[1].probability[0] = 1.2),
        ("rain.mutual_information is -1", |image| image.labels[1].scores[1][0] = -1.0),
        ("expected 6 values of fog.deterministic_probability, found 5", |image| {
            image.labels[0].deterministic = Some(vec![0.5; 5]);
        }),
        ("has no pass without dropout", |image| image.labels[0].deterministic = None),
        ("the truth of fog is 7 at row 0, column 1", |image| {
            image.labels[0].truth[1] = 7;
        }),
        ("expected 4 labels, found 3", |image| {
            image.labels.pop();
        }),
        ("expected 2 measures, found 1", |image| {
            image.labels[0].scores.pop();
        }),
    ];
    for (message, change) in changes {
        let mut image = good();
        change(&mut image);
        let error = image.summary(&spec(0)).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
        assert!(error.to_string().contains("0.png") && error.hint().is_some());
    }
}

#[test]
fn a_specification_is_checked() {
    let of = |labels: &[&str]| labels.iter().map(|name| LabelSpec::new(*name)).collect();
    for (labels, message) in [
        (of(&[]), "there are no labels"),
        (of(&["fog", "fog"]), "two labels have the name \"fog\""),
        (of(&["fog", "micro"]), "that of an average"),
        (vec![LabelSpec { threshold: f32::NAN, ..LabelSpec::new("fog") }], "threshold"),
    ] {
        let error = LabelEvaluationSpec::new(labels, Vec::new(), 0).unwrap_err();
        assert!(error.to_string().contains(message), "{error}");
    }
    assert!(LabelEvaluationSpec::new(of(&["fog"]), Vec::new(), 10_001).is_err());
}

#[test]
fn values_lie_in_their_range_and_keys_are_unique() {
    let metrics = evaluate(&images((1, 4), 25, 6), &spec(20)).metrics();
    for value in &metrics {
        let (least, most) = LabelMetric::by_name(value.metric).unwrap().range;
        let interval = value.interval.map_or(vec![], |(low, high)| vec![low, high]);
        for number in value.value.into_iter().chain(interval) {
            assert!((least..=most).contains(&number), "{value:?}");
        }
    }
    let mut keys: Vec<&str> = metrics.iter().map(|value| value.key.as_str()).collect();
    keys.sort_unstable();
    assert!(keys.windows(2).all(|pair| pair[0] != pair[1]));
    assert!(LABEL_METRICS.iter().all(|m| metrics.iter().any(|v| v.metric == m.name)));
}
