//! An RGB picture with drawing operations.

/// An RGB picture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Canvas {
    /// Number of rows.
    pub height: usize,
    /// Number of columns.
    pub width: usize,
    /// Red, green and blue of each pixel, row by row from the top left.
    pub rgb: Vec<u8>,
}

/// A rectangle of whole pixels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::output) struct Area {
    pub(in crate::output) left: usize,
    pub(in crate::output) top: usize,
    pub(in crate::output) width: usize,
    pub(in crate::output) height: usize,
}

impl Canvas {
    /// Creates a picture of one color.
    pub(in crate::output) fn new(width: usize, height: usize, color: [u8; 3]) -> Self {
        Self { height, width, rgb: color.repeat(width * height) }
    }

    /// Copies a line of pixels to a position; pixels that do not fit are cut off.
    pub(in crate::output) fn copy_line(&mut self, left: usize, y: usize, line: &[u8]) {
        let room = 3 * self.width.saturating_sub(left);
        let line = &line[..line.len().min(room)];
        let start = 3 * (y * self.width + left);
        if let Some(target) = self.rgb.get_mut(start..start + line.len()) {
            target.copy_from_slice(line);
        }
    }

    /// Fills a rectangle with one color.
    pub(in crate::output) fn fill(&mut self, area: Area, color: [u8; 3]) {
        let line = color.repeat(area.width);
        for y in area.top..area.top + area.height {
            self.copy_line(area.left, y, &line);
        }
    }

    /// Blends a color with a pixel; does nothing outside the picture.
    pub(super) fn blend(&mut self, (x, y): (i64, i64), color: [u8; 3], share: f32) {
        let (Ok(x), Ok(y)) = (usize::try_from(x), usize::try_from(y)) else { return };
        if x >= self.width || y >= self.height {
            return;
        }
        let pixel = &mut self.rgb[3 * (y * self.width + x)..][..3];
        for (under, over) in pixel.iter_mut().zip(color) {
            let mixed = f32::from(*under) * (1.0 - share) + f32::from(over) * share;
            *under = mixed.round() as u8;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_outside_is_cut_off() {
        let mut canvas = Canvas::new(2, 2, [9; 3]);
        canvas.copy_line(1, 0, &[1; 6]);
        canvas.copy_line(5, 1, &[1; 6]);
        canvas.fill(Area { left: 0, top: 1, width: 1, height: 7 }, [2; 3]);
        canvas.blend((-1, 0), [3; 3], 1.0);
        canvas.blend((2, 0), [3; 3], 1.0);
        canvas.blend((1, 1), [19; 3], 0.5);
        assert_eq!(canvas.rgb, [[9; 3], [1; 3], [2; 3], [14; 3]].concat());
    }
}
