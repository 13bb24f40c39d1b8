//! A figure of maps: a row for each image, a column for each map.

use super::cells::{Cell, CellReader, Occurring};
use super::color_bar::ColorScale;
use super::columns::{self, Column, Content};
use super::footer::{self, LINE, shortened, text, wrapped};
use super::{
    Captions, FigureScale, GRAY, HEADER_SIZE, INK, LABEL_SIZE, MARGIN, NOTHING,
    SMALLEST_SIZE, Source, width_of,
};
use crate::error::{Error, Result};
use crate::output::sheet::{Anchor, Area, Direction, Element, INCH, Sheet, Text};
use crate::record::ImageRecord;
use crate::report::scale_of_run;

/// Distance between pictures.
const GUTTER: f64 = 1.2;

/// Height of a color bar.
const BAR: f64 = 1.8;

/// Length of the mark above a number.
const MARK: f64 = 0.6;

/// Width of thin lines.
const HAIRLINE: f64 = 0.12;

/// Smallest width of a column.
const NARROWEST: f64 = 8.0;

/// Length by which a caption may be longer than its row is high.
const BEYOND: f64 = GUTTER * 0.7;

/// Width of the captions at the left.
const CAPTION: f64 = LABEL_SIZE * 1.5;

/// Positions of the columns.
struct Columns {
    left: f64,
    width: f64,
}

impl Columns {
    fn new(source: &Source<'_>, n: usize) -> Result<Self> {
        let has_captions = source.options.captions != Captions::None;
        let left = MARGIN + if has_captions { CAPTION } else { 0.0 };
        let gutters = GUTTER * (n as f64 - 1.0);
        let width = (source.options.width - MARGIN - left - gutters) / n as f64;
        if width < NARROWEST {
            let least = left + n as f64 * NARROWEST + gutters + MARGIN;
            let least = least.ceil();
            let message = format!(
                "expected at least {least} mm for {n} columns, found {} mm",
                source.options.width
            );
            return Err(Error::setting("width", message)
                .with_hint(format!("`width = {least}mm`, or fewer `columns`")));
        }
        Ok(Self { left, width })
    }

    fn left_of(&self, column: usize) -> f64 {
        self.left + column as f64 * (self.width + GUTTER)
    }
}

/// Draws the figure.
pub(super) fn draw(
    source: &Source<'_>,
    rows: &[&ImageRecord],
    notes: &mut Vec<String>,
) -> Result<Sheet> {
    let columns = columns::choose(source, notes)?;
    let places = Columns::new(source, columns.len())?;
    let readers: Result<Vec<CellReader<'_>>> =
        rows.iter().map(|row| CellReader::open(source, row)).collect();
    let readers = readers?;
    let (cells, occurring) = read(&columns, &readers)?;
    let scales: Vec<Option<ColorScale>> = (0..columns.len())
        .map(|i| scale_of(source, &columns, i, &readers, &cells))
        .collect();

    let row_height = |reader: &CellReader<'_>| {
        let (width, height) = reader.shown_size();
        places.width * height as f64 / width as f64
    };
    let heights: Vec<f64> = readers.iter().map(row_height).collect();
    let caption_size = caption_size(source, rows, &heights)?;
    let mut elements = Vec::new();
    let mut y = headers(&columns, &places, &mut elements)?;
    let most = (places.width / INCH * source.options.dpi).ceil().max(1.0) as usize;
    for (((reader, row), cells), height) in
        readers.iter().zip(rows).zip(cells).zip(heights)
    {
        caption(source, row, y, height, caption_size, &mut elements)?;
        for (i, (cell, scale)) in cells.into_iter().zip(&scales).enumerate() {
            let area =
                Area { left: places.left_of(i), top: y, width: places.width, height };
            let reason = if let Cell::Missing(reason) = &cell { *reason } else { "" };
            if let Some(picture) = reader.picture(cell, *scale, most) {
                let description = format!("{}: {}", row.path, columns[i].title);
                elements.push(Element::Picture { area, picture, description });
            } else {
                nothing(area, reason, &mut elements);
            }
        }
        y += height + GUTTER;
    }
    for (i, scale) in scales.iter().enumerate() {
        if let Some(scale) = scale {
            let place = (places.left_of(i), y);
            color_bar(*scale, place, places.width, &mut elements)?;
        }
    }
    if scales.iter().any(Option::is_some) {
        y += BAR + MARK + LABEL_SIZE + 2.0 * GUTTER;
    }
    y = footer::legend(source, &occurring, (places.left, y), &mut elements)?;
    let is_root = |(_, scale): &(&Column, &Option<ColorScale>)| {
        scale.is_some_and(|scale| !scale.scale.spacing.is_linear())
    };
    let roots = columns.iter().zip(&scales).filter(is_root);
    let roots: Vec<String> =
        roots.map(|(column, _)| column.name.replace('_', " ")).collect();
    let remarks = footer::scale_remarks(source, &roots);
    let at = (places.left, y);
    y = footer::small_print(source, rows, at, &remarks, &mut elements)?;
    let titles: Vec<&str> = columns.iter().map(|column| column.title.as_str()).collect();
    let images: Vec<&str> = rows.iter().map(|row| row.path.as_str()).collect();
    Ok(Sheet {
        width: source.options.width,
        height: y + MARGIN,
        title: titles.join(", "),
        description: format!(
            "Rows are {}; columns are {}.",
            images.join(", "),
            titles.join(", ")
        ),
        elements,
    })
}

