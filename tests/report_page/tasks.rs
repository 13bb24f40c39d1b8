//! Tests the pages of values and labels in a browser.

use std::path::PathBuf;
use std::sync::LazyLock;

use tempfile::TempDir;

use super::{DESKTOP, array, is_quiet, open_image, point_at};
use crate::browser::{self, Window};
use crate::fixture;
use crate::report::{column, done};
use crate::report_tasks::{SCALE, predict};

/// Three streets with depths, evaluated, and a page with labels.
static DEPTHS: LazyLock<TempDir> = LazyLock::new(|| {
    let images = ["evaluation_00.png", "evaluation_01.png", "strange_03.png"];
    let more = ["--samples", "5", "--report", "--keep-probabilities"];
    let folder = predict("streets_depth", &images, &more);
    let out = folder.path().join("out");
    let labels = fixture::path("fixtures/streets_depth/depth");
    let (out, labels) = (out.to_str().unwrap(), labels.to_str().unwrap());
    done(&["evaluate", out, "--labels", labels, "--label-scale", SCALE]);
    done(&["report", out]);
    folder
});

fn depths() -> PathBuf {
    DEPTHS.path().join("out")
}

fn choose(window: &Window, id: &str, value: &str) {
    window.run(&format!(
        "const select = document.getElementById({id:?}); select.value = {value:?}; \
         select.dispatchEvent(new Event('change'))"
    ));
}

fn readout(window: &Window, name: &str) -> String {
    window.text(&format!("#readout dd[data-value=\"{name}\"]"))
}

