//! The page of a prediction folder: one HTML file, and the files that it loads.
//!
//! [`write()`] reads a folder, complete or not, and writes `report.html` and `report/`. The page
//! lists what is missing or damaged. It opens from disk, without a server or a network. A page on
//! disk must not read other files, so the values of maps are scripts
//! ([`page::data`](crate::output::page::data)), one per image, which are loaded when they are shown.
//!
//! The template (`src/report/page/`) is checked at compile time, and its style and script are part
//! of the page. Names and paths are inserted by the template, which escapes them, or as JSON, and
//! never as HTML.

mod evaluation;
mod facts;
mod files;
mod folder;
mod map_scales;
mod maps;
mod metric_texts;
mod page;
mod pictures;
mod quantities;
mod rows;
mod truth;

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::evaluate::PredictionFolder;
use crate::output::folder::OutputFolder;
use crate::output::page::{FOLDER, LABELS, OTHER, PAGE, PageFolder};
use crate::task::ModelTask;

use folder::Run;

pub(crate) use folder::Run as ReportedRun;
pub(crate) use map_scales::scale as scale_of_run;
pub(crate) use maps::{candidates as map_files, place as map_place, read_map};
pub(crate) use pictures::original as original_image;
pub use truth::PageLabels;
pub(crate) use truth::{ERROR, LABEL};

/// Opens the labels of a folder, whose task and classes are known; `None` if it has none.
pub type OpenLabels<'a> =
    dyn Fn(&PredictionFolder) -> Result<Option<PageLabels>> + Sync + 'a;

/// Options of a page.
#[derive(Default)]
pub struct Options<'a> {
    /// Folder of the images. Default: the one from which they were predicted.
    pub images: Option<&'a Path>,
    /// Folder of another run, which is shown beside this one.
    pub compare: Option<&'a Path>,
    /// Labels, which show right and wrong predictions, or errors of values.
    pub labels: Option<&'a OpenLabels<'a>>,
    /// Number of threads that read and write pictures; 0 for one per core.
    pub threads: usize,
}

impl std::fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("images", &self.images)
            .field("compare", &self.compare)
            .finish_non_exhaustive()
    }
}

/// A page that was written.
#[derive(Debug)]
pub struct Written {
    /// Path of the page.
    pub path: PathBuf,
    /// Descriptions of what is missing, one sentence each, as on the page.
    pub notes: Vec<String>,
}

/// Writes the page of a folder, and the files of the page that do not exist yet.
///
/// # Errors
/// Fails if the folder is not a prediction folder, if labels cannot be opened, if the other folder
/// predicts something else, or if a file cannot be written. Files that cannot be read are not an error; the page lists them.
pub fn write(folder: &Path, options: &Options<'_>) -> Result<Written> {
    if let Some(images) = options.images.filter(|images| !images.is_dir()) {
        let message = format!("{} is not a folder", images.display());
        return Err(Error::setting("images", message)
            .with_hint("name the folder that was given to predict"));
    }
    let run = Run::read(folder)?;
    let output = OutputFolder::create(folder)?;
    // These may belong to other labels or to another run.
    output.clear_kind(&format!("{FOLDER}/{LABELS}"))?;
    output.clear_kind(OTHER)?;
    let mut shown = vec![files::prepare(run, PageFolder::own(&output), options)?];
    if let Some(other) = options.compare {
        let other = Run::read(other)?;
        check_alike(&shown[0].run, &other)?;
        let page_folder = PageFolder { output: &output, folder: OTHER };
        shown.push(files::prepare(other, page_folder, options)?);
    }
    let (html, notes) = page::render(&shown)?;
    output.write(PAGE, html.as_bytes())?;
    Ok(Written { path: folder.join(PAGE), notes })
}

/// Checks that two runs predict the same, as far as that is known.
fn check_alike(run: &Run, other: &Run) -> Result<()> {
    let recorded = |run: &'_ Run| run.folder.as_ref().and(run.task.clone());
    let (Some(ours), Some(theirs)) = (&recorded(run), &recorded(other)) else {
        return Ok(());
    };
    let describe = |task: &ModelTask| {
        let names = match task.channels.len() {
            0 => String::new(),
            1..=MOST_NAMED => format!(" of {}", task.channels.join(", ")),
            n => format!(" of {n} labels or targets"),
        };
        let unit = match task.target.unit.as_str() {
            "" => String::new(),
            unit => format!(" in {unit}"),
        };
        let item = task.task.item.plural();
        format!("{} of {item}{names}{unit}", task.task.name)
    };
    if ours.task == theirs.task
        && ours.channels == theirs.channels
        && ours.target.unit == theirs.target.unit
    {
        return Ok(());
    }
    let message = format!(
        "{}: expected {}, found {}",
        other.path.display(),
        describe(ours),
        describe(theirs)
    );
    Err(Error::setting("compare", message)
        .with_hint("compare runs of the same task, labels and targets"))
}

/// Largest number of labels or targets that an error names.
const MOST_NAMED: usize = 5;
