//! A folder below which no link is followed, and only regular files are opened.
//!
//! A folder of results may come from someone else, and archives keep links: `out/report` may lead to
//! `..`, `out/overlay/a.png` to a private picture, `out/run.json` to a pipe. Therefore every access
//! starts from a handle of the folder and opens one part of the path after the other, without
//! following links. A link that is planted between a check and an access is not followed either.

use std::collections::hash_map::RandomState;
use std::ffi::OsStr;
use std::fs::File;
use std::hash::{BuildHasher as _, Hasher as _};
use std::io;
use std::path::{Component, Path};
use std::sync::Arc;

use cap_fs_ext::{DirExt as _, FollowSymlinks, OpenOptionsFollowExt as _};
use cap_std::ambient_authority;
use cap_std::fs::{Dir, Metadata, OpenOptions};

use crate::error::RefusedEntry;

/// Prefix of the names of temporary files.
const TEMPORARY_PREFIX: &str = ".mcdrop-";
/// Ending of the names of temporary files.
const TEMPORARY_SUFFIX: &str = ".part";

/// Deepest folder from which files are removed.
const DEEPEST: usize = 200;

/// A folder below which no link is followed. The path of the folder itself may contain links.
#[derive(Debug, Clone)]
pub(super) struct ConfinedFolder {
    root: Arc<Dir>,
    path: Arc<Path>,
}

/// An entry of a folder: the handle of the folder, and the name of the entry.
struct Entry<'a> {
    folder: Dir,
    name: &'a OsStr,
}

impl ConfinedFolder {
    /// Opens an existing folder.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        // An empty path is the working directory.
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        let root = Dir::open_ambient_dir(path, ambient_authority())?;
        Ok(Self { root: Arc::new(root), path: path.into() })
    }

    /// Opens the regular file at `relative`.
    pub(super) fn open_file(&self, relative: &str) -> io::Result<File> {
        self.entry(relative, false)?.open(OpenOptions::new().read(true))
    }

    /// Opens the regular file at `relative` to read and write it, and creates it if it does not exist.
    pub(super) fn open_or_create(&self, relative: &str) -> io::Result<File> {
        let mut options = OpenOptions::new();
        self.entry(relative, true)?.open(options.read(true).write(true).create(true))
    }

    /// Returns the metadata of what is at `relative`, of the link itself if it is one.
    pub(super) fn metadata(&self, relative: &str) -> io::Result<Metadata> {
        let entry = self.entry(relative, false)?;
        entry.folder.symlink_metadata(entry.name)
    }

    /// Creates a temporary file in the folder of `relative`, and the missing folders.
    ///
    /// # Errors
    /// Fails with `NotFound` if the folder was moved or removed: its handle would still accept
    /// files, which nobody would find.
    pub(super) fn temporary(&self, relative: &str) -> io::Result<TemporaryFile> {
        std::fs::metadata(&self.path)?;
        let entry = self.entry(relative, true)?;
        entry.refuse_irregular()?;
        TemporaryFile::create(entry.folder)
    }

    /// Removes the regular file at `relative`. A missing file is not an error.
    pub(super) fn remove_file(&self, relative: &str) -> io::Result<()> {
        let removed = self.entry(relative, false).and_then(|entry| {
            entry.refuse_irregular()?;
            entry.folder.remove_file(entry.name)
        });
        match removed {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    /// Removes the regular files whose names match in this folder, but not in folders below it.
    pub(super) fn remove_here(&self, is_meant: fn(&str) -> bool) -> io::Result<()> {
        remove_matching(&self.root, is_meant, None)
    }

    /// Removes the matching regular files in the folder at `relative` and below it, then the folders
    /// that have become empty. Does nothing if there is no such folder, or a link in its place.
    pub(super) fn remove_below(
        &self,
        relative: &str,
        is_meant: fn(&str) -> bool,
    ) -> io::Result<()> {
        let removed = self.entry(relative, false).and_then(|entry| {
            if !entry.folder.symlink_metadata(entry.name)?.is_dir() {
                return Ok(());
            }
            let inner = entry.folder.open_dir_nofollow(entry.name)?;
            remove_matching(&inner, is_meant, Some(0))?;
            drop(inner);
            // Other files in it stay, and the folder with them.
            let _ = entry.folder.remove_dir(entry.name);
            Ok(())
        });
        match removed {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    /// Opens the folder that contains `relative`.
    fn entry<'a>(&self, relative: &'a str, create: bool) -> io::Result<Entry<'a>> {
        stays_inside(relative)?;
        let mut parts = Path::new(relative).iter();
        let name = parts.next_back().unwrap_or_default();
        let mut folder = self.root.try_clone()?;
        for part in parts {
            folder = descend(&folder, part, create)?;
        }
        Ok(Entry { folder, name })
    }
}

impl Entry<'_> {
    fn open(&self, options: &mut OpenOptions) -> io::Result<File> {
        self.refuse_irregular()?;
        options.follow(FollowSymlinks::No);
        // A pipe that has replaced the file in between must not block.
        #[cfg(unix)]
        cap_fs_ext::OpenOptionsSyncExt::nonblock(options, true);
        let file = self.folder.open_with(self.name, options)?.into_std();
        if file.metadata()?.is_file() { Ok(file) } else { Err(refused(SPECIAL)) }
    }

    /// Fails if something other than a regular file or a folder has the name.
    fn refuse_irregular(&self) -> io::Result<()> {
        match self.folder.symlink_metadata(self.name) {
            Ok(there) if there.is_symlink() => Err(refused(LINK)),
            Ok(there) if !there.is_file() && !there.is_dir() => Err(refused(SPECIAL)),
            _ => Ok(()),
        }
    }
}

