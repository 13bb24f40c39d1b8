//! The page in a real browser, opened from disk: controls, values, names, size and speed.
//!
//! Where no Chromium is found these tests do nothing; with `MCDROP_BROWSER=required` that is a
//! failure.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Instant;

use serde_json::Value;
use tempfile::TempDir;

use crate::browser::{self, Window};
use crate::fixture;
use crate::report::{copy, done};

const DESKTOP: (u32, u32) = (1280, 860);

/// The streets, predicted and evaluated, with a page that has labels.
static STREETS: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("streets");
    let (model, out) = (fixture::path("models/streets.onnx"), out.to_str().unwrap());
    let images = fixture::path("fixtures/streets/images");
    let labels = fixture::path("fixtures/streets/labels");
    let labels = labels.to_str().unwrap();
    done(&[
        "predict",
        model.to_str().unwrap(),
        images.to_str().unwrap(),
        "-o",
        out,
        "--report",
        "--keep-probabilities=f16",
    ]);
    done(&["evaluate", out, "--labels", labels]);
    done(&["report", out, "--labels", labels]);
    folder
});

static DIGITS: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("digits");
    let (model, out) = (fixture::path("models/digits.onnx"), out.to_str().unwrap());
    let digits = fixture::path("fixtures/digits");
    let digits = digits.to_str().unwrap();
    done(&["predict", model.to_str().unwrap(), digits, "-o", out, "--report"]);
    done(&["report", out, "--labels", digits]);
    folder
});

/// Nothing was said on the console, and nothing asked for but files of the folder.
fn is_quiet(window: &Window, folder: &Path) {
    assert_eq!(window.problems(), Vec::<String>::new());
    let folder = browser::address(folder);
    for request in window.requests() {
        let fine = request.starts_with(&folder) || request.starts_with("data:");
        assert!(fine, "the page asked for {request}");
    }
}

fn array(file: &Path) -> (Vec<usize>, Vec<f32>) {
    let file = fs::File::open(file).unwrap();
    let length = file.metadata().unwrap().len();
    mcdrop::npy::read(file, length).unwrap()
}

fn open_image(window: &Window, name: &str) {
    window.run(&format!("location.hash = '#image=' + encodeURIComponent({name:?})"));
    window.wait(&format!("document.getElementById('viewer').dataset.ready === {name:?}"));
}

/// Points at a pixel of the picture.
fn point_at(window: &Window, (x, y): (usize, usize)) {
    let place = window.ask(&format!(
        "(() => {{ const box = document.querySelector('.sheet').getBoundingClientRect(); \
         const size = parseFloat(document.querySelector('.sheet').style.width); \
         const scale = box.width / size; \
         return [box.left + ({x} + 0.5) * scale, box.top + ({y} + 0.5) * scale] }})()"
    ));
    window.point((place[0].as_f64().unwrap(), place[1].as_f64().unwrap()));
    window.wait(&format!(
        "document.querySelector('#readout dd')?.textContent === '{x}, {y}'"
    ));
}

fn value_of(window: &Window, measure: &str) -> f64 {
    let text = window.text(&format!("#readout dd[data-value=\"{measure}\"]"));
    text.split_whitespace().next().unwrap().parse().unwrap()
}

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
                // Half a step of 65534 up to ln 8, and half a digit of what is shown.
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
            let colour = window.ask(&format!(
                "(() => {{ const data = JSON.parse(document.getElementById('page-data').textContent); \
                 return data.classes.find((one) => one.name === {class:?}).color }})()"
            ));
            let [red, green, blue, _] = classes.get_pixel(x as u32, y as u32).0;
            assert_eq!(colour, format!("#{red:02x}{green:02x}{blue:02x}"), "{x} {y}");
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
    let (_, values) = array(&out.join("predictive_entropy/strange_03.png.npy"));
    for place in [100, 431, 900] {
        window.run(&format!(
            "const slider = document.getElementById('threshold'); slider.value = {place}; \
             slider.dispatchEvent(new Event('input'))"
        ));
        let bound = f64::from(8_f32.ln());
        let least = bound * f64::from(place) / 1000.0;
        let expected = format!("{least:.4} nat");
        window.wait(&format!(
            "document.getElementById('threshold-value').textContent === '{expected}'"
        ));
        let above = values.iter().filter(|value| f64::from(**value) > least).count();
        let share = 100.0 * above as f64 / values.len() as f64;
        let shown = window.text("#threshold-share");
        let shown: f64 = shown.split_whitespace().next().unwrap().parse().unwrap();
        assert!((shown - share).abs() <= 0.02, "{shown} {share}");
        assert_eq!(
            window.ask("document.querySelectorAll('canvas.layer')[1].hidden"),
            false
        );
    }
    assert_eq!(window.ask("document.getElementById('marks').checked"), true);
    is_quiet(&window, &out);
}

