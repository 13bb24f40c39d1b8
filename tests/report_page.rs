//! Tests the page in a real browser, opened from disk: controls, values, names, size and speed.
//!
//! Without Chromium these tests are skipped; with `MCDROP_BROWSER=required` they fail.

mod many;
mod tasks;
mod values;

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

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

/// Checks that the console is empty, and that only files of the folder were requested.
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

/// Moves the mouse to a pixel of the picture; returns its position in the window.
fn point_at(window: &Window, (x, y): (usize, usize)) -> (f64, f64) {
    let place = window.ask(&format!(
        "(() => {{ const box = document.querySelector('.sheet').getBoundingClientRect(); \
         const size = parseFloat(document.querySelector('.sheet').style.width); \
         const scale = box.width / size; \
         return [box.left + ({x} + 0.5) * scale, box.top + ({y} + 0.5) * scale] }})()"
    ));
    let place = (place[0].as_f64().unwrap(), place[1].as_f64().unwrap());
    window.point(place);
    window.wait(&format!(
        "document.querySelector('#readout dd')?.textContent === '{x}, {y}'"
    ));
    place
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
    // Pictures that are shown stay, whatever the size of the window.
    window.run("document.querySelector('#gallery img').isKept = true");
    let width = "document.querySelector('#gallery .card').style.width";
    let before = window.ask(width);
    window.resize((1000, 860), false);
    window.wait(&format!("{width} !== {before}"));
    assert_eq!(window.ask("document.querySelector('#gallery img').isKept"), true);
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
    assert_eq!(window.ask("document.querySelectorAll('#gallery .card').length"), 1);
    window.click("#range");
    assert_eq!(window.text("#count"), "60 images");
    is_quiet(&window, &out);
}

#[test]
fn the_viewer_works_with_only_the_keyboard() {
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
fn the_page_is_not_wider_than_a_phone() {
    if !browser::is_there() {
        return;
    }
    let out = STREETS.path().join("streets");
    let window = Window::open(&out.join("report.html"), DESKTOP);
    window.dark(true);
    window.resize((390, 780), true);
    window.go(&browser::address(&out.join("report.html")));
    open_image(&window, "strange_03.png");
    let fits = window.ask("document.documentElement.scrollWidth <= window.innerWidth");
    assert_eq!(fits, true);
    is_quiet(&window, &out);
}
