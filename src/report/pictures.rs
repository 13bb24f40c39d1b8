//! Pictures of an image, made from its file, or else from the files of the run.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use super::folder::Run;
use super::{map_scales, maps};
use crate::error::Result;
use crate::input::preprocessing::{Channels, Exif};
use crate::input::{
    Picture, ReadOptions, decode_content, hexadecimal, read_image, split_frame,
};
use crate::output::folder::map_path;
use crate::output::format::{FORMATS, Format};
use crate::output::heat_map::Scale;
use crate::output::overlay::Photo;
use crate::output::page::preview::Heat;
use crate::output::page::{PageFolder, Pictures};
use crate::output::resample::Placement;
use crate::record::ImageRecord;
use crate::tensor::Map;

/// Returns the pictures of an image, and creates them if they do not exist.
pub(super) fn prepare(
    run: &Run,
    row: &ImageRecord,
    page_folder: &PageFolder<'_>,
    images: Option<&Path>,
    notes: &mut Vec<String>,
) -> Result<Pictures> {
    let there = page_folder.pictures(&row.path);
    if there.whole.and(there.small).is_some() {
        return Ok(there);
    }
    match original(run, row, images) {
        Ok(picture) => {
            let rgb = &picture.to_rgb8();
            let photo = Photo { width: picture.width, height: picture.height, rgb };
            let heat = heat(run, &row.path, (picture.width, picture.height));
            let heat = heat.as_ref().map(|(map, placement, scale)| Heat {
                map,
                placement: *placement,
                scale: *scale,
            });
            page_folder.save_pictures(&row.path, photo, heat.as_ref())
        }
        Err(note) => {
            notes.push(note);
            Ok(Pictures { whole: None, small: of_overlay(run, row, page_folder)? })
        }
    }
}

/// Decodes the image, if it has not changed since it was predicted.
pub(crate) fn original(
    run: &Run,
    row: &ImageRecord,
    images: Option<&Path>,
) -> Result<Picture, String> {
    let places: Vec<PathBuf> = match images {
        Some(folder) => vec![folder.join(&row.path)],
        None => roots(run, &row.path),
    };
    let mut options = ReadOptions::default();
    if run.setting("exif") == Some("ignore") {
        options.exif = Exif::Ignore;
    }
    let channels = run.setting("channels").and_then(|channels| channels.parse().ok());
    options.channels = match channels {
        Some(channels @ (Channels::Rgba | Channels::Bands(_))) => channels,
        _ => Channels::Rgb,
    };
    options.bands = run.setting("bands").and_then(|bands| bands.parse().ok());
    let mut why = "the image is not where it was".to_owned();
    for place in &places {
        let (file, frame) = &file_of(place);
        options.frame = frame.map(NonZeroU32::get);
        if !file.is_file() {
            continue;
        }
        match read_image(file, &options) {
            Ok(image) if row.sha256 == Some(hexadecimal(&image.sha256)) => {
                return Ok(image.picture);
            }
            Ok(_) => why = format!("{} has changed since", file.display()),
            Err(error) => why = error.to_string(),
        }
    }
    Err(why)
}

/// Returns the files that may be the image with this id.
fn roots(run: &Run, id: &str) -> Vec<PathBuf> {
    let inputs = run.record.iter().flat_map(|record| &record.inputs);
    inputs.filter_map(|folder| folder.path(&run.path, id)).collect()
}

/// Returns the file of an image, and the number of its frame if the image is one.
fn file_of(place: &Path) -> (PathBuf, Option<NonZeroU32>) {
    let name = place.file_name().and_then(|name| name.to_str());
    match name.map(split_frame) {
        Some((name, frame @ Some(_))) if !place.is_file() => {
            (place.with_file_name(name), frame)
        }
        _ => (place.to_owned(), None),
    }
}

/// Returns the map of a thumbnail, its placement and its scale.
fn heat(run: &Run, id: &str, size: (usize, usize)) -> Option<(Map, Placement, Scale)> {
    let overview = run.task.as_ref()?.overview();
    let scale = map_scales::scale(run, &overview)?;
    let read = |format: &Format| {
        let file = map_path(&overview.name, id, format.extension);
        let map = maps::read_map(run, &file, format, Some(scale)).ok()?;
        maps::place(run, (map.width, map.height), size)?;
        Some(map)
    };
    let map = FORMATS.iter().find_map(read)?;
    let (x, y) = (map.width as f64 / size.0 as f64, map.height as f64 / size.1 as f64);
    Some((map, Placement::IDENTITY.of_smaller((x, y)), scale))
}

/// Makes a thumbnail from the overlay, for an image that is not available.
fn of_overlay(
    run: &Run,
    row: &ImageRecord,
    page_folder: &PageFolder<'_>,
) -> Result<Option<&'static str>> {
    let overlay = map_path("overlay", &row.path, "png");
    let Ok(content) = run.files.read_file(&overlay) else { return Ok(None) };
    let file = run.path.join(&overlay);
    let picture = decode_content(&content, &file, &ReadOptions::default());
    let Ok(picture) = picture else { return Ok(None) };
    let rgb = &picture.to_rgb8();
    let photo = Photo { width: picture.width, height: picture.height, rgb };
    page_folder.save_small(&row.path, photo, None).map(Some)
}
