//! Tests the promises of calibration of values on 1,000 random splits of digits and streets that were
//! not used in training.
//!
//! `fixtures/calibration/angles.csv` and `depths.csv` are made by `models/value_calibration.py`.

use mcdrop::calibrate::{
    ErrorShares, ImageLoss, coverage_threshold, risk_threshold, split_conformal_factor,
    standardized_error,
};

use crate::fixture;

const SPLITS: usize = 1000;

/// A street: its score, the share of its pixels with a large error, and the standardized errors of
/// some of its pixels.
struct Street {
    total_std: f32,
    large: f64,
    errors: Vec<f64>,
}

fn rows(name: &str) -> Vec<Vec<f64>> {
    let path = fixture::path(&format!("fixtures/calibration/{name}"));
    let mut reader = csv::Reader::from_path(path).unwrap();
    let number = |field: &str| field.parse().unwrap();
    reader.records().map(|row| row.unwrap().iter().map(number).collect()).collect()
}

/// Returns the standardized error of each digit.
fn angles() -> Vec<f64> {
    let error =
        |row: &Vec<f64>| standardized_error(row[2] as f32, row[0] as f32, row[1] as f32);
    rows("angles.csv").iter().map(error).collect()
}

fn streets() -> Vec<Street> {
    let street = |row: Vec<f64>| Street {
        total_std: row[0] as f32,
        large: row[1],
        errors: row[2..].to_vec(),
    };
    rows("depths.csv").into_iter().map(street).collect()
}

/// Returns two halves of the items of a split.
fn halves<T>(items: &[T], split: usize) -> (Vec<&T>, Vec<&T>) {
    let key = |index: usize| mixed((split as u64) << 32 | index as u64);
    let mut order: Vec<usize> = (0..items.len()).collect();
    order.sort_unstable_by_key(|index| key(*index));
    let (chosen, others) = order.split_at(items.len() / 2);
    let of = |half: &[usize]| half.iter().map(|index| &items[*index]).collect();
    (of(chosen), of(others))
}

/// Mixes all bits by one step of `SplitMix64`.
fn mixed(word: u64) -> u64 {
    let word = word.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let n = values.len() as f64;
    values.sum::<f64>() / n
}

fn is_inside(error: f64, factor: f64) -> f64 {
    f64::from(u8::from(error <= factor))
}

#[test]
fn intervals_hold_the_angles_of_other_digits_as_often_as_promised() {
    let angles = angles();
    for alpha in [0.3, 0.1, 0.05] {
        let (mut coverage, mut factors, mut n) = (0.0, 0.0, 0);
        for split in 0..SPLITS {
            let (chosen, others) = halves(&angles, split);
            n = chosen.len();
            let chosen: Vec<f64> = chosen.into_iter().copied().collect();
            let factor = split_conformal_factor(&chosen, alpha).unwrap();
            let inside = others.iter().map(|error| is_inside(**error, factor));
            coverage += mean(inside) / SPLITS as f64;
            factors += factor / SPLITS as f64;
        }
        println!(
            "--alpha {alpha}: value ± {factors:.3} total_std of {n} digits holds {coverage:.4} of \
             the others"
        );
        // From 1 - alpha to 1 - alpha + 1 / (n + 1), and the error of the mean over the splits of one
        // set of digits.
        let promised = 1.0 - alpha;
        let most = promised + 1.0 / (n + 1) as f64;
        assert!((promised - 0.003..most + 0.003).contains(&coverage), "{coverage}");
    }
}

#[test]
fn intervals_hold_the_share_of_the_pixels_of_other_streets_that_is_promised() {
    let streets = streets();
    for alpha in [0.3, 0.1, 0.05] {
        let (mut coverage, mut factors, mut n) = (0.0, 0.0, 0);
        for split in 0..SPLITS {
            let (chosen, others) = halves(&streets, split);
            n = chosen.len();
            let mut shares = ErrorShares::default();
            for street in &chosen {
                shares.add(&street.errors);
            }
            let factor = shares.risk_control_factor(alpha).unwrap();
            let of_street = |street: &&Street| {
                mean(street.errors.iter().map(|error| is_inside(*error, factor)))
            };
            coverage += mean(others.iter().map(of_street)) / SPLITS as f64;
            factors += factor / SPLITS as f64;
        }
        println!(
            "--alpha {alpha}: value ± {factors:.3} total_std of {n} streets holds {coverage:.4} of \
             a street's pixels"
        );
        // Conformal risk control is too careful by at most 2 / (n + 1).
        let promised = 1.0 - alpha;
        let most = promised + 2.0 / (n + 1) as f64;
        assert!((promised - 0.002..most + 0.002).contains(&coverage), "{coverage}");
    }
}

