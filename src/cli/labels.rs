//! Options that describe labels.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use clap::{Args, Command, Id};

use super::terminal;
use crate::error::{Error, Result};
use crate::evaluate::{
    EvaluationEvent, IdOptions, LabelOptions, LabelRename, LabelSource, LeftOut,
    MultiLabelOptions, MultiLabelSource, PredictionFolder,
};
use crate::input::label::{LabelColors, VOID};
use crate::input::preprocessing::text_file;
use crate::palette::{KnownPalette, Palette};
use crate::record::{LabelOptionsRecord, LabelsRecord, path_of_record, recorded_path};
use crate::task::Target;

#[derive(Debug, Args)]
#[command(next_help_heading = "Labels")]
pub(super) struct LabelArguments {
    /// Regular expression for the path of an image without extension, and the path of its label.
    #[arg(long = "match", value_names = ["PATTERN", "NAME"], num_args = 2)]
    rename: Option<Vec<String>>,
    /// Ids in label maps that mean "no label" [default: 255, unless it is a class].
    #[arg(long, value_name = "N,N", value_delimiter = ',')]
    ignore_index: Option<Vec<u32>>,
    /// Treat id 0 as "no label" and subtract 1 from every other id (ADE20K) [default: as in the
    /// model's configuration].
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true", require_equals = true, hide_short_help = true)]
    reduce_zero_label: Option<bool>,
    /// Colors of the classes, if label maps contain colors: cityscapes, camvid, voc, ade20k,
    /// mapillary, or a file with a color a line; void COLOR is a color without a label.
    #[arg(long, value_name = "NAME|FILE", hide_short_help = true)]
    label_colors: Option<String>,
}

/// Returns the names of these options.
pub(super) fn options() -> BTreeSet<Id> {
    let all = LabelArguments::augment_args(Command::new(""));
    all.get_arguments().map(|argument| argument.get_id().clone()).collect()
}

impl LabelArguments {
    /// Returns the path of the labels and their options, for metrics.json in the folder `out`.
    pub(super) fn record(
        &self,
        labels: Option<&Path>,
        out: &Path,
    ) -> Option<LabelsRecord> {
        // A name that is not Unicode cannot be recorded.
        let path = recorded_path(Path::new(labels?.to_str()?), out);
        let is_file = |name: &&String| Path::new(name).is_file();
        let file = self.label_colors.as_ref().filter(is_file);
        let file = file.map(|file| recorded_path(Path::new(file), out));
        let options = LabelOptionsRecord {
            rename: self.rename.clone(),
            ignore_index: self.ignore_index.clone(),
            reduce_zero_label: self.reduce_zero_label,
            label_colors: file.or_else(|| self.label_colors.clone()),
            ..LabelOptionsRecord::default()
        };
        Some(LabelsRecord { path, options })
    }

    /// Returns the path and the options of a record in the folder `out`, if the labels still exist.
    pub(super) fn recorded(record: LabelsRecord, out: &Path) -> Option<(PathBuf, Self)> {
        let LabelsRecord { path, mut options } = record;
        let path = path_of_record(&path, out);
        // The name of a palette stays one, unless a file was recorded.
        let colors = options.label_colors.as_ref();
        let file = colors.map(|colors| path_of_record(colors, out));
        if let Some(file) = file.filter(|file| file.is_file()) {
            options.label_colors = file.into_os_string().into_string().ok();
        }
        let arguments = Self {
            rename: options.rename,
            ignore_index: options.ignore_index,
            reduce_zero_label: options.reduce_zero_label,
            label_colors: options.label_colors,
        };
        path.exists().then_some((path, arguments))
    }

