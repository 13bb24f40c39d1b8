use super::data::{Image, evaluate, images, options, plain_spec, spec, value};
use crate::metric::value_metric::{
    DeterministicValues, ErrorDistribution, STD_FLOOR, VALUE_LIMIT, VALUE_METRICS,
    ValueBreakdown, ValueEvaluation, ValueEvaluationOptions, ValueEvaluationSpec,
    ValueInput, ValueSummary,
};

fn without_replicates() -> ValueEvaluationOptions {
    options(0)
}

fn found(evaluation: &ValueEvaluation, key: &str) -> Option<f64> {
    value(evaluation, key).value
}

fn assert_near(found: Option<f64>, expected: f64) {
    let found = found.unwrap();
    assert!((found - expected).abs() < 1e-9, "{found}, expected {expected}");
}

#[test]
fn without_labels_no_metric_has_a_value() {
    let spec = spec(0, ErrorDistribution::Gaussian);
    let mut unlabeled = images((3, 4), 2, 1);
    for image in &mut unlabeled {
        image.labels.fill(f32::NAN);
        // Items without a label are not read.
        image.value.fill(f32::NAN);
        image.epistemic.fill(-1.0);
    }
    for evaluation in [ValueEvaluation::new(spec.clone()), evaluate(&unlabeled, &spec)] {
        assert!(evaluation.metrics().len() > 80);
        assert!(evaluation.metrics().iter().all(|v| v.value.is_none()));
        assert_eq!(evaluation.n_items(), 0);
        assert_eq!(evaluation.errors().count(), 0);
    }
    assert_eq!(evaluate(&unlabeled, &spec).n_images(), 2);
}

#[test]
fn one_label_has_errors_but_no_order() {
    let image = Image::plain("a", &[(2.0, 0.25, 3.0), (1.0, 1.0, f32::NAN)]);
    let evaluation = evaluate(&[image], &plain_spec(without_replicates()));
    assert_near(found(&evaluation, "rmse"), 1.0);
    assert_near(found(&evaluation, "bias"), -1.0);
    assert_near(found(&evaluation, "abs_rel"), 1.0 / 3.0);
    assert_near(found(&evaluation, "ence"), 1.0);
    assert_near(found(&evaluation, "large_error_share"), 1.0);
    assert_near(found(&evaluation, "ause_ilg.total_std"), 0.0);
    for key in ["r2", "spearman.total_std", "large_error.auroc.total_std"] {
        assert_eq!(found(&evaluation, key), None, "{key}");
    }
    assert_eq!(found(&evaluation, "ause_poggi_rmse.total_std"), None);
    let (id, errors) = evaluation.errors().next().unwrap();
    assert_eq!((id, errors.n_labeled), ("a", 1));
    assert!((errors.root_mean_square - 1.0).abs() < 1e-12);
    assert!((errors.mean_absolute - 1.0).abs() < 1e-12);
}

#[test]
fn equal_standard_deviations_find_no_errors() {
    let items: Vec<_> = (0..200u8).map(|i| (f32::from(i) / 64.0, 0.04, 1.0)).collect();
    let evaluation =
        evaluate(&[Image::plain("a", &items)], &plain_spec(without_replicates()));
    let auroc = value(&evaluation, "large_error.auroc.total_std");
    assert_near(auroc.value, 0.5);
    assert!(auroc.bin_error.abs() < 1e-15);
    assert_eq!(found(&evaluation, "spearman.total_std"), None);
    // All items are ties, so nothing is removed before everything is.
    let full = found(&evaluation, "rmse").unwrap();
    assert_near(found(&evaluation, "aurg_poggi_rmse.total_std"), full * 0.01);
    assert!(found(&evaluation, "ause_ilg.total_std").unwrap() > 0.3);
    assert!(value(&evaluation, "ence").bin_error.abs() < 1e-12);
}

