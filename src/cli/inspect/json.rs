//! Report of a model as JSON, with the keys documented in the help.

use serde_json::{Value, json};

use super::Cost;
use crate::cli::settings;
use crate::graph::Inspection;
use crate::onnx::Model;

/// Formats the report as one object on several lines.
pub(super) fn report(model: &Model, found: &Inspection, cost: Option<&Cost>) -> String {
    let used: Vec<&str> = found
        .plan
        .iter()
        .flat_map(|plan| plan.sites().iter().map(|site| site.tensor.as_str()))
        .collect();
    let listed: Vec<_> = found
        .plan
        .iter()
        .flat_map(|plan| plan.survey().sites.iter().skip(found.sites.len()))
        .map(|inserted| (inserted, true))
        .collect();
    let own = found.sites.iter().zip(found.reaches_output.iter().copied());
    let sites = own.chain(listed).enumerate().map(|(id, (site, reaches_output))| {
        json!({
            "id": id,
            "node": site.node,
            "module": site.module,
            "kind": site.kind.name(),
            "ratio": site.ratio.map(shortest),
            "unit": site.unit.name(),
            "live": site.live,
            "reproducible": site.reproducible,
            "reason": site.reason,
            "tensor": site.tensor,
            "reaches_output": reaches_output,
            "used": used.contains(&site.tensor.as_str()),
        })
    });
    let all = cost.map(|cost| cost.file.total());
    let share =
        |nodes: u64| all.filter(|all| *all > 0).map(|all| nodes as f64 / all as f64);
    let candidates = found.candidates.iter().map(|candidate| {
        json!({
            "node": candidate.node,
            "place": candidate.place.name(),
            "share": cost.and_then(|cost| share(cost.file.of(candidate.downstream()))),
            "tensor": candidate.tensor,
        })
    });
    let warnings = found.warnings.iter().map(|warning| {
        json!({
            "kind": warning.suspicion.name(),
            "node": warning.node,
            "evidence": warning.evidence,
        })
    });
    let refused = found.plan.as_ref().err().map(settings::message);
    let report = json!({
        "model": model.path().display().to_string(),
        "opset": model.opset(),
        "producer": model.producer(),
        "output": found.output,
        "heads": found.plan.as_ref().ok().map(|plan| plan.heads().described()),
        "verdict": found.verdict.name(),
        "sites": sites.collect::<Value>(),
        "batch_norm_training": found.batch_norm_training,
        "candidates": candidates.collect::<Value>(),
        "size": cost.map(|cost| cost.file.size.clone()),
        "multiply_adds": all,
        "suffix_share": cost.and_then(|cost| cost.suffix_share),
        "warnings": warnings.collect::<Value>(),
        "refused": refused,
    });
    format!("{report:#}")
}

/// Converts a ratio to the shortest decimal that gives the same f32, not to the nearest f64.
fn shortest(ratio: f32) -> f64 {
    ratio.to_string().parse().unwrap_or(f64::from(ratio))
}
