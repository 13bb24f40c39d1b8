//! The record of an image: a row of the table, a line of JSON.

use std::borrow::Cow;

use serde::ser::{Serialize, SerializeMap as _, Serializer};

use crate::measure::Measure;
use crate::task::{ColumnKind, ColumnValue, ModelTask, TASKS};
use crate::tensor::ImageShape;

/// Results of an image, or the error that prevented them.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ImageRecord {
    /// Id of the image: its path below the given folder.
    pub path: String,
    /// Width in pixels.
    pub width: Option<u32>,
    /// Height in pixels.
    pub height: Option<u32>,
    /// The EXIF orientation (2 to 8) that was applied; `None` if the pixels were upright.
    pub orientation: Option<u8>,
    /// The prediction, by the columns of the task; empty if there is none.
    pub prediction: Vec<Option<ColumnValue>>,
    /// Summaries of the measures, by their columns. NaN means none; empty if there is no prediction.
    pub measures: Vec<f32>,
    /// Probability of the predicted class at the policy's temperature: the mean over pixels.
    pub calibrated_probability: Option<f32>,
    /// Number of classes in the policy's set: the mean over pixels.
    pub set_size: Option<f32>,
    /// The classes in the policy's set.
    pub prediction_set: Option<Vec<usize>>,
    /// The policy's decision.
    pub decision: Option<Decision>,
    /// Number of samples.
    pub samples: Option<u32>,
    /// SHA-256 of the image's file in hexadecimal digits.
    pub sha256: Option<String>,
    /// The error, if there is no prediction.
    pub error: Option<String>,
}

/// A policy's decision on an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decision {
    /// The prediction may be used.
    Accept,
    /// A person should look at the image.
    Review,
    /// The image is unlike those of the calibration.
    OutOfDistribution,
}

/// The columns of a run's table, in order.
#[derive(Debug, Clone, PartialEq)]
pub struct Columns(Vec<Column>);

/// A column of the table.
#[derive(Debug, Clone, PartialEq)]
pub enum Column {
    /// [`ImageRecord::path`].
    Path,
    /// [`ImageRecord::width`].
    Width,
    /// [`ImageRecord::height`].
    Height,
    /// [`ImageRecord::orientation`].
    Orientation,
    /// One of [`ImageRecord::prediction`].
    Prediction {
        /// Name of the column.
        name: String,
        /// Type of the values.
        kind: ColumnKind,
        /// Position among the columns of this kind.
        index: usize,
    },
    /// One of [`ImageRecord::measures`].
    Measure {
        /// Name of the column.
        name: String,
        /// Position among the columns of this kind.
        index: usize,
    },
    /// [`ImageRecord::calibrated_probability`].
    CalibratedProbability,
    /// [`ImageRecord::set_size`].
    SetSize,
    /// [`ImageRecord::prediction_set`].
    PredictionSet,
    /// [`ImageRecord::decision`].
    Decision,
    /// [`ImageRecord::samples`].
    Samples,
    /// [`ImageRecord::sha256`].
    Sha256,
    /// [`ImageRecord::error`].
    Error,
}

/// The value of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Field<'a> {
    /// No value: an empty field in the table, `null` in JSON.
    Missing,
    /// A count or an id.
    Whole(u64),
    /// A number.
    Number(f32),
    /// A text that is not empty.
    Text(Cow<'a, str>),
}

/// An image's record as one JSON object: its fields by column, then the paths of its files under
/// `maps`.
#[derive(Debug)]
pub struct JsonLine<'a> {
    /// The columns.
    pub columns: &'a Columns,
    /// The record.
    pub record: &'a ImageRecord,
    /// The files of the image: the kind of each, and its path in the output folder.
    pub files: &'a [(String, String)],
}

impl ImageRecord {
    /// Returns the record of an image that failed.
    pub fn failed(path: &str, error: &str) -> Self {
        Self { path: path.to_owned(), error: Some(error.to_owned()), ..Self::default() }
    }

    /// Returns size and orientation of the image, if they are known.
    pub fn shape(&self) -> Option<ImageShape> {
        Some(ImageShape {
            height: usize::try_from(self.height?).ok()?,
            width: usize::try_from(self.width?).ok()?,
            orientation: self.orientation,
        })
    }

