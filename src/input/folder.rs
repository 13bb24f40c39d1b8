//! Finds the images of a folder.
//!
//! Files are taken by the ending of their name ([`EXTENSIONS`]), in sub-folders too, in
//! bytewise order of their path within the folder. Files and folders whose name begins with a
//! dot are left out: they are thumbnails, caches and resource forks. Links are followed; a
//! link that leads back into a folder it lies in, or to nothing, is left out, and so is a folder
//! with the results of an earlier run (`predictions.csv` and `run.json`).

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use crate::error::{Error, Result};

/// Endings of names, in lower case, by which a file in a folder is taken for an image.
pub const EXTENSIONS: &[&str] = &[
    "bmp", "jfif", "jpe", "jpeg", "jpg", "pam", "pbm", "pgm", "png", "pnm", "ppm", "tif",
    "tiff", "webp",
];

/// An image that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImageFile {
    /// The path relative to the folder given, with `/` between its parts; the file's name
    /// where a file was given. No two images have the same.
    ///
    /// In a name that is not UTF-8 each byte that is not, and each `%`, is written as `%` and
    /// two hexadecimal digits; should there be a file of that very name, `%` becomes `%25`
    /// once more.
    pub id: String,
    /// Where the file is.
    pub path: PathBuf,
}

/// Lists the images of a folder, or the one file given (whatever its name).
///
/// The folder `leave_out` is not looked into; it is where results are written.
///
/// # Errors
///
/// The folder or a folder in it cannot be read, holds no image, or is `leave_out` itself.
pub fn list_images(root: &Path, leave_out: Option<&Path>) -> Result<Vec<ImageFile>> {
    let metadata = fs::metadata(root).map_err(|error| Error::read(root, error))?;
    if metadata.is_file() {
        let name = root.file_name().unwrap_or(root.as_os_str());
        let id = escaped(name.as_encoded_bytes()).unwrap_or_else(|id| id);
        return Ok(vec![ImageFile { id, path: root.to_owned() }]);
    }
    if !metadata.is_dir() {
        return Err(place(root, "is neither a file nor a folder"));
    }
    let leave_out = leave_out.and_then(|path| path.canonicalize().ok());
    if leave_out.is_some() && leave_out == root.canonicalize().ok() {
        return Err(place(
            root,
            "is to be read and written: results would become images",
        )
        .with_hint("write the results to another folder"));
    }
    let paths = walk(root, leave_out.as_deref())?;
    if paths.is_empty() {
        return Err(place(root, "no images in this folder").with_hint(format!(
            "files whose names end in {} are taken, also in sub-folders, but not those whose \
             names begin with a dot",
            EXTENSIONS.join(", ")
        )));
    }
    let mut images = with_ids(root, paths);
    images.sort_unstable_by(|a, b| a.id.as_bytes().cmp(b.id.as_bytes()));
    Ok(images)
}

fn place(root: &Path, message: &str) -> Error {
    Error::setting(root.display().to_string(), message)
}

