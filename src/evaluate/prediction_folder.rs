//! A folder of predictions with kept arrays.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::measure::{
    ALEATORIC_VALUE_VARIANCE, EPISTEMIC_VALUE_VARIANCE, LABEL_PROBABILITY, Measure, VALUE,
};
use crate::metric::DeterministicPass;
use crate::npy;
use crate::output::folder::{OutputFolder, RECORD, TABLE, map_path};
use crate::pipeline::{LabelArrays, TargetArrays};
use crate::record::{Column, Columns, Field, ImageRecord, RunRecord};
use crate::task::{Item, ModelTask, Target, TargetSettings, Task};
use crate::tensor::ImageShape;

/// Largest number of classes: ids are 16-bit numbers, the last of which mean "none".
const MOST_CLASSES: usize = 65_534;

const AGAIN: &str = "predict again with `keep_probabilities`";

/// A folder of predictions, described by its `run.json` and `predictions.csv`.
#[derive(Debug)]
pub struct PredictionFolder {
    path: PathBuf,
    /// Task of the run.
    pub task: &'static Task,
    /// Number of classes, or of targets.
    pub n_classes: usize,
    /// Names of the classes, if they are known.
    pub class_names: Option<Vec<String>>,
    /// Measures that were kept for each image.
    pub measures: Vec<&'static Measure>,
    /// Ids of the images that were predicted, in the order of the table.
    pub ids: Vec<String>,
    /// Sizes and orientations of the images, by id.
    pub shapes: HashMap<String, ImageShape>,
    /// Number of images with an error instead of a prediction.
    pub n_failed: usize,
    /// Labels of images, by id; empty for every other task.
    labels: HashMap<String, Vec<LabelArrays>>,
    /// Record of the run.
    pub record: RunRecord,
}

/// An image whose labels are looked up.
#[derive(Debug, Clone, Copy)]
pub struct PredictedImage<'a> {
    /// Id of the image.
    pub id: &'a str,
    /// Rows and columns of its prediction.
    pub size: (usize, usize),
    /// Its size and orientation, if they are known.
    pub shape: Option<ImageShape>,
}

/// Kept arrays of an image.
#[derive(Debug)]
pub struct KeptArrays {
    /// Numbers of rows and columns.
    pub size: (usize, usize),
    /// Mean probabilities: one plane per class.
    pub probabilities: Vec<f32>,
    /// Class of each item in the pass without dropout.
    pub deterministic_classes: Vec<u16>,
    /// Probability of that class.
    pub deterministic_probabilities: Vec<f32>,
    /// Values of each measure of the folder.
    pub measures: Vec<Vec<f32>>,
}

/// Arrays of an image's prediction, borrowed.
#[derive(Debug, Clone)]
pub struct PredictionArrays<'a> {
    /// Numbers of rows and columns.
    pub size: (usize, usize),
    /// Mean probabilities: one plane per class.
    pub probabilities: &'a [f32],
    /// The pass without dropout.
    pub deterministic: DeterministicPass<'a>,
    /// Values of each measure of the folder.
    pub measures: Vec<&'a [f32]>,
}

impl KeptArrays {
    /// Returns the arrays as a prediction.
    pub fn prediction(&self) -> PredictionArrays<'_> {
        PredictionArrays {
            size: self.size,
            probabilities: &self.probabilities,
            deterministic: DeterministicPass {
                classes: &self.deterministic_classes,
                probabilities: &self.deterministic_probabilities,
            },
            measures: self.measures.iter().map(Vec::as_slice).collect(),
        }
    }
}

impl PredictionFolder {
    /// Opens a folder of predicted classes that was written with `keep_probabilities`.
    ///
    /// # Errors
    /// Fails if `path` is not a prediction folder, does not predict classes, or was written without
    /// `keep_probabilities`.
    pub fn open(path: &Path) -> Result<Self> {
        Self::open_of(path, &[Target::Class])
    }

    /// Opens a folder of predictions that was written with `keep_probabilities`. Labels of images
    /// need no arrays: their probabilities are in the table.
    ///
    /// # Errors
    /// Fails if `path` is not a prediction folder, or was written without `keep_probabilities`.
    pub fn open_any(path: &Path) -> Result<Self> {
        Self::open_of(path, &[Target::Class, Target::Labels, Target::Value])
    }

    fn open_of(path: &Path, targets: &[Target]) -> Result<Self> {
        let mut folder = Self::of_record(path, record(path)?)?;
        // Predicting again would not help a folder of another task.
        if !targets.contains(&folder.task.target) {
            folder.require(Target::Class)?;
        }
        if folder.record.output.keep_probabilities.is_none()
            && !folder.has_labels_in_table()
        {
            let message = match folder.task.target {
                Target::Value => "the values were not kept",
                Target::Class | Target::Labels => "the probabilities were not kept",
            };
            return Err(refusal(path, message, AGAIN));
        }
        folder.read_table()?;
        Ok(folder)
    }

