//! Files of the page: keeps those that the run wrote, and creates the others.

use std::collections::{HashMap, HashSet};
use std::time::SystemTime;

use rayon::iter::{
    IndexedParallelIterator as _, IntoParallelRefIterator as _, ParallelIterator as _,
};

use super::Options;
use super::folder::Run;
use super::map_scales;
use super::maps;
use super::pictures;
use super::truth::{self, LabeledImage, PageLabels, Truth};
use crate::error::{Error, Result};
use crate::evaluate::PredictionFolder;
use crate::output::heat_map::Scale;
use crate::output::page::data::{ImageData, MeasureData};
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
    /// Classes or labels on the image, with their shares in percent.
    pub(super) shares: Vec<(u16, f32)>,
    /// Range of nearly all values of each quantity for which the record has no scale.
    pub(super) ranges: HashMap<String, Scale>,
    /// Comparison with its labels.
    pub(super) truth: Truth,
    /// Descriptions of what is missing.
    notes: Vec<String>,
}

/// Largest number of images that a note names.
const MOST_NAMED: usize = 3;

/// One of this many values may lie beyond each end of a scale that is chosen from the images.
const MOST_BEYOND: usize = 1000;

/// The same for errors, a few of which are usually much larger than all others.
const MOST_LARGE_ERRORS: usize = 50;

/// Largest number of notes about images.
const MOST_KINDS: usize = 100;

/// Prepares every image and writes the files that do not exist yet.
pub(super) fn prepare(
    run: Run,
    page_folder: PageFolder<'_>,
    options: &Options<'_>,
) -> Result<Shown> {
    let labels = match (&run.folder, options.labels) {
        (Some(folder), Some(open)) => open(folder)?,
        _ => None,
    };
    let unscaled = map_scales::without_scale(&run);
    let pool = rayon::ThreadPoolBuilder::new().num_threads(options.threads).build();
    let pool =
        pool.map_err(|error| Error::runtime("starting threads", error.to_string()))?;
    let sources = Sources { options, labels: labels.as_ref(), unscaled: &unscaled };
    let of_row = |row: &ImageRecord| match row.error {
        Some(_) => Ok(Image::default()),
        None => prepare_image(&run, row, &page_folder, sources),
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

/// What the files of an image are prepared from.
#[derive(Clone, Copy)]
struct Sources<'a> {
    options: &'a Options<'a>,
    labels: Option<&'a PageLabels>,
    /// Names of the quantities for which the record has no scale.
    unscaled: &'a HashSet<String>,
}

fn prepare_image(
    run: &Run,
    row: &ImageRecord,
    page_folder: &PageFolder<'_>,
    Sources { options, labels, unscaled }: Sources<'_>,
) -> Result<Image> {
    let mut image = Image::default();
    image.pictures =
        pictures::prepare(run, row, page_folder, options.images, &mut image.notes)?;
    let Some(folder) = &run.folder else { return Ok(image) };
    if !folder.task.has_maps() {
        image.truth = match labels {
            Some(PageLabels::Classes(labels)) => truth::of_class(row, labels),
            Some(PageLabels::Values(labels)) => truth::of_values(run, row, labels),
            None => Truth::Unknown,
        };
        return Ok(image);
    }
    let data = &data(run, folder, row, page_folder, &mut image.notes)?;
    image.shares.clone_from(&data.shares);
    image.has_data = data.classes.is_some() || !data.measures.is_empty();
    image.add_ranges(
        data.measures.iter().filter(|one| unscaled.contains(&one.name)),
        MOST_BEYOND,
    );
    let labeled = LabeledImage { row, data, page_folder };
    match labels {
        Some(PageLabels::Classes(labels)) => {
            image.truth = truth::of_class_map(labeled, labels, &mut image.notes)?;
        }
        Some(PageLabels::Values(labels)) => {
            let (truth, compared) =
                truth::of_value_maps(run, labeled, labels, &mut image.notes)?;
            image.truth = truth;
            image.add_ranges(&compared.measures, MOST_LARGE_ERRORS);
        }
        None => {}
    }
    Ok(image)
}

impl Image {
    /// Adds the ranges of nearly all values of quantities: one of `most_beyond` may lie beyond each end.
    fn add_ranges<'a>(
        &mut self,
        of: impl IntoIterator<Item = &'a MeasureData>,
        most_beyond: usize,
    ) {
        for measure in of {
            let Ok(map) = measure.map() else { continue };
            let mut values = map.values;
            values.retain(|value| value.is_finite());
            let Some(last) = values.len().checked_sub(1) else { continue };
            let mut at =
                |rank: usize| *values.select_nth_unstable_by(rank, f32::total_cmp).1;
            let beyond = last / most_beyond;
            let range = Scale::new(at(beyond), at(last - beyond));
            self.ranges.insert(measure.name.clone(), range);
        }
    }
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