/// Reads the cells of all rows.
fn read(
    columns: &[Column],
    readers: &[CellReader<'_>],
) -> Result<(Vec<Vec<Cell>>, Occurring)> {
    let mut cells: Vec<Vec<Cell>> = Vec::new();
    let mut occurring = Occurring::default();
    for reader in readers {
        let row: Result<Vec<Cell>> = columns.iter().map(|one| reader.read(one)).collect();
        let row = row?;
        for (column, cell) in columns.iter().zip(&row) {
            reader.add_occurring(column, cell, &mut occurring);
        }
        cells.push(row);
    }
    Ok((cells, occurring))
}

/// Adds a cell without a picture, with the reason.
fn nothing(area: Area, reason: &str, elements: &mut Vec<Element>) {
    elements.push(Element::Fill { area, color: NOTHING });
    let at = (area.left + area.width / 2.0, area.top + area.height / 2.0);
    let reason = text(reason, at, LABEL_SIZE);
    elements.push(Element::Text(Text { anchor: Anchor::Middle, ..reason }));
}

/// Returns the color scale of a column, if it has one.
fn scale_of(
    source: &Source<'_>,
    columns: &[Column],
    column: usize,
    readers: &[CellReader<'_>],
    cells: &[Vec<Cell>],
) -> Option<ColorScale> {
    let shown = |column: usize| -> Vec<f32> {
        let both = readers.iter().zip(cells);
        let of_row = |(reader, row): (&CellReader<'_>, &Vec<Cell>)| match row.get(column)
        {
            Some(Cell::Values(map)) => reader.shown_values(map),
            _ => Vec::new(),
        };
        both.flat_map(of_row).collect()
    };
    let quantity = match &columns[column].content {
        Content::Values(quantity) | Content::ValueLabel(quantity) => quantity,
        Content::ValueError(_) => return Some(ColorScale::of_errors(shown(column))),
        _ => return None,
    };
    let fixed = scale_of_run(source.run, quantity)
        .filter(|_| source.options.scale == FigureScale::Fixed);
    if let Some(scale) = fixed {
        return Some(ColorScale::new(quantity.measure, scale));
    }
    // True and predicted values share a scale.
    let same = |other: &Column| match &other.content {
        Content::Values(other) | Content::ValueLabel(other) => {
            other.name == quantity.name
        }
        _ => false,
    };
    let all = (0..columns.len()).filter(|i| same(&columns[*i])).flat_map(shown);
    Some(ColorScale::of_shown(quantity.measure, all.collect()))
}

/// Adds the headings, and returns the position below them.
fn headers(
    columns: &[Column],
    places: &Columns,
    elements: &mut Vec<Element>,
) -> Result<f64> {
    let mut size = HEADER_SIZE;
    let words = columns.iter().flat_map(|column| column.title.split_whitespace());
    for word in words {
        let width = width_of(word, size)?;
        if width > places.width {
            size = (size * places.width / width).max(SMALLEST_SIZE);
        }
    }
    let mut headings = Vec::new();
    for column in columns {
        headings.push(wrapped(&column.title, size, places.width)?);
    }
    let n_lines = headings.iter().map(Vec::len).max().unwrap_or(0);
    let last = MARGIN + size * (0.8 + LINE * (n_lines as f64 - 1.0));
    for (i, lines) in headings.iter().enumerate() {
        let middle = places.left_of(i) + places.width / 2.0;
        for (line, content) in lines.iter().enumerate() {
            let above = (lines.len() - 1 - line) as f64;
            let y = last - above * LINE * size;
            let content = shortened(content, size, places.width)?;
            let heading = text(&content, (middle, y), size);
            elements.push(Element::Text(Text { anchor: Anchor::Middle, ..heading }));
        }
    }
    Ok(last + size * 0.3 + GUTTER / 2.0)
}

/// Returns the size of the captions: smaller if some are longer than their row is high.
fn caption_size(
    source: &Source<'_>,
    rows: &[&ImageRecord],
    heights: &[f64],
) -> Result<f64> {
    let mut size = LABEL_SIZE;
    for (row, height) in rows.iter().zip(heights) {
        let Some(caption) = caption_of(source, row) else { continue };
        let length = width_of(&caption, LABEL_SIZE)?;
        size = size.min(LABEL_SIZE * (height + BEYOND) / length).max(SMALLEST_SIZE);
    }
    Ok(size)
}

/// Adds the caption at the left of a row.
fn caption(
    source: &Source<'_>,
    row: &ImageRecord,
    top: f64,
    height: f64,
    size: f64,
    elements: &mut Vec<Element>,
) -> Result<()> {
    let Some(caption) = caption_of(source, row) else { return Ok(()) };
    let caption = shortened(&caption, size, height + BEYOND)?;
    let at = (MARGIN + LABEL_SIZE * 0.9, top + height / 2.0);
    let caption = text(&caption, at, size);
    elements.push(Element::Text(Text {
        anchor: Anchor::Middle,
        direction: Direction::Up,
        color: GRAY,
        ..caption
    }));
    Ok(())
}

/// Returns the caption of an image.
pub(super) fn caption_of(source: &Source<'_>, row: &ImageRecord) -> Option<String> {
    let name = row.path.rsplit('/').next().unwrap_or(&row.path);
    match source.options.captions {
        Captions::Name => {
            let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
            Some(stem.to_owned())
        }
        Captions::Path => Some(row.path.clone()),
        Captions::None => None,
    }
}

/// Adds a color bar with its numbers.
fn color_bar(
    scale: ColorScale,
    (left, top): (f64, f64),
    width: f64,
    elements: &mut Vec<Element>,
) -> Result<()> {
    elements.push(Element::Picture {
        area: Area { left, top, width, height: BAR },
        picture: ColorScale::bar(),
        description: "color bar".to_owned(),
    });
    for tick in scale.ticks(width)? {
        let x = left + tick.place * width;
        let mark = Area {
            left: (x - HAIRLINE / 2.0).clamp(left, left + width - HAIRLINE),
            top: top + BAR,
            width: HAIRLINE,
            height: MARK,
        };
        elements.push(Element::Fill { area: mark, color: INK });
        let half = width_of(&tick.label, LABEL_SIZE)? / 2.0;
        let x =
            x.clamp(left + half.min(width / 2.0), left + width - half.min(width / 2.0));
        let label = text(&tick.label, (x, top + BAR + MARK + LABEL_SIZE), LABEL_SIZE);
        elements.push(Element::Text(Text { anchor: Anchor::Middle, ..label }));
    }
    Ok(())
}
