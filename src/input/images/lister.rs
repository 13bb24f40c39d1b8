//! Turns sources into images.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::file::{self, ImageFile, Kind, Root};
use super::pattern::{self, Pattern};
use super::walk::Wanted;
use super::{EXTENSIONS, Listing, Source, id, list, repeats};
use crate::error::{Error, Result};

/// Collects images from sources.
pub(super) struct Lister<'a> {
    pub(super) working: &'a Path,
    /// The place of the output folder, where it is there already.
    pub(super) out: Option<PathBuf>,
    pub(super) unreadable: Vec<Error>,
    pub(super) broken_links: usize,
}

impl<'a> Lister<'a> {
    pub(super) fn new(working: &'a Path, out: Option<&Path>) -> Self {
        let out = out.and_then(|path| path.canonicalize().ok());
        Self { working, out, unreadable: Vec::new(), broken_links: 0 }
    }

    pub(super) fn all(&mut self, sources: &[Source]) -> Result<Listing> {
        let is_input = |source: &&Source| **source == Source::StandardInput;
        if sources.iter().filter(is_input).count() > 1 {
            return Err(Error::setting("IMAGES", "- is given twice")
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
            return Err(Error::setting("IMAGES", "an empty path is given")
                .with_hint("for the working directory, write ."));
        }
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => Ok(vec![self.file(path)]),
            Ok(metadata) if metadata.is_dir() => self.folder(path),
            Ok(_) => Err(Error::image(path, "is neither a file nor a folder")
                .with_hint("a list that a program writes is read with --manifest")),
            Err(_) if pattern::is_pattern(path) && !path.is_symlink() => {
                self.pattern(path)
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(Error::image(path, "no such file or folder").with_hint(
                    "IMAGES are files, folders, patterns such as 'photos/**/*.jpg', or - \
                     for a list on standard input",
                ))
            }
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
            return Err(Error::configuration(name, "there is no path in this list")
                .with_hint("write a path on each line"));
        }
        repeats::tell_escaped_apart(&mut images);
        Ok(images)
    }
}

/// What the entries of a list are relative to: two or three on Unix, more with drives.
struct Roots<'a> {
    working: &'a Path,
    /// Where the list lies.
    folder: Option<PathBuf>,
    known: Vec<(bool, Arc<Root>)>,
}

impl Roots<'_> {
    /// The working directory or, with a path, the root of a file system; for entries that
    /// were absolute a root of its own, since these do not depend on where the list lies.
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
