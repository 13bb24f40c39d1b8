use super::data::{
    DIGIT, Image, Kind, Random, STREET, evaluate, images, layout, options,
};
use crate::metric::{Evaluation, Layout, Value};

/// Values down to their bits.
fn bits(evaluation: &Evaluation) -> Vec<(String, Option<u64>, Option<(u64, u64)>, u64)> {
    let pair = |(a, b): (f64, f64)| (a.to_bits(), b.to_bits());
    let bits = |v: Value| {
        (v.key, v.value.map(f64::to_bits), v.interval.map(pair), v.bin_error.to_bits())
    };
    evaluation.metrics().into_iter().map(bits).collect()
}

/// All images in random order, in a random number of parts, merged in random order.
fn in_parts(images: &[Image], layout: &Layout, random: &mut Random) -> Evaluation {
    let mut order: Vec<&Image> = images.iter().collect();
    for i in (1..order.len()).rev() {
        order.swap(i, random.below(i + 1));
    }
    let mut parts: Vec<Evaluation> =
        (0..=random.below(4)).map(|_| Evaluation::new(layout.clone())).collect();
    for (i, image) in order.into_iter().enumerate() {
        let n = parts.len();
        let summary = image.summary(layout).unwrap();
        let part = &mut parts[random.below(n)];
        if i % 4 == 0 {
            part.add_outside(summary.clone()).unwrap();
        }
        part.add(summary).unwrap();
    }
    while parts.len() > 1 {
        let part = parts.swap_remove(random.below(parts.len()));
        let n = parts.len();
        parts[random.below(n)].merge(part).unwrap();
    }
    parts.remove(0)
}

fn check(kind: Kind, n: usize) {
    let layout = layout(kind, options(12));
    let images = images(kind, n, 11);
    let outside: Vec<Image> = images.iter().step_by(4).cloned().collect();
    let mut whole = evaluate(&images, &layout);
    for image in &outside {
        whole.add_outside(image.summary(&layout).unwrap()).unwrap();
    }
    let expected = bits(&whole);
    assert!(expected.iter().any(|value| value.2.is_some()));
    let mut random = Random(5);
    for _ in 0..6 {
        let mut parts = Evaluation::new(layout.clone());
        parts.merge(same_outside(&images, &layout, &outside, &mut random)).unwrap();
        assert_eq!(bits(&parts), expected);
        assert_eq!(parts, whole);
        assert_eq!(parts.rank_images(), whole.rank_images());
        assert_eq!(parts.risk_coverage(), whole.risk_coverage());
    }
}

/// Parts in random order with the same images outside, whichever those of the parts were.
fn same_outside(
    images: &[Image],
    layout: &Layout,
    outside: &[Image],
    random: &mut Random,
) -> Evaluation {
    let is_outside = |image: &&Image| outside.iter().any(|other| other.id == image.id);
    let mut first: Vec<Image> = Vec::new();
    let mut second: Vec<Image> = Vec::new();
    for image in images {
        if random.below(2) == 0 {
            first.push(image.clone())
        } else {
            second.push(image.clone())
        }
    }
    let mut parts = Vec::new();
    for part in [second, first] {
        let mut evaluation = in_order(&part, layout, random);
        for image in part.iter().filter(is_outside) {
            evaluation.add_outside(image.summary(layout).unwrap()).unwrap();
        }
        parts.push(evaluation);
    }
    let mut merged = parts.remove(random.below(2));
    merged.merge(parts.remove(0)).unwrap();
    merged
}

fn in_order(images: &[Image], layout: &Layout, random: &mut Random) -> Evaluation {
    let mut evaluation = Evaluation::new(layout.clone());
    let mut left: Vec<&Image> = images.iter().collect();
    while !left.is_empty() {
        let image = left.swap_remove(random.below(left.len()));
        evaluation.add(image.summary(layout).unwrap()).unwrap();
    }
    evaluation
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
fn many_small_parts_equal_few_large_ones() {
    let layout = layout(DIGIT, options(6));
    let images = images(DIGIT, 40, 2);
    let whole = bits(&evaluate(&images, &layout));
    for seed in 0..5 {
        let merged = in_parts(&images, &layout, &mut Random(seed));
        let without_outside = |values: Vec<(String, _, _, _)>| {
            let is_inside = |value: &(String, _, _, _)| !value.0.starts_with("ood.");
            values.into_iter().filter(is_inside).collect::<Vec<_>>()
        };
        assert_eq!(without_outside(bits(&merged)), whole);
    }
}

#[test]
fn summaries_made_on_several_threads_give_the_same_bits() {
    let layout = layout(STREET, options(8));
    let images = images(STREET, 12, 8);
    let whole = bits(&evaluate(&images, &layout));
    let parts: Vec<Evaluation> = std::thread::scope(|scope| {
        let workers: Vec<_> = images
            .chunks(5)
            .map(|part| scope.spawn(|| evaluate(part, &layout)))
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap()).collect()
    });
    let mut merged = Evaluation::new(layout.clone());
    parts.into_iter().rev().for_each(|part| merged.merge(part).unwrap());
    assert_eq!(bits(&merged), whole);
}

#[test]
fn an_image_is_counted_once() {
    let layout = layout(DIGIT, options(4));
    let images = images(DIGIT, 3, 1);
    let mut evaluation = evaluate(&images, &layout);
    let before = evaluation.clone();
    let again = evaluation.add(images[1].summary(&layout).unwrap()).unwrap_err();
    assert!(again.to_string().starts_with("folder/0001.png: has been evaluated before"));
    let error = evaluation.merge(evaluate(&images[2..], &layout)).unwrap_err();
    assert!(error.to_string().starts_with("folder/0002.png: has been evaluated before"));
    assert_eq!(evaluation, before);
    evaluation.add_outside(images[1].summary(&layout).unwrap()).unwrap();
    assert!(evaluation.add_outside(images[1].summary(&layout).unwrap()).is_err());
}

#[test]
fn evaluations_of_different_layouts_do_not_merge() {
    let mut one = Evaluation::new(layout(DIGIT, options(4)));
    let error = one.merge(Evaluation::new(layout(DIGIT, options(5)))).unwrap_err();
    assert!(error.to_string().contains("other classes, measures or settings"));
    assert!(error.hint().is_some());
}
