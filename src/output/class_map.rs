//! Class maps as PNG files that contain the class ids and are displayed in color.

use std::io;

use super::png_decoder::{self, Samples};
use super::png_encoder::{self, Pixels};
use crate::palette::Palette;
use crate::tensor::ClassMap;

/// Number of classes from which on ids and "none" do not fit into a byte.
pub const WIDE_FROM: usize = 255;

/// Encodes a class map as a PNG whose pixels are the class ids.
///
/// With fewer than [`WIDE_FROM`] classes, pixels are 8-bit palette indices, and 255 (transparent) is
/// none. Otherwise they are 16-bit gray, and 65535 is none. The format depends only on the number of
/// classes, so that all files of a run have the same format.
///
/// # Errors
///
/// Fails if an id is not below `n_classes`, or if the map is empty or does not have the stated size.
pub fn encode_png(
    map: &ClassMap,
    n_classes: usize,
    palette: &Palette,
) -> io::Result<Vec<u8>> {
    check_ids(&map.classes, n_classes)?;
    let size = (map.width, map.height);
    if n_classes >= WIDE_FROM {
        let data: Vec<u8> = map.classes.iter().flat_map(|id| id.to_be_bytes()).collect();
        return png_encoder::encode(size, &Pixels::Gray16 { none: None }, &data);
    }
    let mut colors = [[0; 3]; 256];
    for (class, color) in (0..n_classes as u16).zip(&mut colors) {
        *color = palette.color(class);
    }
    // The low byte of `ClassMap::NONE` is 255, which is not a class here.
    let data: Vec<u8> = map.classes.iter().map(|id| *id as u8).collect();
    png_encoder::encode(size, &Pixels::Indexed(&colors), &data)
}

/// Reads a class map that [`encode_png`] wrote for this number of classes.
///
/// # Errors
///
/// Fails if the file has another format, is truncated, has too many pixels, or contains an id that is
/// not a class.
pub fn decode_png(bytes: &[u8], n_classes: usize) -> io::Result<ClassMap> {
    let raster = png_decoder::decode(bytes)?;
    let classes: Vec<u16> = match raster.samples {
        Samples::Indices(ids) if n_classes < WIDE_FROM => {
            let id = |id| if id == u8::MAX { ClassMap::NONE } else { u16::from(id) };
            ids.into_iter().map(id).collect()
        }
        Samples::Gray16 { levels, .. } if n_classes >= WIDE_FROM => levels,
        _ => return Err(png_decoder::unexpected("class ids")),
    };
    check_ids(&classes, n_classes)?;
    Ok(ClassMap { height: raster.height, width: raster.width, classes })
}

fn check_ids(classes: &[u16], n_classes: usize) -> io::Result<()> {
    let strange = |id: &&u16| **id != ClassMap::NONE && usize::from(**id) >= n_classes;
    let Some(id) = classes.iter().find(strange) else { return Ok(()) };
    let message = format!("class {id} in a map of {n_classes} classes");
    Err(io::Error::new(io::ErrorKind::InvalidData, message))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(classes: Vec<u16>) -> ClassMap {
        ClassMap { height: 1, width: classes.len(), classes }
    }

    fn decode(bytes: &[u8]) -> (png::Info<'static>, Vec<u8>) {
        let mut reader = png::Decoder::new(io::Cursor::new(bytes)).read_info().unwrap();
        let mut data = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut data).unwrap();
        (reader.info().clone(), data)
    }

    #[test]
    fn ids_and_colors_come_back_from_the_file() {
        let palette = Palette::new(vec![[128, 64, 128], [244, 35, 232]]);
        let map = row(vec![0, 1, 2, ClassMap::NONE]);
        let bytes = encode_png(&map, 3, &palette).unwrap();
        let (info, data) = decode(&bytes);
        assert_eq!(info.color_type, png::ColorType::Indexed);
        assert_eq!(data, [0, 1, 2, 255]);
        let colors = info.palette.unwrap();
        assert_eq!(colors[..9], [128, 64, 128, 244, 35, 232, 86, 180, 233]);
        let shown = image::load_from_memory(&bytes).unwrap().to_rgba8();
        assert_eq!(shown.get_pixel(1, 0).0, [244, 35, 232, 255]);
        assert_eq!(shown.get_pixel(3, 0).0[3], 0);
    }

    #[test]
    fn files_are_bytes_up_to_254_classes_and_wide_from_255_on() {
        let bytes = encode_png(&row(vec![0, 253]), 254, &Palette::default()).unwrap();
        let (info, data) = decode(&bytes);
        assert_eq!((info.bit_depth, data), (png::BitDepth::Eight, vec![0, 253]));

        let map = row(vec![0, 254, 255, 65_534, ClassMap::NONE]);
        let bytes = encode_png(&map, 65_535, &Palette::default()).unwrap();
        let (info, data) = decode(&bytes);
        assert_eq!(info.color_type, png::ColorType::Grayscale);
        assert_eq!(info.bit_depth, png::BitDepth::Sixteen);
        assert_eq!(data, [0, 0, 0, 254, 0, 255, 255, 254, 255, 255]);
        let bytes = encode_png(&row(vec![254]), 255, &Palette::default()).unwrap();
        assert_eq!(decode(&bytes).1, [0, 254]);
    }

    #[test]
    fn an_id_beyond_the_classes_is_refused() {
        let error = encode_png(&row(vec![0, 3]), 3, &Palette::default()).unwrap_err();
        assert_eq!(error.to_string(), "class 3 in a map of 3 classes");
    }
}
