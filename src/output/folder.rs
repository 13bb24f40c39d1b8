//! The output folder of a run: files appear completely or not at all, and never outside it.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};

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

/// Kinds of files that a run writes besides measures, each in a folder of that name.
pub const KINDS: &[&str] =
    &["prediction", "overlay", "probabilities", "deterministic", SET_SIZE, page::FOLDER];

const TEMPORARY_PREFIX: &str = ".mcdrop-";
const TEMPORARY_SUFFIX: &str = ".part";

/// Hint for a folder whose content must not be mixed with new results.
pub const ANOTHER: &str =
    "choose another folder, or use `overwrite = true` to replace its content";

/// A folder into which the files of a run are written.
#[derive(Debug, Clone)]
pub struct OutputFolder {
    path: PathBuf,
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
        Ok(Self { path: path.to_owned() })
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
        stays_inside(relative)?;
        let target = self.path.join(relative);
        let parent = target.parent().unwrap_or(&self.path);
        // If the folder was removed, a new one would contain maps without their table.
        fs::metadata(&self.path)?;
        fs::create_dir_all(parent)?;
        let mut file = temporary_file(parent)?;
        // Writes to the handle, because errors of `NamedTempFile` name the temporary file.
        file.as_file_mut().write_all(bytes)?;
        file.persist(&target)?;
        Ok(())
    }

    /// Reads the file at `relative`; returns `None` if it does not exist.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be read.
    pub fn read(&self, relative: &str) -> Result<Option<Vec<u8>>> {
        let path = self.path.join(relative);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::read(&path, error)),
        }
    }

    /// Returns `true` if names that differ only in case are two files. The folder must contain a
    /// [`TABLE`].
    pub fn tells_case(&self) -> bool {
        let same = self.path.join(TABLE.to_ascii_uppercase());
        !same.exists()
    }

    /// Returns `true` if there is a file at `relative` that is not empty.
    pub fn holds(&self, relative: &str) -> bool {
        let there = fs::symlink_metadata(self.path.join(relative));
        there.is_ok_and(|there| there.is_file() && there.len() > 0)
    }

    /// Removes the files of a run, except its table: the record, then the files with a known ending
    /// in the folders of [`KINDS`] and of the given measures. All other files stay.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be removed.
    pub fn clear(&self, measures: &[&str]) -> Result<()> {
        let record = self.path.join(RECORD);
        match fs::remove_file(&record) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(Error::write(&record, error))
            }
            _ => self.remove(measures, is_ours),
        }
    }

    /// Removes the files that were derived from earlier results: the evaluation and the page.
    ///
    /// # Errors
    ///
    /// Fails if a file cannot be removed.
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
        // A link may lead to files that no run wrote.
        let is_folder = |meta: fs::Metadata| meta.is_dir();
        if fs::symlink_metadata(&folder).is_ok_and(is_folder) {
            remove_files(&folder, is_meant)?;
        }
        Ok(())
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

/// Refuses paths that leave the folder or do not name a file in it.
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
    // Temporary files are private by default; results get the usual permissions.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// Removes the matching files below a folder, then the folders that have become empty.
fn remove_files(folder: &Path, is_meant: fn(&str) -> bool) -> Result<()> {
    for entry in walkdir::WalkDir::new(folder).contents_first(true) {
        let entry = entry.map_err(|error| Error::read(folder, error.into()))?;
        if entry.file_type().is_dir() {
            // The folder is not empty: it contains other files, which stay.
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
