use super::data::{DIGIT, Image, Random, STREET, evaluate, images, options, spec};
use super::oracle;
use crate::metric::{
    Aggregation, Evaluation, EvaluationSpec, IGNORED, RankingVerdict, ScoreSpec,
};
use crate::task::Item;

/// Returns the loss of an image; `None` without labels.
fn loss(image: &Image) -> Option<f64> {
    let items = oracle::items(std::slice::from_ref(image));
    let wrong = items.iter().filter(|item| item.is_wrong()).count();
    (!items.is_empty()).then(|| wrong as f64 / items.len() as f64)
}

fn naive(image: &Image, score: usize, aggregation: Aggregation) -> f64 {
    let scores = &image.scores[score];
    let mut sorted = scores.clone();
    sorted.sort_by(f32::total_cmp);
    let rank = (0.95 * sorted.len() as f64 - 1e-9).ceil() as usize;
    match aggregation {
        Aggregation::Mean => oracle::mean(scores.iter().map(|&s| f64::from(s))),
        Aggregation::Quantile95 => f64::from(sorted[rank - 1]),
        _ => f64::NAN,
    }
}

#[test]
fn image_outcomes_hold_the_mean_and_the_quantile_of_all_pixels() {
    let spec = spec(STREET, options(0));
    for image in images(STREET, 5, 31) {
        let summary = image.summary(&spec).unwrap();
        for score in 0..4 {
            for (i, &aggregation) in Aggregation::ALL[..2].iter().enumerate() {
                let found = summary.outcome.value(score * Aggregation::ALL.len() + i);
                let expected = naive(&image, score, aggregation);
                assert!((f64::from(found) - expected).abs() < 1e-6, "{found} {expected}");
            }
        }
    }
}

#[test]
fn scores_of_images_are_judged_by_the_share_of_wrong_items() {
    let mut images = images(STREET, 12, 33);
    images[3].labels.fill(IGNORED);
    let spec = spec(STREET, options(0));
    let evaluation = evaluate(&images, &spec);
    let losses: Vec<(String, f64)> = images
        .iter()
        .filter_map(|image| Some((image.id.clone(), loss(image)?)))
        .collect();
    let found: Vec<(String, f64)> =
        evaluation.losses().map(|(id, loss)| (id.to_owned(), loss)).collect();
    assert_eq!(found, losses);
    let labeled: Vec<&Image> = images.iter().filter(|i| loss(i).is_some()).collect();
    let mean = oracle::mean(losses.iter().map(|l| l.1));
    for (i, score) in ["predictive_entropy", "mutual_information"].iter().enumerate() {
        let value = |image: &&Image| naive(image, i, Aggregation::Mean) as f32;
        let pairs: Vec<(f64, f64)> =
            labeled.iter().map(|im| (value(im).into(), loss(im).unwrap())).collect();
        let bad: Vec<(f64, bool)> = pairs.iter().map(|&(s, l)| (s, l > mean)).collect();
        let metrics = evaluation.metrics();
        let found =
            |key: &str| metrics.iter().find(|v| v.key == key).unwrap().value.unwrap();
        let aurc = found(&format!("image.aurc.{score}.mean"));
        assert!((aurc - oracle::risk_areas(&pairs).0).abs() < 1e-9);
        let auroc = found(&format!("image.auroc.{score}.mean"));
        assert!((auroc - oracle::auroc(&bad)).abs() < 1e-9);
    }
}

#[test]
fn for_classification_the_image_is_the_item() {
    let images = images(DIGIT, 80, 35);
    let evaluation = evaluate(&images, &spec(DIGIT, options(0)));
    let metrics = evaluation.metrics();
    let found = |key: &str| metrics.iter().find(|v| v.key == key).unwrap().value.unwrap();
    for score in ["predictive_entropy", "mutual_information", "variation_ratio"] {
        let item = found(&format!("misclassification.auroc.{score}"));
        let image = found(&format!("image.auroc.{score}"));
        assert!((item - image).abs() < 1e-3, "{score} {item} {image}");
        let item = found(&format!("aurc.{score}"));
        assert!((item - found(&format!("image.aurc.{score}"))).abs() < 1e-3);
    }
}

/// Creates digits for which the measures at the indices `good` follow the error and the others do
/// not.
fn digits(n: usize, seed: u64, good: &[usize]) -> Evaluation {
    let spec = spec(DIGIT, options(100));
    let mut random = Random(seed);
    let mut images = images(DIGIT, n, seed);
    for image in &mut images {
        if image.labels[0] == IGNORED {
            image.labels[0] = 0;
        }
        let is_wrong = loss(image) == Some(1.0);
        for score in 0..4 {
            let signal = if is_wrong && good.contains(&score) { 0.4 } else { 0.0 };
            image.scores[score][0] = (signal + 0.5 * random.share()) as f32;
        }
        image.deterministic = Some((vec![0], vec![random.share() as f32]));
    }
    evaluate(&images, &spec)
}

