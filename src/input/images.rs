//! Lists images: from files, folders, patterns and lists.
//!
//! # Sources
//! - **A file**, whatever its name.
//! - **A folder**, with its sub-folders. Files are taken by the ending of their name
//!   ([`EXTENSIONS`]), also those of image formats that are not read: reading them says why.
//!   Files and folders whose name begins with a dot are left out: they are
//!   thumbnails, caches and resource forks. So are the output folder, and a folder with the
//!   results of an earlier run (`predictions.csv` and `run.json`). Links are followed. A link to
//!   nothing is an image that cannot be read if its name is that of an image; other links to
//!   nothing, and links that lead back into a folder they lie in, are left out and counted.
//!   A sub-folder that cannot be read is reported, and the others are read.
//! - **A pattern** such as `photos/**/*.jpg`, which takes what a folder would where it matches:
//!   `*` and `?` stand for any characters or one, but not `/`; `[a-z]` and `[!a-z]` for one
//!   character of a kind or not of it; `{a,b}` for a or b. One character is one byte: for
//!   `ä` write `*` or `{ä,ö}`. A part `**` stands for any number of folders, none included;
//!   a `**` at the end for everything below; within a part it is a `*`. A backslash takes its
//!   meaning from the character after it (not on Windows). Upper and lower case differ. Patterns match files, not folders. What exists is taken
//!   by its name: `a[1].png` is that file where there is one, and so is a folder in front.
//! - **A list** in a file or on standard input: a path on each line. Empty lines are left out;
//!   everything else is part of a name, `#` and spaces too. A byte-order mark and CRLF are
//!   understood. Where there is a NUL byte the list is NUL-separated, as by `find -print0`.
//!   Where the first line, read as CSV, has a field `path`, the list is CSV, and that column
//!   holds the paths (a file called `path` is written `./path`). Paths are relative to the
//!   working directory, for a list in a file as well. What is listed and cannot be read stays
//!   in the list: reading it says why. Names need not be UTF-8 on Unix.
//!
//! # Order
//! Sources in the order given; what was found in a folder or by a pattern in bytewise order of
//! the ids; a list in its own order. A file that is named twice, by the same absolute path,
//! is taken where it was named first.
//!
//! # Ids
//! An image's id is its path relative to a root: the folder given, the folder of a file given,
//! the part of a pattern before the first part with a wildcard, the working directory for
//! lists. An entry of a list is taken by its text, `.` and `..` resolved without looking at
//! links: below the working directory its relative path is the id; elsewhere the id is
//! `outside/` and the parts of the absolute path (a drive without its colon).
//!
//! In a name that is not UTF-8 or holds a backslash (which is part of names on Unix and
//! parts folders elsewhere) each byte that is not UTF-8, each backslash and each `%` is
//! written as `%` and two hexadecimal digits; should there be a file of that very name in the
//! source, `%` becomes `%25` once more.
//!
//! Two files with one id, from two sources or by a file below `outside`, are an error.

mod file;
mod id;
mod list;
mod lister;
mod pattern;
mod repeats;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use file::ImageFile;
pub use repeats::same_but_for_case;

use crate::error::{Error, Result};
use lister::Lister;

/// Extensions of images in a folder, in lower case.
pub const EXTENSIONS: &[&str] = &[
    "apng", "bmp", "btf", "dib", "ff", "gif", "hdr", "ico", "jfif", "jpe", "jpeg", "jpg",
    "lsm", "mpo", "pam", "pbm", "pgm", "png", "pnm", "ppm", "qoi", "svs", "tf8", "tga",
    "tif", "tiff", "webp",
];

/// Source of images.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// A file, a folder or a pattern.
    Path(PathBuf),
    /// A file with a list of images.
    List(PathBuf),
    /// A list of images on standard input.
    StandardInput,
}

impl Source {
    /// A file, a folder or a pattern; `-` is the list on standard input.
    pub fn images(path: &Path) -> Self {
        if path == "-" { Self::StandardInput } else { Self::Path(path.to_owned()) }
    }

    /// A list; `-` is that on standard input.
    pub fn list(path: &Path) -> Self {
        if path == "-" { Self::StandardInput } else { Self::List(path.to_owned()) }
    }
}

/// Images that were found.
#[derive(Debug)]
pub struct Listing {
    /// Images, each with a unique id.
    pub images: Vec<ImageFile>,
    /// Errors of sub-folders that could not be read; their images are missing.
    pub unreadable: Vec<Error>,
    /// Number of links, not named like images, that were left out because they lead in a circle or
    /// to nothing.
    pub broken_links: usize,
    /// Number of files that were given again, other than by patterns, and are listed once.
    pub repeated: usize,
}

/// Lists the images of all sources.
///
/// Results are written to the folder `out`, which is not searched.
///
/// # Errors
///
/// Fails if a file or folder does not exist or cannot be read, if a folder, pattern or list has no
/// image, if `out` is one of the folders, if a list is not a list, or if two files have the same id.
pub fn list_images(sources: &[Source], out: Option<&Path>) -> Result<Listing> {
    let working =
        std::env::current_dir().map_err(|error| Error::read(Path::new("."), error))?;
    let mut lister = Lister::new(&working, out);
    lister.all(sources)
}
