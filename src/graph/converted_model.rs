//! Models that `mcdrop convert` wrote. They draw their masks themselves, so they are refused.

use crate::error::{Error, Result};
use crate::onnx::Model;

/// Key of the metadata of a model that draws its masks itself.
pub(crate) const LIVE_MASKS: &str = "mcdrop";

/// Key of the metadata of a model that samples and computes measures itself: JSON with `samples`,
/// `seed`, `draws`, `measures`.
pub(crate) const EMBEDDED_SAMPLING: &str = "mcdrop_uncertainty";

/// Fails if a model was written by `mcdrop convert`.
pub(super) fn refuse(model: &Model) -> Result<()> {
    let metadata = model.metadata();
    let value_of = |key: &str| metadata.iter().find(|(name, _)| name == key);
    let (message, hint) = if let Some((_, text)) = value_of(EMBEDDED_SAMPLING) {
        let entry: serde_json::Value = serde_json::from_str(text).unwrap_or_default();
        let samples = entry["samples"].as_u64().unwrap_or(0);
        (
            format!("mcdrop wrote it: it draws {samples} samples by itself"),
            "run it in ONNX Runtime: image in, probabilities and measures out; or give the model \
             that it was made from",
        )
    } else if value_of(LIVE_MASKS).is_some() {
        (
            "mcdrop wrote it: it draws its masks by itself".to_owned(),
            "run it in ONNX Runtime, or give the model that it was converted from",
        )
    } else {
        return Ok(());
    };
    Err(Error::model(model.path(), message).with_hint(hint))
}
