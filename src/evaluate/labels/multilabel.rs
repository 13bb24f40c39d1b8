//! Truth of labels of which any number holds: a table, a folder of masks for each label, or arrays.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::files::LabelFiles;
use super::geometry::{self, LabelPlane};
use super::left_out::{LeftOut, LeftOutReason};
use super::mapping::{IdMapping, IdOptions};
use super::path_table::{self, PathTable, TableFormat};
use super::rename::LabelRename;
use super::{rotation_note, survey, wrong_size};
use crate::error::{Error, Result};
use crate::evaluate::prediction_folder::{PredictedImage, PredictionFolder};
use crate::input::label::{LabelConversion, LabelMap, read_label_map, read_value_map};
use crate::metric::UNKNOWN_LABEL;
use crate::task::{Item, Target};
use crate::tensor::ClassMap;

const TABLE: &str = "expected a CSV with path and a column of 0 and 1 for each label, or with path and labels, the \
                     names of those that hold, separated by semicolons";

const MAPS: &str = "expected a folder of masks for each label that has its name, or a folder of arrays (.npy) \
                    of the shape (C, H, W)";

/// Names of the column that lists the labels of an image, in lower case.
const LISTS: [&str; 2] = ["labels", "label"];

/// Options of a source of the truth of labels.
#[derive(Debug, Clone, Default)]
pub struct MultiLabelOptions {
    /// Rule that derives names of files or rows from names of images.
    pub rename: Option<LabelRename>,
    /// Ids of masks that mean "unknown"; `None` leaves the choice to the ids that occur.
    pub ignored: Option<Vec<u32>>,
    /// Number of threads that read all masks once, to decide the meaning of their ids.
    pub threads: usize,
}

/// A source of the truth of labels.
#[derive(Debug)]
pub struct MultiLabelSource {
    source: TruthSource,
    ignored: Vec<u32>,
    names: Vec<String>,
    /// True if only the center of images was predicted.
    is_cropped: bool,
    notes: Vec<String>,
}

#[derive(Debug)]
enum TruthSource {
    /// A table with 1, 0 or [`UNKNOWN_LABEL`] for each label.
    Table(PathTable<Vec<u8>>),
    /// A folder of masks for each label.
    Masks(Vec<(LabelFiles, IdMapping)>),
    /// A folder of arrays with a plane for each label.
    Arrays(LabelFiles),
}

/// Truth of the labels of an image, at the size of its prediction.
#[derive(Debug)]
pub enum LabelTruth {
    /// The truth.
    Known {
        /// For each label and item 1 if the label holds, 0 if it does not, or [`UNKNOWN_LABEL`].
        labels: Vec<Vec<u8>>,
        /// For each label, the items whose truth is unknown.
        left_out: Vec<LeftOut>,
    },
    /// The image has no truth; the string names what was expected.
    Missing(String),
}

impl MultiLabelSource {
    /// Opens the truth of the labels of a folder of predictions. `path` is a table if labels are per
    /// image, and otherwise a folder with a folder of masks for each label, or with arrays of the
    /// shape (C, H, W).
    ///
    /// # Errors
    /// Fails if the folder predicts no labels, if `path` cannot be read or is of the other kind, or
    /// if it contains labels that the model does not have.
    pub fn open(
        path: &Path,
        folder: &PredictionFolder,
        options: MultiLabelOptions,
    ) -> Result<Self> {
        folder.require(Target::Labels)?;
        let meta = std::fs::metadata(path).map_err(|error| Error::read(path, error))?;
        let refuse = |message: String, hint: &str| {
            Err(Error::setting("labels", message).with_hint(hint))
        };
        let names = folder.label_names();
        let is_cropped = folder.record.is_cropped();
        let mut notes = Vec::new();
        let ignored = options.ignored.clone().unwrap_or_default();
        let source = match folder.task.item {
            Item::Image if meta.is_file() => {
                TruthSource::Table(table(path, &names, options.rename)?)
            }
            Item::Pixel if meta.is_dir() => {
                notes.extend(rotation_note(folder).filter(|_| !is_cropped));
                maps(path, folder, &names, options, &mut notes)?
            }
            Item::Image => {
                return refuse(format!("{} is not a file", path.display()), TABLE);
            }
            Item::Pixel => {
                return refuse(format!("{} is not a folder", path.display()), MAPS);
            }
        };
        Ok(Self { source, ignored, names, is_cropped, notes })
    }

