//! Sheets as SVG.

use std::io;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::{Anchor, Direction, Element, Sheet, Text};
use crate::output::chart::svg::{Svg, pixels};
use crate::output::overlay::FONT;
use crate::output::png_encoder;

/// Fonts of the text: the one that the file contains, then similar ones.
const FAMILY: &str = "mcdrop-sans, DejaVu Sans, Verdana, sans-serif";

/// Encodes a sheet as an SVG whose unit is the millimeter.
pub(super) fn encode(sheet: &Sheet) -> io::Result<Vec<u8>> {
    let mut svg = Svg::default();
    let (width, height) = (pixels(sheet.width), pixels(sheet.height));
    svg.open(
        "svg",
        &[
            ("xmlns", "http://www.w3.org/2000/svg"),
            ("width", &format!("{width}mm")),
            ("height", &format!("{height}mm")),
            ("viewBox", &format!("0 0 {width} {height}")),
            ("role", "img"),
            ("font-family", FAMILY),
        ],
    );
    svg.text("title", &[], &sheet.title);
    svg.text("desc", &[], &sheet.description);
    let font = BASE64.encode(FONT);
    let source = format!("url(data:font/ttf;base64,{font})");
    svg.text(
        "style",
        &[],
        &format!("@font-face {{ font-family: mcdrop-sans; src: {source} }}"),
    );
    svg.element("rect", &[("width", &width), ("height", &height), ("fill", "#ffffff")]);
    for element in &sheet.elements {
        match element {
            Element::Picture { area, picture, description } => {
                let size = (picture.width, picture.height);
                let png = png_encoder::encode_print(size, &picture.rgb, None)?;
                let source = format!("data:image/png;base64,{}", BASE64.encode(png));
                let (x, y) = (pixels(area.left), pixels(area.top));
                svg.open(
                    "image",
                    &[
                        ("x", &x),
                        ("y", &y),
                        ("width", &pixels(area.width)),
                        ("height", &pixels(area.height)),
                        ("preserveAspectRatio", "none"),
                        ("image-rendering", "pixelated"),
                        ("href", &source),
                    ],
                );
                svg.text("title", &[], description);
                svg.close("image");
            }
            Element::Fill { area, color } => svg.element(
                "rect",
                &[
                    ("x", &pixels(area.left)),
                    ("y", &pixels(area.top)),
                    ("width", &pixels(area.width)),
                    ("height", &pixels(area.height)),
                    ("fill", &hexadecimal(*color)),
                ],
            ),
            Element::Text(text) => draw(&mut svg, text),
        }
    }
    svg.close("svg");
    Ok(svg.finish().into_bytes())
}

fn draw(svg: &mut Svg, text: &Text) {
    let (x, y) = (pixels(text.x), pixels(text.y));
    let (size, color) = (pixels(text.size), hexadecimal(text.color));
    let turned = format!("rotate(-90 {x} {y})");
    let mut attributes =
        vec![("x", &x[..]), ("y", &y), ("font-size", &size), ("fill", &color)];
    match text.anchor {
        Anchor::Start => {}
        Anchor::Middle => attributes.push(("text-anchor", "middle")),
        Anchor::End => attributes.push(("text-anchor", "end")),
    }
    if text.direction == Direction::Up {
        attributes.push(("transform", &turned));
    }
    svg.text("text", &attributes, &text.content);
}

fn hexadecimal([red, green, blue]: [u8; 3]) -> String {
    format!("#{red:02x}{green:02x}{blue:02x}")
}
