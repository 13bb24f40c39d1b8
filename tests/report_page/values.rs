//! Compares values on the page with the arrays that they come from.

use std::fs;

use super::{DESKTOP, STREETS, array, is_quiet, open_image, point_at};
use crate::browser::{self, Window};
use crate::fixture;
use crate::report::done;

#[test]
fn values_under_the_pointer_are_those_of_the_arrays_to_half_a_step() {
    if !browser::is_there() {
        return;
    }
    let out = STREETS.path().join("streets");
    let window = Window::open(&out.join("report.html"), DESKTOP);
    let classes = image::open(out.join("prediction/strange_03.png.png")).unwrap();
    assert_eq!(classes.width(), 320);
    for id in ["strange_03.png", "street_07.jpg"] {
        open_image(&window, id);
        for measure in ["predictive_entropy", "mutual_information"] {
            let (shape, values) = array(&out.join(format!("{measure}/{id}.npy")));
            assert_eq!(shape, [160, 320]);
            for (x, y) in [(0, 0), (319, 159), (123, 77), (17, 140), (300, 4)] {
                point_at(&window, (x, y));
                let shown = value_of(&window, &measure.replace('_', " "));
                // Half a step of 65534 up to ln 8, and half of the last digit that is shown.
                let tolerance = f64::from(8_f32.ln()) / 131_068.0 + 0.5e-5 + 1e-9;
                let exact = f64::from(values[y * 320 + x]);
                assert!(
                    (shown - exact).abs() <= tolerance,
                    "{id} {measure} {x} {y}: {shown} {exact}"
                );
            }
        }
    }
    is_quiet(&window, &out);
}

#[test]
fn values_of_images_larger_than_the_networks_are_those_of_the_maps_at_their_size() {
    if !browser::is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images");
    fs::create_dir(&images).unwrap();
    let street = image::open(fixture::path("fixtures/streets/images/strange_03.png"));
    let large = image::imageops::resize(
        &street.unwrap().to_rgb8(),
        900,
        480,
        image::imageops::FilterType::Triangle,
    );
    large.save(images.join("a.png")).unwrap();
    let out = folder.path().join("out");
    let model = fixture::path("models/streets.onnx");
    let base = ["predict", model.to_str().unwrap(), images.to_str().unwrap(), "-o"];
    for (more, none) in [
        (&["--resize", "320x160"][..], false),
        (&["--resize", "short:200", "--crop", "256x128"][..], true),
    ] {
        let options =
            ["--samples", "3", "--report", "--overwrite", "--formats", "png,npy"];
        done(&[&base[..], &[out.to_str().unwrap()], &options, more].concat());
        let (shape, values) = array(&out.join("predictive_entropy/a.png.npy"));
        assert_eq!(shape, [480, 900]);
        assert_eq!(values.iter().any(|value| value.is_nan()), none);
        let window = Window::open(&out.join("report.html"), DESKTOP);
        open_image(&window, "a.png");
        let classes = image::open(out.join("prediction/a.png.png")).unwrap().to_rgba8();
        for (x, y) in [(0, 0), (899, 479), (301, 399), (450, 222), (511, 130), (613, 301)]
        {
            point_at(&window, (x, y));
            let measure = "#readout dd[data-value=\"predictive entropy\"]";
            let class = window.text("#readout dd[data-value=\"class\"]");
            let exact = values[y * 900 + x];
            if exact.is_nan() {
                assert_eq!(
                    (window.text(measure).as_str(), class.as_str()),
                    ("none", "none")
                );
                assert_eq!(classes.get_pixel(x as u32, y as u32).0[3], 0);
                continue;
            }
            let shown = value_of(&window, "predictive entropy");
            let tolerance = f64::from(8_f32.ln()) / 131_068.0 + 0.5e-5 + 1e-6;
            assert!(
                (shown - f64::from(exact)).abs() <= tolerance,
                "{x} {y}: {shown} {exact}"
            );
            let color = window.ask(&format!(
                "(() => {{ const data = JSON.parse(document.getElementById('page-data').textContent); \
                 return data.classes.find((one) => one.name === {class:?}).color }})()"
            ));
            let [red, green, blue, _] = classes.get_pixel(x as u32, y as u32).0;
            assert_eq!(color, format!("#{red:02x}{green:02x}{blue:02x}"), "{x} {y}");
        }
        is_quiet(&window, &out);
    }
}

