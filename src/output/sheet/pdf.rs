//! Sheets as PDF: one page, with the font and the pictures embedded.
//!
//! # References
//!
//! - ISO 32000-1 (2008), *Portable Document Format*: simple fonts with `WinAnsiEncoding` (9.6), image
//!   objects (8.9.5), cross-reference table (7.5.4).

use std::fmt::Write as _;
use std::io::{self, Write as _};

use flate2::Compression;
use flate2::write::ZlibEncoder;
use skrifa::instance::{LocationRef, Size};
use skrifa::{FontRef, MetadataProvider as _};

use super::{Anchor, Direction, Element, POINT, Sheet, Text, printable, text_width};
use crate::output::overlay::{FONT, Font};

/// Name of the font; the letters in front state that it is a subset.
const FONT_NAME: &str = "MCDROP+DejaVuSans";

/// Codes of the letters of the font. Those of Latin-1 are the same in `WinAnsiEncoding`.
const FIRST_CODE: u8 = 32;
const LAST_CODE: u8 = 255;

/// Number of the object of each part of the file; pictures follow.
const CATALOG: usize = 1;
const PAGES: usize = 2;
const PAGE: usize = 3;
const CONTENT: usize = 4;
const FONT_OBJECT: usize = 5;
const DESCRIPTOR: usize = 6;
const FONT_FILE: usize = 7;
const INFORMATION: usize = 8;
const FIRST_PICTURE: usize = 9;

/// Encodes a sheet.
pub(super) fn encode(sheet: &Sheet) -> io::Result<Vec<u8>> {
    let mut file = Objects::default();
    let page = |length: f64| number(length / POINT);
    let mut content = String::new();
    let mut pictures = Vec::new();
    for element in &sheet.elements {
        match element {
            Element::Picture { area, picture, .. } => {
                let bottom = sheet.height - area.top - area.height;
                let _ = writeln!(
                    content,
                    "q {} 0 0 {} {} {} cm /P{} Do Q",
                    page(area.width),
                    page(area.height),
                    page(area.left),
                    page(bottom),
                    pictures.len()
                );
                pictures.push(picture);
            }
            Element::Fill { area, color } => {
                let bottom = sheet.height - area.top - area.height;
                let _ = writeln!(
                    content,
                    "{} rg {} {} {} {} re f",
                    color_of(*color),
                    page(area.left),
                    page(bottom),
                    page(area.width),
                    page(area.height)
                );
            }
            Element::Text(text) => write_text(&mut content, text, sheet.height)?,
        }
    }
    let names = (0..pictures.len()).map(|i| format!("/P{i} {} 0 R", FIRST_PICTURE + i));
    let names: Vec<String> = names.collect();
    file.dictionary(CATALOG, &format!("/Type /Catalog /Pages {PAGES} 0 R"));
    file.dictionary(PAGES, &format!("/Type /Pages /Kids [{PAGE} 0 R] /Count 1"));
    file.dictionary(
        PAGE,
        &format!(
            "/Type /Page /Parent {PAGES} 0 R /MediaBox [0 0 {} {}] /Contents {CONTENT} 0 R \
             /Resources << /Font << /F {FONT_OBJECT} 0 R >> /XObject << {} >> >>",
            page(sheet.width),
            page(sheet.height),
            names.join(" ")
        ),
    );
    file.stream(CONTENT, "", content.as_bytes())?;
    write_font(&mut file)?;
    let font = Font::of_size(1.0)?;
    file.dictionary(
        INFORMATION,
        &format!("/Title {} /Producer (mcdrop)", string(&printable(&font, &sheet.title))),
    );
    for (i, picture) in pictures.iter().enumerate() {
        let entries = format!(
            "/Type /XObject /Subtype /Image /Width {} /Height {} /ColorSpace /DeviceRGB \
             /BitsPerComponent 8",
            picture.width, picture.height
        );
        file.stream(FIRST_PICTURE + i, &entries, &picture.rgb)?;
    }
    Ok(file.finish())
}

fn write_text(content: &mut String, text: &Text, page_height: f64) -> io::Result<()> {
    let before = match text.anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => text_width(&text.content, text.size)? / 2.0,
        Anchor::End => text_width(&text.content, text.size)?,
    };
    let (matrix, x, y) = match text.direction {
        Direction::Right => ("1 0 0 1", text.x - before, text.y),
        Direction::Up => ("0 1 -1 0", text.x, text.y + before),
    };
    let font = Font::of_size(1.0)?;
    let _ = writeln!(
        content,
        "BT /F {} Tf {} rg {matrix} {} {} Tm {} Tj ET",
        number(text.size / POINT),
        color_of(text.color),
        number(x / POINT),
        number((page_height - y) / POINT),
        string(&printable(&font, &text.content))
    );
    Ok(())
}

