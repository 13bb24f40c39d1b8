//! Labels of values: maps, or a table with the values of each image.

use std::path::Path;

use super::files::LabelFiles;
use super::geometry::{self, LabelPlane};
use super::left_out::{LeftOut, LeftOutReason};
use super::path_table::{PathTable, TableFormat};
use super::rename::LabelRename;
use super::{rotation_note, wrong_size};
use crate::error::{Error, Result};
use crate::evaluate::prediction_folder::{PredictedImage, PredictionFolder};
use crate::input::label::{LabelConversion, read_value_map};
use crate::task::{Item, Target, ValueRange};

/// Options of labels of values.
#[derive(Debug, Clone, Default)]
pub struct ValueLabelOptions {
    /// Rule that derives names of labels from names of images.
    pub rename: Option<LabelRename>,
    /// Conversion of the numbers of label files.
    pub conversion: LabelConversion,
    /// Range of values that count, in the unit of the target; default: that of the run.
    pub valid: Option<ValueRange>,
}

/// A source of labels of values.
#[derive(Debug)]
pub struct ValueLabels {
    source: ValueSource,
    conversion: LabelConversion,
    valid: Option<ValueRange>,
    invalid: Option<f64>,
    n_targets: usize,
    /// True if only the center of images was predicted.
    is_cropped: bool,
    notes: Vec<String>,
}

#[derive(Debug)]
enum ValueSource {
    /// A folder of maps that contain all targets, or one such folder for each target.
    Maps(Vec<LabelFiles>),
    /// A table with the numbers of each image.
    Table(PathTable<Vec<f64>>),
}

/// Labels of an image, at the size of its prediction.
#[derive(Debug)]
pub enum LabelValues {
    /// The labels.
    Values {
        /// For each target, the value of each item, or NaN if it does not count.
        targets: Vec<Vec<f32>>,
        /// For each target, the items that do not count.
        left_out: Vec<LeftOut>,
        /// True if the file contains integers.
        is_integer: bool,
    },
    /// The image has no label; the string names what was expected.
    Missing(String),
}

impl ValueLabels {
    /// Opens the labels of a folder of predicted values. `path` is a folder of maps if pixels are
    /// labeled, and otherwise a table.
    ///
    /// Maps of several targets are arrays of the shape (K, H, W), or lie in a folder for each target
    /// that has its name.
    ///
    /// # Errors
    /// Fails if the folder predicts no values, or `path` cannot be read or is of the other kind.
    pub fn open(
        path: &Path,
        folder: &PredictionFolder,
        options: ValueLabelOptions,
    ) -> Result<Self> {
        folder.require(Target::Value)?;
        let meta = std::fs::metadata(path).map_err(|error| Error::read(path, error))?;
        let refuse = |message: String, hint: &str| {
            Err(Error::setting("labels", message).with_hint(hint))
        };
        let ValueLabelOptions { rename, conversion, valid } = options;
        let mut notes = Vec::new();
        let is_cropped = folder.record.is_cropped();
        let source = match folder.task.item {
            Item::Pixel if meta.is_dir() => {
                notes.extend(rotation_note(folder).filter(|_| !is_cropped));
                let roots: Vec<_> =
                    folder.targets().iter().map(|name| path.join(name)).collect();
                let has_roots = roots.len() > 1 && roots.iter().all(|root| root.is_dir());
                let roots = if has_roots { roots } else { vec![path.to_owned()] };
                let files = roots
                    .into_iter()
                    .map(|root| LabelFiles { root, rename: rename.clone() });
                ValueSource::Maps(files.collect())
            }
            Item::Image if meta.is_file() => {
                ValueSource::Table(table(path, folder, rename)?)
            }
            Item::Pixel => {
                let message = format!("{} is not a folder", path.display());
                return refuse(message, "name a folder with a map of values per image");
            }
            Item::Image => {
                let message = format!("{} is not a file", path.display());
                return refuse(message, TABLE);
            }
        };
        let target = folder.record.output.target.clone().unwrap_or_default();
        let of_run = target.valid.map(|[low, high]| ValueRange { low, high });
        Ok(Self {
            source,
            conversion,
            valid: valid.or(of_run),
            invalid: target.invalid,
            n_targets: folder.n_classes,
            is_cropped,
            notes,
        })
    }

    /// Returns lines about decisions that the user should know of.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// Returns the range of values that count, if there is one.
    pub fn valid(&self) -> Option<ValueRange> {
        self.valid
    }

