use super::*;
use proptest::prelude::*;

/// Returns the smallest factor of any candidate that conformal risk control allows, in plain f64.
fn exact_factor(images: &[Vec<f64>], alpha: f64) -> f64 {
    let n = images.len() as f64;
    let risk = |factor: f64| {
        let loss = |errors: &Vec<f64>| {
            let missed = errors.iter().filter(|error| **error > factor).count();
            missed as f64 / errors.len() as f64
        };
        images.iter().map(loss).sum::<f64>() / n
    };
    let mut candidates: Vec<f64> = images.iter().flatten().copied().collect();
    candidates.push(0.0);
    candidates.sort_by(f64::total_cmp);
    let allowed =
        |factor: &f64| n / (n + 1.0) * risk(*factor) + 1.0 / (n + 1.0) <= alpha + 1e-12;
    candidates.into_iter().find(allowed).unwrap()
}

proptest! {
    #[test]
    fn the_factor_of_pixels_is_that_of_conformal_risk_control(
        images in prop::collection::vec(prop::collection::vec(0.0..20.0_f64, 1..40), 9..40),
        alpha in 0.1..0.9_f64,
    ) {
        let mut shares = ErrorShares::default();
        for errors in &images {
            shares.add(errors);
        }
        let exact = exact_factor(&images, alpha);
        let found = shares.risk_control_factor(alpha).unwrap();
        // The next edge above the exact factor.
        prop_assert!(found >= exact, "{found} {exact}");
        prop_assert!(found <= exact * (1.0 + 1.0 / 1024.0) + 1e-30, "{found} {exact}");
        let inside = |errors: &Vec<f64>| {
            let inside = errors.iter().filter(|error| **error < found).count();
            inside as f64 / errors.len() as f64
        };
        let expected = images.iter().map(inside).sum::<f64>() / images.len() as f64;
        let coverage = shares.coverage(found);
        prop_assert!((coverage - expected).abs() < 1e-9, "{coverage} {expected}");
    }

    #[test]
    fn the_factor_of_images_is_the_quantile_of_split_conformal_prediction(
        errors in prop::collection::vec(0.0..20.0_f64, 19..200),
        alpha in 0.05..0.9_f64,
    ) {
        let found = split_conformal_factor(&errors, alpha).unwrap();
        let n = errors.len() as f64;
        let covered = |factor: f64| errors.iter().filter(|e| **e <= factor).count() as f64;
        prop_assert!(covered(found) >= (n + 1.0) * (1.0 - alpha) - 1e-6);
        let smaller = errors.iter().copied().filter(|e| *e < found).fold(-1.0, f64::max);
        prop_assert!(covered(smaller) < (n + 1.0) * (1.0 - alpha));
    }
}

#[test]
fn too_few_images_are_refused_with_the_number_that_is_needed() {
    assert_eq!(split_conformal_factor(&[1.0; 8], 0.1), Err(IntervalError::TooFew(9)));
    assert_eq!(split_conformal_factor(&[1.0; 9], 0.1), Ok(1.0));
    let mut shares = ErrorShares::default();
    (0..8).for_each(|_| shares.add(&[0.5]));
    assert_eq!(shares.risk_control_factor(0.1), Err(IntervalError::TooFew(9)));
    shares.add(&[0.5]);
    assert_eq!(shares.risk_control_factor(0.1), Ok(edge(bin(0.5) as usize + 1)));
}

#[test]
fn errors_without_variance_are_never_inside() {
    let infinite = standardized_error(2.0, 1.0, 0.0);
    assert!(infinite.is_infinite());
    assert_eq!(standardized_error(1.0, 1.0, 0.0).to_bits(), 0.0_f64.to_bits());
    let mut errors = vec![1.0; 19];
    errors[0] = infinite;
    assert_eq!(split_conformal_factor(&errors, 0.1), Ok(1.0));
    assert_eq!(split_conformal_factor(&errors, 0.05), Err(IntervalError::Unbounded));
    let mut shares = ErrorShares::default();
    (0..19).for_each(|_| shares.add(&[1.0, 1.0, 1.0, infinite]));
    assert_eq!(shares.risk_control_factor(0.25), Err(IntervalError::Unbounded));
    let factor = shares.risk_control_factor(0.3).unwrap();
    assert!(factor > 1.0 && factor < 1.001, "{factor}");
}
