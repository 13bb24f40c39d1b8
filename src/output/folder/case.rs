//! Whether names that differ only in case are two.

use std::path::Path;

/// Whether the file system that a folder is on, or will be, tells upper from lower case.
///
/// Nothing is written for it: the nearest folder that exists is looked up by its name in the
/// other case.
pub fn tells_case(folder: &Path) -> bool {
    let Ok(folder) = std::path::absolute(folder) else { return true };
    let existing = folder.ancestors().filter_map(|path| path.canonicalize().ok());
    for path in existing {
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            continue;
        };
        let other = other_case(name);
        if other != name {
            let other = path.with_file_name(other);
            // A link of that name proves nothing.
            return other.is_symlink() || other.canonicalize().ok() != Some(path);
        }
    }
    true
}

fn other_case(name: &str) -> String {
    let turned = |c: char| {
        if c.is_ascii_lowercase() {
            c.to_ascii_uppercase()
        } else {
            c.to_ascii_lowercase()
        }
    };
    name.chars().map(turned).collect()
}
