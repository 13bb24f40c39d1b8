//! Messages and hints for file errors of the operating system.

use std::io::{Error, ErrorKind};

/// Kind of access to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Opened, listed or read.
    Read,
    /// Created, written or removed.
    Write,
}

/// Message and hint.
type Meaning = (&'static str, &'static str);

/// Returns the message: the meaning of the error, then the text of the operating system.
pub(super) fn message(source: &Error, access: Access) -> String {
    let text = match meaning(source, access) {
        // The reader states what it found.
        _ if is_unexpected_content(source) => source.to_string(),
        Some((words, _)) => format!("{words} ({source})"),
        None => source.to_string(),
    };
    match access {
        Access::Read => text,
        Access::Write => format!("cannot write: {text}"),
    }
}

/// Returns the hint, if this kind of error has one.
pub(super) fn hint(source: &Error, access: Access) -> Option<&'static str> {
    if source.get_ref().and_then(|inner| inner.downcast_ref::<RefusedEntry>()).is_some() {
        return Some("remove it, or choose another folder");
    }
    if access == Access::Read && is_unexpected_content(source) {
        return Some("make the file again, or copy it again from its source");
    }
    meaning(source, access).map(|(_, hint)| hint)
}

/// Returns true for the error of a reader of this crate about the content of a file.
fn is_unexpected_content(source: &Error) -> bool {
    source.kind() == ErrorKind::InvalidData && source.get_ref().is_some()
}

/// Reason why an entry below a folder of results is not opened: it is a link or a special file.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct RefusedEntry(pub(crate) &'static str);

fn meaning(source: &Error, access: Access) -> Option<Meaning> {
    if has_code(source, TOO_MANY_OPEN) {
        return Some((
            "too many files are open",
            "raise the limit of open files (`ulimit -n 4096`), or use fewer `threads`",
        ));
    }
    match access {
        Access::Read => of_reading(source),
        Access::Write => of_writing(source),
    }
}

fn of_reading(source: &Error) -> Option<Meaning> {
    let meaning = match source.kind() {
        ErrorKind::NotFound => (
            "there is no such file or folder",
            "check the path; a relative one starts at the working directory",
        ),
        ErrorKind::PermissionDenied => {
            ("no permission to read it", "allow reading (`chmod +r`), or copy it first")
        }
        ErrorKind::IsADirectory => ("a folder, where a file is expected", "name a file"),
        ErrorKind::NotADirectory => {
            ("a part of the path is a file, not a folder", "check the path")
        }
        ErrorKind::InvalidFilename => {
            ("the name is invalid on this file system", "check the path")
        }
        ErrorKind::InvalidData => (
            "expected UTF-8 text",
            "save the file as UTF-8 text, or copy it again from its source",
        ),
        ErrorKind::OutOfMemory => (
            "not enough memory to read it",
            "close other programs, or use fewer `threads`",
        ),
        ErrorKind::TimedOut | ErrorKind::StaleNetworkFileHandle => (
            "the network share does not answer",
            "try again once it does, or copy the files to a local disk",
        ),
        _ if has_code(source, DEVICE_ERRORS) => (
            "the disk or network share fails",
            "copy the file again from its source, and check the disk",
        ),
        _ => return None,
    };
    Some(meaning)
}

