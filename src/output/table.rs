//! The table with one row per image, to which a run appends, and which is read when a run continues
//! an earlier one.

mod records;

use std::fs::{File, TryLockError};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::PathBuf;

pub use self::records::Span;

use self::records::Records;
use super::folder::{self, OutputFolder, TABLE};
use crate::record::{Columns, ImageRecord};
use crate::{Error, Result};

/// A CSV file (RFC 4180, lines end in LF) to which complete rows are appended.
///
/// While it is open, no other process can claim the table of the same folder. The claim is a lock of
/// the operating system on the file, which ends with the process, even if it is killed. On a file
/// system without locks, nothing is claimed.
#[derive(Debug)]
pub struct Table {
    file: File,
    path: PathBuf,
    folder: OutputFolder,
    header: Vec<u8>,
    columns: Columns,
    length: u64,
}

/// Returns true if the file has several names. It is written in place, unlike all others.
fn has_other_names(file: &File) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt as _;
        file.metadata().is_ok_and(|there| there.nlink() > 1)
    }
    #[cfg(not(unix))]
    {
        let _ = file;
        false
    }
}

impl Table {
    /// Opens `predictions.csv` of a folder, or creates an empty one, and locks it.
    ///
    /// # Errors
    ///
    /// Fails if another process has locked it, if it is not a regular file, or if it cannot be
    /// opened.
    pub fn claim(folder: &OutputFolder, columns: Columns) -> Result<Self> {
        let path = folder.path().join(TABLE);
        let names = columns.iter().map(crate::record::Column::name);
        let header = row(names).map_err(|e| Error::write(&path, e))?;
        loop {
            if folder.entry_metadata(TABLE).is_ok_and(|there| !there.is_file()) {
                return Err(Error::setting(
                    "output",
                    format!("{} is not a regular file", path.display()),
                )
                .with_hint("choose another folder, or move the file away"));
            }
            let file = folder.open_or_create(TABLE);
            let file = file.map_err(|error| Error::write(&path, error))?;
            if let Err(TryLockError::WouldBlock) = file.try_lock() {
                let message =
                    format!("another run is writing into {}", folder.path().display());
                return Err(Error::setting("output", message)
                    .with_hint("wait until it has ended, or choose another folder"));
            }
            if has_other_names(&file) {
                let message = format!(
                    "{} is a hard link: a run would change the file under its other name, too",
                    path.display()
                );
                return Err(Error::setting("output", message)
                    .with_hint("remove it, or choose another folder"));
            }
            // Another process may have replaced the file between opening and locking.
            if is_the_table(&file, folder) {
                let folder = folder.clone();
                return Ok(Self { file, path, folder, header, columns, length: 0 });
            }
        }
    }

    /// Returns `true` if the file is empty, without a header.
    ///
    /// # Errors
    ///
    /// Fails if the size of the file cannot be read.
    pub fn is_empty(&self) -> Result<bool> {
        let metadata = self.file.metadata();
        metadata.map(|there| there.len() == 0).map_err(|e| Error::read(&self.path, e))
    }

    /// Empties the table and writes its header.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written.
    pub fn start(&mut self) -> Result<()> {
        self.length = 0;
        let header = std::mem::take(&mut self.header);
        let written = self.cut().and_then(|()| self.extend(&header));
        self.header = header;
        written.map_err(|error| Error::write(&self.path, error))
    }

    /// Passes each row and its span to `each`, and returns the number of complete records. An
    /// incomplete record at the end, and records that are not rows of this table, are skipped. The
    /// file is not changed.
    ///
    /// # Errors
    ///
    /// Fails if the file has another header or cannot be read.
    pub fn read_rows(
        &mut self,
        mut each: impl FnMut(ImageRecord, Span),
    ) -> Result<usize> {
        let path = self.path.clone();
        let read = |error| Error::read(&path, error);
        let file = self.file.try_clone().map_err(read)?;
        let mut records = Records::new(BufReader::new(file)).map_err(read)?;
        let is_ours = match records.next().map_err(read)? {
            Some((header, _)) => header == self.header,
            // A run that was killed at its start leaves a part of the header, or nothing.
            None => self.header.starts_with(records.torn()),
        };
        if !is_ours {
            let message = format!("{} has other columns", path.display());
            return Err(Error::setting("output", message).with_hint(folder::ANOTHER));
        }
        let mut n_records = 0;
        while let Some((record, span)) = records.next().map_err(read)? {
            n_records += 1;
            if let Some(record) = records::parse(record, &self.columns) {
                each(record, span);
            }
        }
        self.length = records.whole();
        Ok(n_records)
    }

