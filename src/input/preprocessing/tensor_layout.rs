//! Writes pixels into the network's input, with the values that crop and padding add around them.

use std::ops::Range;

use super::geometry::Geometry;
use super::normalize::Scaling;
use super::resize::Pixels;
use crate::input::settings::Fill;
use crate::input::settings::{Channels, Layout};

/// Layout of the network's input: order of axes and channels, and values of the padding.
#[derive(Debug, Clone, Copy)]
pub(super) struct TensorLayout {
    /// Order of the axes.
    pub(super) layout: Layout,
    /// Channels.
    pub(super) channels: Channels,
    /// Values of the padding.
    pub(super) fill: Fill,
}

impl TensorLayout {
    /// Returns the network's input for a resized image. `number` scales a value of a channel.
    pub(super) fn arrange<T: Copy>(
        self,
        image: &Pixels<T>,
        geometry: &Geometry,
        scaling: &Scaling,
        number: impl Fn(usize, T) -> f32,
    ) -> Vec<f32> {
        let count = self.channels.count();
        let pixels = geometry.width * geometry.height;
        let (pixel_step, channel_step) = match self.layout {
            Layout::Nchw => (1, pixels),
            Layout::Nhwc => (count, 1),
        };
        let (rows, columns) = geometry.valid();
        let old_row = (rows.start.cast_signed() + geometry.top).cast_unsigned();
        let old_column = (columns.start.cast_signed() + geometry.left).cast_unsigned();
        let whole = rows.len() == geometry.height && columns.len() == geometry.width;
        let mut values = vec![0.0; pixels * count];
        for channel in 0..count {
            let source = match self.channels {
                Channels::Bgr => count - 1 - channel,
                _ => channel,
            };
            let plane = &mut values[channel * channel_step..];
            let mut plane = Plane { values: plane, step: pixel_step, geometry };
            if !whole {
                self.fill_border(&mut plane, scaling, channel, source);
            }
            for (row, old_row) in rows.clone().zip(old_row..) {
                let from = (old_row * image.size.width + old_column) * count + source;
                let old = image.values[from..].iter().step_by(count);
                let new = plane.line(row, columns.clone());
                new.zip(old).for_each(|(new, old)| *new = number(channel, *old));
            }
            if !whole && self.fill == Fill::Reflect {
                plane.reflect();
            }
        }
        values
    }

    /// Fills the border around the image: with the color or black, and with zero in the padding.
    fn fill_border(
        self,
        plane: &mut Plane<'_>,
        scaling: &Scaling,
        channel: usize,
        source: usize,
    ) {
        let geometry = plane.geometry;
        let color = match self.fill {
            Fill::Color(color) => {
                scaling.byte(channel, self.channel_of_color(color, source))
            }
            Fill::Zero | Fill::Reflect => scaling.byte(channel, 0),
        };
        let padding = if self.fill == Fill::Zero { 0.0 } else { color };
        for row in 0..geometry.height {
            plane.line(row, 0..geometry.width).for_each(|value| *value = padding);
        }
        let (rows, columns) = cropped(geometry);
        for row in rows {
            plane.line(row, columns.clone()).for_each(|value| *value = color);
        }
    }

    /// Returns one channel of a color: its luma for gray, opaque for a fourth band.
    fn channel_of_color(self, color: [u8; 3], source: usize) -> u8 {
        match self.channels {
            Channels::Gray => super::bands::luma(color),
            _ => color.get(source).copied().unwrap_or(u8::MAX),
        }
    }
}

/// One channel of the network's input.
struct Plane<'a> {
    values: &'a mut [f32],
    /// Distance from one pixel to the next.
    step: usize,
    geometry: &'a Geometry,
}

impl Plane<'_> {
    fn line(
        &mut self,
        row: usize,
        columns: Range<usize>,
    ) -> impl Iterator<Item = &mut f32> {
        let start = (row * self.geometry.width + columns.start) * self.step;
        self.values[start..].iter_mut().step_by(self.step).take(columns.len())
    }

    /// Fills the padding from the crop.
    fn reflect(&mut self) {
        let (rows, columns) = cropped(self.geometry);
        let (width, height) = (self.geometry.width, self.geometry.height);
        let row_of = reflected(&rows, height);
        let column_of = reflected(&columns, width);
        let step = self.step;
        for row in 0..height {
            let inside = rows.contains(&row);
            for column in
                (0..width).filter(|column| !(inside && columns.contains(column)))
            {
                let from = (row_of[row] * width + column_of[column]) * step;
                self.values[(row * width + column) * step] = self.values[from];
            }
        }
    }
}

/// Returns the rows and columns of the crop in the network's input.
fn cropped(geometry: &Geometry) -> (Range<usize>, Range<usize>) {
    let Geometry { padding_left, padding_top, cropped_width, cropped_height, .. } =
        *geometry;
    (
        padding_top..padding_top + cropped_height,
        padding_left..padding_left + cropped_width,
    )
}

/// Returns the position within `kept` that each of `size` positions shows.
fn reflected(kept: &Range<usize>, size: usize) -> Vec<usize> {
    let (start, last) = (kept.start, kept.end - 1);
    let too_small = start.max(size - kept.end) >= kept.len();
    let shown = |at: usize| match at {
        at if at < start && too_small => start,
        at if at < start => 2 * start - at,
        at if at > last && too_small => last,
        at if at > last => 2 * last - at,
        at => at,
    };
    (0..size).map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_border_is_not_repeated_where_the_image_is_large_enough() {
        assert_eq!(reflected(&(2..5), 7), [4, 3, 2, 3, 4, 3, 2]);
        assert_eq!(reflected(&(0..4), 6), [0, 1, 2, 3, 2, 1]);
        assert_eq!(reflected(&(0..4), 7), [0, 1, 2, 3, 2, 1, 0]);
        assert_eq!(reflected(&(0..4), 8), [0, 1, 2, 3, 3, 3, 3, 3]);
        assert_eq!(reflected(&(1..2), 3), [1, 1, 1]);
        assert_eq!(reflected(&(0..3), 3), [0, 1, 2]);
    }
}