fn walk(root: &Path, leave_out: Option<&Path>) -> Result<Vec<PathBuf>> {
    let is_left_out = |entry: &DirEntry| {
        leave_out.is_some()
            && entry.file_type().is_dir()
            && entry.path().canonicalize().ok().as_deref() == leave_out
    };
    let is_wanted = |entry: &DirEntry| {
        entry.depth() == 0
            || !(is_hidden(entry) || is_left_out(entry) || holds_results(entry))
    };
    let mut paths = Vec::new();
    for entry in WalkDir::new(root).follow_links(true).into_iter().filter_entry(is_wanted)
    {
        match entry {
            Ok(entry) if entry.file_type().is_file() && is_image(entry.path()) => {
                paths.push(entry.into_path());
            }
            Ok(_) => {}
            Err(error) if is_harmless(&error) => {}
            Err(error) => {
                let path = error.path().unwrap_or(root).to_owned();
                return Err(Error::read(&path, error.into()));
            }
        }
    }
    Ok(paths)
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// Whether a folder holds what an earlier run wrote: its maps are no images to predict.
fn holds_results(entry: &DirEntry) -> bool {
    let has = |name: &str| entry.path().join(name).is_file();
    entry.file_type().is_dir() && has("predictions.csv") && has("run.json")
}

fn is_image(path: &Path) -> bool {
    let extension = path.extension().map(std::ffi::OsStr::to_ascii_lowercase);
    extension.is_some_and(|extension| EXTENSIONS.iter().any(|known| extension == **known))
}

/// A link in a circle or to nothing, or what was there a moment ago.
fn is_harmless(error: &walkdir::Error) -> bool {
    error.loop_ancestor().is_some()
        || error.io_error().is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

fn with_ids(root: &Path, paths: Vec<PathBuf>) -> Vec<ImageFile> {
    let mut images = Vec::with_capacity(paths.len());
    let mut escaped_images = Vec::new();
    for path in paths {
        match id(path.strip_prefix(root).unwrap_or(&path)) {
            Ok(id) => images.push(ImageFile { id, path }),
            Err(id) => escaped_images.push(ImageFile { id, path }),
        }
    }
    if !escaped_images.is_empty() {
        let mut taken: HashSet<String> =
            images.iter().map(|image| image.id.clone()).collect();
        for mut image in escaped_images {
            while taken.contains(&image.id) {
                image.id = image.id.replace('%', "%25");
            }
            taken.insert(image.id.clone());
            images.push(image);
        }
    }
    images
}

/// `Err` where parts had to be escaped.
fn id(relative: &Path) -> Result<String, String> {
    let mut plain = true;
    let parts: Vec<String> = relative
        .iter()
        .map(|part| {
            escaped(part.as_encoded_bytes()).unwrap_or_else(|part| {
                plain = false;
                part
            })
        })
        .collect();
    let id = parts.join("/");
    if plain { Ok(id) } else { Err(id) }
}

/// The name as text; `Err` where it had to be escaped.
fn escaped(name: &[u8]) -> Result<String, String> {
    if let Ok(text) = str::from_utf8(name) {
        return Ok(text.to_owned());
    }
    let mut text = String::new();
    for chunk in name.utf8_chunks() {
        text.push_str(&chunk.valid().replace('%', "%25"));
        for byte in chunk.invalid() {
            // Writing to a String does not fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    Err(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(files: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            touch(&folder.path().join(file));
        }
        folder
    }

    fn touch(path: &Path) {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }

    fn ids(root: &Path, leave_out: Option<&Path>) -> Vec<String> {
        list_images(root, leave_out).unwrap().into_iter().map(|image| image.id).collect()
    }

    #[test]
    fn images_are_listed_in_bytewise_order_of_their_relative_path() {
        let folder = folder(&[
            "b/1.png",
            "b.png",
            "b-1.png",
            "a b'\"\n.JPG",
            "Z.tiff",
            "ä.webp",
            "b/c/2.pgm",
            "notes.txt",
            "png",
            ".hidden.png",
            ".cache/1.png",
            "a.jpg.txt",
            "x.PnG",
        ]);
        let expected = [
            "Z.tiff",
            "a b'\"\n.JPG",
            "b-1.png",
            "b.png",
            "b/1.png",
            "b/c/2.pgm",
            "x.PnG",
            "ä.webp",
        ];
        assert_eq!(ids(folder.path(), None), expected);
        let dotted = folder.path().join("b/../.");
        assert_eq!(ids(&dotted, None), expected);
    }

    #[test]
    fn a_hidden_folder_that_is_asked_for_is_read() {
        let folder = folder(&[".cache/1.png"]);
        assert_eq!(ids(&folder.path().join(".cache"), None), ["1.png"]);
    }

    #[test]
    fn one_file_is_taken_whatever_its_name() {
        let folder = folder(&["b/frame.0001"]);
        let file = folder.path().join("b/frame.0001");
        let expected = ImageFile { id: "frame.0001".to_owned(), path: file.clone() };
        assert_eq!(list_images(&file, None).unwrap(), [expected]);
    }

    #[test]
    fn the_output_folder_is_left_out() {
        let folder = folder(&["a.png", "out/prediction/a.png.png", "b/out/c.png"]);
        let out = folder.path().join("b/../out");
        assert_eq!(ids(folder.path(), Some(&out)), ["a.png", "b/out/c.png"]);
        let elsewhere = folder.path().join("not-yet-there");
        assert_eq!(ids(folder.path(), Some(&elsewhere)).len(), 3);
        let error = list_images(folder.path(), Some(folder.path())).unwrap_err();
        assert!(error.to_string().contains("results would become images"), "{error}");
    }

    #[test]
    fn results_of_an_earlier_run_are_no_images() {
        let root = folder(&["a.png", "out/overlay/a.png.png", "out/predictions.csv"]);
        assert_eq!(ids(root.path(), None), ["a.png", "out/overlay/a.png.png"]);
        touch(&root.path().join("out/run.json"));
        assert_eq!(ids(root.path(), None), ["a.png"]);
        assert_eq!(ids(&root.path().join("out"), None), ["overlay/a.png.png"]);
    }

    #[test]
    fn nothing_to_do_is_an_error_that_lists_the_endings() {
        let folder = folder(&["notes.txt"]);
        let error = list_images(folder.path(), None).unwrap_err();
        assert!(error.to_string().ends_with("no images in this folder"), "{error}");
        assert!(error.hint().unwrap().contains("jpg, pam, pbm"));
        let missing = folder.path().join("missing");
        assert!(matches!(list_images(&missing, None), Err(Error::Read { .. })));
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_those_in_a_circle_or_to_nothing_left_out() {
        use std::os::unix::fs::symlink;

        let there = folder(&["x.png", "sub/y.png"]);
        let folder = folder(&["a.png"]);
        let link = |target: &Path, name: &str| {
            symlink(target, folder.path().join(name)).unwrap();
        };
        link(&there.path().join("x.png"), "b.png");
        link(&there.path().join("sub"), "c");
        link(folder.path(), "circle");
        link(Path::new("nowhere.png"), "d.png");
        assert_eq!(ids(folder.path(), None), ["a.png", "b.png", "c/y.png"]);
        let out = folder.path().join("c");
        assert_eq!(ids(folder.path(), Some(&out)), ["a.png", "b.png"]);
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn names_that_are_not_utf8_are_escaped_and_stay_unique() {
        use std::ffi::OsStr;
        use std::os::unix::ffi::OsStrExt;

        let folder = folder(&["a%FF.png", "100%.png"]);
        touch(&folder.path().join(OsStr::from_bytes(b"a\xff.png")));
        touch(&folder.path().join(OsStr::from_bytes(b"50%\xfe.png")));
        let listed = list_images(folder.path(), None).unwrap();
        let ids: Vec<_> = listed.iter().map(|image| image.id.as_str()).collect();
        assert_eq!(ids, ["100%.png", "50%25%FE.png", "a%25FF.png", "a%FF.png"]);
        assert!(listed.iter().all(|image| image.path.is_file()));
    }
}
