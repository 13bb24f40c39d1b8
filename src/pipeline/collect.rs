//! Writes the files of predicted images on several threads, and their rows in order.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::images;
use super::job::Event;
use super::resume::Rows;
use super::write::{Predicted, Writer};
use crate::error::{Error, Result};
use crate::input::{ImageFile, Remark};
use crate::output::table::Table;
use crate::record::ImageRecord;

/// A prediction, or the error of the image.
pub(super) type Outcome = Result<Box<Predicted>>;

/// A row to be appended to the table.
pub(super) enum Row {
    Done { record: ImageRecord, remarks: Vec<Remark> },
    Failed { record: ImageRecord, hint: Option<String> },
}

/// Numbers of images, and whether the run was stopped before the last one.
pub(super) struct Counts {
    pub(super) done: usize,
    pub(super) failed: usize,
    pub(super) stopped: bool,
}

/// Largest number of writer threads, each of which holds the sums of two images.
const MOST_WRITERS: usize = 2;

pub(super) fn start_writers<'scope>(
    scope: &'scope std::thread::Scope<'scope, '_>,
    files: &'scope [&'scope ImageFile],
    writer: &'scope Writer<'scope>,
    threads: usize,
) -> (Vec<SyncSender<Outcome>>, Vec<Receiver<Result<Row>>>) {
    let threads = threads.clamp(1, MOST_WRITERS.min(files.len().max(1)));
    let start = |first: usize| {
        let (send_outcome, outcomes) = sync_channel::<Outcome>(1);
        let (send_row, rows) = sync_channel(1);
        scope.spawn(move || {
            for (file, outcome) in files.iter().skip(first).step_by(threads).zip(outcomes)
            {
                let row = match outcome {
                    Ok(image) => {
                        let write =
                            || writer.threads.install(|| writer.write(file, &image));
                        match images::guarded(file, write) {
                            Ok(record) => {
                                let remarks = image.decoded.remarks;
                                Ok(Row::Done { record, remarks })
                            }
                            Err(error) => of_one_image(file, error),
                        }
                    }
                    Err(error) => Ok(failed(file, &error)),
                };
                if send_row.send(row).is_err() {
                    return;
                }
            }
        });
        (send_outcome, rows)
    };
    (0..threads).map(start).unzip()
}

fn failed(file: &ImageFile, error: &Error) -> Row {
    let record = ImageRecord::failed(file.id(), &error.to_string());
    Row::Failed { record, hint: error.hint().map(str::to_owned) }
}

/// Returns the row of an image that failed because of the name of its file. Other errors, such as a
/// full disk, stop the run.
fn of_one_image(file: &ImageFile, error: Error) -> Result<Row> {
    use std::io::ErrorKind;
    let of_its_name = matches!(
        &error,
        Error::Write { source, .. } if matches!(
            source.kind(),
            ErrorKind::InvalidFilename
                | ErrorKind::InvalidInput
                | ErrorKind::AlreadyExists
                | ErrorKind::NotADirectory
                | ErrorKind::IsADirectory
        )
    );
    if of_its_name { Ok(failed(file, &error)) } else { Err(error) }
}

/// Appends rows in the order of the images.
pub(super) struct Collector<'a, 'b> {
    pub(super) table: &'a mut Table,
    pub(super) rows: &'a mut Rows,
    pub(super) tell: &'a mut (dyn FnMut(Event<'_>) + Send + 'b),
}

impl Collector<'_, '_> {
    pub(super) fn collect(
        &mut self,
        pending: &[usize],
        written: &[Receiver<Result<Row>>],
        stop: &AtomicBool,
    ) -> Result<Counts> {
        let mut counts = Counts { done: self.rows.kept(), failed: 0, stopped: false };
        for (i, &image) in pending.iter().enumerate() {
            let Ok(row) = written[i % written.len()].recv() else {
                if stop.load(Ordering::Relaxed) {
                    counts.stopped = true;
                    return Ok(counts);
                }
                return Err(Error::runtime("writing rows", "a thread ended early"));
            };
            match row? {
                Row::Done { record, remarks } => {
                    for remark in &remarks {
                        (self.tell)(Event::Remark { id: &record.path, remark });
                    }
                    self.rows.add(image, self.table.append(&record)?);
                    counts.done += 1;
                    (self.tell)(Event::Done(&record));
                }
                Row::Failed { record, hint } => {
                    self.rows.add(image, self.table.append(&record)?);
                    counts.failed += 1;
                    let hint = hint.as_deref();
                    (self.tell)(Event::Failed { record: &record, hint });
                }
            }
        }
        self.rows.put_in_order(self.table)?;
        Ok(counts)
    }
}
