//! The columns of a figure: which there are, and which are shown.

use super::Source;
use crate::error::{Error, Result};
use crate::measure::{Measure, Unit};
use crate::report::{ERROR, LABEL, PageLabels};
use crate::task::{ModelTask, Quantity};

/// Largest number of columns that a task chooses.
const MOST_COLUMNS: usize = 8;

/// Largest number of columns that an error names.
const MOST_NAMED: usize = 30;

/// A column.
#[derive(Debug, Clone)]
pub(super) struct Column {
    /// Name in options.
    pub(super) name: String,
    /// Heading, with the unit.
    pub(super) title: String,
    pub(super) content: Content,
    /// Whether it is shown if no columns are named.
    is_default: bool,
}

/// What a column shows.
#[derive(Debug, Clone)]
pub(super) enum Content {
    /// The image.
    Image,
    /// The true class of each pixel.
    ClassLabel,
    /// The predicted class of each pixel.
    ClassPrediction,
    /// Pixels whose class is wrong.
    ClassError,
    /// A map of values.
    Values(Quantity),
    /// The true values of the quantity that predicts them.
    ValueLabel(Quantity),
    /// The absolute errors of the quantity that predicts values.
    ValueError(Quantity),
}

/// Returns the columns that are shown, and adds a note if some are left out.
pub(super) fn choose(
    source: &Source<'_>,
    notes: &mut Vec<String>,
) -> Result<Vec<Column>> {
    let all = available(source);
    let has_maps = |column: &Column| !matches!(column.content, Content::Image);
    if !all.iter().any(has_maps) {
        let message = format!("{} has no maps", source.run.path.display());
        return Err(Error::setting("OUT", message)
            .with_hint("predict again without `maps = none`"));
    }
    let Some(names) = source.options.columns else {
        let mut chosen: Vec<Column> =
            all.into_iter().filter(|column| column.is_default).collect();
        if chosen.len() > MOST_COLUMNS {
            let rest: Vec<String> =
                chosen.split_off(MOST_COLUMNS).into_iter().map(|one| one.name).collect();
            notes.push(format!("`columns` shows more: {}", rest.join(", ")));
        }
        return Ok(chosen);
    };
    names.iter().map(|name| find(source, &all, name)).collect()
}

fn find(source: &Source<'_>, all: &[Column], name: &str) -> Result<Column> {
    if let Some(column) = all.iter().find(|column| column.name == name) {
        return Ok(column.clone());
    }
    let known: Vec<&str> =
        all.iter().map(|column| column.name.as_str()).take(MOST_NAMED).collect();
    let message = format!("expected some of {}, found \"{name}\"", known.join(", "));
    let needs_labels = name == LABEL || name == ERROR;
    let task = source.folder.task;
    let can_have_map =
        task.measure(name).is_some() || (name == PREDICTION && task.has_class_maps());
    let hint = if needs_labels && source.labels.is_none() {
        "name the labels with `labels`".to_owned()
    } else if can_have_map {
        format!("predict again with `maps = {name}`")
    } else {
        "choose columns of this run".to_owned()
    };
    Err(Error::setting("columns", message).with_hint(hint))
}

/// Name of the column of images.
const IMAGE: &str = "image";

/// Name of the column of predicted classes.
const PREDICTION: &str = "prediction";

