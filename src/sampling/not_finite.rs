//! The error of scores that are NaN or infinite.

use std::collections::HashMap;

use super::engine::{Opener, filled};
use super::image;
use crate::error::{Error, Result};
use crate::graph::Plan;
use crate::head::Role;
use crate::onnx::{ElementType, proto, tensor_values};
use crate::pass::Pass;
use crate::runtime::Value;
use crate::sums::{Invalid, OutputKind, PassOutput, Reason, Spread, SpreadForm};

/// A pass with scores that are NaN or infinite.
pub(super) struct BadPass {
    pass: Pass,
    /// Number of the values, in words.
    found: String,
    /// They are variances.
    of_spread: bool,
}

impl BadPass {
    /// Returns the first pass of a run that has such scores.
    pub(super) fn first(
        problem: &Invalid,
        passes: &[Pass],
        scores: &[PassOutput],
    ) -> Self {
        let first = passes.iter().zip(scores).find_map(|(&pass, scores)| {
            let spread = scores.spread.or(scores.logit_noise.map(|noise| noise.spread));
            let (found, of_spread) = match &spread {
                Some(spread) if problem.reason == Reason::Spread => {
                    (bad_spread(spread), true)
                }
                _ => (bad_values(scores), false),
            };
            found.map(|found| Self { pass, found, of_spread })
        });
        // Probabilities that sum to nothing are finite.
        first.unwrap_or_else(|| Self {
            pass: passes.first().copied().unwrap_or(Pass::DETERMINISTIC),
            found: problem.to_string(),
            of_spread: problem.reason == Reason::Spread,
        })
    }

    /// Returns the error of the image.
    ///
    /// `trace` is the first node that overflows on noise, if there is one.
    pub(super) fn error(&self, plan: &Plan, trace: Option<&BadNode>) -> Error {
        let pass = match self.pass.sample {
            None => "the pass without dropout".to_owned(),
            Some(sample) => format!("sample {sample}"),
        };
        let mut message = format!("{} of {pass}", self.found);
        if let Some(trace) = trace {
            message = format!("{message}: on noise, {}", trace.description);
        }
        let heads = plan.heads();
        let reading = &heads.readings()[usize::from(self.of_spread)];
        let error = Error::output(heads.tensor_of(reading).output.clone(), message);
        if self.of_spread && self.found.starts_with(NEGATIVE) {
            let forms = match reading.role {
                Some(Role::LogitSpread(_)) => "logit_log_variance=OUTPUT`",
                _ => "log_variance=OUTPUT`, or log_std",
            };
            return error
                .with_hint(format!("state the form of the variance: `head = {forms}"));
        }
        error.with_hint(hint(plan, "this image", trace))
    }
}

/// Start of the description of negative variances.
const NEGATIVE: &str = "negative";

/// Describes variances that are negative, NaN or infinite; `None` if there are none.
fn bad_spread(spread: &Spread) -> Option<String> {
    bad_values_of(spread.values).or_else(|| {
        let is_plain = matches!(
            spread.form,
            SpreadForm::Variance | SpreadForm::Std | SpreadForm::LaplaceScale
        );
        let n = spread.values.iter().filter(|value| **value < 0.0).count();
        let total = spread.values.len();
        if is_plain && n > 0 {
            return Some(format!("{NEGATIVE} in {n} of {total} variances"));
        }
        let largest = largest_of(spread.values);
        (largest > LARGEST_LOGARITHM).then(|| {
            format!("too large to be a logarithm in {total} values: up to {largest}")
        })
    })
}

/// Logarithms of variances above this one overflow.
const LARGEST_LOGARITHM: f32 = 44.0;

/// Returns true if no value is anything else: a score of a single class may be minus infinity.
fn is_minus_infinity(values: &[f32]) -> bool {
    !values.is_empty() && values.iter().all(|value| *value == f32::NEG_INFINITY)
}

/// Describes NaN and infinity among values; `None` if there is neither. Minus infinity counts only
/// if all values are.
fn bad_values_of(values: &[f32]) -> Option<String> {
    let count = |bad: fn(f32) -> bool| values.iter().filter(|v| bad(**v)).count();
    let (nan, high) = (count(f32::is_nan), count(|v| v == f32::INFINITY));
    let total = values.len();
    match (nan, high) {
        (0, 0) if is_minus_infinity(values) => {
            Some(format!("minus infinity in {total} of {total} values"))
        }
        (0, 0) => None,
        (nan, 0) => Some(format!("NaN in {nan} of {total} values")),
        (0, high) => Some(format!("infinite in {high} of {total} values")),
        (nan, high) => {
            Some(format!("NaN in {nan} and infinite in {high} of {total} values"))
        }
    }
}

/// Fails if the scores of a noise image are NaN or infinite, and nothing in the graph shows
/// their meaning. `noise` makes that image again.
pub(super) fn check_probe(
    plan: &Plan,
    opener: Opener,
    noise: impl Fn() -> Result<Value>,
    scores: &Value,
) -> Result<()> {
    let head = plan.heads().first();
    if head.role.is_some() {
        return Ok(());
    }
    let Some(found) = bad_values_of(&scores.to_f32()?) else { return Ok(()) };
    let mut message = format!("{found} of the pass without dropout on an image of noise");
    let first = first_bad_node(plan, opener, noise()?);
    if let Some(first) = &first {
        message = format!("{message}: {}", first.description);
    }
    let hint = hint(plan, "noise", first.as_ref());
    Err(Error::output(head.output.clone(), message).with_hint(hint))
}

