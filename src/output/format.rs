//! The formats in which a map of values is written: one row of [`FORMATS`] each.

use std::io;

use super::heat_map::{self, HeatMap};
use super::npy;

/// A file format for maps of values.
#[derive(Debug, Clone, Copy)]
pub struct Format {
    /// The name by which it is chosen.
    pub name: &'static str,
    /// The ending of its files, without the dot.
    pub extension: &'static str,
    /// What is in such a file, in one line.
    pub summary: &'static str,
    /// Turns a map into the bytes of a file.
    pub encode: fn(&HeatMap<'_>) -> io::Result<Vec<u8>>,
}

/// All formats, the default one first.
pub const FORMATS: &[Format] = &[
    Format {
        name: "png",
        extension: "png",
        summary: "picture on the measure's fixed scale, 255 levels of the magma colours",
        encode: heat_map::encode_png,
    },
    Format {
        name: "npy",
        extension: "npy",
        summary: "NumPy array of the f32 values, rows by columns",
        encode: |heat| {
            let map = heat.map;
            npy::encode_f32(&[map.height, map.width], &map.values)
        },
    },
];

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
        }
        assert!(find("gif").is_none());
    }

    #[test]
    fn names_are_unique() {
        for (index, format) in FORMATS.iter().enumerate() {
            assert!(FORMATS[..index].iter().all(|other| other.name != format.name));
        }
    }
}
