use proptest::prelude::*;

use super::*;
use crate::simd::Isa;
use crate::sums::{Coordinates, ImageSums, OutputKind, PassOutput, Sums};

/// Logits of the samples of one image, sample by sample.
#[derive(Debug, Clone)]
struct Samples {
    n_classes: usize,
    size: [usize; 2],
    logits: Vec<Vec<f32>>,
}

impl Samples {
    fn statistics(&self) -> Statistics {
        let (n_channels, [height, width]) = (self.n_classes, self.size);
        let mut reduction =
            ImageSums::new(n_channels, height, width, Needs::ALL, Isa::detect());
        for values in &self.logits {
            let kind = OutputKind::Logits;
            reduction
                .add(&[PassOutput {
                    values,
                    n_channels,
                    height,
                    width,
                    kind,
                    coordinates: Coordinates::HalfPixel,
                    spread: None,
                    logit_noise: None,
                    units: &[],
                }])
                .unwrap();
        }
        reduction.finish()
    }

    fn n_pixels(&self) -> usize {
        self.size[0] * self.size[1]
    }

    /// Returns the probabilities of every sample at a pixel.
    fn probabilities(&self, pixel: usize) -> Vec<Vec<f64>> {
        let softmax = |logits: &Vec<f32>| {
            let e: Vec<f64> = (0..self.n_classes)
                .map(|class| f64::from(logits[class * self.n_pixels() + pixel]).exp())
                .collect();
            e.iter().map(|x| x / e.iter().sum::<f64>()).collect()
        };
        self.logits.iter().map(softmax).collect()
    }

    fn with_classes_in_order(&self, order: &[usize]) -> Self {
        let n = self.n_pixels();
        let reorder = |logits: &Vec<f32>| {
            order.iter().flat_map(|&c| logits[c * n..(c + 1) * n].to_vec()).collect()
        };
        Self { logits: self.logits.iter().map(reorder).collect(), ..self.clone() }
    }
}

fn any_samples() -> impl Strategy<Value = Samples> {
    (2..6usize, 1..13usize, 1..13usize, 1..7usize, 0.1f32..8.0).prop_flat_map(
        |(n_classes, height, width, n_samples, spread)| {
            let sample =
                prop::collection::vec(-spread..spread, n_classes * height * width);
            prop::collection::vec(sample, n_samples).prop_map(move |logits| Samples {
                n_classes,
                size: [height, width],
                logits,
            })
        },
    )
}

/// Computes a measure at a pixel from its definition, in f64. `None` if it is not defined here;
/// measures without a definition are still compared with their ONNX form, by the tests of
/// [`crate::convert`].
fn exact(name: &str, p: &[Vec<f64>]) -> Option<f64> {
    let (n, classes) = (p.len() as f64, 0..p[0].len());
    let over_samples = |f: &dyn Fn(&Vec<f64>) -> f64| p.iter().map(f).sum::<f64>() / n;
    let entropy = |q: &[f64]| -q.iter().map(|q| q * q.ln()).sum::<f64>();
    let m: Vec<f64> = classes.clone().map(|c| over_samples(&|p| p[c])).collect();
    let best_of =
        |q: &[f64]| (0..q.len()).rev().max_by(|&a, &b| q[a].total_cmp(&q[b])).unwrap();
    let best = best_of(&m);
    let mut sorted = m.clone();
    sorted.sort_by(f64::total_cmp);
    sorted.reverse();
    let value = match name {
        "predictive_entropy" => entropy(&m),
        "expected_entropy" => over_samples(&|p| entropy(p)),
        "mutual_information" => entropy(&m) - over_samples(&|p| entropy(p)),
        "total_variance" => m.iter().map(|m| m * (1.0 - m)).sum(),
        "aleatoric_variance" => over_samples(&|p| p.iter().map(|p| p * (1.0 - p)).sum()),
        "epistemic_variance" => {
            over_samples(&|p| classes.clone().map(|c| (p[c] - m[c]).powi(2)).sum())
        }
        "variation_ratio" => {
            let votes = |class| p.iter().filter(|p| best_of(p) == class).count();
            1.0 - classes.map(votes).max().unwrap() as f64 / n
        }
        "least_confidence" => 1.0 - m[best],
        "margin" => 1.0 - (sorted[0] - sorted[1]),
        "predicted_class_std" => over_samples(&|p| (p[best] - m[best]).powi(2)).sqrt(),
        _ => return None,
    };
    Some(value)
}

