//! Sites of random tensors: a mask if the graph shows that it is one, else noise.

use super::follow::{self, AppliedMask, DrawUses, Tracked, UntrackedUse};
use super::shape::{self, SymbolicShape};
use super::{Scope, module};
use crate::graph::site::{
    DetectedSite, DrawSource, DropUnit, DropoutValues, Mask, MaskApplication, Site,
    SiteKind, StochasticNode, Unsupported,
};
use crate::onnx::{ElementType, proto};
use crate::random::keep_scale;

/// Returns the site of a node that draws random numbers.
pub(super) fn site(scope: &Scope, at: usize, node: &proto::Node) -> DetectedSite {
    let Some(start) = start(scope, node) else { return noise(scope, at, node, None) };
    let output = node.output.first().map(String::as_str).unwrap_or_default();
    let followed = follow::follow(scope, at, output, start);
    if followed.untracked.is_none() && !followed.applied.is_empty() {
        let shape = shape::of_draw(scope, node);
        if let Some(found) = applied(scope, node, &followed, &shape, None) {
            return found;
        }
    }
    noise(scope, at, node, followed.untracked)
}

/// Returns the content of the tensor that the node writes, if constants determine it.
fn start<'a>(scope: &Scope, node: &proto::Node) -> Option<Tracked<'a>> {
    let number = |name: &str, otherwise: f32| node.float(name).unwrap_or(otherwise);
    match node.op() {
        "RandomUniform" | "RandomUniformLike" => {
            let (low, high) = (number("low", 0.0), number("high", 1.0));
            Some(Tracked::Uniform { low: f64::from(low), high: f64::from(high) })
        }
        "Bernoulli" => {
            let probability = scope.fill_value(node.input.first()?)?;
            let probability = f64::from(probability);
            Some(Tracked::Two { yes: 1.0, no: 0.0, probability })
        }
        _ => None,
    }
}

/// Returns the site of a mask that is applied to tensors; `None` if it is not dropout, or if its
/// axes are unknown.
pub(super) fn applied(
    scope: &Scope,
    source: &proto::Node,
    followed: &DrawUses,
    shape: &SymbolicShape,
    ratio: Option<f32>,
) -> Option<DetectedSite> {
    let mut applications = Vec::new();
    let mut common: Option<(f32, Mask)> = None;
    let like = source.input.first();
    for &(tensor, mask) in &followed.applied {
        let AppliedMask { x, node, .. } = mask;
        let (own, values) = values(mask)?;
        let ratio = ratio.unwrap_or(own);
        let axes = shape::axes(scope, shape, x);
        let mask = Mask { axes: axes.clone().unwrap_or_default() };
        match &common {
            None => common = Some((ratio, mask)),
            Some((r, m))
                if r.to_bits() == ratio.to_bits()
                    && m.axes.is_some() == mask.axes.is_some() => {}
            Some(_) => return None,
        }
        let (x, values) = with_earlier_scale(scope, x, values, ratio);
        applications.push(MaskApplication {
            path: scope.path.clone(),
            at: node,
            source: match (axes, like) {
                (Some(_), _) => DrawSource::Data { tensor: x.to_owned() },
                // Along which axes of the data the mask varies shows when it runs.
                (None, Some(like)) if is_plain(values) => {
                    let described = scope.index.described(x);
                    let known =
                        described.map_or(ElementType::F32, |value| value.element_type);
                    let known = known.or(ElementType::F32);
                    DrawSource::MaskProduct {
                        like: like.clone(),
                        data: x.to_owned(),
                        element_type: known,
                    }
                }
                (None, _) => return None,
            },
            output: tensor.to_owned(),
            values: exact(values, ratio),
            iteration: scope.iteration.map(str::to_owned),
            readers: None,
        });
    }
    let (ratio, mask) = common?;
    let last = applications.last()?;
    let node = &scope.graph.node[last.at];
    let unit = unit(&mask);
    let weights = applications.iter().all(|a| match &a.source {
        DrawSource::Data { tensor: data } | DrawSource::MaskProduct { data, .. } => {
            scope.is_constant(data)
        }
        _ => false,
    });
    let kind = match () {
        () if weights => SiteKind::WeightDropout,
        () if last.values.dropped != 0.0 => SiteKind::AlphaDropout,
        () if unit == DropUnit::Row => SiteKind::StochasticDepth,
        () => SiteKind::Dropout,
    };
    let mut site = Site::new(node.label(), kind, unit, scope.full_name(&last.output));
    site.module = module::of(source).or_else(|| module::of(node));
    site.ratio = Some(ratio);
    if ratio == 0.0 {
        site.live = false;
        site.reason = Some("its ratio is 0".to_owned());
    }
    Some(DetectedSite {
        site,
        draw: StochasticNode::Dropout(mask),
        applications,
        refused: None,
        is_inserted: false,
    })
}

