use super::*;
use crate::random::squares32;
use crate::simd::Isa;
use crate::sums::{Coordinates, Needs, OutputKind, PassOutput};

/// A bell-shaped number: the sum of twelve uniform ones.
fn normal(number: u64) -> f32 {
    let uniform =
        |k| squares32(12 * number + k, 0xC58E_FD15_4CE3_2F6D) as f32 / 2f32.powi(32);
    (0..12).map(uniform).sum::<f32>() - 6.0
}

/// How a run ends: its samples and what the reduction has.
fn sampled(
    looks: &StoppingTest,
    most: u32,
    logits: impl Fn(u32) -> Vec<f32>,
) -> (u32, ImageSums) {
    let n_channels = logits(0).len();
    let mut reduction = ImageSums::new(n_channels, 1, 1, Needs::ALL, Isa::detect());
    for sample in 0..most {
        let values = &logits(sample)[..];
        let (height, width) = (1, 1);
        let (kind, coordinates) = (OutputKind::Logits, Coordinates::HalfPixel);
        let scores = PassOutput {
            values,
            n_channels,
            height,
            width,
            kind,
            coordinates,
            spread: None,
            logit_noise: None,
            units: &[],
        };
        reduction.add(&[scores]).unwrap();
        let samples = sample + 1;
        let is_look = samples % BLOCK == 0 && samples < most;
        if is_look && looks.should_stop(&mut reduction) {
            return (samples, reduction);
        }
    }
    (most, reduction)
}

fn looks(target: StopTarget, tolerance: f64, n_classes: usize) -> StoppingTest {
    StoppingTest::new(
        StopRule { target, tolerance },
        310,
        n_classes,
        &crate::task::CLASSIFICATION,
    )
}

/// Logits of a sample of a run: one class is ahead of the others by `lead` on average.
fn close_race(run: u64, n_classes: usize, lead: f32) -> impl Fn(u32) -> Vec<f32> {
    move |sample| {
        let number = |class: u64| ((run * 310 + u64::from(sample)) << 4) + class;
        let class = |class| if class == 0 { lead } else { 0.0 } + normal(number(class));
        (0..n_classes as u64).map(class).collect()
    }
}

#[test]
fn false_decisions_of_a_close_race_are_rarer_than_promised_over_a_thousand_runs() {
    for (n_classes, promised, lead) in [(2, 0.05, 0.02), (2, 0.2, 0.02), (5, 0.2, 0.3)] {
        let rule = looks(StopTarget::Class, promised, n_classes);
        let (mut decided, mut wrong, runs) = (0, 0, 1000);
        for run in 0..runs {
            let (samples, reduction) =
                sampled(&rule, 310, close_race(run, n_classes, lead));
            if samples < 310 {
                decided += 1;
                wrong += u32::from(reduction.finish().prediction().classes[0] != 0);
            }
        }
        assert!(decided > 0, "{n_classes} classes: no race was ever decided");
        assert!(
            f64::from(wrong) <= promised * runs as f64,
            "{n_classes} classes: {wrong} of {decided} decisions are wrong, {promised} promised"
        );
    }
}

#[test]
fn a_clear_class_is_known_after_one_block_and_a_close_one_later_or_never() {
    let rule = looks(StopTarget::Class, 0.01, 3);
    let mean = |lead: f32| {
        let samples = |run| f64::from(sampled(&rule, 310, close_race(run, 3, lead)).0);
        (0..40).map(samples).sum::<f64>() / 40.0
    };
    let (clear, near, none) = (mean(3.0), mean(0.7), mean(0.0));
    assert!(clear < 32.0, "{clear}");
    assert!(clear < near && near < 300.0 && near < none, "{near} {none}");
}

#[test]
fn errors_stay_within_the_tolerance_nineteen_times_in_twenty() {
    let lead = 1.0;
    let truth = sampled(&looks(StopTarget::Probability, 1e-9, 3), 65_000, |sample| {
        close_race(5_000, 3, lead)(sample)
    })
    .1
    .finish();
    let entropy = |statistics: &crate::sums::Statistics| {
        statistics.map(|tile, out| out[0] = tile.entropy_of_mean()[0]).values[0]
    };
    let probability =
        |statistics: &crate::sums::Statistics| statistics.probability().values[0];
    for (target, tolerance) in
        [(StopTarget::PredictiveEntropy, 0.15), (StopTarget::Probability, 0.06)]
    {
        let value = |statistics: &_| match target {
            StopTarget::PredictiveEntropy => entropy(statistics),
            _ => probability(statistics),
        };
        let rule = looks(target, tolerance, 3);
        let (mut stopped, mut wrong) = (0, 0);
        for run in 0..500 {
            let (samples, reduction) = sampled(&rule, 310, close_race(run, 3, lead));
            if samples < 310 {
                stopped += 1;
                let error = value(&reduction.finish()) - value(&truth);
                wrong += u32::from(f64::from(error.abs()) > tolerance);
            }
        }
        assert!(stopped > 400, "{}: {stopped}", target.name());
        assert!(wrong <= 25, "{}: {wrong} of {stopped}", target.name());
    }
}

#[test]
fn the_margin_of_all_looks_is_that_of_the_paper() {
    // sqrt(2 (n r + 1) / (n r) ln(sqrt(n r + 1) / a)), with r by hand from the same a.
    let (n, a): (f64, f64) = (62.0, 0.05);
    let r = (-2.0 * a.ln() + (1.0 - 2.0 * a.ln()).ln()) / 31.0;
    let expected =
        (2.0 * (n * r + 1.0) / (n * r) * ((n * r + 1.0).sqrt() / a).ln()).sqrt();
    assert!((anytime_margin(62, 0.05) - expected).abs() < 1e-12);
    // Wider than one look's 1.96, and widening slowly.
    let margins: Vec<f64> = (1..=10).map(|k| anytime_margin(31 * k, 0.05)).collect();
    assert!(margins[0] > 2.5 && margins.is_sorted() && margins[9] < 3.5, "{margins:?}");
}

#[test]
fn the_margin_of_few_blocks_is_students() {
    // Two-sided 5 % points of 1, 4 and 30 degrees of freedom, from any table.
    for (n, expected) in [(2, 12.706), (5, 2.776), (31, 2.042)] {
        let margin = student_margin(n, 0.05);
        assert!((margin - expected).abs() < 1e-3, "{n}: {margin}");
    }
}

#[test]
fn tolerances_that_are_none_are_refused() {
    for (target, tolerance) in [
        (StopTarget::Class, 0.0),
        (StopTarget::Class, 1.0),
        (StopTarget::Class, f64::NAN),
        (StopTarget::PredictiveEntropy, 0.0),
        (StopTarget::Probability, -0.1),
        (StopTarget::Probability, f64::INFINITY),
    ] {
        let error = StopRule { target, tolerance }.check().unwrap_err();
        assert!(error.hint().is_some_and(|hint| hint.contains("such as")), "{error}");
    }
    let rule = StopRule { target: StopTarget::PredictiveEntropy, tolerance: 1.5 };
    assert!(rule.check().is_ok());
}
