//! Writes a file and its external data completely, or not at all.

use std::fs::{self, File};
use std::io::{self, Read as _};
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
    let own =
        [model.path()].into_iter().chain(model.external.files().map(|(_, path)| path));
    if own.into_iter().any(|path| is_same(path, target)) {
        let hint = "choose another name";
        return refused("the model itself or its data", hint);
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
    folder: tempfile::TempDir,
    file: PathBuf,
    /// Data files to be moved: from, to.
    data: Vec<(PathBuf, PathBuf)>,
}

impl PendingFile {
    /// Writes the model, and links its external data beside it.
    pub(super) fn write(
        model: &Model,
        messages: &proto::Model,
        target: &Path,
        overwrite: bool,
    ) -> Result<Self> {
        let parent = match target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let failed = |source| Error::write(target, source);
        fs::create_dir_all(parent).map_err(failed)?;
        let mut builder = tempfile::Builder::new();
        let folder = builder.prefix(".mcdrop-").suffix(".part").tempdir_in(parent);
        let folder = folder.map_err(failed)?;
        let file = folder.path().join(target.file_name().unwrap_or_default());
        let mut pending = Self { folder, file, data: Vec::new() };
        for (location, path) in model.external.files() {
            pending.put_data(path, location, &parent.join(location), overwrite)?;
        }
        fs::write(&pending.file, Model::encode_messages(messages)).map_err(failed)?;
        Ok(pending)
    }

    /// Path of the temporary file.
    pub(super) fn path(&self) -> &Path {
        &self.file
    }

    fn put_data(
        &mut self,
        from: &Path,
        location: &str,
        to: &Path,
        overwrite: bool,
    ) -> Result<()> {
        let failed = |source| Error::write(to, source);
        let is_there = to.exists() || to.is_symlink();
        let stays = is_there
            && (is_same(from, to) || has_same_content(from, to).map_err(failed)?);
        if is_there && !stays && !overwrite {
            let message = format!("{} is there already, with other data", to.display());
            return Err(Error::setting("output", message).with_hint(
                "write into another folder: the data of a model keep their name",
            ));
        }
        let linked = self.folder.path().join(location);
        if linked == self.file {
            let message = format!("{} is the name of the model's data", to.display());
            return Err(
                Error::setting("output", message).with_hint("choose another name")
            );
        }
        let parent = linked.parent().unwrap_or(self.folder.path());
        fs::create_dir_all(parent).map_err(failed)?;
        if fs::hard_link(from, &linked).is_err() {
            fs::copy(from, &linked).map_err(failed)?;
        }
        if !stays {
            self.data.push((linked, to.to_owned()));
        }
        Ok(())
    }

    /// Moves everything to the target, the model last, and returns the data files that were moved.
    pub(super) fn finish(self, target: &Path) -> Result<Vec<PathBuf>> {
        let moved = |from: &Path, to: &Path| {
            fs::rename(from, to).map_err(|source| Error::write(to, source))
        };
        for (from, to) in &self.data {
            let folder = to.parent().unwrap_or(Path::new("."));
            fs::create_dir_all(folder).map_err(|source| Error::write(to, source))?;
            moved(from, to)?;
        }
        moved(&self.file, target)?;
        Ok(self.data.into_iter().map(|(_, to)| to).collect())
    }
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
