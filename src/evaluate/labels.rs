//! Sources of labels, and the labels of an image.

mod files;
mod geometry;
mod left_out;
mod mapping;
mod multilabel;
mod path_table;
mod rename;
mod table;
#[cfg(test)]
mod tests;
mod values;

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use self::files::LabelFiles;
use self::geometry::LabelPlane;
use self::mapping::{IdMapping, IdSurvey};
use super::prediction_folder::{PredictedImage, PredictionFolder};
use crate::error::{Error, Result};
use crate::input::label::{LabelColors, LabelMap, read_label_map};
use crate::task::{Item, Target};

pub use self::left_out::{LeftOut, LeftOutReason};
pub use self::mapping::IdOptions;
pub use self::multilabel::{LabelTruth, MultiLabelOptions, MultiLabelSource};
pub use self::rename::LabelRename;
pub use self::table::LabelTable;
pub use self::values::{LabelValues, ValueLabelOptions, ValueLabels};

/// Options of a source of labels.
#[derive(Debug, Clone, Default)]
pub struct LabelOptions {
    /// Rule that derives names of labels from names of images.
    pub rename: Option<LabelRename>,
    /// Conversion of ids to classes.
    pub ids: IdOptions,
    /// Ids of colors, for label maps that contain colors.
    pub colors: Option<LabelColors>,
    /// Number of threads that read all label maps once, to decide the conversion of their ids.
    pub threads: usize,
}

/// A source of labels.
#[derive(Debug)]
pub enum LabelSource {
    /// A map per image.
    Maps(LabelMaps),
    /// A table with the class of each image.
    Table(LabelTable),
    /// Folders of images, named after classes.
    Folders {
        /// Classes by names of folders.
        classes: HashMap<String, u16>,
    },
}

/// A folder of label maps: one per image, at the same relative path with another extension, with
/// a usual suffix, or renamed.
#[derive(Debug)]
pub struct LabelMaps {
    files: LabelFiles,
    colors: Option<LabelColors>,
    mapping: IdMapping,
    /// True if only the center of images was predicted.
    is_cropped: bool,
    notes: Vec<String>,
}

/// Labels of an image, at the size of its prediction.
#[derive(Debug)]
pub enum ImageLabels {
    /// The labels.
    Classes {
        /// Class of each item, or [`ClassMap::NONE`](crate::tensor::ClassMap::NONE).
        classes: Vec<u16>,
        /// Pixels without a label.
        left_out: LeftOut,
    },
    /// The image has no label; the string names what was expected.
    Missing(String),
}

impl LabelSource {
    /// Opens the labels of a folder of predictions. `path` is a folder of maps if pixels are
    /// labeled, and otherwise a table or a folder with one folder of images per class.
    ///
    /// All label maps are read once: the conversion of ids to classes depends on the ids that occur.
    ///
    /// # Errors
    /// Fails if it cannot be read or contains ids or classes that the model does not have.
    pub fn open(
        path: &Path,
        folder: &PredictionFolder,
        options: LabelOptions,
    ) -> Result<Self> {
        folder.require(Target::Class)?;
        let meta = std::fs::metadata(path).map_err(|error| Error::read(path, error))?;
        if !meta.is_dir() && !meta.is_file() {
            let message = format!("{} is a pipe or a device", path.display());
            return Err(Error::setting("labels", message)
                .with_hint("write its content to a file first"));
        }
        match (folder.task.item, meta.is_dir()) {
            (Item::Pixel, true) => {
                let ids = options.ids.clone();
                let decide =
                    |survey: &_| IdMapping::decide(survey, &ids, folder.n_classes);
                LabelMaps::open(path, folder, options, &decide).map(Self::Maps)
            }
            (Item::Pixel, false) => {
                let message = format!("{} is a file", path.display());
                Err(Error::setting("labels", message)
                    .with_hint("name a folder with a label map per image"))
            }
            (Item::Image, false) => {
                LabelTable::open(path, folder, options.rename).map(Self::Table)
            }
            (Item::Image, true) if options.rename.is_some() => {
                let message =
                    "applies to a table or to label maps, but each folder is a class";
                Err(Error::setting("match", message).with_hint("leave it out"))
            }
            (Item::Image, true) => {
                Ok(Self::Folders { classes: table::class_folders(path, folder)? })
            }
        }
    }

    /// Opens masks of pixels: 0 becomes class 0 and `index` class 1, and other ids are left out.
    ///
    /// # Errors
    /// Fails if a mask cannot be read or none contains 0 or `index`.
    pub fn open_masks(
        path: &Path,
        index: u16,
        folder: &PredictionFolder,
        options: LabelOptions,
    ) -> Result<Self> {
        folder.require(Target::Class)?;
        let decide = |survey: &_| IdMapping::of_masks(survey, index);
        LabelMaps::open(path, folder, options, &decide).map(Self::Maps)
    }

    /// Returns lines about decisions that the user should know of.
    pub fn notes(&self) -> &[String] {
        match self {
            Self::Maps(maps) => &maps.notes,
            Self::Table(_) | Self::Folders { .. } => &[],
        }
    }

