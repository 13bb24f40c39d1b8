//! Reads text files whose size is limited: configurations, class names, colors, policies.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

/// Largest number of bytes that are read.
const MAX_BYTES: u64 = 16 << 20;

/// Reads a text file, without a byte-order mark.
pub(crate) fn read(path: &Path) -> io::Result<String> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(invalid(format!("is larger than {} MiB", MAX_BYTES >> 20)));
    }
    let text = String::from_utf8(bytes)
        .map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
    if text.starts_with("version https://git-lfs") {
        return Err(invalid(
            "is a Git LFS pointer, not the file itself; fetch it with git lfs pull",
        ));
    }
    Ok(match text.strip_prefix('\u{feff}') {
        Some(text) => text.to_owned(),
        None => text,
    })
}

fn invalid(message: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, message.into())
}
