//! Overlays: the image with its heat map over it, and a legend below.
//!
//! Certain regions show the image; less certain regions show more of the color. Pixels without a
//! prediction are gray. The legend is a separate strip and does not cover pixels.

mod canvas;
mod legend;
mod text;

use std::io;

use super::colormap::{self, HIGHEST_LEVEL, NO_LEVEL};
use super::heat_map::HeatMap;
use super::png_encoder::{self, Pixels};
use crate::tensor::Map;
#[cfg(feature = "report")]
pub(super) use canvas::Area;
pub use canvas::Canvas;
#[cfg(feature = "report")]
pub use text::Direction;
#[cfg(any(feature = "charts", feature = "report"))]
pub(super) use text::FONT;
#[cfg(feature = "report")]
pub(super) use text::Font;

/// Smallest width with room for a legend. Narrower images are enlarged by a whole factor.
pub const NARROWEST: usize = 128;

/// Largest number of pixels of an enlarged image.
const LARGEST_ENLARGED: usize = 1 << 22;

/// Opacity of the color at the upper end of the scale.
const STRONGEST: f32 = 0.7;

/// An image over which a heat map is drawn.
#[derive(Debug, Clone, Copy)]
pub struct Photo<'a> {
    /// Number of rows.
    pub height: usize,
    /// Number of columns.
    pub width: usize,
    /// Red, green and blue of each pixel, row by row from the top left.
    pub rgb: &'a [u8],
}

/// Text of the legend.
#[derive(Debug, Clone, Copy)]
pub struct Caption<'a> {
    /// Name of the measure; underscores are shown as spaces.
    pub name: &'a str,
    /// Unit of its values; empty if they have none.
    pub unit: &'a str,
}

/// Draws an overlay and encodes it as a PNG.
///
/// # Errors
///
/// Fails like [`draw`].
pub fn encode_png(
    photo: Photo<'_>,
    heat: &HeatMap<'_>,
    caption: Caption<'_>,
) -> io::Result<Vec<u8>> {
    let canvas = draw(photo, heat, caption)?;
    png_encoder::encode((canvas.width, canvas.height), &Pixels::Rgb, &canvas.rgb)
}

/// Returns red, green and blue of the image with the heat map over it, without a legend.
///
/// # Errors
///
/// Fails like [`draw`].
pub fn blend(photo: Photo<'_>, heat: &HeatMap<'_>) -> io::Result<Vec<u8>> {
    fits(photo, heat.map)?;
    let (levels, blends) = (heat.levels()?, blends());
    let both = photo.rgb.as_chunks::<3>().0.iter().zip(&levels);
    Ok(both.flat_map(|(pixel, level)| blends[usize::from(*level)].over(*pixel)).collect())
}

/// Draws an overlay: the image, enlarged by a whole factor if it is narrower than [`NARROWEST`], with
/// the heat map over it, and the legend in a strip below.
///
/// # Errors
///
/// Fails if image and map are empty or have different sizes, or if the bound is not a positive number.
pub fn draw(
    photo: Photo<'_>,
    heat: &HeatMap<'_>,
    caption: Caption<'_>,
) -> io::Result<Canvas> {
    fits(photo, heat.map)?;
    let (height, width) = (photo.height, photo.width);
    let levels = heat.levels()?;
    let factor = enlargement(width, height * width);
    let (shown_width, shown_height) = (width * factor, height * factor);
    let legend = legend::Legend::layout(&legend::Content {
        caption,
        scale: heat.scale,
        has_values_above: heat.has_values_above(),
        has_gaps: levels.contains(&NO_LEVEL),
        picture: (shown_width, shown_height),
    })?;
    let sheet_width = sheet_width(shown_width, shown_height);
    let mut canvas =
        Canvas::new(sheet_width, shown_height + legend.height(), legend::PAPER);
    let left = (canvas.width - shown_width) / 2;
    let blends = blends();
    let mut line = Vec::with_capacity(width);
    let mut wide = Vec::with_capacity(shown_width);
    let lines = photo.rgb.as_chunks::<3>().0.chunks(width).zip(levels.chunks(width));
    for (y, (pixels, levels)) in lines.enumerate() {
        line.clear();
        let both = pixels.iter().zip(levels);
        line.extend(both.map(|(pixel, level)| blends[usize::from(*level)].over(*pixel)));
        if factor == 1 {
            canvas.copy_line(left, y, line.as_flattened());
            continue;
        }
        wide.clear();
        wide.extend(line.iter().flat_map(|color| std::iter::repeat_n(*color, factor)));
        for copy in 0..factor {
            canvas.copy_line(left, y * factor + copy, wide.as_flattened());
        }
    }
    legend.draw(&mut canvas, shown_height);
    Ok(canvas)
}

/// Refuses an image and a map of different sizes.
fn fits(photo: Photo<'_>, map: &Map) -> io::Result<()> {
    let n = photo.height * photo.width;
    let same = (photo.height, photo.width) == (map.height, map.width);
    if same && n > 0 && photo.rgb.len() == 3 * n && map.values.len() == n {
        return Ok(());
    }
    let message = format!(
        "an image of {} x {} and a map of {} x {} differ in size",
        photo.width, photo.height, map.width, map.height
    );
    Err(io::Error::new(io::ErrorKind::InvalidInput, message))
}

/// Returns the factor by which an image is enlarged.
fn enlargement(width: usize, n_pixels: usize) -> usize {
    let factor = NARROWEST.div_ceil(width);
    if factor * factor * n_pixels <= LARGEST_ENLARGED { factor } else { 1 }
}

/// Returns the width of the image with its legend. For a tall, narrow image the legend is cut off,
/// because room for the whole legend would be many times the size of the image.
fn sheet_width(width: usize, height: usize) -> usize {
    if height <= LARGEST_ENLARGED / NARROWEST { width.max(NARROWEST) } else { width }
}

/// Blending of a level with the image.
#[derive(Debug, Clone, Copy)]
struct Blend {
    /// Color times its opacity plus one half for rounding, in units of 1/256.
    over: [u16; 3],
    /// Weight of the image, in units of 1/256.
    under: u16,
    /// Whether the image becomes gray.
    gray: bool,
}

impl Blend {
    /// Blends a color with an opacity in units of 1/256.
    fn new(color: [u8; 3], share: u16, gray: bool) -> Self {
        let over = color.map(|value| u16::from(value) * share + 128);
        Self { over, under: 256 - share, gray }
    }

    #[inline]
    fn over(self, mut pixel: [u8; 3]) -> [u8; 3] {
        if self.gray {
            let [r, g, b] = pixel.map(u16::from);
            pixel = [((54 * r + 183 * g + 19 * b) >> 8) as u8; 3];
        }
        let mix =
            |i: usize| ((u16::from(pixel[i]) * self.under + self.over[i]) >> 8) as u8;
        [mix(0), mix(1), mix(2)]
    }
}

/// Returns the blending of every level.
fn blends() -> [Blend; 256] {
    let mut blends = [Blend::new([150; 3], 176, true); 256];
    for level in 0..=HIGHEST_LEVEL {
        let place = f32::from(level) / f32::from(HIGHEST_LEVEL);
        let share = (opacity(place) * 256.0).round() as u16;
        blends[usize::from(level)] = Blend::new(colormap::color(level), share, false);
    }
    blends
}

/// Returns the opacity of the color at a position of the scale, from 0 to 1.
fn opacity(place: f32) -> f32 {
    STRONGEST * (1.0 - (1.0 - place) * (1.0 - place))
}

#[cfg(test)]
mod tests;
