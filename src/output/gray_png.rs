//! Maps of values as 16-bit gray PNG files: 257 times finer than heat maps, without colors.

use std::io;

use super::heat_map::{HeatMap, Scale};
use super::png_decoder::{self, Samples};
use super::png_encoder::{self, Pixels};
use crate::tensor::Map;

/// Level of the bound.
const HIGHEST: u16 = u16::MAX;

/// Encodes a map as a 16-bit gray PNG (color type 0, bit depth 16, high byte first).
///
/// A pixel is `round(65535 * position)` with halves away from zero, where the position of a value on the
/// scale is `(value - low) / length`, or the square root of that; values outside the scale are clamped.
/// So [`Scale::value`] of the pixel is the value with an error of at most half a step.
///
/// Every level can be a value, so the `tRNS` chunk states which level means "none" (NaN) and is fully
/// transparent. The chunk exists only if a pixel has no value. It contains the highest level that no
/// value of this map has, which is 65535 except for maps that reach their bound. (If a map has all
/// 65536 levels, it is 65535, and the values there are written as 65534.) Pillow returns it as
/// `image.info["transparency"]`.
///
/// # Errors
///
/// Fails if the length of the scale is not a positive number, or if the map is empty or does not have the stated
/// size.
pub fn encode(heat: &HeatMap<'_>) -> io::Result<Vec<u8>> {
    heat.usable_length()?;
    let mut levels: Vec<Option<u16>> =
        heat.map.values.iter().map(|value| heat.scale.level(*value, HIGHEST)).collect();
    let none = if levels.contains(&None) { Some(set_free(&mut levels)) } else { None };
    let data: Vec<u8> = levels
        .into_iter()
        .flat_map(|level| level.or(none).unwrap_or_default().to_be_bytes())
        .collect();
    let size = (heat.map.width, heat.map.height);
    png_encoder::encode(size, &Pixels::Gray16 { none }, &data)
}

/// Reads a map that [`encode`] wrote on a scale, with an error of at most half a step.
///
/// # Errors
///
/// Fails if the file is not a 16-bit gray PNG, is truncated, or has too many pixels.
pub fn decode(bytes: &[u8], scale: Scale) -> io::Result<Map> {
    let raster = png_decoder::decode(bytes)?;
    let Samples::Gray16 { levels, none } = raster.samples else {
        return Err(png_decoder::unexpected("16-bit gray"));
    };
    let value = |level: u16| {
        if none == Some(level) { f32::NAN } else { scale.value(level, HIGHEST) }
    };
    let values = levels.into_iter().map(value).collect();
    Ok(Map { height: raster.height, width: raster.width, values })
}

