//! The file formats of maps of values, one row of [`FORMATS`] each.

use std::collections::HashSet;
use std::io;

use super::heat_map::{self, HeatMap, Scale};
use super::{float_tiff, gray_png};
use crate::npy;
use crate::tensor::Map;

/// A file format for maps of values.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// Name in settings.
    pub name: &'static str,
    /// Ending of its files, without the first dot.
    pub extension: &'static str,
    /// Description in one line.
    pub summary: &'static str,
    /// Formula from a pixel to its value, and the pixel that means none.
    pub reading: &'static str,
    /// Number of steps from the lower to the upper end of the scale; `None` if files contain f32.
    pub steps: Option<u16>,
    /// Encodes a map as the bytes of a file.
    pub encode: fn(&HeatMap<'_>) -> io::Result<Vec<u8>>,
    /// Decodes a file with this scale, with an error of at most half a step.
    pub decode: fn(&[u8], Scale) -> io::Result<Map>,
}

/// All formats, the default one first.
pub const FORMATS: &[Format] = &[
    Format {
        name: "png",
        extension: "png",
        summary: "picture on the measure's scale, 255 levels of the magma colors",
        reading: "value = bound * (index / 254)^power, where power is 2 for the maps of square_root and \
                  otherwise 1; index 255 is none",
        steps: Some(254),
        encode: heat_map::encode_png,
        decode: heat_map::decode_png,
    },
    Format {
        name: "png16",
        extension: "16.png",
        summary: "16-bit gray on the measure's scale",
        reading: "value = bound * (gray / 65535)^power, where power is 2 for the maps of square_root and \
                  otherwise 1; the gray of the tRNS chunk, if any, is none",
        steps: Some(u16::MAX),
        encode: gray_png::encode,
        decode: gray_png::decode,
    },
    Format {
        name: "tiff",
        extension: "tif",
        summary: "TIFF of the f32 values, compressed without loss",
        reading: "value = sample; NaN is none",
        steps: None,
        encode: |heat| float_tiff::encode(heat.map),
        decode: |bytes, _| float_tiff::decode(bytes),
    },
    Format {
        name: "npy",
        extension: "npy",
        summary: "NumPy array of the f32 values, rows by columns",
        reading: "value = element; NaN is none",
        steps: None,
        encode: |heat| {
            let map = heat.map;
            npy::encode_f32(&[map.height, map.width], &map.values)
        },
        decode: |bytes, _| array(bytes),
    },
];

fn array(bytes: &[u8]) -> io::Result<Map> {
    let (shape, values) = npy::read(bytes, bytes.len() as u64)?;
    let [height, width] = shape[..] else {
        let message = format!("an array of shape {shape:?} is not a map");
        return Err(io::Error::new(io::ErrorKind::InvalidData, message));
    };
    Ok(Map { height, width, values })
}

/// Returns two images whose maps would be the same file: with the endings `png` and `16.png`, the
/// images `a` and `a.16` both have a map `a.16.png`.
///
/// This never happens to images with a usual ending.
pub fn clash<'a>(
    formats: &[&Format],
    ids: &(impl Iterator<Item = &'a str> + Clone),
) -> Option<(&'a str, &'a str)> {
    for long in formats {
        for short in formats {
            let inner = long.extension.strip_suffix(short.extension);
            let Some(inner) = inner.filter(|inner| !inner.is_empty()) else { continue };
            let inner = format!(".{}", inner.trim_end_matches('.'));
            let ends = |id: &'a str| Some((id.strip_suffix(inner.as_str())?, id));
            let longer: HashSet<_> =
                ids.clone().filter_map(ends).map(|(stem, _)| stem).collect();
            if longer.is_empty() {
                continue;
            }
            if let Some(id) = ids.clone().find(|id| longer.contains(id)) {
                let other = ids.clone().filter_map(ends).find(|(stem, _)| *stem == id);
                return other.map(|(_, other)| (id, other));
            }
        }
    }
    None
}