/// Returns the ratio and the values of the dropout that a mask makes.
fn values(mask: AppliedMask) -> Option<(f32, DropoutValues)> {
    let AppliedMask { yes, no, probability, .. } = mask;
    let (kept, dropped, ratio) = match (yes.scale == 0.0, no.scale == 0.0) {
        (true, false) => (no, yes, probability as f32),
        (false, true) => (yes, no, ratio_of_keep_probability(probability)),
        _ => return None,
    };
    let values = DropoutValues {
        scale: kept.scale as f32,
        shift: kept.shift as f32,
        dropped: dropped.shift as f32,
    };
    ((0.0..1.0).contains(&ratio)).then_some((ratio, values))
}

/// Returns the ratio that an author would have written for a keep probability in f32: the
/// shortest decimal that gives it.
fn ratio_of_keep_probability(probability: f64) -> f32 {
    let decimals = (1..=7).map(|digits| {
        let unit = 10_f64.powi(digits);
        ((1.0 - probability) * unit).round() / unit
    });
    let same =
        |ratio: &f64| ((1.0 - ratio) as f32).to_bits() == (probability as f32).to_bits();
    decimals.into_iter().find(same).unwrap_or(1.0 - probability) as f32
}

/// Replaces the graph's factor by the exact one of plain dropout, if they agree up to rounding.
fn exact(values: DropoutValues, ratio: f32) -> DropoutValues {
    let scale = keep_scale(ratio);
    let close = (values.scale / scale - 1.0).abs() < 1e-6;
    if close { DropoutValues { scale, ..values } } else { values }
}

/// Includes a division by the keep probability that comes before the mask, as in the stochastic
/// depth of transformers.
fn with_earlier_scale<'a>(
    scope: &Scope<'a>,
    x: &'a str,
    values: DropoutValues,
    ratio: f32,
) -> (&'a str, DropoutValues) {
    let unchanged = (x, values);
    let (Some(node), 1.0) = (scope.index.producer(x), values.scale) else {
        return unchanged;
    };
    let [a, b] = &node.input[..] else { return unchanged };
    let factor = match node.op() {
        "Div" => scope.fill_value(b).map(|c| (a, 1.0 / c)),
        "Mul" => scope
            .fill_value(b)
            .map(|c| (a, c))
            .or_else(|| scope.fill_value(a).map(|c| (b, c))),
        _ => None,
    };
    match factor {
        Some((x, scale))
            if ratio > 0.0 && (scale / keep_scale(ratio) - 1.0).abs() < 1e-3 =>
        {
            (x, DropoutValues { scale, ..values })
        }
        _ => unchanged,
    }
}

fn is_plain(values: DropoutValues) -> bool {
    values.shift == 0.0 && values.dropped == 0.0
}

fn unit(mask: &Mask) -> DropUnit {
    match mask.axes.as_deref() {
        Some([]) => DropUnit::Row,
        Some([_]) => DropUnit::Channel,
        _ => DropUnit::Element,
    }
}