#[test]
fn images_are_sorted_filtered_and_found_by_name() {
    if !browser::is_there() {
        return;
    }
    let out = STREETS.path().join("streets");
    let window = Window::open(&out.join("report.html"), DESKTOP);
    let mut reader = csv::Reader::from_path(out.join("predictions.csv")).unwrap();
    let header = reader.headers().unwrap().clone();
    let place = |name: &str| header.iter().position(|column| column == name).unwrap();
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    let best = |column: &str, sign: f64| -> String {
        let value =
            |row: &csv::StringRecord| sign * row[place(column)].parse::<f64>().unwrap();
        rows.iter().max_by(|a, b| value(a).total_cmp(&value(b))).unwrap()[0].to_owned()
    };
    let first = || window.text("#gallery .card .card-name");
    assert_eq!(window.text("#count"), "60 images");
    assert_eq!(first(), best("predictive_entropy", 1.0));
    let choose = |id: &str, value: &str| {
        window.run(&format!(
            "const select = document.getElementById({id:?}); select.value = {value:?}; \
             select.dispatchEvent(new Event('change'))"
        ));
    };
    choose("sort", "mutual_information_patch_max");
    assert_eq!(first(), best("mutual_information_patch_max", 1.0));
    window.click("#direction");
    assert_eq!(first(), best("mutual_information_patch_max", -1.0));
    choose("sort", "path");
    assert_eq!(first(), "strange_00.png");
    window.click("#search");
    window.type_text("STREET_1");
    window.wait("document.getElementById('count').textContent === '10 of 60 images'");
    assert_eq!(first(), "street_10.png");
    window.run(
        "const field = document.getElementById('search'); field.value = ''; \
         field.dispatchEvent(new Event('input'))",
    );
    choose("class", "6");
    let with_people = window.text("#count");
    assert!(with_people.ends_with(" of 60 images"), "{with_people}");
    choose("class", "");
    choose("state", "wrong");
    let wrong: usize = window.text("#count").split(' ').next().unwrap().parse().unwrap();
    assert!((5..40).contains(&wrong), "{wrong}");
    choose("state", "all");
    window.run(
        "document.querySelectorAll('#distributions figure')[0]\
         .querySelectorAll('.bar-place')[23].dispatchEvent(new MouseEvent('click'))",
    );
    window.wait("!document.getElementById('range').hidden");
    assert_eq!(
        window.ask("shownCount = document.querySelectorAll('#gallery .card').length"),
        1
    );
    window.click("#range");
    assert_eq!(window.text("#count"), "60 images");
    is_quiet(&window, &out);
}