    /// Creates the folder of a run with this record and without images.
    ///
    /// # Errors
    /// Fails if the record has no known task, or neither classes nor targets.
    pub fn of_record(path: &Path, record: RunRecord) -> Result<Self> {
        let output = &record.output;
        let item = match output.item.as_deref() {
            None => None,
            Some(name) => {
                [Item::Image, Item::Pixel].into_iter().find(|i| i.singular() == name)
            }
        };
        let task = Task::with_measures(&output.task, item, &output.measures);
        // One class is none, but one target is usual.
        let least =
            if task.is_some_and(|task| task.target == Target::Class) { 2 } else { 1 };
        let is_possible = (least..=MOST_CLASSES).contains(&output.n_classes);
        let (Some(task), true) = (task, is_possible) else {
            return Err(refusal(path, "run.json has no known task and classes", AGAIN));
        };
        let is_listed = |measure: &&Measure| {
            output.measures.iter().any(|listed| listed == measure.name)
        };
        Ok(Self {
            path: path.to_owned(),
            task,
            n_classes: output.n_classes,
            class_names: record.classes.clone(),
            measures: task.measures.iter().filter(is_listed).collect(),
            ids: Vec::new(),
            shapes: HashMap::new(),
            n_failed: 0,
            labels: HashMap::new(),
            record,
        })
    }

    /// Checks what the folder predicts.
    ///
    /// # Errors
    /// Fails if it predicts something else than `target`.
    pub fn require(&self, target: Target) -> Result<()> {
        if self.task.target == target {
            return Ok(());
        }
        let name = |target| match target {
            Target::Class => "classes",
            Target::Labels => "several labels",
            Target::Value => "values",
        };
        let message =
            format!("predicts {}, not {}", name(self.task.target), name(target));
        let hint = match self.task.target {
            Target::Value => "compare values with their labels: `mcdrop evaluate`",
            Target::Class | Target::Labels => {
                "name a folder of a classification or segmentation"
            }
        };
        Err(refusal(&self.path, &message, hint))
    }

    /// Returns true if the table contains all that is evaluated: the labels of images.
    fn has_labels_in_table(&self) -> bool {
        self.task.target == Target::Labels && self.task.item == Item::Image
    }

    /// Returns the names of the labels, with which their columns and arrays begin; those without a
    /// name are numbered.
    pub fn label_names(&self) -> Vec<String> {
        let names = self.class_names.as_deref().unwrap_or_default();
        ModelTask::new(self.task, self.n_classes, names, &TargetSettings::default())
            .channels
    }

