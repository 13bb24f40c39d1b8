//! Walks a folder: which of the files in it are images.

use std::ffi::OsStr;
use std::io;
use std::path::Path;
use std::sync::Arc;

use walkdir::{DirEntry, WalkDir};

use super::file::{ImageFile, Kind, Root};
use super::lister::Lister;
use super::{EXTENSIONS, id};
use crate::error::{Error, Result};

/// What to take of a folder.
pub(super) struct Wanted<'a> {
    pub(super) kind: Kind,
    /// Whether a path relative to the folder is taken, by what was asked for.
    pub(super) takes: &'a dyn Fn(&Path) -> bool,
    /// How many folders deep files can lie; 1 is the folder itself.
    pub(super) depth: usize,
}

impl Lister<'_> {
    /// The images of a folder, sorted by id.
    pub(super) fn walk(
        &mut self,
        root: &Path,
        wanted: &Wanted,
    ) -> Result<Vec<ImageFile>> {
        let out = self.out.as_deref();
        if out.is_some() && out == root.canonicalize().ok().as_deref() {
            let message = "is to be read and written: results would become images";
            return Err(Error::configuration(root.display().to_string(), message)
                .with_hint("write the results to another folder"));
        }
        let is_out = |entry: &DirEntry| {
            out.is_some()
                && entry.file_type().is_dir()
                && entry.path().canonicalize().ok().as_deref() == out
        };
        let is_entered = |entry: &DirEntry| {
            entry.depth() == 0
                || !(is_hidden(entry) || is_out(entry) || holds_results(entry))
        };
        let start = if root.as_os_str().is_empty() { Path::new(".") } else { root };
        let entries = WalkDir::new(start).follow_links(true).max_depth(wanted.depth);
        let shared = Arc::new(Root {
            path: root.to_owned(),
            place: super::file::place(root, self.working),
            skip: 0,
            kind: wanted.kind.clone(),
        });
        let mut images = Vec::new();
        for entry in entries.into_iter().filter_entry(is_entered) {
            match entry {
                Ok(entry) if entry.file_type().is_file() && is_image(entry.path()) => {
                    let path = entry.path();
                    let relative = path.strip_prefix(start).unwrap_or(path);
                    if (wanted.takes)(relative) {
                        images.push(image(&shared, relative));
                    }
                }
                Ok(_) => {}
                Err(error) if is_broken_link(&error) => self.broken_links += 1,
                Err(error) if is_gone(&error) && error.depth() > 0 => {}
                Err(error) => {
                    let path = error.path().unwrap_or(start).to_owned();
                    let is_root = error.depth() == 0;
                    let error = Error::read(&path, into_io(error));
                    if is_root {
                        return Err(error);
                    }
                    self.unreadable.push(error);
                }
            }
        }
        super::repeats::tell_escaped_apart(&mut images);
        images.sort_unstable_by(|a, b| a.id().as_bytes().cmp(b.id().as_bytes()));
        Ok(images)
    }
}

fn image(root: &Arc<Root>, relative: &Path) -> ImageFile {
    let id = id::of_names(relative.iter());
    ImageFile::new(root, &id.text, id.escaped.then_some(relative))
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// Whether a folder holds what an earlier run wrote: its maps are no images to predict.
fn holds_results(entry: &DirEntry) -> bool {
    let has = |name: &str| entry.path().join(name).is_file();
    entry.file_type().is_dir() && has("predictions.csv") && has("run.json")
}

fn is_image(path: &Path) -> bool {
    let extension = path.extension().map(OsStr::to_ascii_lowercase);
    extension.is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == **known))
}

/// A link in a circle, to itself or to nothing.
fn is_broken_link(error: &walkdir::Error) -> bool {
    let leads_nowhere = |path: &Path| {
        let target = path.metadata();
        path.is_symlink()
            && target.is_err_and(|error| error.kind() != io::ErrorKind::PermissionDenied)
    };
    error.loop_ancestor().is_some() || error.path().is_some_and(leads_nowhere)
}

/// What was there a moment ago.
fn is_gone(error: &walkdir::Error) -> bool {
    error.io_error().is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// What the system said, without the path in front, which is named anyway.
fn into_io(error: walkdir::Error) -> io::Error {
    let text = error.to_string();
    error.into_io_error().unwrap_or_else(|| io::Error::other(text))
}
