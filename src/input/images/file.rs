//! A listed image: its id and its path.

use std::fs;
use std::io;
use std::num::NonZeroU32;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::id;
use crate::error::{Error, Result};
use crate::input::decode::{
    Decoded, declared_bytes, is_other_format, quoted, read_image,
};
use crate::input::settings::ReadOptions;

/// A listed image.
///
/// A million of them take about 100 MB: a path that follows from the id is not stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFile {
    id: Box<str>,
    root: Arc<Root>,
    /// Path below the root, if it does not follow from the id.
    entry: Option<Box<Path>>,
    /// Number of the frame or page, if each of them is an image; the id ends in `#` and it.
    frame: Option<NonZeroU32>,
}

/// Root of the paths of a source.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Root {
    /// The root as typed; paths in messages begin with it.
    pub(super) path: PathBuf,
    /// The root as an absolute path, by which files are compared.
    pub(super) place: PathBuf,
    /// Number of bytes at the beginning of ids that are not part of the path.
    pub(super) skip: usize,
    pub(super) kind: Kind,
}

/// Kind of source of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// The name of the image or of its folder.
    Named,
    /// A pattern.
    Pattern,
    /// A list, read in a working directory. `folder` is the list's folder if the list is a file and
    /// the path depends on the working directory.
    List { working: PathBuf, folder: Option<PathBuf> },
}

impl ImageFile {
    pub(super) fn new(root: &Arc<Root>, id: &str, entry: Option<&Path>) -> Self {
        // A copy of just its length: text that grew has room to spare.
        Self {
            id: id.into(),
            root: Arc::clone(root),
            entry: entry.map(Box::from),
            frame: None,
        }
    }

    /// Returns a frame or page of the file as an image of its own.
    pub(super) fn of_frame(&self, frame: NonZeroU32) -> Self {
        let id = format!("{}#{frame}", self.id).into_boxed_str();
        Self { id, frame: Some(frame), ..self.clone() }
    }

    /// Returns the name of the image in results: its path relative to the root of its source (see
    /// [`super`]), with `/` between its parts. It has no empty part, no `.` or `..`, and no
    /// backslash, and is unique in a listing.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns the path of the file, relative to the working directory unless the source was absolute.
    pub fn path(&self) -> PathBuf {
        self.below(&self.root.path)
    }

    /// Returns whether the name is that of an image format that is not read.
    pub fn is_of_other_format(&self) -> bool {
        is_other_format(&self.path())
    }

    /// Returns the absolute path of the root of its source, and the number of bytes at the beginning
    /// of the id that are not part of the path below it. `None` if the path does not follow from the
    /// id.
    pub fn root(&self) -> Option<(&Path, usize)> {
        self.entry.is_none().then_some((&self.root.place, self.root.skip))
    }

    /// Reads the file.
    ///
    /// # Errors
    ///
    /// Fails as [`read_image`] does, and with [`Error::Image`] if the file does not exist (any more).
    pub fn read(&self, options: &ReadOptions) -> Result<Decoded> {
        let path = self.path();
        let frame = self.frame.map(NonZeroU32::get);
        let of_frame = frame.map(|_| ReadOptions { frame, ..options.clone() });
        let options = of_frame.as_ref().unwrap_or(options);
        read_image(&path, options).map_err(|error| match &error {
            Error::Read { source, .. }
                if source.kind() != io::ErrorKind::PermissionDenied
                    && path.is_symlink() =>
            {
                broken_link(&path)
            }
            Error::Read { source, .. } if is_missing(source) => self.missing(&path),
            Error::Image { .. } if path.is_dir() => {
                Error::image(&path, "is a folder; a list names files")
                    .with_hint("give the folder itself as `images`")
            }
            _ => error,
        })
    }

    /// Returns the bytes that the image takes when it is decoded; `None` if the file does not declare
    /// its size.
    pub(crate) fn declared_bytes(&self) -> Option<u64> {
        declared_bytes(&self.path(), self.frame.map(NonZeroU32::get))
    }

    fn missing(&self, path: &Path) -> Error {
        let Kind::List { working, folder } = &self.root.kind else {
            let message = "was removed after the images were listed";
            return Error::image(path, message)
                .with_hint("do not move images during a run");
        };
        let place = self.below(&self.root.place);
        let beside = folder
            .as_ref()
            .map(|folder| id::lexical(&folder.join(id::relative(&place, working))));
        let hint = match (folder, beside.filter(|beside| beside.exists())) {
            (Some(folder), Some(beside)) => format!(
                "paths in a list are relative to the working directory, but {} exists: run \
                 from the folder {}",
                beside.display(),
                folder.display()
            ),
            _ => "paths in a list are relative to the working directory; if it is a \
                  table, its first line has to name the column \"path\""
                .to_owned(),
        };
        Error::image(path, "no such file").with_hint(hint)
    }

    /// Returns the absolute path by which files are compared. Links are followed only before `..`,
    /// because the path depends on them there.
    pub(super) fn place(&self) -> PathBuf {
        let place = self.below(&self.root.place);
        match &self.entry {
            Some(entry) if id::climbs_back(entry) => resolved(&place),
            _ => place,
        }
    }

    pub(super) fn is_of_pattern(&self) -> bool {
        self.root.kind == Kind::Pattern
    }

    pub(super) fn is_of_list(&self) -> bool {
        matches!(self.root.kind, Kind::List { .. })
    }

    /// Returns whether the id differs from the text of the path.
    pub(super) fn is_escaped(&self) -> bool {
        self.entry.as_ref().is_some_and(|entry| !id::climbs_back(entry))
    }

    pub(super) fn rename(&mut self, id: String) {
        self.id = id.into_boxed_str();
    }

    fn below(&self, folder: &Path) -> PathBuf {
        if let Some(entry) = &self.entry {
            return folder.join(entry);
        }
        let id = self.id.get(self.root.skip..).unwrap_or_default();
        folder.join(if self.frame.is_some() { id::split_frame(id).0 } else { id })
    }
}

/// Creates the error for a link that does not lead to a file.
fn broken_link(path: &Path) -> Error {
    let target = fs::read_link(path).unwrap_or_default();
    let target = target.to_string_lossy();
    let file = quoted(&path.to_string_lossy());
    let hint = if target.contains(".git/annex/") {
        format!("fetch the content: `git annex get {file}`")
    } else if target.contains(".dvc/cache/") || target.contains("/files/md5/") {
        format!("fetch the content: `dvc pull {file}`")
    } else {
        format!("restore the file that the link names, or remove the link: `rm {file}`")
    };
    let message = if fs::canonicalize(path).is_err_and(|error| is_missing(&error)) {
        format!("is a link to {target}, which does not exist")
    } else {
        format!("is a link to {target}, which leads nowhere")
    };
    Error::image(path, message).with_hint(hint)
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Returns the absolute path of a root, by which files are compared.
pub(super) fn place(path: &Path, working: &Path) -> PathBuf {
    let absolute = working.join(path);
    if absolute.components().any(|part| part == Component::ParentDir) {
        return resolved(&absolute);
    }
    id::lexical(&absolute)
}

/// Resolves `..` by the file system if possible, else by the text.
fn resolved(path: &Path) -> PathBuf {
    let folder = path.parent().and_then(|folder| fs::canonicalize(folder).ok());
    match (folder, path.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => fs::canonicalize(path).unwrap_or_else(|_| id::lexical(path)),
    }
}
