//! A figure of image-level predictions: each image beside its most probable classes or labels, or its
//! values, and the measures of its uncertainty.

use super::cells;
use super::color_bar::short;
use super::columns::only_target;
use super::footer::{self, LINE, shortened, text};
use super::grid::caption_of;
use super::{FigureScale, GRAY, HEADER_SIZE, LABEL_SIZE, MARGIN, Source, width_of};
use crate::error::{Error, Result};
use crate::evaluate::{ImageLabels, LabelValues, PredictedImage};
use crate::measure::{Measure, Unit};
use crate::output::sheet::{
    Anchor, Area, Direction, Element, INCH, PictureRegion, RgbPicture, Sheet, Text,
};
use crate::record::{Column, ImageRecord};
use crate::report::{LABEL, PageLabels};
use crate::task::{ColumnKind, ColumnValue, ModelTask, Quantity};
use crate::tensor::ClassMap;

/// Largest number of classes, labels or targets of an image.
const MOST_LINES: usize = 5;

/// Smallest width of an image with its panel.
const NARROWEST: f64 = 54.0;

/// Share of that width that the image has.
const PICTURE_SHARE: f64 = 0.36;

/// Distance between images.
const GUTTER: f64 = 4.0;

/// Distance between an image and its panel.
const GAP: f64 = 1.6;

/// Color of bars, and of what is left of them.
const BAR: [u8; 3] = [86, 120, 164];
const REST: [u8; 3] = [232, 234, 238];

/// A line of a panel.
#[derive(Debug, Clone, PartialEq)]
struct Line {
    name: String,
    value: String,
    /// Length of its bar, from 0 to 1.
    share: Option<f64>,
}

/// An image with its panel.
struct Block {
    path: String,
    caption: Option<String>,
    picture: RgbPicture,
    lines: Vec<Line>,
}

/// Draws the figure.
pub(super) fn draw(
    source: &Source<'_>,
    rows: &[&ImageRecord],
    notes: &mut Vec<String>,
) -> Result<Sheet> {
    let of_maps = [
        ("columns", source.options.columns.is_some()),
        ("scale", source.options.scale != FigureScale::Fixed),
    ];
    if let Some((option, _)) = of_maps.into_iter().find(|(_, is_used)| *is_used) {
        let message = "applies to maps, but images were predicted";
        return Err(Error::setting(option, message).with_hint("leave it out"));
    }
    let task = source.folder.model_task(usize::MAX);
    let width = source.options.width;
    let inner = width - 2.0 * MARGIN;
    let n =
        (((inner + GUTTER) / (NARROWEST + GUTTER)) as usize).clamp(1, rows.len().max(1));
    // A single image is not drawn larger than those beside others.
    let most = (((inner + GUTTER) / (NARROWEST + GUTTER)) as usize).max(1) as f64;
    let block_width = (inner - (most - 1.0) * GUTTER) / most;
    if block_width < NARROWEST / 2.0 {
        let least = (NARROWEST / 2.0 + 2.0 * MARGIN).ceil();
        let message = format!("expected at least {least} mm, found {width} mm");
        return Err(
            Error::setting("width", message).with_hint(format!("`width = {least}mm`"))
        );
    }
    let mut elements = Vec::new();
    let mut y = MARGIN;
    let all: Result<Vec<Block>> =
        rows.iter().map(|row| block(source, &task, row)).collect();
    for blocks in all?.chunks(n) {
        let mut lowest = y;
        for (i, block) in blocks.iter().enumerate() {
            let left = MARGIN + i as f64 * (block_width + GUTTER);
            let bottom =
                draw_block(source, block, (left, y), block_width, &mut elements)?;
            lowest = lowest.max(bottom);
        }
        y = lowest + GUTTER * 0.75;
    }
    if source.folder.record.output.keep_probabilities.is_none()
        && task.task.predicted.is_none()
    {
        let more = "the probabilities of other classes are shown if they are kept: predict with \
                    `keep_probabilities`";
        notes.push(more.to_owned());
    }
    y = footer::small_print(
        source,
        rows,
        (MARGIN, y - GUTTER / 2.0),
        &[],
        &mut elements,
    )?;
    let images: Vec<&str> = rows.iter().map(|row| row.path.as_str()).collect();
    Ok(Sheet {
        width,
        height: y + MARGIN,
        title: "Images and predictions".to_owned(),
        description: format!("Predictions of {}.", images.join(", ")),
        elements,
    })
}

