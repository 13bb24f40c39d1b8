//! Reads a TOML configuration: the sidecar beside the model, or the file of `config`.

use toml::Table;

use super::partial_config::PartialConfig;
use super::presets;
use crate::error::{Error, Result};

/// Hint for a sidecar that is not valid.
const FORM: &str = "a sidecar is written as in task = \"segmentation\", resize = \"512x256\", mean = \
                    [0.485, 0.456, 0.406], antialias = true";

/// Parses the text of a file.
pub(super) fn parse(file: &str, text: &str) -> Result<PartialConfig> {
    if text.trim_start().starts_with('{') {
        return Err(Error::configuration(file, "is JSON; expected TOML")
            .with_hint("write its values into a TOML file, or give them as options"));
    }
    let table: Table = text.parse().map_err(|error: toml::de::Error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map_or(1, |text| text.matches('\n').count() + 1);
        let message = error.message().replace('\n', ", ");
        Error::configuration(file, format!("line {line}: {message}")).with_hint(FORM)
    })?;
    let mut config = PartialConfig::of_file(file);
    let mut unknown = None;
    for (key, value) in &table {
        let is_known = config.set(key, value).map_err(|message| {
            Error::configuration(format!("{file}: {key}"), message).with_hint(FORM)
        })?;
        if !is_known {
            unknown = unknown.or(Some(key));
        }
    }
    if let Some(key) = unknown {
        return Err(Error::configuration(file, format!("unknown setting \"{key}\""))
            .with_hint(format!("the settings are {}", PartialConfig::KEYS.join(", "))));
    }
    presets::apply(&mut config);
    Ok(config)
}