#[test]
fn the_viewer_works_with_the_keyboard_alone() {
    if !browser::is_there() {
        return;
    }
    let out = STREETS.path().join("streets");
    let window = Window::open(&out.join("report.html"), DESKTOP);
    window.run("document.querySelector('#gallery .card').focus()");
    window.key("ArrowRight");
    let name = window.ask("document.activeElement.title").as_str().unwrap().to_owned();
    window.key("Enter");
    window.wait(&format!("document.getElementById('viewer').dataset.ready === {name:?}"));
    assert_eq!(window.text("#viewer-place"), "2 of 60");
    window.key("ArrowRight");
    window.wait("document.getElementById('viewer-place').textContent === '3 of 60'");
    window.wait("document.getElementById('viewer').dataset.ready !== ''");
    let layer =
        || window.ask("document.querySelector('input[name=layer]:checked').value");
    for (key, expected) in
        [("2", "classes"), ("4", "mutual_information"), ("1", "picture"), ("5", "truth")]
    {
        window.type_text(key);
        window.wait(&format!(
            "document.querySelector('input[name=layer]:checked').value === {expected:?}"
        ));
        assert_eq!(layer(), expected);
    }
    assert_eq!(window.text("#legend"), "rightwrong");
    window.type_text("+");
    window.type_text("+");
    let zoomed = window.text("#zoom-value");
    window.type_text("0");
    assert_ne!(window.text("#zoom-value"), zoomed);
    window.type_text("t");
    assert_eq!(window.ask("document.getElementById('marks').checked"), true);
    window.key("Escape");
    window.wait("!document.getElementById('viewer').open");
    is_quiet(&window, &out);
}

#[test]
fn right_and_wrong_pixels_take_their_colours() {
    if !browser::is_there() {
        return;
    }
    let out = STREETS.path().join("streets");
    let window = Window::open(&out.join("report.html"), DESKTOP);
    open_image(&window, "street_00.png");
    window.type_text("1");
    // A screenshot shows what a canvas may not be asked.
    let at = |x: usize, y: usize| {
        point_at(&window, (x, y));
        let class = window.text("#readout dd[data-value=\"class\"]");
        let label = window.text("#readout dd[data-value=\"label\"]");
        (class, label)
    };
    let predicted =
        image::open(out.join("prediction/street_00.png.png")).unwrap().to_rgb8();
    let label =
        image::open(fixture::path("fixtures/streets/labels/street_00.png")).unwrap();
    assert_eq!((label.width(), label.height()), predicted.dimensions());
    let (class, label) = at(160, 150);
    assert_eq!((class.as_str(), label.as_str()), ("road", "road"));
    let share = window.text("#numbers tr:nth-child(2) td");
    assert!(share.parse::<f64>().unwrap() < 0.2, "{share}");
    is_quiet(&window, &out);
}

#[test]
fn the_evaluation_on_the_page_is_that_of_the_file() {
    if !browser::is_there() {
        return;
    }
    let out = STREETS.path().join("streets");
    let window = Window::open(&out.join("report.html"), DESKTOP);
    let metrics: Value =
        serde_json::from_slice(&fs::read(out.join("metrics.json")).unwrap()).unwrap();
    for name in ["accuracy", "mean_iou", "misclassification.auroc.mutual_information"] {
        let entry = &metrics["metrics"][name];
        let row = format!("tr[data-metric=\"{name}\"]");
        let shown = window.text(&format!("{row} td.number"));
        assert_eq!(shown, format!("{:.4}", entry["value"].as_f64().unwrap()), "{name}");
        let ends = |key: &str| entry[key].as_f64().unwrap();
        let interval = window.text(&format!("{row} td.interval"));
        assert_eq!(interval, format!("{:.4} to {:.4}", ends("low"), ends("high")));
    }
    let charts = window.ask("document.querySelectorAll('.chart svg').length");
    assert!(charts.as_u64().unwrap() >= 5, "{charts}");
    is_quiet(&window, &out);
}

#[test]
fn digits_show_their_classes_and_which_are_wrong() {
    if !browser::is_there() {
        return;
    }
    let out = DIGITS.path().join("digits");
    let window = Window::open(&out.join("report.html"), DESKTOP);
    let choose = |id: &str, value: &str| {
        window.run(&format!(
            "const select = document.getElementById({id:?}); select.value = {value:?}; \
             select.dispatchEvent(new Event('change'))"
        ));
    };
    choose("state", "wrong");
    assert_eq!(window.text("#count"), "4 of 420 images");
    assert_eq!(window.text("#gallery .badge"), "wrong");
    let name = window.ask("document.querySelector('#gallery .card').title");
    window.click("#gallery .card");
    window.wait(&format!("document.getElementById('viewer').dataset.ready === {name}"));
    assert_eq!(window.ask("document.getElementById('layer-controls').hidden"), true);
    let label = window.text("#numbers tr:nth-child(2) td");
    assert_eq!(label, name.as_str().unwrap().split('/').next().unwrap());
    window.wait("document.querySelector('.picture').naturalWidth === 8");
    is_quiet(&window, &out);
}

