//! Operator sets that functions import.

use std::collections::{BTreeSet, HashSet};

use crate::error::{Error, Result};
use crate::onnx::{normal_domain, proto};

/// Adds the imports of the inlined functions to those of the model.
///
/// # Errors
/// Fails if a function was written for another operator set than the model.
pub(super) fn merge(
    imports: &mut Vec<proto::OperatorSetId>,
    functions: &[proto::Function],
    used: &BTreeSet<usize>,
) -> Result<()> {
    // The functions' own domains have no operators but the functions.
    let own: HashSet<&str> = functions
        .iter()
        .map(|function| normal_domain(function.domain.as_deref()))
        .collect();
    for function in used.iter().filter_map(|&i| functions.get(i)) {
        for set in &function.opset_import {
            let domain = normal_domain(set.domain.as_deref());
            let same = |known: &&proto::OperatorSetId| {
                normal_domain(known.domain.as_deref()) == domain
            };
            let Some(known) =
                imports.iter().filter(same).max_by_key(|known| known.version)
            else {
                imports.push(set.clone());
                continue;
            };
            if known.version != set.version
                && (domain.is_empty() || !own.contains(domain))
            {
                return Err(differs(function, domain, set, known));
            }
        }
    }
    Ok(())
}

fn differs(
    function: &proto::Function,
    domain: &str,
    set: &proto::OperatorSetId,
    known: &proto::OperatorSetId,
) -> Error {
    let of = if domain.is_empty() { String::new() } else { format!(" \"{domain}\"") };
    Error::Graph {
        what: "function",
        name: function.label(),
        message: format!(
            "it contains randomness and is written for operator set{of} {}, the model for {}",
            set.version.unwrap_or(0),
            known.version.unwrap_or(0)
        ),
        hint: Some(
            "export the model without functions around its dropout, or with one operator set"
                .to_owned(),
        ),
    }
}
