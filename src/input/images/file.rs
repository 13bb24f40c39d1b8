//! An image that was listed: its id and where it is.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

use super::id;
use crate::error::{Error, Result};
use crate::input::decode::{Decoded, read_image};
use crate::input::settings::ReadOptions;

/// An image that was listed.
///
/// A million of them take about 100 MB: where the path follows from the id, it is not kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFile {
    id: Box<str>,
    root: Arc<Root>,
    /// The path below the root, where it is not the id's.
    entry: Option<Box<Path>>,
}

/// What the paths of a source are relative to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Root {
    /// As typed; paths in messages begin with it.
    pub(super) path: PathBuf,
    /// The same place as an absolute path, by which files are compared.
    pub(super) place: PathBuf,
    /// Bytes at the beginning of ids that are no part of the path.
    pub(super) skip: usize,
    pub(super) kind: Kind,
}

/// How an image came to be listed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind {
    /// By its name or that of its folder.
    Named,
    /// By a pattern.
    Pattern,
    /// By a list, read in a working directory; where the path depends on it and the list is
    /// a file, the list's folder.
    List { working: PathBuf, folder: Option<PathBuf> },
}

impl ImageFile {
    pub(super) fn new(root: &Arc<Root>, id: &str, entry: Option<&Path>) -> Self {
        // A copy of just its length: text that grew has room to spare.
        Self { id: id.into(), root: Arc::clone(root), entry: entry.map(Box::from) }
    }

    /// The name of the image in results: a path relative to the root of its source
    /// ([`super`] says which that is), with `/` between its parts. It has no empty part, no
    /// `.` and `..`, and no backslash. No two images of a listing have the same.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Where the file is: relative to the working directory unless the source was absolute.
    pub fn path(&self) -> PathBuf {
        self.below(&self.root.path)
    }

    /// Where the files of its source lie: the absolute path of a folder, and how many bytes at the
    /// beginning of its id are no part of the path below. `None` where the path does not follow
    /// from the id.
    pub fn root(&self) -> Option<(&Path, usize)> {
        self.entry.is_none().then_some((&self.root.place, self.root.skip))
    }

    /// Reads the file.
    ///
    /// # Errors
    ///
    /// As [`read_image`]; [`Error::Image`] also where there is no such file, or no longer.
    pub fn read(&self, options: &ReadOptions) -> Result<Decoded> {
        let path = self.path();
        read_image(&path, options).map_err(|error| match &error {
            Error::Read { source, .. } if is_missing(source) => self.missing(&path),
            Error::Image { .. } if path.is_dir() => {
                Error::image(&path, "is a folder; a list names files")
                    .with_hint("give the folder itself as IMAGES")
            }
            _ => error,
        })
    }

    fn missing(&self, path: &Path) -> Error {
        let Kind::List { working, folder } = &self.root.kind else {
            let message = "was there when the images were listed, and is gone";
            return Error::image(path, message)
                .with_hint("leave the images where they are until the run has ended");
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
            _ => "paths in a list are relative to the working directory; where it is a \
                  table, the first line names the column \"path\""
                .to_owned(),
        };
        Error::image(path, "no such file").with_hint(hint)
    }

    /// The absolute path by which files are compared. Links are followed only where the
    /// path cannot be told without: before `..`.
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

    /// Whether the id is another text than the path.
    pub(super) fn is_escaped(&self) -> bool {
        self.entry.as_ref().is_some_and(|entry| !id::climbs_back(entry))
    }

    pub(super) fn rename(&mut self, id: String) {
        self.id = id.into_boxed_str();
    }

    fn below(&self, folder: &Path) -> PathBuf {
        match &self.entry {
            Some(entry) => folder.join(entry),
            None => folder.join(self.id.get(self.root.skip..).unwrap_or_default()),
        }
    }
}

fn is_missing(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// The absolute path of a root, by which files are compared.
pub(super) fn place(path: &Path, working: &Path) -> PathBuf {
    let absolute = working.join(path);
    if absolute.components().any(|part| part == Component::ParentDir) {
        return resolved(&absolute);
    }
    id::lexical(&absolute)
}

/// Without `..`: by the file system where it can tell, else by the text.
fn resolved(path: &Path) -> PathBuf {
    let folder = path.parent().and_then(|folder| fs::canonicalize(folder).ok());
    match (folder, path.file_name()) {
        (Some(folder), Some(name)) => folder.join(name),
        _ => fs::canonicalize(path).unwrap_or_else(|_| id::lexical(path)),
    }
}