/// Returns the format of a name.
pub fn find(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::heat_map::Spacing;

    #[test]
    fn every_format_is_found_by_its_name_and_writes_something() {
        let map = Map { height: 1, width: 2, values: vec![0.25, f32::NAN] };
        for format in FORMATS {
            let found = find(format.name).unwrap();
            let bytes =
                (found.encode)(&HeatMap { map: &map, scale: Scale::up_to(1.0) }).unwrap();
            assert!(!bytes.is_empty(), "{}", format.name);
            assert!(!format.extension.starts_with('.'));
            assert!(!format.summary.is_empty() && !format.reading.is_empty());
        }
        assert!(find("gif").is_none());
    }

    #[test]
    fn every_format_reads_its_own_files_to_half_a_step() {
        let values = [0.0, 0.1, 0.7, 1.99, 2.0, f32::NAN, 1.234_567, 1e-6];
        let map = Map { height: 2, width: 4, values: values.to_vec() };
        let scales = [Spacing::Linear, Spacing::SquareRoot]
            .map(|spacing| Scale::up_to(2.0).with_spacing(spacing));
        for (format, scale) in FORMATS.iter().flat_map(|f| scales.map(|s| (f, s))) {
            let bytes = (format.encode)(&HeatMap { map: &map, scale }).unwrap();
            let back = (format.decode)(&bytes, scale).unwrap();
            assert_eq!((back.height, back.width), (2, 4), "{}", format.name);
            let half = format.steps.map_or(0.0, |steps| 0.500_01 / f64::from(steps));
            let place = |value: f32| scale.spacing.position(f64::from(value) / 2.0);
            for (value, back) in values.iter().zip(&back.values) {
                let same = value.is_nan() && back.is_nan();
                let apart = (place(*value) - place(*back)).abs();
                assert!(same || apart <= half, "{}: {back}", format.name);
            }
            for cut in [0, 9, bytes.len() / 2, bytes.len() - 13] {
                assert!((format.decode)(&bytes[..cut], scale).is_err(), "{cut}");
            }
        }
    }

    #[test]
    fn names_are_unique() {
        for (index, format) in FORMATS.iter().enumerate() {
            let earlier = &FORMATS[..index];
            assert!(earlier.iter().all(|other| other.name != format.name));
            assert!(earlier.iter().all(|other| other.extension != format.extension));
        }
    }

    #[test]
    fn only_images_whose_maps_would_meet_clash() {
        let formats = |names: &[&str]| -> Vec<_> {
            names.iter().map(|name| find(name).unwrap()).collect()
        };
        let both = formats(&["tiff", "png16", "npy", "png"]);
        let find_clash = |formats: &[&Format], ids: &[&'static str]| {
            clash(formats, &ids.iter().copied())
        };
        assert_eq!(find_clash(&both, &["b", "a.16", "c", "a"]), Some(("a", "a.16")));
        assert_eq!(
            find_clash(&both, &["a.jpg", "a.jpg.16"]),
            Some(("a.jpg", "a.jpg.16"))
        );
        assert_eq!(
            find_clash(&both, &["a16", "a", "b.16", "a.16.png", "c/16", "c"]),
            None
        );
        assert_eq!(find_clash(&formats(&["png16", "npy"]), &["a", "a.16"]), None);
        assert_eq!(find_clash(&formats(&["png"]), &["a", "a.16"]), None);
    }

    #[test]
    fn what_clashes_is_what_has_one_path() {
        use crate::output::folder::map_path;
        let ids = ["a", "a.16", "a.16.png", "a.png", "a.tif", "a.npy", "a.16.16", "b"];
        for one in ids {
            for other in ids {
                let meet = FORMATS.iter().any(|f| {
                    FORMATS.iter().any(|g| {
                        one != other
                            && map_path("margin", one, f.extension)
                                == map_path("margin", other, g.extension)
                    })
                });
                let all: Vec<_> = FORMATS.iter().collect();
                let clash = clash(&all, &[one, other].into_iter()).is_some();
                assert_eq!(meet, clash, "{one} {other}");
            }
        }
    }
}
