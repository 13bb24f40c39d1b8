//! The contract between a rewritten graph and the runtime: names, inputs and attributes of the
//! operators that draw random values.
//!
//! [`DROPOUT`] takes the data (f32 or f16) and drops from them. [`NOISE`] takes a shape (i64) and
//! makes random numbers (f32). Both go on with [`IMAGE_KEY`] and [`SAMPLE`] (i64, an entry for
//! each row) and, inside a loop, the loop's counter (i64).

/// Domain of the operators.
pub(crate) const DOMAIN: &str = "mcdrop";
/// Drops units of its data.
pub(crate) const DROPOUT: &str = "Dropout";
/// Makes uniform or Gaussian noise.
pub(crate) const NOISE: &str = "Noise";
/// Graph input: the image key of each row.
pub(crate) const IMAGE_KEY: &str = "mcdrop::image_key";
/// Graph input: the sample of each row, from 0; -1 for a row of the deterministic pass.
pub(crate) const SAMPLE: &str = "mcdrop::sample";

/// Attribute, integer: the axis that counts the rows, -1 if the only row has the whole tensor.
pub(crate) const AXIS: &str = "axis";
/// Attribute, integer: 1 for independent draws, 0 for stratified ones.
pub(crate) const INDEPENDENT: &str = "independent";
/// Attribute, integer: the place in the list of applications.
pub(crate) const ORDINAL: &str = "ordinal";
/// Attribute, integer: the seed's bits.
pub(crate) const SEED: &str = "seed";
/// Attribute, integer: the site key's bits.
pub(crate) const SITE: &str = "site";

/// Attribute of dropout, float: the share of units that a sample drops.
pub(crate) const RATIO: &str = "ratio";
/// Attribute of dropout, integer: 1 where the data are one row, which becomes that of every row
/// of the run.
pub(crate) const GROWS: &str = "grows";
/// Attribute of dropout, integers: 1, then the axes (from the last, -1) along which the mask
/// varies; 0 alone where it varies along all.
pub(crate) const MASK_AXES: &str = "mask_axes";
/// Attribute of dropout, floats: factor and shift of a kept value, then the dropped value.
pub(crate) const VALUES: &str = "values";

/// Attribute of noise, integer: 1 for Gaussian numbers, 0 for uniform ones.
pub(crate) const GAUSSIAN: &str = "gaussian";
/// Attribute of noise, floats: mean and standard deviation, or low and high; then the value of
/// the deterministic pass.
pub(crate) const NUMBERS: &str = "numbers";
