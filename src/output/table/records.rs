//! Finds the complete rows of a table that may end anywhere.

use std::io::{self, BufRead, Read, Seek, SeekFrom};

use crate::record::{Columns, ImageRecord};

/// Position of a row in the file of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    pub(super) start: u64,
    pub(super) length: u64,
}

/// Largest length of a record; reading ends at a longer one. A row has a path, an error and about a
/// hundred numbers.
const MOST_BYTES: u64 = 16 << 20;

/// Reads a file record by record. A record ends at a line feed that is not between quotes.
pub(super) struct Records<R> {
    file: R,
    record: Vec<u8>,
    whole: u64,
}

impl<R: BufRead + Seek> Records<R> {
    pub(super) fn new(mut file: R) -> io::Result<Self> {
        file.seek(SeekFrom::Start(0))?;
        Ok(Self { file, record: Vec::new(), whole: 0 })
    }

    /// Returns the next record with its line feed; `None` if there is no further complete one.
    pub(super) fn next(&mut self) -> io::Result<Option<(&[u8], Span)>> {
        self.record.clear();
        let mut quoted = false;
        loop {
            let before = self.record.len();
            let room = MOST_BYTES.saturating_sub(before as u64);
            self.file.by_ref().take(room).read_until(b'\n', &mut self.record)?;
            let line = &self.record[before..];
            if line.last() != Some(&b'\n') {
                return Ok(None);
            }
            quoted = line.iter().fold(quoted, |quoted, byte| quoted ^ (*byte == b'"'));
            if !quoted {
                let length = self.record.len() as u64;
                let span = Span { start: self.whole, length };
                self.whole += length;
                return Ok(Some((&self.record, span)));
            }
        }
    }

    /// Returns the bytes of an incomplete record at the end; empty if there is none.
    pub(super) fn torn(&self) -> &[u8] {
        &self.record
    }

    /// Returns the number of bytes of the complete records.
    pub(super) fn whole(&self) -> u64 {
        self.whole
    }
}

/// Parses a row; returns `None` if it does not have one field per column, or is not text.
pub(super) fn parse(record: &[u8], columns: &Columns) -> Option<ImageRecord> {
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(record);
    let mut fields = csv::StringRecord::new();
    let read = reader.read_record(&mut fields).ok()?;
    (read && fields.len() == columns.len()).then(|| columns.record(&fields))
}
