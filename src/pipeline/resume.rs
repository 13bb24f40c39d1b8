//! Continues an earlier run of the same job: decides which rows are kept, and refuses other jobs.

use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::job::{Event, Job};
use crate::error::{Error, Result};
use crate::input::{hexadecimal, sha256_of};
use crate::output::folder::{ANOTHER, OutputFolder, RECORD, label_map_kind};
use crate::output::page::PageFolder;
use crate::output::table::{Span, Table};
use crate::record::RunRecord;
use crate::task::{ModelTask, Task};

/// The rows of a run, by the index of their image in the job.
pub(super) struct Rows {
    places: Vec<Option<Span>>,
    kept: usize,
}

/// A row of an image that an earlier run predicted.
struct Finished {
    image: usize,
    place: Span,
    sha256: String,
}

impl Rows {
    /// Keeps the rows that an earlier run of the same job finished. Failed images, and images with
    /// missing files, are predicted again.
    ///
    /// # Errors
    /// Fails if the folder contains results of another run, or of images that have changed or are
    /// not in this job.
    pub(super) fn begin(
        table: &mut Table,
        folder: &OutputFolder,
        record: &RunRecord,
        job: &Job,
        task: &ModelTask,
    ) -> Result<Self> {
        let quantities = task.quantities(&task.task.all_measures().collect::<Vec<_>>());
        let mut measures = Task::all_measure_names();
        measures.extend(quantities.iter().map(|quantity| quantity.name.as_str()));
        let label_maps: Vec<String> =
            task.channels.iter().map(|name| label_map_kind(name)).collect();
        measures.extend(label_maps.iter().map(String::as_str));
        let mut rows = Self { places: vec![None; job.images.len()], kept: 0 };
        if job.overwrite {
            if !table.is_empty()? {
                folder.clear(&measures)?;
            }
            table.start()?;
            return Ok(rows);
        }
        let (mut finished, n_records) = read(table, job)?;
        if finished.is_empty() {
            table.start()?;
            folder.sweep(&measures)?;
            return Ok(rows);
        }
        refuse_other_run(folder, record)?;
        check_images(&finished, folder, job)?;
        table.cut_torn()?;
        folder.sweep(&measures)?;
        let all_there = |row: &Finished| {
            let id = job.images[row.image].id();
            let of_page =
                !job.output.report || PageFolder::own(folder).holds(id, task.has_maps());
            let files = job.output.files(task, id);
            of_page && files.iter().all(|(_, file)| folder.holds(file))
        };
        finished.retain(all_there);
        if finished.len() < n_records {
            let places: Vec<Span> = finished.iter().map(|row| row.place).collect();
            for (row, place) in finished.iter_mut().zip(table.keep(&places)?) {
                row.place = place;
            }
        }
        for row in &finished {
            rows.places[row.image] = Some(row.place);
        }
        rows.kept = finished.len();
        Ok(rows)
    }

    /// Returns the number of rows that are kept from an earlier run.
    pub(super) fn kept(&self) -> usize {
        self.kept
    }

