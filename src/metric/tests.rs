use super::*;
use crate::random::squares32;

mod oracle;

/// A number in [0, 1) of an index.
fn uniform(i: usize) -> f32 {
    squares32(i as u64, 0xC58E_FD15_4CE3_2F6D) as f32 / 2f32.powi(32)
}

/// A made-up image: probabilities, labels, a score and a deterministic pass.
struct Made {
    id: String,
    size: (usize, usize),
    n_classes: usize,
    probabilities: Vec<f32>,
    labels: Vec<u16>,
    score: Vec<f32>,
    entropy: Vec<f32>,
    classes: Vec<u16>,
}

fn made(seed: usize, size: (usize, usize), n_classes: usize) -> Made {
    let n = size.0 * size.1;
    let random = |i: usize, what: usize| uniform((seed * 7 + what) * 1_000_003 + i);
    let mut probabilities = vec![0.0; n * n_classes];
    let (mut labels, mut entropy) = (Vec::new(), Vec::new());
    for item in 0..n {
        let weight = |c: usize| random(item * n_classes + c, 0).powi(4) + 1e-3;
        let sum: f32 = (0..n_classes).map(weight).sum();
        for c in 0..n_classes {
            probabilities[c * n + item] = weight(c) / sum;
        }
        let noisy = |c: usize| weight(c) * (0.2 + random(item * n_classes + c, 1));
        let label = (0..n_classes).max_by(|a, b| noisy(*a).total_cmp(&noisy(*b)));
        let ignored = random(item, 2) < 0.1;
        labels.push(if ignored { IGNORED } else { label.unwrap() as u16 });
        let terms = (0..n_classes).map(|c| probabilities[c * n + item]);
        entropy.push(-terms.map(|p| p * p.ln()).sum::<f32>());
    }
    let score =
        |i: usize| entropy[i] * (0.5 + random(i, 3)) * f32::from(random(i, 4) > 0.05);
    let score = (0..n).map(score).collect();
    let classes = (0..n).map(|i| (random(i, 5) * n_classes as f32) as u16).collect();
    let id = format!("image {seed}");
    Made { id, size, n_classes, probabilities, labels, score, entropy, classes }
}

impl Made {
    fn tally(&self) -> Tally {
        self.checked().unwrap()
    }

    fn checked(&self) -> crate::Result<Tally> {
        let plain = |values| Score { values, classes: None };
        let deterministic = Score { values: &self.score, classes: Some(&self.classes) };
        let scores = [plain(&self.entropy[..]), plain(&self.score), deterministic];
        let labelled = Labelled {
            id: &self.id,
            size: self.size,
            probabilities: &self.probabilities,
            labels: &self.labels,
            scores: &scores,
            entropy: Some(0),
        };
        labelled.tally(self.n_classes)
    }
}

fn evaluation(images: &[Made]) -> Evaluation {
    let mut evaluation = Evaluation::new(images[0].n_classes, 3);
    for image in images {
        evaluation.add(&image.id, &image.tally());
    }
    evaluation
}

fn by_name(name: &str) -> &'static Metric {
    METRICS.iter().find(|metric| metric.name == name).unwrap()
}

fn ranking_by_name(name: &str) -> &'static RankingMetric {
    RANKINGS.iter().find(|metric| metric.name == name).unwrap()
}

