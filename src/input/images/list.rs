//! Reads lists of paths: one on each line, NUL-separated, or a table with a column `path`.

use std::cell::Cell;
use std::ffi::OsStr;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use image::ImageFormat;

use crate::error::{Error, Result};

/// Largest list that is read, in bytes.
const MAX_BYTES: u64 = 1 << 30;
/// Longest line, path or record of a table, in bytes.
const MAX_LINE: usize = 64 << 10;
/// The column of a table that holds paths.
const COLUMN: &str = "path";

const HINT: &str = "a list has a path on each line, or NUL between paths, or is CSV with a \
                    column \"path\"";

/// Reads the bytes of a list.
///
/// # Errors
///
/// Fails if the file cannot be read, is a folder, or is larger than 1 GiB.
pub(super) fn read_file(path: &Path) -> Result<Vec<u8>> {
    let of_path = |error| Error::read(path, error);
    if path.metadata().map_err(of_path)?.is_dir() {
        return Err(Error::configuration(
            path.display().to_string(),
            "is a folder, not a list",
        )
        .with_hint("give folders as `images`, without `manifest`"));
    }
    let name = path.display().to_string();
    read(&name, File::open(path).map_err(of_path)?, MAX_BYTES)?.map_err(of_path)
}

/// Reads the bytes of a list on standard input.
///
/// # Errors
///
/// Fails as [`read_file`] does.
pub(super) fn read_standard_input() -> Result<Vec<u8>> {
    let read = read(STANDARD_INPUT, io::stdin().lock(), MAX_BYTES)?;
    read.map_err(|error| Error::read(Path::new(STANDARD_INPUT), error))
}

/// Name of the list on standard input in messages.
pub(super) const STANDARD_INPUT: &str = "standard input";

pub(super) fn read(
    name: &str,
    from: impl Read,
    most: u64,
) -> Result<io::Result<Vec<u8>>> {
    let mut content = Vec::new();
    if let Err(error) = from.take(most + 1).read_to_end(&mut content) {
        return Ok(Err(error));
    }
    if content.len() as u64 > most {
        let line = lines(&content).count();
        let message =
            format!("the list is larger than {most} bytes, the most that is read");
        return Err(at(name, line, message).with_hint("cut the list into several"));
    }
    Ok(Ok(content))
}

fn at(name: &str, line: usize, message: impl Into<String>) -> Error {
    Error::configuration(format!("{name}: line {line}"), message).with_hint(HINT)
}

/// Calls `take` with each path of a list, in order; empty lines are skipped.
///
/// # Errors
///
/// Fails if the list is an image, is UTF-16, has a line that is too long, or is a table with a record
/// without a path. The error names the line.
pub(super) fn paths(
    name: &str,
    content: &[u8],
    mut take: impl FnMut(&Path),
) -> Result<()> {
    let content = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(content);
    refuse_other_content(name, content)?;
    if content.contains(&0) {
        for (i, path) in content.split(|&byte| byte == 0).enumerate() {
            entry(name, i + 1, path, &mut take)?;
        }
        return Ok(());
    }
    if let Some(column) = column(name, content)? {
        return table(name, content, column, &mut take);
    }
    for (i, line) in lines(content).enumerate() {
        entry(name, i + 1, line, &mut take)?;
    }
    Ok(())
}

fn refuse_other_content(name: &str, content: &[u8]) -> Result<()> {
    use ImageFormat::{Jpeg, Png, Tiff, WebP};
    if content.starts_with(b"\xff\xfe") || content.starts_with(b"\xfe\xff") {
        return Err(Error::configuration(name, "the list is UTF-16; expected UTF-8")
            .with_hint("save it as UTF-8: in PowerShell, with Out-File -Encoding utf8"));
    }
    // Other formats begin with letters, as names do.
    if matches!(image::guess_format(content), Ok(Jpeg | Png | Tiff | WebP)) {
        return Err(Error::configuration(name, "is an image, not a list of them")
            .with_hint("give images as `images`, without `manifest`"));
    }
    Ok(())
}

