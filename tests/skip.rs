//! Tests that cannot run on this machine.
//!
//! Such a test calls [`skip`] and returns. `make test` prints the reasons at its end, so that a
//! skipped test is not mistaken for one that passed.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::Path;

/// Records that the calling test does not run, and why.
pub(crate) fn skip(reason: &str) {
    let thread = std::thread::current();
    let line = format!("{}: {reason}\n", thread.name().unwrap_or("a test"));
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("skipped.txt");
    let mut file = OpenOptions::new().create(true).append(true).open(path).unwrap();
    file.write_all(line.as_bytes()).unwrap();
}
