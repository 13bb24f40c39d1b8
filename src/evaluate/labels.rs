//! Which label belongs to which image.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use regex::Regex;

use super::folder::PredictionFolder;
use crate::error::{Error, Result};
use crate::input::label::{LABEL_ENDINGS, LabelOptions, read_label_map};
use crate::tensor::ClassMap;

const CLASSES: &str =
    "expected a CSV with the columns path and label, or a folder for each class";

/// A pattern that images' ids match without their ending, and what a label's name is made of.
#[derive(Debug, Clone)]
pub struct LabelRename {
    pattern: Regex,
    replacement: String,
}

impl LabelRename {
    /// # Errors
    /// If the pattern is no regular expression.
    pub fn new(pattern: &str, replacement: &str) -> Result<Self> {
        // The whole name, or half of it could stay as it is.
        let pattern = Regex::new(&format!("^(?:{pattern})$")).map_err(|error| {
            let message = error.to_string();
            let last = message.lines().last().unwrap_or_default().trim().to_owned();
            Error::setting("--match", format!("\"{pattern}\" is no pattern: {last}"))
                .with_hint(
                    "for instance --match '(.*)_leftImg8bit' '$1_gtFine_labelTrainIds'",
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

/// Where labels come from.
#[derive(Debug)]
pub enum LabelSource {
    /// A map for each image, at the same relative path with another ending, or as renamed.
    Maps {
        /// The folder.
        root: PathBuf,
        /// How names of images become names of labels.
        rename: Option<LabelRename>,
        /// How ids become classes.
        options: LabelOptions,
        /// Whether predictions are of the middle of images alone.
        is_cropped: bool,
    },
    /// The class of each image.
    Table {
        /// The file.
        file: PathBuf,
        /// Classes by the images' ids.
        classes: HashMap<String, u16>,
    },
    /// The folder that an image lies in is named after its class.
    Folders {
        /// The classes of the names.
        classes: HashMap<String, u16>,
    },
}

/// The labels of an image, at the size of its prediction.
#[derive(Debug)]
pub enum ImageLabels {
    /// The class of each item, or [`ClassMap::NONE`].
    Classes(Vec<u16>),
    /// There is none: what was looked for.
    Missing(String),
}

impl LabelSource {
    /// Labels for a folder of predictions: `typed` is a folder of maps; in classification a
    /// table, or a folder of images in folders of their classes.
    ///
    /// # Errors
    /// If it cannot be read, or holds classes that the model has not.
    pub fn open(
        typed: &Path,
        folder: &PredictionFolder,
        rename: Option<LabelRename>,
        options: LabelOptions,
    ) -> Result<Self> {
        let meta = std::fs::metadata(typed).map_err(|error| Error::read(typed, error))?;
        match (folder.is_map, meta.is_dir()) {
            (true, true) => {
                let (root, is_cropped) = (typed.to_owned(), folder.record.is_cropped());
                Ok(Self::Maps { root, rename, options, is_cropped })
            }
            (true, false) => {
                let message = format!("{} is a file", typed.display());
                Err(Error::setting("--labels", message).with_hint(
                    "segmentation needs a folder with a label map for each image",
                ))
            }
            (false, false) => {
                let classes = table(typed, folder)?;
                Ok(Self::Table { file: typed.to_owned(), classes })
            }
            (false, true) => Ok(Self::Folders { classes: class_folders(typed, folder)? }),
        }
    }

    /// The labels of an image whose prediction has a size (rows, columns).
    ///
    /// # Errors
    /// If its label map cannot be read, or is of a whole image where the prediction is of a part.
    pub fn of(&self, id: &str, size: (usize, usize)) -> Result<ImageLabels> {
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
                    ImageLabels::Missing(format!("{} has no row of it", file.display()))
                }
            }),
            Self::Folders { classes } => {
                let name = id.split('/').rev().nth(1).unwrap_or_default();
                Ok(match classes.get(name) {
                    Some(class) => ImageLabels::Classes(vec![*class]),
                    None => {
                        ImageLabels::Missing(format!("its folder \"{name}\" is no class"))
                    }
                })
            }
        }
    }
}

/// The file with the labels of an image, or what was looked for.
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

/// The middle of an image is not its label map made smaller.
fn wrong_size(file: &Path, map: &ClassMap, (height, width): (usize, usize)) -> Error {
    let message = format!(
        "has {} x {} pixels, and the prediction is a crop of {width} x {height}",
        map.width, map.height
    );
    Error::image(file, message)
        .with_hint("predict with --crop none, or crop the label maps alike")
}

/// A map at another size: each pixel has the label of the one that its middle lies in.
fn nearest(map: &ClassMap, (height, width): (usize, usize)) -> Vec<u16> {
    if (map.height, map.width) == (height, width) {
        return map.classes.clone();
    }
    let from = |i: usize, n: usize, of: usize| (2 * i + 1) * of / (2 * n);
    let columns: Vec<usize> = (0..width).map(|x| from(x, width, map.width)).collect();
    let row =
        |y: usize| &map.classes[from(y, height, map.height) * map.width..][..map.width];
    (0..height).flat_map(|y| columns.iter().map(move |&x| row(y)[x])).collect()
}

/// The class of a text: a number, or one of the names.
fn class(text: &str, folder: &PredictionFolder) -> Option<u16> {
    let names = folder.class_names.as_deref().unwrap_or_default();
    let by_name =
        names.iter().position(|name| name.trim().eq_ignore_ascii_case(text.trim()));
    let id = by_name.or_else(|| text.trim().parse().ok());
    id.filter(|id| *id < folder.n_classes).and_then(|id| u16::try_from(id).ok())
}

fn table(file: &Path, folder: &PredictionFolder) -> Result<HashMap<String, u16>> {
    let refuse = |message: String| {
        Error::setting("--labels", format!("{}: {message}", file.display()))
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
                "row {}: \"{text}\" is no class name and no id of 0 to {most}",
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

/// The classes of the folders that are named after one: by its name or its number.
fn class_folders(root: &Path, folder: &PredictionFolder) -> Result<HashMap<String, u16>> {
    let entries = std::fs::read_dir(root).map_err(|error| Error::read(root, error))?;
    let folders =
        entries.filter_map(std::result::Result::ok).filter(|e| e.path().is_dir());
    let names = folders.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let known = names.filter_map(|name| class(&name, folder).map(|class| (name, class)));
    let classes: HashMap<String, u16> = known.collect();
    if classes.is_empty() {
        let message = format!("no folder in {} is named like a class", root.display());
        return Err(Error::setting("--labels", message).with_hint(CLASSES));
    }
    Ok(classes)
}

#[cfg(test)]
mod tests;
