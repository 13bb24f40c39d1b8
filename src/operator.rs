//! The contract between a cut graph and the runtime: name, inputs and attributes of the
//! operator that stands where a live dropout was.
//!
//! Inputs: the data (f32 or f16), [`IMAGE_KEY`] and [`SAMPLE`] (i64, an entry for each row).
//! Output: the data with each row's mask applied.

/// Domain of the operator.
pub(crate) const DOMAIN: &str = "mcdrop";
/// Its name.
pub(crate) const NAME: &str = "Dropout";
/// Graph input: the image key of each row.
pub(crate) const IMAGE_KEY: &str = "mcdrop::image_key";
/// Graph input: the sample of each row, from 0; -1 for a row of the deterministic pass.
pub(crate) const SAMPLE: &str = "mcdrop::sample";

/// Attribute, integer: the axis that counts the rows, -1 where the one row has the whole tensor.
pub(crate) const AXIS: &str = "axis";
/// Attribute, integer: 1 for independent draws, 0 for stratified ones.
pub(crate) const INDEPENDENT: &str = "independent";
/// Attribute, integer: the site's place in the list of sites.
pub(crate) const ORDINAL: &str = "ordinal";
/// Attribute, float: the share of units that a sample drops.
pub(crate) const RATIO: &str = "ratio";
/// Attribute, integer: the seed's bits.
pub(crate) const SEED: &str = "seed";
/// Attribute, integer: the site key's bits.
pub(crate) const SITE: &str = "site";
