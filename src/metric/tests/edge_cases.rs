use super::data::{
    DIGIT, Image, Kind, Random, STREET, evaluate, image, images, options, spec,
};
use crate::metric::{Evaluation, EvaluationOptions, EvaluationSpec, IGNORED, ScoreSpec};
use crate::task::Item;

fn plain_layout(n_classes: usize) -> EvaluationSpec {
    let classes = (0..n_classes).map(|class| class.to_string()).collect();
    EvaluationSpec::new(Item::Image, classes, Vec::new(), options(0)).unwrap()
}

fn value(evaluation: &Evaluation, key: &str) -> Option<f64> {
    let values = evaluation.metrics();
    values.iter().find(|v| v.key == key).unwrap_or_else(|| panic!("no {key}")).value
}

#[track_caller]
fn assert_value(evaluation: &Evaluation, key: &str, expected: f64) {
    let found = value(evaluation, key).unwrap_or_else(|| panic!("{key} has no value"));
    assert!((found - expected).abs() < 1e-9, "{key}: {found} {expected}");
}

/// Checks that no value is NaN or infinite.
#[track_caller]
fn assert_finite(evaluation: &Evaluation) {
    for value in evaluation.metrics() {
        assert!(value.value.is_none_or(f64::is_finite), "{value:?}");
        assert!(value.bin_error.is_finite(), "{value:?}");
        let ends = value.interval;
        assert!(ends.is_none_or(|(a, b)| a.is_finite() && b.is_finite() && a <= b));
    }
}

#[test]
fn without_images_nothing_has_a_value() {
    for kind in [STREET, DIGIT] {
        let evaluation = Evaluation::new(spec(kind, options(5)));
        assert!(
            evaluation
                .metrics()
                .iter()
                .all(|v| v.value.is_none() && v.interval.is_none())
        );
        assert!(evaluation.rank_images().candidates.is_empty());
    }
}

#[test]
fn images_without_labels_count_for_nothing_but_their_scores() {
    let spec = spec(STREET, options(5));
    let mut unlabeled = images(STREET, 12, 3);
    for image in &mut unlabeled {
        image.labels.fill(IGNORED);
    }
    let evaluation = evaluate(&unlabeled, &spec);
    assert_eq!((evaluation.n_images(), evaluation.n_items()), ((12, 0), 0));
    for value in evaluation.metrics() {
        let is_masked = value.metric.starts_with("ood_pixel");
        assert_eq!(value.value.is_some(), is_masked, "{value:?}");
    }
    assert_eq!(evaluation.losses().count(), 0);
}

#[test]
fn with_all_items_right_ranking_is_undefined_and_risk_is_zero() {
    let mut images = images(STREET, 12, 4);
    for image in &mut images {
        make_right(image, true);
    }
    let evaluation = evaluate(&images, &spec(STREET, options(20)));
    assert_finite(&evaluation);
    assert_value(&evaluation, "accuracy", 1.0);
    assert_value(&evaluation, "mean_iou", 1.0);
    for score in ["mutual_information", "predictive_entropy"] {
        for metric in ["auroc", "aupr_error", "aupr_success", "fpr95"] {
            assert_eq!(
                value(&evaluation, &format!("misclassification.{metric}.{score}")),
                None
            );
        }
        for metric in ["aurc", "excess_aurc", "augrc"] {
            assert_value(&evaluation, &format!("{metric}.{score}"), 0.0);
        }
        assert_eq!(value(&evaluation, &format!("ause_mean.{score}")), None);
        assert_eq!(
            value(&evaluation, &format!("pavpu_uncertain_given_inaccurate.{score}.2")),
            None
        );
    }
}

#[test]
fn with_all_items_wrong_ranking_is_undefined_and_risk_is_one() {
    let mut images = images(STREET, 3, 4);
    for image in &mut images {
        make_right(image, false);
    }
    let evaluation = evaluate(&images, &spec(STREET, options(0)));
    assert_finite(&evaluation);
    assert_value(&evaluation, "accuracy", 0.0);
    assert_value(&evaluation, "class_accuracy", 0.0);
    assert_eq!(value(&evaluation, "misclassification.auroc.mutual_information"), None);
    assert_value(&evaluation, "aurc.mutual_information", 1.0);
    assert_value(&evaluation, "excess_aurc.mutual_information", 0.0);
    assert_value(&evaluation, "augrc.mutual_information", 0.5);
    assert_value(&evaluation, "ause_mean.mutual_information", 0.0);
}

/// Sets every label to the predicted class, or to another one.
fn make_right(image: &mut Image, is_right: bool) {
    let n = image.labels.len();
    let n_classes = image.probabilities.len() / n;
    for i in 0..n {
        let p = |class: usize| image.probabilities[class * n + i];
        let best = (1..n_classes)
            .fold(0, |best, class| if p(class) > p(best) { class } else { best });
        let label = if is_right { best } else { (best + 1) % n_classes };
        image.labels[i] = label as u16;
    }
}

