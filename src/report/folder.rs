//! Reads a prediction folder that may be incomplete or damaged.

use std::collections::HashSet;
use std::fs;
use std::io::ErrorKind;
use std::path::{Component, Path, PathBuf};

use crate::error::{Error, Result};
use crate::evaluate::PredictionFolder;
use crate::output::folder::{METRICS, OutputFolder, RECORD, TABLE};
use crate::record::{Column, Columns, ImageRecord, MetricsRecord, RunRecord};
use crate::task::{ModelTask, TASKS, TargetSettings};

/// A run, which may be incomplete.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) path: PathBuf,
    /// The files of the folder.
    pub(crate) files: OutputFolder,
    /// The record; `None` if it is missing or damaged.
    pub(crate) record: Option<RunRecord>,
    /// The prediction folder, if the record states task and classes.
    pub(crate) folder: Option<PredictionFolder>,
    /// The task with the labels or targets that are shown; if the record does not state it, that of
    /// the table's columns.
    pub(crate) task: Option<ModelTask>,
    /// The metrics; `None` if the run was not evaluated or they are damaged.
    pub(crate) metrics: Option<MetricsRecord>,
    /// The columns of the table.
    pub(crate) columns: Columns,
    /// The rows of the table, one per image.
    pub(crate) rows: Vec<ImageRecord>,
    /// Descriptions of what is missing or damaged, one sentence each.
    pub(crate) notes: Vec<String>,
}

impl Run {
    /// Reads the record, the metrics and the table of a folder.
    ///
    /// # Errors
    /// Fails if the folder does not exist, or contains neither a record nor a table.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let mut notes = Vec::new();
        let files = OutputFolder::open(path).ok();
        let files = files.filter(|files| {
            [RECORD, TABLE].into_iter().any(|name| files.entry_exists(name))
        });
        let Some(files) = files else {
            let is_file = path.is_file();
            if !is_file {
                fs::read_dir(path).map_err(|error| Error::read(path, error))?;
            }
            let what = if is_file { "a file, expected a" } else { "not a" };
            let message = format!("{} is {what} folder of predictions", path.display());
            return Err(Error::setting("OUT", message)
                .with_hint("name a folder that `mcdrop predict -o` wrote"));
        };
        let record = read(&files, RECORD, RunRecord::decode, &mut notes);
        let metrics = files.entry_exists(METRICS).then_some(METRICS);
        let metrics = metrics
            .and_then(|name| read(&files, name, MetricsRecord::decode, &mut notes));
        let of_record = |record| PredictionFolder::of_record(path, record).ok();
        let folder = record.clone().and_then(of_record);
        let task = folder.as_ref().map(|folder| folder.model_task(MOST_CHANNELS));
        if let (Some(folder), Some(task)) = (&folder, &task)
            && !task.channels.is_empty()
            && folder.n_classes > MOST_CHANNELS
        {
            let n = folder.n_classes;
            notes.push(format!(
                "Of {n} labels or targets, the first {MOST_CHANNELS} are shown."
            ));
        }
        if folder.is_none() && record.is_some() {
            notes.push(format!("{RECORD} does not state what was predicted."));
        }
        let (columns, rows) = table(&files, &mut notes);
        let mut run = Self {
            path: path.to_owned(),
            files,
            record,
            folder,
            task: task.or_else(|| guess_task(&columns)),
            metrics,
            columns,
            rows,
            notes,
        };
        run.note_what_is_left();
        Ok(run)
    }

    /// Adds a note if the run did not end, or if rows are missing.
    fn note_what_is_left(&mut self) {
        let n = self.rows.len();
        let Some(record) = &self.record else { return };
        let Some(images) = record.images else {
            self.notes.push(format!("The run did not end: {n} images have a row."));
            return;
        };
        let expected = images.done.saturating_add(images.failed);
        if expected != n as u64 {
            let note =
                format!("{RECORD} counts {expected} images, {TABLE} has {n} rows.");
            self.notes.push(note);
        }
    }

    /// Returns true if the task has maps, as far as that is known.
    pub(crate) fn has_maps(&self) -> bool {
        match &self.folder {
            Some(folder) => folder.task.has_maps(),
            None => self.columns.named("class").is_none(),
        }
    }

    /// Returns the value of a preprocessing setting.
    pub(crate) fn setting(&self, key: &str) -> Option<&str> {
        self.record.as_ref()?.preprocessing_setting(key)
    }
}

