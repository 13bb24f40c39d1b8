//! A figure of a prediction folder for a publication.
//!
//! [`write()`] draws chosen images of a run. If pixels are predicted, rows are images, and columns are the
//! image, its label, its prediction and its uncertainty, with a color bar below each column. If images
//! are predicted, each one is beside its most probable classes or its values.
//!
//! Lengths are millimeters on paper ([`sheet`](crate::output::sheet)). Values are read from the most
//! exact files of the run, and the images from where they were predicted.

mod cells;
mod color_bar;
mod columns;
mod footer;
mod grid;
mod panels;
mod rows;

use std::io;
use std::path::Path;

use crate::error::{Error, Result};
use crate::evaluate::PredictionFolder;
use crate::input::{hexadecimal, sha256_of};
use crate::output::folder::OutputFolder;
use crate::output::sheet::{POINT, SHEET_FORMATS, Sheet, SheetFormat};
use crate::report::{OpenLabels, PageLabels, ReportedRun};

/// Options of a figure.
pub struct Options<'a> {
    /// Folder of the images. Default: the one from which they were predicted.
    pub images: Option<&'a Path>,
    /// Labels, which become a column.
    pub labels: Option<&'a OpenLabels<'a>>,
    /// Names of the columns, from left to right. Default: the task chooses.
    pub columns: Option<&'a [String]>,
    /// The part of each image that is shown.
    pub crop: Option<Crop>,
    /// Width of the figure in millimeters.
    pub width: f64,
    /// Dots per inch: of a PNG, and the most that pictures have in other formats.
    pub dpi: f64,
    /// Texts beside the images.
    pub captions: Captions,
    /// Upper ends of the color scales.
    pub scale: FigureScale,
}

impl std::fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options").field("columns", &self.columns).finish_non_exhaustive()
    }
}

impl Default for Options<'_> {
    fn default() -> Self {
        Self {
            images: None,
            labels: None,
            columns: None,
            crop: None,
            width: 180.0,
            dpi: 300.0,
            captions: Captions::Name,
            scale: FigureScale::Fixed,
        }
    }
}

/// A rectangle of an image in pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Crop {
    /// First column.
    pub left: usize,
    /// First row.
    pub top: usize,
    /// Number of columns.
    pub width: usize,
    /// Number of rows.
    pub height: usize,
}

/// Texts beside the images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Captions {
    /// The name of the file without its ending.
    Name,
    /// The path below the folder of the images.
    Path,
    /// None.
    None,
}

/// Upper ends of the color scales of measures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FigureScale {
    /// Those of the run: the largest possible values, by which figures can be compared.
    Fixed,
    /// The 99.9 % quantiles of the values that the figure shows.
    Shown,
}

/// Sizes of text.
const HEADER_SIZE: f64 = 7.0 * POINT;
const LABEL_SIZE: f64 = 6.0 * POINT;
const SMALLEST_SIZE: f64 = 5.0 * POINT;

const INK: [u8; 3] = [26, 26, 26];
const GRAY: [u8; 3] = [95, 95, 100];
/// Color of pixels without a value.
const NOTHING: [u8; 3] = [200, 200, 204];

/// Distance of everything from the edges of the figure.
const MARGIN: f64 = 1.0;

/// A run with what is shown of it.
struct Source<'a> {
    run: &'a ReportedRun,
    folder: &'a PredictionFolder,
    labels: Option<&'a PageLabels>,
    options: &'a Options<'a>,
}

/// Draws images of a prediction folder and writes the figure to a file, whose ending is the format.
/// Returns remarks, one sentence each.
///
/// `images` are ids of the run, names of files or paths that end in an id.
///
/// # Errors
/// Fails if the folder is not a prediction folder, does not contain an image or a column, if an image, a
/// map or a label cannot be read, if the file is an image of the run, or if it cannot be written.
pub fn write(
    folder: &Path,
    images: &[String],
    output: &Path,
    options: &Options<'_>,
) -> Result<Vec<String>> {
    let format = format_of(output)?;
    if let Some(images) = options.images.filter(|images| !images.is_dir()) {
        let message = format!("{} is not a folder", images.display());
        return Err(Error::setting("images", message)
            .with_hint("name the folder that was given to predict"));
    }
    let mut run = ReportedRun::read(folder)?;
    let (ids, shapes) = rows::predicted(&run);
    let Some(prediction_folder) = run.folder.as_mut() else {
        let message =
            format!("{}: run.json does not state what was predicted", folder.display());
        return Err(Error::setting("OUT", message)
            .with_hint("name a folder that `mcdrop predict -o` wrote"));
    };
    // Labels are converted by the ids that occur in those of all images.
    (prediction_folder.ids, prediction_folder.shapes) = (ids, shapes);
    let Some(prediction_folder) = run.folder.as_ref() else { return Ok(Vec::new()) };
    let chosen = rows::choose(&run, images)?;
    refuse_image(&run, output)?;
    let labels =
        options.labels.map(|open| open(prediction_folder)).transpose()?.flatten();
    let source =
        Source { run: &run, folder: prediction_folder, labels: labels.as_ref(), options };
    let mut notes = Vec::new();
    let sheet = if prediction_folder.task.has_maps() {
        grid::draw(&source, &chosen, &mut notes)?
    } else {
        panels::draw(&source, &chosen, &mut notes)?
    };
    save(&sheet, format, output, options.dpi)?;
    Ok(notes)
}

/// Fails if the figure would replace an image of the run, which its bytes show under any name.
fn refuse_image(run: &ReportedRun, output: &Path) -> Result<()> {
    if !output.is_file() {
        return Ok(());
    }
    let hash = hexadecimal(&sha256_of(output)?);
    if run.rows.iter().any(|row| row.sha256.as_deref() == Some(&hash[..])) {
        let message = format!("{} is an image of the run", output.display());
        return Err(Error::setting("output", message).with_hint("choose another name"));
    }
    Ok(())
}

fn format_of(output: &Path) -> Result<&'static SheetFormat> {
    SheetFormat::of_file(output).ok_or_else(|| {
        let known: Vec<&str> =
            SHEET_FORMATS.iter().map(|format| format.extension).collect();
        let message = format!(
            "expected a file whose name ends in one of {}, found {}",
            known.join(", "),
            output.display()
        );
        Error::setting("output", message).with_hint("such as figure.pdf")
    })
}

fn save(sheet: &Sheet, format: &SheetFormat, output: &Path, dpi: f64) -> Result<()> {
    let (Some(parent), Some(name)) = (output.parent(), output.file_name()) else {
        let message = format!("expected a file name, found {}", output.display());
        return Err(Error::setting("output", message).with_hint("such as figure.pdf"));
    };
    let parent = if parent.as_os_str().is_empty() { ".".as_ref() } else { parent };
    let encoded = (format.encode)(sheet, dpi).map_err(|error| match error.kind() {
        io::ErrorKind::InvalidInput => Error::setting("dpi", error.to_string())
            .with_hint("choose a smaller number, or fewer images"),
        _ => Error::write(output, error),
    })?;
    OutputFolder::create(parent)?.write(&name.to_string_lossy(), &encoded)
}

/// Returns the width of a text in millimeters.
fn width_of(text: &str, size: f64) -> Result<f64> {
    crate::output::sheet::text_width(text, size)
        .map_err(|error| Error::runtime("measuring text", error.to_string()))
}
