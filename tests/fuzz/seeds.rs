//! Inputs to start with: the committed fixtures.

use std::fs;
use std::path::{Path, PathBuf};

/// Size limit: most bytes of a larger file do not matter.
const MOST_BYTES: u64 = 16 << 10;

/// Returns the path of a file of the repository.
pub(crate) fn path(relative: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(relative)
}

/// Returns the contents of the small and wanted files of a folder, in the order of their names.
pub(crate) fn files(folder: &str, wanted: impl Fn(&Path) -> bool) -> Vec<Vec<u8>> {
    let entries = fs::read_dir(path(folder)).unwrap().map(|entry| entry.unwrap());
    let is_small = |path: &PathBuf| {
        fs::metadata(path).is_ok_and(|file| file.is_file() && file.len() <= MOST_BYTES)
    };
    let mut paths: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(is_small)
        .filter(|path| wanted(path))
        .collect();
    paths.sort();
    assert!(!paths.is_empty(), "no seeds in {folder}");
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}