#[test]
fn a_prediction_without_errors_has_no_sparsification() {
    let items = [(1.0, 0.5, 1.0), (2.0, 0.0, 2.0), (4.0, 0.1, 4.0)];
    let evaluation =
        evaluate(&[Image::plain("a", &items)], &plain_spec(without_replicates()));
    assert_near(found(&evaluation, "rmse"), 0.0);
    assert_near(found(&evaluation, "r2"), 1.0);
    assert_near(found(&evaluation, "delta_1"), 1.0);
    assert_near(found(&evaluation, "coverage_50"), 1.0);
    assert_near(found(&evaluation, "ause_poggi_rmse.total_std"), 0.0);
    for name in ["ause_ilg", "ause_gustafsson", "large_error.auroc", "spearman"] {
        assert_eq!(found(&evaluation, &format!("{name}.total_std")), None, "{name}");
    }
}

#[test]
fn standard_deviations_below_the_floor_count_as_the_floor() {
    let items = [(1.0, 0.0, 1.0), (1.0, 0.0, 1.5), (1.0, 1.0, 1.0), (1.0, 1e-20, 1.0)];
    let image = Image::plain("a", &items);
    let evaluation = evaluate(std::slice::from_ref(&image), &plain_spec(options(0)));
    assert_near(found(&evaluation, "std_floor_share"), 0.75);
    let constant = 0.5 * (2.0 * std::f64::consts::PI).ln();
    let expected =
        constant + 0.25 * (3.0 * STD_FLOOR.ln() + 0.5 * (0.5 / STD_FLOOR).powi(2));
    let nll = found(&evaluation, "negative_log_likelihood").unwrap();
    assert!((nll / expected - 1.0).abs() < 1e-12, "{nll} {expected}");
    assert_near(found(&evaluation, "coverage_95"), 0.75);
    let floored = ValueEvaluationOptions { std_floor: 0.5, ..options(0) };
    let evaluation = evaluate(&[image], &plain_spec(floored));
    let expected = constant + 0.25 * (3.0 * 0.5f64.ln() + 0.5);
    assert_near(found(&evaluation, "negative_log_likelihood"), expected);
    // The item with the error of 0.5 is at the edge of one standard deviation.
    assert_near(found(&evaluation, "coverage_50"), 0.75);
    assert_near(found(&evaluation, "coverage_90"), 1.0);
}

#[test]
fn depth_needs_positive_labels_and_logarithms_positive_predictions() {
    let depth = ["abs_rel", "sq_rel", "rmse_log", "log10", "delta_1", "delta_3"];
    let spec = plain_spec(without_replicates());
    let negative = Image::plain("a", &[(-1.0, 0.1, 2.0), (2.0, 0.2, 2.0)]);
    let evaluation = evaluate(&[negative], &spec);
    for key in ["rmse_log", "log10"] {
        assert_eq!(found(&evaluation, key), None);
    }
    assert_near(found(&evaluation, "abs_rel"), 0.75);
    assert_near(found(&evaluation, "delta_3"), 0.5);
    assert!(found(&evaluation, "ause_poggi_delta_1.total_std").is_some());
    let zero = Image::plain("b", &[(1.0, 0.1, 0.0), (2.0, 0.2, 2.0)]);
    let evaluation = evaluate(&[zero], &spec);
    for key in depth.into_iter().chain(["ause_poggi_abs_rel.total_std"]) {
        assert_eq!(found(&evaluation, key), None, "{key}");
    }
    assert!(found(&evaluation, "rmse").is_some());
    let plain = plain_spec(ValueEvaluationOptions::default());
    let keys: Vec<String> =
        ValueEvaluation::new(plain).metrics().into_iter().map(|v| v.key).collect();
    assert!(!keys.iter().any(|key| key.contains("rel") || key.contains("large")));
}