    /// Returns the labels of an image.
    ///
    /// # Errors
    /// Fails if the label map cannot be read, has an id that is not a class or another aspect than
    /// the image, or shows the whole image although only its center was predicted.
    pub fn labels(&self, image: &PredictedImage<'_>) -> Result<ImageLabels> {
        let class = match self {
            Self::Maps(maps) => return maps.labels(image),
            Self::Table(table) => table.class(image.id),
            Self::Folders { classes } => {
                let name = image.id.split('/').rev().nth(1).unwrap_or_default();
                let class = classes.get(name).copied();
                class.ok_or_else(|| format!("its folder \"{name}\" is not a class"))
            }
        };
        Ok(match class {
            Ok(class) => ImageLabels::Classes {
                classes: vec![class],
                left_out: LeftOut::default(),
            },
            Err(wanted) => ImageLabels::Missing(wanted),
        })
    }
}

/// What was found in all label maps.
#[derive(Default)]
struct MapSurvey {
    ids: IdSurvey,
    /// Numbers of files by the suffix of their names.
    suffixes: BTreeMap<&'static str, usize>,
}

type DecideMapping<'a> = dyn Fn(&IdSurvey) -> Result<(IdMapping, Option<String>)> + 'a;

impl LabelMaps {
    fn open(
        root: &Path,
        folder: &PredictionFolder,
        options: LabelOptions,
        decide: &DecideMapping<'_>,
    ) -> Result<Self> {
        let LabelOptions { rename, colors, threads, .. } = options;
        let files = LabelFiles { root: root.to_owned(), rename };
        let survey = survey(&files, colors.as_ref(), &folder.ids, threads);
        let mut notes: Vec<String> = survey
            .suffixes
            .iter()
            .map(|(suffix, n)| {
                format!("the label maps of {n} images are found by the suffix {suffix}")
            })
            .collect();
        let (mapping, note) = decide(&survey.ids)?;
        if note.is_none() && survey.ids.has_lossy() {
            let what = "some label maps are compressed with loss, which changes ids at edges; \
                        save them as PNG";
            notes.push(what.to_owned());
        }
        notes.extend(note);
        let is_cropped = folder.record.is_cropped();
        notes.extend(rotation_note(folder).filter(|_| !is_cropped));
        Ok(Self { files, colors, mapping, is_cropped, notes })
    }

    fn labels(&self, image: &PredictedImage<'_>) -> Result<ImageLabels> {
        let file = match self.files.find(image.id) {
            Ok(file) => file.path,
            Err(wanted) => return Ok(ImageLabels::Missing(wanted)),
        };
        let map = read_label_map(&file, self.colors.as_ref())?;
        if self.is_cropped && (map.height, map.width) != image.size {
            return Err(wrong_size(&file, (map.height, map.width), image.size));
        }
        let shape = image.shape.filter(|_| !self.is_cropped);
        let LabelMap { height, width, ids, .. } = map;
        let map = geometry::upright(LabelPlane { height, width, values: ids }, shape)
            .map_err(|(message, hint)| Error::image(&file, message).with_hint(hint))?;
        let ids = geometry::nearest(map, image.size);
        let (classes, left_out) = self.mapping.classes(&ids).map_err(|id| {
            Error::image(&file, format!("contains the id {id}, which is not a class"))
                .with_hint(format!("if it means \"no label\": `ignore_index = {id}`"))
        })?;
        Ok(ImageLabels::Classes { classes, left_out })
    }
}

/// Reads the label maps of all images on several threads. Files that cannot be read are left to
/// [`LabelMaps::labels`].
fn survey(
    files: &LabelFiles,
    colors: Option<&LabelColors>,
    ids: &[String],
    threads: usize,
) -> MapSurvey {
    let next = AtomicUsize::new(0);
    let all = Mutex::new(MapSurvey::default());
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, ids.len().max(1)) {
            scope.spawn(|| {
                let mut part = MapSurvey::default();
                while let Some(id) = ids.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let Ok(file) = files.find(id) else { continue };
                    if let Some(suffix) = file.suffix {
                        *part.suffixes.entry(suffix).or_default() += 1;
                    }
                    if let Ok(map) = read_label_map(&file.path, colors) {
                        part.ids.add(&map);
                    }
                }
                if let Ok(mut all) = all.lock() {
                    all.ids.merge(part.ids);
                    for (suffix, n) in part.suffixes {
                        *all.suffixes.entry(suffix).or_default() += n;
                    }
                }
            });
        }
    });
    all.into_inner().unwrap_or_default()
}

/// Returns a line about images whose orientation the sides of their label maps cannot show.
fn rotation_note(folder: &PredictionFolder) -> Option<String> {
    let is_unclear = |id: &&String| {
        folder.shapes.get(*id).is_some_and(|shape| geometry::is_ambiguous(*shape))
    };
    let n_unclear = folder.ids.iter().filter(is_unclear).count();
    (n_unclear > 0).then(|| {
        format!(
            "{n_unclear} images are rotated or mirrored by EXIF, which their sides do not show: their \
             label maps are read as the images are shown"
        )
    })
}

/// Reports that a label map shows more than the predicted center of an image.
fn wrong_size(
    file: &Path,
    map: (usize, usize),
    (height, width): (usize, usize),
) -> Error {
    let message = format!(
        "has {} x {} pixels, and the prediction is a crop of {width} x {height}",
        map.1, map.0
    );
    Error::image(file, message)
        .with_hint("predict with `crop = none`, or crop the label maps in the same way")
}
