use super::*;

#[test]
fn sets_take_the_kth_probability_of_the_true_class() {
    // 19 images at alpha 0.1: k = ceil(20 * 0.9) = 18.
    let own: Vec<f32> = (1..=19).map(|i| i as f32 / 20.0).collect();
    assert_eq!(lac_rule(&own, 0.1), Ok(SetRule::AtLeast(0.1)));
    assert_eq!(aps_rule(&own, 0.1), Ok(SetRule::AfterSum(0.9)));
}

#[test]
fn too_few_images_name_how_many_it_takes() {
    assert_eq!(lac_rule(&[0.5; 8], 0.1), Err(9));
    assert!(lac_rule(&[0.5; 9], 0.1).is_ok());
    assert_eq!(aps_rule(&[], 0.01), Err(99));
    let mut seen = MissedShares::default();
    for n in 0..19 {
        assert_eq!(risk_control_rule(&seen, 0.05), Err(19), "{n}");
        seen.add(&[], 10);
    }
    assert_eq!(risk_control_rule(&seen, 0.05), Ok(SetRule::AtLeast(1.0)));
}

#[test]
fn the_share_that_is_missed_stays_below_alpha_with_room_for_the_next_image() {
    let mut seen = MissedShares::default();
    // Of 10 pixels of each of 99 images one is wrong, with probability i / 1000 of its class.
    for i in 1..=99 {
        seen.add(&[i as f32 / 1000.0], 10);
    }
    // (m / 10 + 1) / 100 <= 0.05 for m <= 40 images that miss theirs.
    let Ok(SetRule::AtLeast(least)) = risk_control_rule(&seen, 0.05) else { panic!() };
    assert!((0.0405..=0.041).contains(&least), "{least}");
    // Without room for one more image's whole loss, none of it may be missed.
    let Ok(SetRule::AtLeast(least)) = risk_control_rule(&seen, 0.010_01) else {
        panic!()
    };
    assert!((0.0009..=0.001).contains(&least), "{least}");
}

#[test]
fn images_without_labels_do_not_count_and_order_does_not_matter() {
    let images: Vec<Vec<f32>> =
        (0..50).map(|i| (0..i % 7).map(|k| (i * k) as f32 / 300.0).collect()).collect();
    let rule = |images: &mut dyn Iterator<Item = &Vec<f32>>| {
        let mut seen = MissedShares::default();
        images.for_each(|image| seen.add(image, 13));
        seen.add(&[0.5], 0);
        risk_control_rule(&seen, 0.2)
    };
    assert_eq!(rule(&mut images.iter()), rule(&mut images.iter().rev()));
}
