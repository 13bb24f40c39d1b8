//! The folder a run writes into: files appear whole or not at all, and never outside it.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};

use super::format::FORMATS;
use super::page;
use crate::{Error, Result};

/// Name of the table of rows, by which the folder of a run is known.
pub const TABLE: &str = "predictions.csv";

/// Name of the record of how the run was made.
pub const RECORD: &str = "run.json";

/// The metrics of an evaluation.
pub const METRICS: &str = "metrics.json";

/// The folder of its curves.
pub const CURVES: &str = "curves";

/// How many classes are in the set of each pixel, where a policy makes sets.
pub const SET_SIZE: &str = "set_size";

/// Kinds of files a run writes besides the measures, each in a folder of that name.
pub const KINDS: &[&str] =
    &["prediction", "overlay", "probabilities", "deterministic", SET_SIZE, page::FOLDER];

const TEMPORARY_PREFIX: &str = ".mcdrop-";
const TEMPORARY_SUFFIX: &str = ".part";

/// The way out where a folder holds what must not be mixed with new results.
pub const ANOTHER: &str =
    "choose another folder, or say `overwrite = true` to replace what is there";

/// A folder that files of a run are written into.
#[derive(Debug, Clone)]
pub struct OutputFolder {
    path: PathBuf,
}

impl OutputFolder {
    /// Creates the folder where it is not there yet.
    ///
    /// # Errors
    ///
    /// When it cannot be created, or something else has its name.
    pub fn create(path: &Path) -> Result<Self> {
        Self::refuse_file(path)?;
        fs::create_dir_all(path).map_err(|error| Error::write(path, error))?;
        Ok(Self { path: path.to_owned() })
    }

    /// Refuses what is there and is no folder.
    ///
    /// # Errors
    ///
    /// When it is a file, or a link to nothing.
    pub fn refuse_file(path: &Path) -> Result<()> {
        let what = match fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => return Ok(()),
            Ok(_) => "a file",
            Err(_) if path.is_symlink() => "a link to nothing",
            Err(_) => return Ok(()),
        };
        let message =
            format!("{} is {what}; expected a folder or a new name", path.display());
        Err(Error::setting("output", message)
            .with_hint("give the folder for the results"))
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file at `relative`, a path inside the folder with `/` between its parts.
    ///
    /// The file is there with all its bytes or, if anything fails, as it was before. Folders
    /// on the way are created.
    ///
    /// # Errors
    ///
    /// When `relative` is absolute or climbs out with `..`, or the file cannot be written.
    pub fn write(&self, relative: &str, bytes: &[u8]) -> Result<()> {
        self.replace(relative, bytes).map_err(|error| self.error(relative, error))
    }

    /// Writes what an encoder made, or says for which file it could not.
    ///
    /// # Errors
    ///
    /// As [`OutputFolder::write`], and when `encoded` is an error.
    pub fn save(&self, relative: &str, encoded: io::Result<Vec<u8>>) -> Result<()> {
        let bytes = encoded.map_err(|error| self.error(relative, error))?;
        self.write(relative, &bytes)
    }

    fn error(&self, relative: &str, source: io::Error) -> Error {
        Error::write(&self.path.join(relative), source)
    }

    fn replace(&self, relative: &str, bytes: &[u8]) -> io::Result<()> {
        stays_inside(relative)?;
        let target = self.path.join(relative);
        let parent = target.parent().unwrap_or(&self.path);
        // Made anew after it was removed, it would hold maps without their table.
        fs::metadata(&self.path)?;
        fs::create_dir_all(parent)?;
        let mut file = temporary_file(parent)?;
        // The handle itself: errors of the other name the temporary file.
        file.as_file_mut().write_all(bytes)?;
        file.persist(&target)?;
        Ok(())
    }

