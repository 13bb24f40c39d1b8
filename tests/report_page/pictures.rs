//! Pictures of the page, as the README shows them.

use std::fs;

use super::{STREETS, is_quiet, open_image, point_at};
use crate::browser::{self, Window};
use crate::fixture;

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
        let colors: std::collections::HashSet<[u8; 3]> =
            shot.pixels().map(|p| p.0).collect();
        assert!(colors.len() > 500, "{name} shows nothing");
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
