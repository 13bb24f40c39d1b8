//! Metadata of a converted file as JSON: its sites, the nodes that draw them, and their inputs.

use serde::Serialize;

use super::guard::Guard;
use crate::graph::LIVE_MASKS;

/// Metadata of a converted file.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct Converted {
    pub(crate) version: u32,
    /// The scheme that masks are drawn by; `None` if masks are inputs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) draws: Option<String>,
    /// Names of the added inputs.
    pub(crate) inputs: AddedInputs,
    /// Check of the runtime's integers; `None` if masks are inputs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) guard: Option<Guard>,
    /// Images of a run: `any` number, or `one`.
    pub(crate) rows: String,
    pub(crate) sites: Vec<ConvertedDraw>,
}

impl Converted {
    /// Key of the metadata entry.
    pub(crate) const METADATA: &'static str = LIVE_MASKS;
    /// Version of the format.
    pub(crate) const VERSION: u32 = 1;
    /// Value of `rows` if a run takes any number of images.
    pub(crate) const ANY: &'static str = "any";
    /// Value of `rows` if a run takes one image.
    pub(crate) const ONE: &'static str = "one";
}

/// Inputs besides the image.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub(crate) struct AddedInputs {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) sample: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) seed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) image_key: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) masks: Vec<String>,
}

impl AddedInputs {
    /// Returns the names of all inputs.
    pub(super) fn all(&self) -> impl Iterator<Item = &str> {
        let single = [&self.sample, &self.seed, &self.image_key];
        single.into_iter().flatten().chain(&self.masks).map(String::as_str)
    }
}

/// A node that draws. A site whose mask is applied several times has several.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ConvertedDraw {
    /// The node that writes the output.
    pub(crate) node: String,
    /// The node of the original file.
    pub(crate) original: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) module: Option<String>,
    /// Tensor that it drops from; for noise, the tensor of its sizes.
    pub(crate) input: String,
    pub(crate) output: String,
    /// The site's name in the mask stream.
    pub(crate) tensor: String,
    /// The first eight bytes of that name's SHA-256, hexadecimal.
    pub(crate) key: String,
    pub(crate) kind: String,
    /// Fixed in the file; `null` if there is none.
    pub(crate) ratio: Option<f32>,
    pub(crate) unit: String,
    /// Axes along which the mask varies, counted from the last, -1; `null` means all.
    pub(crate) mask_axes: Option<Vec<i64>>,
    /// Dropout: factor and shift of a kept value, then the dropped value.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) values: Option<[f32; 3]>,
    /// Gaussian noise: mean and standard deviation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) normal: Option<[f32; 2]>,
    /// Uniform noise: low, high and the value of the deterministic pass.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) uniform: Option<[f32; 3]>,
    /// Axis that counts the images; `null` if a run has one.
    pub(crate) row_axis: Option<usize>,
    /// The mask, if masks are inputs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mask: Option<ConvertedMask>,
    /// Counter of the loop around it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) iteration: Option<String>,
    /// Origin of the draws: `mask page`, or `input`.
    pub(crate) generator: String,
    /// Reason for which an inert site draws, or a note about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// A mask that is an input.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub(crate) struct ConvertedMask {
    /// Name of the input.
    pub(crate) input: String,
    /// Sizes for one image of the size that the conversion was checked with.
    pub(crate) shape: Vec<usize>,
}