    /// Removes the incomplete record that [`Table::read_rows`] found at the end.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written.
    pub fn cut_torn(&mut self) -> Result<()> {
        self.cut().map_err(|error| Error::write(&self.path, error))
    }

    /// Reads the rows at these spans and passes each to `each`.
    ///
    /// # Errors
    ///
    /// Fails if a row cannot be read.
    pub fn read_at(
        &mut self,
        rows: impl Iterator<Item = Span>,
        mut each: impl FnMut(ImageRecord),
    ) -> Result<()> {
        let mut bytes = Vec::new();
        let read = || {
            for span in rows {
                self.file.seek(SeekFrom::Start(span.start))?;
                bytes.resize(span.length as usize, 0);
                self.file.read_exact(&mut bytes)?;
                let record = records::parse(&bytes, &self.columns);
                each(record.ok_or(io::ErrorKind::InvalidData)?);
            }
            self.cut()
        };
        read().map_err(|error| Error::read(&self.path, error))
    }

    /// Keeps only these rows, in this order, and returns their new spans. The file is replaced
    /// atomically.
    ///
    /// # Errors
    ///
    /// Fails if a row cannot be read or the file cannot be written.
    pub fn keep(&mut self, rows: &[Span]) -> Result<Vec<Span>> {
        self.replace(rows).map_err(|error| Error::write(&self.path, error))
    }

    fn replace(&mut self, rows: &[Span]) -> io::Result<Vec<Span>> {
        let new = self.folder.temporary(TABLE)?;
        let mut old = BufReader::new(&self.file);
        let mut writer = BufWriter::new(new.file());
        writer.write_all(&self.header)?;
        let mut length = self.header.len() as u64;
        let mut places = Vec::with_capacity(rows.len());
        for span in rows {
            places.push(Span { start: length, length: span.length });
            old.seek(SeekFrom::Start(span.start))?;
            let copied = io::copy(&mut old.by_ref().take(span.length), &mut writer)?;
            if copied != span.length {
                return Err(io::ErrorKind::UnexpectedEof.into());
            }
            length += copied;
        }
        writer.flush()?;
        drop(writer);
        // Locked before it gets the name, so that no other process can claim it in between.
        let _ = new.file().try_lock();
        if !cfg!(unix) {
            // On other systems an open file cannot be replaced.
            self.file = new.file().try_clone()?;
        }
        self.file = new.persist(TABLE)?;
        self.length = length;
        Ok(places)
    }

    /// Appends a row and returns its span. The row has then been passed to the operating system. A
    /// row that is only partly written is removed again.
    ///
    /// # Errors
    ///
    /// Fails if the file cannot be written.
    pub fn append(&mut self, record: &ImageRecord) -> Result<Span> {
        let start = self.length;
        row(self.columns.fields(record))
            .and_then(|row| {
                self.extend(&row)?;
                Ok(Span { start, length: row.len() as u64 })
            })
            .map_err(|error| Error::write(&self.path, error))
    }

    fn extend(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = self.file.write_all(bytes);
        match written {
            Ok(()) => self.length += bytes.len() as u64,
            // The first error is reported.
            Err(_) => drop(self.cut()),
        }
        written
    }

    /// Truncates the file after the last complete row.
    fn cut(&mut self) -> io::Result<()> {
        self.file.set_len(self.length)?;
        self.file.seek(SeekFrom::Start(self.length))?;
        Ok(())
    }
}

#[cfg(unix)]
fn is_the_table(file: &File, folder: &OutputFolder) -> bool {
    use cap_std::fs::MetadataExt as _;
    let own = file.metadata().map(|own| {
        use std::os::unix::fs::MetadataExt as _;
        (own.dev(), own.ino())
    });
    let there = folder.entry_metadata(TABLE).map(|there| (there.dev(), there.ino()));
    matches!((own, there), (Ok(own), Ok(there)) if own == there)
}

#[cfg(not(unix))]
fn is_the_table(_: &File, folder: &OutputFolder) -> bool {
    folder.has_file(TABLE)
}

/// Returns a line of the table: the fields, quoted if they must be, and the end of the line.
fn row(fields: impl Iterator<Item = impl AsRef<[u8]>>) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(fields)?;
    writer.into_inner().map_err(csv::IntoInnerError::into_error)
}

#[cfg(test)]
mod tests;