#[test]
fn the_score_that_finds_bad_images_is_named_the_best() {
    let ranking = digits(300, 3, &[1]).rank_images();
    assert_eq!(ranking.verdict, RankingVerdict::Best);
    assert_eq!(ranking.candidates.len(), 5);
    assert_eq!(ranking.candidates[0].score, "mutual_information");
    assert_eq!(ranking.candidates[0].behind_best, None);
    for pair in ranking.candidates.windows(2) {
        assert!(pair[0].aurc <= pair[1].aurc);
        let (low, high) = pair[1].behind_best.unwrap();
        assert!(0.0 < low && low <= high);
        assert!(pair[1].aurc_interval.unwrap().0 <= pair[1].aurc);
    }
    assert!(ranking.candidates[0].auroc.unwrap() > 0.9);
}

#[test]
fn scores_that_are_equally_good_tie() {
    let ranking = digits(300, 4, &[0, 2]).rank_images();
    assert_eq!(ranking.verdict, RankingVerdict::Tie(1));
    let mut names: Vec<&str> =
        ranking.candidates[..2].iter().map(|c| c.score.as_str()).collect();
    names.sort_unstable();
    assert_eq!(names, ["predictive_entropy", "variation_ratio"]);
    let (low, high) = ranking.candidates[1].behind_best.unwrap();
    assert!(low <= 0.0 && high >= 0.0);
}

#[test]
fn a_score_that_is_a_copy_of_the_best_ties_with_it() {
    let spec = spec(STREET, options(50));
    let mut images = images(STREET, 20, 6);
    for image in &mut images {
        image.scores[1] = image.scores[0].clone();
    }
    let ranking = evaluate(&images, &spec).rank_images();
    let copies: Vec<_> =
        ranking.candidates.iter().filter(|c| c.aggregation == "mean").collect();
    let of = |name: &str| copies.iter().find(|c| c.score == name).unwrap();
    assert_eq!(
        of("predictive_entropy").aurc.to_bits(),
        of("mutual_information").aurc.to_bits()
    );
    assert_eq!(ranking.candidates.len(), 5 * Aggregation::ALL.len());
}

#[test]
fn few_images_or_equal_losses_decide_nothing() {
    assert_eq!(digits(9, 3, &[1]).rank_images().verdict, RankingVerdict::TooFew);
    let spec = spec(DIGIT, options(20));
    let mut right = images(DIGIT, 20, 8);
    for image in &mut right {
        image.labels[0] = 0;
        image.probabilities = vec![0.7, 0.1, 0.1, 0.1];
    }
    let ranking = evaluate(&right, &spec).rank_images();
    assert_eq!(ranking.verdict, RankingVerdict::NothingToFind);
    assert!(ranking.candidates.iter().all(|c| c.auroc.is_none() && c.aurc.abs() < 1e-12));
}

#[test]
fn an_image_is_bad_when_its_loss_is_above_the_mean_and_not_at_it() {
    let classes = vec!["a".to_owned(), "b".to_owned()];
    let scores = vec![ScoreSpec::new("margin", 1.0)];
    let spec = EvaluationSpec::new(Item::Pixel, classes, scores, options(0)).unwrap();
    let mut evaluation = Evaluation::new(spec.clone());
    // Losses of 0, 1/2 and 1; the score of the bad image lies between those of the others.
    for (id, labels, score) in
        [("a", [0, 0], 0.1), ("b", [0, 1], 0.3), ("c", [1, 1], 0.2)]
    {
        let image = Image {
            width: 2,
            labels: labels.to_vec(),
            scores: vec![vec![score; 2]],
            ..Image::plain(id, &[0.8, 0.8, 0.2, 0.2], 0)
        };
        evaluation.add(image.summary(&spec).unwrap()).unwrap();
    }
    let ranking = evaluation.rank_images();
    let mean = ranking.candidates.iter().find(|c| c.aggregation == "mean").unwrap();
    assert_eq!(mean.auroc, Some(0.5));
}

#[test]
fn ten_thousand_images_are_ranked() {
    let spec = spec(DIGIT, options(200));
    let mut evaluation = Evaluation::new(spec.clone());
    let images = images(DIGIT, 500, 1);
    for i in 0..10_000 {
        let image = Image { id: i.to_string(), ..images[i % 500].clone() };
        evaluation.add_outside(image.summary(&spec).unwrap()).unwrap();
        if i % 10 == 0 {
            evaluation.add(image.summary(&spec).unwrap()).unwrap();
        }
    }
    assert_eq!(evaluation.rank_images().candidates.len(), 5);
    assert!(evaluation.metrics().iter().any(|v| v.metric == "ood.auroc"));
}