fn assert_same(a: &Map, b: &Map, tolerance: f32, what: &str) {
    assert_eq!((a.height, a.width), (b.height, b.width));
    for (a, b) in a.values.iter().zip(&b.values) {
        assert!((a - b).abs() <= tolerance, "{what}: {a} {b}");
    }
}

proptest! {
    #[test]
    fn every_measure_follows_its_definition(samples in any_samples()) {
        let statistics = samples.statistics();
        for measure in MEASURES {
            let map = measure.map(&statistics);
            // A deviation of 0 is the square root of rounding errors.
            let tolerance = if measure.name == "predicted_class_std" { 2e-4 } else { 1e-6 };
            for (pixel, &value) in map.values.iter().enumerate() {
                let p = samples.probabilities(pixel);
                let margin = exact("margin", &p).unwrap();
                if measure.name == "predicted_class_std" && margin > 1.0 - 1e-5 {
                    continue; // Rounding determines which of two classes is predicted.
                }
                let Some(expected) = exact(measure.name, &p) else { continue };
                let error = (f64::from(value) - expected).abs();
                prop_assert!(error <= tolerance, "{}: {value} {expected}", measure.name);
            }
        }
    }

    #[test]
    fn every_measure_is_finite_and_within_its_bounds(samples in any_samples(), scale in 0f32..30.0) {
        let logits = samples.logits.iter();
        let logits = logits.map(|l| l.iter().map(|x| x * scale).collect()).collect();
        let statistics = Samples { logits, ..samples }.statistics();
        for measure in MEASURES {
            let bound = measure.upper_bound(statistics.n_classes());
            for value in measure.map(&statistics).values {
                prop_assert!((0.0..=bound).contains(&value), "{}: {value}", measure.name);
            }
        }
    }

    #[test]
    fn the_order_of_classes_and_of_samples_does_not_matter(
        samples in any_samples(),
        turn in 0..5usize,
    ) {
        let order: Vec<_> =
            (0..samples.n_classes).map(|c| (c + turn) % samples.n_classes).rev().collect();
        let other_classes = samples.with_classes_in_order(&order).statistics();
        let mut logits = samples.logits.clone();
        logits.reverse();
        let other_order = Samples { logits, ..samples.clone() }.statistics();
        let statistics = samples.statistics();
        let is_tied = MARGIN.map(&statistics).values.iter().any(|&value| value > 1.0 - 1e-5);
        for measure in MEASURES {
            if measure.name == "predicted_class_std" && is_tied {
                continue; // Rounding determines which of two classes is predicted.
            }
            let tolerance = if measure.name == "predicted_class_std" { 2e-4 } else { 2e-6 };
            let map = measure.map(&statistics);
            assert_same(&map, &measure.map(&other_classes), tolerance, measure.name);
            assert_same(&map, &measure.map(&other_order), tolerance, measure.name);
        }
    }

    #[test]
    fn the_parts_add_up_to_the_whole(samples in any_samples()) {
        let statistics = samples.statistics();
        let sum = |a: Measure, b: Measure| {
            let (mut a, b) = (a.map(&statistics), b.map(&statistics));
            a.values.iter_mut().zip(b.values).for_each(|(a, b)| *a += b);
            a
        };
        let variance = sum(ALEATORIC_VARIANCE, EPISTEMIC_VARIANCE);
        assert_same(&variance, &TOTAL_VARIANCE.map(&statistics), 1e-6, "variance");
        let entropy = sum(EXPECTED_ENTROPY, MUTUAL_INFORMATION);
        assert_same(&entropy, &PREDICTIVE_ENTROPY.map(&statistics), 1e-6, "entropy");
    }
}

#[test]
fn published_measures_keep_their_names_and_have_definitions() {
    let names = "predictive_entropy expected_entropy mutual_information total_variance \
                 aleatoric_variance epistemic_variance variation_ratio least_confidence margin \
                 predicted_class_std";
    let two_samples = [vec![0.25, 0.75], vec![0.5, 0.5]];
    for (number, name) in names.split_whitespace().enumerate() {
        assert_eq!(MEASURES.get(number).map(|measure| measure.name), Some(name));
        assert!(exact(name, &two_samples).is_some(), "{name}");
    }
}