/// The Gaussian interval has no promise; this is what calibration is compared with.
#[test]
fn gaussian_intervals_of_the_same_streets_have_the_coverage_that_is_known() {
    let streets = streets();
    let of_street = |street: &Street| {
        mean(street.errors.iter().map(|error| is_inside(*error, 1.959_964)))
    };
    let coverage = mean(streets.iter().map(of_street));
    let digits = angles();
    let of_digits = mean(digits.iter().map(|error| is_inside(*error, 1.959_964)));
    println!(
        "Gaussian 95 %: {coverage:.4} of the streets' pixels, {of_digits:.4} of the digits"
    );
    assert!((0.94..0.97).contains(&coverage), "{coverage}");
    assert!((0.9..1.0).contains(&of_digits), "{of_digits}");
}

/// Returns the score of each digit, and whether its angle is wrong by more than 3 degrees.
fn risky_angles() -> Vec<ImageLoss> {
    let loss = |row: &Vec<f64>| ImageLoss {
        score: row[1] as f32,
        loss: f64::from(u8::from((row[0] - row[2]).abs() > 3.0)),
    };
    rows("angles.csv").iter().map(loss).collect()
}

/// Returns the score of each street, and the share of its pixels with a large error.
fn risky_streets() -> Vec<ImageLoss> {
    let loss = |street: Street| ImageLoss { score: street.total_std, loss: street.large };
    streets().into_iter().map(loss).collect()
}

#[test]
fn the_risk_of_accepted_images_is_exceeded_no_more_often_than_promised() {
    for (what, images, allowed, confidence) in [
        ("digits", risky_angles(), 0.1, 0.9),
        ("digits", risky_angles(), 0.08, 0.8),
        ("streets", risky_streets(), 0.15, 0.9),
    ] {
        let (mut found, mut exceeded, mut coverage) = (0, 0, 0.0);
        for split in 0..SPLITS {
            let (chosen, _) = halves(&images, split);
            let chosen: Vec<ImageLoss> = chosen.into_iter().copied().collect();
            let Ok(risk) = risk_threshold(&chosen, allowed, confidence) else { continue };
            found += 1;
            coverage += risk.coverage;
            // Both halves are drawn from all images, so the promise is about all.
            let passes =
                |image: &&ImageLoss| risk.below.is_none_or(|below| image.score < below);
            let accepted: Vec<f64> =
                images.iter().filter(passes).map(|image| image.loss).collect();
            exceeded += usize::from(mean(accepted.into_iter()) > allowed);
        }
        let coverage = coverage / f64::from(found);
        println!(
            "--risk {allowed} --confidence {confidence}, {what}: found in {found}, exceeded in \
             {exceeded}, coverage {coverage:.3}"
        );
        assert!(f64::from(found) > 0.5 * SPLITS as f64, "{found}");
        assert!((exceeded as f64) < (1.0 - confidence) * SPLITS as f64, "{exceeded}");
    }
}

#[test]
fn a_threshold_that_keeps_90_percent_keeps_them_of_other_images() {
    for images in [risky_angles(), risky_streets()] {
        let mut kept = 0.0;
        for split in 0..SPLITS {
            let (chosen, others) = halves(&images, split);
            let scores: Vec<f32> = chosen.iter().map(|image| image.score).collect();
            let below = coverage_threshold(&scores, 0.9).unwrap().below;
            let is_kept = |image: &&ImageLoss| f64::from(u8::from(image.score < below));
            kept += mean(others.iter().map(is_kept)) / SPLITS as f64;
        }
        println!("--keep 0.9: {kept:.4} of the others are kept");
        assert!((0.895..0.91).contains(&kept), "{kept}");
    }
}
