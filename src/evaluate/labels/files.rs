//! The label file of an image.

use std::path::{Path, PathBuf};

use super::rename::LabelRename;
use crate::input::label::LABEL_ENDINGS;
use crate::input::split_frame;

/// Endings of names that are tried if no label has the name of the image.
const SUFFIXES: [&str; 4] = ["_mask", "_label", "_gt", "_labelIds"];

/// Endings of files that may contain labels but are not read.
const OTHER_ENDINGS: [&str; 20] = [
    "npz", "mat", "h5", "pkl", "pt", "json", "geojson", "xml", "txt", "csv", "jp2",
    "jxl", "avif", "heic", "pgm", "ppm", "tga", "svg", "nii", "nii.gz",
];

/// A folder with a label file for each image.
#[derive(Debug)]
pub(super) struct LabelFiles {
    pub(super) root: PathBuf,
    pub(super) rename: Option<LabelRename>,
}

/// The label file of an image.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LabelFile {
    pub(super) path: PathBuf,
    /// Ending that was appended to the name of the image.
    pub(super) suffix: Option<&'static str>,
}

impl LabelFiles {
    /// Returns the label file of an image, or the reason why there is none: the file that was
    /// expected.
    pub(super) fn find(&self, id: &str) -> Result<LabelFile, String> {
        let (file, frame) = split_frame(id);
        let end = frame.map_or_else(String::new, |frame| format!("#{frame}"));
        let stem = &format!("{}{end}", without_ending(file));
        let names = match &self.rename {
            Some(rename) => match rename.name(stem) {
                Some(name) => vec![name],
                None => return Err(format!("\"{stem}\" does not match the pattern")),
            },
            None => vec![stem.to_owned(), id.to_owned()],
        };
        let files = names.iter().flat_map(|name| self.with_endings(name));
        let given =
            names.iter().filter(|name| has_ending(name)).map(|name| self.root.join(name));
        if let Some(path) = files.chain(given).find(|path| path.is_file()) {
            return Ok(LabelFile { path, suffix: None });
        }
        if self.rename.is_none()
            && let Some(found) = self.with_suffix(stem)?
        {
            return Ok(found);
        }
        let expected =
            self.root.join(format!("{}.{}", names[0], LABEL_ENDINGS.join("|")));
        let other = OTHER_ENDINGS.iter().find_map(|ending| {
            let path = self.root.join(format!("{}.{ending}", names[0]));
            path.is_file().then(|| format!("; {} is not read", path.display()))
        });
        Err(format!("{}{}", expected.display(), other.unwrap_or_default()))
    }

    fn with_suffix(&self, stem: &str) -> Result<Option<LabelFile>, String> {
        let candidates = SUFFIXES.iter().flat_map(|suffix| {
            let files: Vec<_> = self.with_endings(&format!("{stem}{suffix}")).collect();
            files.into_iter().map(|path| LabelFile { path, suffix: Some(*suffix) })
        });
        let mut found: Vec<LabelFile> =
            candidates.filter(|file| file.path.is_file()).collect();
        match &found[..] {
            [] | [_] => Ok(found.pop()),
            [first, second, ..] => Err(format!(
                "{} and {} could both be its label",
                first.path.display(),
                second.path.display()
            )),
        }
    }

    fn with_endings(&self, name: &str) -> impl Iterator<Item = PathBuf> {
        LABEL_ENDINGS.iter().map(move |ending| {
            let path = self.root.join(format!("{name}.{ending}"));
            // Not both: they are one file where names have no case.
            if path.is_file() {
                return path;
            }
            self.root.join(format!("{name}.{}", ending.to_ascii_uppercase()))
        })
    }
}

/// Returns an id without the extension of its file name.
pub(super) fn without_ending(id: &str) -> &str {
    let name = id.rsplit_once('/').map_or(id, |(_, name)| name);
    match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() => &id[..id.len() - ending.len() - 1],
        _ => id,
    }
}

fn has_ending(name: &str) -> bool {
    let ending = Path::new(name).extension().and_then(|ending| ending.to_str());
    ending.is_some_and(|e| LABEL_ENDINGS.contains(&&e.to_ascii_lowercase()[..]))
}
