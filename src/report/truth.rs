//! Comparison of predictions with labels, for the page.

use crate::error::Result;
use crate::evaluate::{ImageLabels, LabelSource, PredictedImage};
use crate::output::page::data::{ImageData, LabelData};
use crate::output::page::{LABELS, PageFolder};
use crate::record::ImageRecord;
use crate::tensor::ClassMap;

/// Comparison of an image with its labels.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) enum Truth {
    /// The image has no labels.
    #[default]
    Unknown,
    /// True class of the image.
    Class(u16),
    /// Share of the labeled pixels that are wrong.
    Wrong(f32),
}

/// Returns the true class of an image, for classification.
pub(super) fn of_class(row: &ImageRecord, labels: Option<&LabelSource>) -> Truth {
    match labels.map(|labels| labels.labels(&image(row, (1, 1)))) {
        Some(Ok(ImageLabels::Classes { classes, .. })) => match classes.first() {
            Some(&label) if label != ClassMap::NONE => Truth::Class(label),
            _ => Truth::Unknown,
        },
        _ => Truth::Unknown,
    }
}

fn image(row: &ImageRecord, size: (usize, usize)) -> PredictedImage<'_> {
    PredictedImage { id: &row.path, size, shape: row.shape() }
}

/// Writes the labels of a class map for the page, and compares it with them.
pub(super) fn of_map(
    data: &ImageData,
    labels: &LabelSource,
    row: &ImageRecord,
    page_folder: &PageFolder<'_>,
    notes: &mut Vec<String>,
) -> Result<Truth> {
    let (Ok(classes), Some(plane)) = (data.class_map(), &data.classes) else {
        return Ok(Truth::Unknown);
    };
    let size = (classes.height, classes.width);
    let found = match labels.labels(&image(row, size)) {
        Ok(ImageLabels::Classes { classes, .. }) => classes,
        Ok(ImageLabels::Missing(wanted)) => {
            notes.push(format!("no label: {wanted}"));
            return Ok(Truth::Unknown);
        }
        Err(error) => {
            notes.push(format!("its label cannot be used: {error}"));
            return Ok(Truth::Unknown);
        }
    };
    let both = classes.classes.iter().zip(&found);
    let counted = both
        .filter(|(class, label)| **class != ClassMap::NONE && **label != ClassMap::NONE);
    let (wrong, all) = counted
        .fold((0_usize, 0_usize), |(wrong, all), (class, label)| {
            (wrong + usize::from(class != label), all + 1)
        });
    let found = ClassMap { height: classes.height, width: classes.width, classes: found };
    let script =
        LabelData::new(&row.path, &found, plane.place).and_then(|data| data.encode());
    page_folder.save(LABELS, &row.path, "js", script)?;
    Ok(if all > 0 { Truth::Wrong(wrong as f32 / all as f32) } else { Truth::Unknown })
}
