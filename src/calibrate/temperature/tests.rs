use super::*;

/// Items of two classes with the given probabilities of the second, right as often as `truth`
/// says.
fn items(said: f64, truth: f64, n: usize) -> LogProbabilities {
    let mut items = LogProbabilities::new(2);
    for i in 0..n {
        let label = u32::from((i % 100) as f64 + 0.5 < 100.0 * truth);
        let p = [1.0 - said, said].map(|p| p as f32);
        items.push(p.into_iter(), label, i / 100 % 2 == 1);
    }
    items
}

#[test]
fn overconfident_probabilities_get_the_temperature_that_makes_them_true() {
    // ln(0.98 / 0.02) / ln(0.8 / 0.2) = 2.807.
    let TemperatureFit::Found(found) = items(0.98, 0.8, 1000).fit() else { panic!() };
    assert!((found.value - 2.807_36).abs() < 1e-3, "{found:?}");
    let entropy = -(0.8 * 0.8_f64.ln() + 0.2 * 0.2_f64.ln());
    assert!((found.negative_log_likelihood_after - entropy).abs() < 1e-6, "{found:?}");
    let before = -(0.8 * 0.98_f64.ln() + 0.2 * 0.02_f64.ln());
    assert!((found.negative_log_likelihood_before - before).abs() < 1e-6, "{found:?}");
}

#[test]
fn probabilities_that_are_true_already_get_a_temperature_of_one_or_none() {
    match items(0.8, 0.8, 1000).fit() {
        TemperatureFit::NoBetter => {}
        TemperatureFit::Found(found) => {
            assert!((found.value - 1.0).abs() < 1e-4, "{found:?}");
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_temperature_that_runs_away_is_refused() {
    // All right: the sharper the better.
    assert!(
        matches!(items(0.6, 1.0, 1000).fit(), TemperatureFit::AtTheEnd(value) if value < 0.06)
    );
    // No better than chance: the flatter the better.
    assert!(
        matches!(items(0.9, 0.5, 1000).fit(), TemperatureFit::AtTheEnd(value) if value > 19.0)
    );
}

#[test]
fn a_single_image_is_too_few() {
    let mut items = LogProbabilities::new(2);
    for _ in 0..10 {
        items.push([0.5, 0.5].into_iter(), 0, false);
    }
    assert_eq!(items.fit(), TemperatureFit::TooFew);
    assert_eq!(LogProbabilities::new(2).fit(), TemperatureFit::TooFew);
}

#[test]
fn probabilities_of_zero_keep_the_loss_finite() {
    let mut items = items(0.9, 0.8, 400);
    for half in [false, true] {
        items.push([1.0, 0.0].into_iter(), 1, half);
    }
    let TemperatureFit::Found(found) = items.fit() else { panic!() };
    assert!(found.value.is_finite() && found.negative_log_likelihood_before.is_finite());
}