/// Reads and decodes a file. Adds a note if that fails.
fn read<T>(
    files: &OutputFolder,
    name: &str,
    decode: impl Fn(&[u8]) -> serde_json::Result<T>,
    notes: &mut Vec<String>,
) -> Option<T> {
    let note = match files.read_file(name) {
        Ok(bytes) => match decode(&bytes) {
            Ok(value) => return Some(value),
            Err(_) => format!("{name} is damaged."),
        },
        Err(error) if error.kind() == ErrorKind::NotFound => {
            format!("{name} is missing.")
        }
        Err(error) => format!("{name} cannot be read: {error}."),
    };
    notes.push(note);
    None
}

/// Largest number of labels or targets that the page shows.
const MOST_CHANNELS: usize = 1000;

/// Returns the first task that has the columns of a table, with one target.
fn guess_task(columns: &Columns) -> Option<ModelTask> {
    let is_there = |name: &str| columns.named(name).is_some();
    let fits = |task: &ModelTask| {
        let of_prediction = task.prediction_columns();
        of_prediction.iter().all(|(name, _)| is_there(name))
            && task.task.measures.iter().any(|measure| is_there(measure.name))
    };
    let all = TASKS.iter();
    all.map(|task| ModelTask::new(task, 1, &[], &TargetSettings::default())).find(fits)
}

/// Largest row of the table that is shown. Rows of a run are much smaller.
const MOST_ROW_BYTES: usize = 1 << 20;

/// Returns the columns and the complete rows of the table.
fn table(files: &OutputFolder, notes: &mut Vec<String>) -> (Columns, Vec<ImageRecord>) {
    let none = || (Columns::from_header([]), Vec::new());
    let file = files.open_file(TABLE);
    let columns = file.map_err(|error| error.to_string()).and_then(|file| {
        let mut reader = csv::ReaderBuilder::new().flexible(true).from_reader(file);
        let header = reader.byte_headers().map_err(|error| error.to_string())?;
        let names: Vec<_> = header.iter().map(String::from_utf8_lossy).collect();
        Ok((Columns::from_header(names.iter().map(|name| &**name)), reader))
    });
    let (columns, mut reader) = match columns {
        Ok(read) => read,
        Err(_) if !files.entry_exists(TABLE) => {
            notes.push(format!("{TABLE} is missing: there are no images to show."));
            return none();
        }
        Err(error) => {
            notes.push(format!("{TABLE} cannot be read: {error}."));
            return none();
        }
    };
    if columns.named(Column::Path.name()).is_none() {
        notes.push(format!(
            "{TABLE} has no column \"path\": there are no images to show."
        ));
        return (columns, Vec::new());
    }
    let (mut rows, mut seen) = (Vec::new(), HashSet::new());
    let (mut torn, mut repeated, mut outside, mut long) = (0, 0, 0, 0);
    for record in reader.byte_records() {
        let Ok(record) = record else {
            torn += 1;
            break;
        };
        if record.len() != columns.len() {
            torn += 1;
            continue;
        }
        if record.as_slice().len() > MOST_ROW_BYTES {
            long += 1;
            continue;
        }
        let fields: Vec<_> = record.iter().map(String::from_utf8_lossy).collect();
        let record = columns.record(fields.iter().map(|field| &**field));
        if !stays_inside(&record.path) {
            outside += 1;
            continue;
        }
        if !seen.insert(record.path.clone()) {
            repeated += 1;
            continue;
        }
        rows.push(record);
    }
    if torn > 0 {
        notes.push(format!("{TABLE}: {torn} rows are incomplete and left out."));
    }
    if long > 0 {
        notes
            .push(format!("{TABLE}: {long} rows have more than 1 MiB and are left out."));
    }
    if outside > 0 {
        notes
            .push(format!("{TABLE}: {outside} rows have a path that no image can have."));
    }
    if repeated > 0 {
        notes.push(format!("{TABLE}: {repeated} rows repeat a path and are left out."));
    }
    (columns, rows)
}

/// Returns `true` if a path stays inside its folder, as those of images do.
fn stays_inside(id: &str) -> bool {
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    !id.is_empty() && !id.ends_with('/') && Path::new(id).components().all(plain)
}
