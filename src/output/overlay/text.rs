//! Text in the font of the legend.
//!
//! The font is `DejaVu` Sans 2.37, reduced to the printable letters of Latin-1; its license lies
//! beside it. It was made with fonttools:
//!
//! ```text
//! pyftsubset DejaVuSans.ttf --output-file=legend.ttf --no-hinting \
//!     --unicodes=U+0020-007E,U+00A0-00FF --layout-features= --name-IDs=0,1,2,6 \
//!     --no-recalc-timestamp \
//!     --drop-tables+=DSIG,FFTM,GDEF,GPOS,GSUB,kern,post,MATH,gasp
//! ```

use std::io;

use ab_glyph_rasterizer::{Point, Rasterizer, point};
use skrifa::instance::{LocationRef, Size};
use skrifa::metrics::{BoundingBox, GlyphMetrics};
use skrifa::outline::{DrawSettings, OutlinePen};
use skrifa::{FontRef, GlyphId, MetadataProvider as _};

use super::canvas::Canvas;

pub(in crate::output) const FONT: &[u8] = include_bytes!("../legend.ttf");

/// Height of a lower-case x in em.
const X_HEIGHT: f32 = 1120.0 / 2048.0;

/// Direction in which a line of text runs.
#[cfg_attr(
    not(feature = "report"),
    allow(dead_code, unreachable_pub, reason = "only figures turn text")
)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From left to right.
    Right,
    /// From the bottom up, turned by 90 degrees.
    Up,
}

/// The font at a size.
pub(in crate::output) struct Font {
    font: FontRef<'static>,
    /// Pixels per unit of the font.
    scale: f32,
}

impl std::fmt::Debug for Font {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Font").field("scale", &self.scale).finish_non_exhaustive()
    }
}

impl Font {
    /// Returns the font at the size at which a lower-case x has this height in pixels.
    ///
    /// Unhinted letters look sharpest if their top and bottom lie on edges of pixels.
    pub(super) fn new(x_height: usize) -> io::Result<Self> {
        Self::of_size(x_height as f32 / X_HEIGHT)
    }

    /// Returns the font at this size in pixels per em.
    pub(in crate::output) fn of_size(em: f32) -> io::Result<Self> {
        let font = FontRef::new(FONT).map_err(io::Error::other)?;
        let metrics = font.metrics(Size::unscaled(), LocationRef::default());
        Ok(Self { font, scale: em / f32::from(metrics.units_per_em) })
    }

    /// Returns whether the font has a letter.
    #[cfg(feature = "report")]
    pub(in crate::output) fn has(&self, letter: char) -> bool {
        self.font.charmap().map(letter).is_some()
    }

    /// Returns the width of a line of text in pixels.
    pub(in crate::output) fn width(&self, text: &str) -> f32 {
        text.chars().map(|letter| self.advance(self.glyph(letter))).sum()
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
        self.draw_at(canvas, text, (left, baseline as f32), (Direction::Right, color));
    }

    /// Draws a line of text that starts at `(x, y)`, in a direction and a color.
    pub(in crate::output) fn draw_at(
        &self,
        canvas: &mut Canvas,
        text: &str,
        (x, y): (f32, f32),
        (direction, color): (Direction, [u8; 3]),
    ) {
        let metrics = self.metrics();
        let mut place = 0.0;
        for letter in text.chars() {
            let glyph = self.glyph(letter);
            let origin = match direction {
                Direction::Right => point(x + place, y),
                Direction::Up => point(x, y - place),
            };
            place += self.advance(glyph);
            let outline = self.font.outline_glyphs().get(glyph);
            // A letter that the font lacks leaves a gap.
            let Some((outline, bounds)) = outline.zip(metrics.bounds(glyph)) else {
                continue;
            };
            let settings =
                DrawSettings::unhinted(Size::unscaled(), LocationRef::default());
            let placement = GlyphPlacement { scale: self.scale, origin, direction };
            let mut pen = RasterPen::new(placement, bounds);
            if outline.draw(settings, &mut pen).is_err() {
                continue;
            }
            pen.for_each_pixel(|at, share| {
                // Makes stems darker that are thinner than a pixel.
                let share = share.clamp(0.0, 1.0);
                let share = share.midpoint(share.sqrt());
                canvas.blend(at, color, share);
            });
        }
    }