#[test]
fn the_spread_of_labels_far_from_zero_is_not_lost() {
    // The squares of the labels are 10¹² times as large as their variance.
    let items: Vec<_> = (0..100u8)
        .map(|i| {
            let label = 1_000_000.0 + f32::from(i % 4) * 0.5;
            (label + 0.25, 1.0, label)
        })
        .collect();
    let evaluation =
        evaluate(&[Image::plain("a", &items)], &plain_spec(without_replicates()));
    assert_near(found(&evaluation, "r2"), 1.0 - 0.0625 / 0.3125);
}

#[test]
fn very_small_and_very_large_units_give_the_same_ratios() {
    let base = images((9, 9), 3, 5);
    let reference = evaluate(&base, &spec(0, ErrorDistribution::Gaussian));
    for exponent in [-12, 20] {
        let scale = 2f32.powi(exponent);
        let scaled: Vec<Image> = base
            .iter()
            .map(|image| {
                let mut image = image.clone();
                let times = |values: &mut Vec<f32>, factor: f32| {
                    for value in values {
                        *value *= factor;
                    }
                };
                times(&mut image.labels, scale);
                times(&mut image.value, scale);
                times(&mut image.epistemic, scale * scale);
                image.aleatoric.iter_mut().for_each(|v| times(v, scale * scale));
                if let Some((value, variance)) = &mut image.deterministic {
                    times(value, scale);
                    if let Some(variance) = variance {
                        times(variance, scale * scale);
                    }
                }
                if let Some((low, high)) = &mut image.interval {
                    times(low, scale);
                    times(high, scale);
                }
                image
            })
            .collect();
        let evaluation = evaluate(&scaled, &spec(0, ErrorDistribution::Gaussian));
        for key in [
            "r2",
            "abs_rel",
            "delta_1",
            "coverage_68",
            "auce",
            "ence",
            "spearman.total_std",
            "ause_ilg.aleatoric_std",
            "ause_gustafsson.deterministic_std",
        ] {
            assert_near(found(&evaluation, key), found(&reference, key).unwrap());
        }
        let ratio =
            found(&evaluation, "crps").unwrap() / found(&reference, "crps").unwrap();
        assert!((ratio / f64::from(scale) - 1.0).abs() < 1e-9);
    }
}

#[test]
fn the_largest_values_do_not_overflow() {
    let items = [
        (VALUE_LIMIT, 0.0, -VALUE_LIMIT),
        (-VALUE_LIMIT, VALUE_LIMIT * VALUE_LIMIT, VALUE_LIMIT),
    ];
    let images: Vec<Image> =
        (0..300).map(|i| Image::plain(&i.to_string(), &items)).collect();
    let evaluation = evaluate(&images, &plain_spec(options(10)));
    let size = 2.0 * f64::from(VALUE_LIMIT);
    assert!((found(&evaluation, "rmse").unwrap() / size - 1.0).abs() < 1e-12);
    assert_near(found(&evaluation, "bias"), 0.0);
    let nll = found(&evaluation, "negative_log_likelihood").unwrap();
    let expected = 0.25 * (size / STD_FLOOR).powi(2);
    assert!((nll / expected - 1.0).abs() < 1e-9, "{nll} {expected}");
}

fn error_of(image: &Image, spec: &ValueEvaluationSpec) -> String {
    let error = image.summary(spec).unwrap_err();
    assert!(error.hint().is_some());
    error.to_string()
}

