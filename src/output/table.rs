//! The table of rows, one an image, that grows while a run goes on.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::PathBuf;

use super::folder::{OutputFolder, TABLE};
use crate::{Error, Result};

/// A CSV file (RFC 4180, lines end in LF) that is appended to by whole rows.
#[derive(Debug)]
pub struct Table {
    file: File,
    path: PathBuf,
    n_columns: usize,
    length: u64,
}

impl Table {
    /// Creates `predictions.csv` in a folder that has none, with a header of `columns`.
    ///
    /// # Errors
    ///
    /// When there is one already, or it cannot be written.
    pub fn create(folder: &OutputFolder, columns: &[String]) -> Result<Self> {
        let path = folder.path().join(TABLE);
        let file = OpenOptions::new()
            .append(true)
            .create_new(true)
            .open(&path)
            .map_err(|error| Error::write(&path, error))?;
        let mut table = Self { file, path, n_columns: columns.len(), length: 0 };
        table.append(columns)?;
        Ok(table)
    }

    /// Appends one row. When this returns, the row is with the system; a row that fails half
    /// way is taken back.
    ///
    /// # Errors
    ///
    /// When there are not as many fields as columns, or the file cannot be written.
    pub fn append(&mut self, fields: &[String]) -> Result<()> {
        let result = row(fields, self.n_columns).and_then(|row| {
            let written = self.file.write_all(&row);
            match written {
                Ok(()) => self.length += row.len() as u64,
                // What failed first is what is reported.
                Err(_) => drop(self.file.set_len(self.length)),
            }
            written
        });
        result.map_err(|error| Error::write(&self.path, error))
    }
}

/// A row of a table: its fields, quoted where they must be, and the end of the line.
fn row(fields: &[String], n_columns: usize) -> io::Result<Vec<u8>> {
    if fields.len() != n_columns {
        let message = format!("a row of {} fields for {n_columns} columns", fields.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(fields)?;
    writer.into_inner().map_err(csv::IntoInnerError::into_error)
}

/// The shortest text that reads back as the same f32; empty for NaN.
///
/// Very small and very large numbers have an exponent (`1e-5`), all others have none.
pub fn shortest(value: f32) -> String {
    let size = value.abs();
    if value.is_nan() {
        String::new()
    } else if size.is_finite() && size != 0.0 && !(1e-4..1e16).contains(&size) {
        format!("{value:e}")
    } else {
        value.to_string()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;
    use crate::output::folder::Earlier;

    fn strings(fields: &[&str]) -> Vec<String> {
        fields.iter().map(ToString::to_string).collect()
    }

    fn scratch_table(columns: &[&str]) -> (tempfile::TempDir, Table) {
        let scratch = tempfile::tempdir().unwrap();
        let folder = OutputFolder::create(scratch.path(), Earlier::Refuse).unwrap();
        let table = Table::create(&folder, &strings(columns)).unwrap();
        (scratch, table)
    }

    fn text(scratch: &tempfile::TempDir) -> String {
        fs::read_to_string(scratch.path().join(TABLE)).unwrap()
    }

    #[test]
    fn every_row_is_in_the_file_when_append_returns() {
        let (scratch, mut table) = scratch_table(&["path", "margin"]);
        assert_eq!(text(&scratch), "path,margin\n");
        table.append(&strings(&["a.png", "0.25"])).unwrap();
        assert_eq!(text(&scratch), "path,margin\na.png,0.25\n");
        table.append(&strings(&["b.png", ""])).unwrap();
        assert_eq!(text(&scratch), "path,margin\na.png,0.25\nb.png,\n");
    }

    #[test]
    fn odd_names_are_quoted_and_read_back() {
        let odd =
            ["a,b.png", "say \"hi\".png", "two\nlines.png", "cr\r.png", " ", "ü", ""];
        let (scratch, mut table) = scratch_table(&["path", "error"]);
        for name in odd {
            table.append(&strings(&[name, "x"])).unwrap();
        }
        let text = text(&scratch);
        assert!(text.contains("\"say \"\"hi\"\".png\",x\n"), "{text}");
        let mut reader = csv::Reader::from_reader(text.as_bytes());
        let read: Vec<_> =
            reader.records().map(|row| row.unwrap()[0].to_owned()).collect();
        assert_eq!(read, odd);
    }

    #[test]
    fn a_row_of_another_length_is_refused_and_leaves_no_trace() {
        let (scratch, mut table) = scratch_table(&["path", "margin"]);
        let error = table.append(&strings(&["a.png"])).unwrap_err();
        assert!(
            error.to_string().ends_with("a row of 1 fields for 2 columns"),
            "{error}"
        );
        assert_eq!(text(&scratch), "path,margin\n");
    }

    #[test]
    fn a_table_is_never_written_over() {
        let scratch = tempfile::tempdir().unwrap();
        let folder = OutputFolder::create(scratch.path(), Earlier::Refuse).unwrap();
        Table::create(&folder, &strings(&["path"])).unwrap();
        assert!(Table::create(&folder, &strings(&["other"])).is_err());
        assert_eq!(text(&scratch), "path\n");
    }

    #[test]
    fn numbers_are_written_as_short_as_they_can_be() {
        let known = [
            (0.0, "0"),
            (-0.0, "-0"),
            (1.0, "1"),
            (0.1, "0.1"),
            (1.0 / 3.0, "0.33333334"),
            (0.0001, "0.0001"),
            (0.000_099, "9.9e-5"),
            (f32::MIN_POSITIVE, "1.1754944e-38"),
            (f32::from_bits(1), "1e-45"),
            (16_777_216.0, "16777216"),
            (1e16, "1e16"),
            (f32::MAX, "3.4028235e38"),
            (f32::INFINITY, "inf"),
            (f32::NAN, ""),
        ];
        for (value, text) in known {
            assert_eq!(shortest(value), text);
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn every_finite_number_reads_back_as_itself(bits in any::<u32>()) {
            let value = f32::from_bits(bits);
            prop_assume!(value.is_finite());
            let text = shortest(value);
            prop_assert_eq!(text.parse::<f32>().unwrap().to_bits(), bits);
            prop_assert!(text.len() <= 17, "{}", text);
        }
    }
}