    fn glyph(&self, letter: char) -> GlyphId {
        self.font.charmap().map(letter).unwrap_or_default()
    }

    fn metrics(&self) -> GlyphMetrics<'static> {
        self.font.glyph_metrics(Size::unscaled(), LocationRef::default())
    }

    fn advance(&self, glyph: GlyphId) -> f32 {
        self.metrics().advance_width(glyph).unwrap_or_default() * self.scale
    }
}

/// Placement of a letter on the canvas.
#[derive(Clone, Copy)]
struct GlyphPlacement {
    /// Pixels per unit of the font.
    scale: f32,
    /// Position of the letter.
    origin: Point,
    direction: Direction,
}

impl GlyphPlacement {
    /// Returns the position on the canvas of a point of the font, whose y grows upward.
    fn position(self, x: f32, y: f32) -> Point {
        let Self { scale, origin, direction } = self;
        match direction {
            Direction::Right => point(origin.x + x * scale, origin.y - y * scale),
            Direction::Up => point(origin.x - y * scale, origin.y - x * scale),
        }
    }
}

/// Pen that rasterizes the outline of a letter.
struct RasterPen {
    rasterizer: Rasterizer,
    placement: GlyphPlacement,
    /// Top left corner of the raster on the canvas.
    corner: Point,
    start: Point,
    last: Point,
}

impl RasterPen {
    /// Creates a pen for a letter with these bounds in units of the font.
    fn new(placement: GlyphPlacement, bounds: BoundingBox) -> Self {
        let one = placement.position(bounds.x_min, bounds.y_min);
        let other = placement.position(bounds.x_max, bounds.y_max);
        let corner = point(one.x.min(other.x).floor(), one.y.min(other.y).floor());
        let width = one.x.max(other.x).ceil() - corner.x;
        let height = one.y.max(other.y).ceil() - corner.y;
        let rasterizer = Rasterizer::new(width as usize, height as usize);
        let start = point(0.0, 0.0);
        Self { rasterizer, placement, corner, start, last: start }
    }

    /// Returns the position in the raster of a point of the font.
    fn position(&self, x: f32, y: f32) -> Point {
        let at = self.placement.position(x, y);
        point(at.x - self.corner.x, at.y - self.corner.y)
    }

    /// Calls `blend` with each pixel of the raster on the canvas, and the fraction of it that the
    /// letter covers.
    fn for_each_pixel(&self, mut blend: impl FnMut((i64, i64), f32)) {
        let (left, top) = (self.corner.x as i64, self.corner.y as i64);
        self.rasterizer.for_each_pixel_2d(|x, y, share| {
            blend((left + i64::from(x), top + i64::from(y)), share);
        });
    }
}

impl OutlinePen for RasterPen {
    fn move_to(&mut self, x: f32, y: f32) {
        self.last = self.position(x, y);
        self.start = self.last;
    }

    fn line_to(&mut self, x: f32, y: f32) {
        let end = self.position(x, y);
        self.rasterizer.draw_line(self.last, end);
        self.last = end;
    }

    fn quad_to(&mut self, cx: f32, cy: f32, x: f32, y: f32) {
        let (control, end) = (self.position(cx, cy), self.position(x, y));
        self.rasterizer.draw_quad(self.last, control, end);
        self.last = end;
    }

    fn curve_to(&mut self, ax: f32, ay: f32, bx: f32, by: f32, x: f32, y: f32) {
        let (first, second) = (self.position(ax, ay), self.position(bx, by));
        let end = self.position(x, y);
        self.rasterizer.draw_cubic(self.last, first, second, end);
        self.last = end;
    }

    fn close(&mut self) {
        self.rasterizer.draw_line(self.last, self.start);
        self.last = self.start;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_font_has_every_printable_character() {
        let font = FontRef::new(FONT).unwrap();
        for letter in (' '..='~').chain('\u{a0}'..='\u{ff}') {
            assert!(font.charmap().map(letter).is_some(), "{letter}");
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