fn block(source: &Source<'_>, task: &ModelTask, row: &ImageRecord) -> Result<Block> {
    let picture = cells::CellReader::open(source, row)?.original();
    let mut lines = match task.task.predicted {
        None => classes(source, row)?,
        Some(predicted) => {
            let quantities = task.quantities(&[predicted.measure]);
            let of_channels = quantities.into_iter().filter(|one| one.channel.is_some());
            let mut lines: Vec<(f64, Line)> = Vec::new();
            for quantity in of_channels {
                let Some(value) = number(source, row, &quantity.name) else { continue };
                let name = name_of(source, task, &quantity);
                let line = if predicted.threshold.is_some() {
                    Line { name, value: format!("{value:.3}"), share: Some(value) }
                } else {
                    let std = predicted.std.and_then(|std| {
                        let prefix =
                            quantity.name.strip_suffix(predicted.measure.name)?;
                        number(source, row, &format!("{prefix}{}", std.name))
                    });
                    let value = with_std(value, std) + &unit_of(task, predicted.measure);
                    Line { name, value, share: None }
                };
                lines.push((value, line));
            }
            // The most probable labels first.
            if predicted.threshold.is_some() {
                lines.sort_by(|one, other| other.0.total_cmp(&one.0));
            }
            lines.into_iter().map(|(_, line)| line).take(MOST_LINES).collect()
        }
    };
    lines.extend(labels(source, task, row)?);
    let is_shown = |measure: &&Measure| {
        let of_prediction = task.task.predicted.is_some_and(|predicted| {
            let std = predicted.std.map(|std| std.name);
            predicted.measure.name == measure.name || std == Some(measure.name)
        });
        !of_prediction
    };
    let measures: Vec<&Measure> =
        task.task.main_measures.iter().filter(is_shown).collect();
    let quantities = task.quantities(&measures);
    let has_mean = quantities.iter().any(|one| one.channel.is_none());
    let of_measures = quantities.iter().filter(|one| one.channel.is_none() == has_mean);
    lines.extend(of_measures.take(2 * MOST_LINES).filter_map(|quantity| {
        let value = number(source, row, &quantity.name)?;
        Some(Line {
            name: quantity.name.replace('.', ": ").replace('_', " "),
            value: short(value) + &unit_of(task, quantity.measure),
            share: None,
        })
    }));
    Ok(Block { path: row.path.clone(), caption: caption_of(source, row), picture, lines })
}

/// Returns the most probable classes, or only the first one if the others were not kept.
fn classes(source: &Source<'_>, row: &ImageRecord) -> Result<Vec<Line>> {
    let folder = source.folder;
    let names = folder.class_names.as_deref().unwrap_or_default();
    let line = |class: u16, probability: f64| {
        let name = names.get(usize::from(class)).cloned();
        Line {
            name: name.unwrap_or_else(|| class.to_string()),
            value: format!("{probability:.3}"),
            share: Some(probability),
        }
    };
    if folder.record.output.keep_probabilities.is_some() {
        let kept = folder.kept(&row.path)?;
        let mut classes: Vec<(u16, f32)> = (0..).zip(kept.probabilities).collect();
        classes.sort_by(|one, other| other.1.total_cmp(&one.1));
        let first = classes.into_iter().take(MOST_LINES);
        return Ok(first.map(|(class, value)| line(class, f64::from(value))).collect());
    }
    let value = |wanted: ColumnKind| {
        let mut columns = source.run.columns.iter();
        columns.find_map(|column| match column {
            Column::Prediction { kind, index, .. } if *kind == wanted => {
                row.prediction.get(*index)?.clone()
            }
            _ => None,
        })
    };
    let (class, probability) = (value(ColumnKind::Class), value(ColumnKind::Number));
    Ok(match (class, probability) {
        (Some(ColumnValue::Class(class)), Some(ColumnValue::Number(probability))) => {
            vec![line(class, f64::from(probability))]
        }
        _ => Vec::new(),
    })
}

/// Returns the true class or values, if they are known.
fn labels(source: &Source<'_>, task: &ModelTask, row: &ImageRecord) -> Result<Vec<Line>> {
    let image = PredictedImage { id: &row.path, size: (1, 1), shape: row.shape() };
    let line = |name: String, value| Line { name, value, share: None };
    Ok(match source.labels {
        None => Vec::new(),
        Some(PageLabels::Classes(labels)) => match labels.labels(&image)? {
            ImageLabels::Classes { classes, .. } => {
                let known = classes.first().filter(|class| **class != ClassMap::NONE);
                let names = source.folder.class_names.as_deref().unwrap_or_default();
                let name = known.map(|class| {
                    let name = names.get(usize::from(*class)).cloned();
                    name.unwrap_or_else(|| class.to_string())
                });
                name.map(|name| line(LABEL.to_owned(), name)).into_iter().collect()
            }
            ImageLabels::Missing(_) => Vec::new(),
        },
        Some(PageLabels::Values(labels)) => match labels.labels(&image)? {
            LabelValues::Values { targets, .. } => {
                let predicted = task.task.predicted.map(|predicted| predicted.measure);
                let quantities = task.quantities(predicted.as_slice());
                let both = quantities.iter().zip(targets);
                let known = both.filter_map(|(quantity, values)| {
                    let value = values.first().filter(|value| !value.is_nan())?;
                    let prefix = quantity.name.strip_suffix(quantity.measure.name)?;
                    let name = format!("{prefix}{LABEL}").replace('.', ": ");
                    let unit = unit_of(task, quantity.measure);
                    Some(line(name, short(f64::from(*value)) + &unit))
                });
                known.take(MOST_LINES).collect()
            }
            LabelValues::Missing(_) => Vec::new(),
        },
    })
}

