//! Takes the pictures of the page for the README: `make readme-pictures`.
//!
//! The first argument is a folder that `mcdrop predict --report` wrote for the streets, the second
//! one the folder for the pictures. Needs Chromium.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    dead_code,
    reason = "a program for developers, which uses a part of the tests' browser"
)]

#[path = "../tests/browser.rs"]
mod browser;
#[path = "../tests/skip.rs"]
mod skip;

use std::path::{Path, PathBuf};

use browser::Window;

const IMAGE: &str = "strange_03.png";

fn main() {
    // Cargo passes an argument to benches.
    let arguments = std::env::args_os().skip(1).filter(|word| word != "--bench");
    let folders: Vec<PathBuf> = arguments.map(PathBuf::from).collect();
    let [run, pictures] = &folders[..] else { panic!("expected RUN and PICTURES") };
    let page = std::path::absolute(run.join("report.html")).unwrap();

    let window = Window::open(&page, (1180, 780));
    scroll_to_images(&window);
    save(&window, &pictures.join("report_gallery.png"));
    open_image(&window);
    point_at_fixed_pixel(&window);
    window.dark(true);
    save(&window, &pictures.join("report_viewer_dark.png"));

    window.key("Escape");
    window.dark(false);
    window.resize((390, 780), true);
    window.go(&browser::address(&page));
    scroll_to_images(&window);
    open_image(&window);
    save(&window, &pictures.join("report_phone_viewer.png"));
}

fn scroll_to_images(window: &Window) {
    window.run("document.querySelector('#images').scrollIntoView({behavior: 'instant'})");
    window.ask("new Promise((done) => setTimeout(done, 150))");
    window.wait(
        "[...document.querySelectorAll('#gallery img')].every((img) => img.complete)",
    );
}

fn open_image(window: &Window) {
    window.run(&format!("location.hash = '#image={IMAGE}'"));
    window
        .wait(&format!("document.getElementById('viewer').dataset.ready === '{IMAGE}'"));
}

/// Points at column 112, row 128 of the open image.
fn point_at_fixed_pixel(window: &Window) {
    let place = window.ask(
        "(() => { const sheet = document.querySelector('.sheet'); \
         const box = sheet.getBoundingClientRect(); \
         const scale = box.width / parseFloat(sheet.style.width); \
         return [box.left + 112.5 * scale, box.top + 128.5 * scale] })()",
    );
    window.point((place[0].as_f64().unwrap(), place[1].as_f64().unwrap()));
    window.wait("document.querySelector('#readout dd')?.textContent === '112, 128'");
}

fn save(window: &Window, file: &Path) {
    window.run("document.activeElement?.blur()");
    std::fs::write(file, window.screenshot()).unwrap();
}