    /// Returns the labels of an image.
    ///
    /// # Errors
    /// Fails if a map cannot be read, has another number of targets or another aspect than the
    /// image, or shows the whole image although only its center was predicted.
    pub fn labels(&self, image: &PredictedImage<'_>) -> Result<LabelValues> {
        let (mut targets, mut is_integer) = (Vec::new(), false);
        match &self.source {
            ValueSource::Table(table) => match table.find(image.id) {
                Ok(numbers) => {
                    let values =
                        numbers.iter().map(|n| vec![self.conversion.convert(*n)]);
                    targets.extend(values);
                }
                Err(wanted) => return Ok(LabelValues::Missing(wanted)),
            },
            ValueSource::Maps(folders) => {
                for files in folders {
                    let file = match files.find(image.id) {
                        Ok(file) => file.path,
                        Err(wanted) => return Ok(LabelValues::Missing(wanted)),
                    };
                    let of_file = self.n_targets / folders.len();
                    is_integer |= self.read(&file, of_file, image, &mut targets)?;
                }
            }
        }
        let left_out = targets.iter_mut().map(|values| self.leave_out(values)).collect();
        Ok(LabelValues::Values { targets, left_out, is_integer })
    }

    /// Reads a map of `n` targets; returns whether it contains integers.
    fn read(
        &self,
        file: &Path,
        n: usize,
        image: &PredictedImage<'_>,
        targets: &mut Vec<Vec<f32>>,
    ) -> Result<bool> {
        let map = read_value_map(file, self.conversion)?;
        if map.planes.len() != n {
            let message = format!("expected {n} planes, found {}", map.planes.len());
            return Err(Error::image(file, message).with_hint(
                "save the targets as an .npy of the shape (K, H, W), or in a folder for each target",
            ));
        }
        let (height, width) = (map.height, map.width);
        if self.is_cropped && (height, width) != image.size {
            return Err(wrong_size(file, (height, width), image.size));
        }
        let shape = image.shape.filter(|_| !self.is_cropped);
        for values in map.planes {
            let plane = geometry::upright(LabelPlane { height, width, values }, shape)
                .map_err(|(message, hint)| Error::image(file, message).with_hint(hint))?;
            targets.push(geometry::nearest(plane, image.size));
        }
        Ok(map.is_integer)
    }

    /// Replaces values that do not count by NaN, and counts them.
    fn leave_out(&self, values: &mut [f32]) -> LeftOut {
        let mut left_out = LeftOut::default();
        for value in values {
            if let Some(reason) = self.reason(*value) {
                left_out.count(reason);
                *value = f32::NAN;
            }
        }
        left_out
    }

    fn reason(&self, value: f32) -> Option<LeftOutReason> {
        let number = f64::from(value);
        if value.is_nan() {
            Some(LeftOutReason::NotANumber)
        } else if value.is_infinite() {
            Some(LeftOutReason::Infinite)
        } else if self.invalid.is_some_and(|invalid| invalid as f32 - value == 0.0) {
            Some(LeftOutReason::InvalidValue)
        } else if self.valid.is_some_and(|valid| number < f64::from(valid.low as f32)) {
            Some(LeftOutReason::BelowRange)
        } else if self.valid.is_some_and(|valid| number > f64::from(valid.high as f32)) {
            Some(LeftOutReason::AboveRange)
        } else {
            None
        }
    }
}

const TABLE: &str = "name a CSV with the columns path and value, or a column for each target that \
                     has its name";

/// Reads a table of values. An empty field has none.
fn table(
    file: &Path,
    folder: &PredictionFolder,
    rename: Option<LabelRename>,
) -> Result<PathTable<Vec<f64>>> {
    let names = folder.targets();
    let columns = match &names[..] {
        [name] => vec![vec!["value".to_owned(), name.to_lowercase(), "label".to_owned()]],
        names => names.iter().map(|name| vec![name.to_lowercase()]).collect(),
    };
    let number = |text: &str| match text.trim() {
        "" => Ok(f64::NAN),
        text => text.parse().map_err(|_| format!("\"{text}\" is not a number")),
    };
    let parse = |texts: &[&str]| texts.iter().map(|text| number(text)).collect();
    PathTable::open(
        file,
        &TableFormat { hint: TABLE, columns, is_strict: false },
        rename,
        &parse,
    )
}
