//! The PyTorch module that a node came from, if the exporter left a trace.

use crate::onnx::proto;

/// Returns the path of the module: from the scopes that the exporter of torch.export writes, or from a node
/// name such as `/classifier/classifier.0/Dropout` of the older one.
pub(in crate::graph) fn of(node: &proto::Node) -> Option<String> {
    let scopes = node
        .metadata_props
        .iter()
        .find(|entry| entry.key.as_deref() == Some("pkg.torch.onnx.name_scopes"));
    match scopes.and_then(|entry| entry.value.as_deref()) {
        Some(scopes) => from_scopes(scopes),
        None => node.name.as_deref().and_then(from_name),
    }
}

/// Reads `['', 'classifier', 'classifier.0', 'dropout']`: the last but one, unless it is the
/// model itself.
fn from_scopes(scopes: &str) -> Option<String> {
    let names: Vec<&str> = scopes.split('\'').skip(1).step_by(2).collect();
    let (_, around) = names.split_last()?;
    around.last().filter(|name| !name.is_empty()).map(|name| (*name).to_owned())
}

/// Reads `/features/features.3/Dropout`: each part repeats the path so far, or adds to it.
fn from_name(name: &str) -> Option<String> {
    let parts: Vec<&str> = name.strip_prefix('/')?.split('/').collect();
    let (_, modules) = parts.split_last()?;
    let mut path = String::new();
    for part in modules {
        if path.is_empty() || part.starts_with(&format!("{path}.")) {
            (*part).clone_into(&mut path);
        } else if let Some(own) = part.strip_prefix(path.rsplit('.').next()?)
            && own.starts_with('.')
        {
            // `layer/layer.0` within `encoder`: the part repeats only the last name.
            path.push_str(own);
        } else {
            path = format!("{path}.{part}");
        }
    }
    (!path.is_empty()).then_some(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_from_the_names_that_both_exporters_leave() {
        for (name, path) in [
            ("/classifier/classifier.0/Dropout", Some("classifier.0")),
            ("/dropout/Dropout", Some("dropout")),
            (
                "/encoder/layer/layer.0/attention/Dropout",
                Some("encoder.layer.0.attention"),
            ),
            ("node_dropout_1", None),
            ("/Dropout", None),
        ] {
            assert_eq!(from_name(name).as_deref(), path, "{name}");
        }
        for (scopes, path) in [
            ("['', 'classifier', 'classifier.0', 'dropout']", Some("classifier.0")),
            ("['', 'native_dropout']", None),
            ("", None),
        ] {
            assert_eq!(from_scopes(scopes).as_deref(), path, "{scopes}");
        }
    }
}