#[test]
fn two_runs_share_pointer_and_zoom() {
    if !browser::is_there() {
        return;
    }
    let folder = copy(STREETS.path());
    let out = folder.path().join("streets");
    let other = folder.path().join("other");
    let model = fixture::path("models/streets.onnx");
    let image = fixture::path("fixtures/streets/images/strange_03.png");
    done(&[
        "predict",
        model.to_str().unwrap(),
        image.to_str().unwrap(),
        "-o",
        other.to_str().unwrap(),
        "--seed",
        "7",
        "--samples",
        "3",
        "--formats",
        "png,npy",
    ]);
    done(&["report", out.to_str().unwrap(), "--compare", other.to_str().unwrap()]);
    let window = Window::open(&out.join("report.html"), DESKTOP);
    open_image(&window, "strange_03.png");
    point_at(&window, (101, 120));
    let (_, theirs) = array(&other.join("predictive_entropy/strange_03.png.npy"));
    let shown = window.text("#readout dd[data-other=\"predictive entropy\"]");
    let shown: f64 = shown.split_whitespace().next().unwrap().parse().unwrap();
    assert!((shown - f64::from(theirs[120 * 320 + 101])).abs() < 2.2e-5, "{shown}");
    window.type_text("+");
    let transforms = window
        .ask("[...document.querySelectorAll('.sheet')].map((s) => s.style.transform)");
    assert_eq!(transforms[0], transforms[1]);
    open_image(&window, "street_00.png");
    let problems = window.ask(
        "[...document.querySelectorAll('.stage .problem')].map((p) => p.textContent)",
    );
    assert_eq!(problems[1], "not in this run");
    is_quiet(&window, &out);
}