#[test]
fn certain_samples_that_agree_have_no_uncertainty() {
    let logits = vec![vec![100.0, -100.0, 0.0, 100.0, -100.0, 0.0]; 9];
    let statistics = Samples { n_classes: 3, size: [1, 2], logits }.statistics();
    for measure in MEASURES {
        let values = measure.map(&statistics).values;
        assert!(
            values.iter().all(|value| value.to_bits() == 0),
            "{} {values:?}",
            measure.name
        );
    }
}

#[test]
fn samples_that_agree_have_no_epistemic_uncertainty() {
    let logits = vec![vec![0.3, -1.0, 0.5, 0.1, 1.7, 0.5]; 9];
    let statistics = Samples { n_classes: 3, size: [1, 2], logits }.statistics();
    for measure in [EPISTEMIC_VARIANCE, VARIATION_RATIO, PREDICTED_CLASS_STD] {
        let values = measure.map(&statistics).values;
        assert!(
            values.iter().all(|value| value.to_bits() == 0),
            "{} {values:?}",
            measure.name
        );
    }
    assert!(MUTUAL_INFORMATION.map(&statistics).values.iter().all(|&value| value < 3e-7));
}

#[test]
fn uniform_samples_reach_the_bounds_of_entropy_and_variance() {
    for n_classes in [2, 3, 19, 1000] {
        let samples =
            Samples { n_classes, size: [1, 1], logits: vec![vec![0.5; n_classes]; 4] };
        let statistics = samples.statistics();
        for measure in
            [PREDICTIVE_ENTROPY, EXPECTED_ENTROPY, TOTAL_VARIANCE, ALEATORIC_VARIANCE]
        {
            let (value, bound) =
                (measure.map(&statistics).values[0], measure.upper_bound(n_classes));
            assert!(
                (value / bound - 1.0).abs() < 2e-5,
                "{} {value} {bound}",
                measure.name
            );
        }
    }
}

#[test]
fn samples_that_contradict_each_other_are_all_epistemic() {
    let logits =
        (0..4).map(|t| if t % 2 == 0 { vec![90.0, 0.0] } else { vec![0.0, 90.0] });
    let samples = Samples { n_classes: 2, size: [1, 1], logits: logits.collect() };
    let statistics = samples.statistics();
    let value = |measure: Measure| measure.map(&statistics).values[0];
    assert!((value(MUTUAL_INFORMATION) - std::f32::consts::LN_2).abs() < 1e-6);
    assert!((value(EPISTEMIC_VARIANCE) - 0.5).abs() < 1e-6);
    assert!((value(PREDICTED_CLASS_STD) - 0.5).abs() < 1e-6);
    assert!((value(VARIATION_RATIO) - 0.5).abs() < 1e-6);
    assert!((value(MARGIN) - 1.0).abs() < 1e-6);
    assert!(value(EXPECTED_ENTROPY) < 1e-12 && value(ALEATORIC_VARIANCE) < 1e-6);
}

#[test]
fn names_are_unique_and_find_their_measure() {
    for (i, measure) in MEASURES.iter().enumerate() {
        assert!(MEASURES[..i].iter().all(|other| other.name != measure.name));
        assert_eq!(
            Measure::by_name(measure.name).map(|m| m.summary),
            Some(measure.summary)
        );
        assert!(
            [Unit::Nat, Unit::One].contains(&measure.unit)
                && !measure.reference.is_empty()
        );
    }
    assert!(Measure::by_name("uncertainty").is_none());
}

#[test]
#[should_panic(expected = "mutual_information needs")]
fn a_measure_without_its_sums_is_refused() {
    let mut reduction = ImageSums::new(2, 1, 1, Needs::MEAN, Isa::detect());
    let kind = OutputKind::Logits;
    let coordinates = Coordinates::HalfPixel;
    let scores = PassOutput {
        values: &[0.0, 1.0],
        n_channels: 2,
        height: 1,
        width: 1,
        kind,
        coordinates,
        spread: None,
        logit_noise: None,
        units: &[],
    };
    reduction.add(&[scores]).unwrap();
    MUTUAL_INFORMATION.map(&reduction.finish());
}
