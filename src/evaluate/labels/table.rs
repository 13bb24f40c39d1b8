//! Classes of images: a table with a row for each image, or a folder for each class.

use std::collections::HashMap;
use std::path::Path;

use super::path_table::{PathTable, TableFormat};
use super::rename::LabelRename;
use crate::error::{Error, Result};
use crate::evaluate::prediction_folder::PredictionFolder;

const CLASSES: &str =
    "expected a CSV with the columns path and label, or a folder per class";

/// A table with the class of each image.
#[derive(Debug)]
pub struct LabelTable(PathTable<u16>);

impl LabelTable {
    pub(super) fn open(
        file: &Path,
        folder: &PredictionFolder,
        rename: Option<LabelRename>,
    ) -> Result<Self> {
        let most = folder.n_classes - 1;
        let format = TableFormat {
            hint: CLASSES,
            columns: vec![["label", "class", "class_id"].map(str::to_owned).to_vec()],
            is_strict: false,
        };
        let parse = |texts: &[&str]| {
            class(texts[0], folder).ok_or_else(|| {
                let text = texts[0];
                format!("\"{text}\" is neither a class name nor an id of 0 to {most}")
            })
        };
        PathTable::open(file, &format, rename, &parse).map(Self)
    }

    /// Returns the class of an image, or the reason why it has none.
    pub(super) fn class(&self, id: &str) -> Result<u16, String> {
        self.0.find(id).copied()
    }
}

/// Parses a class: a number or one of the names.
fn class(text: &str, folder: &PredictionFolder) -> Option<u16> {
    let names = folder.class_names.as_deref().unwrap_or_default();
    let by_name =
        names.iter().position(|name| name.trim().eq_ignore_ascii_case(text.trim()));
    let id = by_name.or_else(|| text.trim().parse().ok());
    id.filter(|id| *id < folder.n_classes).and_then(|id| u16::try_from(id).ok())
}

/// Returns the classes of the folders that are named after one, by its name or number.
pub(super) fn class_folders(
    root: &Path,
    folder: &PredictionFolder,
) -> Result<HashMap<String, u16>> {
    let entries = std::fs::read_dir(root).map_err(|error| Error::read(root, error))?;
    let folders =
        entries.filter_map(std::result::Result::ok).filter(|e| e.path().is_dir());
    let names = folders.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let known = names.filter_map(|name| class(&name, folder).map(|class| (name, class)));
    let classes: HashMap<String, u16> = known.collect();
    if classes.is_empty() {
        let message = format!("no folder in {} has the name of a class", root.display());
        return Err(Error::setting("labels", message).with_hint(CLASSES));
    }
    Ok(classes)
}
