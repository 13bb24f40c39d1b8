//! Files behind the page of a folder (`report.html`): its pictures, and values that it can read.
//!
//! A page that was opened from disk may neither fetch a file nor read the pixels of a picture.
//! Values come to it as scripts, one an image, loaded when they are looked at ([`data`]). The
//! pictures are copies, so that the folder can be moved and passed on ([`preview`]).

pub mod data;
pub mod preview;

use super::folder::{OutputFolder, path_below};

/// The page itself.
pub const PAGE: &str = "report.html";

/// The folder of everything behind it.
pub const FOLDER: &str = "report";

/// Values of maps: `report/data/<path>.js`.
pub const DATA: &str = "report/data";

/// Pictures as they were decoded, upright: PNG for small ones, else JPEG.
pub const PICTURES: &str = "report/images";

/// Small pictures with the heat map over them.
pub const THUMBNAILS: &str = "report/thumbnails";

/// Labels, where some were given.
pub const LABELS: &str = "report/labels";

/// The same of the run that is compared with.
pub const OTHER: &str = "report/compare";

/// Endings of files behind the page.
pub const ENDINGS: &[&str] = &["js", "png", "jpg"];

/// Where a file behind the page lies: `<kind>/<id>.<extension>`.
///
/// As maps ([`map_path`](super::folder::map_path)): folders on the way whose names end like such
/// a file get a `_`, so that files of different ids never meet.
pub fn path(kind: &str, id: &str, extension: &str) -> String {
    path_below(kind, id, extension, &|ending| {
        ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known))
    })
}

/// Whether the files behind the page are there that a run writes of an image; `map` is whether
/// there are scores for each pixel.
pub fn holds(folder: &OutputFolder, id: &str, map: bool) -> bool {
    let picture = |kind: &str| {
        ["png", "jpg"].iter().any(|ending| folder.holds(&path(kind, id, ending)))
    };
    let values = || folder.holds(&path(DATA, id, "js"));
    picture(PICTURES) && picture(THUMBNAILS) && (!map || values())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_different_images_never_meet() {
        let ids = ["a.js", "a", "a.js/b", "a.js_/b", "a.JPG/b", "b.png/c", "b.png.png/c"];
        let mut paths: Vec<String> = Vec::new();
        for id in ids {
            paths.extend(ENDINGS.iter().map(|ending| path(DATA, id, ending)));
        }
        for (i, one) in paths.iter().enumerate() {
            for other in &paths[..i] {
                assert!(one != other && !other.starts_with(&format!("{one}/")), "{one}");
                assert!(!one.starts_with(&format!("{other}/")), "{one} {other}");
            }
        }
    }
}