    /// Returns the options that describe maps of classes, and whether each is used.
    pub(super) fn of_class_maps(&self) -> [(&'static str, bool); 3] {
        [
            ("--ignore-index", self.ignore_index.is_some()),
            ("--reduce-zero-label", self.reduce_zero_label.is_some()),
            ("--label-colors", self.label_colors.is_some()),
        ]
    }

    /// Opens the labels of the images of a folder.
    pub(super) fn open(
        &self,
        labels: &Path,
        folder: &PredictionFolder,
        threads: usize,
    ) -> Result<LabelSource> {
        folder.require(Target::Class)?;
        let typed = self
            .of_class_maps()
            .into_iter()
            .find(|(_, is_typed)| *is_typed && !folder.task.has_maps());
        if let Some((option, _)) = typed {
            let message = "applies to label maps, but this is a classification";
            return Err(Error::setting(option, message).with_hint("leave it out"));
        }
        if self.reduce_zero_label.is_none()
            && folder.record.reduces_zero_label() == Some(true)
        {
            terminal::note(&format!(
                "id 0 of the label maps means \"no label\" and other ids are reduced by 1, as in {}",
                folder
                    .record
                    .preprocessing_origin("reduce_zero_label")
                    .unwrap_or_default()
            ));
        }
        let source = LabelSource::open(labels, folder, self.options(folder, threads)?)?;
        for note in source.notes() {
            terminal::note(note);
        }
        Ok(source)
    }

    /// Opens the truth of labels of which any number holds.
    pub(super) fn open_multi_labels(
        &self,
        labels: &Path,
        folder: &PredictionFolder,
        threads: usize,
    ) -> Result<MultiLabelSource> {
        let of_maps = self.of_class_maps().into_iter();
        let typed = of_maps.filter(|(_, is_typed)| *is_typed).find(|(option, _)| {
            // Masks may have an id for unknown pixels.
            *option != "--ignore-index" || !folder.task.has_maps()
        });
        if let Some((option, _)) = typed {
            let message = "applies to maps of classes, but labels were predicted";
            return Err(Error::setting(option, message).with_hint("leave it out"));
        }
        let options = MultiLabelOptions {
            rename: self.rename()?,
            ignored: self.ignore_index.clone(),
            threads,
        };
        let source = MultiLabelSource::open(labels, folder, options)?;
        for note in source.notes() {
            terminal::note(note);
        }
        Ok(source)
    }

    /// Returns the options of the source of labels of a folder.
    fn options(&self, folder: &PredictionFolder, threads: usize) -> Result<LabelOptions> {
        Ok(LabelOptions {
            rename: self.rename()?,
            ids: IdOptions {
                ignored: self.ignore_index.clone(),
                reduce_zero: self
                    .reduce_zero_label
                    .or(folder.record.reduces_zero_label()),
            },
            colors: self.colors(folder.n_classes)?,
            threads,
        })
    }

    /// Opens the maps of out-of-distribution pixels.
    pub(super) fn open_masks(
        &self,
        masks: &Path,
        index: u16,
        folder: &PredictionFolder,
        threads: usize,
    ) -> Result<LabelSource> {
        if !folder.task.has_maps() {
            let message = "applies to pixels, but this is a classification";
            return Err(Error::setting("--ood-masks", message)
                .with_hint("use predictions of out-of-distribution images: --ood OUT"));
        }
        let options =
            LabelOptions { rename: self.rename()?, threads, ..LabelOptions::default() };
        let source = LabelSource::open_masks(masks, index, folder, options)?;
        for note in source.notes() {
            terminal::note(note);
        }
        Ok(source)
    }

    /// Returns the rule that derives names of labels from names of images.
    pub(super) fn rename(&self) -> Result<Option<LabelRename>> {
        match self.rename.as_deref() {
            Some([pattern, name]) => LabelRename::new(pattern, name).map(Some),
            _ => Ok(None),
        }
    }

    fn colors(&self, n_classes: usize) -> Result<Option<LabelColors>> {
        let Some(typed) = &self.label_colors else { return Ok(None) };
        let palette = Palette::by_name(typed).or_else(|_| {
            // A device would never end.
            if Path::new(typed).metadata().is_ok_and(|file| !file.is_file()) {
                let message = format!("{typed} is not a file");
                return Err(Error::setting("--label-colors", message)
                    .with_hint("name a file with one color per line"));
            }
            let text = text_file::read(typed.as_ref())
                .map_err(|error| Error::read(typed.as_ref(), error))?;
            Palette::parse(&text).map_err(|message| {
                Error::setting("--label-colors", format!("{typed}: {message}")).with_hint(
                    format!(
                        "name a file with one color per line, or one of {}",
                        KnownPalette::names()
                    ),
                )
            })
        })?;
        let mut colors = LabelColors::new();
        for (class, color) in (0..).zip(palette.colors()) {
            // Of equal colors, the first class counts.
            colors.entry(*color).or_insert(class);
        }
        for color in palette.void_colors() {
            // A class that the model has keeps its color.
            let id = colors.entry(*color).or_insert(VOID);
            if *id as usize >= n_classes {
                *id = VOID;
            }
        }
        Ok(Some(colors))
    }
}

/// Prints the share of pixels without a label, of which `labeled` have one.
pub(super) fn print_unlabeled(left_out: &LeftOut, labeled: u64) {
    let line = left_out.describe(labeled, "have no label");
    terminal::note(&line.as_deref().unwrap_or("every pixel has a label"));
}

/// Prints the images that are left out, with the reason.
pub(super) fn tell(event: &EvaluationEvent<'_>) {
    if let Some((warning, hint)) = line(event) {
        terminal::warning_with_hint(&warning, hint.as_deref());
    }
}

/// Returns the message and the hint for an image that is left out.
pub(super) fn line(event: &EvaluationEvent<'_>) -> Option<(String, Option<String>)> {
    match event {
        EvaluationEvent::Counted { .. } => None,
        EvaluationEvent::Missing { id, wanted } => {
            Some((format!("\"{id}\" has no label: {wanted}"), None))
        }
        EvaluationEvent::Failed { id, error } => {
            let hint = error.hint().map(str::to_owned);
            Some((format!("\"{id}\" is not counted: {error}"), hint))
        }
    }
}
