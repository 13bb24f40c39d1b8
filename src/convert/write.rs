//! The file and its external data: there whole, or not at all.

use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write as _};
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::onnx::{Model, proto};

/// The way out where a file is there already.
const ANOTHER: &str = "choose another name, or say --overwrite to replace what is there";

/// Refuses a target that must not be written.
///
/// # Errors
/// If it is a folder, the model itself, or there already and not to be replaced.
pub(super) fn refuse_target(model: &Model, target: &Path, overwrite: bool) -> Result<()> {
    let refused = |what: &str, hint: &str| {
        Err(Error::setting("-o", format!("{} is {what}", target.display()))
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
        let hint = "give the result a name of its own";
        return refused("the model itself or its data", hint);
    }
    if !overwrite && (target.exists() || target.is_symlink()) {
        return refused("there already", ANOTHER);
    }
    Ok(())
}

/// Whether two paths lead to one file.
fn is_same(a: &Path, b: &Path) -> bool {
    match (fs::canonicalize(a), fs::canonicalize(b)) {
        (Ok(a), Ok(b)) => a == b,
        _ => false,
    }
}

/// A file that is not there under its name yet; gone again unless it is finished.
#[derive(Debug)]
pub(super) struct Part {
    file: tempfile::NamedTempFile,
    data: Data,
}

/// Data that were put beside it; removed again unless they are taken.
#[derive(Debug, Default)]
struct Data(Vec<PathBuf>);

impl Drop for Data {
    fn drop(&mut self) {
        for path in &self.0 {
            let _ = fs::remove_file(path);
        }
    }
}

impl Part {
    /// Writes the model beside the target, and puts its external data where they belong.
    pub(super) fn write(
        model: &Model,
        messages: &proto::Model,
        (target, overwrite): (&Path, bool),
    ) -> Result<Self> {
        let folder = match target.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let failed = |source| Error::write(target, source);
        fs::create_dir_all(folder).map_err(failed)?;
        let mut file = temporary_file(folder).map_err(failed)?;
        file.as_file_mut()
            .write_all(&Model::encode_messages(messages))
            .map_err(failed)?;
        let mut part = Self { file, data: Data::default() };
        for (location, path) in model.external.files() {
            part.put_data(path, &folder.join(location), overwrite)?;
        }
        Ok(part)
    }

    pub(super) fn path(&self) -> &Path {
        self.file.path()
    }

    fn put_data(&mut self, from: &Path, to: &Path, overwrite: bool) -> Result<()> {
        if is_same(from, to) {
            return Ok(());
        }
        let failed = |source| Error::write(to, source);
        let is_there = to.exists() || to.is_symlink();
        if is_there && holds_the_same(from, to).map_err(failed)? {
            return Ok(());
        }
        if is_there && !overwrite {
            let message = format!("{} is there already, with other data", to.display());
            return Err(Error::setting("-o", message).with_hint(
                "write into another folder: the data of a model keep their name",
            ));
        }
        let folder = to.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(failed)?;
        if is_there {
            fs::remove_file(to).map_err(failed)?;
        }
        if fs::hard_link(from, to).is_err() {
            fs::copy(from, to).map_err(failed)?;
        }
        self.data.0.push(to.to_owned());
        Ok(())
    }

    /// Gives the file its name; the data that were put beside it.
    pub(super) fn finish(mut self, target: &Path) -> Result<Vec<PathBuf>> {
        let persisted = self.file.persist(target);
        persisted.map_err(|error| Error::write(target, error.error))?;
        Ok(std::mem::take(&mut self.data.0))
    }
}

fn temporary_file(folder: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".mcdrop-").suffix(".part");
    // Temporary files are private by default; this one is as readable as any other file.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

fn holds_the_same(a: &Path, b: &Path) -> io::Result<bool> {
    if fs::metadata(a)?.len() != fs::metadata(b)?.len() {
        return Ok(false);
    }
    let mut bytes = [a, b].map(File::open).into_iter();
    let (Some(a), Some(b)) = (bytes.next(), bytes.next()) else { return Ok(false) };
    let (mut a, mut b) = (BufReader::new(a?).bytes(), BufReader::new(b?).bytes());
    loop {
        match (a.next().transpose()?, b.next().transpose()?) {
            (None, None) => return Ok(true),
            (x, y) if x != y => return Ok(false),
            _ => {}
        }
    }
}
