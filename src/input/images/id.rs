//! Ids of images: paths converted to text that never leaves a folder.

use std::ffi::OsStr;
use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::path::{Component, Path, PathBuf, Prefix};

/// First part of the ids of files outside the root.
const OUTSIDE: &str = "outside";

/// Separates the number of a frame from an id: `scan.tif#3` is frame 3 of `scan.tif`.
///
/// A file may have such a name without being a frame.
pub(crate) fn split_frame(id: &str) -> (&str, Option<NonZeroU32>) {
    let parts = id.rsplit_once('#').and_then(|(file, number)| {
        let is_number = number.bytes().all(|byte| byte.is_ascii_digit());
        let number = number.parse().ok().filter(|_| is_number)?;
        Some((file, number))
    });
    parts.map_or((id, None), |(file, number)| (file, Some(number)))
}

/// Parts of a path, joined with `/`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Id {
    pub(super) text: String,
    /// Set if bytes are written as `%` and two digits.
    pub(super) escaped: bool,
}

/// Returns the id of a path that consists of names: no root, no `..`.
pub(super) fn of_names<'a>(names: impl Iterator<Item = &'a OsStr>) -> Id {
    let mut id = Id { text: String::new(), escaped: false };
    for name in names {
        id.push(name.as_encoded_bytes());
    }
    id
}

impl Id {
    fn push(&mut self, name: &[u8]) {
        if !self.text.is_empty() {
            self.text.push('/');
        }
        match str::from_utf8(name) {
            // Elsewhere a backslash parts folders: `..\..\x` would climb there.
            Ok(name) if !name.contains('\\') => self.text.push_str(name),
            _ => {
                self.escaped = true;
                escape(name, &mut self.text);
            }
        }
    }
}

fn escape(name: &[u8], text: &mut String) {
    for chunk in name.utf8_chunks() {
        text.push_str(&chunk.valid().replace('%', "%25").replace('\\', "%5C"));
        for byte in chunk.invalid() {
            // Writing to a String does not fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
}

/// Location of an entry of a list, from its text only: no link is resolved.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Placed {
    pub(super) id: Id,
    /// The absolute path without `.` and `..`.
    pub(super) absolute: PathBuf,
    /// Number of bytes at the beginning of the id that are not part of the path below `root`.
    pub(super) skip: usize,
    /// Root of the rest of the id: the root of the file system (the drive), or `None` for the working
    /// directory.
    pub(super) root: Option<PathBuf>,
    /// Set if `..` follows a name. If that name is a link, the file may lie elsewhere.
    pub(super) climbs_back: bool,
}

/// Locates an entry, given the absolute path of the working directory.
pub(super) fn place(entry: &Path, working: &Path) -> Placed {
    let absolute = lexical(&working.join(entry));
    let climbs_back = climbs_back(entry);
    let below = absolute.strip_prefix(working).ok();
    if let Some(relative) = below.filter(|relative| !relative.as_os_str().is_empty()) {
        let id = of_names(relative.iter());
        return Placed { id, skip: 0, root: None, climbs_back, absolute };
    }
    let mut id = Id { text: OUTSIDE.to_owned(), escaped: false };
    let mut root = PathBuf::new();
    let mut skip = id.text.len() + 1;
    for part in absolute.components() {
        match part {
            Component::Prefix(prefix) => {
                push_prefix(&mut id, prefix.kind());
                skip = id.text.len() + 1;
                root.push(part);
            }
            Component::RootDir => root.push(part),
            Component::Normal(name) => id.push(name.as_encoded_bytes()),
            Component::CurDir | Component::ParentDir => {}
        }
    }
    let skip = skip.min(id.text.len());
    Placed { id, skip, root: Some(root), climbs_back, absolute }
}

fn push_prefix(id: &mut Id, prefix: Prefix<'_>) {
    match prefix {
        Prefix::Disk(letter) | Prefix::VerbatimDisk(letter) => {
            id.push(&[letter.to_ascii_uppercase()]);
        }
        Prefix::UNC(server, share) | Prefix::VerbatimUNC(server, share) => {
            id.push(server.as_encoded_bytes());
            id.push(share.as_encoded_bytes());
        }
        Prefix::DeviceNS(name) | Prefix::Verbatim(name) => {
            id.push(name.as_encoded_bytes());
        }
    }
}

/// Resolves `.` and `..` as if no part of the path were a link.
pub(super) fn lexical(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => {
                // At the root `..` is the root.
                plain.pop();
            }
            other => plain.push(other),
        }
    }
    plain
}

/// Returns whether `..` follows a name.
pub(super) fn climbs_back(path: &Path) -> bool {
    path.components()
        .skip_while(|part| !matches!(part, Component::Normal(_)))
        .any(|part| part == Component::ParentDir)
}

/// Returns the path of a file relative to a folder, both absolute, from their text.
pub(super) fn relative(file: &Path, folder: &Path) -> PathBuf {
    let shared = file.iter().zip(folder).take_while(|(a, b)| a == b).count();
    let up = folder.iter().skip(shared).map(|_| OsStr::new(".."));
    up.chain(file.iter().skip(shared)).collect()
}
