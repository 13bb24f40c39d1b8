//! Text in the font of the legend.
//!
//! The font is `DejaVu` Sans 2.37, reduced to printable ASCII; its license lies beside it. It was
//! made with fonttools:
//!
//! ```text
//! pyftsubset DejaVuSans.ttf --output-file=legend.ttf --unicodes=U+0020-007E --no-hinting \
//!     --layout-features= --name-IDs=0,1,2,6 --no-recalc-timestamp \
//!     --drop-tables+=DSIG,FFTM,GDEF,GPOS,GSUB,kern,post,MATH,gasp
//! ```

use std::io;

use ab_glyph::{Font as _, FontRef, PxScale, ScaleFont as _, point};

use super::canvas::Canvas;

pub(in crate::output) const FONT: &[u8] = include_bytes!("../legend.ttf");

/// Height of a lower-case x in em.
const X_HEIGHT: f32 = 1120.0 / 2048.0;

/// The font at a size.
#[derive(Debug)]
pub(super) struct Font {
    font: FontRef<'static>,
    scale: PxScale,
}

impl Font {
    /// Returns the font at the size at which a lower-case x has this height in pixels.
    ///
    /// Unhinted letters look sharpest if their top and bottom lie on edges of pixels.
    pub(super) fn new(x_height: usize) -> io::Result<Self> {
        let font = FontRef::try_from_slice(FONT).map_err(io::Error::other)?;
        let em = x_height as f32 / X_HEIGHT;
        let units = font.units_per_em().unwrap_or(2048.0);
        let scale = PxScale::from(em * font.height_unscaled() / units);
        Ok(Self { font, scale })
    }

    /// Returns the width of a line of text in pixels.
    pub(super) fn width(&self, text: &str) -> f32 {
        let font = self.font.as_scaled(self.scale);
        text.chars().map(|letter| font.h_advance(font.glyph_id(letter))).sum()
    }

    /// Draws a line of text that starts at `left`, with its baseline at the upper edge of the row
    /// `baseline`.
    pub(super) fn draw(
        &self,
        canvas: &mut Canvas,
        text: &str,
        (left, baseline): (f32, usize),
        color: [u8; 3],
    ) {
        let font = self.font.as_scaled(self.scale);
        let mut place = left;
        for letter in text.chars() {
            let mut glyph = font.scaled_glyph(letter);
            glyph.position = point(place, baseline as f32);
            place += font.h_advance(glyph.id);
            let Some(outline) = font.outline_glyph(glyph) else { continue };
            let corner = outline.px_bounds().min;
            let (left, top) = (corner.x as i64, corner.y as i64);
            outline.draw(|x, y, share| {
                let at = (left + i64::from(x), top + i64::from(y));
                // Makes stems darker that are thinner than a pixel.
                let share = share.clamp(0.0, 1.0);
                let share = share.midpoint(share.sqrt());
                canvas.blend(at, color, share);
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_font_has_every_printable_character() {
        let font = FontRef::try_from_slice(FONT).unwrap();
        for letter in ' '..='~' {
            assert_ne!(font.glyph_id(letter).0, 0, "{letter}");
        }
    }

    #[test]
    fn a_lower_case_x_is_as_high_as_asked_for() {
        for x_height in [4, 5, 9, 30] {
            let mut canvas = Canvas::new(80, 60, [255; 3]);
            let font = Font::new(x_height).unwrap();
            font.draw(&mut canvas, "x", (5.0, 40), [0; 3]);
            let inked = |y: &usize| canvas.rgb[240 * y..][..240].iter().any(|v| *v < 128);
            let rows: Vec<_> = (0..60).filter(inked).collect();
            assert_eq!(rows, (40 - x_height..40).collect::<Vec<_>>());
        }
    }

    #[test]
    fn text_grows_with_its_size_and_length() {
        let small = Font::new(5).unwrap();
        let large = Font::new(10).unwrap();
        let width = small.width("mutual information");
        assert!((large.width("mutual information") - 2.0 * width).abs() < 0.01);
        assert!(small.width("mutual information (nat)") > width);
        assert!(small.width("").abs() < 1e-6);
    }
}
