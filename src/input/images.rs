//! Lists images: from files, folders, patterns and lists.
//!
//! # Sources
//! - **A file**, whatever its name.
//! - **A folder**, with its subfolders. Only files with the extension of an image ([`EXTENSIONS`])
//!   are listed, including those of image formats that are not read, and DICOM files without an
//!   extension: reading them gives the error. Files and folders whose name begins with a dot are skipped: they are thumbnails,
//!   caches and resource forks. The output folder is skipped, and so is a folder with the results
//!   of an earlier run (`predictions.csv` and `run.json`). Links are followed. A link to nothing is
//!   an image that cannot be read if it has the name of an image; other links to nothing, and links
//!   back to a folder that contains them, are skipped and counted. A subfolder
//!   that cannot be read is reported, and the others are read.
//! - **A pattern** such as `photos/**/*.jpg`. It selects the files that a folder would list and
//!   whose path matches. `*` matches any characters and `?` one character, but neither matches `/`.
//!   `[a-z]` matches one character of a set, `[!a-z]` one that is not in it, and `{a,b}` matches a
//!   or b. One character is one byte: for `ä` write `*` or `{ä,ö}`. A part `**` matches any number
//!   of folders, including none; at the end it matches everything below. Within a longer part it
//!   is the same as `*`. A backslash makes the next character an ordinary one (not on Windows).
//!   Case matters. Patterns match files, not folders. A name that exists is not a pattern:
//!   `a[1].png` is that file if there is one, and the same holds for the folders before it.
//! - **A list** in a file or on standard input, with one path per line. Empty lines are skipped;
//!   everything else is part of a name, including `#` and spaces. A byte-order mark and CRLF are
//!   accepted. If the list contains a NUL byte, paths are separated by NUL, as by `find -print0`.
//!   If the first line, read as CSV, has a field `path`, the list is CSV, and that column contains
//!   the paths (a file called `path` is written `./path`). Paths are relative to the working
//!   directory, also for a list in a file. An entry that cannot be read stays in the list; reading
//!   it gives the error. On Unix, names need not be UTF-8.
//!
//! # Order
//! Sources are in the given order. Files of a folder or a pattern are in the bytewise order of
//! their ids; those of a list are in its order. A file that is given twice, by the same absolute
//! path, is listed once, at its first position.
//!
//! # Ids
//! The id of an image is its path relative to a root. The root is the given folder, the folder of a
//! given file, the part of a pattern before the first part with a wildcard, or the working
//! directory for lists. In an entry of a list, `.` and `..` are resolved by the text, without
//! following links. An entry below the working directory has its relative path as the id. Any other
//! entry has `outside/` followed by the parts of its absolute path (a drive without its colon).
//!
//! If a name is not UTF-8 or contains a backslash (an ordinary character on Unix, a separator
//! elsewhere), each byte that is not UTF-8, each backslash and each `%` is written as `%` and two
//! hexadecimal digits. If the source has another file with exactly that name, each `%` is escaped
//! once more, as `%25`.
//!
//! If each frame or page of a file is an image, its id ends in `#` and the number of the frame,
//! counted from 1: `scan.tif#3`.
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

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

pub use file::ImageFile;
pub(crate) use id::split_frame;
pub use repeats::same_but_for_case;

use crate::error::{Error, Result};
use crate::input::decode::frames_of;
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

/// Returns each frame or page of the files as an image of its own, whose id ends in `#` and its
/// number. Files of one frame, and those that cannot be read, stay as they are.
///
/// # Errors
///
/// Fails if another image has the id of a frame.
pub fn each_frame(images: Vec<ImageFile>) -> Result<Vec<ImageFile>> {
    let frames = |image: ImageFile| -> Vec<ImageFile> {
        match frames_of(&image.path()) {
            0 | 1 => vec![image],
            n => (1..=n).filter_map(NonZeroU32::new).map(|n| image.of_frame(n)).collect(),
        }
    };
    let images: Vec<ImageFile> = images.into_par_iter().flat_map_iter(frames).collect();
    match repeats::same_id(&images) {
        Some((a, b)) => Err(repeats::one_id(a, b)),
        None => Ok(images),
    }
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