/// Returns the number in a column of the table.
fn number(source: &Source<'_>, row: &ImageRecord, name: &str) -> Option<f64> {
    row.field(source.run.columns.named(name)?).as_f64()
}

/// Returns the name of a label or target; that of the measure for the only target without a name.
fn name_of(source: &Source<'_>, task: &ModelTask, quantity: &Quantity) -> String {
    let prefix = quantity.name.strip_suffix(quantity.measure.name).unwrap_or_default();
    match quantity.channel.and_then(|channel| task.channels.get(channel)) {
        Some(name) if !prefix.is_empty() => name.clone(),
        _ => only_target(source, task).unwrap_or(quantity.measure.name).to_owned(),
    }
}

fn unit_of(task: &ModelTask, measure: &Measure) -> String {
    let unit = task.unit(measure);
    if measure.unit == Unit::One || unit.is_empty() {
        String::new()
    } else {
        format!(" {unit}")
    }
}

/// Formats a value with the digits that its standard deviation has.
fn with_std(value: f64, std: Option<f64>) -> String {
    match std.filter(|std| *std > 0.0) {
        Some(std) => {
            let digits = (1.0 - std.log10().floor()).clamp(0.0, 6.0) as usize;
            format!("{value:.digits$} ± {std:.digits$}")
        }
        None => short(value),
    }
}

/// Draws an image and its panel, and returns the position below both.
fn draw_block(
    source: &Source<'_>,
    block: &Block,
    (left, top): (f64, f64),
    width: f64,
    elements: &mut Vec<Element>,
) -> Result<f64> {
    let picture_width = width * PICTURE_SHARE;
    let region = shown_region(source, &block.picture);
    let picture_height = picture_width * region.height / region.width;
    let most = (picture_width / INCH * source.options.dpi).max(1.0);
    let shrink = (most / region.width).min(1.0);
    let side = |side: f64| ((side * shrink).round() as usize).max(1);
    let size = (side(region.width), side(region.height));
    elements.push(Element::Picture {
        area: Area { left, top, width: picture_width, height: picture_height },
        picture: block.picture.resized(region, size),
        description: block.path.clone(),
    });
    let (panel, right) = (left + picture_width + GAP, left + width);
    let mut y = top;
    if let Some(caption) = &block.caption {
        let caption = shortened(caption, LABEL_SIZE, right - panel)?;
        let caption = text(&caption, (panel, y + LABEL_SIZE * 0.8), LABEL_SIZE);
        elements.push(Element::Text(Text { color: GRAY, ..caption }));
        y += LABEL_SIZE * LINE * 1.1;
    }
    let lines = Lines::new(&block.lines, (panel, right))?;
    for line in &block.lines {
        lines.draw(line, y, elements)?;
        y += LABEL_SIZE * LINE * 1.1;
    }
    Ok(y.max(top + picture_height))
}

fn shown_region(source: &Source<'_>, picture: &RgbPicture) -> PictureRegion {
    let size = (picture.width, picture.height);
    cells::region(source.options.crop, size, size)
}

/// Positions of the parts of the lines of a panel.
struct Lines {
    left: f64,
    right: f64,
    /// Both ends of bars.
    bar: (f64, f64),
}

impl Lines {
    fn new(lines: &[Line], (left, right): (f64, f64)) -> Result<Self> {
        let (mut names, mut values) = (0.0_f64, 0.0_f64);
        for line in lines.iter().filter(|line| line.share.is_some()) {
            names = names.max(width_of(&line.name, LABEL_SIZE)?);
            values = values.max(width_of(&line.value, LABEL_SIZE)?);
        }
        let names = names.min((right - left) * 0.45);
        let room = HEADER_SIZE / 2.0;
        Ok(Self { left, right, bar: (left + names + room, right - values - room) })
    }

    fn draw(&self, line: &Line, top: f64, elements: &mut Vec<Element>) -> Result<()> {
        let baseline = top + LABEL_SIZE * 0.8;
        let value_width = width_of(&line.value, LABEL_SIZE)?;
        let room = match line.share {
            Some(_) => self.bar.0 - self.left - LABEL_SIZE / 4.0,
            None => self.right - self.left - value_width - LABEL_SIZE / 2.0,
        };
        let name = shortened(&line.name, LABEL_SIZE, room)?;
        elements.push(Element::Text(text(&name, (self.left, baseline), LABEL_SIZE)));
        let value = text(&line.value, (self.right, baseline), LABEL_SIZE);
        elements.push(Element::Text(Text {
            anchor: Anchor::End,
            direction: Direction::Right,
            ..value
        }));
        let Some(share) = line.share else { return Ok(()) };
        let (start, end) = self.bar;
        if end > start {
            let area = Area {
                left: start,
                top: baseline - LABEL_SIZE * 0.66,
                width: end - start,
                height: LABEL_SIZE * 0.6,
            };
            elements.push(Element::Fill { area, color: REST });
            let width = (end - start) * share.clamp(0.0, 1.0);
            if width > 0.0 {
                let area = Area { width, ..area };
                elements.push(Element::Fill { area, color: BAR });
            }
        }
        Ok(())
    }
}
