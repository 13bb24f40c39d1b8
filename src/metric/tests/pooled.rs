use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::data::{DIGIT, Image, Kind, STREET, evaluate, images, options, spec};
use super::oracle::{self, Item};
use crate::metric::{LIKELIHOOD_FLOOR, METRICS, Metric, MetricValue};

/// Rounding of fixed-point terms and of sums in f64.
const ROUNDING: f64 = 1e-9;

type ValueComputation = BTreeMap<String, MetricValue>;

fn values(images: &[Image], kind: Kind) -> ValueComputation {
    let spec = spec(kind, options(0));
    let metrics = evaluate(images, &spec).metrics();
    metrics.into_iter().map(|value| (value.key.clone(), value)).collect()
}

#[track_caller]
fn assert_within(values: &ValueComputation, key: &str, expected: f64) {
    let value = values.get(key).unwrap_or_else(|| panic!("no {key}"));
    let found = value.value.unwrap_or_else(|| panic!("{key} has no value"));
    assert!(value.bin_error >= 0.0 && value.bin_error <= 0.3, "{value:?}");
    let distance = (found - expected).abs();
    assert!(distance <= value.bin_error + ROUNDING, "{value:?} {expected}");
}

const SCORES: [&str; 5] = [
    "predictive_entropy",
    "mutual_information",
    "variation_ratio",
    "least_confidence",
    "deterministic",
];

fn check_correctness(values: &ValueComputation, items: &[Item], n_classes: usize) {
    let check = |key: &str, expected: f64| assert_within(values, key, expected);
    let wrong = |item: &Item| if item.is_wrong() { 1.0 } else { 0.0 };
    check("accuracy", 1.0 - oracle::mean(items.iter().map(wrong)));
    let mut recalls = Vec::new();
    let mut unions = Vec::new();
    for class in 0..n_classes {
        let count =
            |is: &dyn Fn(&Item) -> bool| items.iter().filter(|i| is(i)).count() as f64;
        let hits = count(&|i| i.label == class && i.predicted() == class);
        let labels = count(&|i| i.label == class);
        let either = count(&|i| i.label == class || i.predicted() == class);
        recalls.extend((labels > 0.0).then(|| hits / labels));
        if either > 0.0 {
            check(&format!("iou.class {class}"), hits / either);
            unions.push(hits / either);
        }
    }
    check("class_accuracy", oracle::mean(recalls.into_iter()));
    check("mean_iou", oracle::mean(unions.into_iter()));
    let own = |item: &Item| item.probabilities[item.label];
    let loss = |item: &Item| -own(item).max(LIKELIHOOD_FLOOR).ln();
    check("negative_log_likelihood", oracle::mean(items.iter().map(loss)));
    let brier = oracle::mean(items.iter().map(Item::brier));
    check("brier_score", brier);
    check("brier_score_per_class", brier / n_classes as f64);
}

fn check_calibration(values: &ValueComputation, items: &[Item], n_classes: usize) {
    let check = |key: &str, expected: f64| assert_within(values, key, expected);
    let confidences = oracle::confidences(items);
    check("expected_calibration_error", oracle::calibration_error(&confidences));
    let gaps = oracle::gaps(&confidences);
    let largest = gaps.iter().filter(|gap| gap.0 > 0.0).map(|gap| gap.1 / gap.0);
    check("maximum_calibration_error", largest.fold(0.0, f64::max));
    check("expected_calibration_error_equal_mass", oracle::equal_mass(items));
    let of_class = |class: usize| {
        let pair = |item: &Item| (item.probabilities[class], item.label == class);
        oracle::calibration_error(&items.iter().map(pair).collect::<Vec<_>>())
    };
    let classwise = oracle::mean((0..n_classes).map(of_class));
    check("expected_calibration_error_classwise", classwise);
    let bound = (n_classes as f64).ln();
    let entropy =
        |item: &Item| ((f64::from(item.scores[0]) / bound).min(1.0), item.is_wrong());
    let entropies: Vec<_> = items.iter().map(entropy).collect();
    check("uncertainty_calibration_error", oracle::calibration_error(&entropies));
}

