use proptest::prelude::*;

use super::*;

const RESOLUTIONS: [Resolution; 4] =
    [Resolution::FINE, Resolution::PATCH, Resolution::COARSE, Resolution::COARSE_PATCH];

#[test]
fn every_edge_is_the_first_value_of_its_bin() {
    for resolution in RESOLUTIONS {
        for bin in 1..resolution.n_bins() {
            let edge = resolution.lower_edge(bin);
            assert_eq!(resolution.bin(edge), bin);
            assert_eq!(resolution.bin(edge.next_down()), bin - 1);
        }
        let end = resolution.lower_edge(resolution.n_bins());
        assert_eq!(end.to_bits(), LIMIT.to_bits());
    }
}

#[test]
fn zero_has_its_own_bin_and_its_sign_does_not_matter() {
    assert_eq!(Resolution::FINE.bin(0.0), 0);
    assert_eq!(Resolution::FINE.bin(-0.0), 0);
    assert_eq!(Resolution::FINE.bin(f32::from_bits(1)), 1);
    assert_eq!(mark(0.0), mark(-0.0));
    assert!(!is_mixed(mark(0.0)));
}

#[test]
fn bins_of_the_octaves_are_as_narrow_as_stated() {
    for (resolution, parts) in RESOLUTIONS.into_iter().zip([2048.0, 256.0, 32.0, 8.0]) {
        for bin in [2, 3, resolution.n_bins() / 2, resolution.n_bins() - 1] {
            let relative = resolution.width(bin) / f64::from(resolution.lower_edge(bin));
            assert!(relative <= 1.0 / parts + 1e-12, "{relative}");
        }
    }
}

#[test]
fn values_below_the_first_octave_count_as_different() {
    assert!(is_mixed(mark(1e-20)));
}

proptest! {
    #[test]
    fn bins_grow_with_the_value(a in 0f32..16.0, b in 0f32..16.0) {
        for resolution in RESOLUTIONS {
            if a <= b {
                prop_assert!(resolution.bin(a) <= resolution.bin(b));
            }
            let fine = Resolution::FINE;
            prop_assert_eq!(resolution.of_finer(fine.bin(a), fine), resolution.bin(a));
        }
    }

    #[test]
    fn marks_tell_one_value_from_several(
        value in 1e-6f32..8.0,
        steps in prop::collection::vec(0u32..3, 1..6),
    ) {
        let values: Vec<f32> =
            steps.iter().map(|step| f32::from_bits(value.to_bits() + step)).collect();
        let same_bin = values.iter().all(|&v| Resolution::FINE.bin(v) == Resolution::FINE.bin(values[0]));
        let marks = values.iter().fold(0, |marks, &v| marks | mark(v));
        let differ = values.iter().any(|v| v.to_bits() != values[0].to_bits());
        if same_bin {
            prop_assert_eq!(is_mixed(marks), differ);
        }
    }
}