#[test]
fn a_class_that_never_occurs_has_no_iou_and_is_left_out_of_the_mean() {
    let mut evaluation = Evaluation::new(plain_layout(3));
    for (id, p, label) in [("a", [0.8, 0.2, 0.0], 0), ("b", [0.6, 0.4, 0.0], 1)] {
        let image = Image::plain(id, &p, label);
        evaluation.add(image.summary(evaluation.spec()).unwrap()).unwrap();
    }
    assert_value(&evaluation, "iou.0", 0.5);
    assert_value(&evaluation, "iou.1", 0.0);
    assert_eq!(value(&evaluation, "iou.2"), None);
    assert_value(&evaluation, "mean_iou", 0.25);
    assert_value(&evaluation, "class_accuracy", 0.5);
}

#[test]
fn a_single_class_is_enough() {
    let mut evaluation = Evaluation::new(plain_layout(2));
    for i in 0..4 {
        let image = Image::plain(&i.to_string(), &[0.75, 0.25], 0);
        evaluation.add(image.summary(evaluation.spec()).unwrap()).unwrap();
    }
    assert_value(&evaluation, "class_accuracy", 1.0);
    assert_value(&evaluation, "mean_iou", 1.0);
    assert_value(&evaluation, "expected_calibration_error", 0.25);
    assert_value(&evaluation, "expected_calibration_error_classwise", 0.25);
    assert_value(&evaluation, "expected_calibration_error_equal_mass", 0.25);
    assert_value(&evaluation, "maximum_calibration_error", 0.25);
}

#[test]
fn with_all_scores_tied_ranking_is_chance() {
    let mut images = images(STREET, 2, 9);
    for image in &mut images {
        image.scores[1].fill(0.25);
        image.scores[2].fill(0.0);
    }
    let evaluation = evaluate(&images, &spec(STREET, options(0)));
    let error = 1.0 - value(&evaluation, "accuracy").unwrap();
    for score in ["mutual_information", "variation_ratio"] {
        assert_value(&evaluation, &format!("misclassification.auroc.{score}"), 0.5);
        assert_value(
            &evaluation,
            &format!("misclassification.aupr_error.{score}"),
            error,
        );
        assert_value(
            &evaluation,
            &format!("misclassification.aupr_success.{score}"),
            1.0 - error,
        );
        assert_value(&evaluation, &format!("misclassification.fpr95.{score}"), 1.0);
        assert_value(&evaluation, &format!("aurc.{score}"), error);
        assert_value(&evaluation, &format!("augrc.{score}"), error / 2.0);
        assert_eq!(value(&evaluation, &format!("pavpu_area.{score}.4")), None);
    }
}

#[test]
fn confidence_of_zero_and_one_is_counted() {
    let mut evaluation = Evaluation::new(plain_layout(2));
    for (id, label) in [("right", 1), ("wrong", 0)] {
        let image = Image::plain(id, &[0.0, 1.0], label);
        evaluation.add(image.summary(evaluation.spec()).unwrap()).unwrap();
    }
    assert_value(&evaluation, "expected_calibration_error", 0.5);
    assert_value(&evaluation, "maximum_calibration_error", 0.5);
    assert_value(&evaluation, "brier_score", 1.0);
    assert_value(&evaluation, "negative_log_likelihood", 12.0 * 2f64.ln());
    assert_value(&evaluation, "likelihood_floor_share", 0.5);
    assert_value(&evaluation, "expected_calibration_error_classwise", 0.5);
    let curves = evaluation.reliability();
    assert_eq!(
        (curves[0].x.as_slice(), curves[0].y.as_slice()),
        ([1.0].as_slice(), [0.5].as_slice())
    );
}

#[test]
fn a_confidence_at_an_edge_belongs_to_the_bin_above() {
    // 3/5 is the edge between bins 8 and 9; its f32 is a little above 0.6.
    let mut evaluation = Evaluation::new(plain_layout(2));
    let below = 0.6f32.next_down().next_down();
    for (id, p) in [("edge", 0.6f32), ("below", below)] {
        let image = Image::plain(id, &[p, 1.0 - p], 0);
        evaluation.add(image.summary(evaluation.spec()).unwrap()).unwrap();
    }
    assert_eq!(evaluation.reliability()[0].x.len(), 2);
}

fn error(image: &Image, spec: &EvaluationSpec) -> (String, String) {
    let error = image.summary(spec).unwrap_err();
    (error.to_string(), error.hint().unwrap().to_owned())
}

