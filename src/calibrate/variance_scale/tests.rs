use super::*;
use crate::calibrate::standardized_errors::{bin, counted};

/// Returns standardized errors of a normal distribution with this standard deviation, at equal
/// steps of its quantiles.
fn errors(n: usize, std: f64) -> Vec<f64> {
    let quantile = |i: usize| gaussian_factor((i as f64 + 0.5) / n as f64);
    (0..n).map(|i| std * quantile(i)).collect()
}

fn moments(errors: &[f64], std: f64) -> ErrorMoments {
    ErrorMoments {
        n_items: errors.len() as u64,
        squares: errors.iter().map(|error| error * error).sum(),
        log_stds: errors.len() as f64 * std.ln(),
    }
}

fn counts(errors: &[f64]) -> ErrorCounts {
    let mut counts = ErrorCounts::default();
    counts.add(&counted(errors.iter().map(|error| bin(*error)).collect()));
    counts
}

#[test]
fn both_factors_of_normal_errors_are_their_variance() {
    let (first, second) = (errors(2000, 2.0), errors(3000, 2.0));
    let fits = [
        fit_likelihood(&[moments(&first, 0.5), moments(&second, 0.5)]),
        fit_coverage(&[counts(&first), counts(&second)]),
    ];
    for fit in fits {
        let VarianceFit::Found(scale) = fit else { panic!("{fit:?}") };
        assert!((scale.value - 4.0).abs() < 0.02, "{scale:?}");
        assert!(scale.after < scale.before, "{scale:?}");
    }
    let VarianceFit::Found(scale) = fits[0] else { panic!() };
    // Half of (ln of the factor + 1) against half of the variance.
    let gain = 0.5 * 4.0 - 0.5 * (4.0_f64.ln() + 1.0);
    assert!((scale.before - scale.after - gain).abs() < 0.01, "{scale:?}");
    let VarianceFit::Found(scale) = fits[1] else { panic!() };
    assert!(scale.after < 0.001 && scale.before > 0.1, "{scale:?}");
}

/// The factors differ for errors with long tails: a few large ones decide about the likelihood.
#[test]
fn factors_of_errors_with_long_tails_differ() {
    let mut long = errors(1000, 1.0);
    long.extend([30.0; 20]);
    let of = |fit: VarianceFit| match fit {
        VarianceFit::Found(scale) => scale.value,
        other => panic!("{other:?}"),
    };
    let likelihood = of(fit_likelihood(&[moments(&long, 1.0), moments(&long, 1.0)]));
    let coverage = of(fit_coverage(&[counts(&long), counts(&long)]));
    let exact = long.iter().map(|error| error * error).sum::<f64>() / long.len() as f64;
    assert!((likelihood - exact).abs() < 1e-9, "{likelihood} {exact}");
    assert!((1.0..1.2).contains(&coverage), "{coverage}");
}

#[test]
fn the_coverage_of_the_factor_equals_a_plain_computation() {
    let mut all = errors(500, 1.7);
    all.extend(errors(300, 1.2));
    let VarianceFit::Found(scale) = fit_coverage(&[counts(&all), counts(&all)]) else {
        panic!("none")
    };
    let signed: f64 = (1..100)
        .map(|percent| {
            let level = f64::from(percent) / 100.0;
            let half_width = scale.value.sqrt() * gaussian_factor(level);
            let inside = all.iter().filter(|error| **error <= half_width).count();
            inside as f64 / all.len() as f64 - level
        })
        .sum::<f64>()
        / 99.0;
    assert!(signed.abs() < 1e-3, "{signed}");
}

#[test]
fn no_factor_is_found_without_gain_items_or_variance() {
    let right = errors(2000, 1.0);
    let mut worse = [moments(&right, 1.0), moments(&right, 1.0)];
    worse[0].squares *= 0.5;
    worse[1].squares *= 1.5;
    assert_eq!(fit_likelihood(&worse), VarianceFit::NoBetter);
    let exact = moments(&[0.0; 10], 1.0);
    assert_eq!(fit_likelihood(&[exact, exact]), VarianceFit::NoBetter);
    let none = ErrorMoments::default();
    assert_eq!(fit_likelihood(&[none, none]), VarianceFit::NoVariance);
    assert_eq!(fit_likelihood(&[exact, none]), VarianceFit::TooFew);
    let empty = ErrorCounts::default;
    assert_eq!(fit_coverage(&[empty(), empty()]), VarianceFit::NoVariance);
    assert_eq!(fit_coverage(&[counts(&right), empty()]), VarianceFit::TooFew);
}
