//! Maps of values with their color scale.

use std::io;

use serde::{Deserialize, Serialize};

use super::colormap::{self, HIGHEST_LEVEL, NO_LEVEL};
use super::png_decoder::{self, Samples};
use super::png_encoder::{self, Pixels};
use crate::tensor::Map;

/// How the levels of a file are spread over the values of a scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spacing {
    /// Equal steps of the value.
    #[default]
    Linear,
    /// Equal steps of the square root of the value, for values that are mostly far below the upper
    /// end: half of the levels are below a quarter of the scale.
    SquareRoot,
}

impl Spacing {
    /// Returns the spacing for values of which most are, or are not, far below the upper end.
    pub fn of(is_square_root: bool) -> Self {
        if is_square_root { Self::SquareRoot } else { Self::Linear }
    }

    /// Returns true for [`Spacing::Linear`].
    pub fn is_linear(&self) -> bool {
        *self == Self::Linear
    }

    /// Returns the position among the levels, from 0 to 1, of a fraction of a scale's length.
    pub fn position(self, fraction: f64) -> f64 {
        match self {
            Self::Linear => fraction,
            Self::SquareRoot => fraction.max(0.0).sqrt(),
        }
    }

    /// Returns the fraction of a scale's length at a position among the levels.
    pub fn fraction(self, position: f64) -> f64 {
        match self {
            Self::Linear => position,
            Self::SquareRoot => position * position,
        }
    }
}

/// The range of values that a picture shows, and the spacing of its levels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scale {
    /// Value of level 0, with the darkest color.
    pub low: f32,
    /// Value of the highest level, with the brightest color.
    pub high: f32,
    /// Spacing of the levels between these.
    pub spacing: Spacing,
}

impl Scale {
    /// Creates a scale with linear levels.
    pub const fn new(low: f32, high: f32) -> Self {
        Self { low, high, spacing: Spacing::Linear }
    }

    /// Creates a scale from 0 on with linear levels.
    pub const fn up_to(high: f32) -> Self {
        Self::new(0.0, high)
    }

    /// Returns the scale with the same ends and another spacing of the levels.
    #[must_use]
    pub const fn with_spacing(self, spacing: Spacing) -> Self {
        Self { spacing, ..self }
    }

    /// Returns the length.
    pub fn length(self) -> f32 {
        self.high - self.low
    }

    /// Returns the level of a value among levels from 0 to `highest`, with halves away from zero. Values
    /// outside the scale are clamped; NaN has no level.
    pub fn level(self, value: f32, highest: u16) -> Option<u16> {
        if value.is_nan() {
            return None;
        }
        // All are f32, so that the product is exact. The conversion clamps.
        let above_low = f64::from(value) - f64::from(self.low);
        let length = f64::from(self.high) - f64::from(self.low);
        let highest = f64::from(highest);
        let scaled = match self.spacing {
            Spacing::Linear => highest * above_low / length,
            Spacing::SquareRoot => highest * self.spacing.position(above_low / length),
        };
        Some(scaled.round().min(highest) as u16)
    }

    /// Returns the value of a level among levels from 0 to `highest`.
    pub fn value(self, level: u16, highest: u16) -> f32 {
        self.value_at(f64::from(level) / f64::from(highest))
    }

    /// Returns the value at a position among the levels, from 0 to 1.
    pub fn value_at(self, position: f64) -> f32 {
        let length = f64::from(self.high) - f64::from(self.low);
        (f64::from(self.low) + length * self.spacing.fraction(position)) as f32
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
}

impl HeatMap<'_> {
    /// Returns the level of every pixel, as in [`colormap::level`].
    ///
    /// # Errors
    ///
    /// Fails if the length of the scale is not a positive number.
    pub fn levels(&self) -> io::Result<Vec<u8>> {
        let Scale { low, spacing, .. } = self.scale;
        let length = self.usable_length()?;
        let values = self.map.values.iter();
        Ok(match spacing {
            Spacing::Linear => {
                values.map(|v| colormap::level(*v - low, length)).collect()
            }
            Spacing::SquareRoot => {
                values.map(|v| colormap::square_root_level(*v - low, length)).collect()
            }
        })
    }

