//! The folder a run writes into: files appear whole or not at all, and never outside it.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Component, Path, PathBuf};

use super::format::FORMATS;
use crate::{Error, Result};

/// Name of the table of rows, by which the folder of a run is known.
pub const TABLE: &str = "predictions.csv";

/// Name of the record of how the run was made.
pub const RECORD: &str = "run.json";

/// Kinds of files a run writes besides the measures, each in a folder of that name.
pub const KINDS: &[&str] = &["prediction", "overlay", "probabilities", "deterministic"];

const TEMPORARY_PREFIX: &str = ".mcdrop-";
const TEMPORARY_SUFFIX: &str = ".part";

/// What to do with the results of an earlier run in the same folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Earlier<'a> {
    /// Refuse the folder.
    Refuse,
    /// Remove them: the table, the record, and the files with an ending of ours in the folders
    /// of [`KINDS`] and of the measures named here. Everything else stays.
    Replace {
        /// Names of the measures that may have a folder.
        measures: &'a [&'a str],
    },
}

/// A folder that files of a run are written into.
#[derive(Debug, Clone)]
pub struct OutputFolder {
    path: PathBuf,
}

impl OutputFolder {
    /// Creates the folder, or takes one that holds no results yet.
    ///
    /// # Errors
    ///
    /// When it holds results that are not to be replaced, or cannot be created or cleared.
    pub fn create(path: &Path, earlier: Earlier<'_>) -> Result<Self> {
        fs::create_dir_all(path).map_err(|error| Error::write(path, error))?;
        let folder = Self { path: path.to_owned() };
        match earlier {
            Earlier::Refuse => Self::refuse_results(path)?,
            Earlier::Replace { measures } if holds_results(path) => {
                folder.clear(measures)?;
            }
            Earlier::Replace { .. } => {}
        }
        Ok(folder)
    }

    /// Refuses a folder that holds results of an earlier run.
    ///
    /// # Errors
    ///
    /// When it does.
    pub fn refuse_results(path: &Path) -> Result<()> {
        if !holds_results(path) {
            return Ok(());
        }
        let message = format!("{} holds {TABLE} already", path.display());
        let hint = "another folder, or --overwrite to replace what is there";
        Err(Error::setting("-o", message).with_hint(hint))
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
        fs::create_dir_all(parent)?;
        let mut file = temporary_file(parent)?;
        file.write_all(bytes)?;
        file.persist(&target)?;
        Ok(())
    }

    /// Removes the results of an earlier run, the table last: until then the folder is known
    /// for what it is.
    fn clear(&self, measures: &[&str]) -> Result<()> {
        for kind in KINDS.iter().chain(measures) {
            stays_inside(kind).map_err(|error| self.error(kind, error))?;
            let folder = self.path.join(kind);
            // Through a link one might reach files that no run wrote.
            let is_folder = |meta: fs::Metadata| meta.is_dir();
            if fs::symlink_metadata(&folder).is_ok_and(is_folder) {
                clear_maps(&folder)?;
            }
        }
        for name in [RECORD, TABLE] {
            let file = self.path.join(name);
            match fs::remove_file(&file) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(Error::write(&file, error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}

fn holds_results(path: &Path) -> bool {
    fs::symlink_metadata(path.join(TABLE)).is_ok()
}

/// Where the map of one kind for one image lies: `<kind>/<id>.<extension>`.
///
/// The id keeps its own ending, so that `a.jpg` and `a.png` do not meet.
pub fn map_path(kind: &str, id: &str, extension: &str) -> String {
    format!("{kind}/{id}.{extension}")
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

fn temporary_file(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(TEMPORARY_PREFIX).suffix(TEMPORARY_SUFFIX);
    // Temporary files are private by default; results are as readable as any other file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

/// Removes the files of ours below a folder, then the folders that are empty without them.
fn clear_maps(folder: &Path) -> Result<()> {
    for entry in walkdir::WalkDir::new(folder).contents_first(true) {
        let entry = entry.map_err(|error| Error::read(folder, error.into()))?;
        if entry.file_type().is_dir() {
            // Not empty: something else is in there, and stays.
            let _ = fs::remove_dir(entry.path());
        } else if is_ours(&entry.file_name().to_string_lossy()) {
            fs::remove_file(entry.path())
                .map_err(|error| Error::write(entry.path(), error))?;
        }
    }
    Ok(())
}

fn is_ours(name: &str) -> bool {
    let temporary =
        name.starts_with(TEMPORARY_PREFIX) && name.ends_with(TEMPORARY_SUFFIX);
    let has =
        |ending: &str| name.strip_suffix(ending).is_some_and(|stem| stem.ends_with('.'));
    temporary || FORMATS.iter().any(|format| has(format.extension))
}

#[cfg(test)]
mod tests;