#[test]
fn odd_names_are_names_and_nothing_else() {
    if !browser::is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let images = folder.path().join("images <b>&\" #1");
    let street = fixture::path("fixtures/streets/images/street_00.png");
    let names = [
        "<script>alert(1)<img src=x onerror=alert(2)>.png",
        "a.png.js/b#?%41.png",
        "'\"`${1}&amp;.png",
        "ü 東京 \u{202e}gnp.png",
        "back\u{2028}line.png",
        "-->]]>.png",
    ];
    for name in names {
        let file = images.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::copy(&street, file).unwrap();
    }
    fs::write(images.join("broken<i>.png"), b"no picture").unwrap();
    let out = folder.path().join("out <i>&#");
    let model = fixture::path("models/streets.onnx");
    let output = crate::report::mcdrop(&[
        "predict",
        model.to_str().unwrap(),
        images.to_str().unwrap(),
        "-o",
        out.to_str().unwrap(),
        "--report",
        "--samples",
        "2",
    ]);
    assert_eq!(
        output.status.code(),
        Some(3),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let window = Window::open(&out.join("report.html"), DESKTOP);
    for name in names {
        let known = window.ask(&format!(
            "[...document.querySelectorAll('#gallery .card')].some((card) => card.title === {})",
            Value::from(name)
        ));
        assert_eq!(known, true, "{name}");
        window.run(&format!(
            "location.hash = '#image=' + encodeURIComponent({})",
            Value::from(name)
        ));
        window.wait(&format!(
            "document.getElementById('viewer').dataset.ready === {}",
            Value::from(name)
        ));
        window.wait("document.querySelector('.picture').naturalWidth === 320");
        assert_eq!(
            window.ask("document.querySelectorAll('input[name=layer]').length"),
            4
        );
        assert_eq!(
            window.ask("document.querySelector('.stage .problem').hidden"),
            true,
            "{name}"
        );
    }
    assert!(window.text("#failed").contains("broken<i>.png"));
    is_quiet(&window, &out);
}

#[test]
fn values_of_heat_maps_are_right_to_half_a_step_of_255_levels_and_said_to_be() {
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

/// A run of ten thousand images: ids of their own, files that are links to those of one street.
fn ten_thousand(folder: &Path) -> PathBuf {
    let small = folder.join("small");
    let model = fixture::path("models/streets.onnx");
    let street = fixture::path("fixtures/streets/images/street_00.png");
    let shrunk = folder.join("street_00.png");
    image::open(street).unwrap().thumbnail(160, 80).save(&shrunk).unwrap();
    done(&[
        "predict",
        model.to_str().unwrap(),
        shrunk.to_str().unwrap(),
        "-o",
        small.to_str().unwrap(),
        "--report",
        "--samples",
        "2",
    ]);
    let out = folder.join("out");
    let table = fs::read_to_string(small.join("predictions.csv")).unwrap();
    let mut lines = table.lines();
    let (header, row) = (lines.next().unwrap(), lines.next().unwrap());
    let mut rows = header.to_owned() + "\n";
    let fields: Vec<&str> = row.split(',').collect();
    let mut state = 1_u64;
    let mut kinds = Vec::new();
    for kind in ["report/data", "report/images", "report/thumbnails"] {
        let file =
            fs::read_dir(small.join(kind)).unwrap().next().unwrap().unwrap().path();
        let ending = file.extension().unwrap().to_str().unwrap().to_owned();
        kinds.push((kind, file, ending));
    }
    for i in 0..10_000 {
        let id = format!("camera_{}/2026-11-{:02}/frame_{i:05}.png", i % 7, i % 28 + 1);
        let numbers: Vec<String> = fields[3..fields.len() - 3]
            .iter()
            .map(|field| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                let factor = 0.3 + (state >> 40) as f64 / (1_u64 << 24) as f64;
                (field.parse::<f64>().unwrap() * factor).to_string()
            })
            .collect();
        let (sides, rest) =
            (fields[1..3].join(","), fields[fields.len() - 3..].join(","));
        let _ = writeln!(rows, "{id},{sides},{},{rest}", numbers.join(","));
        for (kind, file, ending) in &kinds {
            let to = out.join(kind).join(format!("{id}.{ending}"));
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            if *kind == "report/data" {
                let script = fs::read_to_string(file).unwrap();
                fs::write(to, script.replace("street_00.png", &id)).unwrap();
            } else {
                fs::hard_link(file, to).unwrap();
            }
        }
    }
    fs::write(out.join("predictions.csv"), rows).unwrap();
    let record = fs::read_to_string(small.join("run.json")).unwrap();
    let record = record.replace("\"done\": 1", "\"done\": 10000");
    fs::write(out.join("run.json"), record).unwrap();
    out
}

#[test]
fn ten_thousand_images_open_within_a_second_and_scroll_smoothly() {
    if !browser::is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let out = ten_thousand(folder.path());
    let started = Instant::now();
    done(&["report", out.to_str().unwrap()]);
    let page = out.join("report.html");
    let size = fs::metadata(&page).unwrap().len();
    println!(
        "page of 10,000 images: {:.2} MB, written in {:.1} s",
        size as f64 / 1e6,
        started.elapsed().as_secs_f64()
    );
    assert!(size < 5_000_000, "{size}");

    let window = Window::open(&page, DESKTOP);
    // The second time files are in the cache of the system, as they are after a run.
    window.go(&browser::address(&page));
    window.wait("window.firstPicture");
    // Milliseconds since the page was asked for.
    let first = window.ask("window.firstPicture").as_f64().unwrap();
    let script = window.ask("performance.getEntriesByType('navigation')[0].domComplete");
    println!("first picture after {first:.0} ms, all loaded after {script} ms");
    assert!(first < 1000.0, "{first} ms");
    assert_eq!(window.text("#count"), "10,000 images");
    let before = window.megabytes();

    // A hundred screens, one a frame; each must show its cards by the next frame.
    let report = window.ask(
        "(async () => {
            const frame = () => new Promise((done) => requestAnimationFrame(done));
            const gallery = document.getElementById('gallery');
            const top = gallery.getBoundingClientRect().top + window.scrollY;
            const times = [];
            let empty = 0;
            let most = 0;
            for (let i = 0; i < 100; i++) {
              const start = performance.now();
              window.scrollTo({ top: top + (i * gallery.offsetHeight) / 101, behavior: 'instant' });
              await frame();
              await frame();
              times.push(performance.now() - start);
              const middle = document.elementFromPoint(500, 430);
              const cards = document.querySelectorAll('#gallery .card');
              most = Math.max(most, cards.length);
              const shown = [...cards].filter((card) => {
                const box = card.getBoundingClientRect();
                return box.bottom > 0 && box.top < window.innerHeight;
              });
              if (shown.length < 4 || !middle) empty++;
            }
            times.sort((a, b) => a - b);
            return { median: times[50], worst: times[97], empty, most };
        })()",
    );
    println!("scrolling: {report}");
    assert_eq!(report["empty"], 0, "{report}");
    assert!(report["most"].as_u64().unwrap() <= 120, "{report}");
    assert!(report["median"].as_f64().unwrap() < 500.0, "{report}");
    let after = window.megabytes();
    println!("memory of the tab: {before:.0} MB, {after:.0} MB after scrolling over all");

    let started = Instant::now();
    window.wait(
        "[...document.querySelectorAll('#gallery img')].every((img) => img.naturalWidth > 0)",
    );
    let settled = started.elapsed().as_secs_f64();
    println!("pictures of the last screen after {settled:.2} s");
    assert!(settled < 2.0, "{settled}");
    open_image(&window, "camera_3/2026-11-04/frame_04539.png");
    is_quiet(&window, &out);
}

