//! Turns 8-bit pixels into the numbers that the network takes.
//!
//! A value v becomes `(v * (1 / 255) - mean) / std` in f32, in the order and with the rounding
//! of torchvision's `ToDtype(float32, scale=True)` and `Normalize`. There are 256 values, so a
//! table of each channel holds them all.

use super::geometry::Geometry;
use super::resize::Pixels;
use super::settings::{Channels, Layout};

/// The standard deviation that leaves values in 0..255.
const RAW: f32 = 1.0 / 255.0;

/// What every 8-bit value becomes, a table a channel.
#[derive(Debug, Clone)]
pub(super) struct Tables(Vec<[f32; 256]>);

impl Tables {
    /// `mean` and `std` hold one number a channel.
    pub(super) fn new(mean: &[f32], std: &[f32]) -> Self {
        let table = |(mean, std): (&f32, &f32)| {
            std::array::from_fn(|value| {
                let value = value as f32;
                if *mean == 0.0 && std.to_bits() == RAW.to_bits() {
                    value
                } else {
                    (value * (1.0 / 255.0) - mean) / std
                }
            })
        };
        Self(mean.iter().zip(std).map(table).collect())
    }

    /// The part of the image that the network sees, in the network's order.
    pub(super) fn apply(
        &self,
        image: &Pixels,
        geometry: &Geometry,
        channels: Channels,
        layout: Layout,
    ) -> Vec<f32> {
        let Self(tables) = self;
        let count = tables.len();
        let pixels = geometry.width * geometry.height;
        let (pixel_step, channel_step) = match layout {
            Layout::Nchw => (1, pixels),
            Layout::Nhwc => (count, 1),
        };
        let (rows, first_row) = shared(geometry.top, geometry.height, image.size.height);
        let (columns, first_column) =
            shared(geometry.left, geometry.width, image.size.width);
        let mut values = vec![0.0; pixels * count];
        for (channel, table) in tables.iter().enumerate() {
            let source =
                if channels == Channels::Bgr { count - 1 - channel } else { channel };
            let plane = values[channel * channel_step..].iter_mut().step_by(pixel_step);
            if rows.len() < geometry.height || columns.len() < geometry.width {
                plane.take(pixels).for_each(|value| *value = table[0]);
            }
            for (row, network_row) in rows.clone().zip(first_row..) {
                let from = (row * image.size.width + columns.start) * count + source;
                let to = (network_row * geometry.width + first_column) * pixel_step
                    + channel * channel_step;
                let new = values[to..].iter_mut().step_by(pixel_step).take(columns.len());
                let old = image.values[from..].iter().step_by(count);
                new.zip(old).for_each(|(new, old)| *new = table[usize::from(*old)]);
            }
        }
        values
    }
}

/// Of `seen` positions from `first` on those that exist among `size`, and at which of the
/// seen positions they begin.
fn shared(first: isize, seen: usize, size: usize) -> (std::ops::Range<usize>, usize) {
    let start = first.max(0) as usize;
    let end = (first + seen.cast_signed()).clamp(0, size.cast_signed()) as usize;
    (start..end.max(start), (-first).max(0) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn raw_leaves_values_as_they_are() {
        let Tables(tables) = Tables::new(&[0.0], &[RAW]);
        for (value, result) in tables[0].iter().enumerate() {
            assert_eq!(result.to_bits(), (value as f32).to_bits());
        }
    }
}
