//! SHA-256 of image files, by which they are identified.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// Returns the SHA-256 of a file's bytes, in constant memory.
///
/// # Errors
///
/// Fails if the path is not a file or cannot be read.
pub fn sha256_of(path: &Path) -> Result<[u8; 32]> {
    let read = || {
        // Opening a pipe would wait for someone to write into it.
        if !path.metadata()?.is_file() {
            return Err(io::Error::other("is not a file"));
        }
        let mut file = File::open(path)?;
        let mut hash = Sha256::new();
        let mut block = vec![0; 1 << 18];
        loop {
            match file.read(&mut block) {
                Ok(0) => return Ok(hash.finalize().into()),
                Ok(n) => hash.update(&block[..n]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    };
    read().map_err(|error| Error::read(path, error))
}

/// Formats bytes as lower-case hexadecimal digits.
pub fn hexadecimal(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}
