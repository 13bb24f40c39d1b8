//! `mcdrop report`: writes the page of a folder of predictions.

use std::path::{Path, PathBuf};

use clap::Args;

use super::labels::LabelArguments;
use super::value_labels::ValueLabelArguments;
use super::{End, names, terminal};
use crate::error::{Error, Result};
use crate::evaluate::{PredictionFolder, ValueLabels, labels_of};
use crate::report::{self, Options, PageLabels};
use crate::sampling::SamplingOptions;
use crate::task::Target;

const EXAMPLES: &str = "\
Examples:
  mcdrop predict model.onnx images -o out --report
  mcdrop report out                      # again, after evaluate
  mcdrop report out --labels labels/     # also right and wrong predictions
  mcdrop report out-depth --labels depth/ --label-scale 0.00390625  # errors
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
    #[command(flatten)]
    values: ValueLabelArguments,
}

pub(super) fn run(arguments: &ReportArguments) -> Result<End> {
    let labels = RunLabels::new(
        &arguments.folder,
        arguments.labels.as_deref(),
        &arguments.label,
        &arguments.values,
        arguments.threads,
    );
    let open = labels.opener();
    let options = Options {
        images: arguments.images.as_deref(),
        compare: arguments.compare.as_deref(),
        labels: Some(&open),
        threads: labels.threads,
    };
    write(&arguments.folder, &options)
}

/// The labels of a run: those that the user names, or those of the last evaluation.
pub(super) struct RunLabels<'a> {
    typed: Option<PageLabelSource<'a>>,
    recorded: Option<(PathBuf, LabelArguments)>,
    recorded_values: ValueLabelArguments,
    /// Number of threads that read labels.
    pub(super) threads: usize,
}

impl<'a> RunLabels<'a> {
    pub(super) fn new(
        folder: &Path,
        typed: Option<&'a Path>,
        label: &'a LabelArguments,
        values: &'a ValueLabelArguments,
        threads: Option<u32>,
    ) -> Self {
        let recorded = labels_of(folder);
        let recorded_values = recorded
            .as_ref()
            .map(|record| ValueLabelArguments::recorded(&record.options))
            .unwrap_or_default();
        let threads =
            threads.map_or_else(|| SamplingOptions::default().threads, |n| n as usize);
        Self {
            typed: typed.map(|path| PageLabelSource { path, label, values, threads }),
            recorded: recorded
                .and_then(|record| LabelArguments::recorded(record, folder)),
            recorded_values,
            threads,
        }
    }

    /// Returns the function that opens the labels of the folder.
    pub(super) fn opener(
        &self,
    ) -> impl Fn(&PredictionFolder) -> Result<Option<PageLabels>> + Sync {
        |folder: &PredictionFolder| match (&self.typed, &self.recorded) {
            (Some(typed), _) => typed.open(folder, true),
            (None, Some((path, label))) => {
                let (values, threads) = (&self.recorded_values, self.threads);
                PageLabelSource { path, label, values, threads }.open(folder, false)
            }
            (None, None) => Ok(None),
        }
    }
}

/// The labels that are shown.
#[derive(Clone, Copy)]
struct PageLabelSource<'a> {
    path: &'a Path,
    label: &'a LabelArguments,
    values: &'a ValueLabelArguments,
    threads: usize,
}

impl PageLabelSource<'_> {
    /// Opens the labels. Those of the last evaluation are left out if the page cannot show them.
    fn open(
        &self,
        folder: &PredictionFolder,
        is_typed: bool,
    ) -> Result<Option<PageLabels>> {
        match folder.task.target {
            Target::Labels if !is_typed => Ok(None),
            Target::Labels => {
                let message = "applies to classes and values, but labels were predicted";
                Err(Error::setting("--labels", message).with_hint("leave it out"))
            }
            Target::Class => {
                refuse(
                    &self.values.typed(),
                    "applies to values, but classes were predicted",
                )?;
                let source = self.label.open(self.path, folder, self.threads)?;
                Ok(Some(PageLabels::Classes(source)))
            }
            Target::Value => {
                let of_maps = self.label.of_class_maps();
                refuse(&of_maps, "applies to classes, but values were predicted")?;
                let options = self.values.options(self.label.rename()?)?;
                let labels = ValueLabels::open(self.path, folder, options)?;
                for note in labels.notes() {
                    terminal::note(note);
                }
                Ok(Some(PageLabels::Values(labels)))
            }
        }
    }
}

fn refuse(options: &[(&str, bool)], message: &str) -> Result<()> {
    match options.iter().find(|(_, is_typed)| *is_typed) {
        Some((option, _)) => {
            Err(Error::setting(*option, message).with_hint("leave it out"))
        }
        None => Ok(()),
    }
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
