//! Label maps: the class of each pixel, from pictures and arrays.
//!
//! A PNG with a palette holds the class ids as its indices, a gray one as its levels (16 bits as
//! they are), one of colors needs the palette that it was painted with. An `.npy` holds ids of
//! any integer type, shape `H × W` or with one more side of 1.

mod array;
mod picture;

use std::collections::HashMap;
use std::path::Path;

use crate::error::{Error, Result};
use crate::tensor::ClassMap;

/// Endings of label maps, in the order in which they are looked for.
pub const LABEL_ENDINGS: [&str; 2] = ["png", "npy"];

/// How ids in files become classes.
#[derive(Debug, Clone, Default)]
pub struct LabelOptions {
    /// Ids that stand for "no label".
    pub ignored: Vec<u32>,
    /// Whether id 0 stands for "no label" and every other is the class after the next lower one
    /// (ADE20K's own numbering).
    pub reduce_zero: bool,
    /// The class of each color, for pictures of colors.
    pub colors: HashMap<[u8; 3], u16>,
}

/// Ids as a file has them.
struct Ids {
    height: usize,
    width: usize,
    values: Vec<u32>,
}

/// Reads a label map. Ids stay as they are up to 65534, whatever the number of classes.
///
/// # Errors
/// If the file cannot be read, is neither of the two, or holds what is no id.
pub fn read_label_map(path: &Path, options: &LabelOptions) -> Result<ClassMap> {
    let bytes = std::fs::read(path).map_err(|error| Error::read(path, error))?;
    let refuse = |(message, hint): (String, &str)| {
        Error::image(path, format!("is no label map: {message}")).with_hint(hint)
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
        Error::image(path, format!("holds the id {id}, which is no class of any model"))
            .with_hint("say which value means \"no label\": --ignore-index N")
    })?;
    Ok(ClassMap { height: ids.height, width: ids.width, classes })
}

/// What is wrong, and the way out.
type Refusal = (String, &'static str);

#[cfg(test)]
mod tests;
