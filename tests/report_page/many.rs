//! A page of ten thousand images.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::{DESKTOP, is_quiet, open_image};
use crate::browser::{self, Window};
use crate::fixture;
use crate::report::done;

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
