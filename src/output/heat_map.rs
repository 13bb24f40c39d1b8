//! Maps of values with their color scale.

use std::io;

use super::colormap::{self, HIGHEST_LEVEL, NO_LEVEL, Ramp};
use super::png_decoder::{self, Samples};
use super::png_encoder::{self, Pixels};
use crate::tensor::Map;

/// The range of values that a picture shows.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// Value with the darkest color.
    pub low: f32,
    /// Value with the brightest color.
    pub high: f32,
}

impl Scale {
    /// Creates a scale from 0 on.
    pub const fn up_to(high: f32) -> Self {
        Self { low: 0.0, high }
    }

    /// Returns the length.
    pub fn length(self) -> f32 {
        self.high - self.low
    }
}

/// A map with its scale.
///
/// The scale is the same for all images of a run, so that pictures can be compared.
#[derive(Debug, Clone, Copy)]
pub struct HeatMap<'a> {
    /// Values; NaN means none.
    pub map: &'a Map,
    /// The scale: for most measures from 0 to their upper bound.
    pub scale: Scale,
    /// Mapping of levels to colors.
    pub ramp: Ramp,
}

impl HeatMap<'_> {
    /// Returns the level of every pixel, as in [`colormap::level`].
    ///
    /// # Errors
    ///
    /// Fails if the length of the scale is not a positive number.
    pub fn levels(&self) -> io::Result<Vec<u8>> {
        let Scale { low, .. } = self.scale;
        let length = self.usable_length()?;
        let level = |value: &f32| colormap::level(*value - low, length);
        Ok(self.map.values.iter().map(level).collect())
    }

    /// Returns the length of the scale if it is a positive number.
    pub(super) fn usable_length(&self) -> io::Result<f32> {
        let length = self.scale.length();
        if length.is_finite() && length > 0.0 {
            return Ok(length);
        }
        let message =
            format!("the scale of a heat map cannot end at {}", self.scale.high);
        Err(io::Error::new(io::ErrorKind::InvalidInput, message))
    }
}

/// Encodes a heat map as an indexed 8-bit PNG. Index `i` is the value `low + i * length / 254` with an error
/// of at most half a step; index 255 (transparent) is none.
///
/// # Errors
///
/// Fails if the bound is not a positive number, or if the map is empty or does not have the stated
/// size.
pub fn encode_png(heat: &HeatMap<'_>) -> io::Result<Vec<u8>> {
    let palette = colormap::palette(heat.ramp);
    let palette = Pixels::Indexed(&palette);
    png_encoder::encode((heat.map.width, heat.map.height), &palette, &heat.levels()?)
}

/// Reads a heat map that [`encode_png`] wrote on a scale, with an error of at most half a step.
///
/// # Errors
///
/// Fails if the file is not an indexed 8-bit PNG, is truncated, or has too many pixels.
pub fn decode_png(bytes: &[u8], scale: Scale) -> io::Result<Map> {
    let raster = png_decoder::decode(bytes)?;
    let Samples::Indices(levels) = raster.samples else {
        return Err(png_decoder::unexpected("an indexed picture"));
    };
    let value = |level: u8| match level {
        NO_LEVEL => f32::NAN,
        level => scale.low + f32::from(level) * scale.length() / f32::from(HIGHEST_LEVEL),
    };
    let values = levels.into_iter().map(value).collect();
    Ok(Map { height: raster.height, width: raster.width, values })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(bytes: &[u8]) -> (png::OutputInfo, png::Info<'static>, Vec<u8>) {
        let mut reader = png::Decoder::new(io::Cursor::new(bytes)).read_info().unwrap();
        let mut data = vec![0; reader.output_buffer_size().unwrap()];
        let frame = reader.next_frame(&mut data).unwrap();
        (frame, reader.info().clone(), data)
    }

    #[test]
    fn indices_and_palette_come_back_from_the_file() {
        let values = vec![0.0, 0.5, 1.0, 2.0, f32::NAN, 0.25];
        let map = Map { height: 2, width: 3, values };
        let bytes = encode_png(&HeatMap {
            map: &map,
            scale: Scale::up_to(1.0),
            ramp: Ramp::Linear,
        })
        .unwrap();
        let (frame, info, data) = decode(&bytes);
        assert_eq!((frame.width, frame.height), (3, 2));
        assert_eq!(frame.color_type, png::ColorType::Indexed);
        assert_eq!(frame.bit_depth, png::BitDepth::Eight);
        assert_eq!(data, [0, 127, 254, 254, NO_LEVEL, 64]);
        assert_eq!(info.palette.unwrap(), colormap::palette(Ramp::Linear).as_flattened());
        let alpha = info.trns.unwrap();
        assert_eq!(alpha[254], 255);
        assert_eq!(alpha[255], 0);
    }

    #[test]
    fn another_reader_shows_magma_and_transparency() {
        let map = Map { height: 1, width: 3, values: vec![0.0, 1.0, f32::NAN] };
        let bytes = encode_png(&HeatMap {
            map: &map,
            scale: Scale::up_to(1.0),
            ramp: Ramp::Linear,
        })
        .unwrap();
        let shown = image::load_from_memory(&bytes).unwrap().to_rgba8();
        assert_eq!(shown.as_raw(), &[0, 0, 3, 255, 251, 252, 191, 255, 0, 0, 0, 0]);
    }

    #[test]
    fn a_scale_without_extent_is_refused() {
        let map = Map { height: 1, width: 1, values: vec![0.0] };
        for bound in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            let error = encode_png(&HeatMap {
                map: &map,
                scale: Scale::up_to(bound),
                ramp: Ramp::Linear,
            })
            .unwrap_err();
            assert!(error.to_string().contains("cannot end at"), "{error}");
        }
    }

    #[test]
    fn a_map_that_is_not_as_large_as_it_says_is_refused() {
        for values in [vec![], vec![0.0; 5], vec![0.0; 7]] {
            let map = Map { height: 2, width: 3, values };
            assert!(
                encode_png(&HeatMap {
                    map: &map,
                    scale: Scale::up_to(1.0),
                    ramp: Ramp::Linear
                })
                .is_err()
            );
        }
        let map = Map { height: 0, width: 3, values: vec![] };
        assert!(
            encode_png(&HeatMap {
                map: &map,
                scale: Scale::up_to(1.0),
                ramp: Ramp::Linear
            })
            .is_err()
        );
    }
}
