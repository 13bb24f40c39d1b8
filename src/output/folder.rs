//! The output folder of a run: files appear completely or not at all, and never outside it. Links
//! below it are not followed.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::confined::{ConfinedFolder, TemporaryFile, is_temporary};
use super::format::FORMATS;
use super::page;
use crate::{Error, Result};

/// Name of the table of rows, by which a folder of results is recognized.
pub const TABLE: &str = "predictions.csv";

/// Name of the record of the run.
pub const RECORD: &str = "run.json";

/// Name of the file with the metrics of an evaluation.
pub const METRICS: &str = "metrics.json";

/// Name of the folder with the curves of an evaluation.
pub const CURVES: &str = "curves";

/// Kind of the maps that contain the number of classes in the set of each pixel.
pub const SET_SIZE: &str = "set_size";

/// Returns the kind of the maps that show where a label holds.
pub fn label_map_kind(label: &str) -> String {
    format!("{label}.prediction")
}

/// Kinds of files that a run writes besides measures, each in a folder of that name.
pub const KINDS: &[&str] =
    &["prediction", "overlay", "probabilities", "deterministic", SET_SIZE, page::FOLDER];

/// Hint for a folder whose content must not be mixed with new results.
pub const ANOTHER: &str =
    "choose another folder, or use `overwrite = true` to replace its content";

/// A folder into which the files of a run are written.
#[derive(Debug, Clone)]
pub struct OutputFolder {
    path: PathBuf,
    inside: ConfinedFolder,
}

impl OutputFolder {
    /// Creates the folder if it does not exist.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be created, or if a file has its name.
    pub fn create(path: &Path) -> Result<Self> {
        Self::refuse_file(path)?;
        fs::create_dir_all(path).map_err(|error| Error::write(path, error))?;
        let inside = ConfinedFolder::open(path);
        let inside = inside.map_err(|error| Error::write(path, error))?;
        Ok(Self { path: path.to_owned(), inside })
    }

    /// Opens an existing folder.
    ///
    /// # Errors
    ///
    /// Fails if it does not exist or cannot be opened.
    pub fn open(path: &Path) -> Result<Self> {
        let inside = ConfinedFolder::open(path);
        let inside = inside.map_err(|error| Error::read(path, error))?;
        Ok(Self { path: path.to_owned(), inside })
    }

