//! Reads maps of values: gray pictures, TIFFs of numbers, and `.npy` arrays.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use super::raster::{Pixels, Raster};
use super::{Numbers, Refusal, bitmap, frames, png, read_bytes, tiff};
use crate::error::{Error, Result};
use crate::npy;

const NUMBERS: &str = "expected a gray picture, a TIFF of numbers, or an .npy of numbers with the \
                       shape (H, W), or (K, H, W) for K targets";

/// Conversion from the numbers of a label file to the unit of the target.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LabelConversion {
    /// Factor.
    pub scale: f64,
    /// Summand, in the unit of the target.
    pub offset: f64,
}

impl Default for LabelConversion {
    fn default() -> Self {
        Self { scale: 1.0, offset: 0.0 }
    }
}

impl LabelConversion {
    /// Converts a number of a label file.
    pub fn convert(&self, number: f64) -> f32 {
        (self.scale * number + self.offset) as f32
    }
}

/// The values of a label map.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueMap {
    /// Number of rows.
    pub height: usize,
    /// Number of columns.
    pub width: usize,
    /// One plane of `height * width` values, by row, for each target.
    pub planes: Vec<Vec<f32>>,
    /// True if the file contains integers.
    pub is_integer: bool,
}

/// Reads a map of values: a gray PNG, TIFF, BMP, GIF or WebP without loss, or an `.npy`. The
/// content determines the format, not the name.
///
/// # Errors
/// Fails if the file cannot be read, has another format, or was compressed with loss.
pub fn read_value_map(path: &Path, conversion: LabelConversion) -> Result<ValueMap> {
    let bytes = read_bytes(path)?;
    // A panic of a decoder is an error of this file only.
    let parsed = catch_unwind(AssertUnwindSafe(|| parse(&bytes)))
        .unwrap_or_else(|_| Err(Refusal::new("the decoder panicked", NUMBERS)));
    let numbers = parsed.map_err(|refusal| {
        Error::image(path, format!("not a map of values: {}", refusal.message))
            .with_hint(refusal.hint)
    })?;
    let Numbers { height, width, values, is_integer } = numbers;
    let planes = values.chunks_exact(height * width);
    let planes = planes
        .map(|plane| plane.iter().map(|number| conversion.convert(*number)).collect());
    Ok(ValueMap { height, width, planes: planes.collect(), is_integer })
}

fn parse(bytes: &[u8]) -> Result<Numbers, Refusal> {
    if bytes.starts_with(b"\x93NUMPY") {
        return array(bytes);
    }
    let frames = frames::count(bytes);
    if frames > 1 {
        return Err(Refusal::new(
            format!("it has {frames} pages or frames; expected one"),
            "write one map of values into each file",
        ));
    }
    if tiff::is_tiff(bytes) {
        return tiff::numbers(bytes, NUMBERS);
    }
    let is_png = bytes.starts_with(b"\x89PNG");
    let raster = if is_png { png::read(bytes) } else { bitmap::read(bytes) };
    // The hints of label maps are about ids.
    let raster = raster.map_err(|refusal| Refusal::new(refusal.message, NUMBERS))?;
    gray(raster)
}

fn gray(raster: Raster) -> Result<Numbers, Refusal> {
    let Raster { height, width, pixels, is_lossy } = raster;
    if is_lossy {
        return Err(Refusal::new("it is compressed with loss", NUMBERS));
    }
    match pixels {
        Pixels::Levels { levels, .. } if levels.len() == height * width => Ok(Numbers {
            height,
            width,
            values: levels.into_iter().map(f64::from).collect(),
            is_integer: true,
        }),
        Pixels::Levels { .. } => Err(Refusal::new("it is truncated", NUMBERS)),
        Pixels::Indices { .. } => {
            Err(Refusal::new("its pixels are the indices of a palette", NUMBERS))
        }
        Pixels::Colors(_) => {
            Err(Refusal::new("its pixels are colors, not numbers", NUMBERS))
        }
    }
}

fn array(bytes: &[u8]) -> Result<Numbers, Refusal> {
    let array = npy::open(bytes)
        .map_err(|error: std::io::Error| Refusal::new(error.to_string(), NUMBERS))?;
    let (height, width) = match array.shape[..] {
        [height, width] | [height, width, 1] | [_, height, width] => (height, width),
        _ => (0, 0),
    };
    if height * width == 0 || array.shape.contains(&0) {
        return Err(Refusal::new(format!("its shape is {:?}", array.shape), NUMBERS));
    }
    if array.fortran_order {
        return Err(Refusal::new("it is in Fortran order", "save it in C order"));
    }
    let integers = array.integers();
    let is_integer = integers.is_some();
    let values = integers
        .map(|numbers| numbers.into_iter().map(|number| number as f64).collect())
        .or_else(|| array.floats());
    let values = values.ok_or_else(|| {
        Refusal::new(format!("its numbers are of type {}", array.kind), NUMBERS)
    })?;
    Ok(Numbers { height, width, values, is_integer })
}

#[cfg(test)]
mod tests {
    use image::{ImageBuffer, Luma, Rgb, RgbImage};

    use super::*;

    #[test]
    fn integers_and_floating_point_numbers_are_converted_to_the_unit() {
        let folder = tempfile::tempdir().unwrap();
        let conversion = LabelConversion { scale: 0.5, offset: 1.0 };
        let read = |name: &str| read_value_map(&folder.path().join(name), conversion);
        let png: ImageBuffer<Luma<u16>, Vec<u16>> =
            ImageBuffer::from_raw(2, 1, vec![0, 60_001]).unwrap();
        png.save(folder.path().join("a.png")).unwrap();
        let map = read("a.png").unwrap();
        assert_eq!((map.height, map.width, map.is_integer), (1, 2, true));
        assert_eq!(map.planes, [[1.0, 30_001.5]]);
        let values = [0.25, f32::NAN, -3.0, f32::INFINITY];
        let bytes = npy::encode_f32(&[2, 1, 2], &values).unwrap();
        std::fs::write(folder.path().join("b.npy"), bytes).unwrap();
        let map = read("b.npy").unwrap();
        assert_eq!((map.planes.len(), map.is_integer), (2, false));
        assert_eq!((map.planes[0][0], map.planes[1][0]), (1.125, -0.5));
        assert!(map.planes[0][1].is_nan() && map.planes[1][1].is_infinite());
        RgbImage::from_pixel(2, 2, Rgb([1, 2, 3]))
            .save(folder.path().join("c.png"))
            .unwrap();
        let error = read("c.png").unwrap_err();
        assert!(error.to_string().contains("colors, not numbers"), "{error}");
    }
}
