//! Charts as PNG, for programs that do not show SVG.

use std::io;
use std::sync::Arc;

use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::{self, Options, Tree, fontdb};

use crate::output::overlay::FONT;
use crate::output::png_encoder::{self, Pixels};

/// Scale of the PNG relative to the SVG.
const SCALE: u8 = 2;

/// Draws an SVG of [`svg`](super::svg()) at twice its size, with the font of the legends.
///
/// # Errors
///
/// Fails if the text is not an SVG or the picture would be empty.
pub fn png(svg: &str) -> io::Result<Vec<u8>> {
    let mut fonts = fontdb::Database::new();
    fonts.load_font_data(FONT.to_vec());
    let family = fonts.faces().next().and_then(|face| face.families.first());
    let family = family.map(|(name, _)| name.clone()).unwrap_or_default();
    let options = Options {
        font_family: family,
        font_resolver: usvg::FontResolver {
            // The only font is used, whatever font the SVG names.
            select_font: Box::new(|_, fonts| fonts.faces().next().map(|face| face.id)),
            select_fallback: usvg::FontResolver::default_fallback_selector(),
        },
        fontdb: Arc::new(fonts),
        ..Options::default()
    };
    let tree = Tree::from_str(svg, &options).map_err(io::Error::other)?;
    let side = |side: f32| (side * f32::from(SCALE)).ceil() as u32;
    let (width, height) = (side(tree.size().width()), side(tree.size().height()));
    let mut canvas = Pixmap::new(width, height)
        .ok_or_else(|| io::Error::other(format!("{width} x {height} pixels")))?;
    canvas.fill(Color::WHITE);
    let scale = f32::from(SCALE);
    resvg::render(&tree, Transform::from_scale(scale, scale), &mut canvas.as_mut());
    let rgb: Vec<u8> = canvas
        .data()
        .as_chunks::<4>()
        .0
        .iter()
        .flat_map(|p| [p[0], p[1], p[2]])
        .collect();
    png_encoder::encode((width as usize, height as usize), &Pixels::Rgb, &rgb)
}
