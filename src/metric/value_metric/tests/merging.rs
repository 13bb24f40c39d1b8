use super::data::{Image, evaluate, images, plain_spec, spec};
use crate::metric::tests::data::Random;
use crate::metric::value_metric::{
    ErrorDistribution, ValueEvaluation, ValueEvaluationOptions, ValueEvaluationSpec,
};

/// A value, compared bit by bit.
#[derive(Debug, PartialEq, Eq)]
struct Bits {
    key: String,
    numbers: [Option<u64>; 6],
}

fn bits(evaluation: &ValueEvaluation) -> Vec<Bits> {
    let metrics = evaluation.metrics().into_iter();
    metrics
        .map(|value| {
            let (low, high) = value.interval.unzip();
            let (less, more) = value.difference.unzip();
            let numbers = [value.value, low, high, less, more, Some(value.bin_error)];
            Bits {
                key: value.key,
                numbers: numbers.map(|number| number.map(f64::to_bits)),
            }
        })
        .collect()
}

/// Merges all images, in random order and in a random number of parts, in random order.
fn in_parts(
    images: &[Image],
    spec: &ValueEvaluationSpec,
    random: &mut Random,
) -> ValueEvaluation {
    let mut parts: Vec<ValueEvaluation> =
        (0..2 + random.below(5)).map(|_| ValueEvaluation::new(spec.clone())).collect();
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

fn check(size: (usize, usize), n: usize) {
    let spec = spec(12, ErrorDistribution::Laplace);
    let images = images(size, n, 11);
    let whole = evaluate(&images, &spec);
    let expected = bits(&whole);
    assert!(expected.iter().any(|value| value.numbers[1].is_some()));
    assert!(expected.iter().any(|value| value.numbers[3].is_some()));
    let mut random = Random(5);
    for _ in 0..6 {
        let merged = in_parts(&images, &spec, &mut random);
        assert_eq!(bits(&merged), expected);
        assert_eq!(merged, whole);
        assert_eq!(merged.sparsification(), whole.sparsification());
        assert_eq!(merged.error_by_std(), whole.error_by_std());
        assert!(merged.errors().eq(whole.errors()));
    }
}

#[test]
fn merged_parts_of_maps_equal_the_whole_bit_for_bit() {
    check((11, 15), 13);
}

#[test]
fn merged_parts_of_single_values_equal_the_whole_bit_for_bit() {
    check((1, 1), 60);
}

#[test]
fn the_order_of_pixels_changes_no_bit() {
    let spec = spec(0, ErrorDistribution::Gaussian);
    let images = images((6, 9), 3, 2);
    let reversed: Vec<Image> = images
        .iter()
        .map(|image| {
            let mut image = image.clone();
            let reverse = |values: &mut Vec<f32>| values.reverse();
            reverse(&mut image.labels);
            reverse(&mut image.value);
            reverse(&mut image.epistemic);
            image.aleatoric.iter_mut().for_each(reverse);
            image.deterministic.iter_mut().for_each(|(value, variance)| {
                reverse(value);
                variance.iter_mut().for_each(reverse);
            });
            image.interval.iter_mut().for_each(|(low, high)| {
                reverse(low);
                reverse(high);
            });
            image
        })
        .collect();
    let (expected, found) =
        (bits(&evaluate(&images, &spec)), bits(&evaluate(&reversed, &spec)));
    for (expected, found) in expected.iter().zip(&found) {
        // Areas of single images are summed in the order of ties.
        if !expected.key.contains("poggi") {
            assert_eq!(expected, found);
        }
    }
}

#[test]
fn evaluations_of_different_settings_or_equal_images_are_not_merged() {
    let images = images((2, 3), 4, 1);
    let spec = spec(0, ErrorDistribution::Gaussian);
    let mut evaluation = evaluate(&images, &spec);
    let before = evaluation.clone();
    let other = ValueEvaluation::new(plain_spec(ValueEvaluationOptions::default()));
    let error = evaluation.merge(other).unwrap_err();
    assert!(error.to_string().contains("differ"), "{error}");
    let error = evaluation.merge(evaluate(&images[3..], &spec)).unwrap_err();
    assert!(error.to_string().contains("was evaluated before"), "{error}");
    let error = evaluation.add(images[0].summary(&spec).unwrap()).unwrap_err();
    assert!(error.to_string().contains("0000.png"), "{error}");
    assert_eq!(evaluation, before);
}

#[test]
fn memory_does_not_grow_with_the_number_of_images() {
    let options = ValueEvaluationOptions { replicates: 5, ..Default::default() };
    let spec = plain_spec(options);
    let images = images((8, 8), 300, 6);
    let bytes = |n: usize| evaluate(&images[..n], &spec).bytes();
    // Bins fill up: twice as many items, far less than twice as many bins.
    let (half, all) = (bytes(150), bytes(300));
    assert!(all < half * 8 / 5, "{half} {all}");
    assert!(all < 4 << 20, "{all}");
}
