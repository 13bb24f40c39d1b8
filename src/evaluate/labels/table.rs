//! Classes of images: a table with a row for each image, or a folder for each class.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use super::files::without_ending;
use super::rename::LabelRename;
use crate::error::{Error, Result};
use crate::evaluate::prediction_folder::PredictionFolder;

const CLASSES: &str =
    "expected a CSV with the columns path and label, or a folder per class";

/// A table with the class of each image.
#[derive(Debug)]
pub struct LabelTable {
    file: PathBuf,
    rename: Option<LabelRename>,
    rows: Vec<LabelRow>,
    /// Positions of the rows by the file name without extension.
    by_stem: HashMap<String, Vec<usize>>,
}

#[derive(Debug)]
struct LabelRow {
    path: String,
    class: u16,
}

impl LabelTable {
    pub(super) fn open(
        file: &Path,
        folder: &PredictionFolder,
        rename: Option<LabelRename>,
    ) -> Result<Self> {
        let refuse = |message: String| {
            Error::setting("labels", format!("{}: {message}", file.display()))
                .with_hint(CLASSES)
        };
        let text =
            std::fs::read_to_string(file).map_err(|error| Error::read(file, error))?;
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .delimiter(delimiter(&text))
            .from_reader(text.as_bytes());
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
            let columns: Vec<&str> = header.iter().collect();
            return Err(refuse(format!("its columns are {}", columns.join(","))));
        };
        let (mut rows, mut by_path) = (Vec::new(), HashMap::new());
        for (n, record) in reader.records().enumerate() {
            let record =
                record.map_err(|error| refuse(error.to_string().to_lowercase()))?;
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
            let path = path.trim().replace('\\', "/").trim_start_matches("./").to_owned();
            match by_path.insert(path.clone(), class) {
                None => rows.push(LabelRow { path, class }),
                Some(other) if other != class => {
                    let message =
                        format!("\"{path}\" has the labels {other} and {class}");
                    return Err(refuse(message));
                }
                Some(_) => {}
            }
        }
        let mut by_stem: HashMap<String, Vec<usize>> = HashMap::new();
        for (i, row) in rows.iter().enumerate() {
            by_stem.entry(stem(&row.path).to_owned()).or_default().push(i);
        }
        Ok(Self { file: file.to_owned(), rename, rows, by_stem })
    }

    /// Returns the class of an image, or the reason why it has none. A row belongs to an image if
    /// one of both paths ends with the other; a path without an extension fits any.
    pub(super) fn class(&self, id: &str) -> Result<u16, String> {
        let name = match &self.rename {
            None => id.to_owned(),
            Some(rename) => rename.name(without_ending(id)).ok_or_else(|| {
                format!("\"{}\" does not match the pattern", without_ending(id))
            })?,
        };
        let fits: Vec<&LabelRow> = self
            .by_stem
            .get(stem(&name))
            .into_iter()
            .flatten()
            .map(|&i| &self.rows[i])
            .filter(|row| end_alike(&row.path, &name))
            .collect();
        let exact = fits.iter().find(|row| row.path == name);
        match (exact, &fits[..]) {
            (Some(row), _) | (None, [row]) => Ok(row.class),
            (None, []) => Err(format!("{} has no row for it", self.file.display())),
            (None, [first, second, ..]) => Err(format!(
                "the rows \"{}\" and \"{}\" of {} both end like it",
                first.path,
                second.path,
                self.file.display()
            )),
        }
    }
}

/// Returns whether one path ends with the other, by whole names. The extensions of the file names
/// count if both have one.
fn end_alike(one: &str, other: &str) -> bool {
    let name = |path: &str| path.rsplit('/').next().unwrap_or_default().to_owned();
    let has_ending = |path: &str| stem(path) != name(path);
    let (one, other) = if has_ending(one) && has_ending(other) {
        (one, other)
    } else {
        (without_ending(one), without_ending(other))
    };
    one.rsplit('/').zip(other.rsplit('/')).all(|(one, other)| one == other)
}

/// Returns the file name without its extension.
fn stem(path: &str) -> &str {
    let path = without_ending(path);
    path.rsplit('/').next().unwrap_or_default()
}

/// Returns the character between the fields of a table: the most frequent one of the header.
fn delimiter(text: &str) -> u8 {
    let header = text.lines().next().unwrap_or_default();
    let count = |delimiter: &u8| header.bytes().filter(|byte| byte == delimiter).count();
    // Of equal counts the last is taken.
    [b'\t', b';', b','].into_iter().max_by_key(count).unwrap_or(b',')
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

#[cfg(test)]
mod tests {
    use super::*;

    fn table(paths: &[&str]) -> LabelTable {
        let rows: Vec<LabelRow> = (0..)
            .zip(paths)
            .map(|(class, path)| LabelRow { path: (*path).to_owned(), class })
            .collect();
        let mut by_stem: HashMap<String, Vec<usize>> = HashMap::new();
        for (i, row) in rows.iter().enumerate() {
            by_stem.entry(stem(&row.path).to_owned()).or_default().push(i);
        }
        LabelTable { file: "labels.csv".into(), rename: None, rows, by_stem }
    }

    #[test]
    fn rows_are_found_by_the_end_of_the_path_if_it_is_unambiguous() {
        let table = table(&["val/a/1.png", "val/b/1.png", "c/2.jpg", "2.jpg", "isic_7"]);
        assert_eq!(table.class("val/a/1.png"), Ok(0));
        assert_eq!(table.class("b/1.png"), Ok(1));
        assert!(table.class("1.png").unwrap_err().contains("both end like it"));
        assert_eq!(table.class("2.jpg"), Ok(3), "an equal path wins");
        assert_eq!(table.class("x/isic_7.jpg"), Ok(4));
        assert!(table.class("2.png").is_err(), "another extension is another file");
        assert!(table.class("xc/1.png").is_err());
    }

    #[test]
    fn the_delimiter_is_that_of_the_header() {
        assert_eq!(delimiter("path,label\na;b;c,1"), b',');
        assert_eq!(delimiter("path;label"), b';');
        assert_eq!(delimiter("path\tlabel"), b'\t');
        assert_eq!(delimiter("path"), b',');
    }
}