#[test]
fn invalid_inputs_are_errors_that_name_the_image_and_the_position() {
    let spec = spec(0, ErrorDistribution::Gaussian);
    let mut valid = images((2, 3), 1, 1).remove(0);
    valid.labels.fill(2.0);
    assert!(valid.summary(&spec).is_ok());
    let check = |change: &dyn Fn(&mut Image), expected: &str| {
        let mut image = valid.clone();
        change(&mut image);
        let message = error_of(&image, &spec);
        assert!(message.starts_with("folder/0000.png: "), "{message}");
        assert!(message.contains(expected), "{message}");
    };
    check(&|image| image.value[4] = f32::NAN, "the value is NaN at row 1, column 1");
    check(&|image| image.value[0] = f32::INFINITY, "the value is inf at row 0, column 0");
    check(&|image| image.labels[1] = f32::NEG_INFINITY, "the label is -inf");
    check(&|image| image.labels[1] = 1e10, "the label is 10000000000");
    check(&|image| image.epistemic[2] = -1e-9, "the epistemic variance is -");
    check(&|image| image.aleatoric = None, "has no aleatoric variance");
    check(&|image| image.interval = None, "has no lower end of the interval");
    check(&|image| image.deterministic = None, "has no value without dropout");
    check(
        &|image| image.deterministic.iter_mut().for_each(|pass| pass.1 = None),
        "has no variance without dropout",
    );
    check(&|image| image.labels.truncate(5), "label: expected 6 values, found 5");
    check(
        &|image| image.interval = image.interval.take().map(|(low, high)| (high, low)),
        " at row 0, column 0: expected the lower end first",
    );
    check(&|image| image.height = 0, "3 x 0 items");
}

#[test]
fn arrays_that_the_specification_does_not_include_are_not_read() {
    let invalid = [f32::NAN];
    let input = ValueInput {
        id: "a",
        height: 1,
        width: 1,
        labels: &[1.0],
        value: &[2.0],
        epistemic_variance: &[1.0],
        aleatoric_variance: Some(&invalid),
        deterministic: Some(DeterministicValues { value: &invalid, variance: None }),
        interval: None,
    };
    let spec = plain_spec(without_replicates());
    let mut evaluation = ValueEvaluation::new(spec.clone());
    evaluation.add(ValueSummary::new(&input, &spec).unwrap()).unwrap();
    assert_near(found(&evaluation, "sharpness"), 1.0);
    let keys: Vec<String> = evaluation.metrics().into_iter().map(|v| v.key).collect();
    assert!(!keys.iter().any(|key| key.contains("deterministic")));
}

#[test]
fn invalid_settings_are_errors_with_hints() {
    let check = |options: ValueEvaluationOptions, expected: &str| {
        let error = ValueEvaluationSpec::new("x", options).unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.hint().is_some());
    };
    let default = ValueEvaluationOptions::default;
    check(ValueEvaluationOptions { replicates: 10_001, ..default() }, "replicates");
    check(ValueEvaluationOptions { std_floor: 0.0, ..default() }, "std_floor");
    check(ValueEvaluationOptions { std_floor: f64::NAN, ..default() }, "std_floor");
    let above = Some(f64::INFINITY);
    check(ValueEvaluationOptions { error_above: above, ..default() }, "error_above");
    let spec = ValueEvaluationSpec::new("x", default()).unwrap();
    assert!(spec.with_interval(1.0).unwrap_err().to_string().contains("interval"));
}

#[test]
fn names_of_metrics_are_unique_and_keys_follow_the_table() {
    let evaluation =
        evaluate(&images((4, 5), 3, 8), &spec(0, ErrorDistribution::Gaussian));
    let keys: Vec<String> = evaluation.metrics().into_iter().map(|v| v.key).collect();
    let mut unique = keys.clone();
    unique.sort();
    unique.dedup();
    assert_eq!(unique.len(), keys.len());
    let expected: usize = VALUE_METRICS
        .iter()
        .map(|metric| match metric.breakdown {
            ValueBreakdown::Whole => 1,
            ValueBreakdown::Prediction | ValueBreakdown::Distribution => 2,
            ValueBreakdown::Std => 4,
        })
        .sum();
    assert_eq!(keys.len(), expected);
    for metric in VALUE_METRICS {
        assert!(keys.iter().any(|key| key.starts_with(metric.name)));
        assert!(!metric.title.is_empty() && !metric.summary.ends_with('.'));
    }
}