    /// Returns lines about decisions that the user should know of.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Returns the truth of an image.
    ///
    /// # Errors
    /// Fails if a file cannot be read, has numbers that are no truth, another number of labels or
    /// another aspect than the image, or shows the whole image although only its center was
    /// predicted.
    pub fn truth(&self, image: &PredictedImage<'_>) -> Result<LabelTruth> {
        let (mut labels, mut left_out) = (Vec::new(), Vec::new());
        match &self.source {
            TruthSource::Table(table) => match table.find(image.id) {
                Ok(states) => {
                    for &state in states {
                        let mut unknown = LeftOut::default();
                        if state == UNKNOWN_LABEL {
                            unknown.count(LeftOutReason::Unknown);
                        }
                        labels.push(vec![state]);
                        left_out.push(unknown);
                    }
                }
                Err(wanted) => return Ok(LabelTruth::Missing(wanted)),
            },
            TruthSource::Masks(folders) => {
                for (files, mapping) in folders {
                    let file = match files.find(image.id) {
                        Ok(file) => file.path,
                        Err(wanted) => return Ok(LabelTruth::Missing(wanted)),
                    };
                    let (states, unknown) = self.read_mask(&file, mapping, image)?;
                    labels.push(states);
                    left_out.push(unknown);
                }
            }
            TruthSource::Arrays(files) => {
                let file = match files.find(image.id) {
                    Ok(file) => file.path,
                    Err(wanted) => return Ok(LabelTruth::Missing(wanted)),
                };
                (labels, left_out) = self.read_array(&file, image)?.into_iter().unzip();
            }
        }
        Ok(LabelTruth::Known { labels, left_out })
    }

    fn read_mask(
        &self,
        file: &Path,
        mapping: &IdMapping,
        image: &PredictedImage<'_>,
    ) -> Result<(Vec<u8>, LeftOut)> {
        let LabelMap { height, width, ids, .. } = read_label_map(file, None)?;
        let plane = LabelPlane { height, width, values: ids };
        let ids = self.fitted(plane, file, image)?;
        let (classes, left_out) = mapping.classes(&ids).map_err(|id| {
            Error::image(
                file,
                format!("contains the id {id}: expected 0 and 1, or 0 and 255"),
            )
            .with_hint(format!("if it means \"unknown\": `ignore_index = {id}`"))
        })?;
        let state = |class: u16| match class {
            ClassMap::NONE => UNKNOWN_LABEL,
            class => class as u8,
        };
        Ok((classes.into_iter().map(state).collect(), left_out))
    }

    fn read_array(
        &self,
        file: &Path,
        image: &PredictedImage<'_>,
    ) -> Result<Vec<(Vec<u8>, LeftOut)>> {
        let map = read_value_map(file, LabelConversion::default())?;
        if map.planes.len() != self.names.len() {
            let (expected, found) = (self.names.len(), map.planes.len());
            let message = format!("expected {expected} planes, found {found}");
            return Err(Error::image(file, message).with_hint(MAPS));
        }
        let (height, width) = (map.height, map.width);
        let planes = map.planes.into_iter().map(|values| {
            let plane = LabelPlane { height, width, values };
            let values = self.fitted(plane, file, image)?;
            self.states(&values).map_err(|value| {
                let message = format!("contains {value}: expected 0, 1, or -1 for unknown");
                let hint = "write 1 for pixels that have the label; `ignore_index = N` names another \
                            number for unknown ones";
                Error::image(file, message).with_hint(hint)
            })
        });
        planes.collect()
    }

    /// Converts numbers of an array; the error is a number that is no truth.
    fn states(&self, values: &[f32]) -> Result<(Vec<u8>, LeftOut), f32> {
        let mut left_out = LeftOut::default();
        let states = values.iter().map(|&value| {
            // Numbers of files are compared bit by bit; a negative zero is 0.
            let is = |number: f32| (value + 0.0).to_bits() == number.to_bits();
            if is(0.0) || is(1.0) {
                return Ok(u8::from(is(1.0)));
            }
            let is_ignored = |id: &&u32| is(**id as f32);
            left_out.count(match self.ignored.iter().find(is_ignored) {
                Some(id) => LeftOutReason::Id(*id),
                None if value.is_nan() => LeftOutReason::NotANumber,
                None if is(-1.0) => LeftOutReason::Unknown,
                None => return Err(value),
            });
            Ok(UNKNOWN_LABEL)
        });
        let states = states.collect::<Result<_, _>>()?;
        Ok((states, left_out))
    }

