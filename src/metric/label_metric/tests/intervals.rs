//! Tests intervals and curves.

use super::data::{Image, evaluate, images, plain_spec, spec};
use crate::metric::MetricValue;
use crate::metric::label_metric::LabelEvaluation;

fn metric(evaluation: &LabelEvaluation, key: &str) -> MetricValue {
    let mut metrics = evaluation.metrics().into_iter();
    metrics.find(|value| value.key == key).unwrap_or_else(|| panic!("{key}"))
}

#[test]
fn intervals_contain_the_value_and_shrink_with_the_images() {
    let [few, many] = [20, 320].map(|n| evaluate(&images((2, 2), n, 7), &spec(100)));
    for key in ["macro.auroc", "micro.f1", "fog.brier_score", "missed_labels"] {
        let widths = [&few, &many].map(|evaluation| {
            let value = metric(evaluation, key);
            let (low, high) = value.interval.unwrap();
            assert!((low..=high).contains(&value.value.unwrap()), "{value:?}");
            high - low
        });
        // Sixteen times as many images: a quarter of the width.
        assert!(widths[1] < 0.5 * widths[0], "{key}: {widths:?}");
    }
    assert_eq!(metric(&many, "fog.prevalence").interval, None);
    assert!(metric(&many, "fog.auroc").difference.is_some());
    assert!(metric(&many, "fog.auroc.deterministic").difference.is_none());
    let key = "micro.misclassification.auroc.predictive_entropy";
    assert!(metric(&many, key).difference.is_some());
}

#[test]
fn few_images_have_no_interval() {
    let evaluation = evaluate(&images((4, 4), 9, 7), &spec(100));
    assert!(evaluation.metrics().iter().all(|value| value.interval.is_none()));
}

#[test]
fn curves_show_the_items_of_each_label_and_of_all() {
    let items = [(0.9, 1), (0.8, 0), (0.35, 1), (0.1, 0)];
    let evaluation = evaluate(&[Image::plain("a", &items)], &plain_spec());
    let [reliability, roc, precision_recall] =
        [evaluation.reliability(), evaluation.roc(), evaluation.precision_recall()];
    for curves in [&reliability, &roc, &precision_recall] {
        assert_eq!(curves.len(), 2);
        let names = curves.iter().map(|curve| curve.name.split_once('.').unwrap().1);
        assert!(names.eq(["micro", "fog"]));
        assert_eq!(curves[0].y, curves[1].y);
    }
    assert_eq!(reliability[1].y, [0.0, 1.0, 0.0, 1.0]);
    assert_eq!(roc[1].x, [0.0, 0.0, 0.5, 0.5, 1.0]);
    assert_eq!(roc[1].y, [0.0, 0.5, 0.5, 1.0, 1.0]);
    assert_eq!(precision_recall[1].y, [1.0, 0.5, 2.0 / 3.0, 0.5]);
    let without = evaluate(&[Image::plain("a", &[(0.9, 0)])], &plain_spec());
    assert!(without.roc().iter().all(|curve| curve.x.is_empty()));
}