#[test]
fn a_label_beyond_the_classes_is_an_error_that_names_image_and_value() {
    let spec = spec(STREET, options(0));
    let mut image = image(STREET, "a/b.png", &mut Random(1));
    image.labels[STREET.width + 3] = 34;
    let (message, hint) = error(&image, &spec);
    assert_eq!(
        message,
        "a/b.png: the label 34 at row 1, column 3 is not a class of the model: expected 0 to 4"
    );
    assert!(hint.contains("ignore_index"));
}

type Change = fn(&mut Image);

#[test]
fn nan_is_an_error_that_names_the_image() {
    let spec = spec(STREET, options(0));
    let good = image(STREET, "a.png", &mut Random(1));
    let cases: [(&str, Change); 5] = [
        ("the probabilities at row 0, column 7 contain NaN", |i| {
            i.probabilities[7] = f32::NAN;
        }),
        ("mutual_information is NaN at row 0, column 7", |i| i.scores[1][7] = f32::NAN),
        ("mutual_information is -1 at row 0, column 0", |i| i.scores[1][0] = -1.0),
        ("variation_ratio is 1.5 at row 0, column 0", |i| i.scores[2][0] = 1.5),
        ("the deterministic probability is NaN", |i| {
            i.deterministic.as_mut().unwrap().1[0] = f32::NAN;
        }),
    ];
    for (expected, change) in cases {
        let mut image = good.clone();
        change(&mut image);
        let (message, _) = error(&image, &spec);
        assert!(message.starts_with(&format!("a.png: {expected}")), "{message}");
    }
}

#[test]
fn scores_of_another_kind_are_an_error() {
    let spec = spec(STREET, options(0));
    let mut logits = image(STREET, "a.png", &mut Random(1));
    logits.probabilities.iter_mut().for_each(|p| *p *= 4.0);
    let (message, hint) = error(&logits, &spec);
    assert!(message.contains("sum to") && hint.contains("probabilities"), "{message}");
    let mut negative = image(STREET, "a.png", &mut Random(1));
    let n = negative.labels.len();
    negative.probabilities[0] -= 2.0;
    negative.probabilities[n] += 2.0;
    assert!(error(&negative, &spec).0.contains("negative"));
    let mut short = image(STREET, "a.png", &mut Random(1));
    short.labels.pop();
    assert!(error(&short, &spec).0.contains("expected 874 values of labels, found 873"));
    let mut bare = image(STREET, "a.png", &mut Random(1));
    bare.deterministic = None;
    assert!(error(&bare, &spec).0.contains("no pass without dropout"));
    let mut bare = image(STREET, "a.png", &mut Random(1));
    bare.mask = None;
    assert!(error(&bare, &spec).0.contains("no mask"));
    let mut mask = image(STREET, "a.png", &mut Random(1));
    mask.mask.as_mut().unwrap()[1] = 2;
    assert!(error(&mask, &spec).0.contains("a mask value at row 0, column 1"));
    let mut class = image(STREET, "a.png", &mut Random(1));
    class.deterministic.as_mut().unwrap().0[1] = 5;
    assert!(
        error(&class, &spec)
            .0
            .contains("the deterministic class is 5 at row 0, column 1")
    );
    let large = Kind { height: 2, ..DIGIT };
    let two = image(large, "a.png", &mut Random(1));
    let spec = super::data::spec(DIGIT, options(0));
    assert!(error(&two, &spec).0.contains("1 x 2 items"));
}

#[test]
fn an_invalid_specification_is_an_error() {
    let new = |classes: &[&str], scores: Vec<ScoreSpec>, options: EvaluationOptions| {
        let classes = classes.iter().map(|&class| class.to_owned()).collect();
        EvaluationSpec::new(Item::Pixel, classes, scores, options)
            .unwrap_err()
            .to_string()
    };
    let default = EvaluationOptions::default;
    assert!(new(&["one"], vec![], default()).contains("1 classes"));
    assert!(new(&["a", "b", "a"], vec![], default()).contains("\"a\""));
    let twice = vec![ScoreSpec::new("margin", 1.0), ScoreSpec::new("margin", 1.0)];
    assert!(new(&["a", "b"], twice, default()).contains("\"margin\""));
    let taken = vec![ScoreSpec::new("deterministic", 1.0)];
    assert!(new(&["a", "b"], taken, default()).contains("\"deterministic\""));
    for bound in [0.0, f32::NAN, 16.0] {
        let score = vec![ScoreSpec::new("margin", bound)];
        assert!(new(&["a", "b"], score, default()).contains("margin has bound"));
    }
    let with = |patch_sizes: Vec<usize>| EvaluationOptions { patch_sizes, ..default() };
    assert!(
        new(&["a", "b"], vec![], with(vec![1])).contains("1: expected at least 2 pixels")
    );
    assert!(new(&["a", "b"], vec![], with(vec![4, 2, 4])).contains("4 is listed twice"));
    let many = EvaluationOptions { replicates: 10_001, ..default() };
    assert!(new(&["a", "b"], vec![], many).contains("10001: expected at most 10000"));
}