/// Returns a level that no pixel has. If every level occurs, it is the highest one, whose pixels get
/// the next lower level.
fn set_free(levels: &mut [Option<u16>]) -> u16 {
    let mut taken = vec![false; usize::from(HIGHEST) + 1];
    for level in levels.iter().flatten() {
        taken[usize::from(*level)] = true;
    }
    let free = (0..=HIGHEST).rev().find(|level| !taken[usize::from(*level)]);
    free.unwrap_or_else(|| {
        for level in levels.iter_mut().flatten() {
            *level = (*level).min(HIGHEST - 1);
        }
        HIGHEST
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::output::heat_map::Spacing;

    fn file(height: usize, width: usize, values: Vec<f32>, bound: f32) -> Vec<u8> {
        let map = Map { height, width, values };
        encode(&HeatMap { map: &map, scale: Scale::up_to(bound) }).unwrap()
    }

    /// Header, levels, and the level that is transparent, as the `png` crate reads them.
    fn decode(bytes: &[u8]) -> (png::Info<'static>, Vec<u16>, Option<u16>) {
        let mut reader = png::Decoder::new(io::Cursor::new(bytes)).read_info().unwrap();
        let mut data = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut data).unwrap();
        let info = reader.info().clone();
        let levels = data.as_chunks().0.iter().map(|b| u16::from_be_bytes(*b)).collect();
        let none = info.trns.as_deref().map(|t| u16::from_be_bytes([t[0], t[1]]));
        (info, levels, none)
    }

    #[test]
    fn levels_come_back_and_a_full_map_has_no_transparency() {
        let values = vec![0.0, 0.5, 2.0, 3.0, -1.0, 2.0 / 65_535.0];
        let (info, levels, none) = decode(&file(2, 3, values, 2.0));
        assert_eq!((info.width, info.height), (3, 2));
        assert_eq!(info.color_type, png::ColorType::Grayscale);
        assert_eq!(info.bit_depth, png::BitDepth::Sixteen);
        assert_eq!(levels, [0, 16_384, 65_535, 65_535, 0, 1]);
        assert_eq!(none, None);
    }

    #[test]
    fn pixels_without_a_value_take_a_level_of_their_own() {
        let (_, levels, none) = decode(&file(1, 3, vec![0.0, f32::NAN, 0.5], 1.0));
        assert_eq!((levels, none), (vec![0, 65_535, 32_768], Some(65_535)));
        let (_, levels, none) = decode(&file(1, 3, vec![0.0, f32::NAN, 1.0], 1.0));
        assert_eq!((levels, none), (vec![0, 65_534, 65_535], Some(65_534)));
        let (_, levels, none) = decode(&file(1, 2, vec![f32::NAN; 2], 1.0));
        assert_eq!((levels, none), (vec![65_535; 2], Some(65_535)));
    }

    #[test]
    fn a_map_of_all_levels_gives_one_up_for_none() {
        let mut values: Vec<f32> = (0..=65_535_u16).map(f32::from).collect();
        values.push(f32::NAN);
        let (_, levels, none) = decode(&file(1, values.len(), values, 65_535.0));
        assert_eq!(none, Some(65_535));
        assert_eq!(levels[65_533..], [65_533, 65_534, 65_534, 65_535]);
        assert!(levels[..65_535].iter().zip(0_u16..).all(|(level, i)| *level == i));
    }

    #[test]
    fn another_reader_shows_gray_and_transparency() {
        let shown = file(1, 3, vec![0.0, f32::NAN, 1.0], 1.0);
        let shown = image::load_from_memory(&shown).unwrap();
        assert_eq!(shown.color(), image::ColorType::La16);
        let shown = shown.into_luma_alpha16().into_raw();
        assert_eq!(shown, [0, 65_535, 65_534, 0, 65_535, 65_535]);
    }

    #[test]
    fn what_cannot_be_shown_is_refused() {
        let map = Map { height: 1, width: 2, values: vec![0.0; 2] };
        for bound in [0.0, -1.0, f32::NAN, f32::INFINITY] {
            let heat = HeatMap { map: &map, scale: Scale::up_to(bound) };
            assert!(encode(&heat).unwrap_err().to_string().contains("cannot end at"));
        }
        let map = Map { height: 2, width: 2, values: vec![f32::NAN; 3] };
        assert!(encode(&HeatMap { map: &map, scale: Scale::up_to(1.0) }).is_err());
    }

    #[test]
    fn levels_of_the_square_root_have_their_formula() {
        let values = vec![0.0, 0.5, 2.0, 2.0 / 65_535.0_f32.powi(2), 0.08, 9.0];
        let map = Map { height: 1, width: 6, values };
        let scale = Scale::up_to(2.0).with_spacing(Spacing::SquareRoot);
        let bytes = encode(&HeatMap { map: &map, scale }).unwrap();
        assert_eq!(decode(&bytes).1, [0, 32_768, 65_535, 1, 13_107, 65_535]);
    }

    proptest! {
        #[test]
        fn a_value_comes_back_to_half_a_step_of_either_spacing(
            parts in prop::collection::vec(prop::option::weighted(0.9, 0.0_f32..=1.0), 1..200),
            bound in 1e-3_f32..1e3,
            squares in any::<bool>(),
        ) {
            let values: Vec<f32> =
                parts.iter().map(|part| part.map_or(f32::NAN, |part| part * bound)).collect();
            let map = Map { height: 1, width: values.len(), values };
            let scale = Scale::up_to(bound).with_spacing(Spacing::of(squares));
            let bytes = encode(&HeatMap { map: &map, scale }).unwrap();
            let (_, levels, none) = decode(&bytes);
            let read = super::decode(&bytes, scale).unwrap().values;
            for ((value, level), read) in map.values.iter().zip(levels).zip(read) {
                prop_assert_eq!(value.is_nan(), none == Some(level));
                prop_assert_eq!(value.is_nan(), read.is_nan());
                if !value.is_nan() {
                    let place = f64::from(*value) / f64::from(bound);
                    let place = if squares { place.sqrt() } else { place };
                    let apart = (f64::from(level) / 65_535.0 - place).abs();
                    prop_assert!(apart <= 0.5 / 65_535.0 * (1.0 + 1e-9));
                    // The rounding of f32, and half a step, which is longest at the upper end.
                    let half = f64::from(bound) * (1.0 / 65_535.0 + 1e-7);
                    prop_assert!((f64::from(read) - f64::from(*value)).abs() <= half);
                }
            }
        }
    }
}
