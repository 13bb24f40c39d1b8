//! Compares metrics of random images with naive formulas over all pairs.

use super::data::{Image, evaluate, images, spec};
use crate::metric::label_metric::{LabelEvaluation, LabelEvaluationSpec, UNKNOWN_LABEL};

/// A decision: probability, truth, threshold, score.
#[derive(Debug, Clone, Copy)]
struct Decision {
    p: f64,
    holds: bool,
    is_decided: bool,
    score: f64,
}

impl Decision {
    fn is_wrong(&self) -> bool {
        self.holds != self.is_decided
    }
}

/// Returns the decisions about a label whose truth is known; `score` is the index of a ranked score.
fn decisions(
    images: &[Image],
    spec: &LabelEvaluationSpec,
    label: usize,
    (is_plain, score): (bool, usize),
) -> Vec<Decision> {
    let threshold = spec.labels()[label].threshold;
    let mut all = Vec::new();
    for image in images {
        let of = &image.labels[label];
        let plain = of.deterministic.as_ref().unwrap();
        let probability = if is_plain { plain } else { &of.probability };
        for (item, &p) in probability.iter().enumerate() {
            let score =
                of.scores.get(score).map_or(p.min(1.0 - p), |values| values[item]);
            if of.truth[item] != UNKNOWN_LABEL {
                all.push(Decision {
                    p: f64::from(p),
                    holds: of.truth[item] == 1,
                    is_decided: p >= threshold,
                    score: f64::from(score),
                });
            }
        }
    }
    all
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

fn share(is: impl Fn(&Decision) -> bool, all: &[Decision]) -> Option<f64> {
    mean(all.iter().map(|one| f64::from(u8::from(is(one)))))
}

/// Returns the share of pairs of a positive and a negative that are in order.
fn auroc(items: &[(f64, bool)]) -> Option<f64> {
    let (mut pairs, mut sum) = (0.0, 0.0);
    for (positive, _) in items.iter().filter(|item| item.1) {
        for (negative, _) in items.iter().filter(|item| !item.1) {
            pairs += 1.0;
            sum += match positive.total_cmp(negative) {
                std::cmp::Ordering::Greater => 1.0,
                std::cmp::Ordering::Equal => 0.5,
                std::cmp::Ordering::Less => 0.0,
            };
        }
    }
    (pairs > 0.0).then(|| sum / pairs)
}

/// Returns the mean over the positives of the precision at their score.
fn average_precision(items: &[(f64, bool)]) -> Option<f64> {
    if items.iter().all(|item| item.1) {
        return None;
    }
    mean(items.iter().filter(|item| item.1).map(|(score, _)| {
        let found: Vec<&(f64, bool)> =
            items.iter().filter(|other| other.0 >= *score).collect();
        found.iter().filter(|item| item.1).count() as f64 / found.len() as f64
    }))
}

fn expected_calibration_error(all: &[Decision]) -> Option<f64> {
    let bin = |p: f64| ((p * 15.0).floor() as usize).min(14);
    let gaps = (0..15).map(|k| {
        let inside = all.iter().filter(|one| bin(one.p) == k);
        inside.map(|one| f64::from(u8::from(one.holds)) - one.p).sum::<f64>().abs()
    });
    (!all.is_empty()).then(|| gaps.sum::<f64>() / all.len() as f64)
}

/// Values by the names of their metrics.
type Values = Vec<(&'static str, Option<f64>)>;

fn of_predictions(all: &[Decision]) -> Values {
    let probabilities: Vec<(f64, bool)> =
        all.iter().map(|one| (one.p, one.holds)).collect();
    let of = |is: &dyn Fn(&&Decision) -> bool| -> Vec<Decision> {
        all.iter().filter(is).copied().collect()
    };
    let f1 = of(&|one| one.holds || one.is_decided);
    let hits = f1.iter().filter(|one| !one.is_wrong()).count() as f64;
    let own = |one: &Decision| if one.holds { one.p } else { 1.0 - one.p };
    let error = |one: &Decision| (f64::from(u8::from(one.holds)) - one.p).powi(2);
    vec![
        ("auroc", auroc(&probabilities)),
        ("aupr", average_precision(&probabilities)),
        ("prevalence", share(|one| one.holds, all)),
        ("accuracy", share(|one| !one.is_wrong(), all)),
        ("precision", share(|one| one.holds, &of(&|one| one.is_decided))),
        ("recall", share(|one| one.is_decided, &of(&|one| one.holds))),
        ("f1", (!f1.is_empty()).then(|| 2.0 * hits / (f1.len() as f64 + hits))),
        (
            "negative_log_likelihood",
            mean(all.iter().map(|one| -own(one).max(0.5_f64.powi(24)).ln())),
        ),
        ("brier_score", mean(all.iter().map(error))),
        ("expected_calibration_error", expected_calibration_error(all)),
    ]
}

fn of_score(all: &[Decision]) -> Values {
    let scores: Vec<(f64, bool)> =
        all.iter().map(|one| (one.score, one.is_wrong())).collect();
    vec![
        ("misclassification.auroc", auroc(&scores)),
        ("misclassification.aupr_error", average_precision(&scores)),
    ]
}

fn check(evaluation: &LabelEvaluation, key: &str, expected: Option<f64>) {
    let metrics = evaluation.metrics();
    let value = metrics.iter().find(|v| v.key == key).unwrap_or_else(|| panic!("{key}"));
    match (value.value, expected) {
        (None, None) => {}
        (Some(found), Some(expected)) => {
            let most = value.bin_error + 1e-9;
            assert!((found - expected).abs() <= most, "{value:?} {expected}");
            // The errors are far smaller than their bounds.
            assert!((found - expected).abs() <= 3e-3, "{value:?} {expected}");
        }
        _ => panic!("{value:?} {expected:?}"),
    }
}

/// Compares each label and both averages with naive values.
fn check_all(
    evaluation: &LabelEvaluation,
    labels: &[Vec<Decision>],
    metrics: fn(&[Decision]) -> Values,
    ending: &str,
) {
    let together = metrics(&labels.concat());
    let each: Vec<_> = labels.iter().map(|all| metrics(all)).collect();
    for (index, (name, value)) in together.into_iter().enumerate() {
        if name == "prevalence" && !ending.is_empty() {
            continue;
        }
        check(evaluation, &format!("micro.{name}{ending}"), value);
        let defined = each.iter().filter_map(|values| values[index].1);
        check(evaluation, &format!("macro.{name}{ending}"), mean(defined));
        for (label, values) in evaluation.spec().labels().iter().zip(&each) {
            let key = format!("{}.{name}{ending}", label.name);
            check(evaluation, &key, values[index].1);
        }
    }
}

#[test]
fn every_metric_is_that_of_a_naive_formula() {
    let (spec, images) = (spec(0), images((5, 6), 9, 3));
    let evaluation = evaluate(&images, &spec);
    for (is_plain, ending) in [(false, ""), (true, ".deterministic")] {
        let labels: Vec<_> =
            (0..4).map(|k| decisions(&images, &spec, k, (is_plain, 0))).collect();
        check_all(&evaluation, &labels, of_predictions, ending);
    }
    for (score, name) in spec.ranked().iter().enumerate() {
        let is_plain = score == 2;
        let labels: Vec<_> =
            (0..4).map(|k| decisions(&images, &spec, k, (is_plain, score))).collect();
        check_all(&evaluation, &labels, of_score, &format!(".{name}"));
    }
    assert_eq!(evaluation.without_both(), ["rare"]);
}

#[test]
fn metrics_of_all_labels_are_those_of_naive_formulas() {
    let (spec, images) = (spec(0), images((3, 4), 20, 8));
    let evaluation = evaluate(&images, &spec);
    for (is_plain, ending) in [(false, ""), (true, ".deterministic")] {
        let (mut missed, mut complete, mut exact) = (Vec::new(), 0.0, 0.0);
        for image in &images {
            let (mut n_true, mut n_missed) = (0.0, 0.0);
            for item in 0..12 {
                let (mut known, mut right) = (0, 0);
                for (label, of_spec) in image.labels.iter().zip(spec.labels()) {
                    let plain = label.deterministic.as_ref().unwrap();
                    let p = if is_plain { plain[item] } else { label.probability[item] };
                    let is_decided = p >= of_spec.threshold;
                    if label.truth[item] != UNKNOWN_LABEL {
                        let holds = label.truth[item] == 1;
                        known += 1;
                        right += i32::from(holds == is_decided);
                        n_true += f64::from(u8::from(holds));
                        n_missed += f64::from(u8::from(holds && !is_decided));
                    }
                }
                complete += f64::from(u8::from(known == 4));
                exact += f64::from(u8::from(right == 4));
            }
            missed.push(if n_true > 0.0 { n_missed / n_true } else { 0.0 });
        }
        let key = format!("missed_labels{ending}");
        check(&evaluation, &key, mean(missed.into_iter()));
        check(&evaluation, &format!("subset_accuracy{ending}"), Some(exact / complete));
    }
}
