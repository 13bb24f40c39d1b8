//! Sources of labels, and the labels of an image.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use regex::Regex;

use super::prediction_folder::PredictionFolder;
use crate::error::{Error, Result};
use crate::input::label::{LABEL_ENDINGS, LabelOptions, read_label_map};
use crate::task::Item;
use crate::tensor::ClassMap;

const CLASSES: &str =
    "expected a CSV with the columns path and label, or a folder per class";

/// Rule that derives names of labels from names of images: a pattern for the image's id without
/// its extension, and the replacement.
#[derive(Debug, Clone)]
pub struct LabelRename {
    pattern: Regex,
    replacement: String,
}

impl LabelRename {
    /// Creates a rule from a regular expression, which must match the whole name.
    ///
    /// # Errors
    /// Fails if the pattern is not a regular expression.
    pub fn new(pattern: &str, replacement: &str) -> Result<Self> {
        let pattern = Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
            let message = error.to_string();
            let last = message.lines().last().unwrap_or_default().trim().to_owned();
            Error::setting("match", format!("\"{pattern}\" is not a pattern: {last}"))
                .with_hint(
                    "for instance '(.*)_leftImg8bit' and '${1}_gtFine_labelTrainIds'",
                )
        })?;
        Ok(Self { pattern, replacement: replacement.to_owned() })
    }

    fn name(&self, id: &str) -> Option<String> {
        let found = self.pattern.captures(id)?;
        let mut name = String::new();
        found.expand(&self.replacement, &mut name);
        Some(name)
    }
}

/// A source of labels.
#[derive(Debug)]
pub enum LabelSource {
    /// A map per image, at the same relative path with another extension, or renamed.
    Maps {
        /// Folder of the maps.
        root: PathBuf,
        /// Rule that derives names of labels from names of images.
        rename: Option<LabelRename>,
        /// Conversion of ids to classes.
        options: LabelOptions,
        /// True if only the center of images was predicted.
        is_cropped: bool,
    },
    /// A table with the class of each image.
    Table {
        /// File of the table.
        file: PathBuf,
        /// Classes by ids of images.
        classes: HashMap<String, u16>,
    },
    /// Folders of images, named after classes.
    Folders {
        /// Classes by names of folders.
        classes: HashMap<String, u16>,
    },
}

/// Labels of an image, at the size of its prediction.
#[derive(Debug)]
pub enum ImageLabels {
    /// Class of each item, or [`ClassMap::NONE`].
    Classes(Vec<u16>),
    /// The image has no label; the string names what was expected.
    Missing(String),
}

impl LabelSource {
    /// Opens the labels of a folder of predictions. `path` is a folder of maps if pixels are
    /// labeled, and otherwise a table or a folder with one folder of images per class.
    ///
    /// # Errors
    /// Fails if it cannot be read or contains classes that the model does not have.
    pub fn open(
        path: &Path,
        folder: &PredictionFolder,
        rename: Option<LabelRename>,
        options: LabelOptions,
    ) -> Result<Self> {
        let meta = std::fs::metadata(path).map_err(|error| Error::read(path, error))?;
        match (folder.task.item, meta.is_dir()) {
            (Item::Pixel, true) => {
                let (root, is_cropped) = (path.to_owned(), folder.record.is_cropped());
                Ok(Self::Maps { root, rename, options, is_cropped })
            }
            (Item::Pixel, false) => {
                let message = format!("{} is a file", path.display());
                Err(Error::setting("labels", message)
                    .with_hint("name a folder with a label map per image"))
            }
            (Item::Image, false) => {
                let classes = table(path, folder)?;
                Ok(Self::Table { file: path.to_owned(), classes })
            }
            (Item::Image, true) => {
                Ok(Self::Folders { classes: class_folders(path, folder)? })
            }
        }
    }

    /// Returns the labels of an image whose prediction has this size (rows, columns).
    ///
    /// # Errors
    /// Fails if the label map cannot be read, or shows the whole image although only its center
    /// was predicted.
    pub fn labels(&self, id: &str, size: (usize, usize)) -> Result<ImageLabels> {
        match self {
            Self::Maps { root, rename, options, is_cropped } => {
                let file = match label_file(root, id, rename.as_ref()) {
                    Ok(file) => file,
                    Err(wanted) => return Ok(ImageLabels::Missing(wanted)),
                };
                let map = read_label_map(&file, options)?;
                if *is_cropped && (map.height, map.width) != size {
                    return Err(wrong_size(&file, &map, size));
                }
                Ok(ImageLabels::Classes(nearest(&map, size)))
            }
            Self::Table { file, classes } => Ok(match classes.get(id) {
                Some(class) => ImageLabels::Classes(vec![*class]),
                None => {
                    ImageLabels::Missing(format!("{} has no row for it", file.display()))
                }
            }),
            Self::Folders { classes } => {
                let name = id.split('/').rev().nth(1).unwrap_or_default();
                Ok(match classes.get(name) {
                    Some(class) => ImageLabels::Classes(vec![*class]),
                    None => ImageLabels::Missing(format!(
                        "its folder \"{name}\" is not a class"
                    )),
                })
            }
        }
    }
}

