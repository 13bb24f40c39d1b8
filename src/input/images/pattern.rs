//! Patterns for paths, such as `photos/**/*.jpg`.

use std::path::{Component, Path, PathBuf};

use globset::{GlobBuilder, GlobMatcher};

use crate::error::{Error, Result};

/// A pattern, split into the folder that is searched and the part that is matched in it.
#[derive(Debug)]
pub(super) struct Pattern {
    /// Longest beginning without wildcards; the working directory if it is empty.
    pub(super) root: PathBuf,
    /// Depth of the matches; 1 is the root itself.
    pub(super) depth: usize,
    matcher: GlobMatcher,
}

/// Returns whether a path that does not exist may be a pattern.
pub(super) fn is_pattern(path: &Path) -> bool {
    has_wildcard(path.as_os_str().as_encoded_bytes())
}

fn has_wildcard(text: &[u8]) -> bool {
    text.iter().any(|byte| b"*?[{".contains(byte))
}

/// Returns whether a part is not a pattern. As for the whole path, a name that exists wins.
fn is_fixed(part: &[u8], path: &Path) -> bool {
    // A backslash makes the character after it an ordinary one.
    let plain = !has_wildcard(part) && (cfg!(windows) || !part.contains(&b'\\'));
    plain || path.is_dir()
}

impl Pattern {
    /// Parses a pattern as it was typed.
    ///
    /// # Errors
    ///
    /// Fails if the text is not UTF-8, a bracket or brace is not closed, or `..` follows a wildcard.
    pub(super) fn parse(typed: &Path) -> Result<Self> {
        let mut root = PathBuf::new();
        let mut parts: Vec<&str> = Vec::new();
        let mut components = typed.components().peekable();
        while let Some(part) = components.next() {
            let name = part.as_os_str();
            let path = root.join(name);
            let is_last = components.peek().is_none();
            match part {
                Component::Normal(name) if !parts.is_empty() || is_last => {
                    parts.push(text(name.to_str(), typed)?);
                }
                Component::Normal(name) if !is_fixed(name.as_encoded_bytes(), &path) => {
                    parts.push(text(name.to_str(), typed)?);
                }
                Component::ParentDir if !parts.is_empty() => {
                    let message =
                        "no such file, and as a pattern it has .. after a wildcard";
                    return Err(Error::image(typed, message)
                        .with_hint("write .. before the first wildcard only"));
                }
                Component::CurDir => {}
                _ => root = path,
            }
        }
        let pattern = parts.join("/");
        // Within braces there may be further folders.
        let is_bounded = !parts.contains(&"**") && !pattern.contains('{');
        let matcher = GlobBuilder::new(&pattern)
            .literal_separator(true)
            .build()
            .map_err(|error| {
                let message = format!("no such file, and not a valid pattern: {}", error.kind());
                Error::image(typed, message).with_hint(
                    "in a pattern, write [*] for * itself, and likewise for ? [ ] { and }",
                )
            })?
            .compile_matcher();
        let depth = if is_bounded { parts.len() } else { usize::MAX };
        Ok(Self { root, depth, matcher })
    }

    /// Returns whether a path relative to the root matches.
    pub(super) fn matches(&self, relative: &Path) -> bool {
        self.matcher.is_match(relative)
    }
}

fn text<'a>(part: Option<&'a str>, typed: &Path) -> Result<&'a str> {
    part.ok_or_else(|| {
        Error::image(typed, "no such file, and as a pattern it is not UTF-8")
            .with_hint("write ? or * for the characters that are not UTF-8")
    })
}
