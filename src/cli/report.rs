//! `mcdrop report`: writes the page of a folder of predictions.

use std::path::{Path, PathBuf};

use clap::Args;

use super::labels::LabelArguments;
use super::{End, names, terminal};
use crate::error::Result;
use crate::evaluate::{PredictionFolder, labels_of};
use crate::report::{self, OpenLabels, Options};
use crate::sampling::SamplingOptions;

const EXAMPLES: &str = "\
Examples:
  mcdrop predict model.onnx images -o out --report
  mcdrop report out                      # again, after evaluate
  mcdrop report out --labels labels/     # also right and wrong predictions
  mcdrop report out --compare out-other  # two runs side by side

Writes OUT/report.html, which opens from disk, and its pictures and values
into OUT/report/.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct ReportArguments {
    /// Folder written by mcdrop predict.
    #[arg(value_name = "OUT")]
    folder: PathBuf,
    /// Another folder of predictions, to be shown beside the first.
    #[arg(long, value_name = "OUT")]
    compare: Option<PathBuf>,
    /// Labels, as for evaluate [default: those of the last evaluate, if they exist].
    #[arg(long, value_name = "FOLDER|FILE")]
    labels: Option<PathBuf>,
    /// New folder of the images, if they were moved.
    #[arg(long, value_name = "FOLDER")]
    images: Option<PathBuf>,
    /// Number of threads [default: one per core].
    #[arg(long, value_name = "N", value_parser = names::from_1_to::<1024, u32>, hide_short_help = true)]
    threads: Option<u32>,
    #[command(flatten)]
    label: LabelArguments,
}

pub(super) fn run(arguments: &ReportArguments) -> Result<End> {
    let recorded = labels_of(&arguments.folder)
        .and_then(|record| LabelArguments::recorded(record, &arguments.folder));
    let labels = match (&arguments.labels, &recorded) {
        (Some(labels), _) => Some((labels, &arguments.label)),
        (None, Some((labels, options))) => Some((labels, options)),
        (None, None) => None,
    };
    let threads = arguments
        .threads
        .map_or_else(|| SamplingOptions::default().threads, |n| n as usize);
    let open = labels.map(|(labels, options)| {
        move |folder: &PredictionFolder| options.open(labels, folder, threads)
    });
    let options = Options {
        images: arguments.images.as_deref(),
        compare: arguments.compare.as_deref(),
        labels: open.as_ref().map(|open| open as &OpenLabels<'_>),
        threads,
    };
    write(&arguments.folder, &options)
}

/// Writes the page and prints what is missing on it.
pub(super) fn write(folder: &Path, options: &Options<'_>) -> Result<End> {
    let written = report::write(folder, options)?;
    for note in &written.notes {
        terminal::warning(&note.trim_end_matches('.'));
    }
    terminal::note(&format!("open {}", written.path.display()));
    Ok(End::Done)
}
