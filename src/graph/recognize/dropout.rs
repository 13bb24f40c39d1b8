//! Sites of `Dropout` nodes: live or inert, of activations, of weights, of ones that make a mask.

use super::follow::{self, Tracked};
use super::{Scope, module, random, shape};
use crate::graph::site::{
    DetectedSite, DrawSource, DropUnit, DropoutValues, Mask, MaskApplication, Site,
    SiteKind, StochasticNode, Unsupported,
};
use crate::onnx::{float_scalar, proto};

/// Returns the site of a `Dropout` node. A ratio that is known and outside [0, 1) is refused.
pub(super) fn site(scope: &Scope, at: usize, node: &proto::Node) -> DetectedSite {
    let ratio = ratio(scope, node);
    let (live, reason) = liveness(scope, node, ratio);
    let data = node.input.first().map(String::as_str).unwrap_or_default();
    let ones = scope.fill_value(data) == Some(1.0);
    let mut found = match (ones, ratio) {
        (true, Some(ratio)) if is_usable(ratio) => of_ones(scope, at, node, ratio)
            .unwrap_or_else(|| own(scope, at, node, Some(ratio))),
        _ => own(scope, at, node, ratio),
    };
    found.site.ratio = ratio;
    found.site.live = live;
    found.site.reason = found.site.reason.filter(|_| live).or(reason);
    if let Some(problem) =
        unknown(scope, node, ratio).or_else(|| mask_is_read(scope, node))
    {
        found.refused = Some(problem);
    }
    found
}

fn is_usable(ratio: f32) -> bool {
    (0.0..1.0).contains(&ratio)
}

/// Returns the ratio: an attribute in old operator sets, an input in new ones, 0.5 if it is left
/// out. `None` if it is computed at run time.
fn ratio(scope: &Scope, node: &proto::Node) -> Option<f32> {
    if scope.model.opset() < 12 {
        return Some(node.float("ratio").unwrap_or(0.5));
    }
    match node.input_name(1) {
        None => Some(0.5),
        Some(name) => float_scalar(scope.model, scope.index, name),
    }
}

/// Returns whether the node drops by the specification, and if not the reason.
fn liveness(
    scope: &Scope,
    node: &proto::Node,
    ratio: Option<f32>,
) -> (bool, Option<String>) {
    let inert = |reason: &str| (false, Some(reason.to_owned()));
    if scope.model.opset() < 12 {
        return inert("dropout of an operator set below 12 never drops");
    }
    let Some(mode) = node.input_name(2) else {
        return inert("it has no training_mode input");
    };
    match float_scalar(scope.model, scope.index, mode) {
        Some(0.0) => inert("its training_mode is false"),
        _ if ratio == Some(0.0) => inert("its ratio is 0"),
        _ => (true, None),
    }
}

/// Returns the problem of a node whose behavior is unknown before it runs.
fn unknown(scope: &Scope, node: &proto::Node, ratio: Option<f32>) -> Option<Unsupported> {
    let mode = node.input_name(2);
    let computed = mode
        .filter(|_| scope.model.opset() >= 12)
        .filter(|mode| float_scalar(scope.model, scope.index, mode).is_none());
    match (computed, ratio) {
        (Some(mode), _) => Some(Unsupported::new(
            format!(
                "its training_mode \"{mode}\" is computed or fed at run time, so whether it \
                 drops is unknown"
            ),
            "export the model with training_mode as a constant true",
        )),
        (None, None) => {
            Some(Unsupported::of_ratio(node.label(), "its ratio is computed at run time"))
        }
        (None, Some(ratio)) if !is_usable(ratio) => {
            let drops_all = if ratio.to_bits() == 1.0_f32.to_bits() {
                ": it drops everything"
            } else {
                ""
            };
            let message =
                format!("its dropout ratio {ratio} is outside [0, 1){drops_all}");
            Some(Unsupported::of_ratio(node.label(), message))
        }
        _ => None,
    }
}

fn mask_is_read(scope: &Scope, node: &proto::Node) -> Option<Unsupported> {
    let mask = node.output_name(1)?;
    let (_, reader) = scope.readers(mask).next()?;
    let reader = reader.label();
    Some(Unsupported::new(
        format!("its mask output is read by node \"{reader}\", which is not supported"),
        "use only the dropped tensor",
    ))
}

/// Returns the site of a node that drops an activation or weights.
fn own(scope: &Scope, at: usize, node: &proto::Node, ratio: Option<f32>) -> DetectedSite {
    let name = |names: &[String]| names.first().cloned().unwrap_or_default();
    let (input, output) = (name(&node.input), name(&node.output));
    let constant = scope.is_constant(&input);
    let kind = if constant { SiteKind::WeightDropout } else { SiteKind::Dropout };
    let mut site =
        Site::new(node.label(), kind, DropUnit::Element, scope.full_name(&output));
    site.module = module::of(node);
    let application = MaskApplication {
        path: scope.path.clone(),
        at,
        source: DrawSource::Data { tensor: input },
        output,
        values: DropoutValues::of_dropout(ratio.filter(|&r| is_usable(r)).unwrap_or(0.0)),
        iteration: scope.iteration.map(str::to_owned),
        readers: None,
    };
    DetectedSite {
        site,
        draw: StochasticNode::Dropout(Mask::default()),
        applications: vec![application],
        refused: None,
        is_inserted: false,
    }
}

/// Returns the site of a mask that is made by dropping ones: handwritten Dropout2d and the like.
fn of_ones(
    scope: &Scope,
    at: usize,
    node: &proto::Node,
    ratio: f32,
) -> Option<DetectedSite> {
    let (input, output) = (node.input.first()?, node.output.first()?);
    let scale = f64::from(DropoutValues::of_dropout(ratio).scale);
    let start = Tracked::Two { yes: 0.0, no: scale, probability: f64::from(ratio) };
    let followed = follow::follow(scope, at, output, start);
    if followed.untracked.is_some() || followed.applied.is_empty() {
        return None;
    }
    let shape = shape::of_tensor(scope, input);
    random::applied(scope, node, &followed, &shape, Some(ratio))
}