    /// Returns a plane at the size of the prediction.
    fn fitted<T: Copy>(
        &self,
        plane: LabelPlane<T>,
        file: &Path,
        image: &PredictedImage<'_>,
    ) -> Result<Vec<T>> {
        let size = (plane.height, plane.width);
        if self.is_cropped && size != image.size {
            return Err(wrong_size(file, size, image.size));
        }
        let shape = image.shape.filter(|_| !self.is_cropped);
        let plane = geometry::upright(plane, shape)
            .map_err(|(message, hint)| Error::image(file, message).with_hint(hint))?;
        Ok(geometry::nearest(plane, image.size))
    }
}

/// Opens the folders of masks, or the folder of arrays.
fn maps(
    root: &Path,
    folder: &PredictionFolder,
    names: &[String],
    options: MultiLabelOptions,
    notes: &mut Vec<String>,
) -> Result<TruthSource> {
    let MultiLabelOptions { rename, ignored, threads } = options;
    let files = |root: PathBuf| LabelFiles { root, rename: rename.clone() };
    let mut roots: Vec<PathBuf> = names.iter().map(|name| root.join(name)).collect();
    let (found, missing): (Vec<_>, Vec<_>) =
        names.iter().zip(&roots).partition(|(_, root)| root.is_dir());
    if found.is_empty() {
        if names.len() > 1 {
            return Ok(TruthSource::Arrays(files(root.to_owned())));
        }
        roots = vec![root.to_owned()];
    } else if !missing.is_empty() {
        let list = |folders: &[(&String, &PathBuf)]| {
            folders.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>().join(", ")
        };
        let message = format!(
            "{}: expected a folder for each label: there is one for {}, and none for {}",
            root.display(),
            list(&found),
            list(&missing)
        );
        return Err(Error::setting("labels", message).with_hint(
            "add the other folders, with masks of 255 where the label is unknown",
        ));
    }
    let ids = IdOptions { ignored, reduce_zero: None };
    let mut folders = Vec::new();
    let mut labels_of_notes: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (root, name) in roots.into_iter().zip(names) {
        let files = files(root);
        let survey = survey(&files, None, &folder.ids, threads);
        let (mapping, note) =
            IdMapping::decide(&survey.ids, &ids, 2).map_err(|error| match error {
                Error::Setting { name: setting, message, hint } => Error::Setting {
                    name: setting,
                    message: format!("{name}: {message}"),
                    hint,
                },
                other => other,
            })?;
        if let Some(note) = note {
            labels_of_notes.entry(note).or_default().push(name);
        }
        folders.push((files, mapping));
    }
    let labels_of_notes = labels_of_notes.into_iter();
    notes.extend(
        labels_of_notes.map(|(note, names)| format!("{}: {note}", names.join(", "))),
    );
    Ok(TruthSource::Masks(folders))
}

/// Reads a table of labels.
fn table(
    file: &Path,
    names: &[String],
    rename: Option<LabelRename>,
) -> Result<PathTable<Vec<u8>>> {
    let header = path_table::header(file, TABLE)?;
    let lower: Vec<String> =
        names.iter().map(|name| name.trim().to_lowercase()).collect();
    let missing: Vec<&str> = lower
        .iter()
        .zip(names)
        .filter(|(lower, _)| !header.contains(lower))
        .map(|(_, name)| name.as_str())
        .collect();
    let has_list = LISTS.iter().any(|list| header.iter().any(|column| column == list));
    let (columns, is_list) = match missing.len() {
        0 => (lower.iter().map(|name| vec![name.clone()]).collect(), false),
        _ if has_list => (vec![LISTS.map(str::to_owned).to_vec()], true),
        n if n == names.len() => {
            (lower.iter().map(|name| vec![name.clone()]).collect(), false)
        }
        _ => {
            let message = format!(
                "{}: there is no column for {}; its columns are {}",
                file.display(),
                missing.join(", "),
                header.join(",")
            );
            return Err(Error::setting("labels", message).with_hint(
                "add a column for each label, with empty fields where it is unknown",
            ));
        }
    };
    let format = TableFormat { hint: TABLE, columns, is_strict: is_list };
    let parse = |texts: &[&str]| {
        if is_list { listed(texts[0], names) } else { states(texts, names) }
    };
    PathTable::open(file, &format, rename, &parse)
}