    /// Sends an event for each row that is kept.
    pub(super) fn tell_kept(
        &self,
        table: &mut Table,
        tell: &mut dyn FnMut(Event<'_>),
    ) -> Result<()> {
        let kept = self.places.iter().flatten().copied();
        table.read_at(kept, |record| tell(Event::Kept(&record)))
    }

    /// Returns the indices of the images without a row, in order.
    pub(super) fn pending(&self) -> Vec<usize> {
        (0..self.places.len()).filter(|&image| self.places[image].is_none()).collect()
    }

    /// Notes that the row of an image is in the table.
    pub(super) fn add(&mut self, image: usize, place: Span) {
        self.places[image] = Some(place);
    }

    /// Sorts the table by the order of the images if it is not sorted.
    pub(super) fn put_in_order(&self, table: &mut Table) -> Result<()> {
        if self.places.iter().flatten().is_sorted() {
            return Ok(());
        }
        let places: Vec<Span> = self.places.iter().flatten().copied().collect();
        table.keep(&places).map(|_| ())
    }
}

/// Returns the finished rows in the order of the table, and the number of all records.
fn read(table: &mut Table, job: &Job) -> Result<(Vec<Finished>, usize)> {
    let index: HashMap<&str, usize> =
        job.images.iter().enumerate().map(|(i, image)| (image.id(), i)).collect();
    let mut finished = Vec::new();
    let mut is_finished = vec![false; job.images.len()];
    let (mut first_stranger, mut more) = (None, 0);
    let n_records = table.read_rows(|record, place| {
        if record.error.is_some() {
            return;
        }
        match index.get(record.path.as_str()) {
            // If an image has two rows, the first counts.
            Some(&image) if is_finished[image] => {}
            Some(&image) => {
                is_finished[image] = true;
                let sha256 = record.sha256.unwrap_or_default();
                finished.push(Finished { image, place, sha256 });
            }
            None if first_stranger.is_none() => {
                first_stranger = Some(record.path);
            }
            None => more += 1,
        }
    })?;
    let Some(first) = first_stranger else { return Ok((finished, n_records)) };
    let folder = job.folder.display();
    let others = if more > 0 { format!(" and {more} more") } else { String::new() };
    let message = format!(
        "{folder} contains results of images that are not in this run: {first}{others}"
    );
    Err(Error::setting("output", message).with_hint(ANOTHER))
}

/// Fails if the rows of the folder were made with other settings.
fn refuse_other_run(folder: &OutputFolder, record: &RunRecord) -> Result<()> {
    let place = folder.path().join(RECORD);
    let refused =
        |message: String| Err(Error::setting("output", message).with_hint(ANOTHER));
    let Some(bytes) = folder.read(RECORD)? else {
        let message = "contains rows, but no run.json with their settings";
        return refused(format!("{} {message}", folder.path().display()));
    };
    let Ok(earlier) = RunRecord::decode(&bytes) else {
        return refused(format!("{} is damaged", place.display()));
    };
    let differences = record.differences(&earlier);
    if differences.is_empty() {
        return Ok(());
    }
    refused(format!(
        "{} contains results of another run: {}",
        folder.path().display(),
        differences.join("; ")
    ))
}

/// Fails if an image of a finished row has changed since it was predicted.
fn check_images(finished: &[Finished], folder: &OutputFolder, job: &Job) -> Result<()> {
    let next = AtomicUsize::new(0);
    let first_error: Mutex<Option<(usize, Error)>> = Mutex::new(None);
    std::thread::scope(|scope| {
        for _ in 0..job.sampling.threads.min(finished.len()) {
            scope.spawn(|| {
                while let Some(row) = finished.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let Err(error) = check_image(row, folder, job) else { continue };
                    if let Ok(mut first) = first_error.lock()
                        && first.as_ref().is_none_or(|(image, _)| row.image < *image)
                    {
                        *first = Some((row.image, error));
                    }
                    return;
                }
            });
        }
    });
    match first_error.into_inner() {
        Ok(Some((_, error))) => Err(error),
        _ => Ok(()),
    }
}

fn check_image(row: &Finished, folder: &OutputFolder, job: &Job) -> Result<()> {
    let path = job.images[row.image].path();
    let message = match sha256_of(&path) {
        Ok(hash) if hexadecimal(&hash) == row.sha256 => return Ok(()),
        Ok(hash) => format!(
            "{} has changed since {} was written: sha256 {:.12}... then, {:.12}... now",
            path.display(),
            folder.path().display(),
            row.sha256,
            hexadecimal(&hash),
        ),
        Err(error) => format!("{} has a row for {error}", folder.path().display()),
    };
    Err(Error::setting("output", message).with_hint(ANOTHER))
}
