use super::*;
use crate::output::heat_map::Scale;
use crate::tensor::Map;

const CAPTION: Caption<'_> = Caption { name: "predictive_entropy", unit: "nat" };

/// A picture with many colors.
fn pixels(height: usize, width: usize) -> Vec<u8> {
    (0..3 * height * width).map(|i| (i * 37 % 256) as u8).collect()
}

fn overlay(height: usize, width: usize, rgb: &[u8], values: Vec<f32>) -> Canvas {
    let map = Map { height, width, values };
    draw(
        Photo { height, width, rgb },
        &HeatMap { map: &map, scale: Scale::up_to(2.0) },
        CAPTION,
    )
    .unwrap()
}

fn pixel(canvas: &Canvas, y: usize, x: usize) -> [u8; 3] {
    canvas.rgb.as_chunks().0[y * canvas.width + x]
}

#[test]
fn a_certain_image_is_left_as_it_is() {
    let rgb = pixels(100, 150);
    let canvas = overlay(100, 150, &rgb, vec![0.0; 15_000]);
    assert_eq!(canvas.width, 150);
    assert!(canvas.height > 120 && canvas.height < 160);
    assert_eq!(canvas.rgb[..rgb.len()], rgb);
    assert_eq!(canvas.rgb.len(), 3 * canvas.height * canvas.width);
}

#[test]
fn the_color_grows_with_the_uncertainty() {
    let values: Vec<f32> = (0..256).map(|x| x as f32 * 2.0 / 255.0).collect();
    let canvas = overlay(1, 256, &[200; 768], values);
    let away = |x: usize| {
        let level = colormap::level(x as f32 * 2.0 / 255.0, 2.0);
        let shown = pixel(&canvas, 0, x);
        let share = |i: usize| {
            let over = f32::from(colormap::color(level)[i]) - 200.0;
            (f32::from(shown[i]) - 200.0) / over
        };
        // Green goes through 200, where the share cannot be seen: the clearer channel decides.
        if colormap::color(level)[1].abs_diff(200) > 90 { share(1) } else { share(2) }
    };
    assert_eq!(pixel(&canvas, 0, 0), [200; 3]);
    for x in (16..256).step_by(16) {
        assert!(away(x) + 0.02 > away(x - 16), "{x}");
    }
    assert!((0.2..0.4).contains(&away(60)), "{}", away(60));
    assert!((0.65..0.75).contains(&away(255)), "{}", away(255));
}

#[test]
fn without_prediction_the_image_fades_to_gray() {
    let mut values = vec![0.0; 200 * 10];
    values[..200].fill(f32::NAN);
    let canvas = overlay(10, 200, &[250, 10, 10].repeat(2000), values);
    let [r, g, b] = pixel(&canvas, 0, 50);
    assert!(r == g && g == b && (100..180).contains(&r));
    assert_eq!(pixel(&canvas, 1, 50), [250, 10, 10]);
}

#[test]
fn the_legend_has_the_whole_scale_and_text_around_it() {
    for (height, width) in [(8, 8), (60, 128), (40, 1000), (700, 500)] {
        let rgb = pixels(height, width);
        let canvas = overlay(height, width, &rgb, vec![0.5; height * width]);
        let strip = height * canvas.width.div_ceil(width).min(16);
        let strip = if width < NARROWEST { strip } else { height };
        let row =
            |y: usize| &canvas.rgb.as_chunks::<3>().0[y * canvas.width..][..canvas.width];
        let has_scale = |y: &usize| {
            let line = row(*y);
            let at = |level| line.iter().position(|p| *p == colormap::color(level));
            let places = [at(0), at(254)];
            places.iter().all(Option::is_some) && places.is_sorted()
        };
        let bar: Vec<_> = (strip..canvas.height).filter(has_scale).collect();
        assert!(bar.len() >= 6, "{height} x {width}");
        let ink = |rows: std::ops::Range<usize>| {
            rows.flat_map(row).filter(|p| p.iter().all(|v| *v < 140)).count()
        };
        assert!(ink(bar[bar.len() - 1] + 1..canvas.height) > 30, "{height} x {width}");
        assert_eq!(row(strip).iter().filter(|p| **p != legend::PAPER).count(), 0);
    }
}

#[test]
fn small_images_are_enlarged_and_narrow_ones_stand_in_the_middle() {
    let rgb = pixels(8, 8);
    let canvas = overlay(8, 8, &rgb, vec![0.0; 64]);
    assert_eq!(canvas.width, 128);
    for (y, x) in [(0, 0), (15, 15), (16, 15), (127, 127), (63, 100)] {
        let from: [u8; 3] = rgb.as_chunks().0[y / 16 * 8 + x / 16];
        assert_eq!(pixel(&canvas, y, x), from);
    }
    let tall = overlay(20_000, 3, &vec![7; 180_000], vec![0.0; 60_000]);
    assert_eq!(tall.width, 128);
    assert_eq!(pixel(&tall, 0, 64), [7; 3]);
    assert_eq!(pixel(&tall, 0, 0), legend::PAPER);
    let ribbon = overlay(5_000_000, 1, &vec![7; 15_000_000], vec![0.0; 5_000_000]);
    assert_eq!(ribbon.width, 1);
}

#[test]
fn every_small_size_can_be_drawn() {
    for height in [1, 2, 7, 130] {
        for width in 1..140 {
            let n = height * width;
            let canvas =
                overlay(height, width, &pixels(height, width), vec![f32::NAN; n]);
            assert!((128..256).contains(&canvas.width), "{width}");
        }
    }
}

#[test]
fn the_file_holds_the_picture() {
    let rgb = pixels(30, 200);
    let map = Map { height: 30, width: 200, values: vec![1.0; 6000] };
    let photo = Photo { height: 30, width: 200, rgb: &rgb };
    let heat = HeatMap { map: &map, scale: Scale::up_to(2.0) };
    let bytes = encode_png(photo, &heat, CAPTION).unwrap();
    let shown = image::load_from_memory(&bytes).unwrap();
    assert_eq!(shown.color(), image::ColorType::Rgb8);
    assert_eq!(shown.into_bytes(), draw(photo, &heat, CAPTION).unwrap().rgb);
}

#[test]
fn images_and_maps_of_different_sizes_are_refused() {
    let map = Map { height: 2, width: 3, values: vec![0.0; 6] };
    let heat = HeatMap { map: &map, scale: Scale::up_to(1.0) };
    let refused = |height, width, n| {
        let rgb = vec![0; n];
        let error = draw(Photo { height, width, rgb: &rgb }, &heat, CAPTION).unwrap_err();
        error.to_string()
    };
    let message = refused(3, 2, 18);
    assert_eq!(message, "an image of 2 x 3 and a map of 3 x 2 differ in size");
    refused(2, 3, 17);
    let heat = HeatMap { map: &map, scale: Scale::up_to(0.0) };
    let photo = Photo { height: 2, width: 3, rgb: &[0; 18] };
    assert!(draw(photo, &heat, CAPTION).is_err());
}
