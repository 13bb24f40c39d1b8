//! Models that hold their samples and the reduction: told for what they are.

use crate::error::{Error, Result};
use crate::onnx::Model;

/// The entry of the metadata of such a model: JSON with `samples`, `seed`, `draws`, `measures`.
pub(crate) const SELF_CONTAINED: &str = "mcdrop_uncertainty";

/// Refuses to sample what has its samples built in.
///
/// # Errors
/// If the model is one of these.
pub(super) fn refuse(model: &Model) -> Result<()> {
    let entry = model.metadata().into_iter().find(|(key, _)| key == SELF_CONTAINED);
    let Some((_, text)) = entry else { return Ok(()) };
    let entry: serde_json::Value = serde_json::from_str(&text).unwrap_or_default();
    let samples = entry["samples"].as_u64().unwrap_or(0);
    let message =
        format!("it is an uncertainty model of mcdrop with {samples} samples built in");
    Err(Error::model(model.path(), message).with_hint(
        "run it in ONNX Runtime: image in, probabilities and measures out; or give the model \
         that it was made from",
    ))
}