#[test]
fn metrics_agree_with_scikit_learn_and_torchmetrics() {
    let table: serde_json::Value =
        serde_json::from_str(include_str!("../../fixtures/metrics.json")).unwrap();
    let numbers = |key: &str| -> Vec<f64> {
        let list = table[key].as_array().unwrap();
        list.iter().map(|number| number.as_f64().unwrap()).collect()
    };
    let planes = table["probabilities"].as_array().unwrap().iter();
    let probabilities: Vec<f32> = planes
        .flat_map(|plane| plane.as_array().unwrap())
        .map(|p| p.as_f64().unwrap() as f32 / 4096.0)
        .collect();
    let labels: Vec<u16> = numbers("labels").iter().map(|label| *label as u16).collect();
    let score: Vec<f32> = numbers("scores").iter().map(|score| *score as f32).collect();
    let scores = [Score { values: &score, classes: None }];
    let (id, size) = ("made", (1, labels.len()));
    let labelled = Labelled {
        id,
        size,
        probabilities: &probabilities,
        labels: &labels,
        scores: &scores,
        entropy: None,
    };
    let mut evaluation = Evaluation::new(5, 1);
    evaluation.add(id, &labelled.tally(5).unwrap());
    for (name, expected) in table["expected"].as_object().unwrap() {
        let value = match METRICS.iter().find(|metric| metric.name == name) {
            Some(metric) => evaluation.metric(metric),
            None => evaluation.ranking(ranking_by_name(name), 0),
        };
        let (value, expected) = (value.unwrap().value, expected.as_f64().unwrap());
        // torchmetrics counts in f32 here.
        let in_f32 =
            ["mean_iou", "expected_calibration_error", "maximum_calibration_error"];
        let tolerance = if in_f32.contains(&&name[..]) { 1e-6 } else { 1e-9 };
        assert!((value - expected).abs() < tolerance, "{name}: {value} {expected}");
    }
}

#[test]
fn metrics_agree_with_naive_ones_on_random_data_with_ties() {
    for (seed, size, n_classes, is_binned) in [
        (0, (1, 1), 3, true),
        (1, (7, 9), 2, true),
        (2, (40, 50), 6, true),
        (3, (40, 50), 6, false),
    ] {
        let mut image = made(seed, size, n_classes);
        if is_binned {
            // Scores of one bin are equal then.
            let to_bin = |score: &mut f32| *score = bins::low_end(bins::bin(*score));
            image.score.iter_mut().chain(&mut image.entropy).for_each(to_bin);
        }
        let oracle = oracle::Oracle::new(&image);
        let evaluation = evaluation(std::slice::from_ref(&image));
        for metric in METRICS {
            let value = evaluation.metric(metric).map(|value| value.value);
            let expected = oracle.metric(metric.name);
            let near = match (value, expected) {
                (Some(value), Some(expected)) => {
                    let tolerance = match metric.name {
                        "expected_calibration_error_equal_mass" => 0.01,
                        _ => 1e-9,
                    };
                    (value - expected).abs() < tolerance
                }
                (None, None) => true,
                _ => false,
            };
            assert!(near, "{}: {value:?} {expected:?}", metric.name);
        }
        for score in 0..3 {
            let tied = evaluation.tally().errors(score).tied().unwrap_or(0.0);
            for metric in RANKINGS {
                let value = evaluation.ranking(metric, score).map(|value| value.value);
                let expected = oracle.ranking(metric.name, score);
                let (Some(value), Some(expected)) = (value, expected) else {
                    assert_eq!(value.is_some(), expected.is_some(), "{}", metric.name);
                    continue;
                };
                let bound = match metric.name {
                    // Means of patches and Brier scores are between bins; ties are left out in
                    // some order there, and in proportion here.
                    "pavpu" | "ause_brier" | "ause_mean" => 0.02,
                    _ if is_binned => 1e-12,
                    "misclassification.auroc" => tied / 2.0 + 1e-12,
                    _ => 0.01,
                };
                let error = (value - expected).abs();
                assert!(error <= bound, "{}: {value} {expected}", metric.name);
            }
        }
    }
}

#[test]
fn single_items_are_ranked_exactly() {
    for seed in 0..20 {
        let n = 1 + seed * 7;
        let item = |i: usize| {
            let score = (uniform(seed * 1000 + i) * 12.0).floor() / 7.0;
            (score, uniform(seed * 1000 + 500 + i) < 0.2 + score / 4.0)
        };
        let items: Vec<(f32, bool)> = (0..n).map(item).collect();
        let exact = oracle::Exact::new(&items);
        let ranking = Ranking::of_items(items);
        for (own, exact) in [
            (ranking.auroc(), exact.auroc()),
            (ranking.average_precision(), exact.average_precision()),
            (ranking.false_positive_rate_95(), exact.false_positive_rate_95()),
            (ranking.area_under_risk_coverage(), Some(exact.areas().0)),
            (ranking.area_under_generalised_risk_coverage(), Some(exact.areas().1)),
        ] {
            match (own, exact) {
                (Some(own), Some(exact)) => assert!((own - exact).abs() < 1e-12),
                (own, exact) => assert_eq!(own, exact),
            }
        }
    }
}