    /// Returns true if a value is above the scale: its pixel has the highest level.
    pub fn has_values_above(&self) -> bool {
        self.map.values.iter().any(|value| *value > self.scale.high)
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

/// Encodes a heat map as an indexed 8-bit PNG. Index `i` is the value at the position `i / 254` of the
/// scale with an error of at most half a step; index 255 (transparent) is none.
///
/// # Errors
///
/// Fails if the bound is not a positive number, or if the map is empty or does not have the stated
/// size.
pub fn encode_png(heat: &HeatMap<'_>) -> io::Result<Vec<u8>> {
    let palette = colormap::palette();
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
        level => scale.value(u16::from(level), u16::from(HIGHEST_LEVEL)),
    };
    let values = levels.into_iter().map(value).collect();
    Ok(Map { height: raster.height, width: raster.width, values })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

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
        let bytes = encode_png(&HeatMap { map: &map, scale: Scale::up_to(1.0) }).unwrap();
        let (frame, info, data) = decode(&bytes);
        assert_eq!((frame.width, frame.height), (3, 2));
        assert_eq!(frame.color_type, png::ColorType::Indexed);
        assert_eq!(frame.bit_depth, png::BitDepth::Eight);
        assert_eq!(data, [0, 127, 254, 254, NO_LEVEL, 64]);
        assert_eq!(info.palette.unwrap(), colormap::palette().as_flattened());
        let alpha = info.trns.unwrap();
        assert_eq!(alpha[254], 255);
        assert_eq!(alpha[255], 0);
    }

    #[test]
    fn another_reader_shows_magma_and_transparency() {
        let map = Map { height: 1, width: 3, values: vec![0.0, 1.0, f32::NAN] };
        let bytes = encode_png(&HeatMap { map: &map, scale: Scale::up_to(1.0) }).unwrap();
        let shown = image::load_from_memory(&bytes).unwrap().to_rgba8();
        assert_eq!(shown.as_raw(), &[0, 0, 3, 255, 251, 252, 191, 255, 0, 0, 0, 0]);
    }

    #[test]
    fn a_scale_without_extent_is_refused() {
        let map = Map { height: 1, width: 1, values: vec![0.0] };
        for bound in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            let error = encode_png(&HeatMap { map: &map, scale: Scale::up_to(bound) })
                .unwrap_err();
            assert!(error.to_string().contains("cannot end at"), "{error}");
        }
    }

    #[test]
    fn a_map_that_is_not_as_large_as_it_says_is_refused() {
        for values in [vec![], vec![0.0; 5], vec![0.0; 7]] {
            let map = Map { height: 2, width: 3, values };
            assert!(
                encode_png(&HeatMap { map: &map, scale: Scale::up_to(1.0) }).is_err()
            );
        }
        let map = Map { height: 0, width: 3, values: vec![] };
        assert!(encode_png(&HeatMap { map: &map, scale: Scale::up_to(1.0) }).is_err());
    }

    proptest! {
        #[test]
        fn a_value_comes_back_from_the_file_to_half_a_step_of_either_spacing(
            parts in prop::collection::vec(prop::option::weighted(0.9, 0.0_f32..=1.0), 1..200),
            squares in any::<bool>(),
            bound in 1e-3_f32..1e3,
        ) {
            // Most values of the measures with this spacing are small.
            let part = |part: f32| if squares { part.powi(4) } else { part };
            let values: Vec<f32> =
                parts.iter().map(|one| one.map_or(f32::NAN, |one| part(one) * bound)).collect();
            let scale = Scale::up_to(bound).with_spacing(Spacing::of(squares));
            let map = Map { height: 1, width: values.len(), values };
            let bytes = encode_png(&HeatMap { map: &map, scale }).unwrap();
            let back = decode_png(&bytes, scale).unwrap();
            let place = |value: f32| {
                let fraction = f64::from(value) / f64::from(bound);
                if squares { fraction.sqrt() } else { fraction }
            };
            for (value, back) in map.values.iter().zip(&back.values) {
                prop_assert_eq!(value.is_nan(), back.is_nan());
                // Levels of 8-bit pictures are computed in single precision.
                let half = 0.5 / 254.0 * (1.0 + 1e-4);
                let apart = (place(*value) - place(*back)).abs();
                prop_assert!(value.is_nan() || apart <= half, "{} {}", value, back);
            }
        }
    }

    #[test]
    fn levels_of_the_square_root_are_finer_where_values_are_small() {
        let scale = Scale::up_to(2.0).with_spacing(Spacing::SquareRoot);
        let level = |value: f32| scale.level(value, 254).unwrap();
        assert_eq!((level(0.0), level(2.0), level(0.5), level(3.0)), (0, 254, 127, 254));
        assert_eq!((level(-1.0), scale.level(f32::NAN, 254)), (0, None));
        assert_eq!(level(2.0 * 10.4 * 10.4 / 254.0 / 254.0), 10);
        assert_eq!(level(2.0 * 10.6 * 10.6 / 254.0 / 254.0), 11);
        assert!((scale.value(127, 254) - 0.5).abs() < 1e-6);
        // The levels of pictures are computed in single precision.
        let values: Vec<f32> = (0..=20_000).map(|i| i as f32 * 1e-4).collect();
        let map = Map { height: 1, width: values.len(), values };
        let levels = HeatMap { map: &map, scale }.levels().unwrap();
        for (value, found) in map.values.iter().zip(levels) {
            assert_eq!(u16::from(found), level(*value), "{value}");
        }
    }
}
