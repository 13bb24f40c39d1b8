use super::*;

/// Numbers in [0, 1), the same in every run (`SplitMix64`).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = self.0;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((word ^ (word >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

fn losses(images: &[(f32, f64)]) -> Vec<ImageLoss> {
    images.iter().map(|&(score, loss)| ImageLoss { score, loss }).collect()
}

/// Images whose chance of a wrong prediction is the square of their score, a third on average.
fn images(numbers: &mut Numbers, n: usize) -> Vec<(f32, f64)> {
    (0..n)
        .map(|_| {
            let score = numbers.next();
            let is_wrong = numbers.next() < score * score;
            (score as f32, f64::from(u8::from(is_wrong)))
        })
        .collect()
}

#[test]
fn the_limit_that_keeps_a_share_is_the_kth_score() {
    let scores: Vec<f32> = (1..=99).rev().map(|i| i as f32).collect();
    let kept = coverage_threshold(&scores, 0.95).unwrap();
    assert!(95.0 < kept.below && kept.below < 95.001);
    let (low, high) = kept.interval;
    // Where the binomial sum of 95 and more of 99 is 0.025 and 0.975, by bisection in Python.
    assert!(
        (low - 0.899_772_1).abs() < 1e-6 && (high - 0.983_400_1).abs() < 1e-6,
        "{low} {high}"
    );
}

#[test]
fn a_share_of_too_few_images_names_how_many_it_takes() {
    assert_eq!(coverage_threshold(&[0.0; 18], 0.95), Err(19));
    assert!(coverage_threshold(&[0.0; 19], 0.95).is_ok());
    assert_eq!(coverage_threshold(&[], 0.5), Err(1));
}

#[test]
fn a_limit_keeps_its_share_of_new_images_within_its_interval() {
    let mut numbers = Numbers(1);
    let (mut inside, mut share) = (0, 0.0);
    for _ in 0..1000 {
        let scores: Vec<f32> = (0..60).map(|_| numbers.next() as f32).collect();
        let kept = coverage_threshold(&scores, 0.9).unwrap();
        // Scores are uniform: a limit accepts what it is.
        let accepted = f64::from(kept.below);
        share += accepted / 1000.0;
        inside += usize::from(kept.interval.0 <= accepted && accepted <= kept.interval.1);
    }
    // 55 of 61 on average; 950 of 1,000 intervals, three standard deviations being 21.
    assert!((share - 55.0 / 61.0).abs() < 0.004, "{share}");
    assert!((929..=971).contains(&inside), "{inside}");
}

#[test]
fn the_risk_below_a_limit_is_exceeded_as_rarely_as_was_promised() {
    let mut numbers = Numbers(2);
    let (mut found, mut exceeded, mut coverage) = (0, 0, 0.0);
    for _ in 0..1000 {
        let Ok(risk_control) =
            risk_threshold(&losses(&images(&mut numbers, 300)), 0.1, 0.9)
        else {
            continue;
        };
        found += 1;
        // The mean of squares of scores below t is t^2 / 3.
        let limit = risk_control.below.map_or(1.0, f64::from);
        exceeded += usize::from(limit * limit / 3.0 > 0.1);
        coverage += limit;
    }
    // A tenth of 1,000 is the promise; the truth would be a coverage of 0.548.
    assert!(found > 930 && exceeded <= 100, "{found} {exceeded}");
    assert!(coverage / f64::from(found) > 0.38, "{coverage}");
}

#[test]
fn shares_of_wrong_pixels_are_bounded_as_rarely_wrong() {
    let mut numbers = Numbers(3);
    let (mut found, mut exceeded) = (0, 0);
    for _ in 0..1000 {
        let image = |_| {
            let score = numbers.next();
            (score as f32, 0.1 * score + 0.05 * numbers.next())
        };
        let images: Vec<(f32, f64)> = (0..1000).map(image).collect();
        let Ok(risk_control) = risk_threshold(&losses(&images), 0.06, 0.9) else {
            continue;
        };
        found += 1;
        // Below t the mean is 0.05 t + 0.025: 0.06 at 0.7.
        exceeded += usize::from(risk_control.below.is_none_or(|limit| limit > 0.7));
    }
    assert!(found > 900 && exceeded <= 100, "{found} {exceeded}");
}

#[test]
fn all_images_are_accepted_where_none_is_wrong() {
    let images: Vec<(f32, f64)> = (0..500).map(|i| (i as f32, 0.0)).collect();
    let risk_control = risk_threshold(&losses(&images), 0.02, 0.95).unwrap();
    assert_eq!(
        (risk_control.below, risk_control.coverage, risk_control.loss),
        (None, 1.0, 0.0)
    );
}

#[test]
fn where_no_limit_is_safe_the_smallest_risk_is_told() {
    let right: Vec<(f32, f64)> = (0..60).map(|i| (i as f32, 0.0)).collect();
    // 0.98^n = 0.05 at n = 148.3.
    assert_eq!(risk_threshold(&losses(&right), 0.02, 0.95), Err(RiskError::TooFew(149)));
    let wrong: Vec<(f32, f64)> = (0..60).map(|i| (i as f32, 1.0)).collect();
    assert_eq!(risk_threshold(&losses(&wrong), 0.5, 0.95), Err(RiskError::TooMuch(1.0)));
    // Four of the first 36 are wrong.
    let some: Vec<(f32, f64)> =
        (0..60).map(|i| (i as f32, f64::from(u8::from(i % 10 == 0)))).collect();
    let Err(RiskError::TooMuch(bound)) = risk_threshold(&losses(&some), 0.1, 0.95) else {
        panic!()
    };
    assert!((0.1..0.3).contains(&bound), "{bound}");
}

#[test]
fn equal_scores_are_accepted_together_or_not_at_all() {
    let images: Vec<(f32, f64)> = (0..400)
        .map(|i| (f32::from(u8::from(i >= 300)), f64::from(u8::from(i >= 300))))
        .collect();
    let risk_control = risk_threshold(&losses(&images), 0.05, 0.95).unwrap();
    assert_eq!(
        (risk_control.below, risk_control.coverage, risk_control.loss),
        (Some(1.0), 0.75, 0.0)
    );
}
