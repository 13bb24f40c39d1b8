//! Collects the images of sources.

use std::ffi::OsStr;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use walkdir::{DirEntry, WalkDir};

use super::file::{self, ImageFile, Kind, Root};
use super::pattern::{self, Pattern};
use super::{EXTENSIONS, Listing, Source, id, list, repeats};
use crate::error::{Error, Result};
use crate::input::decode::is_other_format;

/// Collects images from sources.
pub(super) struct Lister<'a> {
    working: &'a Path,
    /// Absolute path of the output folder, if it exists.
    out: Option<PathBuf>,
    unreadable: Vec<Error>,
    broken_links: usize,
}

impl<'a> Lister<'a> {
    pub(super) fn new(working: &'a Path, out: Option<&Path>) -> Self {
        let out = out.and_then(|path| path.canonicalize().ok());
        Self { working, out, unreadable: Vec::new(), broken_links: 0 }
    }

    pub(super) fn all(&mut self, sources: &[Source]) -> Result<Listing> {
        let is_input = |source: &&Source| **source == Source::StandardInput;
        if sources.iter().filter(is_input).count() > 1 {
            return Err(Error::setting("images", "- is given twice")
                .with_hint("standard input can be read once"));
        }
        let mut images = Vec::new();
        for source in sources {
            let mut more = self.one(source)?;
            if images.is_empty() {
                images = more;
            } else {
                images.append(&mut more);
            }
        }
        let repeated = repeats::take_once(&mut images)?;
        images.shrink_to_fit();
        let unreadable = std::mem::take(&mut self.unreadable);
        Ok(Listing { images, unreadable, broken_links: self.broken_links, repeated })
    }

    fn one(&mut self, source: &Source) -> Result<Vec<ImageFile>> {
        match source {
            Source::Path(path) => self.named(path),
            Source::List(path) => {
                let folder = path.parent().map(Path::to_owned);
                self.list(&path.display().to_string(), &list::read_file(path)?, folder)
            }
            Source::StandardInput => {
                self.list(list::STANDARD_INPUT, &list::read_standard_input()?, None)
            }
        }
    }

    fn named(&mut self, path: &Path) -> Result<Vec<ImageFile>> {
        if path.as_os_str().is_empty() {
            return Err(Error::setting("images", "an empty path is given")
                .with_hint("for the working directory, write ."));
        }
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => Ok(vec![self.file(path)]),
            Ok(metadata) if metadata.is_dir() => self.folder(path),
            Ok(_) => Err(Error::image(path, "is neither a file nor a folder")
                .with_hint("read a list that a program writes with `manifest`")),
            Err(_) if pattern::is_pattern(path) && !path.is_symlink() => {
                self.pattern(path)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Error::image(
                path,
                "no such file or folder",
            )
            .with_hint(
                "`images` are files, folders, patterns such as 'photos/**/*.jpg', or - \
                     for a list on standard input",
            )),
            Err(error) => Err(Error::read(path, error)),
        }
    }

    fn file(&self, path: &Path) -> ImageFile {
        let folder = path.parent().unwrap_or(Path::new(""));
        let root = Arc::new(Root {
            path: folder.to_owned(),
            place: file::place(folder, self.working),
            skip: 0,
            kind: Kind::Named,
        });
        let name = path.file_name().unwrap_or(path.as_os_str());
        let id = id::of_names(std::iter::once(name));
        ImageFile::new(&root, &id.text, id.escaped.then_some(Path::new(name)))
    }

    fn folder(&mut self, path: &Path) -> Result<Vec<ImageFile>> {
        let everything = |_: &Path| true;
        let wanted = Wanted { kind: Kind::Named, takes: &everything, depth: usize::MAX };
        let images = self.walk(path, &wanted)?;
        if images.is_empty() {
            let message = "no images in this folder";
            return Err(Error::configuration(path.display().to_string(), message)
                .with_hint(format!("{}, also in sub-folders", taken())));
        }
        Ok(images)
    }

    fn pattern(&mut self, path: &Path) -> Result<Vec<ImageFile>> {
        let pattern = Pattern::parse(path)?;
        if !pattern.root.as_os_str().is_empty() && !pattern.root.is_dir() {
            let root = pattern.root.display();
            let message =
                format!("no such file, and as a pattern it needs the folder {root}");
            return Err(Error::image(path, message)
                .with_hint("patterns are relative to the working directory"));
        }
        let takes = |relative: &Path| pattern.matches(relative);
        let wanted = Wanted { kind: Kind::Pattern, takes: &takes, depth: pattern.depth };
        let images = self.walk(&pattern.root, &wanted)?;
        if images.is_empty() {
            let message = "no image matches this pattern";
            let hint = format!(
                "{}; upper and lower case differ, * does not match /, and ** at the end of \
                 a pattern matches everything below a folder",
                taken()
            );
            return Err(
                Error::configuration(path.display().to_string(), message).with_hint(hint)
            );
        }
        Ok(images)
    }

    pub(super) fn list(
        &self,
        name: &str,
        content: &[u8],
        folder: Option<PathBuf>,
    ) -> Result<Vec<ImageFile>> {
        let mut roots = Roots { working: self.working, folder, known: Vec::new() };
        let mut images = Vec::new();
        list::paths(name, content, |entry| {
            let placed = id::place(entry, self.working);
            // Such an entry is kept as it is, relative to the working directory.
            let root = placed.root.filter(|_| !placed.climbs_back);
            let root = roots.get(root, placed.skip, entry.is_absolute());
            let kept = if placed.climbs_back {
                Some(entry)
            } else {
                placed.id.escaped.then_some(&*placed.absolute)
            };
            images.push(ImageFile::new(root, &placed.id.text, kept));
        })?;
        if images.is_empty() {
            return Err(Error::configuration(name, "this list contains no path")
                .with_hint("write a path on each line"));
        }
        repeats::make_escaped_unique(&mut images);
        Ok(images)
    }
}

