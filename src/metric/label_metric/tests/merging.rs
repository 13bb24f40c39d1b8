//! Tests that metrics depend only on the set of images.

use super::data::{Image, evaluate, images, spec};
use crate::metric::label_metric::{LabelEvaluation, LabelEvaluationSpec};
use crate::metric::tests::data::Random;

/// Returns all numbers of the metrics by key, compared bit by bit.
fn bits(evaluation: &LabelEvaluation) -> Vec<(String, [Option<u64>; 6])> {
    let metrics = evaluation.metrics().into_iter();
    metrics
        .map(|value| {
            let (low, high) = value.interval.unzip();
            let (less, more) = value.difference.unzip();
            let numbers = [value.value, low, high, less, more, Some(value.bin_error)];
            (value.key, numbers.map(|number| number.map(f64::to_bits)))
        })
        .collect()
}

/// Merges all images, in random order and in a random number of parts, in random order.
fn in_parts(
    images: &[Image],
    spec: &LabelEvaluationSpec,
    random: &mut Random,
) -> LabelEvaluation {
    let mut parts: Vec<LabelEvaluation> =
        (0..2 + random.below(5)).map(|_| LabelEvaluation::new(spec.clone())).collect();
    let n = parts.len();
    let mut left: Vec<&Image> = images.iter().collect();
    while !left.is_empty() {
        let image = left.swap_remove(random.below(left.len()));
        parts[random.below(n)].add(image.summary(spec).unwrap()).unwrap();
    }
    while parts.len() > 1 {
        let part = parts.swap_remove(random.below(parts.len()));
        let n = parts.len();
        parts[random.below(n)].merge(part).unwrap();
    }
    parts.remove(0)
}

#[test]
fn parts_merge_to_the_whole_bit_by_bit_in_any_order() {
    for (size, n) in [((1, 1), 30), ((4, 5), 14)] {
        let (spec, images) = (spec(12), images(size, n, 11));
        let expected = bits(&evaluate(&images, &spec));
        assert!(expected.iter().any(|(_, numbers)| numbers[1].is_some()));
        assert!(expected.iter().any(|(_, numbers)| numbers[3].is_some()));
        let mut random = Random(5);
        for _ in 0..6 {
            let merged = in_parts(&images, &spec, &mut random);
            assert_eq!(bits(&merged), expected);
        }
    }
}

#[test]
fn images_with_the_same_scores_do_not_need_more_memory() {
    let (spec, few) = (spec(0), images((8, 8), 10, 2));
    let renamed = few.iter().cloned().map(|image| {
        let id = format!("again/{}", image.id);
        Image { id, ..image }
    });
    let many: Vec<Image> = few.iter().cloned().chain(renamed).collect();
    let [few, many] = [few, many].map(|images| evaluate(&images, &spec).bytes());
    assert_eq!(few, many);
}

#[test]
fn an_image_is_added_once_and_other_settings_are_not_merged() {
    let (spec_of_all, all) = (spec(0), images((1, 1), 3, 1));
    let mut evaluation = evaluate(&all, &spec_of_all);
    let again = all[1].summary(&spec_of_all).unwrap();
    assert!(evaluation.add(again).unwrap_err().to_string().contains("1.png"));
    let before = evaluation.clone();
    assert!(evaluation.merge(LabelEvaluation::new(spec(3))).is_err());
    assert!(evaluation.merge(before.clone()).is_err());
    assert_eq!(evaluation, before);
}