#[test]
fn the_threshold_marks_the_share_of_pixels_that_the_array_has_above_it() {
    if !browser::is_there() {
        return;
    }
    let out = STREETS.path().join("streets");
    let window = Window::open(&out.join("report.html"), DESKTOP);
    open_image(&window, "strange_03.png");
    // The places of the slider are those of the colors.
    for (measure, power) in [("predictive_entropy", 1), ("mutual_information", 2)] {
        let layer = format!("input[name=layer][value={measure}]");
        window.run(&format!("document.querySelector('{layer}').click()"));
        let (_, values) = array(&out.join(format!("{measure}/strange_03.png.npy")));
        for place in [100, 431, 900] {
            window.run(&format!(
                "const slider = document.getElementById('threshold'); slider.value = {place}; \
                 slider.dispatchEvent(new Event('input'))"
            ));
            let bound = f64::from(8_f32.ln());
            let least = bound * (f64::from(place) / 1000.0).powi(power);
            let expected = format!("{least:.4} nat");
            window.wait(&format!(
                "document.getElementById('threshold-value').textContent === '{expected}'"
            ));
            let above = values.iter().filter(|value| f64::from(**value) > least).count();
            let share = 100.0 * above as f64 / values.len() as f64;
            let shown = window.text("#threshold-share");
            let shown: f64 = shown.split_whitespace().next().unwrap().parse().unwrap();
            assert!((shown - share).abs() <= 0.02, "{measure}: {shown} {share}");
            assert_eq!(
                window.ask("document.querySelectorAll('canvas.layer')[1].hidden"),
                false
            );
        }
    }
    assert_eq!(window.ask("document.getElementById('marks').checked"), true);
    is_quiet(&window, &out);
}

#[test]
fn values_of_heat_maps_are_right_to_half_a_step_of_255_levels_and_the_page_states_it() {
    if !browser::is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let model = fixture::path("models/streets.onnx");
    let image = fixture::path("fixtures/streets/images/strange_03.png");
    let base = ["predict", model.to_str().unwrap(), image.to_str().unwrap(), "-o"];
    done(&[&base[..], &[out.to_str().unwrap()]].concat());
    done(&["report", out.to_str().unwrap()]);
    let window = Window::open(&out.join("report.html"), DESKTOP);
    open_image(&window, "strange_03.png");
    assert_eq!(window.ask("document.getElementById('scale-note').hidden"), false);
    let exact = STREETS.path().join("streets/predictive_entropy/strange_03.png.npy");
    let (_, values) = array(&exact);
    for (x, y) in [(112, 128), (40, 33), (200, 90)] {
        point_at(&window, (x, y));
        let shown = value_of(&window, "predictive entropy");
        let half = f64::from(8_f32.ln()) / 508.0 + 5.1e-4;
        assert!((shown - f64::from(values[y * 320 + x])).abs() <= half, "{shown}");
    }
    is_quiet(&window, &out);
}

#[test]
fn right_and_wrong_pixels_take_their_colors() {
    if !browser::is_there() {
        return;
    }
    let out = STREETS.path().join("streets");
    let window = Window::open(&out.join("report.html"), DESKTOP);
    open_image(&window, "street_00.png");
    let png = |file: std::path::PathBuf| {
        let decoder =
            png::Decoder::new(std::io::BufReader::new(fs::File::open(file).unwrap()));
        let mut reader = decoder.read_info().unwrap();
        let mut ids = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut ids).unwrap();
        ids
    };
    let classes = png(out.join("prediction/street_00.png.png"));
    let labels = png(fixture::path("fixtures/streets/labels/street_00.png"));
    // A pixel whose neighbors are like it, because zooming mixes neighbors.
    let find = |wanted: &dyn Fn(u8, u8) -> bool| -> (usize, usize) {
        let holds =
            |(x, y): (usize, usize)| wanted(classes[y * 320 + x], labels[y * 320 + x]);
        let around = |x: usize, y: usize| {
            (y - 1..=y + 1).all(|y| (x - 1..=x + 1).all(|x| holds((x, y))))
        };
        let places = (1..159).flat_map(|y| (1..319).map(move |x| (x, y)));
        places.rev().find(|(x, y)| around(*x, *y)).unwrap()
    };
    window.run(
        "const slider = document.getElementById('opacity'); slider.value = 100; \
         slider.dispatchEvent(new Event('input')); document.activeElement.blur(); \
         document.querySelector('input[name=layer][value=truth]').click()",
    );
    let right = find(&|class, label| label != 255 && class == label);
    let wrong = find(&|class, label| label != 255 && class != label);
    for (place, color) in [(right, [0x00, 0x72, 0xb2]), (wrong, [0xe6, 0x9f, 0x00])] {
        let (x, y) = point_at(&window, place);
        // The mark of the pointer is drawn there.
        window.point((1.0, 1.0));
        window.wait("document.querySelector('#readout').hidden");
        let shot = image::load_from_memory(&window.screenshot()).unwrap().to_rgb8();
        assert_eq!(shot.get_pixel(x as u32, y as u32).0, color, "{place:?}");
    }
    is_quiet(&window, &out);
}

fn value_of(window: &Window, measure: &str) -> f64 {
    let text = window.text(&format!("#readout dd[data-value=\"{measure}\"]"));
    text.split_whitespace().next().unwrap().parse().unwrap()
}
