//! Reads the values of an image's maps from the most exact files.

use std::io;

use super::folder::Run;
use super::map_scales::{scale, with_maps};
use crate::evaluate::PredictionFolder;
use crate::output::class_map;
use crate::output::folder::map_path;
use crate::output::format::{FORMATS, Format};
use crate::output::heat_map::Scale;
use crate::output::page::data::{ImageData, NumberRange};
use crate::record::RunRecord;
use crate::tensor::Map;

/// Returns the existing files of a quantity's map of an image, the most exact one first, with their
/// paths in the folder of the run.
pub(crate) fn candidates(
    run: &Run,
    name: &str,
    id: &str,
) -> Vec<(&'static Format, String)> {
    let mut formats: Vec<&'static Format> = FORMATS.iter().collect();
    let exactness = |format: &&Format| format.steps.map_or(u32::MAX, u32::from);
    formats.sort_by_key(|format| std::cmp::Reverse(exactness(format)));
    let file = |format: &'static Format| (format, map_path(name, id, format.extension));
    let is_there = |(_, file): &(_, String)| run.files.has_file(file);
    formats.into_iter().map(file).filter(is_there).collect()
}

/// Returns the files from which the values of an image are read, as paths in the folder of the run.
pub(super) fn sources(run: &Run, id: &str) -> Vec<String> {
    let quantities = with_maps(run).into_iter();
    let of_quantities = quantities.flat_map(|one| candidates(run, &one.name, id));
    let classes = map_path("prediction", id, "png");
    of_quantities.map(|(_, file)| file).chain([classes]).collect()
}

/// Reads the maps of an image of a size (width, height). Adds a note for each missing or damaged
/// file.
pub(super) fn read(
    run: &Run,
    folder: &PredictionFolder,
    id: &str,
    size: (usize, usize),
    notes: &mut Vec<String>,
) -> ImageData {
    let mut data = ImageData { id: id.to_owned(), ..ImageData::default() };
    if folder.record.output.prediction && folder.task.has_class_maps() {
        let path = map_path("prediction", id, "png");
        let read = run
            .files
            .read_file(&path)
            .and_then(|bytes| class_map::decode_png(&bytes, folder.n_classes))
            .and_then(|map| {
                let place = place(run, (map.width, map.height), size);
                data.set_classes(&map, place)
            });
        if let Err(error) = read {
            notes.push(format!("{path}: {}", said(&error)));
        }
    }
    for quantity in with_maps(run) {
        let scale = scale(run, &quantity);
        let mut is_read = false;
        let candidates = candidates(run, &quantity.name, id);
        for (format, file) in &candidates {
            let read = read_map(run, file, format, scale).and_then(|map| {
                let unknown = Scale::up_to(f32::INFINITY);
                let range = NumberRange::of_map(
                    quantity.upper_bound(folder.n_classes),
                    scale.unwrap_or(unknown),
                    &map,
                );
                let range = match format.steps {
                    Some(steps) => {
                        NumberRange { scale: scale.unwrap_or(range.scale), steps }
                    }
                    None => range,
                };
                if let Some((label, threshold)) = quantity.label_of(folder.task) {
                    data.add_label_share(label, &map, threshold);
                }
                let place = place(run, (map.width, map.height), size);
                data.add(&quantity.name, range, &map, place)
            });
            match read {
                Ok(()) => {
                    is_read = true;
                    break;
                }
                Err(error) => {
                    let path = map_path(&quantity.name, id, format.extension);
                    notes.push(format!("{path}: {}", said(&error)));
                }
            }
        }
        if !is_read && candidates.is_empty() {
            notes.push(format!("{}: no map", map_path(&quantity.name, id, "png")));
        }
    }
    data
}

/// Reads a map on the scale of the run, which pictures need.
pub(crate) fn read_map(
    run: &Run,
    file: &str,
    format: &Format,
    scale: Option<Scale>,
) -> io::Result<Map> {
    let scale = match (scale, format.steps) {
        (Some(scale), _) => scale,
        (None, None) => Scale::up_to(1.0),
        (None, Some(_)) => {
            let message = "run.json does not state its scale, or not in a known way";
            return Err(io::Error::new(io::ErrorKind::InvalidData, message));
        }
    };
    (format.decode)(&run.files.read_file(file)?, scale)
}

/// Returns the rectangle of the picture that a map covers: all of it, unless the network saw only a
/// part.
pub(crate) fn place(
    run: &Run,
    map: (usize, usize),
    (width, height): (usize, usize),
) -> Option<[f64; 4]> {
    let is_cropped = run.record.as_ref().is_some_and(RunRecord::is_cropped);
    let whole = [0.0, 0.0, width as f64, height as f64];
    (map == (width, height) || !is_cropped).then_some(whole)
}

/// Returns an error in a few words.
fn said(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "no such file".to_owned(),
        io::ErrorKind::UnexpectedEof => "it is truncated".to_owned(),
        _ => {
            let text = error.to_string();
            text.lines().next().unwrap_or_default().to_owned()
        }
    }
}
