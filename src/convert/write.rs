//! Writes a file and its external data completely, or not at all.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::onnx::{Model, proto};

/// Hint for a target that exists.
const ANOTHER: &str = "choose another name, or add `overwrite = true` to replace it";

/// Checks that the target may be written.
///
/// # Errors
/// Fails if it is a folder, the model itself, or an existing file that must not be replaced.
pub(super) fn refuse_target(model: &Model, target: &Path, overwrite: bool) -> Result<()> {
    let refused = |what: &str, hint: &str| {
        Err(Error::setting("output", format!("{} is {what}", target.display()))
            .with_hint(hint))
    };
    if target.file_name().is_none() || target.is_dir() {
        return refused(
            "a folder, where a file is expected",
            "give a name: model-live.onnx",
        );
    }
    let data = data_path(target);
    // A device would be replaced by a file of its name.
    let is_special = |path: &Path| {
        path.metadata().is_ok_and(|there| !there.is_file() && !there.is_dir())
    };
    if is_special(target) || (!model.external.is_empty() && is_special(&data)) {
        return refused("not a regular file", "choose another name");
    }
    let mut own =
        [model.path()].into_iter().chain(model.external.files().map(|(_, path)| path));
    let is_own = |path| {
        is_same(path, target) || (!model.external.is_empty() && is_same(path, &data))
    };
    if own.any(is_own) {
        return refused("the model itself or its data", "choose another name");
    }
    if !overwrite && (target.exists() || target.is_symlink()) {
        return refused("there already", ANOTHER);
    }
    Ok(())
}

/// Returns true if two paths lead to the same file.
fn is_same(a: &Path, b: &Path) -> bool {
    match (fs::canonicalize(a), fs::canonicalize(b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

/// A model and its external data in a temporary folder beside the target, which is deleted unless
/// [`PendingFile::finish`] moves them to the target.
#[derive(Debug)]
pub(super) struct PendingFile {
    folder: ScratchFolder,
    file: PathBuf,
    /// The data file to be moved: from, to.
    data: Option<(PathBuf, PathBuf)>,
}

impl PendingFile {
    /// Writes the model, and a copy of its external data beside it.
    pub(super) fn write(
        model: &Model,
        mut messages: proto::Model,
        target: &Path,
        overwrite: bool,
    ) -> Result<Self> {
        let parent = match target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let failed = |source| Error::write(target, source);
        fs::create_dir_all(parent).map_err(failed)?;
        let folder = ScratchFolder::create_in(parent).map_err(failed)?;
        let file = folder.0.join(target.file_name().unwrap_or_default());
        let mut pending = Self { folder, file, data: None };
        if !model.external.is_empty() {
            pending.put_data(model, &mut messages, target, overwrite)?;
        }
        fs::write(&pending.file, Model::encode_messages(&messages)).map_err(failed)?;
        Ok(pending)
    }

    /// Path of the temporary file.
    pub(super) fn path(&self) -> &Path {
        &self.file
    }

    /// Copies the model's external data into one file beside the temporary one. It is named after the
    /// target, with `.data`, whatever names the model gives.
    fn put_data(
        &mut self,
        model: &Model,
        messages: &mut proto::Model,
        target: &Path,
        overwrite: bool,
    ) -> Result<()> {
        let to = data_path(target);
        let failed = |source| Error::write(&to, source);
        let Some(name) = to.file_name().and_then(OsStr::to_str) else {
            let message = format!("the name of {} is not Unicode", target.display());
            return Err(
                Error::setting("output", message).with_hint("choose another name")
            );
        };
        let from = self.folder.0.join(name);
        let mut copy = File::create_new(&from).map_err(failed)?;
        for (offset, path) in model.external.merge(messages, name) {
            let mut part = File::open(path).map_err(|error| Error::read(path, error))?;
            copy.seek(SeekFrom::Start(offset)).map_err(failed)?;
            // Shares the blocks on file systems that can.
            io::copy(&mut part, &mut copy).map_err(failed)?;
        }
        drop(copy);
        let there = to.symlink_metadata().ok();
        let stays = there.as_ref().is_some_and(fs::Metadata::is_file)
            && has_same_content(&from, &to).map_err(failed)?;
        if there.is_some() && !stays && !overwrite {
            let message = format!("{} is there already, with other data", to.display());
            return Err(Error::setting("output", message).with_hint(ANOTHER));
        }
        if !stays {
            self.data = Some((from, to));
        }
        Ok(())
    }

    /// Moves everything to the target, the model last, and returns the data file if it was moved.
    pub(super) fn finish(self, target: &Path) -> Result<Option<PathBuf>> {
        let moved = |from: &Path, to: &Path| {
            fs::rename(from, to).map_err(|source| Error::write(to, source))
        };
        if let Some((from, to)) = &self.data {
            moved(from, to)?;
        }
        moved(&self.file, target)?;
        Ok(self.data.map(|(_, to)| to))
    }
}

/// A new folder that is deleted with everything in it.
#[derive(Debug)]
struct ScratchFolder(PathBuf);

/// Largest number of names that are tried for a folder.
const MOST_NAMES: u32 = 1000;

impl ScratchFolder {
    /// Creates a folder with a name that is not taken.
    fn create_in(parent: &Path) -> io::Result<Self> {
        let process = std::process::id();
        let mut names = (0..MOST_NAMES).map(|n| format!(".mcdrop-{process}-{n}.part"));
        loop {
            let name = names.next().ok_or(io::ErrorKind::AlreadyExists)?;
            let path = parent.join(name);
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Drop for ScratchFolder {
    fn drop(&mut self) {
        // A folder that cannot be deleted has a name that tells what it is.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Returns the path of the external data of a converted file.
fn data_path(target: &Path) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(".data");
    target.with_file_name(name)
}

/// Returns true if two files have the same content.
fn has_same_content(a: &Path, b: &Path) -> io::Result<bool> {
    if fs::metadata(a)?.len() != fs::metadata(b)?.len() {
        return Ok(false);
    }
    let (mut a, mut b) = (File::open(a)?, File::open(b)?);
    let (mut own, mut other) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    loop {
        let count = a.read(&mut own)?;
        if count == 0 {
            return Ok(true);
        }
        b.read_exact(&mut other[..count])?;
        if own[..count] != other[..count] {
            return Ok(false);
        }
    }
}