fn check_ranking(values: &ValueComputation, items: &[Item]) {
    for (i, score) in SCORES.iter().enumerate() {
        let scored = oracle::scored(items, i);
        if scored.iter().all(|s| s.1) || !scored.iter().any(|s| s.1) {
            continue;
        }
        let check = |key: &str, expected| {
            assert_within(values, &format!("{key}.{score}"), expected);
        };
        check("misclassification.auroc", oracle::auroc(&scored));
        check("misclassification.aupr_error", oracle::average_precision(&scored));
        let turned = oracle::turned(&scored);
        check("misclassification.aupr_success", oracle::average_precision(&turned));
        check("misclassification.fpr95", oracle::fpr95(&scored));
        let (aurc, augrc) = oracle::risk_areas(&oracle::losses(&scored));
        let error = oracle::mean(oracle::losses(&scored).iter().map(|l| l.1));
        let best = error + (1.0 - error) * (1.0 - error).ln();
        check("aurc", aurc);
        check("excess_aurc", aurc - best);
        check("augrc", augrc);
        check("ause_mean", (aurc - best) / error);
        if *score != "deterministic" {
            check("ause_brier", oracle::ause_brier(items, i));
        }
    }
}

fn check_patches(values: &ValueComputation, images: &[Image], sizes: &[usize]) {
    for (i, score) in SCORES[..4].iter().enumerate() {
        for &size in sizes {
            let patches: Vec<_> =
                images.iter().flat_map(|image| oracle::patches(image, i, size)).collect();
            let check = |key: &str, expected: f64| {
                let name = format!("{key}.{score}.{size}");
                let value = &values[&name];
                if expected.is_nan() {
                    return assert_eq!(value.value, None, "{value:?}");
                }
                let distance = (value.value.unwrap() - expected).abs();
                assert!(distance <= value.bin_error + ROUNDING, "{value:?} {expected}");
            };
            let threshold = oracle::mean(patches.iter().map(|p| p.0));
            check("pavpu_threshold", threshold);
            let [ac, au, ic, iu] = oracle::kinds(&patches, threshold);
            check("pavpu_accurate_certain", ac);
            check("pavpu_accurate_uncertain", au);
            check("pavpu_inaccurate_certain", ic);
            check("pavpu_inaccurate_uncertain", iu);
            check("pavpu", (ac + iu) / patches.len() as f64);
            check("pavpu_accurate_given_certain", ac / (ac + ic));
            check("pavpu_uncertain_given_inaccurate", iu / (ic + iu));
            check("pavpu_area", area(&patches));
        }
    }
}

/// Computes the mean of `PAvPU` over thresholds: between two neighbors in the sorted patches, the
/// counts do not change.
fn area(patches: &[(f64, bool)]) -> f64 {
    let mut ends: Vec<f64> = patches.iter().map(|patch| patch.0).collect();
    ends.sort_by(f64::total_cmp);
    let pieces = ends.windows(2).map(|pair| {
        let [ac, au, ic, iu] = oracle::kinds(patches, pair[0]);
        (pair[1] - pair[0]) * (ac + iu) / (ac + au + ic + iu)
    });
    pieces.sum::<f64>() / (ends[ends.len() - 1] - ends[0])
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn every_metric_of_pixels_equals_its_definition(seed in any::<u64>()) {
        let images = images(STREET, 2, seed);
        let items = oracle::items(&images);
        let values = values(&images, STREET);
        check_correctness(&values, &items, STREET.n_classes);
        check_calibration(&values, &items, STREET.n_classes);
        check_ranking(&values, &items);
        check_patches(&values, &images, &[2, 4, 6, 8]);
    }

    #[test]
    fn every_metric_of_images_equals_its_definition(seed in any::<u64>(), n in 2usize..90) {
        let images = images(DIGIT, n, seed);
        let items = oracle::items(&images);
        prop_assume!(!items.is_empty());
        let values = values(&images, DIGIT);
        check_correctness(&values, &items, DIGIT.n_classes);
        check_calibration(&values, &items, DIGIT.n_classes);
        check_ranking(&values, &items);
    }
}

