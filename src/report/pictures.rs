//! The pictures of an image: from its file, or else from what a run wrote.

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};

use super::folder::{Row, Run};
use crate::error::Result;
use crate::input::preprocessing::{Channels, Exif};
use crate::input::{ReadOptions, hexadecimal, read_image};
use crate::measure::PREDICTIVE_ENTROPY;
use crate::output::colormap::Ramp;
use crate::output::folder::{OutputFolder, map_path};
use crate::output::format::Format;
use crate::output::heat_map::HeatMap;
use crate::output::overlay::Photo;
use crate::output::page::{self, preview};

/// Endings of an image's pictures behind the page, where there are any.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pictures {
    pub(super) whole: Option<&'static str>,
    pub(super) small: Option<&'static str>,
}

/// Where files behind the page go.
pub(super) struct Target<'a> {
    pub(super) output: &'a OutputFolder,
    /// Behind `report/`: nothing, or `compare/`.
    pub(super) prefix: &'a str,
}

impl Target<'_> {
    /// The path of a file of one of the kinds of [`page`].
    pub(super) fn path(&self, kind: &str, id: &str, ending: &str) -> String {
        let kind = kind.strip_prefix(page::FOLDER).unwrap_or(kind);
        let kind = kind.trim_start_matches('/');
        page::path(&format!("{}/{}{kind}", page::FOLDER, self.prefix), id, ending)
    }

    fn holds(&self, kind: &str, id: &str) -> Option<&'static str> {
        let is_there = |ending: &&&str| self.output.holds(&self.path(kind, id, ending));
        ["png", "jpg"].iter().find(is_there).copied()
    }
}

/// The pictures of an image: those that are there, and else made now.
pub(super) fn prepare(
    run: &Run,
    row: &Row,
    target: &Target<'_>,
    images: Option<&Path>,
    notes: &mut Vec<String>,
) -> Result<Pictures> {
    let there = Pictures {
        whole: target.holds(page::PICTURES, &row.id),
        small: target.holds(page::THUMBNAILS, &row.id),
    };
    if let Pictures { whole: Some(_), small: Some(_) } = there {
        return Ok(there);
    }
    match original(run, row, images) {
        Ok(picture) => {
            let (width, height, rgb) = picture;
            let photo = Photo { width, height, rgb: &rgb };
            let whole = preview::picture_ending(width, height);
            let path = target.path(page::PICTURES, &row.id, whole);
            target.output.save(&path, preview::picture(photo))?;
            let small = preview::thumbnail_ending(width, height);
            let heat = heat(run, &row.id, (width, height));
            let heat = heat.as_ref().map(|(map, bound)| HeatMap {
                map,
                bound: *bound,
                ramp: Ramp::Linear,
            });
            let path = target.path(page::THUMBNAILS, &row.id, small);
            target.output.save(&path, preview::thumbnail(photo, heat.as_ref()))?;
            Ok(Pictures { whole: Some(whole), small: Some(small) })
        }
        Err(note) => {
            notes.push(note);
            Ok(Pictures { whole: None, small: of_overlay(run, row, target)? })
        }
    }
}

type Rgb = (usize, usize, Vec<u8>);

/// The image as it was decoded, if it is still the one that was predicted.
fn original(run: &Run, row: &Row, images: Option<&Path>) -> Result<Rgb, String> {
    let places: Vec<PathBuf> = match images {
        Some(folder) => vec![folder.join(&row.id)],
        None => roots(run, &row.id),
    };
    let Some(file) = places.iter().find(|place| place.is_file()) else {
        return Err("the image is not where it was".to_owned());
    };
    let mut options = ReadOptions::default();
    if run.setting("exif") == Some("ignore") {
        options.exif = Exif::Ignore;
    }
    if run.setting("channels") == Some("rgba") {
        options.channels = Channels::Rgba;
    }
    let decoded = read_image(file, &options).map_err(|error| error.to_string())?;
    if row.text(run.column("sha256")) != Some(&hexadecimal(&decoded.sha256)) {
        return Err(format!("{} has changed since", file.display()));
    }
    let picture = decoded.picture;
    let rgb = match picture.to_rgb8() {
        Cow::Borrowed(rgb) => rgb.to_vec(),
        Cow::Owned(rgb) => rgb,
    };
    Ok((picture.width, picture.height, rgb))
}

/// Where the image of an id may be.
fn roots(run: &Run, id: &str) -> Vec<PathBuf> {
    let place = |root: &serde_json::Value| {
        let skip = usize::try_from(root["skip"].as_u64()?).ok()?;
        Some(Path::new(root["folder"].as_str()?).join(id.get(skip..)?))
    };
    run.record["inputs"].as_array().into_iter().flatten().filter_map(place).collect()
}

/// The heat map over a small picture, at the image's size.
fn heat(run: &Run, id: &str, size: (usize, usize)) -> Option<(crate::tensor::Map, f32)> {
    let bound = (PREDICTIVE_ENTROPY.bound)(run.folder.as_ref()?.n_classes);
    let read = |format: &Format| {
        let file = run.path.join(map_path(PREDICTIVE_ENTROPY.name, id, format.extension));
        let map = (format.decode)(&fs::read(file).ok()?, bound).ok()?;
        ((map.width, map.height) == size).then_some(map)
    };
    let map = crate::output::format::FORMATS.iter().find_map(read)?;
    Some((map, bound))
}

/// A small picture of the overlay, where the image itself is not to be had.
fn of_overlay(run: &Run, row: &Row, target: &Target<'_>) -> Result<Option<&'static str>> {
    let file = run.path.join(map_path("overlay", &row.id, "png"));
    let Ok(decoded) = read_image(&file, &ReadOptions::default()) else { return Ok(None) };
    let picture = &decoded.picture;
    let rgb = &picture.to_rgb8();
    let photo = Photo { width: picture.width, height: picture.height, rgb };
    let small = preview::thumbnail_ending(photo.width, photo.height);
    let path = target.path(page::THUMBNAILS, &row.id, small);
    target.output.save(&path, preview::thumbnail(photo, None))?;
    Ok(Some(small))
}
