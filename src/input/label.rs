//! Reads label maps for evaluation: the class of each pixel, from PNGs and arrays.
//!
//! The class ids are the indices of a PNG with a palette, or the levels of a gray PNG (8 or 16
//! bits). A PNG with colors needs the color of each class. An `.npy` contains ids of any integer
//! type, with the shape `H × W` or one more axis of length 1.

mod array;
mod picture;

use std::collections::HashMap;
use std::path::Path;

use crate::error::{Error, Result};
use crate::tensor::ClassMap;

/// Extensions of label maps, in the order of the search.
pub const LABEL_ENDINGS: [&str; 2] = ["png", "npy"];

/// Conversion of ids in files to classes.
#[derive(Debug, Clone, Default)]
pub struct LabelOptions {
    /// Ids that mean "no label".
    pub ignored: Vec<u32>,
    /// Treats id 0 as "no label" and any other id as the class `id - 1` (the numbering of ADE20K).
    pub reduce_zero: bool,
    /// Class of each color, for PNGs with colors.
    pub colors: HashMap<[u8; 3], u16>,
}

/// Ids of a file.
struct Ids {
    height: usize,
    width: usize,
    values: Vec<u32>,
}

/// Reads a label map. Ids up to 65534 are kept, regardless of the number of classes.
///
/// # Errors
/// Fails if the file cannot be read, has another format, or contains something that is not an id.
pub fn read_label_map(path: &Path, options: &LabelOptions) -> Result<ClassMap> {
    let bytes = std::fs::read(path).map_err(|error| Error::read(path, error))?;
    let refuse = |(message, hint): (String, &str)| {
        Error::image(path, format!("not a label map: {message}")).with_hint(hint)
    };
    let ids = if bytes.starts_with(b"\x93NUMPY") {
        array::read(&bytes).map_err(refuse)?
    } else {
        picture::read(&bytes, &options.colors).map_err(refuse)?
    };
    let class = |id: &u32| match *id {
        id if options.ignored.contains(&id) => Ok(ClassMap::NONE),
        0 if options.reduce_zero => Ok(ClassMap::NONE),
        id => u16::try_from(id - u32::from(options.reduce_zero))
            .ok()
            .filter(|class| *class != ClassMap::NONE)
            .ok_or(id),
    };
    let classes = ids.values.iter().map(class).collect::<Result<Vec<_>, u32>>();
    let classes = classes.map_err(|id| {
        Error::image(
            path,
            format!("contains the id {id}, which is not a class of any model"),
        )
        .with_hint("give the value that means \"no label\" with `ignore_index`")
    })?;
    Ok(ClassMap { height: ids.height, width: ids.width, classes })
}

/// A message and a hint.
type Refusal = (String, &'static str);

#[cfg(test)]
mod tests;
