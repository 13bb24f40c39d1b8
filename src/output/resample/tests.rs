use proptest::prelude::*;

use super::*;

fn map(height: usize, width: usize, value: impl Fn(usize, usize) -> f32) -> Map {
    let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (y, x)));
    Map { height, width, values: pixels.map(|(y, x)| value(y, x)).collect() }
}

fn class_map(height: usize, width: usize) -> ClassMap {
    let classes = (0..height * width).map(|i| i as u16).collect();
    ClassMap { height, width, classes }
}

/// One value by the definition, in f64, from all pixels of the map.
fn naive(map: &Map, placement: &Placement, y: usize, x: usize) -> Option<f64> {
    let row = (y as f64 + 0.5) * placement.scale_y - placement.top - 0.5;
    let column = (x as f64 + 0.5) * placement.scale_x - placement.left - 0.5;
    let outside = |at: f64, n: usize| at < -0.5 || at >= n as f64 - 0.5;
    if outside(row, map.height) || outside(column, map.width) {
        return None;
    }
    let share = |at: f64, line: usize, n: usize| {
        let at = at.max(0.0).min(n as f64 - 1.0);
        (1.0 - (at - line as f64).abs()).max(0.0)
    };
    let mut sum = 0.0;
    for (index, value) in map.values.iter().enumerate() {
        let (i, j) = (index / map.width, index % map.width);
        sum +=
            share(row, i, map.height) * share(column, j, map.width) * f64::from(*value);
    }
    Some(sum)
}

#[test]
fn the_identity_is_a_copy_bit_for_bit() {
    let strange = [f32::NAN, -0.0, f32::INFINITY, 0.1, f32::MIN_POSITIVE, -3.0];
    let map = Map { height: 2, width: 3, values: strange.to_vec() };
    let copy = values(&map, &Placement::IDENTITY, 2, 3);
    let bits = |map: &Map| map.values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
    assert_eq!(bits(&copy), bits(&map));
    let ids = class_map(2, 3);
    assert_eq!(classes(&ids, &Placement::IDENTITY, 2, 3), ids);
}

#[test]
fn twice_the_size_lies_between_the_centers_and_clamps_at_the_edge() {
    let map = map(1, 2, |_, x| x as f32);
    let placement = Placement { scale_x: 0.5, scale_y: 0.5, ..Placement::IDENTITY };
    let large = values(&map, &placement, 2, 4);
    assert_eq!(large.values, [0.0, 0.25, 0.75, 1.0, 0.0, 0.25, 0.75, 1.0]);
    let ids = classes(&class_map(1, 2), &placement, 2, 4);
    assert_eq!(ids.classes, [0, 0, 1, 1, 0, 0, 1, 1]);
}

#[test]
fn outside_a_crop_there_is_no_value_and_no_class() {
    let crop = Placement { left: 1.0, top: 1.0, ..Placement::IDENTITY };
    let map = map(1, 2, |_, x| x as f32 + 1.0);
    let full = values(&map, &crop, 3, 5);
    for (index, value) in full.values.iter().enumerate() {
        match index {
            6 => assert_eq!(value.to_bits(), 1.0_f32.to_bits()),
            7 => assert_eq!(value.to_bits(), 2.0_f32.to_bits()),
            _ => assert!(value.is_nan(), "{index}"),
        }
    }
    let ids = classes(&class_map(1, 2), &crop, 3, 5);
    let none = ClassMap::NONE;
    let expected = [none, none, none, none, none, none, 0, 1];
    assert_eq!(ids.classes[..8], expected);
    assert!(ids.classes[8..].iter().all(|id| *id == none));
}

#[test]
fn padding_is_cut_off_again() {
    let pad = Placement { left: -1.0, top: -2.0, ..Placement::IDENTITY };
    let map = map(5, 4, |y, x| (10 * y + x) as f32);
    let inner = values(&map, &pad, 2, 2);
    assert_eq!(inner.values, [21.0, 22.0, 31.0, 32.0]);
    assert_eq!(classes(&class_map(5, 4), &pad, 2, 2).classes, [9, 10, 13, 14]);
}

#[test]
fn a_pixel_centered_on_a_value_does_not_see_its_neighbors() {
    let map = map(3, 3, |y, x| if (y, x) == (1, 1) { 7.0 } else { f32::NAN });
    let crop = Placement { left: -1.0, top: -1.0, ..Placement::IDENTITY };
    assert_eq!(values(&map, &crop, 1, 1).values, [7.0]);
}

#[test]
fn an_empty_map_gives_no_values() {
    let empty = Map { height: 0, width: 0, values: vec![] };
    let large = values(&empty, &Placement::IDENTITY, 1, 2);
    assert!(large.values.len() == 2 && large.values.iter().all(|v| v.is_nan()));
}

proptest! {
    #[test]
    fn values_and_classes_follow_the_definition(
        (map_height, map_width) in (1_usize..20, 1_usize..20),
        (height, width) in (1_usize..32, 1_usize..32),
        (scale_y, scale_x) in (0.1_f64..3.0, 0.1_f64..3.0),
        (top, left) in (-5.0_f64..5.0, -5.0_f64..5.0),
        seed in 1_usize..1000,
    ) {
        let placement = Placement { scale_x, scale_y, left, top };
        let source = map(map_height, map_width, |y, x| {
            ((y * 31 + x * 17) * seed % 101) as f32 / 101.0
        });
        let ids = class_map(map_height, map_width);
        let result = values(&source, &placement, height, width);
        let result_ids = classes(&ids, &placement, height, width);
        for (index, value) in result.values.iter().enumerate() {
            let (y, x) = (index / width, index % width);
            let id = result_ids.classes[index];
            let Some(expected) = naive(&source, &placement, y, x) else {
                prop_assert!(value.is_nan() && id == ClassMap::NONE);
                continue;
            };
            prop_assert!((f64::from(*value) - expected).abs() < 1e-6);
            let row = ((y as f64 + 0.5) * scale_y - top).floor() as usize;
            let column = ((x as f64 + 0.5) * scale_x - left).floor() as usize;
            prop_assert_eq!(usize::from(id), row * map_width + column);
        }
    }
}