fn of_writing(source: &Error) -> Option<Meaning> {
    let meaning = match source.kind() {
        ErrorKind::StorageFull => (
            "the disk is full",
            "make room or name a folder on another disk with `output`; fewer `maps`, and no npy \
             among `formats`, need less",
        ),
        ErrorKind::QuotaExceeded => (
            "the disk quota of this user is used up",
            "make room or name a folder on another disk with `output`; fewer `maps` need less",
        ),
        ErrorKind::FileTooLarge => (
            "larger than this file system or user allows",
            "name a folder on another file system with `output`, or raise the limit (`ulimit -f`)",
        ),
        ErrorKind::ReadOnlyFilesystem => (
            "the file system is read-only",
            "name a folder that can be written with `output`",
        ),
        ErrorKind::PermissionDenied => (
            "no permission to write there",
            "name a folder of your own with `output`, or allow writing there (`chmod u+w`)",
        ),
        ErrorKind::NotFound => (
            "its folder is no longer there",
            "do not remove the output folder during a run, and run again",
        ),
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists | ErrorKind::IsADirectory => {
            (
                "another file or folder already has this name",
                "name another output folder with `output`, or rename the image",
            )
        }
        ErrorKind::InvalidFilename => (
            "the name is too long or invalid on this file system",
            "rename the image, or name an output folder with a shorter path with `output`",
        ),
        ErrorKind::TimedOut | ErrorKind::StaleNetworkFileHandle => (
            "the network share does not answer",
            "name a folder on a local disk with `output`",
        ),
        _ if has_code(source, DEVICE_ERRORS) => (
            "the disk or network share fails",
            "name a folder on another disk with `output`, and check this one",
        ),
        _ => return None,
    };
    Some(meaning)
}

/// Codes without an `ErrorKind`: the limits of the system and of the process.
const TOO_MANY_OPEN: &[i32] = if cfg!(unix) { &[23, 24] } else { &[4] };
/// Codes of failing devices.
const DEVICE_ERRORS: &[i32] = if cfg!(unix) { &[5] } else { &[1117] };

/// Checks for a code. Errors that a library wrapped contain the code only in their text.
fn has_code(source: &Error, codes: &[i32]) -> bool {
    if let Some(code) = source.raw_os_error() {
        return codes.contains(&code);
    }
    let text = source.to_string();
    codes.iter().any(|code| text.contains(&format!("(os error {code})")))
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn errors_of_the_system_are_explained_and_have_a_hint() {
        let path = Path::new("out/a.png");
        let cases = [
            (ErrorKind::StorageFull, "the disk is full", "`maps`"),
            (ErrorKind::QuotaExceeded, "used up", "another disk"),
            (ErrorKind::FileTooLarge, "larger than", "ulimit -f"),
            (ErrorKind::ReadOnlyFilesystem, "read-only", "`output`"),
            (ErrorKind::PermissionDenied, "no permission to write", "`output`"),
            (ErrorKind::NotFound, "no longer there", "run again"),
            (ErrorKind::InvalidFilename, "too long", "rename"),
            (ErrorKind::NotADirectory, "already has this name", "rename"),
        ];
        for (kind, words, hint_part) in cases {
            let error = crate::Error::write(path, Error::from(kind));
            let text = error.to_string();
            assert!(
                text.starts_with("out/a.png: cannot write: ") && text.contains(words),
                "{text}"
            );
            assert!(error.hint().is_some_and(|hint| hint.contains(hint_part)), "{kind}");
        }
        for kind in [
            ErrorKind::NotFound,
            ErrorKind::PermissionDenied,
            ErrorKind::IsADirectory,
            ErrorKind::InvalidData,
            ErrorKind::TimedOut,
        ] {
            let error = crate::Error::read(path, Error::from(kind));
            assert!(error.hint().is_some(), "{kind}");
        }
    }

    #[test]
    #[cfg(unix)]
    fn too_many_open_files_and_failing_disks_are_recognized_by_code() {
        let wrapped = |code| {
            let inner = Error::from_raw_os_error(code);
            Error::new(inner.kind(), format!("at path x: {inner}"))
        };
        for (source, words, hint_part) in [
            (Error::from_raw_os_error(24), "too many files", "ulimit -n"),
            (wrapped(24), "too many files", "ulimit -n"),
            (wrapped(5), "disk", "another disk"),
        ] {
            let error = crate::Error::write(Path::new("a"), source);
            assert!(error.to_string().contains(words), "{error}");
            assert!(error.hint().is_some_and(|hint| hint.contains(hint_part)), "{error}");
        }
    }

    #[test]
    fn an_error_of_unknown_kind_keeps_its_text() {
        let error = crate::Error::write(Path::new("a"), Error::other("odd"));
        assert_eq!(error.to_string(), "a: cannot write: odd");
        assert_eq!(error.hint(), None);
    }
}