/// Takes pictures of the page; with `MCDROP_BLESS=1` those that the README shows replace the
/// committed ones.
#[test]
fn the_pictures_of_the_readme_are_of_this_page() {
    if !browser::is_there() {
        return;
    }
    let out = STREETS.path().join("streets");
    let page = out.join("report.html");
    let target = fixture::path("target/report");
    fs::create_dir_all(&target).unwrap();
    let readme = fs::read_to_string(fixture::path("README.md")).unwrap();
    let window = Window::open(&page, (1180, 780));
    let save = |name: &str| {
        window.run("document.activeElement?.blur()");
        let bytes = window.screenshot();
        let shot = image::load_from_memory(&bytes).unwrap().to_rgb8();
        let colours: std::collections::HashSet<[u8; 3]> =
            shot.pixels().map(|p| p.0).collect();
        assert!(colours.len() > 500, "{name} shows nothing");
        fs::write(target.join(name), &bytes).unwrap();
        let committed = format!("fixtures/readme/{name}");
        if readme.contains(&committed) {
            if std::env::var("MCDROP_BLESS").is_ok() {
                fs::write(fixture::path(&committed), &bytes).unwrap();
            }
            assert!(fixture::path(&committed).is_file(), "{committed} is missing");
        }
    };
    let go_to = |selector: &str| {
        window.run(&format!(
            "document.querySelector({selector:?}).scrollIntoView({{behavior: 'instant'}})"
        ));
        let loaded =
            "[...document.querySelectorAll('#gallery img')].every((img) => img.complete)";
        window.ask("new Promise((done) => setTimeout(done, 150))");
        window.wait(loaded);
    };
    save("report_overview.png");
    go_to("#images");
    save("report_gallery.png");
    go_to(".curves");
    save("report_curves.png");
    open_image(&window, "strange_03.png");
    point_at(&window, (112, 128));
    save("report_viewer.png");
    window.dark(true);
    save("report_viewer_dark.png");
    window.key("Escape");
    go_to("#evaluation");
    save("report_evaluation_dark.png");
    window.dark(false);
    window.resize((390, 780), true);
    window.go(&browser::address(&page));
    go_to("#images");
    save("report_phone.png");
    open_image(&window, "strange_03.png");
    save("report_phone_viewer.png");
    let wide = window.ask("document.documentElement.scrollWidth <= window.innerWidth");
    assert_eq!(wide, true, "the page is wider than a phone");
    is_quiet(&window, &out);
}
