//! Reads the values of an image's maps from the most exact files.

use super::folder::Run;
use crate::evaluate::PredictionFolder;
use crate::measure::{MEASURES, Measure};
use crate::output::class_map;
use crate::output::folder::map_path;
use crate::output::format::{FORMATS, Format};
use crate::output::heat_map::Scale;
use crate::output::page::data::{HIGHEST, ImageData};
use crate::record::RunRecord;

/// Returns the measures that may have maps according to the record.
pub(super) fn measures(run: &Run) -> Vec<&'static Measure> {
    let Some(output) = run.record.as_ref().map(|record| &record.output) else {
        return Vec::new();
    };
    let is_in = |list: &[String], name: &str| list.iter().any(|known| known == name);
    let kept = output.keep_probabilities.is_some();
    let is_there = |measure: &&Measure| {
        is_in(&output.maps, measure.name)
            || (kept && is_in(&output.measures, measure.name))
    };
    MEASURES.iter().filter(is_there).collect()
}

/// Returns the existing files of a measure's map of an image, the most exact one first, with their
/// paths in the folder of the run.
fn candidates(run: &Run, measure: &Measure, id: &str) -> Vec<(&'static Format, String)> {
    let mut formats: Vec<&'static Format> = FORMATS.iter().collect();
    let exactness = |format: &&Format| format.steps.map_or(u32::MAX, u32::from);
    formats.sort_by_key(|format| std::cmp::Reverse(exactness(format)));
    let file =
        |format: &'static Format| (format, map_path(measure.name, id, format.extension));
    let is_there = |(_, file): &(_, String)| run.files.has_file(file);
    formats.into_iter().map(file).filter(is_there).collect()
}

/// Returns the files from which the values of an image are read, as paths in the folder of the run.
pub(super) fn sources(run: &Run, id: &str) -> Vec<String> {
    let of_measures = measures(run).into_iter().flat_map(|m| candidates(run, m, id));
    let classes = map_path("prediction", id, "png");
    of_measures.map(|(_, file)| file).chain([classes]).collect()
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
    if folder.record.output.prediction {
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
    for measure in measures(run) {
        let bound = measure.upper_bound(folder.n_classes);
        let mut is_read = false;
        let candidates = candidates(run, measure, id);
        for (format, file) in &candidates {
            let read = run
                .files
                .read_file(file)
                .and_then(|bytes| (format.decode)(&bytes, Scale::up_to(bound)))
                .and_then(|map| {
                    let steps = format.steps.unwrap_or(HIGHEST);
                    let place = place(run, (map.width, map.height), size);
                    data.add(measure.name, (bound, steps), &map, place)
                });
            match read {
                Ok(()) => {
                    is_read = true;
                    break;
                }
                Err(error) => {
                    let path = map_path(measure.name, id, format.extension);
                    notes.push(format!("{path}: {}", said(&error)));
                }
            }
        }
        if !is_read && candidates.is_empty() {
            notes.push(format!("{}: no map", map_path(measure.name, id, "png")));
        }
    }
    data
}

/// Returns the rectangle of the picture that a map covers: all of it, unless the network saw only a
/// part.
pub(super) fn place(
    run: &Run,
    map: (usize, usize),
    (width, height): (usize, usize),
) -> Option<[f64; 4]> {
    let is_cropped = run.record.as_ref().is_some_and(RunRecord::is_cropped);
    let whole = [0.0, 0.0, width as f64, height as f64];
    (map == (width, height) || !is_cropped).then_some(whole)
}

/// Returns an error in a few words.
fn said(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "no such file".to_owned(),
        std::io::ErrorKind::UnexpectedEof => "it is truncated".to_owned(),
        _ => {
            let text = error.to_string();
            text.lines().next().unwrap_or_default().to_owned()
        }
    }
}
