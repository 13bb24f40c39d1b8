//! Tables with a row for each image, which is found by the end of its path.

use std::collections::HashMap;
use std::fmt::Debug;
use std::path::{Path, PathBuf};

use super::files::without_ending;
use super::rename::LabelRename;
use crate::error::{Error, Result};

/// Names of the column with the paths.
const PATHS: [&str; 4] = ["path", "image", "file", "filename"];

/// A table with a label of each image.
#[derive(Debug)]
pub(super) struct PathTable<T> {
    file: PathBuf,
    rename: Option<LabelRename>,
    /// Path and label.
    rows: Vec<(String, T)>,
    /// Positions of the rows by the file name without extension.
    by_stem: HashMap<String, Vec<usize>>,
}

/// Columns of a table beside that of the paths.
#[derive(Debug)]
pub(super) struct TableFormat {
    /// Hint of errors, which names the columns.
    pub(super) hint: &'static str,
    /// Possible names of each column, in lower case.
    pub(super) columns: Vec<Vec<String>>,
    /// Refuses rows with more fields than the header: a field may contain what separates fields.
    pub(super) is_strict: bool,
}

/// Returns the names of the columns of a table, in lower case.
pub(super) fn header(file: &Path, hint: &str) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(file).map_err(|error| Error::read(file, error))?;
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter(&text))
        .from_reader(text.as_bytes());
    let header = reader.headers().map_err(|error| {
        Error::setting("labels", format!("{}: {error}", file.display())).with_hint(hint)
    })?;
    Ok(header.iter().map(|column| column.trim().to_lowercase()).collect())
}

impl<T: PartialEq + Debug> PathTable<T> {
    /// Reads a table. `parse` converts the texts of the columns to a label, or describes what is
    /// wrong with them.
    pub(super) fn open(
        file: &Path,
        format: &TableFormat,
        rename: Option<LabelRename>,
        parse: &dyn Fn(&[&str]) -> Result<T, String>,
    ) -> Result<Self> {
        let refuse = |message: String| {
            Error::setting("labels", format!("{}: {message}", file.display()))
                .with_hint(format.hint)
        };
        let text =
            std::fs::read_to_string(file).map_err(|error| Error::read(file, error))?;
        let mut reader = csv::ReaderBuilder::new()
            .flexible(true)
            .delimiter(delimiter(&text))
            .from_reader(text.as_bytes());
        let header = reader.headers().map_err(|error| refuse(error.to_string()))?.clone();
        let column = |names: &[String]| {
            header.iter().position(|column| names.contains(&column.trim().to_lowercase()))
        };
        let path = column(&PATHS.map(str::to_owned));
        let labels: Option<Vec<usize>> =
            format.columns.iter().map(|names| column(names)).collect();
        let (Some(path), Some(labels)) = (path, labels) else {
            let columns: Vec<&str> = header.iter().collect();
            return Err(refuse(format!("its columns are {}", columns.join(","))));
        };
        let (mut rows, mut by_path): (Vec<(String, T)>, HashMap<String, usize>) =
            Default::default();
        for (n, record) in reader.records().enumerate() {
            let record =
                record.map_err(|error| refuse(error.to_string().to_lowercase()))?;
            let texts: Option<Vec<&str>> =
                labels.iter().map(|&i| record.get(i)).collect();
            let (Some(path), Some(texts)) = (record.get(path), texts) else {
                return Err(refuse(format!("row {} has too few fields", n + 1)));
            };
            if format.is_strict && record.len() > header.len() {
                return Err(refuse(format!("row {} has too many fields", n + 1)));
            }
            let label = parse(&texts)
                .map_err(|message| refuse(format!("row {}: {message}", n + 1)))?;
            let path = path.trim().replace('\\', "/").trim_start_matches("./").to_owned();
            match by_path.get(&path).map(|&row| &rows[row].1) {
                None => {
                    by_path.insert(path.clone(), rows.len());
                    rows.push((path, label));
                }
                Some(other) if *other != label => {
                    let message =
                        format!("\"{path}\" has the labels {other:?} and {label:?}");
                    return Err(refuse(message));
                }
                Some(_) => {}
            }
        }
        Ok(Self::new(file, rows, rename))
    }

    fn new(file: &Path, rows: Vec<(String, T)>, rename: Option<LabelRename>) -> Self {
        let mut by_stem: HashMap<String, Vec<usize>> = HashMap::new();
        for (i, (path, _)) in rows.iter().enumerate() {
            by_stem.entry(stem(path).to_owned()).or_default().push(i);
        }
        Self { file: file.to_owned(), rename, rows, by_stem }
    }

    /// Returns the label of an image, or the reason why it has none. A row belongs to an image if
    /// one of both paths ends with the other; a path without an extension fits any.
    pub(super) fn find(&self, id: &str) -> Result<&T, String> {
        let name = match &self.rename {
            None => id.to_owned(),
            Some(rename) => rename.name(without_ending(id)).ok_or_else(|| {
                format!("\"{}\" does not match the pattern", without_ending(id))
            })?,
        };
        let fits: Vec<&(String, T)> = self
            .by_stem
            .get(stem(&name))
            .into_iter()
            .flatten()
            .map(|&i| &self.rows[i])
            .filter(|(path, _)| end_alike(path, &name))
            .collect();
        let exact = fits.iter().find(|(path, _)| *path == name);
        match (exact, &fits[..]) {
            (Some((_, label)), _) | (None, [(_, label)]) => Ok(label),
            (None, []) => Err(format!("{} has no row for it", self.file.display())),
            (None, [(first, _), (second, _), ..]) => Err(format!(
                "the rows \"{first}\" and \"{second}\" of {} both end like it",
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

#[cfg(test)]
mod tests {
    use super::*;

    fn table(paths: &[&str]) -> PathTable<u16> {
        let rows = paths.iter().map(|path| (*path).to_owned()).zip(0..).collect();
        PathTable::new(Path::new("labels.csv"), rows, None)
    }

    #[test]
    fn rows_are_found_by_the_end_of_the_path_if_it_is_unambiguous() {
        let table = table(&["val/a/1.png", "val/b/1.png", "c/2.jpg", "2.jpg", "isic_7"]);
        assert_eq!(table.find("val/a/1.png"), Ok(&0));
        assert_eq!(table.find("b/1.png"), Ok(&1));
        assert!(table.find("1.png").unwrap_err().contains("both end like it"));
        assert_eq!(table.find("2.jpg"), Ok(&3), "an equal path wins");
        assert_eq!(table.find("x/isic_7.jpg"), Ok(&4));
        assert!(table.find("2.png").is_err(), "another extension is another file");
        assert!(table.find("xc/1.png").is_err());
    }

    #[test]
    fn the_delimiter_is_that_of_the_header() {
        assert_eq!(delimiter("path,label\na;b;c,1"), b',');
        assert_eq!(delimiter("path;label"), b';');
        assert_eq!(delimiter("path\tlabel"), b'\t');
        assert_eq!(delimiter("path"), b',');
    }
}