/// Returns the columns that the run can show, in their usual order.
fn available(source: &Source<'_>) -> Vec<Column> {
    let Source { folder, labels, .. } = source;
    let of = |name: &str, content| Column {
        name: name.to_owned(),
        title: heading(name),
        content,
        is_default: true,
    };
    let mut columns = vec![of(IMAGE, Content::Image)];
    let has_classes = folder.record.output.prediction && folder.task.has_class_maps();
    let has_true_classes = matches!(labels, Some(PageLabels::Classes(_)));
    let has_true_values = matches!(labels, Some(PageLabels::Values(_)));
    if has_true_classes && has_classes {
        columns.push(of(LABEL, Content::ClassLabel));
    }
    if has_classes {
        columns.push(of(PREDICTION, Content::ClassPrediction));
    }
    if has_true_classes && has_classes {
        let wrong = of(ERROR, Content::ClassError);
        columns.push(Column { is_default: false, ..wrong });
    }
    let task = folder.model_task(usize::MAX);
    let quantities = with_maps(source, &task);
    for quantity in &quantities {
        let is_prediction = is_prediction(&task, quantity.measure);
        let is_main =
            task.task.main_measures.iter().any(|main| main.name == quantity.measure.name);
        let same = |other: &&Quantity| other.measure.name == quantity.measure.name;
        let has_mean = quantities.iter().filter(same).any(|one| one.channel.is_none());
        let has_channels =
            quantities.iter().filter(same).any(|one| one.channel.is_some());
        // Predictions of each label or target, but other measures as a mean if there is one.
        let is_shown = match quantity.channel {
            Some(_) => is_prediction || !has_mean,
            None => !is_prediction || !has_channels,
        };
        let is_default = is_main && is_shown;
        let is_labeled = has_true_values && is_prediction && quantity.channel.is_some();
        let of_quantity = |name: String, title: String, content| Column {
            name,
            title,
            content,
            is_default,
        };
        let named = |measure: &str| {
            let prefix = quantity.name.strip_suffix(quantity.measure.name);
            let name = format!("{}{measure}", prefix.unwrap_or_default());
            let title = with_unit(&task, heading(&name), quantity.measure);
            (name, title)
        };
        if is_labeled {
            let (name, title) = named(LABEL);
            columns.push(of_quantity(name, title, Content::ValueLabel(quantity.clone())));
        }
        let (name, mut title) = named(quantity.measure.name);
        if quantity.channel.is_none() && !task.channels.is_empty() {
            title = with_unit(&task, heading(&format!("mean {name}")), quantity.measure);
        }
        if let Some(target) = only_target(source, &task).filter(|_| is_prediction) {
            title = with_unit(&task, heading(target), quantity.measure);
        }
        columns.push(of_quantity(name, title, Content::Values(quantity.clone())));
        if is_labeled {
            let (name, title) = named(ERROR);
            columns.push(of_quantity(name, title, Content::ValueError(quantity.clone())));
        }
    }
    columns
}

/// Returns the quantities that may have maps according to the record.
fn with_maps(source: &Source<'_>, task: &ModelTask) -> Vec<Quantity> {
    let output = &source.folder.record.output;
    let is_in = |list: &[String], name: &str| list.iter().any(|known| known == name);
    let kept = output.keep_probabilities.is_some();
    let is_there = |measure: &&Measure| {
        is_in(&output.maps, measure.name)
            || (kept && is_in(&output.measures, measure.name))
    };
    let measures: Vec<&Measure> = task.task.all_measures().filter(is_there).collect();
    let mut quantities = task.quantities(&measures);
    // The prediction first.
    quantities.sort_by_key(|one| (one.channel, !is_prediction(task, one.measure)));
    quantities
}

fn is_prediction(task: &ModelTask, measure: &Measure) -> bool {
    task.task.predicted.is_some_and(|predicted| predicted.measure.name == measure.name)
}

/// Returns the name of the only target, if it has one.
pub(super) fn only_target<'a>(
    source: &'a Source<'_>,
    task: &ModelTask,
) -> Option<&'a str> {
    let name = source.folder.record.output.targets.first()?;
    // With several, each quantity has the name of its own. A number is no name.
    let is_named = task.channels.len() == 1 && name.parse::<usize>().is_err();
    is_named.then_some(name.as_str())
}

/// Returns the heading of a column: the name in words.
fn heading(name: &str) -> String {
    let words = name.replace('.', ": ").replace('_', " ");
    let mut letters = words.chars();
    let first = letters.next().map(|letter| letter.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

/// Adds the unit of a measure, unless its values are pure numbers or the unit is unknown.
fn with_unit(task: &ModelTask, title: String, measure: &Measure) -> String {
    let unit = task.unit(measure);
    if measure.unit == Unit::One || unit.is_empty() {
        return title;
    }
    format!("{title} ({unit})")
}
