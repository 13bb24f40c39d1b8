//! Comparison of predictions with labels, for the page.

use super::folder::Run;
use crate::error::Result;
use crate::evaluate::{
    ImageLabels, LabelSource, LabelValues, PredictedImage, ValueLabels,
};
use crate::output::heat_map::Scale;
use crate::output::page::data::{ImageData, LabelData, MeasureData, NumberRange};
use crate::output::page::{LABELS, PageFolder};
use crate::record::ImageRecord;
use crate::task::{ModelTask, Quantity};
use crate::tensor::{ClassMap, Map};

/// Name of the true values of a target.
pub(crate) const LABEL: &str = "label";

/// Name of the absolute errors of a target.
pub(crate) const ERROR: &str = "error";

/// Labels of a run.
#[derive(Debug)]
pub enum PageLabels {
    /// Classes of images or pixels.
    Classes(LabelSource),
    /// Values of images or pixels.
    Values(ValueLabels),
}

/// Comparison of an image with its labels.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) enum Truth {
    /// The image has no labels.
    #[default]
    Unknown,
    /// True class of the image.
    Class(u16),
    /// Share of the labeled pixels that are wrong.
    Wrong(f32),
    /// For each target, the comparison with the true value.
    Values(Vec<ValueTruth>),
}

/// Comparison of a value with its label.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct ValueTruth {
    /// The true value of an image.
    pub(super) label: Option<f32>,
    /// The absolute error: that of the image, or the mean over its labeled pixels.
    pub(super) error: Option<f32>,
}

/// An image whose files are prepared.
#[derive(Clone, Copy)]
pub(super) struct LabeledImage<'a> {
    pub(super) row: &'a ImageRecord,
    /// The values of its maps.
    pub(super) data: &'a ImageData,
    pub(super) page_folder: &'a PageFolder<'a>,
}

/// Returns the true class of an image, for classification.
pub(super) fn of_class(row: &ImageRecord, labels: &LabelSource) -> Truth {
    match labels.labels(&image(row, (1, 1))) {
        Ok(ImageLabels::Classes { classes, .. }) => match classes.first() {
            Some(&label) if label != ClassMap::NONE => Truth::Class(label),
            _ => Truth::Unknown,
        },
        _ => Truth::Unknown,
    }
}

/// Compares the values of an image with those of a table.
pub(super) fn of_values(run: &Run, row: &ImageRecord, labels: &ValueLabels) -> Truth {
    let Some(task) = &run.task else { return Truth::Unknown };
    let Ok(LabelValues::Values { targets, .. }) = labels.labels(&image(row, (1, 1)))
    else {
        return Truth::Unknown;
    };
    let compared = predicted(task).into_iter().zip(targets).map(|(value, labels)| {
        let column = run.columns.named(&value.name);
        let value = column.and_then(|column| row.field(column).as_f64());
        let label = labels.first().copied().filter(|label| !label.is_nan());
        let error = value
            .zip(label)
            .map(|(value, label)| (value - f64::from(label)).abs() as f32);
        ValueTruth { label, error }
    });
    Truth::Values(compared.collect())
}

/// Returns the quantities that are the predictions of targets, in their order.
fn predicted(task: &ModelTask) -> Vec<Quantity> {
    let measure = task.task.predicted.map(|predicted| predicted.measure);
    let all = task.quantities(measure.as_slice());
    all.into_iter().filter(|one| one.channel.is_some()).collect()
}

fn image(row: &ImageRecord, size: (usize, usize)) -> PredictedImage<'_> {
    PredictedImage { id: &row.path, size, shape: row.shape() }
}

/// Writes the labels of a class map for the page, and compares it with them.
pub(super) fn of_class_map(
    image: LabeledImage<'_>,
    labels: &LabelSource,
    notes: &mut Vec<String>,
) -> Result<Truth> {
    let LabeledImage { row, data, page_folder } = image;
    let (Ok(classes), Some(plane)) = (data.class_map(), &data.classes) else {
        return Ok(Truth::Unknown);
    };
    let size = (classes.height, classes.width);
    let found = match labels.labels(&self::image(row, size)) {
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
    let script = LabelData::of_classes(&row.path, &found, plane.place)
        .and_then(|data| data.encode());
    page_folder.save(LABELS, &row.path, "js", script)?;
    Ok(if all > 0 { Truth::Wrong(wrong as f32 / all as f32) } else { Truth::Unknown })
}

/// Writes the true values and the errors of an image's maps for the page.
pub(super) fn of_value_maps(
    run: &Run,
    image: LabeledImage<'_>,
    labels: &ValueLabels,
    notes: &mut Vec<String>,
) -> Result<(Truth, LabelData)> {
    let none = (Truth::Unknown, LabelData::default());
    let LabeledImage { row, data, page_folder } = image;
    let Some(task) = &run.task else { return Ok(none) };
    let values = predicted(task);
    let planes = values.iter().map(|value| {
        let plane = data.measures.iter().find(|measure| measure.name == value.name)?;
        Some((plane, plane.map().ok()?))
    });
    let Some(planes) = planes.collect::<Option<Vec<(&MeasureData, Map)>>>() else {
        return Ok(none);
    };
    let Some(size) = planes.first().map(|(_, map)| (map.height, map.width)) else {
        return Ok(none);
    };
    let targets = match labels.labels(&self::image(row, size)) {
        Ok(LabelValues::Values { targets, .. }) => targets,
        Ok(LabelValues::Missing(wanted)) => {
            notes.push(format!("no label: {wanted}"));
            return Ok(none);
        }
        Err(error) => {
            notes.push(format!("its label cannot be used: {error}"));
            return Ok(none);
        }
    };
    let mut script = LabelData { id: row.path.clone(), ..LabelData::default() };
    let mut compared = Vec::new();
    for ((value, (plane, map)), labels) in values.iter().zip(&planes).zip(targets) {
        if labels.len() != map.values.len() {
            return Ok(none);
        }
        let error =
            map.values.iter().zip(&labels).map(|(value, label)| (value - label).abs());
        let error = Map { values: error.collect(), ..*map };
        let label = Map { values: labels, ..*map };
        compared.push(ValueTruth { label: None, error: mean(&error) });
        let prefix = value.name.strip_suffix(value.measure.name).unwrap_or_default();
        let scale = Scale::new(plane.low, plane.bound);
        let label_range = NumberRange::covering(scale, &label);
        let error_range = NumberRange::covering(Scale::up_to(0.0), &error);
        for (name, range, map) in
            [(LABEL, label_range, &label), (ERROR, error_range, &error)]
        {
            let steps = plane.steps.min(range.steps);
            let range = NumberRange { steps, ..range };
            match MeasureData::new(
                &format!("{prefix}{name}"),
                range,
                map,
                plane.plane.place,
            ) {
                Ok(data) => script.measures.push(data),
                Err(error) => notes.push(format!("its label cannot be shown: {error}")),
            }
        }
    }
    page_folder.save(LABELS, &row.path, "js", script.encode())?;
    Ok((Truth::Values(compared), script))
}

/// Returns the mean of the numbers that are not NaN.
fn mean(map: &Map) -> Option<f32> {
    let known = map.values.iter().filter(|value| !value.is_nan());
    let (sum, n) =
        known.fold((0.0, 0_usize), |(sum, n), value| (sum + f64::from(*value), n + 1));
    (n > 0).then(|| (sum / n as f64) as f32)
}