    /// Returns the value of a column.
    pub fn field(&self, column: &Column) -> Field<'_> {
        match column {
            Column::Path => Field::text(&self.path),
            Column::Width => Field::whole(self.width),
            Column::Height => Field::whole(self.height),
            Column::Orientation => Field::whole(self.orientation.map(u32::from)),
            Column::Prediction { index, .. } => match self.prediction.get(*index) {
                Some(Some(ColumnValue::Class(class))) => Field::Whole((*class).into()),
                Some(Some(ColumnValue::Text(text))) => Field::text(text),
                Some(Some(ColumnValue::Number(number))) => Field::number(Some(*number)),
                Some(None) | None => Field::Missing,
            },
            Column::Measure { index, .. } => {
                Field::number(self.measures.get(*index).copied())
            }
            Column::CalibratedProbability => Field::number(self.calibrated_probability),
            Column::SetSize => Field::number(self.set_size),
            Column::PredictionSet => match &self.prediction_set {
                Some(classes) => {
                    let ids: Vec<String> = classes.iter().map(usize::to_string).collect();
                    Field::owned(ids.join(" "))
                }
                None => Field::Missing,
            },
            Column::Decision => self
                .decision
                .map_or(Field::Missing, |decision| Field::text(decision.name())),
            Column::Samples => Field::whole(self.samples),
            Column::Sha256 => Field::text(self.sha256.as_deref().unwrap_or_default()),
            Column::Error => Field::text(self.error.as_deref().unwrap_or_default()),
        }
    }

    /// Sets the value of a column from its text in a table. A text that is not of the column's
    /// type counts as none.
    fn set(&mut self, column: &Column, text: &str) {
        let some = || Some(text).filter(|text| !text.is_empty()).map(str::to_owned);
        match column {
            Column::Path => text.clone_into(&mut self.path),
            Column::Width => self.width = text.parse().ok(),
            Column::Height => self.height = text.parse().ok(),
            Column::Orientation => self.orientation = text.parse().ok(),
            Column::Prediction { kind, index, .. } => {
                let value = match kind {
                    ColumnKind::Class => text.parse().ok().map(ColumnValue::Class),
                    ColumnKind::Text => some().map(ColumnValue::Text),
                    ColumnKind::Number => text.parse().ok().map(ColumnValue::Number),
                };
                self.prediction.resize((*index + 1).max(self.prediction.len()), None);
                self.prediction[*index] = value;
            }
            Column::Measure { index, .. } => {
                self.measures.resize((*index + 1).max(self.measures.len()), f32::NAN);
                self.measures[*index] = text.parse().unwrap_or(f32::NAN);
            }
            Column::CalibratedProbability => {
                self.calibrated_probability = text.parse().ok();
            }
            Column::SetSize => self.set_size = text.parse().ok(),
            Column::PredictionSet => {
                let ids =
                    || text.split(' ').map(str::parse).collect::<Result<_, _>>().ok();
                self.prediction_set = some().and_then(|_| ids());
            }
            Column::Decision => self.decision = Decision::by_name(text),
            Column::Samples => self.samples = text.parse().ok(),
            Column::Sha256 => self.sha256 = some(),
            Column::Error => self.error = some(),
        }
    }
}

impl Decision {
    const ALL: [Self; 3] = [Self::Accept, Self::Review, Self::OutOfDistribution];

    /// Name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Review => "review",
            Self::OutOfDistribution => "out_of_distribution",
        }
    }

    fn by_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|decision| decision.name() == name)
    }
}

/// Columns that every run of a kind has, by name.
const FIXED: [Column; 11] = [
    Column::Path,
    Column::Width,
    Column::Height,
    Column::Orientation,
    Column::CalibratedProbability,
    Column::SetSize,
    Column::PredictionSet,
    Column::Decision,
    Column::Samples,
    Column::Sha256,
    Column::Error,
];

impl Columns {
    /// Returns the columns of a run: `of_policy` are those that its policy adds.
    pub fn new(
        task: &ModelTask,
        measures: &[&'static Measure],
        of_policy: impl IntoIterator<Item = Column>,
    ) -> Self {
        let mut columns =
            vec![Column::Path, Column::Width, Column::Height, Column::Orientation];
        let of_prediction = task.prediction_columns().into_iter().enumerate();
        columns.extend(of_prediction.map(|(index, (name, named))| Column::Prediction {
            name,
            kind: named.column.kind,
            index,
        }));
        let quantities = task.quantities(measures);
        let names = quantities.iter().flat_map(|quantity| quantity.columns(task.task));
        let names = names.map(|(name, _)| name);
        columns.extend(
            names.enumerate().map(|(index, name)| Column::Measure { name, index }),
        );
        columns.extend(of_policy);
        columns.extend([Column::Samples, Column::Sha256, Column::Error]);
        Self(columns)
    }

    /// Returns the columns of a table with this header. An unknown name is taken for that of a
    /// measure.
    pub fn from_header<'a>(names: impl IntoIterator<Item = &'a str>) -> Self {
        let (mut n_predictions, mut n_measures) = (0, 0);
        let next = |counter: &mut usize| std::mem::replace(counter, *counter + 1);
        let columns = names.into_iter().map(|name| {
            if let Some(column) = FIXED.into_iter().find(|column| column.name() == name) {
                return column;
            }
            let mut known = TASKS.iter().flat_map(|task| task.prediction_columns);
            let is_named = |of: &str| {
                name == of
                    || name.strip_suffix(of).is_some_and(|rest| rest.ends_with('.'))
            };
            if let Some(column) = known.find(|column| is_named(column.name)) {
                Column::Prediction {
                    name: name.to_owned(),
                    kind: column.kind,
                    index: next(&mut n_predictions),
                }
            } else {
                let index = next(&mut n_measures);
                Column::Measure { name: name.to_owned(), index }
            }
        });
        Self(columns.collect())
    }