    /// The file at `relative` in this folder; `None` where there is none.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub fn read(&self, relative: &str) -> Result<Option<Vec<u8>>> {
        let path = self.path.join(relative);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::read(&path, error)),
        }
    }

    /// Whether names in it that differ only in case are two; it must hold a [`TABLE`].
    pub fn tells_case(&self) -> bool {
        let same = self.path.join(TABLE.to_ascii_uppercase());
        !same.exists()
    }

    /// Whether there is a file at `relative` with something in it.
    pub fn holds(&self, relative: &str) -> bool {
        let there = fs::symlink_metadata(self.path.join(relative));
        there.is_ok_and(|there| there.is_file() && there.len() > 0)
    }

    /// Removes the files of a run, except its table: the record, then the files with an ending
    /// of ours in the folders of [`KINDS`] and of the measures named. Everything else stays.
    ///
    /// # Errors
    ///
    /// When one cannot be removed.
    pub fn clear(&self, measures: &[&str]) -> Result<()> {
        let record = self.path.join(RECORD);
        match fs::remove_file(&record) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::write(&record, error))
            }
            _ => self.remove(measures, is_ours),
        }
    }

    /// Removes what was made of earlier results: the evaluation, and the page.
    ///
    /// # Errors
    ///
    /// When a file cannot be removed.
    pub fn clear_derived(&self) -> Result<()> {
        for name in [METRICS, page::PAGE] {
            let file = self.path.join(name);
            match fs::remove_file(&file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::write(&file, error));
                }
                _ => {}
            }
        }
        let folder = self.path.join(CURVES);
        let is_folder = |meta: fs::Metadata| meta.is_dir();
        if fs::symlink_metadata(&folder).is_ok_and(is_folder) {
            remove_files(&folder, is_curve)?;
        }
        Ok(())
    }

    /// Removes the files with an ending of ours in one folder below.
    ///
    /// # Errors
    ///
    /// When it lies outside, or a file cannot be removed.
    pub fn clear_kind(&self, kind: &str) -> Result<()> {
        self.remove_in(kind, is_ours)
    }

    /// Removes temporary files that a run left behind that was killed.
    ///
    /// # Errors
    ///
    /// When one cannot be removed.
    pub fn sweep(&self, measures: &[&str]) -> Result<()> {
        let entries = fs::read_dir(&self.path).map_err(|e| Error::read(&self.path, e))?;
        for entry in entries.filter_map(std::result::Result::ok) {
            let is_file = entry.file_type().is_ok_and(|kind| kind.is_file());
            if is_file && is_temporary(&entry.file_name().to_string_lossy()) {
                fs::remove_file(entry.path())
                    .map_err(|error| Error::write(&entry.path(), error))?;
            }
        }
        self.remove(measures, is_temporary)
    }

    fn remove(&self, measures: &[&str], is_meant: fn(&str) -> bool) -> Result<()> {
        let mut kinds = KINDS.iter().chain(measures);
        kinds.try_for_each(|kind| self.remove_in(kind, is_meant))
    }

    fn remove_in(&self, kind: &str, is_meant: fn(&str) -> bool) -> Result<()> {
        stays_inside(kind).map_err(|error| self.error(kind, error))?;
        let folder = self.path.join(kind);
        // Through a link one might reach files that no run wrote.
        let is_folder = |meta: fs::Metadata| meta.is_dir();
        if fs::symlink_metadata(&folder).is_ok_and(is_folder) {
            remove_files(&folder, is_meant)?;
        }
        Ok(())
    }
}

/// Where the map of one kind for one image lies: `<kind>/<id>.<extension>`.
///
/// The id keeps its own ending, so that `a.jpg` and `a.png` do not meet. A folder whose name
/// ends as a map's does, maybe with `_` behind, gets one more `_`: the map of `a.png` is
/// `a.png.png`, and one of `a.png.png/b.png` would need a folder of that name. So maps of
/// different ids never meet, where the file system tells their names apart
/// ([`OutputFolder::tells_case`]).
pub fn map_path(kind: &str, id: &str, extension: &str) -> String {
    path_below(kind, id, extension, &|ending| {
        FORMATS.iter().any(|format| ending.eq_ignore_ascii_case(format.extension))
    })
}

/// `<kind>/<id>.<extension>`, where folders whose names have an ending of files get a `_`.
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

/// Refuses paths that lead out of the folder or name no file in it.
fn stays_inside(relative: &str) -> io::Result<()> {
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    let path = Path::new(relative);
    if relative.is_empty() || relative.ends_with('/') || !path.components().all(plain) {
        let message = "the path does not stay inside the output folder";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    Ok(())
}

pub(super) fn temporary_file(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY_PREFIX).suffix(TEMPORARY_SUFFIX);
    // Temporary files are private by default; results are as readable as any other file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// Removes the files below a folder whose names are meant, then the folders that are empty
/// without them.
fn remove_files(folder: &Path, is_meant: fn(&str) -> bool) -> Result<()> {
    for entry in walkdir::WalkDir::new(folder).contents_first(true) {
        let entry = entry.map_err(|error| Error::read(folder, error.into()))?;
        if entry.file_type().is_dir() {
            // Not empty: something else is in there, and stays.
            let _ = fs::remove_dir(entry.path());
        } else if is_meant(&entry.file_name().to_string_lossy()) {
            fs::remove_file(entry.path())
                .map_err(|error| Error::write(entry.path(), error))?;
        }
    }
    Ok(())
}

fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY_PREFIX) && name.ends_with(TEMPORARY_SUFFIX)
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