#[test]
fn scores_that_take_few_values_have_no_bin_error() {
    let values = values(&images(STREET, 3, 5), STREET);
    let of = |score: &str| {
        let end = format!(".{score}");
        values.values().filter(move |v| v.key.ends_with(&end))
    };
    assert!(of("variation_ratio").count() > 5);
    for value in of("variation_ratio").filter(|v| v.metric != "ause_brier") {
        assert!(value.bin_error.abs() < 1e-15, "{value:?}");
    }
    assert!(of("mutual_information").any(|value| value.bin_error > 0.0));
}

#[test]
fn bins_are_fine_enough_to_move_ranking_by_less_than_a_thousandth() {
    let values = values(&images(STREET, 12, 6), STREET);
    for value in values.values() {
        let is_ranking =
            value.metric.starts_with("misclassification") || value.metric == "augrc";
        if is_ranking && !value.metric.contains("aupr_error") {
            assert!(value.bin_error < 1e-3, "{value:?}");
        }
    }
}

#[test]
fn keys_are_unique_and_begin_with_a_metric_of_the_table() {
    let spec = spec(STREET, options(0));
    let images = images(STREET, 1, 1);
    let mut evaluation = evaluate(&images, &spec);
    evaluation.add_outside(images[0].summary(&spec).unwrap()).unwrap();
    let values = evaluation.metrics();
    let keys: BTreeSet<&str> = values.iter().map(|value| value.key.as_str()).collect();
    assert_eq!(keys.len(), values.len());
    let metrics: BTreeSet<&str> = values.iter().map(|value| value.metric).collect();
    let names: BTreeSet<&str> = METRICS.iter().map(|metric| metric.name).collect();
    assert_eq!(names.len(), METRICS.len());
    assert_eq!(metrics, names);
    for value in &values {
        assert!(value.key.starts_with(value.metric));
        let metric = Metric::by_name(value.metric).unwrap();
        assert!(!metric.summary.is_empty());
        let (least, most) = metric.range;
        assert!(value.value.is_none_or(|v| (least..=most).contains(&v)), "{value:?}");
    }
}

/// Places distinct scores in one or two bins, in random or in the worst order: the bound must cover
/// the error of the bins.
#[test]
fn scores_crowded_into_a_bin_stay_within_the_bound() {
    for seed in 0..20 {
        let mut images = images(STREET, 2, 100 + seed);
        let mut random = super::data::Random(seed);
        for image in &mut images {
            let wrong: Vec<bool> = wrong_pixels(image);
            for (score, is_wrong) in image.scores[1].iter_mut().zip(wrong) {
                let side = match seed % 4 {
                    0 => 2000,
                    1 if is_wrong => 0,
                    2 if !is_wrong => 0,
                    _ => 1000,
                };
                let step = side + random.below(900) as u32;
                *score = f32::from_bits(0.75f32.to_bits() + step + 1700);
            }
        }
        let values = values(&images, STREET);
        let items = oracle::items(&images);
        let scored = oracle::scored(&items, 1);
        let key = |metric: &str| format!("{metric}.mutual_information");
        let (aurc, augrc) = oracle::risk_areas(&oracle::losses(&scored));
        for (metric, expected) in [
            ("misclassification.auroc", oracle::auroc(&scored)),
            ("misclassification.aupr_error", oracle::average_precision(&scored)),
            (
                "misclassification.aupr_success",
                oracle::average_precision(&oracle::turned(&scored)),
            ),
            ("misclassification.fpr95", oracle::fpr95(&scored)),
            ("aurc", aurc),
            ("augrc", augrc),
            ("ause_brier", oracle::ause_brier(&items, 1)),
        ] {
            let value = &values[&key(metric)];
            let distance = (value.value.unwrap() - expected).abs();
            assert!(value.bin_error > 0.0, "{value:?}");
            assert!(distance <= value.bin_error + ROUNDING, "{value:?} {expected}");
        }
    }
}

fn wrong_pixels(image: &Image) -> Vec<bool> {
    let n = image.labels.len();
    let p = |class: usize, i: usize| image.probabilities[class * n + i];
    let n_classes = image.probabilities.len() / n;
    let best = |i: usize| {
        (1..n_classes)
            .fold(0, |best, class| if p(class, i) > p(best, i) { class } else { best })
    };
    (0..n).map(|i| best(i) as u16 != image.labels[i]).collect()
}
