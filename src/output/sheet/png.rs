//! Sheets as PNG.

use std::io;

use super::{
    Anchor, Area, Direction, Element, INCH, MOST_PIXELS, Sheet, Text, printable,
};
use crate::output::overlay::{self, Canvas, Font};
use crate::output::png_encoder;

const PAPER: [u8; 3] = [255; 3];

/// Encodes a sheet as a PNG that states its dots per inch.
///
/// # Errors
///
/// Fails if it would have no pixels, or more than 200 million.
pub(super) fn encode(sheet: &Sheet, dpi: f64) -> io::Result<Vec<u8>> {
    let canvas = draw(sheet, dpi)?;
    let per_meter = (dpi / INCH * 1000.0).round() as u32;
    png_encoder::encode_print((canvas.width, canvas.height), &canvas.rgb, Some(per_meter))
}

fn draw(sheet: &Sheet, dpi: f64) -> io::Result<Canvas> {
    let scale = dpi / INCH;
    let (width, height) = ((sheet.width * scale).round(), (sheet.height * scale).round());
    if !(width >= 1.0 && height >= 1.0 && width * height <= MOST_PIXELS) {
        let message =
            format!("expected at most 200 million pixels, found {width} x {height}");
        return Err(io::Error::new(io::ErrorKind::InvalidInput, message));
    }
    let mut canvas = Canvas::new(width as usize, height as usize, PAPER);
    for element in &sheet.elements {
        match element {
            Element::Picture { area, picture, .. } => {
                let area = whole_pixels(*area, scale);
                let shown = picture.resized(picture.region(), (area.width, area.height));
                for (y, line) in shown.rgb.chunks(3 * shown.width).enumerate() {
                    canvas.copy_line(area.left, area.top + y, line);
                }
            }
            Element::Fill { area, color } => {
                canvas.fill(whole_pixels(*area, scale), *color);
            }
            Element::Text(text) => write(&mut canvas, text, scale)?,
        }
    }
    Ok(canvas)
}

fn write(canvas: &mut Canvas, text: &Text, scale: f64) -> io::Result<()> {
    let font = Font::of_size((text.size * scale) as f32)?;
    let content = printable(&font, &text.content);
    let before = match text.anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => font.width(&content) / 2.0,
        Anchor::End => font.width(&content),
    };
    // Letters look sharpest if their baseline lies on an edge of pixels.
    let (x, y) = ((text.x * scale) as f32, (text.y * scale) as f32);
    let at = match text.direction {
        Direction::Right => (x - before, y.round()),
        Direction::Up => (x.round(), y + before),
    };
    font.draw_at(canvas, &content, at, (text.direction, text.color));
    Ok(())
}

/// Returns the pixels of a rectangle: at least one, and the same edge for neighbors.
fn whole_pixels(area: Area, scale: f64) -> overlay::Area {
    let edge = |position: f64| (position * scale).round().max(0.0) as usize;
    let (left, top) = (edge(area.left), edge(area.top));
    let width = edge(area.left + area.width).saturating_sub(left).max(1);
    let height = edge(area.top + area.height).saturating_sub(top).max(1);
    overlay::Area { left, top, width, height }
}
