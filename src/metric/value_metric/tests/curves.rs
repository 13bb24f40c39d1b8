use super::data::{Image, evaluate, images, plain_spec, spec, value};
use super::oracle;
use crate::metric::value_metric::{
    ErrorDistribution, ValueEvaluation, ValueEvaluationOptions,
};
use crate::metric::{Curve, MetricValue};

fn curve<'a>(curves: &'a [Curve], name: &str) -> &'a Curve {
    curves.iter().find(|curve| curve.name == name).unwrap_or_else(|| panic!("no {name}"))
}

fn evaluated() -> (Vec<Image>, ValueEvaluation) {
    let images = images((13, 17), 6, 31);
    let evaluation = evaluate(&images, &spec(0, ErrorDistribution::Gaussian));
    (images, evaluation)
}

fn area(curve: &Curve) -> f64 {
    let steps = curve.x.windows(2).zip(curve.y.windows(2));
    steps.map(|(x, y)| (x[1] - x[0]) * 0.5 * (y[0] + y[1])).sum()
}

#[test]
fn the_coverage_curve_holds_the_coverage_of_99_levels() {
    let (images, evaluation) = evaluated();
    let curves = evaluation.coverage();
    assert_eq!(curves.len(), 2);
    for std in ["total_std", "deterministic_std"] {
        let items = oracle::pooled(&images, std);
        let curve = curve(&curves, &format!("coverage.{std}"));
        assert_eq!(curve.x.len(), 99);
        for (&level, share) in curve.x.iter().zip(&curve.y) {
            let expected = oracle::coverage(&items, ErrorDistribution::Gaussian, level);
            assert!((share - expected).abs() < 1e-12);
        }
    }
}

#[test]
fn the_area_between_sparsification_curves_is_ause() {
    let (images, evaluation) = evaluated();
    let curves = evaluation.sparsification();
    assert_eq!(curves.len(), 6);
    let best = curve(&curves, "sparsification.best");
    let own = curve(&curves, "sparsification.epistemic_std");
    let ause = value(&evaluation, "ause_gustafsson.epistemic_std").value.unwrap();
    assert!((area(own) - area(best) - ause).abs() < 1e-12);
    let plain_best = curve(&curves, "sparsification.deterministic_best");
    let items = oracle::pooled(&images, "deterministic_std");
    for (found, expected) in plain_best.y.iter().zip(oracle::rest(&items, true)) {
        assert!((found - expected).abs() < 1e-3);
    }
    assert!(best.y.is_sorted_by(|a, b| a >= b));
}

#[test]
fn the_error_over_the_standard_deviation_has_the_gaps_of_ence() {
    let (_, evaluation) = evaluated();
    let curves = evaluation.error_by_std();
    assert_eq!(curves.len(), 4);
    let curve = curve(&curves, "error_by_std.total_std");
    assert!(curve.x.len() == 15 && curve.x.is_sorted());
    let gaps = curve.x.iter().zip(&curve.y).map(|(std, rmse)| (std - rmse).abs() / std);
    let MetricValue { value, .. } = value(&evaluation, "ence");
    assert!((oracle::mean(gaps) - value.unwrap()).abs() < 1e-12);
}

#[test]
fn without_items_curves_are_empty() {
    let evaluation = ValueEvaluation::new(plain_spec(ValueEvaluationOptions::default()));
    let curves =
        [evaluation.error_by_std(), evaluation.coverage(), evaluation.sparsification()];
    assert!(curves.iter().flatten().all(|curve| curve.x.is_empty()));
}