    /// Refuses a path that exists and is not a folder.
    ///
    /// # Errors
    ///
    /// Fails if it is a file, or a broken link.
    pub fn refuse_file(path: &Path) -> Result<()> {
        let what = match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => return Ok(()),
            Ok(_) => "a file",
            Err(_) if path.is_symlink() => "a broken link",
            Err(_) => return Ok(()),
        };
        let message =
            format!("{} is {what}; expected a folder or a new name", path.display());
        Err(Error::setting("output", message)
            .with_hint("give the folder for the results"))
    }

    /// Returns the path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file at `relative`, a path inside the folder with `/` between its parts.
    ///
    /// If anything fails, the file stays as it was before. Missing parent folders are created.
    ///
    /// # Errors
    ///
    /// Fails if `relative` is absolute or leaves the folder by `..`, or if the file cannot be written.
    pub fn write(&self, relative: &str, bytes: &[u8]) -> Result<()> {
        self.replace(relative, bytes).map_err(|error| self.error(relative, error))
    }

    /// Writes the result of an encoder; an error of the encoder gets the name of the file.
    ///
    /// # Errors
    ///
    /// Fails like [`OutputFolder::write`], and if `encoded` is an error.
    pub fn save(&self, relative: &str, encoded: io::Result<Vec<u8>>) -> Result<()> {
        let bytes = encoded.map_err(|error| self.error(relative, error))?;
        self.write(relative, &bytes)
    }

    fn error(&self, relative: &str, source: io::Error) -> Error {
        Error::write(&self.path.join(relative), source)
    }

    fn replace(&self, relative: &str, bytes: &[u8]) -> io::Result<()> {
        let file = self.inside.temporary(relative)?;
        file.file().write_all(bytes)?;
        file.persist(relative)?;
        Ok(())
    }

    /// Creates a temporary file that can replace the file at `relative`.
    pub(super) fn temporary(&self, relative: &str) -> io::Result<TemporaryFile> {
        self.inside.temporary(relative)
    }

    /// Opens the file at `relative` to read and write it, and creates it if it does not exist.
    pub(super) fn open_or_create(&self, relative: &str) -> io::Result<File> {
        self.inside.open_or_create(relative)
    }

    /// Returns the metadata of what is at `relative`, of the link itself if it is one.
    pub(super) fn entry_metadata(
        &self,
        relative: &str,
    ) -> io::Result<cap_std::fs::Metadata> {
        self.inside.metadata(relative)
    }

    /// Opens the file at `relative`.
    ///
    /// # Errors
    ///
    /// Fails if it does not exist, if it is not a regular file, or if a part of the path is a link.
    pub fn open_file(&self, relative: &str) -> io::Result<File> {
        self.inside.open_file(relative)
    }

    /// Reads the file at `relative`.
    ///
    /// # Errors
    ///
    /// Fails like [`OutputFolder::open_file`], or if the file cannot be read.
    pub fn read_file(&self, relative: &str) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open_file(relative)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Reads the file at `relative`; returns `None` if it does not exist.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be read.
    pub fn read(&self, relative: &str) -> Result<Option<Vec<u8>>> {
        match self.read_file(relative) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::read(&self.path.join(relative), error)),
        }
    }

    /// Returns `true` if names that differ only in case are two files. The folder must contain a
    /// [`TABLE`].
    pub fn tells_case(&self) -> bool {
        self.inside.metadata(&TABLE.to_ascii_uppercase()).is_err()
    }

    /// Returns `true` if there is anything at `relative`, even a broken link.
    pub fn entry_exists(&self, relative: &str) -> bool {
        self.inside.metadata(relative).is_ok()
    }

    /// Returns `true` if there is a regular file at `relative`.
    pub fn has_file(&self, relative: &str) -> bool {
        self.inside.metadata(relative).is_ok_and(|there| there.is_file())
    }

    /// Returns `true` if there is a regular file at `relative` that is not empty.
    pub fn holds(&self, relative: &str) -> bool {
        let there = self.inside.metadata(relative);
        there.is_ok_and(|there| there.is_file() && there.len() > 0)
    }

    /// Returns the time of the last change of the regular file at `relative`.
    pub fn modified(&self, relative: &str) -> Option<std::time::SystemTime> {
        let there =
            self.inside.metadata(relative).ok().filter(cap_std::fs::Metadata::is_file)?;
        there.modified().ok().map(cap_std::time::SystemTime::into_std)
    }

    /// Removes the files of a run, except its table: the record, then the files with a known ending
    /// in the folders of [`KINDS`] and of the given measures. All other files stay.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be removed.
    pub fn clear(&self, measures: &[&str]) -> Result<()> {
        self.inside.remove_file(RECORD).map_err(|error| self.error(RECORD, error))?;
        self.remove(measures, is_ours)
    }

    /// Removes the files that were derived from earlier results: the evaluation and the page.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be removed.
    pub fn clear_derived(&self) -> Result<()> {
        for name in [METRICS, page::PAGE] {
            self.inside.remove_file(name).map_err(|error| self.error(name, error))?;
        }
        let removed = self.inside.remove_below(CURVES, is_curve);
        removed.map_err(|error| self.error(CURVES, error))
    }

    /// Removes the files with a known ending in a folder below this one.
    ///
    /// # Errors
    ///
    /// Fails if that folder lies outside this one, or if a file cannot be removed.
    pub fn clear_kind(&self, kind: &str) -> Result<()> {
        self.remove_in(kind, is_ours)
    }

    /// Removes temporary files of a run that was killed.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be removed.
    pub fn sweep(&self, measures: &[&str]) -> Result<()> {
        let removed = self.inside.remove_here(is_temporary);
        removed.map_err(|error| Error::write(&self.path, error))?;
        self.remove(measures, is_temporary)
    }

    fn remove(&self, measures: &[&str], is_meant: fn(&str) -> bool) -> Result<()> {
        let mut kinds = KINDS.iter().chain(measures);
        kinds.try_for_each(|kind| self.remove_in(kind, is_meant))
    }

    fn remove_in(&self, kind: &str, is_meant: fn(&str) -> bool) -> Result<()> {
        let removed = self.inside.remove_below(kind, is_meant);
        removed.map_err(|error| self.error(kind, error))
    }
}

/// Returns the path of a map of an image: `<kind>/<id>.<extension>`.
///
/// The id keeps its own ending, so that `a.jpg` and `a.png` have different maps. A folder whose name
/// ends like that of a map, with or without `_` behind it, gets one more `_`: the map of `a.png` is
/// `a.png.png`, and one of `a.png.png/b.png` would need a folder of that name. Therefore maps of
/// different ids never have the same path, if the file system distinguishes their names
/// ([`OutputFolder::tells_case`]).
pub fn map_path(kind: &str, id: &str, extension: &str) -> String {
    path_below(kind, id, extension, &|ending| {
        FORMATS.iter().any(|format| ending.eq_ignore_ascii_case(format.extension))
    })
}

/// Returns `<kind>/<id>.<extension>`; folders whose names end like files get a `_`.
pub(super) fn path_below(
    kind: &str,
    id: &str,
    extension: &str,
    is_of_files: &dyn Fn(&str) -> bool,
) -> String {
    let mut path = format!("{kind}/");
    let mut parts = id.split('/').peekable();
    while let Some(part) = parts.next() {
        path.push_str(part);
        if parts.peek().is_none() {
            break;
        }
        let ending =
            part.trim_end_matches('_').rsplit_once('.').map(|(_, ending)| ending);
        if ending.is_some_and(is_of_files) {
            path.push('_');
        }
        path.push('/');
    }
    path.push('.');
    path.push_str(extension);
    path
}

fn is_curve(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending);
    matches!(ending, Some("csv" | "svg" | "png"))
}

fn is_ours(name: &str) -> bool {
    let has =
        |ending: &str| name.strip_suffix(ending).is_some_and(|stem| stem.ends_with('.'));
    let extensions = FORMATS.iter().map(|format| format.extension);
    is_temporary(name) || extensions.chain(page::ENDINGS.iter().copied()).any(has)
}

#[cfg(test)]
mod tests;