    /// Returns the measures that grow with the uncertainty of labels: all but their probability.
    pub fn label_scores(&self) -> impl Iterator<Item = &'static Measure> {
        let is_score = |measure: &&Measure| measure.name != LABEL_PROBABILITY.name;
        self.measures.iter().copied().filter(is_score)
    }

    /// Returns the names of the targets; those without a name are numbered.
    pub fn targets(&self) -> Vec<String> {
        let names = &self.record.output.targets;
        let name = |target: usize| {
            names.get(target).cloned().unwrap_or_else(|| target.to_string())
        };
        (0..self.n_classes).map(name).collect()
    }

    /// Reads the ids and shapes of the images that were predicted, and the number of the others.
    fn read_table(&mut self) -> Result<()> {
        let file = &self.path.join(TABLE);
        let broken = |message: String| {
            Error::setting("out", format!("{}: {message}", file.display()))
                .with_hint(AGAIN)
        };
        let table = OutputFolder::open(&self.path)?.open_file(TABLE);
        let table = table.map_err(|error| Error::read(file, error))?;
        let mut reader = csv::Reader::from_reader(table);
        let header = reader.headers().map_err(|error| broken(error.to_string()))?;
        let columns = Columns::from_header(header);
        for wanted in [Column::Path, Column::Error] {
            if columns.named(wanted.name()).is_none() {
                return Err(broken(format!("there is no column {}", wanted.name())));
            }
        }
        for row in reader.records() {
            let row = row.map_err(|error| broken(error.to_string().to_lowercase()))?;
            let record = columns.record(&row);
            if record.error.is_some() {
                self.n_failed += 1;
                continue;
            }
            if let Some(shape) = record.shape() {
                self.shapes.insert(record.path.clone(), shape);
            }
            if self.has_labels_in_table() {
                let labels = self.labels_of_row(&columns, &record);
                self.labels.insert(record.path.clone(), labels.map_err(broken)?);
            }
            self.ids.push(record.path);
        }
        Ok(())
    }

    /// Returns the labels of an image from its row of the table; the error names a column that is
    /// missing.
    fn labels_of_row(
        &self,
        columns: &Columns,
        record: &ImageRecord,
    ) -> Result<Vec<LabelArrays>, String> {
        let number = |name: String| {
            let field = columns.named(&name).map(|column| record.field(column));
            match field {
                Some(Field::Number(number)) => Ok(vec![number]),
                _ => Err(format!("there is no number in the column {name}")),
            }
        };
        let label = |name: &String| {
            let of = |measure: &str| number(format!("{name}.{measure}"));
            Ok(LabelArrays {
                size: (1, 1),
                probability: of(LABEL_PROBABILITY.name)?,
                deterministic_probability: of("deterministic_probability")?,
                scores: self
                    .label_scores()
                    .map(|measure| of(measure.name))
                    .collect::<Result<_, _>>()?,
            })
        };
        self.label_names().iter().map(label).collect()
    }

    /// Returns the predicted labels of an image: of an image's row, or the kept arrays of its
    /// pixels.
    ///
    /// # Errors
    /// Fails if an array is missing, cannot be read, or has an unexpected shape.
    pub fn kept_labels(&self, id: &str) -> Result<Vec<LabelArrays>> {
        if let Some(labels) = self.labels.get(id) {
            return Ok(labels.clone());
        }
        let n_labels = self.n_classes;
        let (shape, pass) = self.array("deterministic", id)?;
        let [channels, height, width] = shape[..] else {
            return Err(self.wrong_shape("deterministic", id, &shape));
        };
        if channels != 2 * n_labels {
            return Err(self.wrong_shape("deterministic", id, &shape));
        }
        let read = |name: String| {
            let (shape, values) = self.array(&name, id)?;
            if shape[..] != [height, width] {
                return Err(self.wrong_shape(&name, id, &shape));
            }
            Ok(values)
        };
        let label = |(name, plain): (&String, &[f32])| {
            let of = |measure: &str| read(format!("{name}.{measure}"));
            Ok(LabelArrays {
                size: (height, width),
                probability: of(LABEL_PROBABILITY.name)?,
                deterministic_probability: plain.to_vec(),
                scores: self
                    .label_scores()
                    .map(|measure| of(measure.name))
                    .collect::<Result<_>>()?,
            })
        };
        // The probabilities come before the entropies.
        let planes = pass.chunks_exact((height * width).max(1));
        self.label_names().iter().zip(planes).map(label).collect()
    }

    /// Checks that two folders can be evaluated together.
    ///
    /// # Errors
    /// Fails if the other folder was predicted by another model or with other measures.
    pub(super) fn check_alike(&self, other: &Self) -> Result<()> {
        let measures = self.measures.iter().map(|measure| measure.name);
        if self.task == other.task
            && self.n_classes == other.n_classes
            && measures.eq(other.measures.iter().map(|measure| measure.name))
            && self.record.model.hashes().eq(other.record.model.hashes())
        {
            return Ok(());
        }
        let message = format!(
            "{} was predicted by another model or with other measures than {}",
            other.path.display(),
            self.path.display()
        );
        Err(Error::setting("ood", message)
            .with_hint("predict both folders with the same model and measures"))
    }

    /// Returns an image whose prediction has this size (rows, columns).
    pub fn predicted_image<'a>(
        &self,
        id: &'a str,
        size: (usize, usize),
    ) -> PredictedImage<'a> {
        PredictedImage { id, size, shape: self.shapes.get(id).copied() }
    }

    /// Returns the path of the folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the kept values of an image, one entry per target.
    ///
    /// # Errors
    /// Fails if an array is missing, cannot be read, or has an unexpected shape.
    pub fn kept_values(&self, id: &str) -> Result<Vec<TargetArrays>> {
        let n_targets = self.n_classes;
        let (shape, pass) = self.array("deterministic", id)?;
        let [channels, height, width] = shape[..] else {
            return Err(self.wrong_shape("deterministic", id, &shape));
        };
        if channels != 2 * n_targets {
            return Err(self.wrong_shape("deterministic", id, &shape));
        }
        let n = height * width;
        let task = ModelTask::new(self.task, n_targets, &[], &self.target_settings());
        let read = |name: &str| {
            let (shape, values) = self.array(name, id)?;
            if shape[..] != [height, width] {
                return Err(self.wrong_shape(name, id, &shape));
            }
            Ok(values)
        };
        let mut maps = Vec::new();
        for quantity in task.quantities(&[
            &VALUE,
            &EPISTEMIC_VALUE_VARIANCE,
            &ALEATORIC_VALUE_VARIANCE,
        ]) {
            maps.push(read(&quantity.name)?);
        }
        let mut maps = maps.into_iter();
        let planes: Vec<&[f32]> = pass.chunks_exact(n.max(1)).collect();
        let targets = (0..n_targets).map_while(|target| {
            Some(TargetArrays {
                size: (height, width),
                value: maps.next()?,
                epistemic_variance: maps.next()?,
                aleatoric_variance: maps.next()?,
                deterministic_value: planes.get(target)?.to_vec(),
                deterministic_variance: planes.get(n_targets + target)?.to_vec(),
            })
        });
        Ok(targets.collect())
    }

    fn target_settings(&self) -> TargetSettings {
        let target = self.record.output.target.as_ref();
        TargetSettings {
            names: self.record.output.targets.clone(),
            unit: target.map(|target| target.unit.clone()).unwrap_or_default(),
            ..TargetSettings::default()
        }
    }

    /// Returns the task with the first labels or targets of the run, at most `most`.
    pub fn model_task(&self, most: usize) -> ModelTask {
        let names = self.class_names.as_deref().unwrap_or_default();
        let n_channels = self.n_classes.min(most);
        ModelTask::new(self.task, n_channels, names, &self.target_settings())
    }

    /// Reads the kept arrays of an image.
    ///
    /// # Errors
    /// Fails if an array is missing, cannot be read, or has an unexpected shape.
    pub fn kept(&self, id: &str) -> Result<KeptArrays> {
        let (shape, probabilities) = self.array("probabilities", id)?;
        let [classes, height, width] = shape[..] else {
            return Err(self.wrong_shape("probabilities", id, &shape));
        };
        if classes != self.n_classes {
            return Err(self.wrong_shape("probabilities", id, &shape));
        }
        let n = height * width;
        let (shape, deterministic) = self.array("deterministic", id)?;
        if shape[..] != [2, height, width] {
            return Err(self.wrong_shape("deterministic", id, &shape));
        }
        let (classes, deterministic_probabilities) = deterministic.split_at(n);
        let classes: Option<Vec<u16>> = classes.iter().map(|id| class_id(*id)).collect();
        let Some(deterministic_classes) = classes else {
            let file = self.path.join(map_path("deterministic", id, "npy"));
            let message = format!("{} has values that are not class ids", file.display());
            return Err(Error::setting("out", message).with_hint(AGAIN));
        };
        let mut measures = Vec::with_capacity(self.measures.len());
        for measure in &self.measures {
            let (shape, values) = self.array(measure.name, id)?;
            if values.len() != n {
                return Err(self.wrong_shape(measure.name, id, &shape));
            }
            measures.push(values);
        }
        Ok(KeptArrays {
            size: (height, width),
            probabilities,
            deterministic_classes,
            deterministic_probabilities: deterministic_probabilities.to_vec(),
            measures,
        })
    }

    fn array(&self, kind: &str, id: &str) -> Result<(Vec<usize>, Vec<f32>)> {
        let path = map_path(kind, id, "npy");
        let file = self.path.join(&path);
        let array = OutputFolder::open(&self.path)?.open_file(&path).and_then(|array| {
            let length = array.metadata()?.len();
            npy::read(array, length)
        });
        array.map_err(|error| Error::read(&file, error))
    }

    fn wrong_shape(&self, kind: &str, id: &str, shape: &[usize]) -> Error {
        let file = self.path.join(map_path(kind, id, "npy"));
        let message = format!(
            "{} has the shape {shape:?}, which does not fit the other arrays of the run",
            file.display()
        );
        Error::setting("out", message).with_hint(AGAIN)
    }
}

/// Converts a class id that was stored as f32.
fn class_id(id: f32) -> Option<u16> {
    let is_id = (0.0..=f32::from(u16::MAX)).contains(&id) && id.fract() == 0.0;
    is_id.then_some(id as u16)
}

fn refusal(path: &Path, message: &str, hint: &str) -> Error {
    Error::setting("out", format!("{}: {message}", path.display())).with_hint(hint)
}

fn record(path: &Path) -> Result<RunRecord> {
    // Without a folder, the error is that of the record.
    let read = OutputFolder::open(path).map_or_else(
        |_| std::fs::read(path.join(RECORD)),
        |folder| folder.read_file(RECORD),
    );
    let bytes = match read {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let message = "is not a folder of predictions: there is no run.json";
            return Err(refusal(
                path,
                message,
                "name a folder that `mcdrop predict -o` wrote",
            ));
        }
        Err(error) => return Err(Error::read(&path.join(RECORD), error)),
    };
    RunRecord::decode(&bytes).map_err(|_| refusal(path, "run.json is damaged", AGAIN))
}
