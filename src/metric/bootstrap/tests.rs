use super::*;

#[test]
fn weights_follow_the_poisson_distribution() {
    let n = 200_000;
    let mut counts = [0u32; 8];
    for i in 0..n / 200 {
        let key = key(&format!("street/{i}.png"));
        (0..200).for_each(|b| counts[(weight(key, b) as usize).min(7)] += 1);
    }
    let mut probability = (-1.0f64).exp();
    for (k, &count) in counts[..7].iter().enumerate() {
        let expected = f64::from(n) * probability;
        let spread = expected.sqrt().max(1.0);
        assert!(
            (f64::from(count) - expected).abs() < 4.5 * spread,
            "{k}: {count} {expected}"
        );
        probability /= k as f64 + 1.0;
    }
}

#[test]
fn weights_of_images_and_replicates_are_not_related() {
    let ids: Vec<u64> = (0..400).map(|i| key(&format!("{i}"))).collect();
    let sums: Vec<f64> = (0..400)
        .map(|b| ids.iter().map(|&id| weight(id, b) as f64 - 1.0).sum())
        .collect();
    // The sum over images of a replicate has variance n, if images are independent.
    let variance = sums.iter().map(|sum| sum * sum).sum::<f64>() / 400.0 / 400.0;
    assert!((variance - 1.0).abs() < 4.0 * (2.0f64 / 400.0).sqrt(), "{variance}");
    let next = sums.windows(2).map(|pair| pair[0] * pair[1]).sum::<f64>() / 399.0 / 400.0;
    assert!(next.abs() < 4.0 / 400f64.sqrt(), "{next}");
}

#[test]
fn weights_never_change() {
    let weights = |id: &str| (0..12).map(|b| weight(key(id), b)).collect::<Vec<_>>();
    assert_eq!(key(""), 0xcbf2_9ce4_8422_2325);
    // Test vector of the authors of FNV.
    assert_eq!(key("foobar"), 0x8594_4171_f739_67e8);
    assert_eq!(weights("a.png"), STREAM_A);
    assert_eq!(weights("b.png"), STREAM_B);
}

const STREAM_A: [u64; 12] = [0, 1, 1, 0, 0, 1, 3, 2, 3, 2, 0, 0];
const STREAM_B: [u64; 12] = [1, 1, 0, 0, 1, 1, 1, 0, 1, 3, 0, 3];

#[test]
fn percentiles_are_those_of_numpy() {
    let values: Vec<Option<f64>> =
        (0..41).rev().map(|i| Some(f64::from(i * i))).collect();
    // numpy.percentile([i * i for i in range(41)], [2.5, 97.5]) gives 1 and 1521.
    assert_eq!(interval(&values, 0.0), Some((1.0, 1521.0)));
    let few = [Some(1.0), Some(2.0), Some(4.0)];
    let (low, high) = interval(&few, 10.0).unwrap();
    assert!((low - 11.05).abs() < 1e-12 && (high - 13.9).abs() < 1e-12);
    assert_eq!(interval(&[Some(3.0)], 0.0), Some((3.0, 3.0)));
}

#[test]
fn a_metric_that_is_often_undefined_has_no_interval() {
    let with_missing = |n: usize| {
        let values: Vec<Option<f64>> =
            (0..100).map(|i| (i >= n).then_some(1.0)).collect();
        interval(&values, 0.0)
    };
    assert!(with_missing(5).is_some());
    assert!(with_missing(6).is_none());
    assert_eq!(interval(&[], 0.0), None);
}