/// Returns the number before the unit.
fn first_number(text: &str) -> f64 {
    text.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn values_under_the_pointer_have_their_standard_deviation_and_unit() {
    if !browser::is_there() {
        return;
    }
    let out = depths();
    let window = Window::open(&out.join("report.html"), DESKTOP);
    let id = "evaluation_00.png";
    open_image(&window, id);
    let of = |kind: &str| array(&out.join(format!("{kind}/{id}.npy")));
    let (shape, values) = of("value");
    let (_, stds) = of("total_std");
    for (x, y) in [(3, 70), (80, 40), (150, 60)] {
        point_at(&window, (x, y));
        let at = y * shape[1] + x;
        let text = readout(&window, "value");
        let parts: Vec<&str> = text.split(' ').collect();
        let [value, "±", std, "m"] = parts[..] else { panic!("{text}") };
        let decimals =
            |text: &str| text.split_once('.').map_or(0, |(_, decimals)| decimals.len());
        assert_eq!(decimals(value), decimals(std), "{text}");
        // The last digit of the standard deviation is at most half of its first two.
        let unit = 10_f64.powi(-(decimals(std) as i32));
        let (value, std): (f64, f64) = (value.parse().unwrap(), std.parse().unwrap());
        let exact_std = f64::from(stds[at]);
        assert!((value - f64::from(values[at])).abs() <= 0.51 * unit, "{text}");
        assert!((std - exact_std).abs() <= 0.51 * unit && unit <= exact_std, "{text}");
        let shown = readout(&window, "total std");
        assert!(shown.ends_with(" m"), "{shown}");
        assert!((first_number(&shown) - exact_std).abs() < 6e-3 * exact_std + 1e-3);
        let label = first_number(&readout(&window, "label"));
        let error = first_number(&readout(&window, "absolute error"));
        let expected = (f64::from(values[at]) - label).abs();
        assert!((error - expected).abs() < 6e-3 * expected + 0.02, "{error} {expected}");
    }
    is_quiet(&window, &out);
}

#[test]
fn layers_of_values_have_the_scale_of_the_run_and_a_threshold_in_their_unit() {
    if !browser::is_there() {
        return;
    }
    let out = depths();
    let window = Window::open(&out.join("report.html"), DESKTOP);
    open_image(&window, "strange_03.png");
    let layers = window.ask(
        "[...document.querySelectorAll('input[name=layer]')].map((input) => input.value)",
    );
    let expected = [
        "picture",
        "value",
        "total_std",
        "aleatoric_std",
        "epistemic_std",
        "label",
        "error",
    ];
    let layers: Vec<&str> =
        layers.as_array().unwrap().iter().map(|layer| layer.as_str().unwrap()).collect();
    for layer in expected {
        assert!(layers.contains(&layer), "{layer}: {layers:?}");
    }
    let checked = "document.querySelector('input[name=layer]:checked').value";
    assert_eq!(window.ask(checked), "total_std");
    let record = std::fs::read(out.join("run.json")).unwrap();
    let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
    let bound = record["output"]["bounds"]["value"].as_f64().unwrap();
    let low = record["output"]["lower_bounds"]["value"].as_f64().unwrap_or(0.0);
    window.run("document.querySelector('input[name=layer][value=value]').click()");
    assert_eq!(window.text("#scale-title"), "value, m");
    let ends = window.ask(
        "[...document.querySelectorAll('#scale-ends span')].map((e) => +e.textContent.replace(/[≤≥] /, ''))",
    );
    assert!((ends[0].as_f64().unwrap() - low).abs() < 0.1, "{ends}");
    assert!((ends[2].as_f64().unwrap() - bound).abs() < 0.1, "{ends}");
    window.run(
        "const slider = document.getElementById('threshold'); slider.value = 300; \
         slider.dispatchEvent(new Event('input'))",
    );
    let least = low + 0.3 * (bound - low);
    window.wait("document.getElementById('marks').checked");
    window.wait(&format!(
        "Math.abs(parseFloat(document.getElementById('threshold-value').textContent) - {least}) < 0.01"
    ));
    let (_, values) = array(&out.join("value/strange_03.png.npy"));
    let above = values.iter().filter(|value| f64::from(**value) > least).count();
    let share = 100.0 * above as f64 / values.len() as f64;
    let shown = first_number(&window.text("#threshold-share"));
    assert!((shown - share).abs() < 0.05, "{shown} {share}");
    is_quiet(&window, &out);
}

#[test]
fn images_of_values_are_sorted_and_filtered_by_value_deviation_and_error() {
    if !browser::is_there() {
        return;
    }
    let out = depths();
    let window = Window::open(&out.join("report.html"), DESKTOP);
    let ids = column(&out, "path");
    let largest = |name: &str| {
        let numbers = column(&out, name);
        let number = |i: &usize| numbers[*i].parse::<f64>().unwrap();
        let place =
            (0..ids.len()).max_by(|a, b| number(a).total_cmp(&number(b))).unwrap();
        ids[place].clone()
    };
    let first = || window.text("#gallery .card .card-name");
    assert_eq!(window.ask("document.getElementById('sort').value"), "total_std");
    assert_eq!(first(), largest("total_std"));
    for name in ["value", "epistemic_std_q95"] {
        choose(&window, "sort", name);
        assert_eq!(first(), largest(name), "{name}");
    }
    choose(&window, "sort", "error");
    assert!(window.text("#gallery .card .card-text").ends_with(" m absolute error"));
    let bars = "document.querySelector('#distributions [data-measure=value]')\
                .querySelectorAll('.bar-place')";
    window.run(&format!("{bars}[23].dispatchEvent(new MouseEvent('click'))"));
    window.wait("!document.getElementById('range').hidden");
    assert!(window.text("#range").starts_with("value from "));
    assert_eq!(window.text("#count"), "1 of 3 images");
    assert_eq!(first(), largest("value"));
    is_quiet(&window, &out);
}

#[test]
fn a_card_of_a_value_has_its_standard_deviation_and_interval() {
    if !browser::is_there() {
        return;
    }
    let images = ["evaluation_00.png", "evaluation_14.png"];
    let folder = predict("digits_angle", &images, &["--samples", "5", "--report"]);
    let out = folder.path().join("out");
    let window = Window::open(&out.join("report.html"), DESKTOP);
    choose(&window, "sort", "path");
    let numbers = |name: &str| column(&out, name)[0].parse::<f64>().unwrap();
    let text = window.text("#gallery .card .card-text");
    let (value, interval) = text.split_once(" · ").unwrap();
    let parts: Vec<&str> = value.split(' ').collect();
    let [value, "±", std, "degree"] = parts[..] else { panic!("{text}") };
    assert!((value.parse::<f64>().unwrap() - numbers("value")).abs() <= 0.5);
    assert!((std.parse::<f64>().unwrap() - numbers("total_std")).abs() <= 0.5);
    let (low, high) = interval.split_once(" to ").unwrap();
    assert!((low.parse::<f64>().unwrap() - numbers("interval_low")).abs() <= 0.5);
    assert!((high.parse::<f64>().unwrap() - numbers("interval_high")).abs() <= 0.5);
    is_quiet(&window, &out);
}

#[test]
fn labels_are_chips_and_choosing_one_shows_its_numbers() {
    if !browser::is_there() {
        return;
    }
    let images: Vec<String> = (0..12).map(|i| format!("evaluation_{i:02}.png")).collect();
    let images: Vec<&str> = images.iter().map(String::as_str).collect();
    let folder = predict("shapes", &images, &["--samples", "5", "--report"]);
    let out = folder.path().join("out");
    let window = Window::open(&out.join("report.html"), DESKTOP);
    let listed = column(&out, "labels");
    let with_rings = listed.iter().filter(|labels| labels.contains("ring")).count();
    assert!((1..12).contains(&with_rings), "{listed:?}");
    choose(&window, "class", "4");
    assert_eq!(window.text("#count"), format!("{with_rings} of 12 images"));
    let names = window
        .ask("[...document.querySelectorAll('#gallery .card')].map((c) => c.title)");
    let name = names[0].as_str().unwrap();
    let place = column(&out, "path").iter().position(|id| id == name).unwrap();
    let held = window.ask(
        "[...document.querySelector('#gallery .card').querySelectorAll('.holds')]\
         .map((chip) => chip.textContent.split(' ')[0])",
    );
    let mut held: Vec<&str> =
        held.as_array().unwrap().iter().map(|name| name.as_str().unwrap()).collect();
    let mut expected: Vec<&str> = listed[place].split("; ").collect();
    held.sort_unstable();
    expected.sort_unstable();
    assert_eq!(held, expected);
    open_image(&window, name);
    window.run(
        "[...document.querySelectorAll('.chip-button')]\
         .find((chip) => chip.textContent.startsWith('ring')).click()",
    );
    assert_eq!(window.ask("document.getElementById('viewer-channel').value"), "4");
    assert_eq!(window.ask("document.querySelector('.chip-button[aria-pressed=true]').textContent.slice(0, 4)"), "ring");
    let shown = first_number(&window.text("#numbers tr td"));
    let exact: f64 = column(&out, "ring.probability")[place].parse().unwrap();
    assert!((shown - exact).abs() < 1e-4, "{shown} {exact}");
    is_quiet(&window, &out);
}

#[test]
fn each_of_several_labels_or_targets_has_its_maps_and_numbers() {
    if !browser::is_there() {
        return;
    }
    let model = fixture::path("models/streets.onnx");
    let image = fixture::path("fixtures/streets/images/strange_03.png");
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let base = [
        "predict",
        model.to_str().unwrap(),
        image.to_str().unwrap(),
        "-o",
        out.to_str().unwrap(),
    ];
    let more = ["--samples", "2", "--report", "--overwrite", "--formats", "npy"];
    for (task, name, measure, kind) in [
        ("multilabel", "sidewalk", "probability", "sidewalk.probability"),
        ("regression", "1", "value", "1.value"),
    ] {
        done(&[&base[..], &more, &["--task", task]].concat());
        let window = Window::open(&out.join("report.html"), DESKTOP);
        open_image(&window, "strange_03.png");
        choose(&window, "viewer-channel", "1");
        window.run(&format!(
            "document.querySelector('input[name=layer][value={measure}]').click()"
        ));
        let title = window.text("#scale-title");
        assert!(title.starts_with(&format!("{name}: {measure}")), "{title}");
        point_at(&window, (101, 120));
        let (_, values) = array(&out.join(format!("{kind}/strange_03.png.npy")));
        let exact = f64::from(values[120 * 320 + 101]);
        let shown = first_number(&readout(&window, measure));
        assert!(
            (shown - exact).abs() < 0.06 * exact.abs().max(1.0),
            "{task}: {shown} {exact}"
        );
        choose(&window, "distribution-channel", "1");
        let all = window.ask(
            "[...document.querySelectorAll('.distribution')].map((one) => one.dataset.measure)",
        );
        assert!(
            all.as_array()
                .unwrap()
                .iter()
                .all(|one| one.as_str().unwrap().starts_with(name))
        );
        is_quiet(&window, &out);
    }
}

#[test]
fn pages_of_values_and_labels_are_not_wider_than_a_phone() {
    if !browser::is_there() {
        return;
    }
    let shapes =
        predict("shapes", &["evaluation_04.png"], &["--samples", "2", "--report"]);
    for (out, image) in
        [(depths(), "strange_03.png"), (shapes.path().join("out"), "evaluation_04.png")]
    {
        let window = Window::open(&out.join("report.html"), DESKTOP);
        window.resize((390, 780), true);
        window.go(&browser::address(&out.join("report.html")));
        let fits = "document.documentElement.scrollWidth <= window.innerWidth";
        assert_eq!(window.ask(fits), true);
        open_image(&window, image);
        assert_eq!(window.ask(fits), true);
        is_quiet(&window, &out);
    }
}
