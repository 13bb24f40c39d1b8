//! Tests a page of ten thousand images.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use super::{DESKTOP, is_quiet, open_image};
use crate::browser::{self, Window};
use crate::fixture;
use crate::report::done;

/// Writes a run of one small street to `folder/small`.
fn one(folder: &Path) -> PathBuf {
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
    small
}

/// Writes a run of ten thousand images to `folder/out`: each has an id and links to the files of
/// `small`.
fn ten_thousand(folder: &Path, small: &Path) -> PathBuf {
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
                // The orientation is empty.
                let number = field.parse::<f64>();
                number.map_or_else(|_| (*field).to_owned(), |n| (n * factor).to_string())
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
fn ten_thousand_images_are_opened_and_scrolled_without_gaps() {
    if !browser::is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let out = ten_thousand(folder.path(), &one(folder.path()));
    done(&["report", out.to_str().unwrap()]);
    let page = out.join("report.html");
    let size = fs::metadata(&page).unwrap().len();
    println!("page of 10,000 images: {:.2} MB", size as f64 / 1e6);
    assert!(size < 5_000_000, "{size}");

    let window = Window::open(&page, DESKTOP);
    window.wait("window.firstPicture");
    assert_eq!(window.text("#count"), "10,000 images");
    let before = window.megabytes();

    // A hundred screens, one per frame; each must show its cards by the next frame.
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
    let after = window.megabytes();
    println!("memory of the tab: {before:.0} MB, {after:.0} MB after scrolling over all");

    window.wait(
        "[...document.querySelectorAll('#gallery img')].every((img) => img.naturalWidth > 0)",
    );
    open_image(&window, "camera_3/2026-11-04/frame_04539.png");
    is_quiet(&window, &out);
}

#[test]
#[ignore = "measures time and needs an idle machine"]
fn the_first_picture_of_ten_thousand_images_comes_about_as_soon_as_that_of_one() {
    if !browser::is_there() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let small = one(folder.path());
    let large = ten_thousand(folder.path(), &small);
    done(&["report", large.to_str().unwrap()]);
    let [small, large] =
        [small, large].map(|out| first_picture(&out.join("report.html")));
    println!("first picture after {small:.0} ms of 1 image, {large:.0} ms of 10,000");
    assert!(large < 10.0 * small, "{small} ms of 1 image, {large} ms of 10,000");
}

/// Returns the milliseconds until a page shows its first picture, if its files are in the cache of
/// the system.
fn first_picture(page: &Path) -> f64 {
    let window = Window::open(page, DESKTOP);
    window.go(&browser::address(page));
    window.wait("window.firstPicture");
    window.ask("window.firstPicture").as_f64().unwrap()
}
