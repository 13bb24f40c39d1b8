//! Sites of a converted file, from what the file says of each.

use super::super::converted::ConvertedDraw;
use super::super::restore::SAID;
use super::super::site::{
    Application, Draw, Found, Kind, Mask, Site, Source, Unit, Values,
};
use super::Scope;
use crate::error::{Error, Result};
use crate::onnx::proto;
use crate::operator;

const HINT: &str =
    "the file was changed after `mcdrop convert` wrote it: convert the model again";

/// Axes that a tensor may have.
const MOST_AXES: i64 = 16;

/// Whether a node stands for a site of a converted file.
pub(in crate::graph) fn is_restored(node: &proto::Node) -> bool {
    node.domain.as_deref() == Some(operator::DOMAIN)
        && node.attribute.iter().any(|a| a.name.as_deref() == Some(SAID))
}

/// The site of a restored node.
///
/// # Errors
/// If what is said of it cannot be.
pub(super) fn site(scope: &Scope, at: usize, node: &proto::Node) -> Result<Found> {
    let said = node.attribute.iter().find(|a| a.name.as_deref() == Some(SAID));
    let text = said.and_then(|attribute| attribute.s.clone()).unwrap_or_default();
    let name = node.name.clone().unwrap_or_default();
    let refused = |what: &str| {
        let message = format!("what the converted file says of it cannot be: {what}");
        Error::node(name.clone(), message).with_hint(HINT)
    };
    let said: ConvertedDraw =
        serde_json::from_slice(&text).map_err(|error| refused(&error.to_string()))?;
    let kind = Kind::ALL.into_iter().find(|kind| kind.name() == said.kind);
    let kind = kind.ok_or_else(|| refused("its kind"))?;
    let unit = Unit::ALL.into_iter().find(|unit| unit.name() == said.unit);
    let unit = unit.ok_or_else(|| refused("its unit"))?;
    if said.ratio.is_some_and(|ratio| !(0.0..1.0).contains(&ratio)) {
        return Err(refused("its ratio is outside [0, 1)"));
    }
    let (draw, values) = draw(&said).map_err(refused)?;
    let is_noise = !matches!(draw, Draw::Dropout(_));
    if !is_noise && said.ratio.is_none() {
        return Err(refused("a dropout without a ratio"));
    }
    let source = if is_noise { Source::Sizes } else { Source::Values };
    let mut site = Site::new(&said.original, kind, unit, said.tensor);
    site.module = said.module;
    site.ratio = said.ratio;
    site.reason = said.reason;
    let application = Application {
        steps: scope.steps.clone(),
        at,
        input: source(node.input.first().cloned().unwrap_or_default()),
        output: node.output.first().cloned().unwrap_or_default(),
        values,
        iteration: said.iteration.and(scope.iteration.map(str::to_owned)),
        readers: None,
    };
    Ok(Found {
        site,
        draw,
        applications: vec![application],
        refused: None,
        is_inserted: false,
    })
}

fn draw(said: &ConvertedDraw) -> Result<(Draw, Values), &'static str> {
    let off = Values::of_dropout(0.0);
    let (draw, values, numbers) = match (said.values, said.normal, said.uniform) {
        (Some([scale, shift, dropped]), None, None) => {
            let mask = Mask { axes: said.mask_axes.clone() };
            (
                Draw::Dropout(mask),
                Values { scale, shift, dropped },
                vec![scale, shift, dropped],
            )
        }
        (None, Some([mean, scale]), None) => {
            (Draw::Normal { mean, scale }, off, vec![mean, scale])
        }
        (None, None, Some([low, high, value])) => {
            (Draw::Uniform { low, high, off: value }, off, vec![low, high, value])
        }
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
pub(super) fn add(found: &mut Vec<Found>, mut one: Found) {
    let same =
        |other: &&mut Found| other.site.key == one.site.key && other.draw == one.draw;
    match found.iter_mut().find(same) {
        Some(other) => other.applications.append(&mut one.applications),
        None => found.push(one),
    }
}
