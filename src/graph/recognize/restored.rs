//! Sites of a converted file, from its metadata.

use super::super::converted::ConvertedDraw;
use super::super::restore::SAID;
use super::super::site::{
    DetectedSite, DrawSource, DropUnit, DropoutValues, Mask, MaskApplication, Site,
    SiteKind, StochasticNode,
};
use super::Scope;
use crate::error::{Error, Result};
use crate::onnx::proto;
use crate::operator;

const HINT: &str =
    "the file was changed after `mcdrop convert` wrote it: convert the model again";

/// Axes that a tensor may have.
const MOST_AXES: i64 = 16;

/// Returns true if a node is a site of a converted file.
pub(in crate::graph) fn is_restored(node: &proto::Node) -> bool {
    node.domain.as_deref() == Some(operator::DOMAIN) && node.attribute(SAID).is_some()
}

/// Returns the site of a restored node.
///
/// # Errors
/// Fails if its metadata is invalid.
pub(super) fn site(scope: &Scope, at: usize, node: &proto::Node) -> Result<DetectedSite> {
    let said = node.attribute(SAID);
    let text = said.and_then(|attribute| attribute.s.clone()).unwrap_or_default();
    let name = node.name.clone().unwrap_or_default();
    let refused = |what: &str| {
        let message = format!("what the converted file says of it cannot be: {what}");
        Error::node(name.clone(), message).with_hint(HINT)
    };
    let said: ConvertedDraw =
        serde_json::from_slice(&text).map_err(|error| refused(&error.to_string()))?;
    let kind = SiteKind::ALL.into_iter().find(|kind| kind.name() == said.kind);
    let kind = kind.ok_or_else(|| refused("its kind"))?;
    let unit = DropUnit::ALL.into_iter().find(|unit| unit.name() == said.unit);
    let unit = unit.ok_or_else(|| refused("its unit"))?;
    if said.ratio.is_some_and(|ratio| !(0.0..1.0).contains(&ratio)) {
        return Err(refused("its ratio is outside [0, 1)"));
    }
    let (draw, values) = draw(&said).map_err(refused)?;
    let is_noise = !matches!(draw, StochasticNode::Dropout(_));
    if !is_noise && said.ratio.is_none() {
        return Err(refused("a dropout without a ratio"));
    }
    let tensor = node.input.first().cloned().unwrap_or_default();
    let source = if is_noise {
        DrawSource::NoiseOfComputedSizes { tensor }
    } else {
        DrawSource::Data { tensor }
    };
    let mut site = Site::new(&said.original, kind, unit, said.tensor);
    site.module = said.module;
    site.ratio = said.ratio;
    site.reason = said.reason;
    let application = MaskApplication {
        path: scope.path.clone(),
        at,
        source,
        output: node.output.first().cloned().unwrap_or_default(),
        values,
        iteration: said.iteration.and(scope.iteration.map(str::to_owned)),
        readers: None,
    };
    Ok(DetectedSite {
        site,
        draw,
        applications: vec![application],
        refused: None,
        is_inserted: false,
    })
}

fn draw(said: &ConvertedDraw) -> Result<(StochasticNode, DropoutValues), &'static str> {
    let off = DropoutValues::of_dropout(0.0);
    let (draw, values, numbers) = match (said.values, said.normal, said.uniform) {
        (Some([scale, shift, dropped]), None, None) => {
            let mask = Mask { axes: said.mask_axes.clone() };
            (
                StochasticNode::Dropout(mask),
                DropoutValues { scale, shift, dropped },
                vec![scale, shift, dropped],
            )
        }
        (None, Some([mean, scale]), None) => {
            (StochasticNode::Normal { mean, scale }, off, vec![mean, scale])
        }
        (None, None, Some([low, high, value])) => (
            StochasticNode::Uniform { low, high, off: value },
            off,
            vec![low, high, value],
        ),
        _ => return Err("values of several kinds, or of none"),
    };
    if numbers.iter().any(|number| !number.is_finite()) {
        return Err("values that are not finite");
    }
    let mut axes = said.mask_axes.iter().flatten();
    if axes.any(|axis| !(-MOST_AXES..0).contains(axis)) {
        return Err("axes of its mask");
    }
    Ok((draw, values))
}

/// Adds a site, or its application to one that is there.
pub(super) fn add(found: &mut Vec<DetectedSite>, mut one: DetectedSite) {
    let same = |other: &&mut DetectedSite| {
        other.site.key == one.site.key && other.draw == one.draw
    };
    match found.iter_mut().find(same) {
        Some(other) => other.applications.append(&mut one.applications),
        None => found.push(one),
    }
}
