use super::data::{DIGIT, Image, STREET, evaluate, images, options, spec};
use super::oracle;
use crate::metric::{Curve, Evaluation};

fn street() -> (Vec<Image>, Evaluation) {
    let images = images(STREET, 3, 41);
    let evaluation = evaluate(&images, &spec(STREET, options(0)));
    (images, evaluation)
}

fn curve<'a>(curves: &'a [Curve], name: &str) -> &'a Curve {
    curves.iter().find(|curve| curve.name == name).unwrap_or_else(|| panic!("no {name}"))
}

fn area(curve: &Curve) -> f64 {
    let steps = curve.x.windows(2).zip(curve.y.windows(2));
    steps.map(|(x, y)| (x[1] - x[0]) * 0.5 * (y[0] + y[1])).sum()
}

fn value(evaluation: &Evaluation, key: &str) -> f64 {
    evaluation.metrics().iter().find(|v| v.key == key).unwrap().value.unwrap()
}

#[test]
fn the_reliability_diagram_shows_each_bin_that_is_not_empty() {
    let (images, evaluation) = street();
    let pairs = oracle::confidences(&oracle::items(&images));
    let gaps = oracle::gaps(&pairs);
    let curves = evaluation.reliability();
    let (accuracy, share) =
        (curve(&curves, "reliability.accuracy"), curve(&curves, "reliability.share"));
    assert_eq!(accuracy.x.len(), gaps.iter().filter(|gap| gap.0 > 0.0).count());
    assert!((share.y.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    let error: f64 = accuracy
        .x
        .iter()
        .zip(&accuracy.y)
        .zip(&share.y)
        .map(|((confidence, accuracy), share)| share * (accuracy - confidence).abs())
        .sum();
    assert!((error - oracle::calibration_error(&pairs)).abs() < 1e-9);
}

#[test]
fn the_risk_coverage_curve_ends_with_the_error_rate_of_all() {
    let (_, evaluation) = street();
    let error = 1.0 - value(&evaluation, "accuracy");
    for score in ["mutual_information", "variation_ratio"] {
        let curves = evaluation.risk_coverage();
        let curve = curve(&curves, &format!("risk_coverage.{score}"));
        assert!((curve.x[curve.x.len() - 1] - 1.0).abs() < 1e-12);
        assert!((curve.y[curve.y.len() - 1] - error).abs() < 1e-12);
        assert!(curve.x.len() <= 501 && curve.x.is_sorted());
        let aurc = value(&evaluation, &format!("aurc.{score}"));
        let first = curve.x[0] * curve.y[0];
        assert!((area(curve) + first - aurc).abs() < 2e-3);
    }
}

#[test]
fn the_area_between_sparsification_curves_is_ause() {
    let (_, evaluation) = street();
    let curves = evaluation.sparsification();
    assert_eq!(curves.len(), 5);
    let best = area(curve(&curves, "sparsification.best"));
    let own = curve(&curves, "sparsification.predictive_entropy");
    assert!((own.y[0] - 1.0).abs() < 1e-9 && own.x.len() == 100);
    let ause = value(&evaluation, "ause_brier.predictive_entropy");
    assert!((area(own) - best - ause).abs() < 1e-9);
}

#[test]
fn pavpu_curves_hold_what_counting_patches_gives() {
    let (images, evaluation) = street();
    let curves = evaluation.pavpu();
    assert_eq!(curves.len(), 4 * 4 * 3);
    let patches: Vec<_> =
        images.iter().flat_map(|image| oracle::patches(image, 0, 4)).collect();
    let pavpu = curve(&curves, "pavpu.predictive_entropy.4");
    assert!(pavpu.x.len() > 20);
    for (x, y) in pavpu.x.iter().zip(&pavpu.y) {
        // Thresholds are upper edges, which are not in their bins; means of f32 are compared with
        // rounding.
        let [ac, _, _, iu] = oracle::kinds(&patches, x.next_down());
        assert!(
            (y - (ac + iu) / patches.len() as f64).abs() < 1.5 / patches.len() as f64
        );
    }
    let certain = curve(&curves, "pavpu_accurate_given_certain.predictive_entropy.4");
    assert!(certain.y.iter().all(|share| (0.0..=1.0).contains(share)));
}

#[test]
fn histograms_of_right_and_wrong_items_add_up_to_one() {
    let (images, evaluation) = street();
    let curves = evaluation.right_and_wrong();
    assert_eq!(curves.len(), 2 * 5);
    let items = oracle::items(&images);
    let scored = oracle::scored(&items, 2);
    let largest = scored.iter().map(|s| s.0).fold(0.0, f64::max);
    for (side, is_wrong) in [("right", false), ("wrong", true)] {
        let curve = curve(&curves, &format!("histogram.{side}.variation_ratio"));
        assert!((curve.y.iter().sum::<f64>() - 1.0).abs() < 1e-9);
        let own: Vec<_> = scored.iter().filter(|s| s.1 == is_wrong).collect();
        let zeros = own.iter().filter(|s| s.0 < largest / 50.0).count();
        assert!((curve.y[0] - zeros as f64 / own.len() as f64).abs() < 1e-9);
    }
    let pixels = evaluation.inside_and_outside_pixels();
    assert_eq!(pixels.len(), 2 * 5);
    assert!(pixels.iter().all(|curve| (curve.y.iter().sum::<f64>() - 1.0).abs() < 1e-9));
}

#[test]
fn without_items_curves_are_empty() {
    let evaluation = Evaluation::new(spec(STREET, options(0)));
    let curves = [
        evaluation.reliability(),
        evaluation.risk_coverage(),
        evaluation.right_and_wrong(),
        evaluation.inside_and_outside_pixels(),
        evaluation.sparsification(),
        evaluation.pavpu(),
    ];
    assert!(
        curves.iter().flatten().all(|curve| curve.x.is_empty() && curve.y.is_empty())
    );
    let digits = Evaluation::new(spec(DIGIT, options(0)));
    assert!(digits.pavpu().is_empty());
}