    /// The columns in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Column> {
        self.0.iter()
    }

    /// Number of columns.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there are no columns.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns the column of a name.
    pub fn named(&self, name: &str) -> Option<&Column> {
        self.0.iter().find(|column| column.name() == name)
    }

    /// Reads the fields of a row, one per column.
    pub fn record<'a>(&self, fields: impl IntoIterator<Item = &'a str>) -> ImageRecord {
        let mut record = ImageRecord::default();
        for (column, text) in self.0.iter().zip(fields) {
            record.set(column, text);
        }
        record
    }

    /// Returns the fields of a row.
    pub fn fields(&self, record: &ImageRecord) -> impl Iterator<Item = String> {
        self.0.iter().map(|column| record.field(column).csv())
    }
}

impl Column {
    /// Name in the header.
    pub fn name(&self) -> &str {
        match self {
            Self::Path => "path",
            Self::Width => "width",
            Self::Height => "height",
            Self::Orientation => "orientation",
            Self::Prediction { name, .. } | Self::Measure { name, .. } => name,
            Self::CalibratedProbability => "calibrated_probability",
            Self::SetSize => "set_size",
            Self::PredictionSet => "prediction_set",
            Self::Decision => "decision",
            Self::Samples => "samples",
            Self::Sha256 => "sha256",
            Self::Error => "error",
        }
    }
}

impl<'a> Field<'a> {
    fn text(text: &'a str) -> Self {
        if text.is_empty() { Self::Missing } else { Self::Text(Cow::Borrowed(text)) }
    }

    fn owned(text: String) -> Self {
        if text.is_empty() { Self::Missing } else { Self::Text(Cow::Owned(text)) }
    }

    fn whole(number: Option<u32>) -> Self {
        number.map_or(Self::Missing, |number| Self::Whole(number.into()))
    }

    fn number(number: Option<f32>) -> Self {
        match number {
            Some(number) if !number.is_nan() => Self::Number(number),
            _ => Self::Missing,
        }
    }

    /// Returns the field of a table.
    fn csv(self) -> String {
        match self {
            Self::Missing => String::new(),
            Self::Whole(number) => number.to_string(),
            Self::Number(number) => shortest(number),
            Self::Text(text) => text.into_owned(),
        }
    }

    /// Returns the value if it is a finite number. An f32 becomes the f64 with the same digits.
    pub fn as_f64(&self) -> Option<f64> {
        match self {
            Self::Whole(number) => Some(*number as f64),
            Self::Number(number) => {
                shortest(*number).parse().ok().filter(|n: &f64| n.is_finite())
            }
            Self::Missing | Self::Text(_) => None,
        }
    }
}

/// JSON has no number for infinity, which becomes null.
impl Serialize for Field<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Missing => serializer.serialize_unit(),
            Self::Whole(number) => serializer.serialize_u64(*number),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Number(_) => match self.as_f64() {
                Some(number) if is_whole(number) => {
                    serializer.serialize_u64(number as u64)
                }
                Some(number) => serializer.serialize_f64(number),
                None => serializer.serialize_unit(),
            },
        }
    }
}

/// Returns `true` if a number is written without a sign, a fraction or an exponent.
fn is_whole(number: f64) -> bool {
    number.is_sign_positive() && number.fract() == 0.0 && number < 1e16
}

impl Serialize for JsonLine<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        struct Files<'a>(&'a [(String, String)]);
        impl Serialize for Files<'_> {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_map(self.0.iter().map(|(kind, path)| (kind, path)))
            }
        }
        let mut map = serializer.serialize_map(Some(self.columns.len() + 1))?;
        for column in self.columns.iter() {
            map.serialize_entry(column.name(), &self.record.field(column))?;
        }
        map.serialize_entry("maps", &Files(self.files))?;
        map.end()
    }
}

/// Smallest number that is written with an exponent.
const EXPONENT_FROM: f32 = 1e16;

/// Returns the shortest text that reads back as the same f32; empty for NaN.
///
/// Very small and very large numbers have an exponent (`1e-5`), all others have none.
pub fn shortest(value: f32) -> String {
    let size = value.abs();
    if value.is_nan() {
        String::new()
    } else if size.is_finite() && size != 0.0 && !(1e-4..EXPONENT_FROM).contains(&size) {
        format!("{value:e}")
    } else {
        value.to_string()
    }
}