#[test]
fn merged_parts_equal_the_whole_bit_for_bit() {
    let images: Vec<Made> = (0..12).map(|seed| made(seed, (5, 6 + seed), 4)).collect();
    let whole = evaluation(&images);
    for turn in 0..5 {
        let mut parts: Vec<Evaluation> = (0..3).map(|_| Evaluation::new(4, 3)).collect();
        let mut order: Vec<usize> = (0..images.len()).collect();
        order.sort_by(|a, b| uniform(turn * 50 + a).total_cmp(&uniform(turn * 50 + b)));
        for (place, &image) in order.iter().enumerate() {
            let part = (place * (turn + 2)) % 3;
            parts[part].add(&images[image].id, &images[image].tally());
        }
        let mut merged = Evaluation::new(4, 3);
        for part in parts.iter().rev() {
            merged.merge(part);
        }
        assert_eq!(merged, whole);
        for metric in METRICS {
            assert_eq!(merged.metric(metric), whole.metric(metric));
        }
    }
}

#[test]
fn what_has_no_value_is_none_and_not_a_number() {
    let mut image = made(3, (4, 5), 3);
    let predicted = |image: &Made, item: usize| {
        let p = |c: usize| image.probabilities[c * 20 + item];
        (0..3).rev().max_by(|a, b| p(*a).total_cmp(&p(*b))).unwrap() as u16
    };
    image.labels = (0..20).map(|item| predicted(&image, item)).collect();
    let right = evaluation(std::slice::from_ref(&image));
    let auroc = ranking_by_name("misclassification.auroc");
    assert_eq!(right.ranking(auroc, 0), None);
    assert_eq!(
        right.metric(by_name("accuracy")).unwrap().value.to_bits(),
        1f64.to_bits()
    );
    let aurc = right.ranking(ranking_by_name("aurc"), 0).unwrap().value;
    let excess = right.ranking(ranking_by_name("excess_aurc"), 0).unwrap().value;
    assert_eq!([aurc.to_bits(), excess.to_bits()], [0; 2]);
    image.labels.iter_mut().for_each(|label| *label = (*label + 1) % 3);
    let wrong = evaluation(std::slice::from_ref(&image));
    assert_eq!(wrong.ranking(auroc, 0), None);
    assert!(
        wrong.ranking(ranking_by_name("excess_aurc"), 0).unwrap().value.abs() < 1e-12
    );
    image.labels.fill(IGNORED);
    let nothing = evaluation(std::slice::from_ref(&image));
    assert_eq!(nothing.n_images(), 0);
    assert!(METRICS.iter().all(|metric| nothing.metric(metric).is_none()));
    let all = RANKINGS.iter().all(|metric| nothing.ranking(metric, 1).is_none());
    assert!(all);
}

#[test]
fn equal_scores_say_nothing() {
    let mut image = made(4, (10, 10), 3);
    image.score.fill(0.25);
    let evaluation = evaluation(std::slice::from_ref(&image));
    let value = |name| evaluation.ranking(ranking_by_name(name), 1).unwrap().value;
    assert!((value("misclassification.auroc") - 0.5).abs() < 1e-12);
    let (right, wrong) = evaluation.tally().errors(1).totals();
    let error = wrong as f64 / (right + wrong) as f64;
    for name in ["aurc", "misclassification.aupr_error"] {
        assert!((value(name) - error).abs() < 1e-12, "{name}");
    }
    assert!((value("augrc") - error / 2.0).abs() < 1e-12);
}

