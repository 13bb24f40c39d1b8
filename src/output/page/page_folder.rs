//! The folder of the files that the page loads.

use std::io;

use super::preview::{self, Heat};
use super::{DATA, ENDINGS, FOLDER, PICTURES, THUMBNAILS};
use crate::error::Result;
use crate::output::folder::{OutputFolder, path_below};
use crate::output::overlay::Photo;

/// A folder of files that a page loads.
#[derive(Debug, Clone, Copy)]
pub struct PageFolder<'a> {
    /// Folder of the page.
    pub output: &'a OutputFolder,
    /// Name of the folder below it: [`FOLDER`], or [`OTHER`](super::OTHER).
    pub folder: &'static str,
}

/// Endings of the pictures of an image; `None` if there is no picture.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pictures {
    /// Ending of the whole picture.
    pub whole: Option<&'static str>,
    /// Ending of the thumbnail.
    pub small: Option<&'static str>,
}

impl<'a> PageFolder<'a> {
    /// Returns the folder of the page's own run.
    pub fn own(output: &'a OutputFolder) -> Self {
        Self { output, folder: FOLDER }
    }

    /// Returns the path of a file of a kind: `report/<kind>/<id>.<ending>`.
    ///
    /// As for maps ([`map_path`](crate::output::folder::map_path)), parent folders whose names end
    /// like such a file get a `_`, so that files of different ids never have the same path.
    pub fn path(&self, kind: &str, id: &str, ending: &str) -> String {
        path_below(&format!("{}/{kind}", self.folder), id, ending, &|ending| {
            ENDINGS.iter().any(|known| ending.eq_ignore_ascii_case(known))
        })
    }

    /// Returns the pictures of an image that exist.
    pub fn pictures(&self, id: &str) -> Pictures {
        let of = |kind: &str| {
            let is_there =
                |ending: &&&str| self.output.holds(&self.path(kind, id, ending));
            ["png", "jpg"].iter().find(is_there).copied()
        };
        Pictures { whole: of(PICTURES), small: of(THUMBNAILS) }
    }

    /// Returns `true` if the files that a run writes for an image exist, including those of values if
    /// its task has maps.
    pub fn holds(&self, id: &str, has_maps: bool) -> bool {
        let pictures = self.pictures(id);
        let has_values = || self.output.holds(&self.path(DATA, id, "js"));
        pictures.whole.and(pictures.small).is_some() && (!has_maps || has_values())
    }

    /// Writes the picture of an image, and a thumbnail with a heat map over it.
    ///
    /// # Errors
    /// Fails if the picture is empty or does not have the stated size, or if a file cannot be
    /// written.
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

    /// Writes only the thumbnail of an image, and returns its ending.
    ///
    /// # Errors
    /// Fails like [`Self::save_pictures`].
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
    /// Fails if it could not be encoded or cannot be written.
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