/// Files to take from a folder.
struct Wanted<'a> {
    kind: Kind,
    /// Returns whether a path relative to the folder is wanted.
    takes: &'a dyn Fn(&Path) -> bool,
    /// Depth of the files; 1 is the folder itself.
    depth: usize,
}

impl Lister<'_> {
    /// Returns the images of a folder, sorted by id.
    fn walk(&mut self, root: &Path, wanted: &Wanted) -> Result<Vec<ImageFile>> {
        let out = self.out.as_deref();
        if out.is_some() && out == root.canonicalize().ok().as_deref() {
            let message =
                "is both the source and the output: results would become images";
            return Err(Error::configuration(root.display().to_string(), message)
                .with_hint("write the results to another folder"));
        }
        let is_out = |entry: &DirEntry| {
            out.is_some()
                && entry.file_type().is_dir()
                && entry.path().canonicalize().ok().as_deref() == out
        };
        let is_entered = |entry: &DirEntry| {
            entry.depth() == 0
                || !(is_hidden(entry) || is_out(entry) || holds_results(entry))
        };
        let start = if root.as_os_str().is_empty() { Path::new(".") } else { root };
        let entries = WalkDir::new(start).follow_links(true).max_depth(wanted.depth);
        let shared = Arc::new(Root {
            path: root.to_owned(),
            place: file::place(root, self.working),
            skip: 0,
            kind: wanted.kind.clone(),
        });
        let mut images = Vec::new();
        for entry in entries.into_iter().filter_entry(is_entered) {
            match entry {
                Ok(entry) if entry.file_type().is_file() && is_image(entry.path()) => {
                    let path = entry.path();
                    let relative = path.strip_prefix(start).unwrap_or(path);
                    if (wanted.takes)(relative) {
                        images.push(image(&shared, relative));
                    }
                }
                Ok(_) => {}
                Err(error) if is_broken_link(&error) => {
                    let path = error.path().unwrap_or(start);
                    let relative = path.strip_prefix(start).unwrap_or(path);
                    let is_folder = error.loop_ancestor().is_some();
                    if is_folder || !is_image(path) {
                        self.broken_links += 1;
                    } else if (wanted.takes)(relative) {
                        images.push(image(&shared, relative));
                    }
                }
                Err(error) if is_gone(&error) && error.depth() > 0 => {}
                Err(error) => {
                    let path = error.path().unwrap_or(start).to_owned();
                    let is_root = error.depth() == 0;
                    let error = Error::read(&path, into_io(error));
                    if is_root {
                        return Err(error);
                    }
                    self.unreadable.push(error);
                }
            }
        }
        repeats::make_escaped_unique(&mut images);
        images.sort_unstable_by(|a, b| a.id().as_bytes().cmp(b.id().as_bytes()));
        Ok(images)
    }
}

