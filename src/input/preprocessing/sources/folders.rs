//! Where the files that belong to a model are looked for.

use std::fs;
use std::path::{Path, PathBuf};

/// The folder of export tools, whose configurations lie one level up.
const EXPORT_FOLDER: &str = "onnx";

/// The folders around a model, nearest first.
#[derive(Debug)]
pub(super) struct Folders {
    /// The model as given, and what it is a link to.
    models: Vec<PathBuf>,
    folders: Vec<PathBuf>,
}

impl Folders {
    /// Beside the model, above a folder `onnx`, and the same for the target of a link: caches
    /// of hubs link to the model's content, which lies apart.
    pub(super) fn around(model: &Path) -> Self {
        let mut models = vec![model.to_owned()];
        let is_link = fs::symlink_metadata(model).is_ok_and(|entry| entry.is_symlink());
        if is_link && let Ok(target) = fs::canonicalize(model) {
            models.push(target);
        }
        let folders = models.iter().flat_map(|model| folders_of(model)).collect();
        Self { models, folders }
    }

    /// The first file of this name.
    pub(super) fn find(&self, name: &str) -> Option<PathBuf> {
        let mut paths = self.folders.iter().map(|folder| folder.join(name));
        paths.find(|path| path.is_file())
    }

    /// The sidecar.
    pub(super) fn sidecar(&self) -> Option<PathBuf> {
        let mut paths = self.models.iter().map(|model| model.with_extension("toml"));
        // What is there and cannot be read is an error of reading, not a missing file.
        paths.find(|path| path.exists())
    }
}

fn folders_of(model: &Path) -> Vec<PathBuf> {
    let folder = model.parent().unwrap_or(Path::new("")).to_owned();
    let named = match folder.file_name() {
        Some(name) => Some(name.to_owned()),
        None => fs::canonicalize(Path::new(".").join(&folder))
            .ok()
            .and_then(|folder| folder.file_name().map(ToOwned::to_owned)),
    };
    let above = match folder.parent() {
        Some(above) if folder.file_name().is_some() => above.to_owned(),
        _ => folder.join(".."),
    };
    if named.is_some_and(|name| name == EXPORT_FOLDER) {
        vec![folder, above]
    } else {
        vec![folder]
    }
}
