//! Files of the page: keeps those that the run wrote, and creates the others.

use std::time::SystemTime;

use rayon::iter::{
    IndexedParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _,
};

use super::Options;
use super::folder::Run;
use super::maps;
use super::pictures;
use super::truth::{self, Truth};
use crate::error::{Error, Result};
use crate::evaluate::{LabelSource, PredictionFolder};
use crate::output::page::data::ImageData;
use crate::output::page::{DATA, FOLDER, PageFolder, Pictures};
use crate::record::ImageRecord;

/// A run and its images, as the page shows them.
#[derive(Debug)]
pub(super) struct Shown {
    pub(super) run: Run,
    /// Folder of its files: [`FOLDER`], or [`OTHER`](crate::output::page::OTHER).
    pub(super) page_folder: &'static str,
    /// One image per row.
    pub(super) images: Vec<Image>,
    /// Whether there are labels.
    pub(super) has_labels: bool,
    /// Descriptions of what is missing, one sentence each.
    pub(super) notes: Vec<String>,
}

impl Shown {
    /// Returns the name of the run's folder.
    pub(super) fn name(&self) -> String {
        let path = &self.run.path;
        path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
    }
}

/// An image, as the page shows it.
#[derive(Debug, Default)]
pub(super) struct Image {
    pub(super) pictures: Pictures,
    /// Whether there is a script with its values.
    pub(super) has_data: bool,
    /// Classes on the image, with their shares in percent.
    pub(super) shares: Vec<(u16, f32)>,
    /// Comparison with its labels.
    pub(super) truth: Truth,
    /// Descriptions of what is missing.
    notes: Vec<String>,
}

/// Largest number of images that a note names.
const MOST_NAMED: usize = 3;

/// Largest number of notes about images.
const MOST_KINDS: usize = 100;

/// Prepares every image and writes the files that do not exist yet.
pub(super) fn prepare(
    run: Run,
    page_folder: PageFolder<'_>,
    options: &Options<'_>,
) -> Result<Shown> {
    let labels = match (&run.folder, options.labels) {
        (Some(folder), Some(open)) => Some(open(folder)?),
        _ => None,
    };
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads).build();
    let pool =
        pool.map_err(|error| Error::runtime("starting threads", error.to_string()))?;
    let of_row = |row: &ImageRecord| match row.error {
        Some(_) => Ok(Image::default()),
        None => prepare_image(&run, row, &page_folder, options, labels.as_ref()),
    };
    let images: Result<Vec<Image>> =
        pool.install(|| run.rows.par_iter().with_min_len(1).map(of_row).collect());
    let images = images?;
    let mut notes: Vec<String> = match page_folder.folder {
        FOLDER => run.notes.clone(),
        _ => run
            .notes
            .iter()
            .map(|note| format!("{}: {note}", run.path.display()))
            .collect(),
    };
    notes.extend(summed_up(&run, &images));
    Ok(Shown {
        has_labels: labels.is_some(),
        run,
        page_folder: page_folder.folder,
        images,
        notes,
    })
}

fn prepare_image(
    run: &Run,
    row: &ImageRecord,
    page_folder: &PageFolder<'_>,
    options: &Options<'_>,
    labels: Option<&LabelSource>,
) -> Result<Image> {
    let mut image = Image::default();
    image.pictures =
        pictures::prepare(run, row, page_folder, options.images, &mut image.notes)?;
    let Some(folder) = &run.folder else { return Ok(image) };
    if !folder.task.has_maps() {
        image.truth = truth::of_class(row, labels);
        return Ok(image);
    }
    let data = data(run, folder, row, page_folder, &mut image.notes)?;
    image.shares.clone_from(&data.shares);
    image.has_data = data.classes.is_some() || !data.measures.is_empty();
    if let Some(labels) = labels {
        image.truth = truth::of_map(&data, labels, row, page_folder, &mut image.notes)?;
    }
    Ok(image)
}

/// Returns the values of an image's maps: those written while predicting, or those in the files of
/// maps.
fn data(
    run: &Run,
    folder: &PredictionFolder,
    row: &ImageRecord,
    page_folder: &PageFolder<'_>,
    notes: &mut Vec<String>,
) -> Result<ImageData> {
    let written = PageFolder::own(&run.files).path(DATA, &row.path, "js");
    if let Ok(Some(script)) = run.files.read(&written)
        && let Ok(data) = ImageData::decode(&script)
        && data.id == row.path
        && (data.predicting || is_fresh(run, &written, &row.path))
    {
        if page_folder.folder != FOLDER {
            page_folder.save(DATA, &row.path, "js", Ok(script))?;
        }
        return Ok(data);
    }
    let side = |side: Option<u32>| side.unwrap_or(0) as usize;
    let size = (side(row.width), side(row.height));
    let data = maps::read(run, folder, &row.path, size, notes);
    if data.classes.is_some() || !data.measures.is_empty() {
        page_folder.save(DATA, &row.path, "js", data.encode())?;
    }
    Ok(data)
}

/// Returns `true` if a file of the page is newer than the files from which it was made.
fn is_fresh(run: &Run, file: &str, id: &str) -> bool {
    let Some(made) = run.files.modified(file) else { return false };
    let sources = maps::sources(run, id);
    let newest = sources.iter().filter_map(|path| run.files.modified(path)).max();
    newest.unwrap_or(SystemTime::UNIX_EPOCH) < made
}

/// Returns one note per kind of problem of the images.
fn summed_up(run: &Run, images: &[Image]) -> Vec<String> {
    let mut kinds: Vec<(String, Vec<&str>)> = Vec::new();
    for (row, image) in run.rows.iter().zip(images) {
        for note in &image.notes {
            // Most notes differ between images only in the name.
            let kind = note.replace(&row.path, "…");
            match kinds.iter().position(|(known, _)| *known == kind) {
                Some(place) => kinds[place].1.push(&row.path),
                None if kinds.len() < MOST_KINDS => kinds.push((kind, vec![&row.path])),
                None => {}
            }
        }
    }
    let sentence = |(kind, ids): (String, Vec<&str>)| {
        let named = ids[..ids.len().min(MOST_NAMED)].join(", ");
        let more = ids.len().saturating_sub(MOST_NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        format!("{kind} ({named}{more}).")
    };
    kinds.into_iter().map(sentence).collect()
}
