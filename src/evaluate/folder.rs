//! What a prediction folder holds.

use std::fs::File;
use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::measure::{MEASURES, Measure};
use crate::metric::DeterministicPass;
use crate::npy;
use crate::output::folder::{RECORD, TABLE, map_path};
use crate::record::RunRecord;

const AGAIN: &str = "predict again with --keep-probabilities";

/// A folder of predictions, as its `run.json` and `predictions.csv` say.
#[derive(Debug)]
pub struct PredictionFolder {
    path: PathBuf,
    /// Whether there are scores for each pixel.
    pub is_map: bool,
    /// Number of classes.
    pub n_classes: usize,
    /// Their names, where they are known.
    pub class_names: Option<Vec<String>>,
    /// Measures that were kept of each image.
    pub measures: Vec<&'static Measure>,
    /// The ids of images that were predicted, in the order of the table.
    pub ids: Vec<String>,
    /// Images that have an error instead.
    pub n_failed: usize,
    /// The record of the run.
    pub record: RunRecord,
}

/// The kept arrays of an image.
#[derive(Debug)]
pub struct KeptArrays {
    /// Rows and columns.
    pub size: (usize, usize),
    /// Mean probabilities, class by class.
    pub probabilities: Vec<f32>,
    /// Class of each item in the pass without dropout.
    pub deterministic_classes: Vec<u16>,
    /// Probability of that class.
    pub deterministic_probabilities: Vec<f32>,
    /// The values of each of the folder's measures.
    pub measures: Vec<Vec<f32>>,
}

/// What is known of an image's prediction.
#[derive(Debug, Clone)]
pub struct PredictionArrays<'a> {
    /// Rows and columns.
    pub size: (usize, usize),
    /// Mean probabilities, class by class.
    pub probabilities: &'a [f32],
    /// The pass without dropout.
    pub deterministic: DeterministicPass<'a>,
    /// The values of each of the folder's measures.
    pub measures: Vec<&'a [f32]>,
}

impl KeptArrays {
    /// The prediction that was kept.
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
    /// Opens a folder that `predict --keep-probabilities` wrote.
    ///
    /// # Errors
    /// If it is none, or its probabilities were not kept.
    pub fn open(path: &Path) -> Result<Self> {
        let mut folder = Self::of_record(path, record(path)?)?;
        if folder.record.output.keep_probabilities.is_none() {
            return Err(refusal(path, "the probabilities were not kept", AGAIN));
        }
        (folder.ids, folder.n_failed) = ids(&path.join(TABLE))?;
        Ok(folder)
    }

    /// The folder of a run that has this record and no images yet.
    ///
    /// # Errors
    /// If the record does not say what is predicted.
    pub fn of_record(path: &Path, record: RunRecord) -> Result<Self> {
        let output = &record.output;
        if output.task.is_empty() || output.n_classes < 2 {
            return Err(refusal(path, "run.json does not say what was predicted", AGAIN));
        }
        let is_listed = |measure: &&Measure| {
            output.measures.iter().any(|listed| listed == measure.name)
        };
        Ok(Self {
            path: path.to_owned(),
            is_map: output.task == "segmentation",
            n_classes: output.n_classes,
            class_names: record.classes.clone(),
            measures: MEASURES.iter().filter(is_listed).collect(),
            ids: Vec::new(),
            n_failed: 0,
            record,
        })
    }

    /// # Errors
    /// If the other folder was predicted by another model or with other measures.
    pub(super) fn check_alike(&self, other: &Self) -> Result<()> {
        let names =
            |folder: &Self| folder.measures.iter().map(|m| m.name).collect::<Vec<_>>();
        let hashes = |folder: &Self| -> Vec<String> {
            folder.record.model.hashes().map(str::to_owned).collect()
        };
        if (self.is_map, self.n_classes, names(self), hashes(self))
            == (other.is_map, other.n_classes, names(other), hashes(other))
        {
            return Ok(());
        }
        let message = format!(
            "{} was predicted by another model or with other measures than {}",
            other.path.display(),
            self.path.display()
        );
        Err(Error::setting("--ood", message).with_hint("predict both alike"))
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The kept arrays of an image.
    ///
    /// # Errors
    /// If one is missing, cannot be read, or has another shape than the others.
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
            return Err(Error::setting("OUT", message).with_hint(AGAIN));
        };
        let of_measure = |measure: &&Measure| {
            let (shape, values) = self.array(measure.name, id)?;
            if values.len() != n {
                return Err(self.wrong_shape(measure.name, id, &shape));
            }
            Ok(values)
        };
        Ok(KeptArrays {
            size: (height, width),
            probabilities,
            deterministic_classes,
            deterministic_probabilities: deterministic_probabilities.to_vec(),
            measures: self.measures.iter().map(of_measure).collect::<Result<_>>()?,
        })
    }

    fn array(&self, kind: &str, id: &str) -> Result<(Vec<usize>, Vec<f32>)> {
        let file = self.path.join(map_path(kind, id, "npy"));
        let array = File::open(&file).and_then(|array| {
            let length = array.metadata()?.len();
            npy::read(array, length)
        });
        array.map_err(|error| Error::read(&file, error))
    }

    fn wrong_shape(&self, kind: &str, id: &str, shape: &[usize]) -> Error {
        let file = self.path.join(map_path(kind, id, "npy"));
        let message = format!(
            "{} has the shape {shape:?}, unlike the run's others",
            file.display()
        );
        Error::setting("OUT", message).with_hint(AGAIN)
    }
}

/// Converts a class id that was stored as f32.
fn class_id(id: f32) -> Option<u16> {
    let is_id = (0.0..=f32::from(u16::MAX)).contains(&id) && id.fract() == 0.0;
    is_id.then_some(id as u16)
}

fn refusal(path: &Path, message: &str, hint: &str) -> Error {
    Error::setting("OUT", format!("{}: {message}", path.display())).with_hint(hint)
}

fn record(path: &Path) -> Result<RunRecord> {
    let file = path.join(RECORD);
    let bytes = match std::fs::read(&file) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let message = "is no folder of predictions: there is no run.json";
            return Err(refusal(
                path,
                message,
                "name a folder that `mcdrop predict -o` wrote",
            ));
        }
        Err(error) => return Err(Error::read(&file, error)),
    };
    RunRecord::decode(&bytes).map_err(|_| refusal(path, "run.json is damaged", AGAIN))
}

/// The ids of images that were predicted, and how many others there are.
fn ids(file: &Path) -> Result<(Vec<String>, usize)> {
    let broken = |message: String| {
        Error::setting("OUT", format!("{}: {message}", file.display())).with_hint(AGAIN)
    };
    let mut reader =
        csv::Reader::from_path(file).map_err(|error| broken(error.to_string()))?;
    let header = reader.headers().map_err(|error| broken(error.to_string()))?.clone();
    let column = |name: &str| {
        let place = header.iter().position(|column| column == name);
        place.ok_or_else(|| broken(format!("there is no column {name}")))
    };
    let (path, error) = (column("path")?, column("error")?);
    let (mut ids, mut n_failed) = (Vec::new(), 0);
    for record in reader.records() {
        let record = record.map_err(|error| broken(error.to_string().to_lowercase()))?;
        if record[error].is_empty() {
            ids.push(record[path].to_owned());
        } else {
            n_failed += 1;
        }
    }
    Ok((ids, n_failed))
}
