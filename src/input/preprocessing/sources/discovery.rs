//! Finds the configuration files of other libraries beside a model.

use std::fs;
use std::path::{Path, PathBuf};

use super::json_object::Document;
use super::{ConfigFiles, SOURCES};
use crate::error::Error;
use crate::input::preprocessing::text_file;

/// Folder of export tools, whose configurations lie one level up.
const EXPORT_FOLDER: &str = "onnx";

/// The configuration files beside a model.
#[derive(Debug, Default)]
pub(super) struct ConfigDiscovery {
    /// Files that were read.
    pub(super) files: ConfigFiles,
    /// Paths of all files, also of those that cannot be read or are not recognized.
    pub(super) paths: Vec<PathBuf>,
    /// Errors of files that belong to a library and cannot be read.
    pub(super) broken: Vec<Error>,
    /// Errors of files whose names any program may use and that no library is known to have written.
    pub(super) unrecognized: Vec<Error>,
}

impl ConfigDiscovery {
    /// Reads the files of every library.
    pub(super) fn read(folders: &Folders) -> Self {
        let mut discovery = Self::default();
        for name in SOURCES.iter().flat_map(|source| source.files).map(|file| file.name) {
            if discovery.files.get(name).is_some() {
                continue;
            }
            let Some(path) = folders.find(name) else { continue };
            let text = text_file::read(&path).map_err(|error| Error::read(&path, error));
            let belongs = belongs_to_a_library(name, text.as_deref().ok(), folders);
            let parse = |text: String| Document::parse(path.display().to_string(), &text);
            match text.and_then(parse) {
                Ok(document) => discovery.files.insert(name, document),
                Err(error) if belongs => discovery.broken.push(error),
                Err(error) => discovery.unrecognized.push(error),
            }
            discovery.paths.push(path);
        }
        discovery
    }
}

/// Returns whether a library wrote the file, by its text or by another file beside it that only
/// this library writes.
fn belongs_to_a_library(name: &str, text: Option<&str>, folders: &Folders) -> bool {
    SOURCES.iter().any(|source| {
        let has_own_file = || {
            let mut own = source.files.iter().filter(|file| file.marks.is_empty());
            own.any(|file| folders.find(file.name).is_some())
        };
        let mut files = source.files.iter().filter(|file| file.name == name);
        files.any(|file| {
            let is_marked =
                |text: &str| file.marks.iter().any(|mark| text.contains(mark));
            text.is_some_and(is_marked) || has_own_file()
        })
    })
}

/// The folders around a model, nearest first.
#[derive(Debug)]
pub(super) struct Folders {
    /// The model as given, and the target if it is a link.
    models: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

impl Folders {
    /// Returns the folder of the model, the one above if it is called `onnx`, and the same for the
    /// target of a link: caches of hubs link to files that lie elsewhere.
    pub(super) fn around(model: &Path) -> Self {
        let mut models = vec![model.to_owned()];
        let is_link = fs::symlink_metadata(model).is_ok_and(|entry| entry.is_symlink());
        if is_link && let Ok(target) = fs::canonicalize(model) {
            models.push(target);
        }
        let folders = models.iter().flat_map(|model| folders_of(model)).collect();
        Self { models, folders }
    }

    /// Returns the first file of this name.
    pub(super) fn find(&self, name: &str) -> Option<PathBuf> {
        let mut paths = self.folders.iter().map(|folder| folder.join(name));
        paths.find(|path| path.is_file())
    }

    /// Returns the path of the sidecar.
    pub(super) fn sidecar(&self) -> Option<PathBuf> {
        let mut paths = self.models.iter().map(|model| model.with_extension("toml"));
        // A sidecar that exists and cannot be read is an error of reading, not a missing file.
        paths.find(|path| path.exists())
    }
}

fn folders_of(model: &Path) -> Vec<PathBuf> {
    let folder = model.parent().unwrap_or(Path::new("")).to_owned();
    let name = match folder.file_name() {
        Some(name) => Some(name.to_owned()),
        None => fs::canonicalize(Path::new(".").join(&folder))
            .ok()
            .and_then(|folder| folder.file_name().map(ToOwned::to_owned)),
    };
    let above = match folder.parent() {
        Some(above) if folder.file_name().is_some() => above.to_owned(),
        _ => folder.join(".."),
    };
    if name.is_some_and(|name| name == EXPORT_FOLDER) {
        vec![folder, above]
    } else {
        vec![folder]
    }
}