/// Parses a field for each label.
fn states(texts: &[&str], names: &[String]) -> Result<Vec<u8>, String> {
    let state = |(text, name): (&&str, &String)| match &text.trim().to_lowercase()[..] {
        "1" | "1.0" | "true" => Ok(1),
        "0" | "0.0" | "false" => Ok(0),
        "" | "-1" | "-1.0" | "nan" => Ok(UNKNOWN_LABEL),
        _ => Err(format!(
            "{name} is \"{text}\": expected 1, 0, or nothing if it is unknown"
        )),
    };
    texts.iter().zip(names).map(state).collect()
}

/// Parses a list of the labels that hold: names or numbers.
fn listed(text: &str, names: &[String]) -> Result<Vec<u8>, String> {
    let mut states = vec![0; names.len()];
    let mut unknown = Vec::new();
    let parts = text.split([';', '|']).map(str::trim).filter(|part| !part.is_empty());
    for part in parts {
        let by_name =
            names.iter().position(|name| name.trim().eq_ignore_ascii_case(part));
        match by_name.or_else(|| part.parse().ok().filter(|id| *id < names.len())) {
            Some(label) => states[label] = 1,
            None => unknown.push(format!("\"{part}\"")),
        }
    }
    if unknown.is_empty() {
        return Ok(states);
    }
    let names = names.join(", ");
    Err(format!("unknown label {}: expected some of {names}", unknown.join(", ")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Vec<String> {
        ["fog", "Heavy rain", "night"].map(str::to_owned).to_vec()
    }

    fn read(text: &str) -> Result<PathTable<Vec<u8>>> {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("labels.csv");
        std::fs::write(&file, text).unwrap();
        table(&file, &names(), None)
    }

    #[test]
    fn both_forms_of_tables_are_read() {
        for text in [
            "path,fog,heavy rain,night\na.png,1,0,1\nb.png,0,0,0\n",
            "night;path;age;Fog;Heavy Rain\n1.0;a.png;7;true;0\n0;b.png;;0;false\n",
            "path,labels\na.png,fog; night\nb.png,\n",
            "path,label\na.png,night|FOG\nb.png, ;\n",
            "path;labels\na.png;\"0; night\"\nb.png;\n",
        ] {
            let table = read(text).unwrap();
            assert_eq!(table.find("a.png"), Ok(&vec![1, 0, 1]), "{text}");
            assert_eq!(table.find("b.png"), Ok(&vec![0, 0, 0]), "{text}");
            assert!(table.find("c.png").is_err());
        }
    }

    #[test]
    fn empty_fields_and_minus_1_are_unknown_in_columns_of_labels() {
        let table = read("path,fog,heavy rain,night\na.png,,-1,1\n").unwrap();
        assert_eq!(table.find("a.png"), Ok(&vec![UNKNOWN_LABEL, UNKNOWN_LABEL, 1]));
    }

    #[test]
    fn errors_name_what_is_unknown_and_what_is_known() {
        for (text, message) in [
            (
                "path,labels\na.png,fog night\n",
                "row 1: unknown label \"fog night\": expected some of fog, Heavy rain, night",
            ),
            ("path,labels\na.png,fog; x;7\n", "row 1: unknown label \"x\", \"7\""),
            (
                "path,fog,night\na.png,1,1\n",
                "there is no column for Heavy rain; its columns are path,fog,night",
            ),
            ("path,fog,heavy rain,night\na.png,1,2,0\n", "Heavy rain is \"2\""),
            ("path,x\na.png,1\n", "its columns are path,x"),
            // The names would be further fields.
            ("path;labels\na.png;fog;night\n", "row 1 has too many fields"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
            assert!(error.hint().is_some());
        }
    }
}
