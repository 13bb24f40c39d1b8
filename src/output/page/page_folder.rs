//! Where files behind the page lie, and the pictures there.

use std::io;

use super::preview::{self, Heat};
use super::{DATA, ENDINGS, FOLDER, PICTURES, THUMBNAILS};
use crate::error::Result;
use crate::output::folder::{OutputFolder, path_below};
use crate::output::overlay::Photo;

/// A folder of files behind a page.
#[derive(Debug, Clone, Copy)]
pub struct PageFolder<'a> {
    /// The folder of the page.
    pub output: &'a OutputFolder,
    /// Below it: [`FOLDER`], or [`OTHER`](super::OTHER).
    pub folder: &'static str,
}

/// Endings of an image's pictures, where there are any.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pictures {
    /// Of the whole one.
    pub whole: Option<&'static str>,
    /// Of the small one.
    pub small: Option<&'static str>,
}

impl<'a> PageFolder<'a> {
    /// That of the page's own run.
    pub fn own(output: &'a OutputFolder) -> Self {
        Self { output, folder: FOLDER }
    }

    /// The path of a file of a kind: `report/<kind>/<id>.<ending>`.
    ///
    /// As maps ([`map_path`](crate::output::folder::map_path)): folders on the way whose names end
    /// like such a file get a `_`, so that files of different ids never meet.
    pub fn path(&self, kind: &str, id: &str, ending: &str) -> String {
        path_below(&format!("{}/{kind}", self.folder), id, ending, &|ending| {
            ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known))
        })
    }

    /// The pictures of an image that are there.
    pub fn pictures(&self, id: &str) -> Pictures {
        let of = |kind: &str| {
            let is_there =
                |ending: &&&str| self.output.holds(&self.path(kind, id, ending));
            ["png", "jpg"].iter().find(is_there).copied()
        };
        Pictures { whole: of(PICTURES), small: of(THUMBNAILS) }
    }

    /// Returns true if the files that a run writes of an image exist, those of values included if
    /// its task has maps.
    pub fn holds(&self, id: &str, has_maps: bool) -> bool {
        let pictures = self.pictures(id);
        let has_values = || self.output.holds(&self.path(DATA, id, "js"));
        pictures.whole.and(pictures.small).is_some() && (!has_maps || has_values())
    }

    /// Writes the picture of an image, and a small one with a heat map over it.
    ///
    /// # Errors
    /// If the picture is empty or not as large as it says, or a file cannot be written.
    pub fn save_pictures(
        &self,
        id: &str,
        photo: Photo<'_>,
        heat: Option<&Heat<'_>>,
    ) -> Result<Pictures> {
        let whole = preview::picture_ending(photo.width, photo.height);
        self.save(PICTURES, id, whole, preview::picture(photo))?;
        let small = self.save_small(id, photo, heat)?;
        Ok(Pictures { whole: Some(whole), small: Some(small) })
    }

    /// Writes the small picture of an image alone, and says its ending.
    ///
    /// # Errors
    /// As [`Self::save_pictures`].
    pub fn save_small(
        &self,
        id: &str,
        photo: Photo<'_>,
        heat: Option<&Heat<'_>>,
    ) -> Result<&'static str> {
        let ending = preview::thumbnail_ending(photo.width, photo.height);
        self.save(THUMBNAILS, id, ending, preview::thumbnail(photo, heat))?;
        Ok(ending)
    }

    /// Writes a file of a kind.
    ///
    /// # Errors
    /// If it could not be encoded, or cannot be written.
    pub fn save(
        &self,
        kind: &str,
        id: &str,
        ending: &str,
        encoded: io::Result<Vec<u8>>,
    ) -> Result<()> {
        self.output.save(&self.path(kind, id, ending), encoded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_of_different_images_never_meet() {
        let folder = tempfile::tempdir().unwrap();
        let output = OutputFolder::create(folder.path()).unwrap();
        let page_folder = PageFolder::own(&output);
        let ids = ["a.js", "a", "a.js/b", "a.js_/b", "a.JPG/b", "b.png/c", "b.png.png/c"];
        let mut paths: Vec<String> = Vec::new();
        for id in ids {
            paths.extend(ENDINGS.iter().map(|ending| page_folder.path(DATA, id, ending)));
        }
        for (i, one) in paths.iter().enumerate() {
            for other in &paths[..i] {
                assert!(one != other && !other.starts_with(&format!("{one}/")), "{one}");
                assert!(!one.starts_with(&format!("{other}/")), "{one} {other}");
            }
        }
    }
}