#[test]
fn confidences_of_zero_and_one_are_in_the_first_and_last_bin() {
    let mut reliability = Reliability::new();
    for value in [0.0, 1.0, 0.2, (1.0f64 / 15.0) as f32, 0.066_666_68] {
        reliability.count(value, true);
    }
    let ends: Vec<(usize, u64)> = reliability
        .bins()
        .map(|bin| ((bin.ends.1 * 15.0).round() as usize, bin.n))
        .collect();
    // 0 and 1/15; a little more than 1/15; 3/15; 1.
    assert_eq!(ends, [(1, 2), (2, 1), (3, 1), (15, 1)]);
}

#[test]
fn labels_that_are_no_class_and_numbers_that_are_none_name_the_image() {
    let mut image = made(5, (2, 3), 3);
    image.labels[4] = 3;
    let error = image.checked().unwrap_err();
    assert!(error.to_string().contains("\"image 5\" has a class 3"), "{error}");
    assert!(error.hint().is_some_and(|hint| hint.contains("--ignore-index")));
    for bad in [f32::NAN, f32::INFINITY, -0.5] {
        let mut image = made(6, (2, 3), 3);
        image.score[1] = bad;
        assert!(image.checked().unwrap_err().to_string().contains("image 6"));
        let mut image = made(6, (2, 3), 3);
        image.probabilities[1] = bad;
        assert!(image.checked().is_err());
    }
}

#[test]
fn intervals_hold_the_truth_about_as_often_as_they_say() {
    // Accuracy of images that are right with a chance of 0.7 each.
    let (mut held, runs) = (0, 60);
    for run in 0..runs {
        let mut evaluation = Evaluation::new(2, 0);
        for image in 0..40 {
            let label = [u16::from(uniform(run * 40 + image) < 0.7)];
            let labelled = Labelled {
                id: &format!("{run}/{image}"),
                size: (1, 1),
                probabilities: &[0.4, 0.6],
                labels: &label,
                scores: &[],
                entropy: None,
            };
            evaluation.add(labelled.id, &labelled.tally(2).unwrap());
        }
        let (low, high) =
            evaluation.metric(by_name("accuracy")).unwrap().interval.unwrap();
        held += u32::from(low <= 0.7 && 0.7 <= high);
    }
    assert!((50..=60).contains(&held), "{held} of {runs}");
}

#[test]
fn few_images_have_no_interval_and_weights_belong_to_the_image() {
    let images: Vec<Made> = (0..9).map(|seed| made(seed, (3, 3), 3)).collect();
    assert_eq!(evaluation(&images).metric(by_name("accuracy")).unwrap().interval, None);
    let weights = |id: &str| bootstrap::weights(id).collect::<Vec<_>>();
    assert_eq!(weights("a.png"), weights("a.png"));
    assert_ne!(weights("a.png"), weights("b.png"));
    let all: Vec<u64> = (0..50).flat_map(|i| weights(&i.to_string())).collect();
    let n = all.len() as f64;
    let mean = all.iter().sum::<u64>() as f64 / n;
    let zero = all.iter().filter(|weight| **weight == 0).count() as f64 / n;
    assert!((mean - 1.0).abs() < 0.03 && (zero - 0.368).abs() < 0.02, "{mean} {zero}");
}

#[test]
fn patches_are_counted_at_every_threshold() {
    let image = made(7, (8, 12), 3);
    let evaluation = evaluation(std::slice::from_ref(&image));
    for (size, side) in PATCHES.into_iter().enumerate() {
        let sweep = evaluation.patches(0, size);
        let squares = 8usize.div_ceil(side) * 12usize.div_ceil(side);
        for (_, patches) in &sweep {
            let all = patches.accurate_certain
                + patches.accurate_uncertain
                + patches.inaccurate_certain
                + patches.inaccurate_uncertain;
            assert_eq!(all, squares as u64);
        }
        let (first, last) = (sweep[0].1, sweep[sweep.len() - 1].1);
        assert_eq!((first.accurate_certain, first.inaccurate_certain), (0, 0));
        assert_eq!((last.accurate_uncertain, last.inaccurate_uncertain), (0, 0));
    }
}