/// Writes the font, its measures and its file.
fn write_font(file: &mut Objects) -> io::Result<()> {
    let font = FontRef::new(FONT).map_err(io::Error::other)?;
    let metrics = font.metrics(Size::new(1000.0), LocationRef::default());
    let glyphs = font.glyph_metrics(Size::new(1000.0), LocationRef::default());
    let width = |code: u8| {
        let glyph = font.charmap().map(char::from(code));
        let width = glyph.and_then(|glyph| glyphs.advance_width(glyph));
        number(f64::from(width.unwrap_or_default()))
    };
    let widths: Vec<String> = (FIRST_CODE..=LAST_CODE).map(width).collect();
    file.dictionary(
        FONT_OBJECT,
        &format!(
            "/Type /Font /Subtype /TrueType /BaseFont /{FONT_NAME} /FirstChar {FIRST_CODE} \
             /LastChar {LAST_CODE} /Widths [{}] /Encoding /WinAnsiEncoding \
             /FontDescriptor {DESCRIPTOR} 0 R",
            widths.join(" ")
        ),
    );
    let bounds = metrics.bounds.unwrap_or_default();
    let bounds = [bounds.x_min, bounds.y_min, bounds.x_max, bounds.y_max];
    let bounds = bounds.map(|end| number(f64::from(end)));
    // Flag 32: the letters are those of Latin.
    file.dictionary(
        DESCRIPTOR,
        &format!(
            "/Type /FontDescriptor /FontName /{FONT_NAME} /Flags 32 /FontBBox [{}] \
             /ItalicAngle 0 /Ascent {} /Descent {} /CapHeight {} /StemV 80 \
             /FontFile2 {FONT_FILE} 0 R",
            bounds.join(" "),
            number(f64::from(metrics.ascent)),
            number(f64::from(metrics.descent)),
            number(f64::from(metrics.cap_height.unwrap_or(metrics.ascent)))
        ),
    );
    file.stream(FONT_FILE, &format!("/Length1 {}", FONT.len()), FONT)
}

/// The objects of a file, in the order of their numbers.
#[derive(Default)]
struct Objects {
    bytes: Vec<u8>,
    offsets: Vec<(usize, usize)>,
}

impl Objects {
    fn begin(&mut self, object: usize) {
        if self.bytes.is_empty() {
            // Bytes beyond ASCII state that the file is binary.
            self.bytes.extend(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n");
        }
        self.offsets.push((object, self.bytes.len()));
        self.bytes.extend(format!("{object} 0 obj\n").bytes());
    }

    fn dictionary(&mut self, object: usize, entries: &str) {
        self.begin(object);
        self.bytes.extend(format!("<< {entries} >>\nendobj\n").bytes());
    }

    fn stream(&mut self, object: usize, entries: &str, data: &[u8]) -> io::Result<()> {
        let mut packed = ZlibEncoder::new(Vec::new(), Compression::default());
        packed.write_all(data)?;
        let packed = packed.finish()?;
        self.begin(object);
        let length = packed.len();
        let entries = format!("<< {entries} /Filter /FlateDecode /Length {length} >>");
        self.bytes.extend(format!("{entries}\nstream\n").bytes());
        self.bytes.extend(packed);
        self.bytes.extend(b"\nendstream\nendobj\n");
        Ok(())
    }

    /// Adds the cross-reference table.
    fn finish(mut self) -> Vec<u8> {
        self.offsets.sort_unstable();
        let start = self.bytes.len();
        let n = self.offsets.len() + 1;
        let mut end = format!("xref\n0 {n}\n0000000000 65535 f \n");
        for (_, offset) in &self.offsets {
            let _ = writeln!(end, "{offset:010} 00000 n ");
        }
        let _ = write!(
            end,
            "trailer\n<< /Size {n} /Root {CATALOG} 0 R /Info {INFORMATION} 0 R >>\n\
             startxref\n{start}\n%%EOF\n"
        );
        self.bytes.extend(end.bytes());
        self.bytes
    }
}

/// Returns a string of letters that the font has, whose codes are those of Latin-1.
fn string(text: &str) -> String {
    let mut escaped = String::from("(");
    for letter in text.chars() {
        match letter {
            '(' | ')' | '\\' => escaped.extend(['\\', letter]),
            ' '..='~' => escaped.push(letter),
            letter => {
                let code = u32::from(letter).min(u32::from(LAST_CODE));
                let _ = write!(escaped, "\\{code:03o}");
            }
        }
    }
    escaped.push(')');
    escaped
}

fn color_of(color: [u8; 3]) -> String {
    color.map(|value| number(f64::from(value) / 255.0)).join(" ")
}

/// Formats a number with at most four decimals.
fn number(value: f64) -> String {
    let text = format!("{value:.4}");
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}
