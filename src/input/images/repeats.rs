//! Removes files that were given twice; detects files with the same name in the results.

use std::collections::HashSet;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::file::ImageFile;
use crate::error::{Error, Result};

/// Keeps each file once. Returns the number of files that were given again, other than by a pattern.
///
/// # Errors
///
/// Fails if two files have the same id.
pub(super) fn take_once(images: &mut Vec<ImageFile>) -> Result<usize> {
    let mut repeated = 0;
    let mut again = vec![false; images.len()];
    for (_, later) in pairs(images, ImageFile::place) {
        again[later] = true;
        repeated += usize::from(!images[later].is_of_pattern());
    }
    drop_marked(images, &again);
    let mut again = vec![false; images.len()];
    for (first, later) in pairs(images, |image| image.id().to_owned()) {
        let (a, b) = (&images[first], &images[later]);
        let place = |image: &ImageFile| fs::canonicalize(image.path()).ok();
        if place(a).is_none() || place(a) != place(b) {
            return Err(one_id(a, b));
        }
        again[later] = true;
        repeated += usize::from(!b.is_of_pattern());
    }
    drop_marked(images, &again);
    Ok(repeated)
}

fn drop_marked(images: &mut Vec<ImageFile>, marked: &[bool]) {
    let mut marked = marked.iter();
    images.retain(|_| !marked.next().is_some_and(|&marked| marked));
}

pub(super) fn one_id(a: &ImageFile, b: &ImageFile) -> Error {
    let (path, other) = (a.path(), b.path());
    let message = format!(
        "{} and {} would both be \"{}\" in the results",
        path.display(),
        other.display(),
        a.id()
    );
    Error::setting("images", message).with_hint(if a.is_of_list() && b.is_of_list() {
        "run from a folder above both, so that the list can name them below it"
    } else {
        "give one folder above both, or list the paths with `manifest`"
    })
}

/// Returns two images with the same id, if there are any.
pub(super) fn same_id(images: &[ImageFile]) -> Option<(&ImageFile, &ImageFile)> {
    let pairs = pairs(images, |image| image.id().to_owned());
    pairs.first().map(|&(first, later)| (&images[first], &images[later]))
}

/// Returns two images whose ids differ only in case, if there are any.
///
/// On a file system that ignores case, their maps would overwrite each other.
pub fn same_but_for_case(images: &[ImageFile]) -> Option<(&ImageFile, &ImageFile)> {
    let pairs = pairs(images, |image| image.id().to_lowercase());
    pairs.first().map(|&(first, later)| (&images[first], &images[later]))
}

/// Returns pairs of images with the same key, the first image of a key with each later one, in the
/// order of the first.
///
/// Only hashes are stored, and keys are computed again if hashes are equal: the keys of a million
/// images would take more memory than the images.
fn pairs<K: Hash + Eq>(
    images: &[ImageFile],
    key: impl Fn(&ImageFile) -> K,
) -> Vec<(usize, usize)> {
    let hash = |image: &ImageFile| {
        let mut hasher = DefaultHasher::new();
        key(image).hash(&mut hasher);
        hasher.finish()
    };
    let mut hashes: Vec<(u64, usize)> =
        images.iter().enumerate().map(|(i, image)| (hash(image), i)).collect();
    hashes.sort_unstable();
    let mut pairs = Vec::new();
    for same in hashes.chunk_by(|a, b| a.0 == b.0).filter(|same| same.len() > 1) {
        let mut firsts: Vec<(K, usize)> = Vec::new();
        for &(_, i) in same {
            let key = key(&images[i]);
            match firsts.iter().find(|(other, _)| *other == key) {
                Some(&(_, first)) => pairs.push((first, i)),
                None => firsts.push((key, i)),
            }
        }
    }
    pairs.sort_unstable();
    pairs
}

/// Escapes the `%` of escaped ids again until no other image has the same id.
pub(super) fn make_escaped_unique(images: &mut [ImageFile]) {
    let escaped: Vec<usize> =
        (0..images.len()).filter(|&i| images[i].is_escaped()).collect();
    if escaped.is_empty() {
        return;
    }
    let mut renamed = Vec::new();
    let mut given: HashSet<String> = HashSet::new();
    let plain = images.iter().filter(|image| !image.is_escaped());
    let taken: HashSet<&str> = plain.map(ImageFile::id).collect();
    for i in escaped {
        let mut id = images[i].id().to_owned();
        while taken.contains(&*id) || given.contains(&id) {
            id = id.replace('%', "%25");
        }
        given.insert(id.clone());
        renamed.push((i, id));
    }
    for (i, id) in renamed {
        images[i].rename(id);
    }
}