/// Number of tensors that are read in one run.
const TRACED_TOGETHER: usize = 32;

/// Describes the first node that writes NaN or infinity in a pass without dropout. Runs the model
/// several times, so that not all of its tensors are in memory together.
pub(super) fn first_bad_node(
    plan: &Plan,
    opener: Opener,
    image: Value,
) -> Option<BadNode> {
    let image = filled(image, image::rows(plan)).ok()?;
    let mut largest: HashMap<&str, f32> = HashMap::new();
    largest.insert(&plan.image().name, largest_of(&image.to_f32().ok()?));
    let nodes: Vec<&proto::Node> =
        plan.needed_nodes().map(|i| &plan.model().graph.node[i]).collect();
    for nodes in nodes.chunks(TRACED_TOGETHER) {
        let written =
            nodes.iter().flat_map(|node| node.output.iter().map(|o| (*node, o)));
        let written: Vec<(&proto::Node, &String)> =
            written.filter(|(_, output)| !output.is_empty()).collect();
        let ends: Vec<&str> = written.iter().map(|(_, output)| output.as_str()).collect();
        let model = plan.deterministic_to(&ends);
        let mut session =
            opener.deterministic(plan, "model to be traced", &model).ok()?;
        let values = session.run(&[(plan.image().name.as_str(), &image)]).ok()?;
        for ((node, output), value) in written.into_iter().zip(&values) {
            let Ok(values) = value.to_f32() else { continue };
            let finite = largest_of(&values);
            let has_nan = values.iter().any(|value| value.is_nan());
            let is_low = is_minus_infinity(&values);
            if has_nan || is_low || values.contains(&f32::INFINITY) {
                let inputs = node.input.iter();
                let before = inputs.filter_map(|name| largest.get(name.as_str()));
                let before = before.copied().fold(0.0, f32::max);
                let what = match (has_nan, is_low) {
                    (true, _) => "NaN",
                    (false, true) => "minus infinity",
                    (false, false) => "infinity",
                };
                if let Some(name) = bad_constant(plan, node) {
                    let (node, operator) = (node.label(), node.op());
                    let description = format!(
                        "the constant \"{name}\" of node \"{node}\" ({operator}) holds {what}"
                    );
                    return Some(BadNode { description, is_constant: true });
                }
                let description = format!(
                    "node \"{}\" ({}) is the first that writes {what}; its largest finite \
                     value is {finite}, and that of its inputs {before}",
                    node.label(),
                    node.op()
                );
                return Some(BadNode { description, is_constant: false });
            }
            largest.insert(output, finite);
        }
    }
    None
}

/// The first node of a model that writes NaN or infinity.
pub(super) struct BadNode {
    description: String,
    /// A constant of the file already holds NaN or infinity.
    is_constant: bool,
}

/// Returns the name of a constant input of a node that holds NaN or infinity.
fn bad_constant<'a>(plan: &Plan, node: &'a proto::Node) -> Option<&'a str> {
    let model = plan.model();
    let is_bad = |name: &&String| {
        let mut constants = model.graph.initializer.iter();
        let constant = constants.find(|tensor| tensor.name.as_ref() == Some(name));
        let values = constant.and_then(|tensor| tensor_values(model, tensor, usize::MAX));
        values.is_some_and(|values| values.iter().any(|value| !value.is_finite()))
    };
    node.input.iter().find(is_bad).map(String::as_str)
}

/// Returns the largest finite absolute value.
fn largest_of(values: &[f32]) -> f32 {
    let finite = values.iter().map(|value| value.abs()).filter(|value| value.is_finite());
    finite.fold(0.0, f32::max)
}

fn hint(plan: &Plan, image: &str, first: Option<&BadNode>) -> String {
    if first.is_some_and(|first| first.is_constant) {
        return "the weights of the file are damaged: export the model again from a \
                checkpoint without NaN"
            .to_owned();
    }
    let check = "check mean, std and the value range that it was trained with";
    if plan.image().element_type == ElementType::F16 {
        format!("f16 ends at 65504: export the model in f32; and {check}")
    } else {
        format!("the model overflows on {image}: {check}")
    }
}

fn bad_values(scores: &PassOutput) -> Option<String> {
    bad_values_of(scores.values).or_else(|| {
        let n_pixels = (scores.height * scores.width).max(1);
        let impossible = |pixel: usize| {
            let classes = scores.values.iter().skip(pixel).step_by(n_pixels);
            let mut classes = classes.copied();
            scores.n_channels > 1 && classes.all(|v| v == f32::NEG_INFINITY)
        };
        let pixels = (0..n_pixels).filter(|&pixel| impossible(pixel)).count();
        let bad = pixels > 0 && scores.kind == OutputKind::Logits;
        bad.then(|| {
            format!("minus infinity for every class at {pixels} of {n_pixels} pixels")
        })
    })
}
