use super::data::{DIGIT, Image, Random, STREET, evaluate, images, options, spec};
use super::oracle;
use crate::metric::{Curve, Evaluation};

fn value(evaluation: &Evaluation, key: &str) -> f64 {
    let values = evaluation.metrics();
    let value =
        values.iter().find(|v| v.key == key).unwrap_or_else(|| panic!("no {key}"));
    assert!(value.bin_error < 0.05);
    value.value.unwrap()
}

fn check(evaluation: &Evaluation, prefix: &str, suffix: &str, scores: &[(f64, bool)]) {
    for (metric, expected) in [
        ("auroc", oracle::auroc(scores)),
        ("aupr", oracle::average_precision(scores)),
        ("fpr95", oracle::fpr95(scores)),
    ] {
        let key = format!("{prefix}.{metric}.{suffix}");
        let values = evaluation.metrics();
        let found = values.iter().find(|v| v.key == key).unwrap();
        let distance = (found.value.unwrap() - expected).abs();
        assert!(distance <= found.bin_error + 1e-9, "{found:?} {expected}");
    }
}

fn with_outside(inside: &[Image], outside: &[Image]) -> Evaluation {
    let spec = spec(DIGIT, options(50));
    let mut evaluation = evaluate(inside, &spec);
    for image in outside {
        evaluation.add_outside(image.summary(&spec).unwrap()).unwrap();
    }
    evaluation
}

#[test]
fn images_from_outside_are_compared_with_those_inside() {
    let (inside, outside) = (images(DIGIT, 60, 1), images(DIGIT, 40, 2));
    let evaluation = with_outside(&inside, &outside);
    assert_eq!(evaluation.n_images(), (60, 40));
    for (i, score) in ["predictive_entropy", "mutual_information"].iter().enumerate() {
        let of = |images: &[Image], is_outside: bool| {
            let score = |image: &Image| (f64::from(image.scores[i][0]), is_outside);
            images.iter().map(score).collect::<Vec<_>>()
        };
        let scores = [of(&inside, false), of(&outside, true)].concat();
        check(&evaluation, "ood", score, &scores);
    }
}

#[test]
fn labels_of_images_from_outside_do_not_count() {
    let (inside, outside) = (images(DIGIT, 30, 1), images(DIGIT, 40, 2));
    let without = evaluate(&inside, &spec(DIGIT, options(50))).metrics();
    let with = with_outside(&inside, &outside).metrics();
    let shared: Vec<_> = with.iter().filter(|v| !v.metric.starts_with("ood.")).collect();
    assert!(without.iter().eq(shared));
}

#[test]
fn an_interval_needs_ten_images_on_either_side() {
    let inside = images(DIGIT, 30, 1);
    let has_interval = |n: usize| {
        let metrics = with_outside(&inside, &images(DIGIT, n, 2)).metrics();
        metrics.iter().find(|v| v.metric == "ood.auroc").unwrap().interval.is_some()
    };
    assert!(!has_interval(9));
    assert!(has_interval(10));
}

#[test]
fn without_images_from_outside_there_are_no_such_metrics() {
    let metrics = with_outside(&images(DIGIT, 30, 1), &[]).metrics();
    assert!(!metrics.iter().any(|v| v.metric.starts_with("ood.")));
}

#[test]
fn strange_images_are_found_by_a_score_that_grows_with_strangeness() {
    let inside = images(DIGIT, 30, 1);
    let mut outside = images(DIGIT, 20, 2);
    for image in &mut outside {
        image.scores[1][0] = 1.3;
    }
    let evaluation = with_outside(&inside, &outside);
    assert!((value(&evaluation, "ood.auroc.mutual_information") - 1.0).abs() < 1e-12);
    assert!(value(&evaluation, "ood.fpr95.mutual_information").abs() < 1e-12);
}

#[test]
fn pixels_are_compared_by_their_masks() {
    let images = images(STREET, 3, 3);
    let evaluation = evaluate(&images, &spec(STREET, options(0)));
    for (i, score) in ["predictive_entropy", "mutual_information"].iter().enumerate() {
        let of = |image: &Image| {
            let mask = image.mask.clone().unwrap();
            let pixels = image.scores[i].clone().into_iter().zip(mask);
            let known = pixels.filter(|pixel| pixel.1 != 255);
            known.map(|(score, mask)| (f64::from(score), mask == 1)).collect::<Vec<_>>()
        };
        let scores: Vec<_> = images.iter().flat_map(of).collect();
        check(&evaluation, "ood_pixel", score, &scores);
    }
}

fn curve<'a>(curves: &'a [Curve], name: &str) -> &'a Curve {
    curves.iter().find(|curve| curve.name == name).unwrap_or_else(|| panic!("no {name}"))
}

#[test]
fn histograms_of_images_add_up_to_one_on_either_side() {
    let evaluation = with_outside(&images(DIGIT, 30, 1), &images(DIGIT, 20, 2));
    let curves = evaluation.inside_and_outside_images();
    assert_eq!(curves.len(), 2 * 5);
    for side in ["inside", "outside"] {
        let curve = curve(&curves, &format!("ood.{side}.mutual_information"));
        assert_eq!(curve.x.len(), 50);
        assert!((curve.y.iter().sum::<f64>() - 1.0).abs() < 1e-12);
    }
    assert!(with_outside(&[], &[]).inside_and_outside_images().is_empty());
}

#[test]
fn random_images_of_one_kind_cannot_be_told_apart() {
    let mut random = Random(9);
    let (a, b) = (images(DIGIT, 400, random.word()), images(DIGIT, 400, random.word()));
    let auroc = value(&with_outside(&a, &b), "ood.auroc.mutual_information");
    // The standard error of the AUROC of random scores with 400 items on either side is 0.0204.
    assert!((auroc - 0.5).abs() < 0.085, "{auroc}");
}
