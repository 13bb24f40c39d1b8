//! Which files an image gets.

use super::write::OutputOptions;
use crate::output::folder::{SET_SIZE, map_path};

/// The files of an image that was predicted: what each is, and its path in the output folder.
///
/// `map` is whether there are scores for each pixel. A file is known by its kind
/// (`prediction`, `overlay`, `set_size`, `probabilities`, `deterministic` or a measure); where a
/// kind has several files, all but the first by kind and ending, as in `margin.npy`.
pub fn files(options: &OutputOptions, map: bool, id: &str) -> Vec<(String, String)> {
    let mut files = Vec::new();
    let mut add = |kind: &str, extension: &str| {
        let path = map_path(kind, id, extension);
        if files.iter().any(|(_, known)| *known == path) {
            return;
        }
        let first = !files.iter().any(|(name, _)| name == kind);
        let name = if first { kind.to_owned() } else { format!("{kind}.{extension}") };
        files.push((name, path));
    };
    if map && options.prediction {
        add("prediction", "png");
    }
    let maps = if map { options.maps.as_slice() } else { &[] };
    for measure in maps {
        for format in &options.formats {
            add(measure.name, format.extension);
        }
    }
    if map && options.overlay {
        add("overlay", "png");
    }
    if map && options.policy.as_ref().is_some_and(|policy| policy.sets.is_some()) {
        options.formats.iter().for_each(|format| add(SET_SIZE, format.extension));
    }
    if options.keep_probabilities.is_some() {
        add("probabilities", "npy");
        add("deterministic", "npy");
        for measure in options.computed(map) {
            add(measure.name, "npy");
        }
    }
    files
}
