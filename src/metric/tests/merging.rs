use super::data::{DIGIT, Image, Kind, Random, STREET, evaluate, images, options, spec};
use crate::metric::{Evaluation, EvaluationSpec};

/// A value, compared bit by bit.
#[derive(Debug, PartialEq, Eq)]
struct Bits {
    key: String,
    numbers: [Option<u64>; 4],
}

fn bits(evaluation: &Evaluation) -> Vec<Bits> {
    let metrics = evaluation.metrics().into_iter();
    metrics
        .map(|value| {
            let (low, high) = value.interval.unzip();
            let numbers = [value.value, low, high, Some(value.bin_error)];
            Bits {
                key: value.key,
                numbers: numbers.map(|number| number.map(f64::to_bits)),
            }
        })
        .collect()
}

/// Returns true for every third image, which is also added as one from outside the distribution.
fn is_outside(image: &Image) -> bool {
    image.id.bytes().map(u64::from).sum::<u64>().is_multiple_of(3)
}

fn whole(images: &[Image], spec: &EvaluationSpec) -> Evaluation {
    let mut whole = evaluate(images, spec);
    for image in images.iter().filter(|image| is_outside(image)) {
        whole.add_outside(image.summary(spec).unwrap()).unwrap();
    }
    whole
}

/// Merges all images, in random order and in a random number of parts, in random order.
fn in_parts(images: &[Image], spec: &EvaluationSpec, random: &mut Random) -> Evaluation {
    let mut parts: Vec<Evaluation> =
        (0..2 + random.below(5)).map(|_| Evaluation::new(spec.clone())).collect();
    let n = parts.len();
    let mut left: Vec<&Image> = images.iter().collect();
    while !left.is_empty() {
        let image = left.swap_remove(random.below(left.len()));
        parts[random.below(n)].add(image.summary(spec).unwrap()).unwrap();
        if is_outside(image) {
            let summary = image.summary(spec).unwrap();
            parts[random.below(n)].add_outside(summary).unwrap();
        }
    }
    while parts.len() > 1 {
        let part = parts.swap_remove(random.below(parts.len()));
        let n = parts.len();
        parts[random.below(n)].merge(part).unwrap();
    }
    parts.remove(0)
}

fn check(kind: Kind, n: usize) {
    let spec = spec(kind, options(12));
    let images = images(kind, n, 11);
    let whole = whole(&images, &spec);
    assert!(whole.n_images().1 >= 4);
    let expected = bits(&whole);
    assert!(expected.iter().any(|value| value.numbers[1].is_some()));
    let mut random = Random(5);
    for _ in 0..6 {
        let merged = in_parts(&images, &spec, &mut random);
        assert_eq!(bits(&merged), expected);
        assert_eq!(merged, whole);
        assert_eq!(merged.rank_images(), whole.rank_images());
        assert_eq!(merged.risk_coverage(), whole.risk_coverage());
        assert_eq!(merged.pavpu(), whole.pavpu());
    }
}

#[test]
fn merged_parts_of_streets_equal_the_whole_bit_for_bit() {
    check(STREET, 13);
}

#[test]
fn merged_parts_of_digits_equal_the_whole_bit_for_bit() {
    check(DIGIT, 60);
}

#[test]
fn summaries_made_on_several_threads_give_the_same_bits() {
    let spec = spec(STREET, options(8));
    let images = images(STREET, 12, 8);
    let whole = bits(&evaluate(&images, &spec));
    let parts: Vec<Evaluation> = std::thread::scope(|scope| {
        let workers: Vec<_> =
            images.chunks(5).map(|part| scope.spawn(|| evaluate(part, &spec))).collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    let mut merged = Evaluation::new(spec.clone());
    for part in parts.into_iter().rev() {
        merged.merge(part).unwrap();
    }
    assert_eq!(bits(&merged), whole);
}

#[test]
fn an_image_is_counted_once() {
    let spec = spec(DIGIT, options(4));
    let images = images(DIGIT, 3, 1);
    let mut evaluation = evaluate(&images, &spec);
    let before = evaluation.clone();
    let again = evaluation.add(images[1].summary(&spec).unwrap()).unwrap_err();
    assert!(again.to_string().starts_with("folder/0001.png: was evaluated before"));
    let error = evaluation.merge(evaluate(&images[2..], &spec)).unwrap_err();
    assert!(error.to_string().starts_with("folder/0002.png: was evaluated before"));
    assert_eq!(evaluation, before);
    evaluation.add_outside(images[1].summary(&spec).unwrap()).unwrap();
    assert!(evaluation.add_outside(images[1].summary(&spec).unwrap()).is_err());
}

#[test]
fn evaluations_of_different_specifications_do_not_merge() {
    let mut one = Evaluation::new(spec(DIGIT, options(4)));
    let error = one.merge(Evaluation::new(spec(DIGIT, options(5)))).unwrap_err();
    assert!(error.to_string().contains("differ in classes, measures or settings"));
    assert!(error.hint().is_some());
}