fn image(root: &Arc<Root>, relative: &Path) -> ImageFile {
    let id = id::of_names(relative.iter());
    ImageFile::new(root, &id.text, id.escaped.then_some(relative))
}

fn is_hidden(entry: &DirEntry) -> bool {
    entry.file_name().as_encoded_bytes().starts_with(b".")
}

/// Returns whether a folder contains the results of an earlier run, whose maps are not images.
fn holds_results(entry: &DirEntry) -> bool {
    let has = |name: &str| entry.path().join(name).is_file();
    entry.file_type().is_dir() && has("predictions.csv") && has("run.json")
}

/// Returns whether a file is named like an image, of a format that is read or of another one.
fn is_image(path: &Path) -> bool {
    let extension = path.extension().map(OsStr::to_ascii_lowercase).unwrap_or_default();
    // The headers of other programs' data have the name of a Radiance image, too.
    if extension == "hdr" {
        return starts_with(path, 0, b"#?");
    }
    // Scanners number their files, and write no extension.
    if extension.as_encoded_bytes().iter().all(u8::is_ascii_digit) {
        return starts_with(path, 128, b"DICM");
    }
    EXTENSIONS.iter().any(|known| extension == **known) || is_other_format(path)
}

/// Returns whether a file has these bytes behind `skipped` others.
fn starts_with(path: &Path, skipped: u64, mark: &[u8]) -> bool {
    let mut start = Vec::new();
    let length = skipped + mark.len() as u64;
    let read =
        fs::File::open(path).and_then(|file| file.take(length).read_to_end(&mut start));
    read.is_ok() && start.get(skipped as usize..) == Some(mark)
}

/// Recognizes a link in a circle, to itself or to nothing.
fn is_broken_link(error: &walkdir::Error) -> bool {
    let leads_nowhere = |path: &Path| {
        let target = path.metadata();
        path.is_symlink()
            && target.is_err_and(|error| error.kind() != io::ErrorKind::PermissionDenied)
    };
    error.loop_ancestor().is_some() || error.path().is_some_and(leads_nowhere)
}

/// Recognizes a file that was removed during the walk.
fn is_gone(error: &walkdir::Error) -> bool {
    error.io_error().is_some_and(|error| error.kind() == io::ErrorKind::NotFound)
}

/// Returns the error of the system without the path, which is named separately.
fn into_io(error: walkdir::Error) -> io::Error {
    let text = error.to_string();
    error.into_io_error().unwrap_or_else(|| io::Error::other(text))
}

/// Roots of the entries of a list: two or three on Unix, more with drives.
struct Roots<'a> {
    working: &'a Path,
    /// Folder of the list.
    folder: Option<PathBuf>,
    known: Vec<(bool, Arc<Root>)>,
}

impl Roots<'_> {
    /// Returns the working directory or, with a path, the root of a file system. Absolute entries have
    /// their own root, because they do not depend on the folder of the list.
    fn get(&mut self, path: Option<PathBuf>, skip: usize, absolute: bool) -> &Arc<Root> {
        let (path, place, skip) = match path {
            None => (PathBuf::new(), self.working.to_owned(), 0),
            Some(path) => (path.clone(), path, skip),
        };
        let is_known =
            |(other, root): &(bool, Arc<Root>)| *other == absolute && root.path == path;
        let i = self.known.iter().position(is_known).unwrap_or_else(|| {
            let folder = self.folder.clone().filter(|_| !absolute);
            let folder = folder.map(|folder| self.working.join(folder));
            let kind = Kind::List { working: self.working.to_owned(), folder };
            self.known.push((absolute, Arc::new(Root { path, place, skip, kind })));
            self.known.len() - 1
        });
        &self.known[i].1
    }
}

fn taken() -> String {
    format!(
        "files whose names end in {} are taken, but not those whose names begin with a dot",
        EXTENSIONS.join(", ")
    )
}