fn lines(content: &[u8]) -> impl Iterator<Item = &[u8]> {
    content
        .split(|&byte| byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

fn entry(
    name: &str,
    line: usize,
    path: &[u8],
    take: &mut impl FnMut(&Path),
) -> Result<()> {
    if path.len() > MAX_LINE {
        return Err(too_long(name, line));
    }
    if !path.is_empty() {
        let text = as_path(path)
            .ok_or_else(|| at(name, line, "is not UTF-8, as paths are on this system"))?;
        take(text);
    }
    Ok(())
}

fn too_long(name: &str, line: usize) -> Error {
    at(name, line, format!("is longer than {MAX_LINE} bytes, the most that is read"))
}

#[cfg(unix)]
#[allow(clippy::unnecessary_wraps, reason = "other systems have no such names")]
fn as_path(bytes: &[u8]) -> Option<&Path> {
    Some(Path::new(<OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes)))
}

#[cfg(not(unix))]
fn as_path(bytes: &[u8]) -> Option<&Path> {
    str::from_utf8(bytes).ok().map(|text| Path::new(OsStr::new(text)))
}

/// Returns the column of a table that contains paths; `None` if the first line is not a header.
fn column(name: &str, content: &[u8]) -> Result<Option<usize>> {
    let first = lines(content).enumerate().find(|(_, line)| !line.is_empty());
    let Some((i, header)) = first.filter(|(_, line)| line.len() <= MAX_LINE) else {
        return Ok(None);
    };
    let mut fields = csv::ByteRecord::new();
    let read = reader(header).read_byte_record(&mut fields);
    if !read.is_ok_and(|found| found) {
        return Ok(None);
    }
    let mut columns = (0..fields.len()).filter(|&i| &fields[i] == COLUMN.as_bytes());
    match (columns.next(), columns.next()) {
        (Some(_), Some(_)) => {
            Err(at(name, i + 1, "two columns are called \"path\"; expected one"))
        }
        (column, _) => Ok(column),
    }
}

fn reader<R: Read>(from: R) -> csv::Reader<R> {
    csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(from)
}

/// Limits the bytes of a record: with a quote that is never closed, a record would take the rest of
/// the list.
struct Rationed<'a> {
    content: &'a [u8],
    left: &'a Cell<usize>,
}

impl Read for Rationed<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = buffer.len().min(self.left.get());
        if most == 0 && !buffer.is_empty() && !self.content.is_empty() {
            return Err(io::Error::other("the record is too long"));
        }
        let n = self.content.read(&mut buffer[..most])?;
        self.left.set(self.left.get() - n);
        Ok(n)
    }
}

/// Returns whether the record that begins at this byte has a quote that is never closed.
fn is_left_open(content: &[u8], begin: u64) -> bool {
    let rest = content.get(begin as usize..).unwrap_or_default();
    rest.iter().fold(false, |open, &byte| open ^ (byte == b'"'))
}

fn table(
    name: &str,
    content: &[u8],
    column: usize,
    take: &mut impl FnMut(&Path),
) -> Result<()> {
    let left = Cell::new(2 * MAX_LINE);
    let mut reader = reader(Rationed { content, left: &left });
    let mut fields = csv::ByteRecord::new();
    let mut is_header = true;
    loop {
        // Bytes that the reader has buffered count against the next record, so it gets more.
        left.set(2 * MAX_LINE);
        let before = reader.position().clone();
        let (line, begin) = (before.line() as usize, before.byte());
        let found =
            reader.read_byte_record(&mut fields).map_err(|_| too_long(name, line))?;
        if !found {
            return Ok(());
        }
        let line = fields.position().map_or(line, |position| position.line() as usize);
        let end = reader.position().byte();
        if end - begin > MAX_LINE as u64 {
            return Err(too_long(name, line));
        }
        if !std::mem::take(&mut is_header) {
            match fields.get(column) {
                // Such a record has taken the rest of the list for its path.
                Some(path)
                    if path.contains(&b'\n')
                        && end == content.len() as u64
                        && is_left_open(content, begin) =>
                {
                    return Err(at(name, line, "has a quote that is never closed"));
                }
                Some(path) if !path.is_empty() => entry(name, line, path, take)?,
                _ => return Err(at(name, line, "has nothing in the column \"path\"")),
            }
        }
    }
}