/// Opens a folder in another one, and creates it if that is allowed.
fn descend(folder: &Dir, name: &OsStr, create: bool) -> io::Result<Dir> {
    match folder.open_dir_nofollow(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound && create => {
            match folder.create_dir(name) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
                _ => folder.open_dir_nofollow(name),
            }
        }
        Err(error) => {
            let is_link =
                folder.symlink_metadata(name).is_ok_and(|there| there.is_symlink());
            Err(if is_link { refused(LINK) } else { error })
        }
        opened => opened,
    }
}

/// Removes the matching files of a folder, and those of the folders below it if `depth` is given.
fn remove_matching(
    folder: &Dir,
    is_meant: fn(&str) -> bool,
    depth: Option<usize>,
) -> io::Result<()> {
    for entry in folder.entries()? {
        let entry = entry?;
        let name = entry.file_name();
        let kind = entry.file_type()?;
        if kind.is_file() && is_meant(&name.to_string_lossy()) {
            folder.remove_file(&name)?;
        } else if kind.is_dir()
            && let Some(depth) = depth.filter(|depth| *depth < DEEPEST)
        {
            remove_matching(
                &folder.open_dir_nofollow(&name)?,
                is_meant,
                Some(depth + 1),
            )?;
            // Other files in it stay, and the folder with them.
            let _ = folder.remove_dir(&name);
        }
    }
    Ok(())
}

/// A file that is removed unless it is renamed.
#[derive(Debug)]
pub(super) struct TemporaryFile {
    folder: Dir,
    name: String,
    file: File,
    is_kept: bool,
}

impl TemporaryFile {
    fn create(folder: Dir) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create_new(true).follow(FollowSymlinks::No);
        loop {
            let random = RandomState::new().build_hasher().finish();
            let name = format!("{TEMPORARY_PREFIX}{random:016x}{TEMPORARY_SUFFIX}");
            match folder.open_with(&name, &options) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
                Ok(file) => {
                    let file = file.into_std();
                    return Ok(Self { folder, name, file, is_kept: false });
                }
            }
        }
    }

    /// The open file.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    /// Gives the file the last name of `relative`, in place of a regular file of that name.
    pub(super) fn persist(mut self, relative: &str) -> io::Result<File> {
        let name = Path::new(relative).file_name().unwrap_or_default();
        self.folder.rename(&self.name, &self.folder, name)?;
        self.is_kept = true;
        self.file.try_clone()
    }
}

impl Drop for TemporaryFile {
    fn drop(&mut self) {
        if !self.is_kept {
            // What cannot be removed here is removed by the next run.
            let _ = self.folder.remove_file(&self.name);
        }
    }
}

/// Returns `true` if a file has the name of a temporary one.
pub(super) fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY_PREFIX) && name.ends_with(TEMPORARY_SUFFIX)
}

const LINK: &str = "a part of the path is a link, which is not followed below the folder of \
                    results";
const SPECIAL: &str = "not a regular file";

fn refused(message: &'static str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, RefusedEntry(message))
}

/// Refuses paths that leave the folder or do not name a file in it.
fn stays_inside(relative: &str) -> io::Result<()> {
    let plain = |part: Component<'_>| matches!(part, Component::Normal(_));
    let path = Path::new(relative);
    if relative.is_empty() || relative.ends_with('/') || !path.components().all(plain) {
        let message = "the path does not stay inside the output folder";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    Ok(())
}
