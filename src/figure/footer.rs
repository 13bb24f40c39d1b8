//! What stands below the pictures of a figure: the legend of classes, and how the run was made.

use super::cells::{self, Occurring};
use super::{
    FigureScale, GRAY, HEADER_SIZE, INK, LABEL_SIZE, MARGIN, NOTHING, SMALLEST_SIZE,
    Source, width_of,
};
use crate::error::Result;
use crate::output::sheet::{Anchor, Area, Direction, Element, Text};
use crate::record::ImageRecord;

/// Side of the square of a color.
const SWATCH: f64 = 2.2;

/// Distance between lines, per size of text.
pub(super) const LINE: f64 = 1.3;

/// Returns a line of text that starts at a position.
pub(super) fn text(content: &str, (x, y): (f64, f64), size: f64) -> Text {
    Text {
        content: content.to_owned(),
        x,
        y,
        size,
        anchor: Anchor::Start,
        direction: Direction::Right,
        color: INK,
    }
}

/// Breaks a text into lines of at most a width, between words.
pub(super) fn wrapped(content: &str, size: f64, width: f64) -> Result<Vec<String>> {
    let mut lines: Vec<String> = Vec::new();
    for word in content.split_whitespace() {
        if let Some(line) = lines.last_mut() {
            let longer = format!("{line} {word}");
            if width_of(&longer, size)? <= width {
                *line = longer;
                continue;
            }
        }
        lines.push(word.to_owned());
    }
    Ok(lines)
}

/// Cuts the middle of a text that is wider than a width.
pub(super) fn shortened(content: &str, size: f64, width: f64) -> Result<String> {
    if width_of(content, size)? <= width {
        return Ok(content.to_owned());
    }
    let letters: Vec<char> = content.chars().collect();
    for n_kept in (1..letters.len()).rev() {
        let end = n_kept / 2;
        let start = n_kept - end;
        let text: String = letters[..start]
            .iter()
            .copied()
            .chain("...".chars())
            .chain(letters[letters.len() - end..].iter().copied())
            .collect();
        if width_of(&text, size)? <= width {
            return Ok(text);
        }
    }
    Ok(String::new())
}

/// Adds the legend of the colors that occur, and returns the position below it.
pub(super) fn legend(
    source: &Source<'_>,
    occurring: &Occurring,
    (left, top): (f64, f64),
    elements: &mut Vec<Element>,
) -> Result<f64> {
    let palette = cells::palette(source);
    let names = source.folder.class_names.as_deref().unwrap_or_default();
    let of_class = |class: &u16| {
        let name = names.get(usize::from(*class)).cloned();
        (palette.color(*class), name.unwrap_or_else(|| format!("class {class}")))
    };
    let mut entries: Vec<([u8; 3], String)> =
        occurring.classes.iter().map(of_class).collect();
    if occurring.has_errors {
        let colors = cells::error_colors().into_iter();
        entries.extend(colors.map(|(color, name)| (color, name.to_owned())));
    }
    let nothing = match (occurring.has_unlabeled, occurring.has_unpredicted) {
        (true, true) => Some("no label or prediction"),
        (true, false) => Some("no label"),
        (false, true) => Some("no prediction"),
        (false, false) => None,
    };
    entries.extend(nothing.map(|name| (NOTHING, name.to_owned())));
    let right = source.options.width - MARGIN;
    let (mut x, mut y) = (left, top);
    for (i, (color, name)) in entries.iter().enumerate() {
        let room = right - left - 1.5 * SWATCH;
        let name = shortened(name, LABEL_SIZE, room)?;
        let width = 1.5 * SWATCH + width_of(&name, LABEL_SIZE)?;
        if i > 0 && x + width > right {
            (x, y) = (left, y + 1.5 * SWATCH);
        }
        let area = Area { left: x, top: y, width: SWATCH, height: SWATCH };
        elements.push(Element::Fill { area, color: *color });
        let at = (x + 1.5 * SWATCH, y + SWATCH / 2.0 + 0.36 * LABEL_SIZE);
        elements.push(Element::Text(text(&name, at, LABEL_SIZE)));
        x += width + 1.5 * SWATCH;
    }
    Ok(if entries.is_empty() { top } else { y + SWATCH + HEADER_SIZE / 2.0 })
}

/// Adds how the run was made in small print, and returns the position below it.
pub(super) fn small_print(
    source: &Source<'_>,
    rows: &[&ImageRecord],
    (left, top): (f64, f64),
    remarks: &[String],
    elements: &mut Vec<Element>,
) -> Result<f64> {
    let mut sentences = vec![made_by(source, rows)];
    sentences.extend_from_slice(remarks);
    let content = sentences.join(" ");
    let width = source.options.width - MARGIN - left;
    let mut y = top;
    for line in wrapped(&content, SMALLEST_SIZE, width)? {
        y += SMALLEST_SIZE * LINE;
        let line = text(&line, (left, y), SMALLEST_SIZE);
        elements.push(Element::Text(Text { color: GRAY, ..line }));
    }
    Ok(y + SMALLEST_SIZE * 0.3)
}

/// Returns model, samples, seed and version.
fn made_by(source: &Source<'_>, rows: &[&ImageRecord]) -> String {
    let record = &source.folder.record;
    let model = record.model.path.rsplit(['/', '\\']).next().unwrap_or_default();
    let counts = rows.iter().filter_map(|row| row.samples);
    let (least, most) =
        counts.fold((u32::MAX, 0), |(least, most), n| (least.min(n), most.max(n)));
    let sampling = &record.sampling;
    let samples = if sampling.deterministic {
        "one pass without dropout".to_owned()
    } else {
        let n = match least {
            _ if most == 0 => sampling.samples.to_string(),
            least if least == most => most.to_string(),
            least => format!("{least} to {most}"),
        };
        format!("T = {n} {} samples, seed {}", sampling.draws, sampling.seed)
    };
    let version = if record.mcdrop.is_empty() {
        String::new()
    } else {
        format!(", mcdrop {}", record.mcdrop)
    };
    format!("{model}: {samples}{version}.")
}

/// Returns what a reader must know of the color scales.
pub(super) fn scale_remarks(source: &Source<'_>, roots: &[String]) -> Vec<String> {
    let mut remarks = Vec::new();
    if !roots.is_empty() {
        remarks.push(format!(
            "Colors of {} follow the square root of the values.",
            roots.join(", ")
        ));
    }
    if source.options.scale == FigureScale::Shown {
        remarks
            .push("Color scales end at the 99.9 % quantile of what is shown.".to_owned());
    }
    remarks
}
