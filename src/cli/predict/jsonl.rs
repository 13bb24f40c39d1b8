//! `--jsonl`: records of images as JSON, one per line, on standard output.

use std::io;

use crate::cli::terminal;
use crate::pipeline::OutputOptions;
use crate::record::{Columns, ImageRecord, JsonLine};
use crate::task::ModelTask;

/// Writer of JSON lines to standard output.
pub(super) struct Lines<'a> {
    options: &'a OutputOptions,
    task: ModelTask,
    columns: Columns,
    is_open: bool,
}

impl<'a> Lines<'a> {
    /// Creates the writer of a run.
    pub(super) fn new(options: &'a OutputOptions, task: &ModelTask) -> Self {
        let columns = options.columns(task);
        Self { options, task: task.clone(), columns, is_open: true }
    }

    /// Writes the record of an image.
    ///
    /// A closed pipe is not an error: the results of a run are its files. Any other error is
    /// returned once.
    pub(super) fn write(&mut self, record: &ImageRecord) -> io::Result<()> {
        if !self.is_open {
            return Ok(());
        }
        let files = match record.error {
            None => self.options.files(&self.task, &record.path),
            Some(_) => Vec::new(),
        };
        let line = JsonLine { columns: &self.columns, record, files: &files };
        let result = terminal::data(&serde_json::to_string(&line)?);
        self.is_open = result.is_ok();
        match result {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other,
        }
    }
}