/// Returns the file with the labels of an image, or the name that was expected.
fn label_file(
    root: &Path,
    id: &str,
    rename: Option<&LabelRename>,
) -> Result<PathBuf, String> {
    let (folder, name) =
        id.rsplit_once('/').map_or(("", id), |(folder, name)| (folder, name));
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let without_ending =
        if folder.is_empty() { stem.to_owned() } else { format!("{folder}/{stem}") };
    let names = match rename {
        Some(rename) => match rename.name(&without_ending) {
            Some(name) => vec![name],
            None => {
                return Err(format!("\"{without_ending}\" does not match the pattern"));
            }
        },
        None => vec![without_ending, id.to_owned()],
    };
    let files = names.iter().flat_map(|name| {
        LABEL_ENDINGS.iter().map(move |ending| format!("{name}.{ending}"))
    });
    let given = names.iter().filter(|name| has_ending(name)).cloned();
    for file in files.chain(given) {
        let path = root.join(&file);
        if path.is_file() {
            return Ok(path);
        }
    }
    Err(root
        .join(format!("{}.{}", names[0], LABEL_ENDINGS.join("|")))
        .display()
        .to_string())
}

fn has_ending(name: &str) -> bool {
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_ascii_lowercase());
    ending.is_some_and(|ending| LABEL_ENDINGS.contains(&&ending[..]))
}

/// Reports that a label map shows more than the predicted center of an image.
fn wrong_size(file: &Path, map: &ClassMap, (height, width): (usize, usize)) -> Error {
    let message = format!(
        "has {} x {} pixels, and the prediction is a crop of {width} x {height}",
        map.width, map.height
    );
    Error::image(file, message)
        .with_hint("predict with `crop = none`, or crop the label maps in the same way")
}

/// Resizes a map: each pixel takes the label of the pixel that contains its center.
fn nearest(map: &ClassMap, (height, width): (usize, usize)) -> Vec<u16> {
    if (map.height, map.width) == (height, width) {
        return map.classes.clone();
    }
    let columns: Vec<usize> =
        (0..width).map(|x| source_index(x, width, map.width)).collect();
    let mut classes = Vec::with_capacity(height * width);
    for y in 0..height {
        let row = source_index(y, height, map.height);
        let row = &map.classes[row * map.width..][..map.width];
        classes.extend(columns.iter().map(|&x| row[x]));
    }
    classes
}

/// Returns the index, among `from`, of the pixel that contains the center of pixel `i` of `n`.
fn source_index(i: usize, n: usize, from: usize) -> usize {
    (2 * i + 1) * from / (2 * n)
}

/// Parses a class: a number or one of the names.
fn class(text: &str, folder: &PredictionFolder) -> Option<u16> {
    let names = folder.class_names.as_deref().unwrap_or_default();
    let by_name =
        names.iter().position(|name| name.trim().eq_ignore_ascii_case(text.trim()));
    let id = by_name.or_else(|| text.trim().parse().ok());
    id.filter(|id| *id < folder.n_classes).and_then(|id| u16::try_from(id).ok())
}

fn table(file: &Path, folder: &PredictionFolder) -> Result<HashMap<String, u16>> {
    let refuse = |message: String| {
        Error::setting("labels", format!("{}: {message}", file.display()))
            .with_hint(CLASSES)
    };
    let mut reader = csv::ReaderBuilder::new()
        .flexible(true)
        .from_path(file)
        .map_err(|error| refuse(error.to_string().to_lowercase()))?;
    let header = reader.headers().map_err(|error| refuse(error.to_string()))?.clone();
    let column = |names: &[&str]| {
        header
            .iter()
            .position(|column| names.contains(&&column.trim().to_lowercase()[..]))
    };
    let (Some(path), Some(label)) = (
        column(&["path", "image", "file", "filename"]),
        column(&["label", "class", "class_id"]),
    ) else {
        return Err(refuse(format!(
            "its columns are {}",
            header.iter().collect::<Vec<_>>().join(",")
        )));
    };
    let mut classes = HashMap::new();
    for (n, record) in reader.records().enumerate() {
        let record = record.map_err(|error| refuse(error.to_string().to_lowercase()))?;
        let (Some(path), Some(text)) = (record.get(path), record.get(label)) else {
            return Err(refuse(format!("row {} has too few fields", n + 1)));
        };
        let class = class(text, folder).ok_or_else(|| {
            let most = folder.n_classes - 1;
            refuse(format!(
                "row {}: \"{text}\" is neither a class name nor an id of 0 to {most}",
                n + 1
            ))
        })?;
        let path = path.trim_start_matches("./").to_owned();
        if let Some(other) =
            classes.insert(path.clone(), class).filter(|other| *other != class)
        {
            return Err(refuse(format!("\"{path}\" has the labels {other} and {class}")));
        }
    }
    Ok(classes)
}

/// Returns the classes of the folders that are named after one, by its name or number.
fn class_folders(root: &Path, folder: &PredictionFolder) -> Result<HashMap<String, u16>> {
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

#[cfg(test)]
mod tests;
