//! The page a person looks at: one HTML file about a prediction folder, and the files behind it.
//!
//! [`write()`] reads what is in a folder, whole or not, and writes `report.html` and `report/`. What
//! is missing or damaged is said on the page. The page opens from disk, without a server and a
//! network: it may not read other files, so that values of maps come to it as scripts
//! ([`page::data`](crate::output::page::data)), one an image, when they are looked at.
//!
//! The template (`src/report/page/`) is checked when it is compiled; its style and its script are
//! part of the page. Names and paths reach the page as text of a template, which escapes them, or as
//! JSON, and never as HTML.

mod evaluation;
mod facts;
mod files;
mod folder;
mod maps;
mod page;
mod pictures;
mod rows;
mod truth;

use std::path::{Path, PathBuf};

use crate::error::{Error, Result};
use crate::evaluate::{LabelSource, PredictionFolder};
use crate::output::folder::OutputFolder;
use crate::output::page::{FOLDER, LABELS, OTHER, PAGE, PageFolder};

use folder::Run;

/// Opens labels for a folder, once it is known what it predicts.
pub type OpenLabels<'a> = dyn Fn(&PredictionFolder) -> Result<LabelSource> + Sync + 'a;

/// What goes into a page.
#[derive(Default)]
pub struct Options<'a> {
    /// Where the images are; where they were when they were predicted, if it is not said.
    pub images: Option<&'a Path>,
    /// The folder of another run that is shown beside this one.
    pub compare: Option<&'a Path>,
    /// Labels, for the view of what is right and wrong.
    pub labels: Option<&'a OpenLabels<'a>>,
    /// Threads that read and write pictures; 0 for one a core.
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

/// What was written.
#[derive(Debug)]
pub struct Written {
    /// The page.
    pub path: PathBuf,
    /// What is missing, a sentence each, as the page says it.
    pub notes: Vec<String>,
}

/// Writes the page of a folder, and the files behind it that are not there yet.
///
/// # Errors
/// If the folder is none of predictions, labels cannot be opened, or a file cannot be written.
/// What cannot be read is no error: the page says so.
pub fn write(folder: &Path, options: &Options<'_>) -> Result<Written> {
    if let Some(images) = options.images.filter(|images| !images.is_dir()) {
        let message = format!("{} is no folder", images.display());
        return Err(Error::setting("images", message)
            .with_hint("name the folder that was given to predict"));
    }
    let run = Run::read(folder)?;
    let output = OutputFolder::create(folder)?;
    // Of other labels, or of another run.
    output.clear_kind(&format!("{FOLDER}/{LABELS}"))?;
    output.clear_kind(OTHER)?;
    let mut shown = vec![files::prepare(run, PageFolder::own(&output), options)?];
    if let Some(other) = options.compare {
        let other = Run::read(other)?;
        let page_folder = PageFolder { output: &output, folder: OTHER };
        shown.push(files::prepare(other, page_folder, options)?);
    }
    let (html, notes) = page::render(&shown)?;
    output.write(PAGE, html.as_bytes())?;
    Ok(Written { path: folder.join(PAGE), notes })
}
