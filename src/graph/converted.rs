//! What a converted file says about itself: its sites, the nodes that draw them and the inputs
//! that they take, as JSON in the file's metadata.

use serde::{Deserialize, Serialize};

/// The entry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Converted {
    pub(crate) version: u32,
    /// How the samples of a unit go together; `given` where masks are inputs.
    pub(crate) draws: String,
    /// Names of the inputs that were added.
    pub(crate) inputs: AddedInputs,
    /// `any` number of images a run, or `one`.
    pub(crate) rows: String,
    pub(crate) sites: Vec<ConvertedDraw>,
}

impl Converted {
    /// Key of the metadata entry.
    pub(crate) const METADATA: &'static str = "mcdrop";
    /// The version of what is said.
    pub(crate) const VERSION: u32 = 1;
    /// `draws` where masks are inputs.
    pub(crate) const GIVEN: &'static str = "given";
    /// `rows` where a run takes any number of images.
    pub(crate) const ANY: &'static str = "any";
    /// `rows` where a run takes one image.
    pub(crate) const ONE: &'static str = "one";
}

/// Inputs beside the image.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct AddedInputs {
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) sample: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) seed: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) image_key: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty", default)]
    pub(crate) masks: Vec<String>,
}

impl AddedInputs {
    /// All of them.
    pub(crate) fn all(&self) -> impl Iterator<Item = &str> {
        let single = [&self.sample, &self.seed, &self.image_key];
        single.into_iter().flatten().chain(&self.masks).map(String::as_str)
    }
}

/// One node that draws; a site whose mask is applied several times has several.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConvertedDraw {
    /// The node that writes the output.
    pub(crate) node: String,
    /// The node of the file that was converted.
    pub(crate) original: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) module: Option<String>,
    /// What it drops from; for noise what holds its sizes.
    pub(crate) input: String,
    pub(crate) output: String,
    /// The site's name in the mask stream.
    pub(crate) tensor: String,
    /// The first eight bytes of that name's SHA-256, hexadecimal.
    pub(crate) key: String,
    pub(crate) kind: String,
    /// Baked into the file; `null` where there is none.
    pub(crate) ratio: Option<f32>,
    pub(crate) unit: String,
    /// The axes along which the mask varies, from the last, -1; `null` is all.
    pub(crate) mask_axes: Option<Vec<i64>>,
    /// Of dropout: factor and shift of a kept value, then the dropped value.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) values: Option<[f32; 3]>,
    /// Of Gaussian noise: mean and standard deviation.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) normal: Option<[f32; 2]>,
    /// Of uniform noise: low, high and the value of the deterministic pass.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) uniform: Option<[f32; 3]>,
    /// The axis that counts the images; `null` where a run has one.
    pub(crate) row_axis: Option<usize>,
    /// The counter of the loop around it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) iteration: Option<String>,
    /// Where the draws come from: `mask page`, or `input`.
    pub(crate) generator: String,
    /// Why it draws though the file's own was inert, or what there is to know about it.
    #[serde(skip_serializing_if = "Option::is_none", default)]
    pub(crate) reason: Option<String>,
}
