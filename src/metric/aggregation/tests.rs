use proptest::prelude::*;

use super::*;

fn values(scores: &[f32], classes: &[u16], width: usize, distance: usize) -> Vec<f32> {
    let classes = PredictedClasses { predicted: classes, width, n_classes: 4 };
    Regions::new(&classes, distance).aggregate(scores, 0.5, -1.0)
}

fn of(aggregation: Aggregation, values: &[f32]) -> f32 {
    values[Aggregation::ALL.iter().position(|&a| a == aggregation).unwrap()]
}

#[track_caller]
fn assert_near(value: f32, expected: f64) {
    assert!((f64::from(value) - expected).abs() < 1e-6, "{value} {expected}");
}

#[test]
fn each_aggregation_follows_its_definition() {
    let scores = [0.1, 0.2, 0.6, 0.9];
    let all = values(&scores, &[0, 0, 0, 3], 2, 1);
    assert_near(of(Aggregation::Mean, &all), 0.45);
    assert_near(of(Aggregation::AboveThresholdMean, &all), 0.75);
    assert_near(of(Aggregation::ClassMean, &all), f64::midpoint(0.3, 0.9));
    assert_near(of(Aggregation::PatchMax, &all), 0.45);
    assert_near(of(Aggregation::Quantile95, &all), -1.0);
}

#[test]
fn nothing_above_the_threshold_is_zero() {
    let all = values(&[0.1, 0.5], &[0, 0], 2, 1);
    assert_near(of(Aggregation::AboveThresholdMean, &all), 0.0);
}

#[test]
fn where_all_is_border_the_interior_mean_is_that_of_all() {
    let checkered = [0, 1, 0, 1, 0, 1, 0, 1, 0];
    let scores = [0.0, 0.9, 0.0, 0.9, 0.0, 0.9, 0.0, 0.9, 0.0];
    assert_near(of(Aggregation::InteriorMean, &values(&scores, &checkered, 3, 1)), 0.4);
}

#[test]
fn the_interior_leaves_out_the_border_between_classes() {
    // Two classes side by side, five columns each: at distance 2 four columns are border.
    let class = |i: usize| u16::from(i % 10 >= 5);
    let classes: Vec<u16> = (0..40).map(class).collect();
    let scores: Vec<f32> =
        (0..40).map(|i| if (3..7).contains(&(i % 10)) { 0.9 } else { 0.1 }).collect();
    assert_near(of(Aggregation::InteriorMean, &values(&scores, &classes, 10, 2)), 0.1);
    let all = values(&scores, &classes, 10, 0);
    assert_near(
        of(Aggregation::InteriorMean, &all),
        f64::from(of(Aggregation::Mean, &all)),
    );
}

#[test]
fn the_worst_patch_is_found_wherever_it_is() {
    for (y0, x0) in [(0, 0), (16, 32), (18, 68), (18, 0), (0, 68)] {
        let is_inside = |i: usize, start: usize| (start..start + 32).contains(&i);
        let score = |i: usize| {
            f32::from(u8::from(is_inside(i / 100, y0) && is_inside(i % 100, x0)))
        };
        let scores: Vec<f32> = (0..5000).map(score).collect();
        let all = values(&scores, &vec![0; 5000], 100, 2);
        assert_near(of(Aggregation::PatchMax, &all), 1.0);
    }
}

#[test]
fn names_lead_back_to_their_aggregation() {
    for &aggregation in Aggregation::ALL {
        assert_eq!(Aggregation::by_name(aggregation.name()), Some(aggregation));
    }
    assert_eq!(Aggregation::by_name("median"), None);
}

proptest! {
    #[test]
    fn the_interior_equals_a_look_at_every_neighbor(
        classes in prop::collection::vec(0u16..2, 1..200),
        width in 1usize..20,
        distance in 0usize..4,
    ) {
        let height = classes.len() / width;
        prop_assume!(height > 0);
        let classes = &classes[..height * width];
        let is_interior = interior(classes, width, distance);
        for (i, &found) in is_interior.iter().enumerate() {
            let (y, x) = (i / width, i % width);
            let rows = y.saturating_sub(distance)..=(y + distance).min(height - 1);
            let expected = rows.into_iter().all(|row| {
                let columns = x.saturating_sub(distance)..=(x + distance).min(width - 1);
                columns.into_iter().all(|column| classes[row * width + column] == classes[i])
            });
            prop_assert_eq!(found, expected, "{} {}", y, x);
        }
    }
}