/// Returns the site of random numbers that are not a mask.
fn noise(
    scope: &Scope,
    at: usize,
    node: &proto::Node,
    untracked: Option<UntrackedUse>,
) -> DetectedSite {
    let output = node.output.first().cloned().unwrap_or_default();
    let block = untracked.and_then(|untracked| block(scope, node, untracked));
    let kind = if block.is_some() { SiteKind::DropBlock } else { SiteKind::Noise };
    let mut site =
        Site::new(node.label(), kind, DropUnit::Element, scope.full_name(&output));
    site.module = module::of(node);
    site.ratio = block.flatten();
    let (draw, refused) = stochastic_node(node, kind);
    let application = MaskApplication {
        path: scope.path.clone(),
        at,
        source: source(scope, node),
        output,
        values: DropoutValues::of_dropout(0.0),
        iteration: scope.iteration.map(str::to_owned),
        readers: None,
    };
    DetectedSite {
        site,
        draw,
        applications: vec![application],
        refused,
        is_inserted: false,
    }
}

fn stochastic_node(
    node: &proto::Node,
    kind: SiteKind,
) -> (StochasticNode, Option<Unsupported>) {
    let number = |name: &str, otherwise: f32| node.float(name).unwrap_or(otherwise);
    match node.op() {
        "RandomNormal" | "RandomNormalLike" => {
            let (mean, scale) = (number("mean", 0.0), number("scale", 1.0));
            (StochasticNode::Normal { mean, scale }, None)
        }
        "Multinomial" => {
            let refused = Unsupported::new(
                "it draws class numbers (Multinomial), which cannot be sampled",
                "export the model without the sampling of classes",
            );
            (StochasticNode::Uniform { low: 0.0, high: 1.0, off: 0.5 }, Some(refused))
        }
        _ => {
            let (low, high) = (number("low", 0.0), number("high", 1.0));
            // A number below a small limit is the center of a dropped block. Without randomness
            // there is none.
            let off =
                if kind == SiteKind::DropBlock { high } else { f32::midpoint(low, high) };
            (StochasticNode::Uniform { low, high, off }, None)
        }
    }
}

fn source(scope: &Scope, node: &proto::Node) -> DrawSource {
    let written = node.int("dtype").and_then(|number| i32::try_from(number).ok());
    let written = written.map(ElementType::from_number);
    let input = node.input.first().cloned().unwrap_or_default();
    match node.op() {
        "RandomUniform" | "RandomNormal" => {
            let sizes = node.ints("shape").unwrap_or_default().to_vec();
            let element_type = written.unwrap_or(ElementType::F32);
            DrawSource::NoiseOfSizes { sizes, element_type }
        }
        operator => {
            let described = scope.index.described(&input).map(|value| value.element_type);
            let known = written.or(described).unwrap_or(ElementType::F32);
            let element_type = known.or(ElementType::F32);
            if operator == "Bernoulli" {
                DrawSource::Bernoulli { probabilities: input, element_type }
            } else {
                DrawSource::NoiseLike { tensor: input, element_type }
            }
        }
    }
}

/// Returns `Some` if the draw grows into blocks (`MaxPool`) before any layer, with the fraction of
/// block centers if that is constant.
#[expect(
    clippy::option_option,
    reason = "no blocks, blocks, blocks with a known fraction"
)]
fn block(
    scope: &Scope,
    node: &proto::Node,
    untracked: UntrackedUse,
) -> Option<Option<f32>> {
    let UntrackedUse::Node = untracked else { return None };
    let mut open: Vec<&str> = node.output.iter().map(String::as_str).collect();
    let mut share = None;
    for _ in 0..24 {
        let tensor = open.pop()?;
        for (_, reader) in scope.readers(tensor) {
            match reader.op() {
                "MaxPool" => return Some(share),
                "Less" => {
                    let limit = reader.input.get(1).and_then(|c| scope.fill_value(c));
                    share = share.or(limit);
                }
                "Conv" | "Gemm" | "MatMul" | "ConvTranspose" => continue,
                _ => {}
            }
            open.extend(reader.output.iter().map(String::as_str));
        }
    }
    None
}
