//! The formats in which a map of values is written: one row of [`FORMATS`] each.

use std::collections::HashSet;
use std::io;

use super::heat_map::{self, HeatMap};
use super::{float_tiff, gray_png};
use crate::npy;

/// A file format for maps of values.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// The name by which it is chosen.
    pub name: &'static str,
    /// The ending of its files, without the first dot.
    pub extension: &'static str,
    /// What is in such a file, in one line.
    pub summary: &'static str,
    /// How a reader gets from a pixel to the value, and what is none.
    pub reading: &'static str,
    /// Turns a map into the bytes of a file.
    pub encode: fn(&HeatMap<'_>) -> io::Result<Vec<u8>>,
}

/// All formats, the default one first.
pub const FORMATS: &[Format] = &[
    Format {
        name: "png",
        extension: "png",
        summary: "picture on the measure's fixed scale, 255 levels of the magma colours",
        reading: "value = bound * index / 254; index 255 is none",
        encode: heat_map::encode_png,
    },
    Format {
        name: "png16",
        extension: "16.png",
        summary: "16-bit gray on the measure's fixed scale",
        reading: "value = bound * gray / 65535; the gray of the tRNS chunk, if any, is none",
        encode: gray_png::encode,
    },
    Format {
        name: "tiff",
        extension: "tif",
        summary: "TIFF of the f32 values, compressed without loss",
        reading: "value = sample; NaN is none",
        encode: |heat| float_tiff::encode(heat.map),
    },
    Format {
        name: "npy",
        extension: "npy",
        summary: "NumPy array of the f32 values, rows by columns",
        reading: "value = element; NaN is none",
        encode: |heat| {
            let map = heat.map;
            npy::encode_f32(&[map.height, map.width], &map.values)
        },
    },
];

/// Two images whose maps would lie in one file: with the endings `png` and `16.png` the images
/// `a` and `a.16` both get an `a.16.png`.
///
/// Images whose own ending is one of the usual ones never do.
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

/// The format of that name.
pub fn find(name: &str) -> Option<&'static Format> {
    FORMATS.iter().find(|format| format.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::output::colormap::Ramp;
    use crate::tensor::Map;

    #[test]
    fn every_format_is_found_by_its_name_and_writes_something() {
        let map = Map { height: 1, width: 2, values: vec![0.25, f32::NAN] };
        for format in FORMATS {
            let found = find(format.name).unwrap();
            let bytes =
                (found.encode)(&HeatMap { map: &map, bound: 1.0, ramp: Ramp::Linear })
                    .unwrap();
            assert!(!bytes.is_empty(), "{}", format.name);
            assert!(!format.extension.starts_with('.'));
            assert!(!format.summary.is_empty() && !format.reading.is_empty());
        }
        assert!(find("gif").is_none());
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
