//! Colors as seen by people who lack one kind of cone.
//!
//! # References
//!
//! - G. M. Machado, M. M. Oliveira, L. A. F. Fernandes (2009), *A Physiologically-based Model
//!   for Simulation of Color Vision Deficiency*, IEEE TVCG: the matrices, at severity 1.
//! - IEC 61966-2-1 (1999): sRGB. CIE 15 (2004): L\*a\*b\*, white D65.

use mcdrop::output::colormap::{self, HIGHEST_LEVEL};
use mcdrop::palette::Palette;

type Matrix = [[f64; 3]; 3];

/// Matrices from linear red, green and blue to the colors that are seen.
const VISIONS: [(&str, Matrix); 4] = [
    ("normal", [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]),
    (
        "protanopia",
        [
            [0.152_286, 1.052_583, -0.204_868],
            [0.114_503, 0.786_281, 0.099_216],
            [-0.003_882, -0.048_116, 1.051_998],
        ],
    ),
    (
        "deuteranopia",
        [
            [0.367_322, 0.860_646, -0.227_968],
            [0.280_085, 0.672_501, 0.047_413],
            [-0.011_820, 0.042_940, 0.968_881],
        ],
    ),
    (
        "tritanopia",
        [
            [1.255_528, -0.076_749, -0.178_779],
            [-0.078_411, 0.930_809, 0.147_602],
            [0.004_733, 0.691_367, 0.303_900],
        ],
    ),
];

const TO_XYZ: Matrix = [
    [0.412_456_4, 0.357_576_1, 0.180_437_5],
    [0.212_672_9, 0.715_152_2, 0.072_175_0],
    [0.019_333_9, 0.119_192_0, 0.950_304_1],
];

const WHITE: [f64; 3] = [0.950_47, 1.0, 1.088_83];

fn times(matrix: &Matrix, v: [f64; 3]) -> [f64; 3] {
    matrix.map(|row| row[0] * v[0] + row[1] * v[1] + row[2] * v[2])
}

/// Returns L\*, a\* and b\* of an 8-bit sRGB color as it is seen.
fn seen(color: [u8; 3], vision: &Matrix) -> [f64; 3] {
    let linear = color.map(|value| {
        let v = f64::from(value) / 255.0;
        if v <= 0.04045 { v / 12.92 } else { ((v + 0.055) / 1.055).powf(2.4) }
    });
    let shown = times(vision, linear).map(|value| value.clamp(0.0, 1.0));
    let xyz = times(&TO_XYZ, shown);
    let f = |i: usize| {
        let t = xyz[i] / WHITE[i];
        let low = 6.0_f64 / 29.0;
        if t > low.powi(3) { t.cbrt() } else { t / (3.0 * low * low) + 4.0 / 29.0 }
    };
    let [x, y, z] = [f(0), f(1), f(2)];
    [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
}

fn distance(one: [f64; 3], other: [f64; 3]) -> f64 {
    one.iter().zip(other).map(|(a, b)| (a - b).powi(2)).sum::<f64>().sqrt()
}

#[test]
fn the_simulation_gives_known_colors() {
    let normal = &VISIONS[0].1;
    let white = seen([255; 3], normal);
    assert!(distance(white, [100.0, 0.0, 0.0]) < 0.02, "{white:?}");
    let red = seen([255, 0, 0], normal);
    assert!(distance(red, [53.24, 80.09, 67.20]) < 0.05, "{red:?}");
    for (name, vision) in &VISIONS {
        // Gray stays gray, and pairs of colors that are confused become equal.
        assert!(
            distance(seen([128; 3], vision), seen([128; 3], normal)) < 0.01,
            "{name}"
        );
    }
    let apart = |i: usize, one, other| {
        distance(seen(one, &VISIONS[i].1), seen(other, &VISIONS[i].1))
    };
    let (red, green) = ([200, 60, 60], [110, 110, 50]);
    assert!(apart(2, red, green) < 0.5 * apart(0, red, green));
}

/// Returns the lightness of the levels.
fn lightness(vision: &Matrix) -> Vec<f64> {
    let palette = colormap::palette();
    (0..=usize::from(HIGHEST_LEVEL))
        .map(|level| seen(palette[level], vision)[0])
        .collect()
}

#[test]
fn the_scale_gets_lighter_level_by_level_for_everybody() {
    for (name, vision) in &VISIONS {
        let lightness = lightness(vision);
        assert!(lightness.windows(2).all(|pair| pair[1] > pair[0]), "{name}");
        assert!(lightness[254] - lightness[0] > 95.0, "{name}");
    }
}

#[test]
fn tenths_of_the_levels_are_told_apart_by_everybody() {
    for (name, vision) in &VISIONS {
        let lightness = lightness(vision);
        let tenths: Vec<f64> =
            (0..=10).map(|i| lightness[(25.4 * f64::from(i)).round() as usize]).collect();
        for pair in tenths.windows(2) {
            assert!(pair[1] - pair[0] >= 5.8, "{name} {pair:?}");
        }
    }
}

/// Returns the smallest distance between two of the first classes.
fn closest(palette: &Palette, n_classes: u16, vision: &Matrix) -> f64 {
    let colors: Vec<_> = (0..n_classes).map(|i| seen(palette.color(i), vision)).collect();
    let mut least = f64::INFINITY;
    for (i, one) in colors.iter().enumerate() {
        for other in &colors[..i] {
            least = least.min(distance(*one, *other));
        }
    }
    least
}

#[test]
fn no_built_in_class_color_is_as_dark_as_a_missing_pixel() {
    for (name, vision) in &VISIONS {
        let darkest = (0..32)
            .map(|class| seen(Palette::default().color(class), vision)[0])
            .fold(f64::INFINITY, f64::min);
        assert!(darkest >= 10.0, "{name}: {darkest:.1}");
        if *name == "normal" {
            assert!(darkest >= 20.0, "{darkest:.1}");
        }
    }
}

#[test]
fn built_in_class_colors_are_told_apart_by_everybody() {
    for (name, vision) in &VISIONS {
        for (n_classes, least) in [(16, 16.0), (32, 13.2)] {
            let closest = closest(&Palette::default(), n_classes, vision);
            assert!(closest >= least, "{name}: {closest:.1} among {n_classes} classes");
        }
        // The colors of PASCAL VOC do not pass, so they are not the default.
        if *name != "normal" {
            let voc = Palette::by_name("voc").unwrap();
            assert!(closest(&voc, 21, vision) < 2.5, "{name}");
        }
    }
}
