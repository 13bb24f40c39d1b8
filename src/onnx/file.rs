//! Files: read or mapped into memory, and hashed.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::error::{Error, Result};

/// Largest model file that is read into memory. Larger ones contain weights, which stay in the file.
const MOST_READ: u64 = 16 << 20;

/// Opens a regular file and returns its length too. Anything else might block or never end.
fn open(path: &Path) -> Result<(File, u64)> {
    let read = |source| Error::read(path, source);
    let metadata = std::fs::metadata(path).map_err(read)?;
    if metadata.is_dir() {
        return Err(Error::model(path, "a folder: expected an .onnx file")
            .with_hint("give the .onnx file in it"));
    }
    if !metadata.is_file() {
        return Err(Error::model(path, "a pipe or a device: expected an .onnx file")
            .with_hint("write its content to a file first"));
    }
    Ok((File::open(path).map_err(read)?, metadata.len()))
}

/// Returns the content of a model file. A small file is read, so that it may change afterwards; a
/// large one is mapped.
pub(super) fn content(path: &Path) -> Result<Bytes> {
    let (mut file, length) = open(path)?;
    if length > MOST_READ {
        return map_opened(path, &file);
    }
    let mut content = Vec::with_capacity(length as usize);
    file.read_to_end(&mut content).map_err(|source| Error::read(path, source))?;
    Ok(Bytes::from(content))
}

/// Maps a file into memory without reading it.
pub(super) fn map(path: &Path) -> Result<Bytes> {
    let (file, length) = open(path)?;
    if length == 0 { Ok(Bytes::new()) } else { map_opened(path, &file) }
}

/// Maps a file that is not empty.
#[expect(unsafe_code, reason = "a memory map is how gigabytes of weights stay unread")]
fn map_opened(path: &Path, file: &File) -> Result<Bytes> {
    // SAFETY: the map is read-only and private to this process. It is assumed, as by every reader
    // of memory maps including ONNX Runtime, that the file is not shortened while it is open.
    let content = unsafe { memmap2::Mmap::map(file) };
    Ok(Bytes::from_owner(content.map_err(|source| Error::read(path, source))?))
}

/// Returns the SHA-256 of a file.
pub(super) fn hash(path: &Path) -> Result<[u8; 32]> {
    let read = |source| Error::read(path, source);
    let (mut file, _) = open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).map_err(read)? {
            0 => return Ok(hash.finalize().into()),
            n => hash.update(&buffer[..n]),
        }
    }
}
